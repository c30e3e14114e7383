//! The C++ headers, the programs of `tests/cpp` and the example, against the library that cargo
//! built for this run.
//!
//! Each program runs against the shared library, and once more under valgrind against the static
//! one. `tests/cpp/coverage.txt` tells which of them calls an export. Where valgrind or a compiler is
//! missing that part is left out, loudly; in CI (`CI` is set) it fails.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use devgrid::{Grid, RedisServer};

const WARNINGS: [&str; 6] =
    ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"];
const NO_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
/// What `rustc --print native-static-libs` names and the C library does not have in itself.
const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];
/// What valgrind ends with if it found errors or leaks.
const VALGRIND_ERRORS: &str = "99";

const TIME: Duration = Duration::from_secs(90);
const TIME_UNDER_VALGRIND: Duration = Duration::from_secs(300);

/// Every header by itself, and all of them, in every way that is promised.
#[test]
fn headers() {
    let dir = Dir::new("headers");
    let parts = fs::read_dir(include().join("acclient")).expect("the headers");
    let mut parts: Vec<String> = parts
        .map(|part| part.expect("a header").file_name().into_string().expect("a name"))
        .collect();
    parts.sort();
    let mut all = String::from("#include <acclient.hpp>\n#include <acclient.hpp>\n");
    for part in &parts {
        let alone = dir.0.join(format!("{part}.cpp"));
        fs::write(&alone, format!("#include <acclient/{part}>\n")).expect("a program");
        all += &format!("#include <acclient/{part}>\n");
        if is_there("g++") {
            succeed(syntax("g++", "c++17", &[], &alone));
        }
    }
    let program = dir.0.join("all.cpp");
    fs::write(&program, all).expect("a program");
    for compiler in ["g++", "clang++"] {
        for standard in ["c++17", "c++20"] {
            for flags in [&[][..], &NO_EXCEPTIONS[..]] {
                if is_there(compiler) {
                    succeed(syntax(compiler, standard, flags, &program));
                }
            }
        }
    }
}

/// Every program and the example with the compiler and the standard that the others are not run with.
#[test]
fn programs_compile_with_clang() {
    if !is_there("clang++") {
        return;
    }
    for name in ["run", "fanout", "node", "reverse", "moves"] {
        succeed(syntax("clang++", "c++20", &[], &source(name)));
    }
    succeed(syntax("clang++", "c++20", &NO_EXCEPTIONS, &source("plain")));
    succeed(syntax("clang++", "c++17", &[], &root().join("examples/quickstart.cpp")));
}

/// No export is left out of the table, and the table names nothing that is not there.
#[test]
fn coverage_is_complete() {
    let declared = declared();
    let listed: BTreeSet<String> = coverage().into_keys().collect();
    let missing: Vec<_> = declared.difference(&listed).collect();
    assert!(missing.is_empty(), "tests/cpp/coverage.txt does not have {missing:?}");
    let unknown: Vec<_> = listed.difference(&declared).collect();
    assert!(unknown.is_empty(), "acclient.h does not have {unknown:?}");
    for (export, program) in coverage() {
        assert!(source(&program).is_file(), "{export}: there is no tests/cpp/{program}.cpp");
    }
    if is_there("nm") {
        let exported = symbols(&["-D", "--defined-only"], &library("libacclient.so"));
        assert_eq!(exported, declared, "libacclient.so exports something else than the header has");
    }
}

#[test]
fn run() {
    functional("run", &[]);
}

#[test]
fn fanout() {
    functional("fanout", &[]);
}

#[test]
fn node() {
    functional("node", &[]);
}

#[test]
fn moves() {
    functional("moves", &[]);
}

#[test]
fn plain() {
    functional("plain", &NO_EXCEPTIONS);
}

#[test]
fn reverse() {
    let Some(dir) = Dir::with_compiler("reverse") else { return };
    let object = dir.compile(&source("reverse"), &[]);
    Dir::check_calls("reverse", &object);
    let redis = RedisServer::start().expect("a Redis");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| offer_reverse_tunnels(&redis, &stop));
        // The controller stops also where a check fails.
        let _stop = OnDrop(&stop);
        dir.check(&object, &[("ACCLIENT_URL", &redis.url())]);
        dir.check_under_valgrind(&object, &[("ACCLIENT_URL", &redis.url())]);
    });
}

/// The tour says what the one in Rust says.
#[test]
fn quickstart() {
    let Some(dir) = Dir::with_compiler("quickstart") else { return };
    let grid = Grid::demo().expect("a grid");
    let object = dir.compile(&root().join("examples/quickstart.cpp"), &[]);
    let program = dir.link(&object, &Library::Shared);
    let (status, output) =
        dir.bounded(Command::new(program), &[("ACCLIENT_URL", &grid.url())], TIME);
    assert!(status.success() && !output.contains("unexpected"), "{status}\n{output}");
    let original =
        fs::read_to_string(root().join("examples/quickstart.rs")).expect("the example in Rust");
    let mut rest = output.as_str();
    // They stand in string literals, as in "\n== One that fails".
    let lines = original.lines().filter_map(|line| line.split_once('"')?.1.split_once("== "));
    let headings: Vec<&str> = lines.filter_map(|(_, text)| text.split('"').next()).collect();
    assert!(headings.len() > 7, "{headings:?}");
    for heading in headings {
        let found = rest.find(heading);
        rest = &rest[found.unwrap_or_else(|| panic!("{heading:?} is missing:\n{output}"))..];
    }
}

/// Runs a program that needs a grid and nothing else.
fn functional(name: &str, flags: &[&str]) {
    let Some(dir) = Dir::with_compiler(name) else { return };
    let object = dir.compile(&source(name), flags);
    Dir::check_calls(name, &object);
    // A grid for each run: the second finds nothing of the first.
    for check in [Dir::check, Dir::check_under_valgrind] {
        let grid = Grid::demo_builder().joblog().start().expect("a grid");
        let instances = dir.0.join("instances.toml");
        fs::write(&instances, format!("[main]\nurl = \"{}\"\n", grid.url())).expect("a file");
        let instances = instances.to_str().expect("a path");
        check(&dir, &object, &[("ACCLIENT_URL", &grid.url()), ("ACCLIENT_CONFIG", instances)]);
    }
}

/// A controller that has tunnels, as later ones than the original do, and nothing else.
fn offer_reverse_tunnels(redis: &RedisServer, stop: &AtomicBool) {
    const TUNNEL: &str = r#"{"local":4711,"gateway":"1.1","ip":"127.0.0.1","remote":22}"#;
    let mut connection = redis.connection();
    let mut is_open = false;
    while !stop.load(Ordering::Relaxed) {
        let popped: Option<(String, String)> = redis::cmd("BLPOP")
            .arg("cmds.queue")
            .arg(0.1)
            .query(&mut connection)
            .expect("an answer of Redis");
        let Some((_, text)) = popped else { continue };
        let command: serde_json::Value = serde_json::from_str(&text).expect("a command");
        let data = match command["args"]["name"].as_str().expect("a name") {
            "tunnel_open" => {
                is_open = true;
                TUNNEL.to_owned()
            }
            "tunnel_close" => {
                is_open = false;
                String::new()
            }
            "tunnel_list" if is_open => format!("[{TUNNEL}]"),
            "tunnel_list" => "[]".to_owned(),
            other => panic!("{other} is no order of tunnels"),
        };
        let id = command["id"].as_str().expect("an id");
        let job = serde_json::json!({
            "id": id, "gid": 0, "nid": 0, "cmd": "controller", "args": null, "data": data,
            "streams": null, "critical": "", "tags": "", "level": 20, "starttime": 1,
            "state": "SUCCESS", "time": 1,
        });
        redis::pipe()
            .hset(format!("jobresult:{id}"), "0:0", job.to_string())
            .ignore()
            .rpush(format!("cmd.{id}.0.0"), job.to_string())
            .ignore()
            .rpush(format!("cmd.{id}.queued"), "queued")
            .ignore()
            .query::<()>(&mut connection)
            .expect("an answer of Redis");
    }
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

enum Library {
    Shared,
    Static,
}

/// A directory for what a test builds. It is left behind if the test fails.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let name = format!("cpp-{name}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).expect("a directory for the programs");
        // Programs look for the SONAME.
        symlink(library("libacclient.so"), dir.join("libacclient.so.0")).expect("a link");
        Dir(dir)
    }

    /// None where nothing can be compiled.
    fn with_compiler(name: &str) -> Option<Self> {
        is_there("g++").then(|| Dir::new(name))
    }

    /// Sees that a program calls what the table says.
    fn check_calls(name: &str, object: &Path) {
        if !is_there("nm") {
            return;
        }
        let called = symbols(&["-u"], object);
        let untrue: Vec<String> = coverage()
            .into_iter()
            .filter(|(export, program)| program == name && !called.contains(export))
            .map(|(export, _)| export)
            .collect();
        assert!(untrue.is_empty(), "tests/cpp/{name}.cpp does not call {untrue:?}");
    }

    fn check(&self, object: &Path, environment: &[(&str, &str)]) {
        let program = self.link(object, &Library::Shared);
        let (status, output) = self.bounded(Command::new(program), environment, TIME);
        assert!(status.success(), "{}: {status}\n{output}", object.display());
    }

    fn check_under_valgrind(&self, object: &Path, environment: &[(&str, &str)]) {
        if !is_there("valgrind") {
            return;
        }
        let log = self.0.join("valgrind.log");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible"])
            .arg(format!("--error-exitcode={VALGRIND_ERRORS}"))
            .arg(format!("--log-file={}", log.display()))
            .arg(self.link(object, &Library::Static));
        let (status, output) = self.bounded(valgrind, environment, TIME_UNDER_VALGRIND);
        let report = fs::read_to_string(&log).expect("valgrind's report");
        assert!(
            status.success(),
            "{} under valgrind: {status}\n{output}\n{report}",
            object.display()
        );
    }

    fn compile(&self, source: &Path, flags: &[&str]) -> PathBuf {
        let object = self.0.join(source.file_name().expect("a file")).with_extension("o");
        let mut compiler = Command::new("g++");
        compiler.args(["-std=c++17", "-g", "-O0", "-pthread", "-c"]).args(WARNINGS).args(flags);
        compiler.arg("-I").arg(include()).arg("-o").arg(&object).arg(source);
        succeed(compiler);
        object
    }

    fn link(&self, object: &Path, form: &Library) -> PathBuf {
        let mut linker = Command::new("g++");
        linker.arg("-pthread").arg(object);
        let program = match form {
            Library::Shared => {
                linker.arg(self.0.join("libacclient.so.0"));
                linker.arg(format!("-Wl,-rpath,{}", self.0.display()));
                object.with_extension("shared")
            }
            Library::Static => {
                linker.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
                object.with_extension("static")
            }
        };
        linker.arg("-o").arg(&program);
        succeed(linker);
        program
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

/// The table: the program in which the wrapper of an export succeeds, and what it does is seen.
fn coverage() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("tests/cpp/coverage.txt")).expect("the table");
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (export, program) = line.split_once(' ').expect("an export and a program");
        let before = table.insert(export.to_owned(), program.trim().to_owned());
        assert!(before.is_none(), "{export} stands twice in tests/cpp/coverage.txt");
    }
    table
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

/// The library's functions among the symbols of a file.
fn symbols(flags: &[&str], file: &Path) -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(flags).arg(file);
    let listed = succeed(nm);
    let names = listed.lines().filter_map(|line| line.split_whitespace().last());
    names.filter(|name| name.starts_with("acclient_")).map(str::to_owned).collect()
}

/// Looks whether a program compiles without a warning.
fn syntax(compiler: &str, standard: &str, flags: &[&str], program: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(["-fsyntax-only", "-pthread"]).args(flags);
    command.args(WARNINGS).arg("-I").arg(include()).arg(program);
    command
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn include() -> PathBuf {
    root().join("include")
}

fn source(name: &str) -> PathBuf {
    root().join("tests/cpp").join(format!("{name}.cpp"))
}

/// The library in the form that C++ links with. Cargo builds it for integration tests too, beside
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
