//! `acctl kill`, and jobs that cannot be killed.

use acclient::{Client, Target};
use devgrid::Grid;
use support::gate::Gate;
use support::{wait_until, wait_until_it_printed, wait_until_running};

use crate::program::{Ran, acctl};

fn detached(grid: &Grid, args: &[&str]) -> String {
    let ran = acctl(&grid.url(), args);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim_end().to_owned()
}

fn ran(grid: &Grid, args: &[&str]) -> Ran {
    acctl(&grid.url(), args)
}

#[test]
fn kill_ends_scripts_only_if_killable() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let gate = Gate::new();
    let script = format!("echo started; {}", gate.wait());
    let job = detached(&grid, &["bash", "1:1", "--detach", &script]);
    wait_until_it_printed(&client.get_by_handle(&job).expect("a handle"));
    for _ in 0..2 {
        let killed = ran(&grid, &["kill", &job]);
        assert_eq!(killed.status, 0, "{killed:?}");
        assert!(killed.stdout.starts_with("1:1: ordered: the process was killed"), "{killed:?}");
    }
    let killed = ran(&grid, &["--json", "kill", &job]);
    assert_eq!(killed.stdout, "{\"agent\":\"1:1\",\"outcome\":\"ordered\",\"type\":\"kill\"}\n");
    gate.open();
    assert_eq!(ran(&grid, &["wait", &job]).status, 1, "its state is KILLED");

    let script = "echo started; exec sleep 600";
    let job = detached(&grid, &["bash", "1:1", "--detach", "--killable", script]);
    wait_until_it_printed(&client.get_by_handle(&job).expect("a handle"));
    assert_eq!(ran(&grid, &["kill", &job]).stdout, "1:1: ended\n");
    assert_eq!(ran(&grid, &["kill", &job]).stdout, "1:1: over: KILLED\n");
}

#[test]
fn queued_job_is_not_killed() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let run = ["run", "1:1", "--detach", "--queue", "q", "--", "sleep", "600"];
    let (first, second) = (detached(&grid, &run), detached(&grid, &run));
    for job in [&first, &second] {
        wait_until_running(&client.get_by_handle(job).expect("a handle"));
    }
    let shown = ran(&grid, &["job", &second]);
    assert!(shown.stdout.starts_with("== 1:1: queued on the agent"), "{shown:?}");
    let killed = ran(&grid, &["kill", &second]);
    assert_eq!(killed.status, 8, "{killed:?}");
    assert!(killed.stderr.contains("the agent is not running the job"), "{killed:?}");
    wait_until("the first has started", || ran(&grid, &["stats", &first]).status == 0);
    assert_eq!(ran(&grid, &["kill", &first]).stdout, "1:1: ended\n");
    wait_until("the second has started", || ran(&grid, &["stats", &second]).status == 0);
    assert_eq!(ran(&grid, &["kill", &second]).stdout, "1:1: ended\n");
}

#[test]
fn command_without_matching_agents_has_status_3() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let command = client.cmd(Target::all().role("none"), "ping").submit().expect("sent");
    wait_until("it is answered", || command.jobs().is_err());
    for verb in ["wait", "jobs", "job", "kill", "stats"] {
        let said = ran(&grid, &[verb, &command.handle()]);
        assert_eq!(said.status, 3, "{verb}: {said:?}");
        assert!(said.stderr.contains("no agent matches"), "{verb}: {said:?}");
    }
}

#[test]
fn restart_returns_without_waiting() {
    let grid = Grid::demo().expect("a grid");
    let sent = ran(&grid, &["cmd", "1:2", "restart"]);
    assert_eq!(sent.status, 0, "{sent:?}");
    assert!(sent.stdout.starts_with("acclient:1:"), "{sent:?}");
    assert!(sent.stderr.contains("agents never answer restart"), "{sent:?}");
    assert_eq!(ran(&grid, &["cmd", "all", "--batch", "1", "restart"]).status, 2);
}
