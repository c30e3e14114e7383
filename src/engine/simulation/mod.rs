//! Random schedules of the engine's calls over a simulated network, held against a reference model.
//!
//! A schedule has connections with faults ([`Plan`](crate::transport::simulated::Plan)), outages of the server, delays
//! of a controller and its agents, and calls. Everything runs on one thread and one simulated clock, so a seed
//! reproduces a run. See [`seeds`](crate::transport::simulated::seeds) for how to play a certain one.

mod controller;
mod play;
mod reference;
mod schedule;
mod scripts;

use crate::transport::simulated::seeds;

#[test]
fn calls_agree_with_the_model() {
    let ends: [(_, &[_]); 7] = [
        ("submit", &["done", "timed out", "unconfirmed", "no connection", "refused", "cancelled"]),
        ("submit once", &["done", "timed out", "unconfirmed", "refused", "garbage", "cancelled"]),
        ("run", &["done", "timed out", "unconfirmed", "no such agent", "garbage", "cancelled"]),
        ("wait", &["done", "timed out", "no such agent", "cancelled"]),
        ("read", &["done", "timed out", "no such agent"]),
        ("results", &["found", "timed out", "cancelled"]),
        ("retract", &["done", "timed out", "unconfirmed"]),
    ];
    seeds::play_all("calls", 800, &ends, play::play);
}

#[test]
fn a_seed_reproduces_a_run() {
    for seed in 1..20 {
        assert_eq!(play::traced(seed), play::traced(seed), "seed {seed}");
    }
}
