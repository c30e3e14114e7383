//! Random schedules: calls of a program, and faults before and during them.

use std::time::Duration;

use fastrand::Rng;

use crate::transport::simulated::{Plan, Spell, draw};

/// Commands that are unknown to the server, and whether it closes the connection on them.
const UNKNOWN: [(&[&str], bool); 10] = [
    (&[], false),
    (&[], false),
    (&[], false),
    (&["HELLO"], false),
    (&["HELLO"], true),
    (&["EVAL"], false),
    (&["CLIENT"], false),
    (&["BLMOVE"], false),
    (&["BLMOVE", "BRPOPLPUSH"], false),
    (&["INFO", "EVAL", "SCAN"], false),
];

/// A call of the engine. Numbers choose among the commands that exist by then.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Submit(Aim),
    SubmitOnce(Aim),
    /// `submit_once` again, under an id that was used before.
    Again(usize),
    Run(Aim),
    Wait(usize),
    /// A wait of zero.
    Read(usize),
    Results {
        first: usize,
        count: usize,
    },
    Retract(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// One agent, by its numbers.
    One,
    /// An agent that does not exist.
    Nobody,
    /// Any agent.
    Any,
    /// All agents.
    All,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Time before the call.
    pub(super) pause: Duration,
    pub(super) call: Call,
    pub(super) timeout: Duration,
    pub(super) cancelled_after: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) unknown: &'static [&'static str],
    pub(super) closes: bool,
    pub(super) max_connections: usize,
    pub(super) plans: Vec<Plan>,
    pub(super) outages: Vec<Spell>,
    /// When the controller is stopped, and for how long.
    pub(super) held: Vec<(Duration, Duration)>,
    /// When all result lists are evicted.
    pub(super) evictions: Vec<Duration>,
    /// Longest times of the controller and of an agent for one command.
    pub(super) routing: Duration,
    pub(super) running: Duration,
    pub(super) steps: Vec<Step>,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let (unknown, closes) = UNKNOWN[rng.usize(..UNKNOWN.len())];
        let within =
            |rng: &mut Rng| draw::span(rng, Duration::from_millis(1), Duration::from_secs(40));
        let few = |rng: &mut Rng| if rng.bool() { 0 } else { rng.usize(1..3) };
        let (flawed, broken, held, evicted) = (few(rng) * 4, few(rng), few(rng), few(rng) / 2);
        Schedule {
            unknown,
            closes,
            max_connections: [1, 2, 64][rng.usize(..3)],
            plans: (0..flawed).map(|_| draw::plan(rng)).collect(),
            outages: (0..broken).map(|_| draw::spell(rng)).collect(),
            held: (0..held).map(|_| (within(rng), within(rng))).collect(),
            evictions: (0..evicted).map(|_| within(rng)).collect(),
            routing: draw::span(rng, Duration::from_millis(1), Duration::from_secs(2)),
            running: draw::span(rng, Duration::from_millis(1), Duration::from_secs(20)),
            steps: (0..rng.usize(1..10)).map(|_| step(rng)).collect(),
        }
    }

    /// Whether the schedule has no fault of a connection or the server.
    pub(super) fn is_calm(&self) -> bool {
        self.outages.is_empty() && self.plans.iter().all(|plan| plan.flaw.is_none())
    }
}

fn step(rng: &mut Rng) -> Step {
    let second = Duration::from_secs(1);
    Step {
        pause: if rng.bool() {
            Duration::ZERO
        } else {
            draw::span(rng, second / 1000, second * 10)
        },
        call: call(rng),
        timeout: draw::span(rng, second / 500, second * 40),
        cancelled_after: (rng.u8(..8) == 0).then(|| draw::span(rng, second / 10_000, second * 10)),
    }
}

fn call(rng: &mut Rng) -> Call {
    let aim = [Aim::One, Aim::One, Aim::One, Aim::Nobody, Aim::Any, Aim::All][rng.usize(..6)];
    let which = rng.usize(..100);
    match rng.u8(..18) {
        0..3 => Call::Submit(aim),
        3..6 => Call::SubmitOnce(aim),
        6 | 7 => Call::Again(which),
        8..12 => Call::Run(if aim == Aim::All { Aim::One } else { aim }),
        12..14 => Call::Wait(which),
        14 => Call::Read(which),
        15 | 16 => Call::Results { first: which, count: rng.usize(1..4) },
        _ => Call::Retract(which),
    }
}
