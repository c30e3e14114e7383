//! The published crates: their metadata and content, and programs that depend on them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use support::ROOT;
use support::library::cargo;
use support::prefix::{Prefix, succeed};

const PUBLISHED: [&str; 3] = ["acclient", "acclient-devgrid", "acctl"];

fn packages() -> Vec<Value> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata: Value = serde_json::from_slice(&succeed(&mut metadata).stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn published_crates_have_complete_metadata() {
    let is_published = |package: &&Value| package["publish"].is_null();
    let packages = packages();
    let published: Vec<&Value> = packages.iter().filter(is_published).collect();
    let names: BTreeSet<&str> = published.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(PUBLISHED));
    for package in published {
        for field in
            ["description", "documentation", "license", "readme", "repository", "rust_version"]
        {
            assert!(package[field].is_string(), "{} has no {field}", package["name"]);
        }
        for (field, most) in [("categories", 5), ("keywords", 5)] {
            let count = package[field].as_array().unwrap().len();
            assert!((1..=most).contains(&count), "{} has {count} {field}", package["name"]);
        }
        // cargo strips dev-dependencies without a version, which therefore need not be published.
        let versioned = package["dependencies"].as_array().unwrap().iter().filter(|dependency| {
            dependency["kind"] == "dev"
                && dependency["path"].is_string()
                && dependency["req"] != "*"
        });
        assert_eq!(versioned.count(), 0, "{}", package["name"]);
    }
}

#[test]
fn published_crates_contain_exactly_the_files_they_need() {
    for (package, needed) in [
        ("acclient", &["build.rs", "include/acclient.h", "include/acclient.hpp", "src/lib.rs"][..]),
        ("acctl", &["completions/acctl.bash", "completions/acctl.fish", "src/main.rs"]),
        ("acclient-devgrid", &["src/lib.rs", "src/main.rs", "src/runner.py"]),
    ] {
        let mut list = cargo();
        list.args(["package", "--list", "--allow-dirty", "--offline", "--package", package]);
        let files = String::from_utf8(succeed(&mut list).stdout).unwrap();
        let files: BTreeSet<&str> = files.lines().collect();
        for file in needed.iter().chain(&["LICENSE-APACHE", "LICENSE-MIT", "README.md"]) {
            assert!(files.contains(file), "{package} does not contain {file}");
        }
        let roots = [
            ".cargo_vcs_info.json",
            "CHANGELOG.md",
            "Cargo.lock",
            "Cargo.toml",
            "Cargo.toml.orig",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "build.rs",
            "completions",
            "examples",
            "include",
            "src",
        ];
        let is_known = |file: &&str| roots.contains(&file.split('/').next().unwrap_or_default());
        let more: Vec<_> = files.iter().filter(|file| !is_known(file)).collect();
        assert!(more.is_empty(), "{package} contains unexpected files: {more:?}");
    }
}

/// Writes a program that depends on the library without its default features.
fn write_program_without_features(directory: &Path, main: &str) {
    let manifest = format!(
        "[package]\nname = \"without-features\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nacclient = {{ path = \"{ROOT}\", default-features = false }}\n\n\
         [profile.dev]\ndebug = false\n"
    );
    std::fs::create_dir(directory.join("src")).unwrap();
    std::fs::write(directory.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(directory.join("src/main.rs"), main).unwrap();
    std::fs::copy(format!("{ROOT}/Cargo.lock"), directory.join("Cargo.lock")).unwrap();
}

#[test]
fn programs_without_tls_build_no_c_code_and_reject_tls_with_a_reason() {
    let prefix = Prefix::new("without-features");
    let main = "use acclient::{Client, ErrorKind};\n\nfn main() {\n    \
                let refused = |result: acclient::Result<Client>| {\n        \
                let error = result.unwrap_err();\n        \
                assert!(error.kind() == ErrorKind::Unsupported && !error.is_retriable());\n        \
                println!(\"{error}\");\n    };\n    \
                refused(Client::connect(\"rediss://localhost\"));\n    \
                refused(Client::connect(\"rediss+sentinel://localhost/main\"));\n    \
                refused(Client::builder().tls_ca_file(\"ca.pem\").build());\n    \
                assert!(Client::builder().build().is_ok());\n}\n";
    write_program_without_features(&prefix.0, main);
    let cargo = |arguments: &[&str]| {
        let mut command = cargo();
        command.args(arguments).args(["--quiet", "--offline"]).current_dir(&prefix.0);
        String::from_utf8(succeed(&mut command).stdout).unwrap()
    };
    let printed = cargo(&["run"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines,
        ["TLS is not available: acclient was built without TLS (Cargo feature `tls`)"; 3]
    );
    let tree = cargo(&["tree", "--edges=normal,build", "--prefix=none"]);
    for heavy in ["cc ", "ring ", "rustls"] {
        assert!(!tree.lines().any(|line| line.starts_with(heavy)), "{tree}");
    }
}
