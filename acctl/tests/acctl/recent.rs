//! `acctl recent`: recorded handles in the state directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use devgrid::Grid;
use serde_json::Value;
use support::wait_until;

use crate::program::{ACCTL, Ran, command};
use crate::schemas::documents;

/// Temporary state directory, removed on drop.
pub struct State(PathBuf);

impl State {
    pub fn new(name: &str) -> Self {
        let path = Path::new(ACCTL).with_file_name(format!("state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        State(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }

    fn file(&self) -> PathBuf {
        self.0.join("acctl/recent.jsonl")
    }

    fn command(&self, grid: &Grid, args: &[&str]) -> Command {
        let mut acctl = command(ACCTL, Some(&grid.url()));
        acctl.env("XDG_STATE_HOME", &self.0).args(args);
        acctl
    }

    pub fn acctl(&self, grid: &Grid, args: &[&str]) -> Ran {
        self.command(grid, args).output().expect("acctl runs").into()
    }

    /// Recorded handles, newest first.
    fn listed(&self, grid: &Grid) -> Vec<Value> {
        let ran = self.acctl(grid, &["--json", "recent"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        documents(&ran.stdout)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn handles_are_recorded_only_while_recording_is_on() {
    let grid = Grid::demo().expect("a grid");
    let state = State::new("asked");
    let ran = state.acctl(&grid, &["recent"]);
    assert!(ran.status == 0 && ran.stderr.contains("acctl recent --on"), "{ran:?}");
    assert_eq!(state.acctl(&grid, &["run", "1:1", "--", "true"]).status, 0);
    assert!(!state.0.exists());
    let ran = state.acctl(&grid, &["--json", "recent", "--on"]);
    let [recording] = &documents(&ran.stdout)[..] else { panic!("{ran:?}") };
    assert_eq!(
        (&recording["on"], &recording["file"]),
        (&true.into(), &state.file().to_str().into())
    );
    assert_eq!((mode(&state.file()), mode(&state.0.join("acctl"))), (0o600, 0o700));
    assert!(state.listed(&grid).is_empty());
    let sent = state.acctl(&grid, &["run", "1:1", "--env", "A=secret", "--", "echo", "secret"]);
    assert_eq!(sent.status, 0, "{sent:?}");
    assert_eq!(state.acctl(&grid, &["bash", "role=cpu", "--detach", ": secret"]).status, 0);
    assert_eq!(
        state.acctl(&grid, &["script", "1:2", "test/echo", "--arg", "message=secret"]).status,
        0
    );
    assert_eq!(state.acctl(&grid, &["cmd", "1:2", "--id", "ping-1", "ping"]).status, 0);
    // Commands that were not sent are not recorded.
    assert_eq!(state.acctl(&grid, &["run", "1:1"]).status, 2);
    assert_eq!(state.acctl(&grid, &["run", "1:1", "--dry-run", "--", "true"]).status, 0);
    let listed = state.listed(&grid);
    let of = |name: &str| listed.iter().map(|entry| entry[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("name"), ["cmd", "script", "bash", "run"]);
    assert_eq!(of("target"), ["1:2", "1:2", "all,role=cpu", "1:1"]);
    assert_eq!(listed[0]["command"], "acclient:1:ping-1:1:2");
    assert!(sent.stderr.contains(listed[3]["command"].as_str().expect("a handle")), "{sent:?}");
    let text = fs::read_to_string(state.file()).expect("a file");
    assert!(!text.contains("secret") && !text.contains("echo"), "{text}");
    let shown = state.acctl(&grid, &["recent"]).stdout;
    assert!(shown.starts_with("SENT ") && shown.contains("  cmd     1:2  "), "{shown}");
    let handle = listed[2]["command"].as_str().expect("a handle");
    assert_eq!(state.acctl(&grid, &["wait", handle]).status, 0);
    assert_eq!(state.acctl(&grid, &["recent", "--clear"]).status, 0);
    assert!(state.listed(&grid).is_empty());
    assert_eq!(mode(&state.file()), 0o600);
    assert_eq!(state.acctl(&grid, &["recent", "--off"]).status, 0);
    assert!(!state.file().exists());
    let ran = state.acctl(&grid, &["--json", "recent", "--clear"]);
    assert_eq!(documents(&ran.stdout)[0]["on"], false);
    assert!(!state.file().exists());
}

#[test]
fn handle_is_recorded_before_the_wait() {
    let grid = Grid::demo().expect("a grid");
    let state = State::new("wait");
    state.acctl(&grid, &["recent", "--on"]);
    let mut waits = state.command(&grid, &["run", "1:1", "-q", "--", "sleep", "600"]);
    let mut waits = waits.spawn().expect("acctl runs");
    wait_until("it is listed", || !state.listed(&grid).is_empty());
    waits.kill().expect("a child");
    waits.wait().expect("a child");
    let listed = state.listed(&grid);
    let handle = listed[0]["command"].as_str().expect("a handle");
    wait_until("it is killed", || state.acctl(&grid, &["kill", handle]).status == 0);
}

#[test]
fn concurrent_processes_lose_no_handle_while_old_ones_are_dropped() {
    let grid = Grid::demo().expect("a grid");
    let state = State::new("at-once");
    state.acctl(&grid, &["recent", "--on"]);
    let old = r#"{"command":"acclient:1:old:1:1","target":"1:1","time":1,"name":"run"}"#;
    fs::write(state.file(), format!("{old}\n").repeat(1040)).expect("written");
    let sent: Vec<String> = std::thread::scope(|scope| {
        let run = || {
            let runs =
                (0..5).map(|_| state.acctl(&grid, &["run", "--detach", "1:1", "--", "true"]));
            runs.map(|ran| ran.stdout.trim_end().to_owned()).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let listed = state.listed(&grid);
    assert!(listed.len() < 1060, "{}", listed.len());
    let mut found: Vec<String> = listed[..sent.len()]
        .iter()
        .map(|entry| entry["command"].as_str().expect("a handle").to_owned())
        .collect();
    let mut sent = sent;
    found.sort();
    sent.sort();
    assert_eq!(found, sent);
    assert_eq!(mode(&state.file()), 0o600);
}

#[test]
fn unusable_file_is_a_warning() {
    let grid = Grid::demo().expect("a grid");
    let state = State::new("broken");
    let file = state.file();
    let warned = |what: &str| {
        let ran = state.acctl(&grid, &["run", "1:1", "--", "echo", "done"]);
        assert_eq!((ran.status, &*ran.stdout), (0, "done\n"), "{what}: {ran:?}");
        let warnings = ran.stderr.lines().filter(|line| line.contains("cannot record the handle"));
        assert_eq!(warnings.count(), 1, "{what}: {ran:?}");
    };
    state.acctl(&grid, &["recent", "--on"]);
    let locked = fs::File::open(&file).expect("a file");
    locked.lock().expect("a lock");
    warned("locked by a stopped process");
    drop(locked);
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("a directory");
    warned("a directory");
    let ran = state.acctl(&grid, &["recent"]);
    assert!(ran.status == 7 && ran.stderr.contains("recent.jsonl: not a regular file"), "{ran:?}");
    fs::remove_dir(&file).expect("removed");
    let made = Command::new("mkfifo").arg(&file).status().expect("mkfifo");
    assert!(made.success());
    warned("a pipe");
    fs::remove_file(&file).expect("removed");
    std::os::unix::fs::symlink("/dev/full", &file).expect("a link");
    warned("a device");
    fs::remove_file(&file).expect("removed");
    // Invalid lines are skipped.
    fs::write(&file, b"\xff\xfe\0nonsense\n{\"command\":\"accl").expect("written");
    assert_eq!(state.acctl(&grid, &["run", "1:1", "--id", "x", "--", "true"]).status, 0);
    let ran = state.acctl(&grid, &["recent"]);
    assert!(ran.stdout.ends_with("acclient:1:x:1:1\n"), "{ran:?}");
    assert!(ran.stderr.contains("skipped 2 invalid lines"), "{ran:?}");
}

#[test]
fn unconfirmed_command_is_recorded() {
    let grid = Grid::demo().expect("a grid");
    let state = State::new("not-confirmed");
    state.acctl(&grid, &["recent", "--on"]);
    let url = crate::cut::cutting(grid.redis(), "unconfirmed", 1);
    let mut acctl = command(ACCTL, Some(&url));
    acctl.env("XDG_STATE_HOME", &state.0).args(["run", "1:1", "--", "echo", "unconfirmed"]);
    let ran: Ran = acctl.output().expect("acctl runs").into();
    assert_eq!(ran.status, 6, "{ran:?}");
    let listed = state.listed(&grid);
    let handle = listed[0]["command"].as_str().expect("a handle");
    assert!(ran.stderr.contains(handle), "{ran:?}");
}
