//! Random plans and outages, for schedules.

use std::time::Duration;

use fastrand::Rng;

use super::{Flaw, Garbage, Outage, Plan, Scope, Spell, When};

/// A random time with a uniform logarithm.
pub(crate) fn span(rng: &mut Rng, shortest: Duration, longest: Duration) -> Duration {
    shortest.mul_f64((longest.as_secs_f64() / shortest.as_secs_f64()).powf(rng.f64()))
}

/// A random connection; a third of them have a fault.
pub(crate) fn plan(rng: &mut Rng) -> Plan {
    let size = |rng: &mut Rng| match rng.u8(..3) {
        0 => rng.usize(1..8),
        1 => rng.usize(8..256),
        _ => 64 * 1024,
    };
    Plan {
        latency: span(rng, Duration::from_micros(20), Duration::from_millis(20)),
        piece: size(rng),
        window: match rng.u8(..3) {
            0 => rng.usize(64..1024),
            _ => 64 * 1024,
        },
        records: rng.u8(..4) == 0,
        flaw: (rng.u8(..3) == 0).then(|| flaw(rng)),
    }
}

fn flaw(rng: &mut Rng) -> Flaw {
    let after = match rng.u8(..3) {
        0 => rng.usize(..100),
        1 => rng.usize(..600),
        _ => rng.usize(..3000),
    };
    let (reply, reset) = (rng.usize(1..10), rng.bool());
    match rng.u8(..14) {
        0 => Flaw::Refused,
        1 => Flaw::Hangs(span(rng, Duration::from_millis(10), Duration::from_secs(20))),
        2 => Flaw::Full,
        3..5 => Flaw::CutUp { after, reset },
        5..8 => Flaw::CutDown { after, reset },
        8 => Flaw::StallUp { after },
        9 => Flaw::StallDown { after },
        10 | 11 => Flaw::Garbage { reply, bytes: Garbage::ALL[rng.usize(..Garbage::ALL.len())] },
        _ => {
            Flaw::Late { reply, by: span(rng, Duration::from_millis(10), Duration::from_secs(20)) }
        }
    }
}

/// Error replies of an outage, with the commands that get them.
const REFUSALS: [(&str, Scope); 12] = [
    ("LOADING Redis is loading the dataset in memory", Scope::All),
    ("BUSY Redis is busy running a script", Scope::All),
    ("MASTERDOWN Link with MASTER is down", Scope::All),
    ("READONLY You can't write against a read only replica.", Scope::Writes),
    ("OOM command not allowed when used memory > 'maxmemory'.", Scope::Writes),
    ("MISCONF Redis is configured to save RDB snapshots", Scope::Writes),
    ("NOREPLICAS Not enough good replicas to write.", Scope::Writes),
    ("TRYAGAIN Multiple keys request during rehashing of slot", Scope::All),
    ("upstream connect failure", Scope::Login),
    ("ERR internal", Scope::All),
    ("NOPERM this user has no permissions to run this command", Scope::Blocking),
    ("NOPERM this user has no permissions to run this command", Scope::Writes),
];

/// A random outage, often in the middle of a call.
pub(crate) fn spell(rng: &mut Rng) -> Spell {
    let time = |rng: &mut Rng| span(rng, Duration::from_millis(1), Duration::from_secs(40));
    let when = match rng.u8(..3) {
        0 => When::After(time(rng)),
        1 => When::Writes(rng.usize(1..5)),
        _ => When::Commands(rng.usize(1..25)),
    };
    Spell { when, lasts: time(rng), outage: outage(rng) }
}

fn outage(rng: &mut Rng) -> Outage {
    match rng.u8(..12) {
        0 | 1 => Outage::Down { keeps_data: true },
        2 | 3 => Outage::Down { keeps_data: false },
        4 => Outage::Away,
        5 => Outage::Frozen,
        6 | 7 => Outage::Killed,
        _ => {
            let (error, scope) = REFUSALS[rng.usize(..REFUSALS.len())];
            Outage::Refuses { error, scope }
        }
    }
}
