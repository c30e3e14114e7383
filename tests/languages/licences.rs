//! Licences of the crates that are linked into the libraries and acctl: generated and compared byte for byte.
//! ACCLIENT_WRITE_LICENCES=1 writes them.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::ROOT;
use support::library::cargo;
use support::prefix::succeed;

const HEADING: &str = "\
libacclient and acctl contain code of the crates below, and of the Rust standard library
(https://www.rust-lang.org), which is under MIT or Apache-2.0, at your choice, copyright the Rust Project
contributors. Where a crate offers a choice with MIT in it, MIT is chosen, and its text is here.
";

/// Packages that are part of acclient or acctl: transitive dependencies, except those of tests and builds.
fn linked(metadata: &Value) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
    let of = |id: &str| nodes.iter().find(|node| node["id"] == id).expect("a package of the graph");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let ours = packages.filter(|package| {
        package["source"].is_null() && (package["name"] == "acclient" || package["name"] == "acctl")
    });
    let mut left: Vec<String> =
        ours.filter_map(|package| package["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(left.len(), 2, "acclient and acctl");
    let mut found = BTreeSet::new();
    while let Some(id) = left.pop() {
        for dependency in of(&id)["deps"].as_array().expect("dependencies") {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            let id = dependency["pkg"].as_str().expect("an id").to_owned();
            if kinds.iter().any(|kind| kind["kind"].is_null()) && !found.contains(&id) {
                left.push(id.clone());
                found.insert(id);
            }
        }
    }
    found.retain(|id| !id.starts_with("path+"));
    found
}

/// The licence texts that must be distributed with a package.
fn texts(directory: &Path, expression: &str) -> Vec<String> {
    let names =
        fs::read_dir(directory).expect("its source").map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    let starts = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
    names.retain(|name| starts.iter().any(|start| name.to_uppercase().starts_with(start)));
    let is_choice = expression.contains(" OR ") || expression.contains('/');
    let has_mit = names.iter().any(|name| name.to_uppercase().contains("MIT"));
    if is_choice && expression.contains("MIT") && has_mit {
        names.retain(|name| name.to_uppercase().contains("MIT"));
    }
    names.sort();
    let files = names.iter().map(|name| directory.join(name)).filter(|path| path.is_file());
    files.map(|path| fs::read_to_string(path).expect("a licence").replace("\r\n", "\n")).collect()
}

fn generate() -> String {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--offline", "--features", "capi"]);
    let output = succeed(command.args(["--filter-platform", "x86_64-unknown-linux-gnu"]));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let linked = linked(&metadata);
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let mut by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut list = BTreeSet::new();
    for package in packages.filter(|package| linked.contains(package["id"].as_str().unwrap())) {
        let name = package["name"].as_str().expect("a name");
        let expression = package["license"].as_str().unwrap_or("see its text");
        list.insert(format!("  {name} ({expression})"));
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let texts = texts(manifest.parent().expect("a directory"), expression);
        for text in texts {
            by_text.entry(text.trim().to_owned()).or_default().insert(name.to_owned());
        }
    }
    let mut page = HEADING.to_owned() + "\n";
    list.iter().for_each(|line| page += &format!("{line}\n"));
    let mut sections: Vec<_> = by_text.into_iter().map(|(text, names)| (names, text)).collect();
    sections.sort();
    for (names, text) in sections {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let _ = write!(page, "\n{}\n{names}\n\n{text}\n", "-".repeat(80));
    }
    page
}

#[test]
fn third_party_licences_match_the_linked_crates() {
    let (generated, path) = (generate(), format!("{ROOT}/packaging/THIRD-PARTY-LICENSES"));
    if std::env::var_os("ACCLIENT_WRITE_LICENCES").is_some() {
        fs::write(&path, &generated).expect("the file can be written");
    }
    let committed = fs::read_to_string(&path).expect("the file");
    assert!(
        committed == generated,
        "packaging/THIRD-PARTY-LICENSES differs from the crates: run ACCLIENT_WRITE_LICENCES=1 cargo test \
         --features capi --test languages licences:: and commit it"
    );
}
