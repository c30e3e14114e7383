//! The version rule of docs/abi.md, tested with libraries of later versions: their SONAME, the result of
//! `acclient_check_version`, and the packages that `find_package` accepts.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::ROOT;
use support::library::library_dir;
use support::prefix::{Prefix, have, succeed};

/// A program that uses the functions of src/ffi/version.rs, which libraries of other versions have too.
pub const PROGRAM: &str = "#include <acclient.h>\nint main(void) {\n    return acclient_check_version(\
    ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH);\n}\n";

/// Exit status of a program with an incompatible library.
const UNSUPPORTED: i32 = 11;
/// Exit status of a program for which the loader finds no library.
const NO_LIBRARY: i32 = 127;

/// Compiles `src/ffi/version.rs` alone, as of `version`.
pub fn compile(at: &Path, version: &str, crate_type: &str, to: &Path, arguments: &[String]) {
    let mut text = fs::read_to_string(format!("{ROOT}/src/ffi/version.rs")).unwrap();
    for (name, number) in ["MAJOR", "MINOR", "PATCH"].iter().zip(version.split('.')) {
        let start = format!("pub const ACCLIENT_VERSION_{name}: u32 = ");
        let at = text.find(&start).expect("the version") + start.len();
        let end = at + text[at..].find(';').expect("its end");
        text.replace_range(at..end, number);
    }
    let root = "#![allow(non_camel_case_types)]\npub mod status {\n    pub type acclient_status = i32;\n    \
                pub const ACCLIENT_OK: i32 = 0;\n    pub const ACCLIENT_UNSUPPORTED: i32 = 11;\n}\n\
                pub mod version;\n";
    fs::write(at.join("lib.rs"), root).unwrap();
    fs::write(at.join("version.rs"), text).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", crate_type, "-o"]).arg(to).args(arguments);
    succeed(rustc.arg(at.join("lib.rs")).env("CARGO_PKG_VERSION", version));
}

/// The source tree of another version, for install.sh.
fn tree(at: &Path, version: &str) -> PathBuf {
    let tree = at.join(format!("tree {version}"));
    fs::create_dir(&tree).unwrap();
    let names = fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().file_name());
    for name in names.filter(|name| name != "Cargo.toml" && name != "target") {
        symlink(Path::new(ROOT).join(&name), tree.join(&name)).unwrap();
    }
    let manifest = fs::read_to_string(format!("{ROOT}/Cargo.toml")).unwrap();
    let ours = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest.matches(&ours).count(), 1);
    let theirs = format!("\nversion = \"{version}\"\n");
    fs::write(tree.join("Cargo.toml"), manifest.replace(&ours, &theirs)).unwrap();
    tree
}

/// Installs a library of another version, which has only the version functions, and returns the prefix.
fn install(at: &Path, version: &str, so_version: &str) -> PathBuf {
    let tree = tree(at, version);
    let (built, prefix) = (tree.join("built"), tree.join("usr"));
    fs::create_dir(&built).unwrap();
    let soname = format!("-Clink-arg=-Wl,-soname,libacclient.so.{so_version}");
    compile(&built, version, "cdylib", &built.join("libacclient.so"), &[soname]);
    fs::write(built.join("libacclient.a"), "").unwrap();
    let mut script = Command::new(tree.join("scripts/install.sh"));
    script.arg("library").arg(&built).env("PREFIX", &prefix);
    for variable in ["LIBDIR", "INCLUDEDIR", "DOCDIR", "DESTDIR"] {
        script.env_remove(variable);
    }
    succeed(&mut script);
    let installed = prefix.join(format!("lib/libacclient.so.{version}"));
    let link = fs::canonicalize(prefix.join(format!("lib/libacclient.so.{so_version}")));
    assert_eq!(link.ok(), fs::canonicalize(installed).ok(), "the link of the SONAME of {version}");
    prefix
}

/// Returns the status of a program that was compiled with the header of this version.
fn status(program: &Path, lib: &Path) -> i32 {
    let output = Command::new(program).env("LD_LIBRARY_PATH", lib).output().unwrap();
    output.status.code().expect("it ends by itself")
}

#[test]
fn later_libraries_run_only_programs_of_their_abi() {
    if !have(&["cc", "cmake"]) {
        return;
    }
    let directory = Prefix::new("later");
    let (source, program) = (directory.0.join("program.c"), directory.0.join("program"));
    fs::write(&source, PROGRAM).unwrap();
    let mut cc = Command::new("cc");
    cc.arg(&source).arg("-o").arg(&program).arg(format!("-I{ROOT}/include"));
    succeed(cc.arg(library_dir().join("libacclient.so")));
    assert_eq!(status(&program, library_dir()), 0, "this version");

    let mut packages = Vec::new();
    for (version, so_version, serves) in [
        ("0.1.7", "0.1", true),
        ("0.2.0", "0.2", false),
        ("0.10.0", "0.10", false),
        ("1.4.0", "1", false),
    ] {
        let lib = install(&directory.0, version, so_version).join("lib");
        if serves {
            assert_eq!(status(&program, &lib), 0, "{version}");
        } else {
            assert_eq!(status(&program, &lib), NO_LIBRARY, "{version}");
            // The check also fails if the loader is given the wrong library.
            symlink(format!("libacclient.so.{version}"), lib.join("libacclient.so.0.1")).unwrap();
            assert_eq!(status(&program, &lib), UNSUPPORTED, "{version}");
        }
        packages.push((version, lib.join("cmake/acclient/acclient-config-version.cmake")));
    }
    let found =
        found_by_cmake(&directory.0, &packages, &["0", "0.1", "0.1.0", "0.1.8", "0.2", "1.2"]);
    let expected = [
        ("0.1.7", vec!["0", "0.1", "0.1.0"]),
        ("0.2.0", vec!["0", "0.2"]),
        ("0.10.0", vec!["0"]),
        ("1.4.0", vec!["1.2"]),
    ];
    let expected = expected.map(|(version, requests)| (version.to_owned(), requests.join(" ")));
    assert_eq!(found, expected);
}

/// The requested versions that CMake finds in each of the installed packages.
fn found_by_cmake(
    at: &Path,
    packages: &[(&str, PathBuf)],
    requests: &[&str],
) -> Vec<(String, String)> {
    let mut script = "cmake_minimum_required(VERSION 3.16)\n".to_owned();
    for (version, file) in packages {
        for request in requests {
            // As CMake sets them: omitted parts are 0.
            let parts: Vec<&str> = request.split('.').collect();
            let part = |index: usize| parts.get(index).unwrap_or(&"0");
            let _ = writeln!(
                script,
                "set(PACKAGE_FIND_VERSION {request})\nset(PACKAGE_FIND_VERSION_COUNT {})\n\
                 set(PACKAGE_FIND_VERSION_MAJOR {})\nset(PACKAGE_FIND_VERSION_MINOR {})\n\
                 set(PACKAGE_VERSION_COMPATIBLE FALSE)\ninclude(\"{}\")\n\
                 if(NOT PACKAGE_VERSION STREQUAL {version})\n  message(FATAL_ERROR ${{PACKAGE_VERSION}})\nendif()\n\
                 if(PACKAGE_VERSION_COMPATIBLE)\n  message(\"{version} {request}\")\nendif()",
                parts.len(),
                part(0),
                part(1),
                file.display()
            );
        }
    }
    let path = at.join("requests.cmake");
    fs::write(&path, script).unwrap();
    let output = succeed(Command::new("cmake").arg("-P").arg(&path));
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = |version: &str| {
        let lines = printed.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(one, _)| *one == version).map(|(_, request)| request).collect::<Vec<_>>()
    };
    packages.iter().map(|(version, _)| ((*version).to_owned(), found(version).join(" "))).collect()
}
