//! The layout of the source: which room may import which, and what every file starts with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use support::ROOT;

/// The heading of the table in ARCHITECTURE.md that says which room may import which.
const TABLE: &str = "| room | may import |";

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The table of ARCHITECTURE.md: each room with the rooms that it may import.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(format!("{ROOT}/ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = page.split_once(TABLE).expect("the table of rooms").1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let row = |row: &str| {
        let cells: Vec<&str> = row.split('|').collect();
        let room = names(cells[1]).pop_first().expect("a room");
        (room, names(cells[2]))
    };
    rows.map(row).collect()
}

/// The rooms that a file names by `crate::`, without comments and imports for documentation only.
fn imported(source: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(doc)]" {
            lines.next();
            continue;
        }
        let code = line.split("//").next().unwrap_or_default();
        for (at, path) in code.match_indices("crate::") {
            // `$crate::` of a macro is where the macro is expanded; tests see it there.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            if code[..at].ends_with(|c| is_word(c) || c == '$') {
                continue;
            }
            let name: String =
                code[at + path.len()..].chars().take_while(|c| is_word(*c)).collect();
            // Capitals are the public names, which tests and examples use.
            if name.starts_with(char::is_lowercase) {
                rooms.insert(name);
            }
        }
    }
    rooms
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let allowed = allowed();
    let source = PathBuf::from(ROOT).join("src");
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let below = file.strip_prefix(&source).expect("a source");
        let first = below.components().next().expect("a name").as_os_str().to_string_lossy();
        let room = first.trim_end_matches(".rs").to_owned();
        if room == "lib" {
            continue;
        }
        let may = allowed.get(&room).unwrap_or_else(|| panic!("no row for the room {room}"));
        for other in imported(&fs::read_to_string(&file).expect("a source")) {
            if other != room && !may.contains(&other) {
                wrong.push(format!("{} imports {other}", below.display()));
            }
        }
        seen.insert(room);
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
    let rooms: BTreeSet<String> = allowed.into_keys().collect();
    assert_eq!(rooms, seen, "the table has other rooms than the sources");
}

#[test]
fn the_table_has_no_circle() {
    let mut left = allowed();
    while !left.is_empty() {
        let leaf = left.iter().find(|(_, may)| may.iter().all(|other| !left.contains_key(other)));
        let leaf = leaf.unwrap_or_else(|| panic!("a circle among {:?}", left.keys())).0.clone();
        left.remove(&leaf);
    }
}

#[test]
fn every_file_says_what_it_is() {
    let directories = ["src", "acctl/src", "acctl/tests", "devgrid/src", "devgrid/tests"];
    let more = ["benches", "examples", "tests/integration", "tests/languages", "tests/support"];
    let files = directories.iter().chain(&more).map(|name| PathBuf::from(ROOT).join(name));
    let silent: Vec<PathBuf> = files
        .flat_map(|directory| rust_files(&directory))
        .filter(|file| !fs::read_to_string(file).expect("a source").starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "without a line that says what the file is: {silent:#?}");
}
