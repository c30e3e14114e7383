//! An installation of what cargo built for this test, in a prefix of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::{ROOT, not_tested};

/// A prefix of its own, taken away at the end.
pub struct Prefix(pub PathBuf);

impl Prefix {
    /// Installs what cargo built for this test by the script that `make install` runs.
    pub fn install(name: &str) -> Self {
        let prefix = std::env::temp_dir().join(format!("acclient-{name}-{}", std::process::id()));
        let built = prefix.join("built/release");
        std::fs::create_dir_all(&built).unwrap();
        let artifacts = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
        for library in ["libacclient.so", "libacclient.a"] {
            std::fs::copy(artifacts.join(library), built.join(library)).unwrap();
        }
        let installed = Prefix(prefix);
        installed.script("install");
        installed
    }

    pub fn script(&self, action: &str) {
        let mut script = Command::new(format!("{ROOT}/scripts/install.sh"));
        script.arg(action).arg(self.0.join("built")).env("PREFIX", self.0.join("usr"));
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

/// Whether the tools are there; where not, it says so loudly, and fails in CI.
pub fn have(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        not_tested(&format!("{missing:?} missing; `make tools` says what to install"));
    }
    missing.is_empty()
}

/// Whether a program is on PATH.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
