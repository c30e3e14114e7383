//! Sessions, as they stand in the files beside this one.

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
fn programs_and_scripts() {
    run("run");
}

#[test]
fn commands_that_were_sent() {
    run("jobs");
}

#[test]
fn the_grid_as_a_whole() {
    run("grid");
}

#[test]
fn documents() {
    run("json");
}

#[test]
fn wrong_arguments() {
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

/// Which is found from the README alone.
#[test]
fn the_development_grid_runs_as_the_readme_says() {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let lines =
        readme.lines().filter(|line| line.starts_with("cargo run -p acclient-devgrid -- -- "));
    let [line] = lines.collect::<Vec<_>>()[..] else { panic!("one line of the README") };
    let mut shell = command("bash", None);
    // Where cargo has built what it needs for this test.
    let built = Path::new(ACCTL).ancestors().nth(2).expect("the target directory");
    shell.args(["-c", line]).current_dir(ROOT).env("CARGO_TARGET_DIR", built);
    let ran: Ran = shell.output().expect("a shell").into();
    assert!(ran.status == 0 && ran.stdout.starts_with("AGENT  ROLES\n1:1    cpu\n"), "{ran:?}");
}

#[test]
fn what_differs_from_run_to_run_is_taken_out() {
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
