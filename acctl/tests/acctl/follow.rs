//! `acctl logs -f`: exactly-once lines, controller restarts, gaps and ends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use devgrid::{Fault, Grid};

use crate::program::{ACCTL, acctl, command};
use support::gate::Gate;
use support::{ask, wait_until};

/// Environment variable with the number of runs of [`every_line_is_printed_once`].
const RUNS: &str = "ACCLIENT_FOLLOW_RUNS";

fn grid() -> Grid {
    Grid::builder().agent(1, 1, &[]).start().expect("a grid")
}

/// Sends a script to 1:1 and returns its handle.
fn detached(grid: &Grid, script: &str) -> String {
    let ran = acctl(&grid.url(), &["bash", "1:1", "--detach", script]);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim_end().to_owned()
}

#[test]
fn every_line_is_printed_once() {
    let runs = std::env::var(RUNS).map_or(2, |runs| runs.parse().expect("a number"));
    let grid = grid();
    let script = "for i in $(seq 2000); do \
                  if [ $((i % 2)) = 0 ]; then echo $i; else echo $i >&2; fi; \
                  [ $((i % 20)) = 0 ] && sleep 0.02; done; true";
    for run in 1..=runs {
        let ran = acctl(&grid.url(), &["logs", "-f", &detached(&grid, script)]);
        let lines: Vec<usize> = ran.stdout.lines().map(|it| it.parse().expect("a line")).collect();
        let once: BTreeSet<usize> = lines.iter().copied().collect();
        assert_eq!(
            (ran.status, &*ran.stderr, lines.len(), once.len()),
            (0, "", 2000, 2000),
            "{run}"
        );
    }
}

#[test]
fn gap_is_reported_with_its_position() {
    let grid = grid();
    let job = detached(&grid, "seq 5000");
    assert_eq!(acctl(&grid.url(), &["wait", &job]).status, 0);
    let ran = acctl(&grid.url(), &["--json", "logs", "-f", &job]);
    assert_eq!(ran.status, 7, "{}", ran.stderr);
    let document = ran.stdout.lines().find(|line| line.contains("\"gap\"")).expect("a gap");
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    assert_eq!((&document["agent"], &document["error"]["kind"]), (&"1:1".into(), &"Gap".into()));
    let gap = &document["error"]["gap"];
    assert!(gap["after"].is_null() && gap["before"].as_i64() > Some(1), "{gap}");
    assert!(ran.stderr.contains("may be missing"), "{}", ran.stderr);
}

#[test]
fn follow_survives_a_controller_restart() {
    let grid = grid();
    let gate = Gate::new();
    let job = detached(&grid, &format!("echo begun; {}; echo ended", gate.wait()));
    let mut follow = command(ACCTL, Some(&grid.url()));
    let mut child =
        follow.args(["logs", "-f", &job]).stdout(Stdio::piped()).spawn().expect("acctl");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().map(|line| line.expect("text"));
    assert_eq!(line().as_deref(), Some("begun"));
    grid.stop_controller();
    let mut redis = grid.redis().connection();
    wait_until("a request", || ask::<usize>(&mut redis, &[b"LLEN", b"cmds.queue"]) > 0);
    grid.start_controller();
    gate.open();
    assert_eq!((line().as_deref(), line()), (Some("ended"), None));
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn follow_ends_for_lost_jobs_deadlines_and_unknown_commands() {
    let grid = grid();
    grid.inject(Fault::DropResult);
    let job = detached(&grid, "echo line");
    wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
    let ran = acctl(&grid.url(), &["logs", "-f", &job]);
    assert_eq!((ran.status, &*ran.stdout), (1, "line\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the job is lost"), "{}", ran.stderr);

    let job = detached(&grid, "exec sleep 600");
    let ran = acctl(&grid.url(), &["logs", "-f", "--wait", "0.5", &job]);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
    assert_eq!(acctl(&grid.url(), &["kill", &job]).status, 0);
    grid.stop_controller();
    let queued = detached(&grid, "true");
    let ran = acctl(&grid.url(), &["logs", "-f", "--wait", "0.5", &queued]);
    assert_eq!((ran.status, &*ran.stdout), (4, ""), "{}", ran.stderr);

    let ran = acctl(&grid.url(), &["logs", "-f", "nobody-sent-it"]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let ran = acctl(&grid.url(), &["logs", "--wait", "5", &job]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
}
