//! Random schedules of calls, faults and forks against a real server, checked against a reference
//! model.
//!
//! `ACCLIENT_MODEL_SEED` is the seed of the first schedule, and plays only that schedule unless
//! `ACCLIENT_MODEL_RUNS` sets the number. A seed determines the schedule; the exact timing of a
//! fault depends on the machine.

mod play;
mod reference;
mod schedule;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use support::alone::{is_alone, passes_alone};
use support::{ask, descriptors, wait_until};

use play::play;
use schedule::Schedule;
use world::World;

const SEED: &str = "ACCLIENT_MODEL_SEED";
const RUNS: &str = "ACCLIENT_MODEL_RUNS";
const FIRST: &str = "ACCLIENT_MODEL_FIRST";
const STEP: &str = "ACCLIENT_MODEL_STEP";
/// Processes that play at the same time: a schedule waits for most of its time.
const PROCESSES: u64 = 4;
/// Default number of schedules.
const SOME: u64 = 160;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("invalid {variable}: expected a number, found {text}")),
    )
}

#[test]
fn random_schedules_agree_with_the_model() {
    let test = support::this_test!();
    let seed = number(SEED).unwrap_or(1);
    let runs = number(RUNS).unwrap_or(if number(SEED).is_some() { 1 } else { SOME });
    let end = seed + runs;
    if is_alone(test) {
        let first = number(FIRST).expect("a seed");
        let step = number(STEP).expect("a number") as usize;
        return play_all((first..end).step_by(step));
    }
    let begun = Instant::now();
    let processes = PROCESSES.min(runs);
    thread::scope(|scope| {
        for process in 0..processes {
            scope.spawn(move || {
                let (first, step) = ((seed + process).to_string(), processes.to_string());
                passes_alone(test, &[(FIRST, &first), (STEP, &step)]);
            });
        }
    });
    let took = begun.elapsed();
    println!(
        "{runs} schedules from seed {seed} in {:.1} s: {:.0} a minute",
        took.as_secs_f64(),
        runs as f64 * 60.0 / took.as_secs_f64()
    );
}

/// 165: the reply to the EXPIRE at the end of a wait was read by the next call on the connection.
/// 214: a connection that was cut during the login of a server without HELLO was a final error.
#[test]
fn seeds_that_have_failed_pass() {
    if !support::own_process!() {
        play_all([165, 165, 165, 214].into_iter());
    }
}

fn play_all(seeds: impl Iterator<Item = u64>) {
    let world = World::start();
    // Once the reader has its connection, the process has what it will have between schedules.
    let first = br#"{"id":"first","gid":1,"nid":1,"cmd":"ping"}"#;
    ask::<()>(&mut world.server().connection(), &[b"RPUSH", b"cmds.queue", first]);
    wait_until("the reader works", || world.seen("first").answered);
    let before = descriptors();
    let mut failed = Vec::new();
    for seed in seeds {
        let schedule = Schedule::new(seed);
        // The others are played all the same: faults have ended, and clients are closed, by then.
        if catch_unwind(AssertUnwindSafe(|| play(&world, &schedule, before))).is_err() {
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{SEED}: these have failed: {failed:?}");
}
