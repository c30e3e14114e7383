//! How the programs of `tests/c` are built and run.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// What `rustc --print native-static-libs` names and the C library does not have in itself.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];
/// What valgrind ends with if it found errors or leaks.
const VALGRIND_ERRORS: &str = "99";

const TIME: Duration = Duration::from_secs(60);
const TIME_WHERE_SLOW: Duration = Duration::from_secs(240);
/// Tells the programs that everything is slow.
const SLOW: (&str, &str) = ("ACCLIENT_TEST_SLOW", "1");

pub enum Library {
    Shared,
    Static,
    /// The program with these sanitizers. The library has none itself. Statically linked; only for
    /// "thread" it is the shared one, by which `tsan.supp` can name it.
    Sanitized(&'static str),
}

/// A directory for what a test builds. It is left behind if the test fails.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(name: &str) -> Self {
        let name = format!("c-{name}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).expect("a directory for the programs");
        // Programs look for the SONAME.
        symlink(library("libacclient.so"), dir.join("libacclient.so.0")).expect("a link");
        Dir(dir)
    }

    /// Writes a file; gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file in a directory of our own");
        path.display().to_string()
    }

    pub fn compile(&self, name: &str, form: &Library) -> PathBuf {
        let form_name = match form {
            Library::Shared => "shared",
            Library::Static => "static",
            Library::Sanitized(sanitizers) => sanitizers,
        };
        let program = self.0.join(name.replace(".c", &format!("-{form_name}")));
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-g", "-O1", "-Wstrict-prototypes", "-pthread"]).args(WARNINGS);
        cc.arg("-I").arg(include()).arg("-o").arg(&program).arg(source(name));
        if let Library::Sanitized(sanitizers) = form {
            cc.arg(format!("-fsanitize={sanitizers}"));
            cc.args(["-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
        }
        match form {
            Library::Shared | Library::Sanitized("thread") => {
                cc.arg(self.0.join("libacclient.so.0"));
                cc.arg(format!("-Wl,-rpath,{}", self.0.display()));
            }
            Library::Static | Library::Sanitized(_) => {
                cc.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
            }
        }
        succeed(cc);
        program
    }

    /// Runs a program with sanitizers; their reports end it with a failure.
    pub fn run_sanitized(
        &self,
        name: &str,
        sanitizers: &'static str,
        environment: &[(&str, &str)],
    ) {
        let program = self.compile(name, &Library::Sanitized(sanitizers));
        let mut command = Command::new(program);
        command.envs([SLOW]).envs(SANITIZER_OPTIONS).env("TSAN_OPTIONS", tsan_options());
        let (status, output) = self.bounded(command, environment, TIME_WHERE_SLOW);
        assert!(status.success(), "{name} with {sanitizers}: {status}\n{output}");
    }

    /// What the sanitizers say of a program that does something wrong on purpose.
    pub fn caught(&self, sanitizers: &'static str, what: &str) -> String {
        let program = self.compile("overflow.c", &Library::Sanitized(sanitizers));
        let mut command = Command::new(program);
        command.arg(what).envs(SANITIZER_OPTIONS).env("TSAN_OPTIONS", tsan_options());
        let (status, output) = self.bounded(command, &[], TIME);
        assert!(!status.success(), "{sanitizers} did not see {what}: {output}");
        output
    }

    pub fn run(&self, name: &str, environment: &[(&str, &str)]) {
        let program = self.compile(name, &Library::Shared);
        let (status, output) = self.bounded(Command::new(program), environment, TIME);
        assert!(status.success(), "{name}: {status}\n{output}");
    }

    pub fn run_under_valgrind(&self, name: &str, environment: &[(&str, &str)]) {
        if !is_there("valgrind") {
            return;
        }
        let program = self.compile(name, &Library::Static);
        let log = self.0.join("valgrind.log");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible", "--track-fds=yes"])
            .arg(format!("--error-exitcode={VALGRIND_ERRORS}"))
            .arg(format!("--log-file={}", log.display()))
            .arg(program)
            .envs([SLOW]);
        let (status, output) = self.bounded(valgrind, environment, TIME_WHERE_SLOW);
        let report = fs::read_to_string(&log).expect("valgrind's report");
        assert!(status.success(), "{name} under valgrind: {status}\n{output}\n{report}");
        let stray = stray_descriptors(&report);
        assert!(stray.is_empty(), "{name} left descriptors open: {stray:?}\n{report}");
    }

    /// Runs a program to its end, or kills it with all its children when its time is over.
    fn bounded(
        &self,
        mut command: Command,
        environment: &[(&str, &str)],
        time: Duration,
    ) -> (ExitStatus, String) {
        let path = self.0.join("output");
        let output = File::create(&path).expect("a file for the output");
        command
            .envs(environment.iter().copied())
            .stdin(std::process::Stdio::null())
            .stdout(output.try_clone().expect("a second descriptor"))
            .stderr(output)
            .process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let group = child.id();
        let (ended, end) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            // Nobody listens any more when the time is over.
            let _ = ended.send(());
            status
        });
        let in_time = end.recv_timeout(time).is_ok();
        if !in_time {
            let kill = format!("kill -KILL -- -{group}");
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        let status = waiting.join().expect("the thread that waits does not panic");
        let output = String::from_utf8_lossy(&fs::read(&path).expect("the output")).into_owned();
        assert!(in_time, "{command:?} was not over after {time:?}; it said:\n{output}");
        print!("{output}");
        (status, output)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Descriptors that a program opened and left open, from valgrind's report. Those that it was
/// started with are marked as inherited, in the line or the next.
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
    assert!(report.contains("FILE DESCRIPTORS:"), "valgrind did not look:\n{report}");
    opened.map(|(_, line)| *line).collect()
}

/// Names of the functions that the header declares.
pub fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(include().join("acclient.h")).expect("the header");
    let mut code = String::new();
    let mut rest = header.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("comments end").1;
    }
    code.push_str(rest);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let calls = code.match_indices('(').map(|(index, _)| {
        let before = &code[..index];
        let start = before.rfind(|c| !is_name(c)).map_or(0, |index| index + 1);
        &before[start..]
    });
    calls.filter(|name| name.starts_with("acclient_")).map(str::to_owned).collect()
}

pub fn names(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

const SANITIZER_OPTIONS: [(&str, &str); 2] = [
    ("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"),
    ("UBSAN_OPTIONS", "print_stacktrace=1"),
];

fn tsan_options() -> String {
    format!("suppressions={}:second_deadlock_stack=1", source("tsan.supp").display())
}

/// Whether the compiler has sanitizers, and their programs run here; they have to in CI.
pub fn sanitizes(dir: &Dir, sanitizers: &'static str) -> bool {
    let path = dir.0.join("sanitized.c");
    fs::write(&path, "int main(void) { return 0; }\n").expect("a file");
    let program = dir.0.join("sanitized");
    let mut cc = Command::new("cc");
    cc.arg(format!("-fsanitize={sanitizers}")).arg(&path).arg("-o").arg(&program);
    let works = |mut command: Command| command.output().is_ok_and(|output| output.status.success());
    let found = works(cc) && works(Command::new(program));
    if !found {
        assert!(std::env::var_os("CI").is_none(), "no sanitizer {sanitizers}, and this is CI");
        eprintln!("\n*** NO SANITIZER {sanitizers}: what needs it is NOT TESTED ***\n");
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn include() -> PathBuf {
    root().join("include")
}

pub fn source(name: &str) -> PathBuf {
    root().join("tests/c").join(name)
}

/// The library in the form that C links with. Cargo builds it for integration tests too, beside
/// their executables; what lies one directory higher is of the last `cargo build`, perhaps old.
pub fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    let path = program.with_file_name(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// Whether a tool is on PATH; it has to be in CI.
pub fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{tool} is missing, and this is CI");
        eprintln!("\n*** {tool} IS MISSING: what needs it is NOT TESTED ***\n");
    }
    found
}

/// Runs a tool that has to succeed, and returns what it printed.
pub fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}{complaints}", output.status);
    printed
}
