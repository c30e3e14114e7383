//! The C++ headers, the programs of `tests/cpp` and the example, against the library that cargo
//! built for this run.
//!
//! Each program runs against the shared library, and once more under valgrind against the static
//! one. Where valgrind or a compiler is missing that part is left out, loudly; in CI (`CI` is set) it
//! fails.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use devgrid::{Grid, RedisServer};
use support::programs::{
    ADDRESS, Dir, SANITIZER_OPTIONS, SYSTEM_LIBRARIES, VALGRIND_ERRORS, built, declared, include,
    is_there, library, put_broken_result, root, sanitizes, succeed, tested,
};
use support::secured::Secured;

const WARNINGS: [&str; 6] =
    ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"];
const NO_EXCEPTIONS: [&str; 2] = ["-fno-exceptions", "-fno-rtti"];
const TIME: Duration = Duration::from_secs(300);
const TIME_UNDER_VALGRIND: Duration = Duration::from_secs(900);

/// Every header by itself, and all of them, in every way that is promised.
#[test]
fn headers() {
    let dir = Dir::new("cpp-headers");
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
    for name in programs() {
        succeed(syntax("clang++", "c++20", flags(&name), &source(&name)));
    }
    succeed(syntax("clang++", "c++17", &[], &root().join("examples/quickstart.cpp")));
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
        assert_eq!(exported, declared, "libacclient.so exports something else than the header has");
    }
}

#[test]
fn run() {
    functional("run");
}

#[test]
fn fanout() {
    functional("fanout");
}

#[test]
fn node() {
    functional("node");
}

#[test]
fn moves() {
    functional("moves");
}

#[test]
fn progress() {
    functional("progress");
}

#[test]
fn rollout() {
    functional("rollout");
}

/// Not under valgrind, which does not see that what assembly has encrypted is defined.
#[test]
fn tls() {
    let Some(dir) = Programs::with_compiler("tls") else { return };
    let object = object("tls");
    let secured = Secured::start();
    dir.check(&object, &secured.environment());
    dir.check_sanitized("tls", &secured.environment());
}

#[test]
fn stopped() {
    let Some(dir) = Programs::with_compiler("stopped") else { return };
    let object = object("stopped");
    let server = RedisServer::start().expect("a Redis");
    let (url, pid) = (server.url(), server.pid().to_string());
    let environment = [("ACCLIENT_URL", url.as_str()), ("ACCLIENT_REDIS_PID", &pid)];
    dir.check(&object, &environment);
    dir.check_under_valgrind(&object, &environment);
    dir.check_sanitized("stopped", &environment);
}

/// Not under valgrind: what a child leaves behind of its parent is no leak, but looks like one.
#[test]
fn process() {
    let Some(dir) = Programs::with_compiler("process") else { return };
    let object = object("process");
    on_a_grid(&dir, |environment| dir.check(&object, environment));
    on_a_grid(&dir, |environment| dir.check_sanitized("process", environment));
}

#[test]
fn plain() {
    functional("plain");
}

#[test]
fn reverse() {
    let Some(dir) = Programs::with_compiler("reverse") else { return };
    let object = object("reverse");
    let redis = RedisServer::start().expect("a Redis");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| offer_reverse_tunnels(&redis, &stop));
        // The controller stops also where a check fails.
        let _stop = OnDrop(&stop);
        dir.check(&object, &[("ACCLIENT_URL", &redis.url())]);
        dir.check_under_valgrind(&object, &[("ACCLIENT_URL", &redis.url())]);
        dir.check_sanitized("reverse", &[("ACCLIENT_URL", &redis.url())]);
    });
}

/// The tour says what the one in Rust says.
#[test]
fn quickstart() {
    let Some(dir) = Programs::with_compiler("quickstart") else { return };
    let grid = Grid::demo().expect("a grid");
    let object = dir.compile(&root().join("examples/quickstart.cpp"), &[]);
    let program = dir.link(&object, &Library::Shared);
    let (status, output) = dir.0.bounded(built(program), &[("ACCLIENT_URL", &grid.url())], TIME);
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
fn functional(name: &str) {
    let Some(dir) = Programs::with_compiler(name) else { return };
    let object = object(name);
    for check in [Programs::check, Programs::check_under_valgrind] {
        on_a_grid(&dir, |environment| check(&dir, &object, environment));
    }
    on_a_grid(&dir, |environment| dir.check_sanitized(name, environment));
}

/// Starts a grid for one run, which finds nothing of another.
fn on_a_grid(dir: &Programs, run: impl FnOnce(&[(&str, &str)])) {
    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    put_broken_result(grid.redis());
    let instances = dir.path().join("instances.toml");
    fs::write(&instances, format!("[main]\nurl = \"{}\"\n", grid.url())).expect("a file");
    let instances = instances.to_str().expect("a path");
    let queue = RedisServer::start().expect("a Redis that no controller drains");
    run(&[
        ("ACCLIENT_URL", &grid.url()),
        ("ACCLIENT_CONFIG", instances),
        ("ACCLIENT_QUEUE_URL", &queue.url()),
    ]);
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

/// A directory in which C++ programs are built and run.
struct Programs(Dir);

impl Programs {
    /// None where nothing can be compiled.
    fn with_compiler(name: &str) -> Option<Self> {
        is_there("g++").then(|| Programs(Dir::new(&format!("cpp-{name}"))))
    }

    fn path(&self) -> &Path {
        &self.0.0
    }

    fn check(&self, object: &Path, environment: &[(&str, &str)]) {
        let program = self.link(object, &Library::Shared);
        let (status, output) = self.0.bounded(built(program), environment, TIME);
        assert!(status.success(), "{}: {status}\n{output}", object.display());
    }

    fn check_under_valgrind(&self, object: &Path, environment: &[(&str, &str)]) {
        if !is_there("valgrind") {
            return;
        }
        let log = self.path().join("valgrind.log");
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--leak-check=full", "--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible"])
            .arg(format!("--error-exitcode={VALGRIND_ERRORS}"))
            .arg(format!("--log-file={}", log.display()))
            .env("ACCLIENT_TEST_SLOW", "1")
            .arg(self.link(object, &Library::Static));
        let (status, output) = self.0.bounded(valgrind, environment, TIME_UNDER_VALGRIND);
        let report = fs::read_to_string(&log).expect("valgrind's report");
        assert!(
            status.success(),
            "{} under valgrind: {status}\n{output}\n{report}",
            object.display()
        );
    }

    /// Compiles and runs a program with AddressSanitizer and UBSan, whose reports end it. The library,
    /// linked statically, has none itself.
    fn check_sanitized(&self, name: &str, environment: &[(&str, &str)]) {
        if !sanitizes(&self.0, ADDRESS) {
            return;
        }
        let sanitize = format!("-fsanitize={ADDRESS}");
        let mut all = vec!["-fno-sanitize-recover=all", "-fno-omit-frame-pointer", &sanitize];
        all.extend(flags(name));
        let object = self.compile(&source(name), &all);
        let program = self.link_with(&object, &Library::Static, &[&sanitize]);
        let mut command = built(program);
        command.envs(SANITIZER_OPTIONS);
        let (status, output) = self.0.bounded(command, environment, TIME);
        assert!(status.success(), "{name} with {ADDRESS}: {status}\n{output}");
    }

    fn compile(&self, source: &Path, flags: &[&str]) -> PathBuf {
        let object = self.path().join(source.file_name().expect("a file")).with_extension("o");
        let mut compiler = Command::new("g++");
        compiler.args(["-std=c++17", "-g", "-O0", "-pthread", "-c"]).args(WARNINGS).args(flags);
        compiler.arg("-I").arg(include()).arg("-o").arg(&object).arg(source);
        succeed(compiler);
        object
    }

    fn link(&self, object: &Path, form: &Library) -> PathBuf {
        self.link_with(object, form, &[])
    }

    fn link_with(&self, object: &Path, form: &Library, flags: &[&str]) -> PathBuf {
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

/// What a program is compiled with beside what all are.
fn flags(name: &str) -> &'static [&'static str] {
    if name == "plain" { &NO_EXCEPTIONS } else { &[] }
}

/// The object of a program, compiled once for all tests of this run.
fn object(name: &str) -> PathBuf {
    static OBJECTS: Mutex<BTreeMap<String, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let mut objects = OBJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let object = objects.entry(name.to_owned()).or_default().clone();
    drop(objects);
    let compile = || {
        let dir = Programs(Dir::new(&format!("cpp-object-{name}")));
        let object = dir.compile(&source(name), flags(name));
        // Renamed, so that it outlives its directory, and other runs of these tests do no harm.
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

/// Looks whether a program compiles without a warning.
fn syntax(compiler: &str, standard: &str, flags: &[&str], program: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(["-fsyntax-only", "-pthread"]).args(flags);
    command.args(WARNINGS).arg("-I").arg(include()).arg(program);
    command
}

fn source(name: &str) -> PathBuf {
    root().join("tests/cpp").join(format!("{name}.cpp"))
}
