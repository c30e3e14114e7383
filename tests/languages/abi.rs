//! The ABI of the header, compared by abidiff with the one committed in packaging. Types and functions are taken
//! from a C library with the same declarations, since Rust's debug information also describes the types behind
//! the handles. ACCLIENT_WRITE_ABI=1 writes the file.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use support::ROOT;
use support::library::library_dir;
use support::prefix::{Prefix, have, succeed};
use support::programs::declarations;

#[test]
fn the_abi_matches_the_committed_one() {
    if !have(&["abidiff", "abidw", "cc"]) {
        return;
    }
    let directory = Prefix::new("abi");
    let (source, library) = (directory.0.join("declared.c"), directory.0.join("declared.so"));
    let mut text = "#include <acclient.h>\n".to_owned();
    for (result, name, parameters) in declarations() {
        let parameters = parameters.join(",");
        let _ = writeln!(text, "{result} {name}({parameters}) {{ __builtin_trap(); }}");
    }
    fs::write(&source, text).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-g", "-fPIC", "-shared", "-nostdlib", "-Wl,-soname,libacclient.so.0.1", "-o"]);
    succeed(cc.arg(&library).arg(format!("-I{ROOT}/include")).arg(&source));

    let committed = format!("{ROOT}/packaging/libacclient.so.0.1.abi");
    if std::env::var_os("ACCLIENT_WRITE_ABI").is_some() {
        let mut abidw = Command::new("abidw");
        abidw.args(["--no-comp-dir-path", "--no-corpus-path", "--no-show-locs"]);
        succeed(abidw.args(["--no-parameter-names", "--out-file", &committed]).arg(&library));
    }
    for library in [library, library_dir().join("libacclient.so")] {
        let output = Command::new("abidiff").arg(&committed).arg(&library).output().unwrap();
        assert!(
            output.status.success(),
            "{}\nThe ABI has changed. For additions run ACCLIENT_WRITE_ABI=1 cargo test --features capi --test languages \
             abi:: and update the CHANGELOG. Other changes need another SONAME: see docs/abi.md.",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
