//! `--retry`.

use devgrid::{Fault, Grid};

use crate::program::{acctl, session};
use support::wait_until;

#[test]
fn retry_session() {
    let grid = Grid::demo().expect("a grid");
    session("retry", &grid.url());
}

#[test]
fn silent_agent_is_retried_only_with_retry_silent() {
    let grid = Grid::demo().expect("a grid");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("runs");
    let script = format!("echo $AGENT_GID:$AGENT_NID >> {}", file.display());
    let runs = || std::fs::read_to_string(&file).unwrap_or_default();
    grid.pause_agent(2, 1);
    let sent = acctl(&grid.url(), &["bash", "all", "--detach", &script]);
    let handle = sent.stdout.trim_end();
    wait_until("two have run it", || runs().lines().count() == 2);
    wait_until("and said so", || {
        acctl(&grid.url(), &["jobs", handle]).stdout.matches("SUCCESS").count() == 2
    });
    let ran = acctl(&grid.url(), &["bash", "--retry", handle, &script]);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, ""), "{ran:?}");
    assert!(ran.stderr.contains("not sent again to 2:1: no result"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("resume with: acctl wait '{handle}'")), "{ran:?}");
    let sent =
        acctl(&grid.url(), &["bash", "--retry", handle, "--retry-silent", "--detach", &script]);
    assert!(sent.status == 0 && sent.stderr.contains("may run twice on 2:1"), "{sent:?}");
    assert!(sent.stdout.trim_end().ends_with(":2:1"), "{sent:?}");
    grid.resume_agent(2, 1);
    assert_eq!(acctl(&grid.url(), &["wait", handle, sent.stdout.trim_end()]).status, 0);
    assert_eq!(runs().matches("2:1").count(), 2, "runs twice");
    let ran = acctl(&grid.url(), &["bash", "--retry", handle, &script]);
    assert!(ran.status == 0 && ran.stderr.contains("all agents succeeded"), "{ran:?}");
}

#[test]
fn lost_job_is_retried_only_with_retry_silent() {
    let grid = Grid::demo().expect("a grid");
    grid.inject(Fault::DropResult);
    let sent = acctl(&grid.url(), &["run", "1:1", "--detach", "--", "true"]);
    wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
    let handle = sent.stdout.trim_end();
    let ran = acctl(&grid.url(), &["run", "--retry", handle, "--", "echo", "twice"]);
    assert!(ran.status == 4 && ran.stdout.is_empty(), "{ran:?}");
    let ran =
        acctl(&grid.url(), &["run", "--retry", handle, "--retry-silent", "--", "echo", "twice"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "twice\n"), "{ran:?}");
}

#[test]
fn queued_command_is_not_retried() {
    let grid = Grid::demo().expect("a grid");
    grid.stop_controller();
    for (target, id) in [("1:1-2", "list"), ("all", "fan-out")] {
        let target = if id == "list" { "1:1,1:2" } else { target };
        let sent = acctl(&grid.url(), &["run", target, "--id", id, "--detach", "--", "true"]);
        let handle = sent.stdout.trim_end();
        let ran = acctl(&grid.url(), &["run", "--retry", handle, "--", "true"]);
        assert!(ran.status == 4 && ran.stderr.contains("not sent again"), "{ran:?}");
        assert!(ran.stderr.contains("resume with"), "{ran:?}");
    }
    let mut redis = grid.redis().connection();
    let length: i64 = redis::cmd("LLEN").arg("cmds.queue").query(&mut redis).expect("a length");
    assert_eq!(length, 3, "one command per listed agent, and one for all");
}
