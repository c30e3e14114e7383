//! Seeds, counts and failure reports of simulated schedules.
//!
//! `ACCLIENT_MODEL_SEED` selects the first schedule and `ACCLIENT_MODEL_RUNS` the number of
//! schedules (1 if only the seed is set), as for the model tests against a real server. A seed
//! reproduces a run.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use super::{is_running, with};

const SEED: &str = "ACCLIENT_MODEL_SEED";
const RUNS: &str = "ACCLIENT_MODEL_RUNS";
/// Number of failures after which playing stops.
const REPORTED: usize = 3;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let wrong = |_| panic!("invalid {variable}: expected a number, found {text}");
    Some(text.parse().unwrap_or_else(wrong))
}

/// Plays `some` schedules, or those that the environment selects, and prints the schedules per
/// minute.
///
/// Panics unless every call ended in each of the ways that `ends` lists, since an outcome that
/// never occurs is not tested.
pub(crate) fn play_all(
    what: &str,
    some: u64,
    ends: &[(&'static str, &[&'static str])],
    play: fn(u64, &mut Tally),
) {
    let asked = number(SEED);
    let seed = asked.unwrap_or(1);
    let runs = number(RUNS).unwrap_or(if asked.is_some() { 1 } else { some });
    let begun = Instant::now();
    let (mut failed, mut tally, mut played) = (Vec::new(), Tally::default(), 0);
    for seed in seed..seed + runs {
        played += 1;
        if catch_unwind(AssertUnwindSafe(|| play(seed, &mut tally))).is_err() {
            failed.push(seed);
        }
        if failed.len() == REPORTED {
            break;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let rate = f64::from(played) * 60.0 / took;
    println!(
        "{what}: {played} schedules from seed {seed} in {took:.1} s: {rate:.0} a minute\n{tally}"
    );
    assert!(failed.is_empty(), "{SEED}: these have failed: {failed:?}");
    if asked.is_none() {
        for (call, ends) in ends {
            let missing = ends.iter().find(|ended| tally.count(call, ended) == 0);
            assert!(missing.is_none(), "{call}: {missing:?} never happens");
        }
    }
}

/// Number of calls by name and outcome.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, BTreeMap<&'static str, usize>>);

impl Tally {
    pub(crate) fn add(&mut self, call: &'static str, ended: &'static str) {
        *self.0.entry(call).or_default().entry(ended).or_default() += 1;
    }

    fn count(&self, call: &str, ended: &str) -> usize {
        self.0.get(call).and_then(|ends| ends.get(ended)).copied().unwrap_or_default()
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (call, ends) in &self.0 {
            let ends = ends.iter().map(|(ended, count)| format!("{ended} {count}"));
            writeln!(f, "  {call}: {}", ends.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// Prints the schedule and the trace of a run that fails.
pub(crate) struct Report<'a, S: Debug> {
    seed: u64,
    schedule: &'a S,
}

impl<'a, S: Debug> Report<'a, S> {
    /// Creates a report, which has to be dropped before the network.
    pub(crate) fn new(seed: u64, schedule: &'a S) -> Self {
        Report { seed, schedule }
    }
}

impl<S: Debug> Drop for Report<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{SEED}={} plays {:#?}", self.seed, self.schedule);
            if is_running() {
                eprintln!("trace:\n{}", with(|world| world.trace.join("\n")));
            }
        }
    }
}
