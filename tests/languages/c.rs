//! The C programs of `tests/c`, with the header and the library that cargo built for this run.
//!
//! Each runs with the shared library, AddressSanitizer and UBSan, which find errors and leaks of the program.
//! The library itself is built without sanitizers, so programs that pass invalid arguments or use most handles
//! also run under valgrind, with the static library. If valgrind or a compiler is missing, that part is skipped
//! with a message; in CI (`CI` is set) it fails.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::tools::{Library, Programs, WARNINGS, names, source};
use devgrid::{Grid, RedisServer, free_port};
use support::forgetful::Forgetful;
use support::programs::{
    ADDRESS, built, declared, include, is_there, library, mentioned, put_broken_result, sanitizes,
    succeed, tested,
};
use support::secured::Secured;

#[test]
fn header() {
    let dir = Programs::new("c-header");
    let header = source("header.c");
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
            command.args(WARNINGS).arg("-I").arg(include()).arg(&header);
            if language == "c" {
                command.arg("-Wstrict-prototypes");
            }
            succeed(command);
        }
    }

    let declared = declared();
    let program = dir.compile("header.c", &Library::Shared);
    let listed = names(&succeed(built(program)));
    // No export can be removed without editing this table.
    assert_eq!(listed, declared, "the table of header.c does not match the header");
    succeed(built(dir.compile("header.c", &Library::Static)));

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
        let wanted = declared.iter().map(|name| ("T".to_owned(), name.clone())).collect();
        assert_eq!(exported, wanted, "the exports of libacclient.so do not match the header");
    }
}

/// Every export occurs in the code of a program that is run or in the shared helpers, apart from the programs
/// in which all calls fail and the one that lists the exports.
#[test]
fn coverage() {
    let mut programs = tested("tests/c", "c", module_path!());
    programs.retain(|name| !name.starts_with("null") && name != "header");
    assert!(programs.len() > 10, "{programs:?}");
    let mentioned = programs.iter().flat_map(|name| mentioned(&source(&format!("{name}.c"))));
    let mentioned = mentioned.chain(support::programs::mentioned(&source("check.h")));
    let missing = &declared() - &mentioned.collect();
    assert!(missing.is_empty(), "no program of tests/c calls {missing:?}");
}

#[test]
fn null() {
    functional("null.c");
}

#[test]
fn null_client() {
    functional("null_client.c");
}

#[test]
fn null_job() {
    functional("null_job.c");
}

#[test]
fn null_node() {
    functional("null_node.c");
}

#[test]
fn run() {
    functional("run.c");
}

#[test]
fn target() {
    functional("target.c");
}

#[test]
fn job() {
    let grid = Grid::demo().expect("a grid");
    put_broken_result(grid.redis());
    checked(&Programs::new("c-job"), "job.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn tunnel() {
    functional("tunnel.c");
}

#[test]
fn node() {
    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    checked(&Programs::new("c-node"), "node.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn fanout() {
    let grid = with_a_silent_agent();
    checked(&Programs::new("c-fanout"), "fanout.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn options() {
    let grid = Grid::demo().expect("a grid");
    let locked = RedisServer::builder().unix_socket().password("sesame").start().expect("a Redis");
    let socket = locked.socket_path().expect("it has one").display().to_string();
    let (url, port) = (grid.url(), grid.redis().port().to_string());
    let dir = Programs::new("c-options");
    let instances = format!(
        "[grid]\nurl = \"{url}\"\n\
         [parts]\nhost = \"127.0.0.1\"\nport = {port}\ndb = 0\ntimeout = 5\nmax_connections = 3\n\
         [locked]\nunix_socket = \"{socket}\"\nuser = \"default\"\npassword = \"sesame\"\n\
         [forgotten]\nunix_socket = \"{socket}\"\n\
         [both]\nurl = \"{url}\"\nhost = \"x\"\npassword = \"sesame\"\n"
    );
    let config = dir.write("instances.toml", &instances);
    let environment = [
        ("ACCLIENT_URL", url.as_str()),
        ("ACCLIENT_PORT", &port),
        ("ACCLIENT_SOCKET", &socket),
        ("ACCLIENT_CONFIG", &config),
    ];
    checked(&dir, "options.c", &environment);
}

#[test]
fn progress() {
    let grid = with_a_silent_agent();
    let queue = RedisServer::start().expect("a Redis");
    let forgetful = Forgetful::start();
    let [url, forget] = forgetful.environment();
    let environment =
        [("ACCLIENT_URL", grid.url()), ("ACCLIENT_QUEUE_URL", queue.url()), url, forget];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    checked(&Programs::new("c-progress"), "progress.c", &environment);
}

#[test]
fn kill() {
    functional("kill.c");
}

#[test]
fn rollout() {
    let grid = with_a_silent_agent();
    checked(&Programs::new("c-rollout"), "rollout.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn doctor() {
    let grid = Grid::demo().expect("a grid");
    let few = RedisServer::builder().user_acl(FEW_RIGHTS).start().expect("a Redis");
    let few_url = few.url().replace("redis://", "redis://few:x@");
    let environment = [("ACCLIENT_URL", grid.url()), ("ACCLIENT_FEW_URL", few_url)];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    checked(&Programs::new("c-doctor"), "doctor.c", &environment);
}

#[test]
fn tls() {
    let secured = Secured::start();
    let (dir, environment) = (Programs::new("c-tls"), secured.environment());
    checked(&dir, "tls.c", &environment);
}

#[test]
fn stopped() {
    let server = RedisServer::start().expect("a Redis");
    let (url, pid) = (server.url(), server.pid().to_string());
    let environment = [("ACCLIENT_URL", url.as_str()), ("ACCLIENT_REDIS_PID", &pid)];
    checked(&Programs::new("c-stopped"), "stopped.c", &environment);
}

/// The sanitizers are active: they end a program with errors.
#[test]
fn address_sanitizer() {
    let dir = Programs::new("c-asan");
    if !sanitizes(&dir.0, ADDRESS) {
        return;
    }
    assert!(dir.caught(ADDRESS, "address").contains("heap-buffer-overflow"));
    assert!(dir.caught(ADDRESS, "leak").contains("detected memory leaks"));
    assert!(dir.caught(ADDRESS, "undefined").contains("signed integer overflow"));
}

#[test]
fn threads() {
    let grid = Grid::demo().expect("a grid");
    let url = grid.url();
    let dir = Programs::new("c-threads");
    let environment = [("ACCLIENT_URL", url.as_str())];
    checked(&dir, "threads.c", &environment);
    if sanitizes(&dir.0, "thread") {
        assert!(dir.caught("thread", "thread").contains("data race"));
        dir.run_sanitized("threads.c", "thread", &environment);
    }
}

#[test]
fn log() {
    functional("log.c");
}

#[test]
fn event_loop() {
    let grid = with_a_silent_agent();
    checked(&Programs::new("c-event-loop"), "event_loop.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn cancel() {
    functional("cancel.c");
}

#[test]
fn resolve() {
    functional("resolve.c");
}

#[test]
fn close() {
    functional("close.c");
}

#[test]
fn sigpipe() {
    let dir = Programs::new("c-sigpipe");
    // Each run kills its server.
    let with_server = |run: fn(&Programs, &str, &[(&str, &str)])| {
        let server = RedisServer::start().expect("a Redis");
        let (url, pid) = (server.url(), server.pid().to_string());
        run(&dir, "sigpipe.c", &[("ACCLIENT_URL", &url), ("ACCLIENT_REDIS_PID", &pid)]);
    };
    with_server(checked);
}

/// Users copy the example, so its error path must work with every compiler: without a server it prints the
/// error and exits.
#[test]
fn quickstart_without_a_server() {
    let dir = Programs::new("c-quickstart");
    let port = free_port().expect("a free port");
    let url = format!("redis://127.0.0.1:{port}");
    // Debian packages the sanitizers of clang separately.
    for (compiler, sanitizer) in [("gcc", Some(ADDRESS)), ("clang", None)] {
        let has_sanitizer = sanitizer.is_none_or(|sanitizer| sanitizes(&dir.0, sanitizer));
        if !is_there(compiler) || !is_there("valgrind") || !has_sanitizer {
            continue;
        }
        let (status, output) = dir.example(compiler, sanitizer, &[("ACCLIENT_URL", &url)]);
        assert_eq!(status.code(), Some(1), "{compiler}: {output}");
        assert!(output.contains("cannot connect to 127.0.0.1"), "{compiler}: {output}");
    }
}

/// Not under valgrind, which reports memory that a child inherits and does not free as leaks.
#[test]
fn fork() {
    let grid = Grid::demo().expect("a grid");
    Programs::new("c-fork").run("fork.c", &[("ACCLIENT_URL", &grid.url())]);
}

#[test]
fn inherited() {
    let grid = Grid::demo().expect("a grid");
    Programs::new("c-inherited").run("inherited.c", &[("ACCLIENT_URL", &grid.url())]);
}

/// ACL of a user without read permissions.
const FEW_RIGHTS: &str = "few on nopass ~* +hello +auth +ping +llen +info +rpush";

/// Programs that also run under valgrind.
const UNDER_VALGRIND: [&str; 7] =
    ["null.c", "null_client.c", "null_job.c", "null_node.c", "run.c", "job.c", "stopped.c"];

/// Runs a program that needs a grid and nothing else.
fn functional(name: &str) {
    let grid = Grid::demo().expect("a grid");
    let dir = Programs::new(name.trim_end_matches(".c"));
    checked(&dir, name, &[("ACCLIENT_URL", &grid.url())]);
}

fn checked(dir: &Programs, name: &str, environment: &[(&str, &str)]) {
    if sanitizes(&dir.0, ADDRESS) {
        dir.run_sanitized(name, ADDRESS, environment);
    } else {
        dir.run(name, environment);
    }
    if UNDER_VALGRIND.contains(&name) {
        dir.run_under_valgrind(name, environment);
    }
}

/// The demo grid with a further agent 3:1, which is routable and does not answer.
fn with_a_silent_agent() -> Grid {
    let builder = Grid::demo_builder().agent(3, 1, &["silent"]);
    let grid = builder.routable_for(Duration::from_secs(3600)).start().expect("a grid");
    grid.pause_agent(3, 1);
    grid
}
