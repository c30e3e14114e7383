//! docs/api.md lists exactly the public names of every language; docs/python.md names only these.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::ROOT;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the contents of the files below a directory with one of these extensions.
fn sources(directory: &str, endings: &[&str]) -> String {
    let mut found = String::new();
    let mut directories = vec![Path::new(ROOT).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if path.is_dir() {
                directories.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending))
                && !name.ends_with("_test.go")
            {
                found += &fs::read_to_string(path).expect("a source");
            }
        }
    }
    found
}

/// Columns of the tables of both pages.
const RUST: usize = 1;
const C: usize = 2;
const CPP: usize = 3;
const GO: usize = 4;
const ACCTL: usize = 5;

/// Returns the names in one column of all tables of docs/api.md.
fn listed(column: usize) -> Names {
    listed_on("docs/api.md", column)
}

fn listed_on(page: &str, column: usize) -> Names {
    let page = read(page);
    let is_row = |line: &&str| {
        line.starts_with("| ") && !["| idea", "| Python"].iter().any(|head| line.starts_with(head))
    };
    let rows = page.lines().filter(is_row);
    let cells = rows.map(|row| row.split(" | ").nth(column).expect("six columns").to_owned());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn word(text: &str) -> &str {
    text.split(|letter| !is_word(letter)).next().unwrap_or_default()
}

#[track_caller]
fn same(what: &str, listed: &Names, found: &Names) {
    let missing: Vec<_> = found.difference(listed).collect();
    assert!(missing.is_empty(), "docs/api.md does not list these names of {what}: {missing:?}");
    let unknown: Vec<_> = listed.difference(found).collect();
    assert!(unknown.is_empty(), "docs/api.md lists what {what} does not have: {unknown:?}");
}

#[test]
fn every_function_of_c_is_listed() {
    let header = read("include/acclient.h");
    let functions =
        header.lines().filter(|line| !line.starts_with([' ', '/', '#'])).filter_map(|line| {
            let (name, _) = line.split_once('(')?;
            name.rsplit([' ', '*']).next()?.strip_prefix("acclient_").map(str::to_owned)
        });
    same("C", &listed(C), &functions.collect());
}

/// Callers of C count parameters by hand, and read from `const` what a call changes.
#[test]
fn functions_of_c_have_few_parameters_and_setters_change_their_handle() {
    let header = read("include/acclient.h");
    let functions = header.split(");\n").filter_map(|text| {
        let text = text.rsplit("*/\n").next()?;
        let (name, parameters) = text.split_once('(')?;
        let name = name.rsplit([' ', '*']).next()?;
        name.starts_with("acclient_").then_some((name, parameters))
    });
    let mut seen = 0;
    for (name, parameters) in functions {
        seen += 1;
        assert!(parameters.split(',').count() <= 8, "{name} has too many parameters");
        if name.contains("_set_") && !name.contains("log_hook") || name.contains("_add_") {
            assert!(!parameters.trim_start().starts_with("const"), "{name} changes its handle");
        }
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_item_of_rust_is_listed() {
    let exports = read("src/lib.rs");
    let exports = exports.split("pub use ").skip(1).flat_map(|text| {
        let text = text.split(';').next().unwrap_or_default();
        text.split(|letter| !is_word(letter)).filter(|name| name.starts_with(char::is_uppercase))
    });
    let types: Names = exports.map(str::to_owned).collect();
    let mut found: Names = types.clone();
    found.insert("VERSION".to_owned());
    for room in ["client", "command", "engine", "job", "node", "protocol"] {
        let mut current = String::new();
        for line in sources(&format!("src/{room}"), &[".rs"]).lines() {
            if let Some(rest) = line.strip_prefix("impl") {
                let rest = rest.split(" for ").last().unwrap_or_default();
                let rest = if rest.starts_with('<') {
                    rest.split_once("> ").map_or("", |it| it.1)
                } else {
                    rest
                };
                current = word(rest.trim_start()).to_owned();
            }
            let function =
                line.strip_prefix("    pub ").map(|rest| rest.trim_start_matches("const "));
            if let Some(name) = function.and_then(|rest| rest.strip_prefix("fn ")) {
                found.insert(format!("{current}::{}", word(name)));
            }
        }
    }
    found.retain(|name| {
        name.split("::").next().is_some_and(|owner| types.contains(owner)) || name == "VERSION"
    });
    let of_errors = read("src/error.rs");
    let methods = of_errors.lines().filter_map(|line| line.strip_prefix("    pub fn "));
    found.extend(methods.map(|name| format!("Error::{}", word(name))));
    same("Rust", &listed(RUST), &found);
}

#[test]
fn every_export_of_go_is_listed() {
    let text = sources("go", &[".go"]);
    let listed = listed(GO);
    let mut found = Names::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("type ").map(word) {
            found.insert(name.to_owned());
        }
        let Some(rest) = line.strip_prefix("func ") else { continue };
        let (owner, rest) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
            Some((receiver, rest)) => {
                let name = receiver.rsplit([' ', '*']).next().unwrap_or_default();
                (format!("{}.", word(name)), rest)
            }
            None => (String::new(), rest),
        };
        if rest.starts_with(char::is_uppercase) && !owner.starts_with(char::is_lowercase) {
            found.insert(format!("{owner}{}", word(rest)));
        }
    }
    found.retain(|name| name.starts_with(char::is_uppercase) && name != "AgentInfo.UnmarshalJSON");
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/api.md does not list these names of Go: {missing:?}");
    // Anything other than a function or a type is a field or a constant.
    let words: BTreeSet<&str> = text.split(|letter| !is_word(letter)).collect();
    let unknown: Vec<_> = listed
        .difference(&found)
        .filter(|name| {
            *name != "context.Context" && !name.split('.').all(|part| words.contains(part))
        })
        .collect();
    assert!(unknown.is_empty(), "docs/api.md lists what Go does not have: {unknown:?}");
}

#[test]
fn every_name_of_cpp_and_of_acctl_exists() {
    let text = sources("include", &[".hpp"]);
    let words: BTreeSet<&str> = text.split(|letter| !is_word(letter)).collect();
    let unknown: Vec<String> = listed(CPP)
        .into_iter()
        .filter(|name| !name.split("::").all(|part| part == "std" || words.contains(part)))
        .collect();
    assert!(unknown.is_empty(), "docs/api.md lists what C++ does not have: {unknown:?}");

    let text = sources("acctl/src", &[".rs"]);
    let commands = read("acctl/src/main.rs");
    for name in listed(ACCTL) {
        for part in name.split(' ') {
            let exists = if let Some(option) = part.strip_prefix("--") {
                let field = option.replace('-', "_");
                option == "version"
                    || text.contains(&format!("    {field}: "))
                    || text.contains(&format!("pub {field}: "))
            } else if part.starts_with('-') || part.contains([':', '=', '@']) {
                true
            } else {
                let mut variant = part.to_owned();
                variant[..1].make_ascii_uppercase();
                ["all", "any"].contains(&part)
                    || commands.contains(&format!("    {variant}("))
                    || text.contains(&format!("    {variant},"))
            };
            assert!(exists, "docs/api.md lists {name:?}, which acctl does not have");
        }
    }
}

#[test]
fn the_page_for_users_of_the_python_client_names_what_exists() {
    for column in RUST..=ACCTL {
        let (names, known) = (listed_on("docs/python.md", column), listed(column));
        assert!(names.len() > 20, "column {column}: {names:?}");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "docs/python.md names what docs/api.md does not: {unknown:?}");
    }
}
