//! The Go package in `go`, on a development grid, with the library that cargo built for this run. The library
//! is in a separate prefix without the header, since the package has its own copy.
//!
//! Without Go the tests are skipped with a message; in CI (`CI` is set) they fail. staticcheck runs if it is
//! installed.
#![cfg(target_os = "linux")]

mod modules;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use devgrid::{Grid, RedisServer};
use support::forgetful::Forgetful;
use support::programs::{SYSTEM_LIBRARIES, declared, is_there, library, put_broken_result, root};
use support::secured::Secured;

/// Exports that the package does not use, with the reason.
const UNUSED: [(&str, &str); 5] = [
    ("acclient_client_with_cancel", "the context of a call ends it"),
    ("acclient_outcomes_failure", "each outcome has its error"),
    ("acclient_results_poll_fd", "a goroutine that waits needs no event loop"),
    ("acclient_results_poll_ms", "a goroutine that waits needs no event loop"),
    ("acclient_results_poll_next", "a goroutine that waits needs no event loop"),
];

/// The first build compiles the race detector's standard library too.
const TIME: Duration = Duration::from_secs(900);

#[test]
fn package_passes_its_tests_and_calls_every_export() {
    if !is_there("go") || !is_there("pkg-config") {
        return;
    }
    let prefix = Prefix::new("package");
    let unformatted = prefix.run(Command::new("gofmt").arg("-l").arg(package()));
    assert!(unformatted.trim().is_empty(), "gofmt would change:\n{unformatted}");
    prefix.run(prefix.go().args(["vet", "./..."]));
    prefix.staticcheck();

    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    put_broken_result(grid.redis());
    let secured = Secured::start();
    let queue = RedisServer::start().expect("a Redis that no controller drains");
    let stopped = RedisServer::start().expect("a Redis that the tests stop");
    let forgetful = Forgetful::start();
    let mut test = prefix.go();
    test.envs(forgetful.environment());
    test.envs(secured.environment()).env("ACCLIENT_QUEUE_URL", queue.url());
    test.env("ACCLIENT_STOPPED_URL", stopped.url());
    test.env("ACCLIENT_STOPPED_PID", stopped.pid().to_string());
    let profile = prefix.0.join("coverage");
    test.args(["test", "-race", "-count=1", "-v", "-timeout=900s", "-coverprofile"]).arg(&profile);
    let printed = prefix.run(test.arg(".").env("ACCLIENT_URL", grid.url()));
    assert!(!printed.contains("--- SKIP"), "a test was skipped:\n{printed}");
    let profile = fs::read_to_string(profile).expect("the profile of coverage");
    let unused: BTreeSet<String> = UNUSED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing = &declared() - &executed(&profile);
    assert_eq!(missing, unused, "left: not called by a test of the Go package; right: not needed");
}

#[test]
fn quickstart_runs_linked_with_either_library() {
    if !is_there("go") || !is_there("pkg-config") {
        return;
    }
    let prefix = Prefix::new("quickstart");
    let grid = Grid::demo().expect("a grid");
    for (name, tags) in [("shared", ""), ("static", "acclient_static")] {
        let program = prefix.0.join(name);
        let mut build = prefix.go();
        build.args(["build", "-tags", tags, "-o"]).arg(&program).arg("./quickstart");
        prefix.run(&mut build);
        let mut tour = Command::new(&program);
        if name == "shared" {
            tour.env("LD_LIBRARY_PATH", prefix.lib());
        } else {
            // It must run without the shared library in the archive's directory.
            tour.env_remove("LD_LIBRARY_PATH");
        }
        let printed = prefix.run(tour.env("ACCLIENT_URL", grid.url()));
        for wanted in [
            "agent 2:1 with the roles cpu, storage",
            "1:2 SUCCESS in ",
            "2:1 KILLED after ",
            "cancelled after ",
            "no such agent",
        ] {
            assert!(printed.contains(wanted), "{name}: missing {wanted:?} in\n{printed}");
        }
    }
}

/// Exports whose calls in the package's sources were executed, according to a coverage profile.
fn executed(profile: &str) -> BTreeSet<String> {
    let blocks: Vec<Block> = profile.lines().filter_map(Block::parse).collect();
    assert!(blocks.len() > 100, "{profile}");
    let mut executed = BTreeSet::new();
    for file in blocks.iter().map(|block| block.file).collect::<BTreeSet<_>>() {
        let source = fs::read_to_string(package().join(file)).expect("a source of the package");
        for (line, text) in (1..).zip(source.lines()) {
            for (column, _) in text.match_indices("C.acclient_") {
                let at = (line, column + 1);
                // The innermost block, which starts last, contains the call.
                let around =
                    |block: &&Block| block.file == file && block.start <= at && at < block.end;
                let block = blocks.iter().filter(around).max_by_key(|block| block.start);
                if block.is_some_and(|block| block.count > 0) {
                    let name = &text[column + "C.".len()..];
                    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    executed.insert(name[..end.unwrap_or(name.len())].to_owned());
                }
            }
        }
    }
    executed
}

/// Statements from one line and column to another, counted from 1, and how often they were executed.
struct Block<'a> {
    file: &'a str,
    start: (usize, usize),
    end: (usize, usize),
    count: u64,
}

impl<'a> Block<'a> {
    /// Reads a line like `github.com/acclient/acclient/go/client.go:45.2,47.16 2 1`.
    fn parse(line: &'a str) -> Option<Self> {
        let place = |text: &str| {
            let (line, column) = text.split_once('.')?;
            Some((line.parse().ok()?, column.parse().ok()?))
        };
        let (file, rest) = line.rsplit_once('/')?.1.split_once(':')?;
        let mut words = rest.split(' ');
        let (start, end) = words.next()?.split_once(',')?;
        let count = words.nth(1)?.parse().ok()?;
        Some(Block { file, start: place(start)?, end: place(end)?, count })
    }
}

/// An installation of the library. It is kept if the test fails.
struct Prefix(PathBuf);

impl Prefix {
    fn new(name: &str) -> Self {
        let name = format!("go-{name}-{}", std::process::id());
        let prefix = Prefix(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let pkgconfig = prefix.lib().join("pkgconfig");
        fs::create_dir_all(&pkgconfig).expect("a directory");
        let copy = |from: PathBuf, to: PathBuf| {
            fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        };
        copy(library("libacclient.so"), prefix.lib().join("libacclient.so.0.1"));
        copy(library("libacclient.a"), prefix.lib().join("libacclient.a"));
        symlink("libacclient.so.0.1", prefix.lib().join("libacclient.so")).expect("a link");
        let text = format!(
            "prefix={}\nName: acclient\nDescription: client of AgentController8\nVersion: {}\n\
             Libs: -L${{prefix}}/lib -lacclient\n\
             Libs.private: {}\n",
            prefix.0.display(),
            env!("CARGO_PKG_VERSION"),
            SYSTEM_LIBRARIES.join(" ")
        );
        fs::write(pkgconfig.join("acclient.pc"), text).expect("a file for pkg-config");
        prefix
    }

    fn lib(&self) -> PathBuf {
        self.0.join("lib")
    }

    fn go(&self) -> Command {
        let mut go = Command::new("go");
        go.current_dir(package())
            .env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"))
            .env("LD_LIBRARY_PATH", self.lib())
            .env("CGO_ENABLED", "1")
            // The build cache depends on this variable but not on the output of pkg-config.
            .env("CGO_LDFLAGS", format!("-L{}", self.lib().display()))
            // The package imports only the standard library, so nothing is downloaded.
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-buildvcs=false");
        go
    }

    fn staticcheck(&self) {
        let path = self.run(self.go().args(["env", "GOPATH"]));
        let installed = Path::new(path.trim()).join("bin/staticcheck");
        if !installed.exists() {
            eprintln!("no {}: go install honnef.co/go/tools/cmd/staticcheck", installed.display());
            return;
        }
        // The environment of a build of the package.
        let go = self.go();
        let mut check = Command::new(installed);
        check.current_dir(package()).arg("./...");
        check.envs(go.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.run(&mut check);
    }

    /// Runs a tool that must succeed within [`TIME`], after which it is killed with its children.
    fn run(&self, command: &mut Command) -> String {
        command.process_group(0).stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let group = child.id();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // After the timeout there is no receiver.
            let _ = sender.send(child.wait_with_output());
        });
        let Ok(output) = receiver.recv_timeout(TIME) else {
            let kill = format!("kill -KILL -- -{group}");
            let _ = Command::new("sh").args(["-c", &kill]).status();
            panic!("{command:?} did not end within {TIME:?}");
        };
        let output = output.expect("a child can be waited for");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{printed}{complaints}", output.status);
        printed
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn package() -> PathBuf {
    root().join("go")
}
