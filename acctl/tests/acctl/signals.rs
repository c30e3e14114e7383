//! Interruptions by a signal or a closed stdout. In each case the output lists the commands in flight and the agents not
//! started.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use devgrid::{Grid, signals};
use serde_json::Value;
use support::gate::Gate;
use support::wait_until;

use crate::program::{ACCTL, Ran, acctl, command};
use crate::pty::Terminal;
use crate::schemas::documents;

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGPIPE: i32 = 13;
const SIGNALS: [(i32, &str); 4] =
    [(SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGPIPE, "SIGPIPE"), (signals::SIGTERM, "SIGTERM")];

fn start(grid: &Grid, args: &[&str]) -> Child {
    let mut command = command(ACCTL, Some(&grid.url()));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("acctl")
}

/// Handles after "resume with".
fn handles(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("resume with: acctl wait "));
    let quoted = lines.flat_map(|line| line.split(' '));
    quoted.map(|handle| handle.trim_matches('\'').to_owned()).collect()
}

fn kill_all(grid: &Grid, handles: &[String]) {
    for handle in handles {
        assert_eq!(acctl(&grid.url(), &["kill", handle]).status, 0, "{handle}");
    }
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn each_signal_leaves_commands_in_flight_and_lists_them() {
    let grid = Grid::demo().expect("a grid");
    for (signal, name) in SIGNALS {
        let mut child = start(&grid, &["--json", "run", "1:1", "--", "sleep", "600"]);
        // The job may run before acctl has printed its handle.
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut printed = String::new();
        stderr.read_line(&mut printed).expect("a line");
        wait_until("the job runs", || grid.running_jobs() == 1);
        signals::send(child.id(), signal);
        let mut ran: Ran = child.wait_with_output().expect("it ends").into();
        stderr.read_to_string(&mut printed).expect("the other lines");
        ran.stderr = printed;
        assert_eq!(ran.status, 128 + signal, "{ran:?}");
        let documents = documents(&ran.stdout);
        let [sent, interrupted, summary] = &documents[..] else { panic!("{ran:?}") };
        assert_eq!(sent["type"], "sent");
        assert_eq!(
            (&interrupted["type"], &interrupted["signal"]),
            (&"interrupted".into(), &name.into())
        );
        assert_eq!(interrupted["commands"][0], sent["command"]);
        assert_eq!(
            (&summary["type"], &summary["status"]),
            (&"summary".into(), &(128 + signal).into())
        );
        assert_eq!(summary["pending"][0], sent["command"]);
        let first = ran.stderr.lines().next().expect("a line");
        assert_eq!(first, format!("sent as {}", sent["command"].as_str().expect("a handle")));
        assert!(ran.stderr.contains("commands in flight continue"), "{ran:?}");
        assert_eq!(grid.running_jobs(), 1);
        kill_all(&grid, &handles(&ran.stderr));
    }
}

#[test]
fn each_signal_kills_with_kill_on_interrupt() {
    let grid = Grid::demo().expect("a grid");
    for (signal, _) in SIGNALS {
        let child = start(&grid, &["run", "all", "--kill-on-interrupt", "--", "sleep", "600"]);
        wait_until("the jobs run", || grid.running_jobs() == 3);
        signals::send(child.id(), signal);
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!(ran.status, 128 + signal, "{ran:?}");
        assert!(ran.stderr.contains("2:1: ended"), "{ran:?}");
        wait_until("none runs", || grid.running_jobs() == 0);
    }
}

#[test]
fn each_signal_ends_a_rollout_and_lists_agents_not_started() {
    let grid = Grid::demo().expect("a grid");
    for (signal, name) in SIGNALS {
        let child = start(&grid, &["run", "all", "--batch", "2", "--", "sleep", "600"]);
        wait_until("the batch runs", || grid.running_jobs() == 2);
        signals::send(child.id(), signal);
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!(ran.status, 128 + signal, "{name}: {ran:?}");
        assert!(ran.stderr.contains("interrupted: not sent to 2:1"), "{name}: {ran:?}");
        let handles = handles(&ran.stderr);
        assert_eq!(handles.len(), 2, "{name}: {ran:?}");
        kill_all(&grid, &handles);
    }
}

#[test]
fn signals_end_queries_and_followed_logs() {
    let grid = Grid::demo().expect("a grid");
    grid.redis().pause();
    for args in [&["agents"][..], &["ps"], &["wait", "x"]] {
        let mut child = start(&grid, &[&["--json", "--timeout", "600"], args].concat());
        wait_until("it handles signals", || catches(child.id(), SIGHUP));
        signals::send(child.id(), SIGHUP);
        wait_until("it ends", || child.try_wait().expect("a child").is_some());
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!(ran.status, 129, "{args:?}: {ran:?}");
        let documents = documents(&ran.stdout);
        assert_eq!(documents.len(), 1, "{ran:?}");
        assert_eq!(documents[0]["type"], "interrupted", "{args:?}: {ran:?}");
        assert_eq!(ran.stderr, "interrupted by SIGHUP\n", "{args:?}");
    }
    grid.redis().resume();
    // Followed log.
    let job = acctl(&grid.url(), &["bash", "1:1", "--detach", "echo begun; sleep 600"]).stdout;
    let mut child = start(&grid, &["--json", "logs", "-f", job.trim_end()]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.next().expect("a line").expect("text").contains("begun"));
    signals::send(child.id(), SIGINT);
    let last: Value =
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
    assert_eq!(
        (&last["type"], &last["commands"][0]),
        (&"interrupted".into(), &job.trim_end().into())
    );
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

/// Whether the process has a handler for the signal.
fn catches(pid: u32, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("a number");
    mask >> (signal - 1) & 1 == 1
}

#[test]
fn ignored_signal_stays_ignored() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let mut shell = command("bash", Some(&grid.url()));
    shell.args([
        "-c",
        "trap '' HUP; exec acctl bash 1:1 \"$1\"",
        "-",
        &format!("{}; echo done", gate.wait()),
    ]);
    let child = shell.stdout(Stdio::piped()).spawn().expect("bash");
    wait_until("the job runs", || grid.running_jobs() == 1);
    signals::send(child.id(), SIGHUP);
    gate.open();
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!((ran.status, &*ran.stdout), (0, "done\n"));
}

#[test]
fn closed_terminal_counts_as_sighup() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl run all --kill-on-interrupt -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("the jobs run", || grid.running_jobs() == 3);
    assert_eq!(terminal.hang_up(), 129);
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn closed_pipe_ends_the_wait() {
    let grid = Grid::demo().expect("a grid");
    let mut child = start(&grid, &["run", "1:1", "--", "sleep", "600"]);
    wait_until("the job runs", || grid.running_jobs() == 1);
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 141, "{ran:?}");
    assert!(ran.stderr.contains("interrupted: stdout was closed"), "{ran:?}");
    assert!(!ran.stderr.contains("SIGPIPE"), "{ran:?}");
    kill_all(&grid, &handles(&ran.stderr));
    // With --kill-on-interrupt.
    let mut child = start(&grid, &["run", "all", "--kill-on-interrupt", "--", "sleep", "600"]);
    wait_until("the jobs run", || grid.running_jobs() == 3);
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 141, "{ran:?}");
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn closed_pipe_ends_a_rollout_and_lists_agents_not_started() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = format!("[ $AGENT_NID = 1 ] || {{ {}; }}; echo out", gate.wait());
    let mut child = start(&grid, &["bash", "all", "--batch", "2", &script]);
    let mut first = [0; 6];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("a heading");
    assert_eq!(&first, b"== 1:1");
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 141, "{ran:?}");
    assert!(ran.stderr.contains("interrupted: not sent to 2:1"), "{ran:?}");
    let [handle] = &handles(&ran.stderr)[..] else { panic!("{ran:?}") };
    gate.open();
    let waited = acctl(&grid.url(), &["wait", handle]);
    assert_eq!((waited.status, &*waited.stdout), (0, "out\n"));
}

#[test]
fn closed_stderr_does_not_end_the_wait() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = format!("{}; echo out; echo err >&2", gate.wait());
    let mut child = start(&grid, &["bash", "all", &script]);
    drop(child.stderr.take());
    wait_until("the jobs run", || grid.running_jobs() == 3);
    gate.open();
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!((ran.status, ran.stdout.matches("out\n").count()), (0, 3), "{ran:?}");
}

#[test]
fn handle_goes_to_stderr_if_stdout_cannot_be_written() {
    let grid = Grid::demo().expect("a grid");
    for args in
        [&["run", "1:1", "--detach", "--", "true"][..], &["run", "1:1", "--", "echo", "out"]]
    {
        let mut command = command(ACCTL, Some(&grid.url()));
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let child = command.args(args).stdout(full).stderr(Stdio::piped()).spawn().expect("acctl");
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!(ran.status, 7, "{ran:?}");
        assert!(ran.stderr.contains("No space left"), "{ran:?}");
        let handle = ran.stderr.lines().find_map(|line| line.strip_prefix("sent as "));
        let handle = handle.unwrap_or_else(|| panic!("{ran:?}"));
        assert_eq!(acctl(&grid.url(), &["wait", handle]).status, 0);
    }
    // A pipe closed before the first write.
    let mut child = start(&grid, &["run", "1:1", "--detach", "--", "true"]);
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 141, "{ran:?}");
}

#[test]
fn handle_is_printed_before_the_wait() {
    let grid = Grid::demo().expect("a grid");
    let mut child = start(&grid, &["run", "all", "--", "sleep", "600"]);
    let mut first = String::new();
    BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut first).expect("a line");
    let handle = first.trim_end().strip_prefix("sent as ").expect("a handle").to_owned();
    child.kill().expect("killed");
    child.wait().expect("it ends");
    wait_until("the jobs run", || grid.running_jobs() == 3);
    kill_all(&grid, &[handle]);
    let quiet = acctl(&grid.url(), &["run", "-q", "all", "--", "true"]);
    assert_eq!((quiet.status, &*quiet.stderr), (0, ""));
}
