//! Building and running the programs of `tests/c`.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use support::programs::{
    Dir, SANITIZER_OPTIONS, SYSTEM_LIBRARIES, VALGRIND_ERRORS, built, include, is_there, library,
    root, succeed,
};

pub const WARNINGS: [&str; 6] =
    ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"];
const TIME: Duration = Duration::from_secs(300);
const TIME_WHERE_SLOW: Duration = Duration::from_secs(900);
/// Tells the programs that they run slowly.
const SLOW: (&str, &str) = ("ACCLIENT_TEST_SLOW", "1");

pub enum Library {
    Shared,
    Static,
    /// The program with these sanitizers, and the shared library without them.
    Sanitized(&'static str),
}

/// A directory in which C programs are built and run.
pub struct Programs(pub Dir);

impl Programs {
    pub fn new(name: &str) -> Self {
        Programs(Dir::new(name))
    }

    fn path(&self) -> &Path {
        &self.0.0
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a file in the test's directory");
        path.display().to_string()
    }

    pub fn compile(&self, name: &str, form: &Library) -> PathBuf {
        let form_name = match form {
            Library::Shared => "shared",
            Library::Static => "static",
            Library::Sanitized(sanitizers) => sanitizers,
        };
        let program = self.path().join(name.replace(".c", &format!("-{form_name}")));
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-g", "-O1", "-Wstrict-prototypes", "-pthread"]).args(WARNINGS);
        cc.arg("-I").arg(include()).arg("-o").arg(&program).arg(source(name));
        if let Library::Sanitized(sanitizers) = form {
            cc.arg(format!("-fsanitize={sanitizers}"));
            cc.args(["-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
        }
        match form {
            Library::Shared | Library::Sanitized(_) => {
                cc.arg(self.path().join("libacclient.so.0.1"));
                cc.arg(format!("-Wl,-rpath,{}", self.path().display()));
            }
            Library::Static => {
                cc.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
            }
        }
        succeed(cc);
        program
    }

    /// Runs a program with sanitizers; their reports make it fail.
    pub fn run_sanitized(
        &self,
        name: &str,
        sanitizers: &'static str,
        environment: &[(&str, &str)],
    ) {
        let program = self.compile(name, &Library::Sanitized(sanitizers));
        let mut command = built(program);
        command.envs(SANITIZER_OPTIONS).env("TSAN_OPTIONS", tsan_options());
        if sanitizers == "thread" {
            command.envs([SLOW]);
        }
        let (status, output) = self.0.bounded(command, environment, TIME_WHERE_SLOW);
        assert!(status.success(), "{name} with {sanitizers}: {status}\n{output}");
    }

    /// Builds the example as users do and runs it, with sanitizers or under valgrind.
    pub fn example(
        &self,
        compiler: &str,
        sanitizers: Option<&str>,
        environment: &[(&str, &str)],
    ) -> (ExitStatus, String) {
        let program = self.path().join(format!("quickstart-{compiler}"));
        let mut cc = Command::new(compiler);
        cc.arg("-O1").args(WARNINGS);
        cc.args(sanitizers.map(|sanitizers| format!("-fsanitize={sanitizers}")));
        cc.arg("-I").arg(include()).arg("-o").arg(&program);
        cc.arg(root().join("examples/quickstart.c"));
        cc.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
        succeed(cc);
        let mut command = if sanitizers.is_some() {
            built(program)
        } else {
            let mut valgrind = Command::new("valgrind");
            valgrind.arg(format!("--error-exitcode={VALGRIND_ERRORS}")).arg(program);
            valgrind
        };
        // The program calls exit() without freeing memory.
        command.envs(SANITIZER_OPTIONS).env("ASAN_OPTIONS", "detect_leaks=0");
        self.0.bounded(command, environment, TIME_WHERE_SLOW)
    }

    /// The report of the sanitizers about a program with a deliberate error.
    pub fn caught(&self, sanitizers: &'static str, what: &str) -> String {
        let program = self.compile("overflow.c", &Library::Sanitized(sanitizers));
        let mut command = built(program);
        command.arg(what).envs(SANITIZER_OPTIONS).env("TSAN_OPTIONS", tsan_options());
        let (status, output) = self.0.bounded(command, &[], TIME);
        assert!(!status.success(), "{sanitizers} did not report {what}: {output}");
        output
    }

    pub fn run(&self, name: &str, environment: &[(&str, &str)]) {
        let program = self.compile(name, &Library::Shared);
        let (status, output) = self.0.bounded(built(program), environment, TIME);
        assert!(status.success(), "{name}: {status}\n{output}");
    }

    pub fn run_under_valgrind(&self, name: &str, environment: &[(&str, &str)]) {
        if !is_there("valgrind") {
            return;
        }
        let program = self.compile(name, &Library::Static);
        let log = self.path().join("valgrind.log");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible", "--track-fds=yes"])
            .arg(format!("--error-exitcode={VALGRIND_ERRORS}"))
            .arg(format!("--log-file={}", log.display()))
            .arg(program)
            .envs([SLOW]);
        let (status, output) = self.0.bounded(valgrind, environment, TIME_WHERE_SLOW);
        let report = fs::read_to_string(&log).expect("valgrind's report");
        assert!(status.success(), "{name} under valgrind: {status}\n{output}\n{report}");
        let stray = stray_descriptors(&report);
        assert!(stray.is_empty(), "{name} left descriptors open: {stray:?}\n{report}");
    }
}

/// Descriptors that a program opened and left open, from valgrind's report, which marks inherited ones on the
/// same line or the next.
fn stray_descriptors(report: &str) -> Vec<&str> {
    let lines: Vec<&str> = report.lines().collect();
    let is_inherited = |index: usize| {
        lines[index..].iter().take(2).any(|line| line.contains("<inherited from parent>"))
    };
    let opened = lines.iter().enumerate().filter(|(index, line)| {
        let is_open =
            line.contains("Open ") && (line.contains(" descriptor ") || line.contains(" socket "));
        is_open && !is_inherited(*index)
    });
    assert!(report.contains("FILE DESCRIPTORS:"), "valgrind did not track descriptors:\n{report}");
    opened.map(|(_, line)| *line).collect()
}

pub fn names(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn tsan_options() -> String {
    format!("suppressions={}:second_deadlock_stack=1", source("tsan.supp").display())
}

pub fn source(name: &str) -> PathBuf {
    root().join("tests/c").join(name)
}
