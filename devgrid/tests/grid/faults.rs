//! Injected faults.

use std::time::{Duration, Instant};

use crate::common::{Client, wait_until};
use devgrid::{Fault, Grid};
use redis::Commands;
use serde_json::json;

#[test]
fn running_after_the_terminal_result() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    grid.inject(Fault::RunningAfterTerminal);
    assert_eq!(client.run("id", "ping", json!({}))["state"], "SUCCESS");
    assert_eq!(client.state("id", "1:1").unwrap(), "RUNNING");
    grid.clear_faults();
    client.run("other", "ping", json!({}));
    assert_eq!(client.state("other", "1:1").unwrap(), "SUCCESS");
}

#[test]
fn silent_agent_runs_jobs_without_posting_results() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    grid.inject(Fault::NeverAnswer { gid: 1, nid: 1 });
    let queue = json!({"queue": "one"});
    client.send("silent", "bash", json!({"args": queue, "data": "true"}));
    client.send("others", "ping", json!({"gid": 0, "nid": 0, "roles": ["*"], "fanout": true}));
    client.send("second", "bash", json!({"args": queue, "data": "touch second"}));
    client.wait("others", 2, 1);
    client.wait("others", 1, 2);
    client.wait_state("silent", "1:1", "RUNNING");
    // The second job of a queue starts after the first posts its result; pings are answered in order.
    let dir: Vec<String> = client.ask(&["CONFIG", "GET", "dir"]);
    let file = std::path::Path::new(&dir[1]).join("1.1/second");
    wait_until("the second job", || file.exists());
    grid.clear_faults();
    client.run("after", "ping", json!({}));
    assert_eq!((client.len("cmd.silent.1.1"), client.len("cmd.others.1.1")), (0, 0));
}

#[test]
fn dropped_and_duplicate_results() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    grid.inject(Fault::DropResult);
    client.send("lost", "ping", json!({}));
    client.run("next", "ping", json!({}));
    assert_eq!(
        (client.state("lost", "1:1").unwrap().as_str(), client.len("cmd.lost.1.1")),
        ("RUNNING", 0)
    );
    grid.inject(Fault::DuplicateResult);
    client.run("twice", "ping", json!({}));
    assert_eq!(client.len("cmd.twice.1.1"), 2);
}

#[test]
fn delayed_results_and_queued_key() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let delay = Duration::from_secs(2);
    grid.inject(Fault::DelayResults(delay));
    let began = Instant::now();
    client.run("late", "ping", json!({}));
    assert!(began.elapsed() >= delay);
    grid.clear_faults();
    grid.inject(Fault::DelayQueued(delay));
    let began = Instant::now();
    client.run("queued", "ping", json!({}));
    assert_eq!(client.len("cmd.queued.queued"), 0);
    wait_until("queued", || client.len("cmd.queued.queued") == 1);
    assert!(began.elapsed() >= delay);
}

#[test]
fn raw_bytes_as_a_result() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let bytes = b"\xff\x00 no json".to_vec();
    grid.inject(Fault::RawResult(bytes.clone()));
    client.send("raw", "ping", json!({}));
    wait_until("the result", || client.len("cmd.raw.1.1") == 1);
    let list: Vec<Vec<u8>> = client.0.lrange("cmd.raw.1.1", 0, -1).unwrap();
    let hash: Vec<u8> = client.0.hget("jobresult:raw", "1:1").unwrap();
    assert_eq!((&list[0], &hash), (&bytes, &bytes));
    assert_eq!(client.run("next", "ping", json!({}))["state"], "SUCCESS");
}
