//! `--group`, `--table` and `--summary`.

use std::time::Duration;

use devgrid::Grid;

use crate::program::{acctl, session};
use crate::pty::Terminal;
use support::gate::Gate;
use support::with_growing_time;

#[test]
fn results_session() {
    let grid = Grid::demo().expect("a grid");
    session("results", &grid.url());
}

/// Script that waits for the gate on all agents but 1:2.
fn late_but_one(gate: &Gate) -> String {
    format!("[ $AGENT_GID:$AGENT_NID = 1:2 ] || {{ {}; }}", gate.wait())
}

#[test]
fn interrupted_wait_prints_groups_with_escaped_control_characters() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = late_but_one(&gate);
    let line = format!("exec acctl bash all --group '{script}; printf \"a\\033[2Jb\\n\"'");
    let terminal = Terminal::start(&grid.url(), &line, &[]);
    terminal.wait_for("1 done, 0 failed, 2 running");
    assert!(!terminal.shown().contains("SUCCESS"), "{:?}", terminal.shown());
    terminal.ctrl_c();
    let (terminal, status) = terminal.ended();
    let screen = terminal.screen();
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("== 1:2 SUCCESS (1 agent)\n  a^[[2Jb\n1 succeeded\n"), "{screen}");
    assert!(screen.contains("resume with: acctl wait 'acclient:1:"), "{screen}");
}

#[test]
fn table_lines_fit_the_terminal_with_escaped_control_characters() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let wait = gate.wait();
    let script = format!("{wait}; printf \"\\033[31m%0100d\\n\" $AGENT_GID");
    let line = format!("exec acctl bash all --table --batch 1 '{script}'");
    let terminal = Terminal::start(&grid.url(), &line, &[]);
    terminal.resize(60);
    gate.open();
    let (terminal, status) = terminal.ended();
    let screen = terminal.screen();
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(status, 0, "{screen}");
    assert_eq!(lines[0], "AGENT   STATE              TIME  OUTPUT", "{screen}");
    assert_eq!((lines.len(), lines[4]), (5, "3 succeeded"), "no line was wrapped: {screen}");
    for (line, agent) in lines[1..4].iter().zip(["1:1", "1:2", "2:1"]) {
        assert!(line.starts_with(agent) && line.contains(" s  ^[[31m0000"), "{screen}");
        assert_eq!(line.len(), 60, "{screen}");
    }
}

#[test]
fn table_has_a_line_for_an_agent_without_a_result() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = late_but_one(&gate);
    let ran = with_growing_time(Duration::from_secs(1), |time| {
        let wait = format!("{}s", time.as_secs());
        let ran = acctl(&grid.url(), &["bash", "1:1-2", "--table", "--wait", &wait, &script]);
        ran.stdout.contains("SUCCESS").then_some(ran)
    });
    assert_eq!(ran.status, 4, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[1].starts_with("1:2     SUCCESS "), "{ran:?}");
    assert!(
        lines[2].starts_with("1:1     silent ") && lines[2].ends_with(" s  running"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains("no result"), "{ran:?}");
    assert!(ran.stderr.contains("acctl: did not answer: 1:1\n"), "{ran:?}");
}
