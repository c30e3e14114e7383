//! Reads exchanges recorded from the original daemons and the original client (tests/golden).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acclient::{Client, RunArgs, Target};
use serde_json::Value;

/// Returns the lines of every golden file, by file name.
pub fn golden() -> BTreeMap<String, Vec<Value>> {
    let directory = Path::new(crate::ROOT).join("tests/golden");
    let entries = std::fs::read_dir(directory).expect("tests/golden");
    let mut files = BTreeMap::new();
    for path in entries.map(|entry| entry.expect("a directory entry").path()) {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(&path).expect("a golden file");
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let lines = lines.map(|line| serde_json::from_str(line).expect("a line of JSON"));
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            files.insert(name, lines.collect());
        }
    }
    assert!(files.len() > 70, "only {} golden files", files.len());
    files
}

/// Returns the files that a test skips. Each must exist and have a reason.
pub fn exceptions(test: &str) -> BTreeSet<String> {
    let known = golden();
    let list = include_str!("../../golden-exceptions.txt");
    let mut found = BTreeSet::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (file, which) = (words.next().expect("a file"), words.next().expect("a test"));
        assert!(words.next().is_some(), "no reason: {line}");
        assert!(known.contains_key(file), "no such golden file: {file}");
        if which == test {
            found.insert(file.to_owned());
        }
    }
    found
}

/// Returns the commands that the original client pushed in a file.
pub fn pushes(lines: &[Value]) -> Vec<Value> {
    let by_client = lines.iter().filter(|line| line["from"] == "client");
    let pushed = by_client.filter(|line| line["args"][0] == "RPUSH");
    pushed.map(|line| serde_json::from_str(text(&line["args"][2])).expect("a command")).collect()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// Builds a recorded push with the API of this library.
pub fn again(client: &Client, push: &Value) -> acclient::Request {
    let number =
        |field: &str| push[field].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
    let mut args: RunArgs = serde_json::from_value(push["args"].clone()).expect("run arguments");
    if push["args"].get("loglevels").is_none() {
        args = args.loglevels(""); // one recording leaves them out
    }
    let target: Target = match push["roles"].as_array() {
        None => Target::agent((number("gid"), number("nid"))),
        Some(roles) => {
            assert_eq!(number("nid"), 0);
            let fanout = push["fanout"].as_bool().expect("a boolean");
            let target = if fanout { Target::all() } else { Target::any() };
            let target = roles.iter().fold(target, |target, role| target.role(text(role)));
            match number("gid") {
                0 => target.into(),
                gid => target.grid(gid).into(),
            }
        }
    };
    let command = client.cmd(target, text(&push["cmd"]));
    let command = command.run_args(args).data(text(&push["data"]));
    match push["tags"].as_str() {
        Some(tags) => command.tags(tags),
        None => command,
    }
}
