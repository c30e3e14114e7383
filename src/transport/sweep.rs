//! Finding keys without a time to live that a process left which ended before it could expire them.
//!
//! One short SCAN goes out in front of a command of a call, at most once a second in a client, and what it
//! finds is checked in front of later ones. A client that lives for less than a few seconds does nothing of
//! this, and neither does one whose user may not run SCAN, TTL or LRANGE.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use redis::Value;

use super::clock;
use super::error::{Error, Result};
use super::reply::{bulk, items};

/// How old a client is when it begins.
const FIRST: Duration = Duration::from_secs(5);
/// Between two SCANs.
const STEP: Duration = Duration::from_secs(1);
/// Between the end of one round through all keys and the next.
const ROUND: Duration = Duration::from_secs(3600);
/// How many keys the server looks at in one SCAN: some 50 µs of its time.
const COUNT: &[u8] = b"256";
/// How many of those that were found are checked at a time.
const CHECKED: usize = 16;

/// Which keys are leftovers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leftovers {
    /// The pattern of their names.
    pub(crate) pattern: &'static str,
    /// The first entry of each: a list of the same name that holds something else is somebody else's.
    pub(crate) entry: &'static str,
    /// The time to live that they get, in seconds.
    pub(crate) seconds: u32,
}

/// A question to the server.
#[derive(Debug)]
pub(super) enum Probe {
    Scan {
        cursor: Vec<u8>,
        pattern: &'static str,
    },
    Ttl(Vec<u8>),
    /// The first entry of a key, after its TTL was asked for.
    Entry(Vec<u8>),
}

impl Probe {
    /// Calls `send` with the words of the command.
    pub(super) fn words(&self, send: impl FnOnce(&[&[u8]])) {
        match self {
            Probe::Scan { cursor, pattern } => {
                send(&[b"SCAN", cursor, b"MATCH", pattern.as_bytes(), b"COUNT", COUNT]);
            }
            Probe::Ttl(key) => send(&[b"TTL", key]),
            Probe::Entry(key) => send(&[b"LRANGE", key, b"0", b"0"]),
        }
    }
}

/// Where the search is.
#[derive(Debug)]
pub(super) struct Sweep {
    /// `None`: there is nothing to look for, or the user may not.
    leftovers: Option<Leftovers>,
    /// When the next SCAN is due; `None` while one is on its way.
    due: Option<Instant>,
    cursor: Vec<u8>,
    /// Names that were found and are still to be checked.
    found: VecDeque<Vec<u8>>,
    /// The key that was last found to have no time to live; its entry comes next.
    endless: Option<Vec<u8>>,
}

impl Sweep {
    pub(super) fn new(leftovers: Option<Leftovers>) -> Self {
        let due = Some(clock::now() + FIRST);
        Sweep { leftovers, due, cursor: b"0".to_vec(), found: VecDeque::new(), endless: None }
    }

    /// What is to be asked now.
    pub(super) fn probes(&mut self, now: Instant) -> Vec<Probe> {
        let Some(Leftovers { pattern, .. }) = self.leftovers else { return Vec::new() };
        if !self.found.is_empty() {
            let some = self.found.drain(..CHECKED.min(self.found.len()));
            return some.flat_map(|key| [Probe::Ttl(key.clone()), Probe::Entry(key)]).collect();
        }
        match self.due {
            Some(due) if due <= now => {
                self.due = None;
                vec![Probe::Scan { cursor: self.cursor.clone(), pattern }]
            }
            _ => Vec::new(),
        }
    }

    /// Takes an answer; returns a key that is to be expired, and how soon.
    pub(super) fn replied(&mut self, probe: Probe, reply: Result<Value>) -> Option<(Vec<u8>, u32)> {
        match (probe, reply) {
            (Probe::Scan { .. }, Ok(reply)) => self.scanned(reply),
            (Probe::Scan { .. }, Err(Error::Server(error))) if error.is_passing() => {
                self.due = Some(clock::now() + STEP);
            }
            // A user without the right, or a server without the command.
            (Probe::Scan { .. }, Err(_)) => self.leftovers = None,
            (Probe::Ttl(key), Ok(Value::Int(-1))) => self.endless = Some(key),
            (Probe::Ttl(_), _) => self.endless = None,
            (Probe::Entry(key), Ok(entries)) => {
                let Leftovers { entry, seconds, .. } = self.leftovers?;
                let first = items(entries).ok()?.into_iter().next();
                let is_ours = first.and_then(|first| bulk(first).ok().flatten());
                let is_endless = self.endless.take().is_some_and(|endless| endless == key);
                return (is_endless && is_ours.as_deref() == Some(entry.as_bytes()))
                    .then_some((key, seconds));
            }
            (Probe::Entry(_), Err(_)) => {}
        }
        None
    }

    /// Of a connection that broke: the SCAN is repeated; keys are found again in the next round.
    pub(super) fn lost(&mut self, probe: Probe) {
        if let Probe::Scan { .. } = probe {
            self.due = Some(clock::now() + STEP);
        }
    }

    fn scanned(&mut self, reply: Value) {
        let mut parts = items(reply).unwrap_or_default().into_iter();
        let cursor = parts.next().and_then(|cursor| bulk(cursor).ok().flatten());
        let keys = parts.next().and_then(|keys| items(keys).ok()).unwrap_or_default();
        self.found.extend(keys.into_iter().filter_map(|key| bulk(key).ok().flatten()));
        let cursor = cursor.unwrap_or_else(|| b"0".to_vec());
        let pause = if cursor == b"0" { ROUND } else { STEP };
        self.due = Some(clock::now() + pause);
        self.cursor = cursor;
    }
}
