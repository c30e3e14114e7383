//! Finds the C library for the tests of C, C++ and Go, and builds it if necessary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    Path::new(crate::ROOT)
}

/// Returns the directory with libacclient.so, its SONAME, libacclient.a and include. `make test`
/// sets it in ACCLIENT_LIBRARY_DIR; otherwise `cargo lib` builds it, which takes no time if nothing
/// has changed.
pub fn library_dir() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| match std::env::var_os("ACCLIENT_LIBRARY_DIR") {
        Some(directory) => directory.into(),
        None => {
            let output = cargo().args(["lib", "dev"]).output().expect("cargo runs");
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "cargo lib dev: {}\n{complaints}", output.status);
            let printed = String::from_utf8(output.stdout).expect("a path in UTF-8");
            printed.trim_end().into()
        }
    })
}

/// Returns Cargo, at the root of the repository and with the target directory of this test, as if
/// run by hand.
pub fn cargo() -> Command {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    by_hand(&mut command);
    // <target>/<profile>/deps/<test>
    let this = std::env::current_exe().expect("the path of this test");
    command.env("CARGO_TARGET_DIR", this.ancestors().nth(3).expect("a target directory"));
    command.current_dir(root());
    command
}

/// Removes the variables that `cargo test` sets for a test. Build scripts such as that of ring
/// depend on OUT_DIR, and would run again and recompile all of their dependents.
pub fn by_hand(command: &mut Command) -> &mut Command {
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name == "OUT_DIR"
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
        {
            command.env_remove(&variable);
        }
    }
    command
}
