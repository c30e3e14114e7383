//! Replays the session files in this directory.

use std::path::Path;

use devgrid::Grid;

use crate::program::{ACCTL, Ran, command, page, scrub, session};
use support::ROOT;

fn run(name: &str) -> Grid {
    let grid = Grid::demo().expect("a grid");
    session(name, &grid.url());
    grid
}

#[test]
fn run_session() {
    run("run");
}

#[test]
fn jobs_session() {
    run("jobs");
}

#[test]
fn grid_session() {
    run("grid");
}

#[test]
fn json_session() {
    run("json");
}

#[test]
fn usage_session_sends_nothing() {
    let grid = run("usage");
    let mut redis = grid.redis().connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("cmd*").query(&mut redis).expect("keys");
    assert!(keys.is_empty(), "something was sent: {keys:?}");
}

#[test]
fn the_sessions_of_the_pages() {
    for name in ["README.md", "docs/acctl.md"] {
        let grid = Grid::demo().expect("a grid");
        page(name, &grid.url());
    }
}

#[test]
fn readme_command_runs_acctl_on_a_development_grid() {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let lines =
        readme.lines().filter(|line| line.starts_with("cargo run -p acclient-devgrid -- -- "));
    let [line] = lines.collect::<Vec<_>>()[..] else { panic!("one line of the README") };
    let mut shell = command("bash", None);
    // Reuse the build of this test.
    let built = Path::new(ACCTL).ancestors().nth(2).expect("the target directory");
    shell.args(["-c", line]).current_dir(ROOT).env("CARGO_TARGET_DIR", built);
    let ran: Ran = shell.output().expect("a shell").into();
    assert!(ran.status == 0 && ran.stdout.starts_with("AGENT  ROLES\n1:1    cpu\n"), "{ran:?}");
}

#[test]
fn scrub_replaces_values_that_differ_between_runs() {
    for (line, scrubbed) in [
        ("== 1:1 SUCCESS (0.012 s)", "== 1:1 SUCCESS (# s)"),
        ("at 127.0.0.1:21716, reached in 0.4 ms", "at 127.0.0.1:#, reached in # ms"),
        ("acclient:1:90e5f7d7-0f41-45c3-9266-8f390d605b2f:2:1", "acclient:1:<id>:2:1"),
        ("2026-11-24T11:38:36Z 7", "<time> 7"),
        (r#"{"starttime":1795520317346,"time":2}"#, r#"{"starttime":#,"time":#}"#),
        ("45399:2.1:127.0.0.1:22", "#:2.1:127.0.0.1:22"),
        ("good  redis        Valkey 8.0.1 at", "good  redis        Redis # at"),
    ] {
        assert_eq!(scrub(line), scrubbed);
    }
}
