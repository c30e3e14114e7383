//! How results are shown and where they are written.

use devgrid::Grid;

use crate::program::session;
use crate::pty::Terminal;
use support::gate::Gate;

#[test]
fn the_session_of_results() {
    let grid = Grid::demo().expect("a grid");
    session("results", &grid.url());
}

/// Closes everything but the agent 1:2 behind a gate.
fn late_but_one(gate: &Gate) -> String {
    format!("[ $AGENT_GID:$AGENT_NID = 1:2 ] || {{ {}; }}", gate.wait())
}

#[test]
fn groups_of_an_interrupted_wait_are_printed_and_nothing_in_them_is_obeyed() {
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
    assert!(screen.contains("come back with: acctl wait 'acclient:1:"), "{screen}");
}
