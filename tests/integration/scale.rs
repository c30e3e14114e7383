//! Many agents, many fan-outs and many threads on one client: everything comes once, and nothing grows.
//!
//! `ACCLIENT_SCALE=1` runs it at the size of the figures in docs/performance.md; otherwise a small part.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Target};
use devgrid::Simulator;
use support::controller::Controller;
use support::{descriptors, keys_without_ttl, redis};

const LONG: Duration = Duration::from_secs(600);

fn is_large() -> bool {
    std::env::var_os("ACCLIENT_SCALE").is_some()
}

/// Resident memory in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn many_fan_outs_at_once_lose_and_double_nothing() {
    if support::own_process!() {
        return;
    }
    let (fanouts, agents) = if is_large() { (100, 10_000) } else { (30, 300) };
    const THREADS: usize = 64;
    let server = redis();
    let simulator = Simulator::start(&server);
    // Each fan-out holds a connection; there are more of them than of connections.
    let client = Client::connect(&server.url()).expect("a client");
    let plan = format!(r#"{{"agents":{agents},"spread_ms":2000,"size":100}}"#);
    let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::SeqCst) < fanouts {
                    let command = client.execute(Target::all(), "simulated").data(&plan);
                    let command = command.submit().expect("sent");
                    let mut seen = HashSet::new();
                    for job in command.results(LONG).expect("results") {
                        let job = job.expect("a result");
                        assert_eq!(job.id(), command.id(), "of another command");
                        assert!(seen.insert(job.agent()), "{job:?} came twice");
                    }
                    assert_eq!(seen.len(), agents, "some are lost");
                    taken.fetch_add(seen.len(), Ordering::SeqCst);
                }
            });
        }
    });
    println!(
        "{} results of {fanouts} fan-outs to {agents} agents by {THREADS} threads in {:?}, descriptors {}",
        taken.load(Ordering::SeqCst),
        begun.elapsed(),
        descriptors()
    );
    assert_eq!(taken.load(Ordering::SeqCst), fanouts * agents);
    assert!(descriptors() < 300, "{}", descriptors());
    drop(simulator);
    drop(client);
    assert_eq!(keys_without_ttl(&server), Vec::<String>::new());
}

#[test]
fn many_commands_leave_nothing_behind() {
    if support::own_process!() {
        return;
    }
    let count: usize = if is_large() { 1_000_000 } else { 8000 };
    const THREADS: usize = 8;
    let server = redis();
    let controller = Controller::start(&server);
    let client = Client::connect(&server.url()).expect("a client");
    let run = |count: usize| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..count / THREADS {
                        let job = client.cmd(Target::agent((1, 1)), "ping").run(LONG);
                        assert!(job.expect("a result").is_success());
                    }
                });
            }
        });
    };
    let begun = Instant::now();
    // The controller's own list of ids is in this process too: it is forgotten between the parts.
    let mut figures = Vec::new();
    for _ in 0..4 {
        run(count / 4);
        controller.forget();
        figures.push((resident(), descriptors()));
    }
    println!(
        "{count} commands in {:?}; memory in KiB and descriptors by quarters: {figures:?}",
        begun.elapsed()
    );
    // What a leak of a hundred bytes a command would be, over the last three quarters.
    let grown = figures[3].0.saturating_sub(figures[0].0);
    assert!(grown < 2048 + count * 3 / 4 / 10, "{figures:?}");
    assert!(figures[3].1 <= figures[0].1 + 2, "{figures:?}");
    drop(client);
    assert_eq!(keys_without_ttl(&server), Vec::<String>::new());
}
