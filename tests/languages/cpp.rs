//! The C++ headers, the programs of `tests/cpp` and the examples, with the library that cargo built
//! for this run.
//!
//! Each program runs with the shared library, AddressSanitizer and UBSan; some also run under valgrind,
//! with the static library. If valgrind, the sanitizers or a compiler are missing, that part is skipped
//! with a message; in CI (`CI` is set) it fails.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use devgrid::{Grid, RedisServer};
use support::forgetful::Forgetful;
use support::programs::{
    ADDRESS, Dir, SANITIZER_OPTIONS, SYSTEM_LIBRARIES, VALGRIND_ERRORS, built, declared, include,
    is_there, library, put_broken_result, root, sanitizes, succeed, tested,
};
use support::secured::Secured;

const WARNINGS: [&str; 8] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wold-style-cast",
    "-Wnon-virtual-dtor",
    "-Werror",
];
const NO_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
const TIME: Duration = Duration::from_secs(300);
const TIME_UNDER_VALGRIND: Duration = Duration::from_secs(900);

/// Each header alone. One compiler and one standard are enough to notice a missing include.
#[test]
fn each_header_compiles_alone() {
    if !is_there("g++") {
        return;
    }
    let dir = Dir::new("cpp-headers");
    for part in fs::read_dir(include().join("acclient")).expect("the headers") {
        let part = part.expect("a header").file_name().into_string().expect("a name");
        let alone = dir.0.join(format!("{part}.cpp"));
        fs::write(&alone, format!("#include <acclient/{part}>\n")).expect("a program");
        succeed(syntax("g++", "c++17", &[], &alone));
    }
}

/// With further standards, and without exceptions.
#[test]
fn headers_compile_between_macros_of_other_libraries() {
    for (compiler, standard, flags) in [
        ("g++", "c++17", &[][..]),
        ("g++", "c++20", &NO_EXCEPTIONS),
        ("g++", "c++23", &[]),
        ("clang++", "c++17", &[]),
        ("clang++", "c++20", &NO_EXCEPTIONS),
        ("clang++", "c++2b", &[]),
    ] {
        if is_there(compiler) {
            succeed(syntax(compiler, standard, flags, &source("macros")));
        }
    }
}

#[test]
fn headers_name_the_standard_that_they_require() {
    let dir = Dir::new("cpp-standard");
    let program = dir.0.join("all.cpp");
    fs::write(&program, "#include <acclient.hpp>\n").expect("a program");
    for compiler in ["g++", "clang++"] {
        if !is_there(compiler) {
            continue;
        }
        let output = syntax(compiler, "c++14", &[], &program).output().expect("a compiler");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && printed.contains("-std=c++17"), "{printed}");
        assert_eq!(printed.matches("error: ").count(), 1, "{printed}");
    }
}

/// Compilers complain about exactly the marked lines of misuse.cpp.
#[test]
fn misuse_is_rejected() {
    let text = fs::read_to_string(source("misuse")).expect("the program");
    let marked = |mark: &str| -> BTreeSet<usize> {
        let lines = text.lines().enumerate();
        lines.filter(|(_, line)| line.ends_with(mark)).map(|(index, _)| index + 1).collect()
    };
    let (rejected, dangling) = (marked("// rejected"), marked("// dangling"));
    assert!(rejected.len() > 10 && dangling.len() > 10);
    for (compiler, all_errors) in [("g++", "-fmax-errors=0"), ("clang++", "-ferror-limit=0")] {
        if !is_there(compiler) {
            continue;
        }
        let mut command = Command::new(compiler);
        command.args(["-std=c++17", "-fsyntax-only", all_errors]).arg("-I").arg(include());
        let output = command.arg(source("misuse")).output().expect("a compiler");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        let reported = |is_meant: fn(&str) -> bool| -> BTreeSet<usize> {
            let lines = printed.lines().filter(|line| is_meant(line));
            let places = lines.filter_map(|line| line.split_once("misuse.cpp:"));
            places.filter_map(|(_, place)| place.split(':').next()?.parse().ok()).collect()
        };
        assert_eq!(reported(|line| line.contains(" error: ")), rejected, "{compiler}: {printed}");
        if compiler == "clang++" {
            assert_eq!(reported(|line| line.contains("-Wdangling")), dangling, "{printed}");
        }
    }
}

/// The programs and the examples, with further compilers and standards.
#[test]
fn programs_compile_with_clang_and_later_standards() {
    if is_there("g++") {
        succeed(syntax("g++", "c++23", &[], &source("fanout")));
    }
    if !is_there("clang++") {
        return;
    }
    succeed(syntax("clang++", "c++2b", &[], &source("fanout")));
    for name in programs() {
        succeed(syntax("clang++", "c++20", flags(&name), &source(&name)));
    }
    for name in ["quickstart", "event_loop"] {
        succeed(syntax("clang++", "c++17", &[], &example(name)));
    }
}

/// Every export is called by the compiled code of a program that is run.
#[test]
fn coverage_is_complete() {
    let declared = declared();
    if is_there("nm") && is_there("g++") {
        let called = programs().iter().flat_map(|name| symbols(&["-u"], &object(name))).collect();
        let missing = &declared - &called;
        assert!(missing.is_empty(), "no program of tests/cpp calls {missing:?}");
    }
    if is_there("nm") {
        let exported = symbols(&["-D", "--defined-only"], &library("libacclient.so"));
        assert_eq!(exported, declared, "the exports of libacclient.so do not match the header");
    }
}

// Valgrind checks the library's memory accesses, which are not built with sanitizers. The C programs run
// under it with C texts and handles, so these programs cover the memory that the C++ headers lend or move:
// texts without a terminating NUL and arrays of handles (run, fanout), and moved handles (moves).

#[test]
fn run() {
    functional("run");
    under_valgrind("run");
}

#[test]
fn fanout() {
    functional("fanout");
    under_valgrind("fanout");
}

#[test]
fn node() {
    functional("node");
}

#[test]
fn moves() {
    functional("moves");
    under_valgrind("moves");
}

#[test]
fn cpp20() {
    functional("cpp20");
}

#[test]
fn progress() {
    functional("progress");
}

#[test]
fn kill() {
    functional("kill");
}

#[test]
fn rollout() {
    functional("rollout");
}

#[test]
fn tls() {
    let Some(dir) = Programs::with_compiler("tls") else { return };
    dir.check("tls", &Secured::start().environment());
}

#[test]
fn stopped() {
    let Some(dir) = Programs::with_compiler("stopped") else { return };
    let server = RedisServer::start().expect("a Redis");
    let (url, pid) = (server.url(), server.pid().to_string());
    dir.check("stopped", &[("ACCLIENT_URL", &url), ("ACCLIENT_REDIS_PID", &pid)]);
}

#[test]
fn process() {
    functional("process");
}

#[test]
fn plain() {
    functional("plain");
}

#[test]
fn reverse() {
    let Some(dir) = Programs::with_compiler("reverse") else { return };
    let redis = RedisServer::start().expect("a Redis");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| offer_reverse_tunnels(&redis, &stop));
        // Stops the controller even if a check fails.
        let _stop = OnDrop(&stop);
        dir.check("reverse", &[("ACCLIENT_URL", &redis.url())]);
    });
}

/// Prints the headings of the example in Rust.
#[test]
fn quickstart() {
    let Some(output) = run_example("quickstart") else { return };
    let original =
        fs::read_to_string(root().join("examples/quickstart.rs")).expect("the example in Rust");
    let mut rest = output.as_str();
    // The headings are in string literals, as in "\n== A job that fails".
    let lines = original.lines().filter_map(|line| line.split_once('"')?.1.split_once("== "));
    let headings: Vec<&str> = lines.filter_map(|(_, text)| text.split('"').next()).collect();
    assert!(headings.len() > 7, "{headings:?}");
    for heading in headings {
        let found = rest.find(heading);
        rest = &rest[found.unwrap_or_else(|| panic!("{heading:?} is missing:\n{output}"))..];
    }
}

#[test]
fn event_loop() {
    let Some(output) = run_example("event_loop") else { return };
    for agent in ["1:1", "1:2", "2:1"] {
        assert!(output.contains(&format!("agent {agent}: hello from {agent}\n")), "{output}");
    }
    assert!(output.contains("ticks of the timer meanwhile: "), "{output}");
}

/// Output of an example on a new grid. None without a compiler.
fn run_example(name: &str) -> Option<String> {
    let dir = Programs::with_compiler(name)?;
    let grid = Grid::demo().expect("a grid");
    let object = dir.compile(&example(name), &[]);
    let program = dir.link(&object, &Library::Shared, &[]);
    let (status, output) = dir.0.bounded(built(program), &[("ACCLIENT_URL", &grid.url())], TIME);
    assert!(status.success() && !output.contains("unexpected"), "{status}\n{output}");
    Some(output)
}

/// Runs a program that needs a grid and nothing else.
fn functional(name: &str) {
    let Some(dir) = Programs::with_compiler(name) else { return };
    on_a_grid(&dir, |environment| dir.check(name, environment));
}

/// Runs the program under valgrind.
fn under_valgrind(name: &str) {
    let Some(dir) = Programs::with_compiler(&format!("{name}-valgrind")) else { return };
    if is_there("valgrind") {
        on_a_grid(&dir, |environment| dir.check_under_valgrind(name, environment));
    }
}

/// Starts a new grid for one run.
fn on_a_grid(dir: &Programs, run: impl FnOnce(&[(&str, &str)])) {
    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    put_broken_result(grid.redis());
    let instances = dir.path().join("instances.toml");
    fs::write(&instances, format!("[main]\nurl = \"{}\"\n", grid.url())).expect("a file");
    let instances = instances.to_str().expect("a path");
    let queue = RedisServer::start().expect("a Redis that no controller drains");
    let forgetful = Forgetful::start();
    let [(url_name, url), (forget_name, forget)] = forgetful.environment();
    run(&[
        ("ACCLIENT_URL", &grid.url()),
        ("ACCLIENT_CONFIG", instances),
        ("ACCLIENT_QUEUE_URL", &queue.url()),
        (url_name, &url),
        (forget_name, &forget),
    ]);
}

/// A controller that supports only tunnels, which the original does not.
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
            other => panic!("{other} is not a command of tunnels"),
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

/// A directory in which C++ programs are built and run.
struct Programs(Dir);

impl Programs {
    /// None without a compiler.
    fn with_compiler(name: &str) -> Option<Self> {
        is_there("g++").then(|| Programs(Dir::new(&format!("cpp-{name}"))))
    }

    fn path(&self) -> &Path {
        &self.0.0
    }

    /// Runs a program with sanitizers if available; their reports make it fail. The library has none.
    fn check(&self, name: &str, environment: &[(&str, &str)]) {
        let object = object(name);
        let program = self.link(&object, &Library::Shared, sanitizers());
        let mut command = built(program);
        command.envs(SANITIZER_OPTIONS);
        let (status, output) = self.0.bounded(command, environment, TIME);
        assert!(status.success(), "{name}: {status}\n{output}");
    }

    fn check_under_valgrind(&self, name: &str, environment: &[(&str, &str)]) {
        let object = self.compile(&source(name), flags(name));
        let log = self.path().join("valgrind.log");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible"])
            .arg(format!("--error-exitcode={VALGRIND_ERRORS}"))
            .arg(format!("--log-file={}", log.display()))
            .env("ACCLIENT_TEST_SLOW", "1")
            .arg(self.link(&object, &Library::Static, &[]));
        let (status, output) = self.0.bounded(valgrind, environment, TIME_UNDER_VALGRIND);
        let report = fs::read_to_string(&log).expect("valgrind's report");
        assert!(status.success(), "{name} under valgrind: {status}\n{output}\n{report}");
    }

    fn compile(&self, source: &Path, flags: &[&str]) -> PathBuf {
        let object = self.path().join(source.file_name().expect("a file")).with_extension("o");
        let mut compiler = Command::new("g++");
        compiler.args(["-std=c++17", "-g1", "-O0", "-pthread", "-c"]).args(WARNINGS).args(flags);
        compiler.arg("-I").arg(include()).arg("-o").arg(&object).arg(source);
        succeed(compiler);
        object
    }

    fn link(&self, object: &Path, form: &Library, flags: &[&str]) -> PathBuf {
        let mut linker = Command::new("g++");
        linker.arg("-pthread").args(flags).arg(object);
        let program = match form {
            Library::Shared => {
                linker.arg(self.path().join("libacclient.so.0.1"));
                linker.arg(format!("-Wl,-rpath,{}", self.path().display()));
                self.path().join("shared")
            }
            Library::Static => {
                linker.arg(library("libacclient.a")).args(SYSTEM_LIBRARIES);
                self.path().join("static")
            }
        };
        linker.arg("-o").arg(&program);
        succeed(linker);
        program
    }
}

/// The programs that are run.
fn programs() -> BTreeSet<String> {
    tested("tests/cpp", "cpp", module_path!())
}

/// Compiler flags for one program.
fn flags(name: &str) -> &'static [&'static str] {
    match name {
        "plain" => &NO_EXCEPTIONS,
        "cpp20" => &["-std=c++20"],
        _ => &[],
    }
}

/// Compiler and linker flags for sanitizers; none if there are no sanitizers.
fn sanitizers() -> &'static [&'static str] {
    static FOUND: LazyLock<bool> =
        LazyLock::new(|| sanitizes(&Dir::new("cpp-sanitizers"), ADDRESS));
    let all =
        &["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    if *FOUND { all } else { &[] }
}

/// The object file of a program with sanitizers, compiled once per test run.
fn object(name: &str) -> PathBuf {
    static OBJECTS: Mutex<BTreeMap<String, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let mut objects = OBJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let object = objects.entry(name.to_owned()).or_default().clone();
    drop(objects);
    let compile = || {
        let dir = Programs(Dir::new(&format!("cpp-object-{name}")));
        let object = dir.compile(&source(name), &[flags(name), sanitizers()].concat());
        // Moved, so that it outlives its directory and does not conflict with other test runs.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cpp-{name}.o"));
        fs::rename(object, &kept).expect("the object can be moved");
        kept
    };
    object.get_or_init(compile).clone()
}

/// The library's functions among the symbols of a file.
fn symbols(flags: &[&str], file: &Path) -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(flags).arg(file);
    let listed = succeed(nm);
    let names = listed.lines().filter_map(|line| line.split_whitespace().last());
    names.filter(|name| name.starts_with("acclient_")).map(str::to_owned).collect()
}

/// Command that checks the syntax of a program, with warnings as errors.
fn syntax(compiler: &str, standard: &str, flags: &[&str], program: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(["-fsyntax-only", "-pthread"]).args(flags);
    command.args(WARNINGS).arg("-I").arg(include()).arg(program);
    command
}

fn source(name: &str) -> PathBuf {
    root().join("tests/cpp").join(format!("{name}.cpp"))
}

fn example(name: &str) -> PathBuf {
    root().join("examples").join(format!("{name}.cpp"))
}
