//! The C programs of `tests/c`, against the header and the library that cargo built for this run.
//!
//! Each runs against the shared library, and once more under valgrind against the static one. Where
//! valgrind or a compiler is missing that part is left out, loudly; in CI (`CI` is set) it fails.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use devgrid::{Grid, RedisServer};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// What `rustc --print native-static-libs` names and the C library does not have in itself.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];
/// What valgrind ends with if it found errors or leaks.
const VALGRIND_ERRORS: &str = "99";

const TIME: Duration = Duration::from_secs(60);
const TIME_UNDER_VALGRIND: Duration = Duration::from_secs(240);

#[test]
fn header() {
    let dir = Dir::new("header");
    let source = source("header.c");
    for (compiler, language, standards) in [
        ("gcc", "c", &["c99", "c11", "c17", "c2x"][..]),
        ("clang", "c", &["c99", "c11", "c17", "c2x"]),
        ("g++", "c++", &["c++11", "c++17", "c++20"]),
        ("clang++", "c++", &["c++11", "c++17", "c++20"]),
    ] {
        if !is_there(compiler) {
            continue;
        }
        for standard in standards {
            let mut command = Command::new(compiler);
            command.args(["-x", language, &format!("-std={standard}"), "-fsyntax-only"]);
            command.args(WARNINGS).arg("-I").arg(include()).arg(&source);
            if language == "c" {
                command.arg("-Wstrict-prototypes");
            }
            succeed(command);
        }
    }

    let declared = declared();
    let program = dir.compile("header.c", &Library::Shared);
    let listed = names(&succeed(Command::new(program)));
    assert_eq!(listed, declared, "the table of header.c is not what the header declares");
    succeed(Command::new(dir.compile("header.c", &Library::Static)));

    if is_there("nm") {
        let mut nm = Command::new("nm");
        nm.args(["-D", "--defined-only"]).arg(library("libacclient.so"));
        let exported: BTreeSet<(String, String)> = succeed(nm)
            .lines()
            .map(|line| {
                let mut words = line.split_whitespace().skip(1);
                let mut word = || words.next().unwrap_or_default().to_owned();
                (word(), word())
            })
            .collect();
        let wanted = declared.into_iter().map(|name| ("T".to_owned(), name)).collect();
        assert_eq!(exported, wanted, "libacclient.so exports something else than the header has");
    }
}

#[test]
fn null() {
    functional("null.c");
}

#[test]
fn run() {
    functional("run.c");
}

#[test]
fn cancel() {
    functional("cancel.c");
}

#[test]
fn close() {
    functional("close.c");
}

#[test]
fn sigpipe() {
    let dir = Dir::new("sigpipe");
    // Each run kills its server.
    let with_server = |run: fn(&Dir, &str, &[(&str, &str)])| {
        let server = RedisServer::start().expect("a Redis");
        let (url, pid) = (server.url(), server.pid().to_string());
        run(&dir, "sigpipe.c", &[("ACCLIENT_URL", &url), ("ACCLIENT_REDIS_PID", &pid)]);
    };
    with_server(Dir::run);
    with_server(Dir::run_under_valgrind);
}

/// Not under valgrind: what a child leaves behind of its parent is no leak, but looks like one.
#[test]
fn fork() {
    let grid = Grid::demo().expect("a grid");
    Dir::new("fork").run("fork.c", &[("ACCLIENT_URL", &grid.url())]);
}

/// Runs a program that needs a grid and nothing else.
fn functional(name: &str) {
    let grid = Grid::demo().expect("a grid");
    let url = grid.url();
    let dir = Dir::new(name.trim_end_matches(".c"));
    dir.run(name, &[("ACCLIENT_URL", &url)]);
    dir.run_under_valgrind(name, &[("ACCLIENT_URL", &url)]);
}

enum Library {
    Shared,
    Static,
}

/// A directory for what a test builds. It is left behind if the test fails.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let name = format!("c-{name}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).expect("a directory for the programs");
        // Programs look for the SONAME.
        symlink(library("libacclient.so"), dir.join("libacclient.so.0")).expect("a link");
        Dir(dir)
    }

    fn compile(&self, name: &str, form: &Library) -> PathBuf {
        let form_name = match form {
            Library::Shared => "shared",
            Library::Static => "static",
        };
        let program = self.0.join(name.replace(".c", &format!("-{form_name}")));
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-g", "-O1", "-Wstrict-prototypes", "-pthread"]).args(WARNINGS);
        cc.arg("-I").arg(include()).arg("-o").arg(&program).arg(source(name));
        match form {
            Library::Shared => {
                cc.arg(self.0.join("libacclient.so.0"));
                cc.arg(format!("-Wl,-rpath,{}", self.0.display()));
            }
            Library::Static => {
                cc.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
            }
        }
        succeed(cc);
        program
    }

    fn run(&self, name: &str, environment: &[(&str, &str)]) {
        let program = self.compile(name, &Library::Shared);
        let (status, output) = self.bounded(Command::new(program), environment, TIME);
        assert!(status.success(), "{name}: {status}\n{output}");
    }

    fn run_under_valgrind(&self, name: &str, environment: &[(&str, &str)]) {
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
            .env("ACCLIENT_TEST_SLOW", "1");
        let (status, output) = self.bounded(valgrind, environment, TIME_UNDER_VALGRIND);
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
fn declared() -> BTreeSet<String> {
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

fn names(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn include() -> PathBuf {
    root().join("include")
}

fn source(name: &str) -> PathBuf {
    root().join("tests/c").join(name)
}

/// The library in the form that C links with. Cargo builds it for integration tests too, beside
/// their executables; what lies one directory higher is of the last `cargo build`, perhaps old.
fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    let path = program.with_file_name(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// Whether a tool is on PATH; it has to be in CI.
fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{tool} is missing, and this is CI");
        eprintln!("\n*** {tool} IS MISSING: what needs it is NOT TESTED ***\n");
    }
    found
}

/// Runs a tool that has to succeed, and returns what it printed.
fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}{complaints}", output.status);
    printed
}
