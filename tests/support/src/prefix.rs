//! Installation into a temporary prefix.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::{ROOT, not_tested};

/// A prefix, removed on drop.
pub struct Prefix(pub PathBuf);

impl Prefix {
    /// Creates an empty prefix.
    pub fn new(name: &str) -> Self {
        let prefix = std::env::temp_dir().join(format!("acclient-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&prefix).unwrap();
        Prefix(prefix)
    }

    /// Creates a prefix and installs the C library there.
    pub fn install(name: &str) -> Self {
        let prefix = Prefix::new(name);
        prefix.script(&["library", crate::library::library_dir().to_str().unwrap()]);
        prefix
    }

    /// Runs the script that `make install` runs.
    pub fn script(&self, args: &[&str]) {
        let mut script = Command::new(format!("{ROOT}/scripts/install.sh"));
        script.args(args).env("PREFIX", self.0.join("usr"));
        for variable in ["LIBDIR", "INCLUDEDIR", "DESTDIR"] {
            script.env_remove(variable);
        }
        succeed(&mut script);
    }

    pub fn lib(&self) -> PathBuf {
        self.0.join("usr/lib")
    }

    pub fn pkg_config(&self, args: &[&str]) -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.args(args).arg("acclient").env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"));
        let output = succeed(&mut command);
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Returns whether the tools are installed. If not, reports it; fails in CI.
pub fn have(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        not_tested(&format!("{missing:?} missing; `make tools` says what to install"));
    }
    missing.is_empty()
}

/// Returns whether a program is on PATH.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
