//! The shipped libraries: they export only the C ABI, with versions, and link together with another static
//! library in Rust.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use support::ROOT;
use support::library::library_dir;
use support::prefix::{Prefix, have, succeed};
use support::programs::declared;

/// A Rust library whose runtime unwinds.
const OTHER: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn other(n: i32) -> i32 {\n    \
    std::panic::catch_unwind(|| if n > 0 { panic!() } else { n }).unwrap_or(7)\n}\n";

const PROGRAM: &str = "#include <acclient.h>\nint other(int n);\nint main(void) {\n    \
    acclient_client *client = NULL;\n    \
    acclient_status status = acclient_client_connect(\"redis://127.0.0.1:1\", 5000, NULL, &client, NULL);\n    \
    return !(status == ACCLIENT_CONNECT && other(0) == 0 && other(1) == 7);\n}\n";

/// Defined symbols visible to other files, as `nm` prints them.
fn symbols(arguments: &[&str], file: &Path) -> BTreeSet<String> {
    let output = succeed(Command::new("nm").args(arguments).arg(file));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = printed.lines().filter(|line| !line.ends_with(':'));
    lines.filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
}

#[test]
fn shipped_libraries_export_only_the_c_abi() {
    if !have(&["cc", "ld", "nm", "objcopy"]) {
        return;
    }
    let directory = Prefix::new("relink");
    for library in ["libacclient.so", "libacclient.a"] {
        fs::copy(library_dir().join(library), directory.0.join(library)).unwrap();
    }
    let mut relink = Command::new(format!("{ROOT}/scripts/relink.sh"));
    let output = succeed(relink.arg(&directory.0));
    if String::from_utf8_lossy(&output.stderr).contains("without GNU binutils") {
        return;
    }
    let (shared, archive) = (directory.0.join("libacclient.so"), directory.0.join("libacclient.a"));
    assert_eq!(symbols(&["-g", "--defined-only"], &archive), declared());
    let versioned = declared().iter().map(|name| format!("{name}@@ACCLIENT_0.1")).collect();
    let mut exported = symbols(&["-D", "--defined-only", "--with-symbol-versions"], &shared);
    exported.retain(|name| name != "ACCLIENT_0.1" && name != "ACCLIENT_0.1@@ACCLIENT_0.1");
    assert_eq!(exported, versioned);

    let (rust, other) = (directory.0.join("other.rs"), directory.0.join("libother.a"));
    fs::write(&rust, OTHER).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args([
        "--edition",
        "2024",
        "--crate-type",
        "staticlib",
        "-Copt-level=1",
        "-Clto=fat",
        "-o",
    ]);
    succeed(rustc.arg(&other).arg(&rust));
    let source = directory.0.join("program.c");
    fs::write(&source, PROGRAM).unwrap();
    symlink("libacclient.so", directory.0.join("libacclient.so.0.1")).unwrap();
    for library in [&archive, &shared] {
        let program = directory.0.join("program");
        let mut cc = Command::new("cc");
        cc.arg(&source).arg(library).arg(&other).arg("-lm").arg("-o").arg(&program);
        succeed(cc.arg(format!("-I{ROOT}/include")));
        succeed(Command::new(&program).env("LD_LIBRARY_PATH", &directory.0));
    }
}
