//! Man pages of acctl and of each of its commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::prefix::have;

use crate::program::acctl;
use crate::recent::State;
use crate::runs::{commands, help};

#[test]
fn every_command_has_a_page_with_all_its_options() {
    let folder = State::new("man");
    let ran = acctl("redis://127.0.0.1:1", &["man", folder.path()]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let files: BTreeSet<String> = fs::read_dir(folder.path())
        .expect("pages")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    let mut expected = BTreeSet::from(["acctl-help.1".to_owned()]);
    let mut seen = 0;
    for command in commands() {
        let file = [&["acctl".to_owned()], &command[..]].concat().join("-") + ".1";
        let page = fs::read_to_string(Path::new(folder.path()).join(&file)).expect("a page");
        let page = page.replace('\\', "");
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let all = help(&words, "--help");
        let own = all.iter().take_while(|line| *line != "Connection:");
        // Options are indented less than descriptions and more than other text, which may start with an option too.
        let is_row = |line: &&String| {
            let row = line.trim_start();
            row.starts_with('-') && (2..10).contains(&(line.len() - row.len()))
        };
        let rows = own.filter(is_row);
        let options = rows.filter_map(|row| row.split_whitespace().find(|it| it.starts_with("--")));
        for option in options {
            let is_common = ["--json", "--color", "--raw", "--help"].contains(&option);
            let is_there = page.contains(&format!("fB{option}fR"));
            assert!(is_there || is_common && !words.is_empty(), "{file}: {option}");
            seen += 1;
        }
        assert!(page.contains("EXAMPLES") && page.contains("SEE ALSO"), "{file}");
        expected.insert(file);
    }
    assert!(seen > 100, "only {seen} options");
    let first = fs::read_to_string(Path::new(folder.path()).join("acctl.1")).expect("a page");
    for text in ["Redis user", "identifies a submitted command", "130  ended by SIGINT"] {
        assert!(first.contains(text), "{text}");
    }
    assert_eq!(files, expected);
    // Every reference resolves.
    for file in &files {
        let page = fs::read_to_string(Path::new(folder.path()).join(file)).expect("a page");
        let page = page.replace('\\', "");
        for word in page.split([' ', '\n', ',']).filter(|word| word.starts_with("acctl")) {
            let Some(other) = word.strip_suffix("(1)") else { continue };
            assert!(files.contains(&format!("{other}.1")), "{file}: {other}");
        }
    }
}

#[test]
fn pages_pass_mandoc_lint() {
    if !have(&["mandoc"]) {
        return;
    }
    let folder = State::new("mandoc");
    assert_eq!(acctl("redis://127.0.0.1:1", &["man", folder.path()]).status, 0);
    let pages =
        fs::read_dir(folder.path()).expect("pages").map(|file| file.expect("a file").path());
    let mut mandoc = Command::new("mandoc");
    let found = mandoc.args(["-T", "lint", "-W", "warning"]).args(pages).output().expect("mandoc");
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found, "");
}

#[test]
fn error_names_a_directory_that_cannot_be_created() {
    let ran = acctl("redis://127.0.0.1:1", &["man", "/dev/null/man1"]);
    assert!(ran.status == 7 && ran.stderr.contains("/dev/null/man1"), "{ran:?}");
}
