//! Random schedules: calls of a program, and faults before and during them.

use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use support::proxy::{Fault as Break, Plan};

/// Commands of a server that a proxy does not know, by schedule.
const UNKNOWN: [&[&str]; 6] =
    [&[], &[], &["HELLO"], &["CLIENT"], &["EVAL"], &["HELLO", "EVAL", "CLIENT", "INFO"]];

/// A call of the program. Numbers select from the commands and clients that exist by then.
#[derive(Clone, Debug)]
pub enum Call {
    Submit(Aim),
    SubmitOnce(Aim),
    /// `submit_once` again, under an id that was used before.
    Repeat(usize),
    SubmitMany(usize),
    Run(Aim),
    NextResult(usize),
    TryNextResult(usize),
    /// A wait that another thread cancels after this time.
    Cancelled(usize, Duration),
    Results(usize),
    WaitAny,
    Retract(usize),
    Jobs(usize),
    Progress(usize),
    /// The client is closed, and another takes its place.
    NewClient,
    Fork(Child),
}

#[derive(Clone, Copy, Debug)]
pub enum Aim {
    One,
    All,
}

/// What a forked child does, with files of its own open.
#[derive(Clone, Copy, Debug)]
pub enum Child {
    /// Drops everything that it inherited.
    Drops,
    /// Reads and waits with what it inherited.
    Waits,
    /// Submits commands of its own on the inherited client.
    Submits,
}

/// A temporary fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Connections are killed, and this happens to the next one, or to all until the end.
    Broken {
        plan: Plan,
        all: bool,
    },
    /// The server is frozen.
    Frozen,
    /// All connections of clients are killed.
    Killed,
    /// The server is down, and comes back with its data or without.
    Down {
        keeps_data: bool,
    },
    /// The server has become a replica of a master that cannot be reached.
    Replica,
    TooFewReplicas,
    OutOfMemory,
    /// Result lists are evicted.
    Evicted,
    /// The controller and its agents do nothing.
    NoController,
}

/// Calls, and a fault that begins before or during them and ends during or after them.
#[derive(Clone, Debug)]
pub struct Step {
    pub fault: Option<Spell>,
    pub calls: Vec<Call>,
}

#[derive(Clone, Debug)]
pub struct Spell {
    pub fault: Fault,
    pub after: Duration,
    pub lasts: Duration,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    /// The timeout of calls, and of the client.
    pub timeout: Duration,
    pub unknown: &'static [&'static str],
    pub steps: Vec<Step>,
}

fn millis(rng: &mut Rng, range: Range<u64>) -> Duration {
    Duration::from_micros(rng.u64(range.start * 1000..range.end * 1000))
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let timeout = millis(rng, 5..80);
        let unknown = UNKNOWN[rng.usize(..UNKNOWN.len())];
        let steps = (0..rng.usize(2..6)).map(|_| step(rng)).collect();
        Schedule { seed, timeout, unknown, steps }
    }

    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.steps.iter().filter_map(|step| step.fault.as_ref()).map(|spell| &spell.fault)
    }
}

fn step(rng: &mut Rng) -> Step {
    let fault = (rng.u8(..4) > 0).then(|| Spell {
        fault: fault(rng),
        after: if rng.bool() { Duration::ZERO } else { millis(rng, 0..10) },
        lasts: millis(rng, 1..60),
    });
    Step { fault, calls: (0..rng.usize(1..5)).map(|_| call(rng)).collect() }
}

fn call(rng: &mut Rng) -> Call {
    let aim = if rng.u8(..4) == 0 { Aim::All } else { Aim::One };
    let which = rng.usize(..100);
    match rng.u8(..20) {
        0..3 => Call::Submit(aim),
        3..5 => Call::SubmitOnce(aim),
        5..7 => Call::Repeat(which),
        7 => Call::SubmitMany(rng.usize(2..20)),
        8..10 => Call::Run(aim),
        10 | 11 => Call::NextResult(which),
        12 => Call::TryNextResult(which),
        13 => Call::Cancelled(which, millis(rng, 0..10)),
        14 => Call::Results(which),
        15 => Call::WaitAny,
        16 => Call::Retract(which),
        17 => Call::Jobs(which),
        18 => match rng.bool() {
            true => Call::Progress(which),
            false => Call::NewClient,
        },
        _ => Call::Fork([Child::Drops, Child::Waits, Child::Submits][rng.usize(..3)]),
    }
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.u8(..20) {
        0..7 => {
            let kind = if rng.u8(..3) == 0 { Break::Stall } else { Break::Cut };
            let after = rng.usize(..2000) / if rng.bool() { 1 } else { 4 };
            let plan = if rng.bool() { Plan::up(after, kind) } else { Plan::down(after, kind) };
            Fault::Broken { plan, all: rng.u8(..3) == 0 }
        }
        7 | 8 => Fault::Frozen,
        9 | 10 => Fault::Killed,
        11 => Fault::Down { keeps_data: true },
        12 => Fault::Down { keeps_data: false },
        13 => Fault::Replica,
        14 => Fault::TooFewReplicas,
        15 => Fault::OutOfMemory,
        16 => Fault::Evicted,
        _ => Fault::NoController,
    }
}
