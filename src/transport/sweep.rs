//! Search for keys without a TTL whose process ended before it could expire them.
//!
//! A client sends one short SCAN ahead of a command of a call, at most once a second, and checks
//! the keys found ahead of later ones. The search starts when the client is a few seconds old. It
//! stops if the user may not run SCAN, TTL or LRANGE.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use redis::Value;

use super::clock;
use super::error::{Error, Result};
use super::reply::{bulk, items};

/// Age of a client at its first SCAN.
const FIRST: Duration = Duration::from_secs(5);
/// Pause between two SCANs.
const STEP: Duration = Duration::from_secs(1);
/// Pause between two rounds through all keys.
const ROUND: Duration = Duration::from_secs(3600);
/// Keys that the server examines per SCAN, which takes it some 50 µs.
const COUNT: &[u8] = b"256";
/// Found keys that are checked at a time.
const CHECKED: usize = 16;

/// Defines which keys are leftovers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leftovers {
    /// Pattern of their names.
    pub(crate) pattern: &'static str,
    /// First entry of each. A list of the same name with another first entry belongs to another
    /// program.
    pub(crate) entry: &'static str,
    /// The TTL to set, in seconds.
    pub(crate) seconds: u32,
}

/// A command of the search.
#[derive(Debug)]
pub(super) enum Probe {
    Scan {
        cursor: Vec<u8>,
        pattern: &'static str,
    },
    Ttl(Vec<u8>),
    /// Reads the first entry of a key, after its TTL.
    Entry(Vec<u8>),
}

impl Probe {
    /// Calls `send` with the arguments of the command.
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

/// State of the search.
#[derive(Debug)]
pub(super) struct Sweep {
    /// `None` if there is nothing to search for, or if the user may not search.
    leftovers: Option<Leftovers>,
    /// When the next SCAN is due; `None` while one is in flight.
    due: Option<Instant>,
    cursor: Vec<u8>,
    /// Keys that were found and remain to be checked.
    found: VecDeque<Vec<u8>>,
    /// The last key found without a TTL; its first entry is read next.
    endless: Option<Vec<u8>>,
}

impl Sweep {
    pub(super) fn new(leftovers: Option<Leftovers>) -> Self {
        let due = Some(clock::now() + FIRST);
        Sweep { leftovers, due, cursor: b"0".to_vec(), found: VecDeque::new(), endless: None }
    }

    /// Returns the commands to send now.
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

    /// Processes a reply; returns a key to expire and its TTL in seconds.
    pub(super) fn replied(&mut self, probe: Probe, reply: Result<Value>) -> Option<(Vec<u8>, u32)> {
        match (probe, reply) {
            (Probe::Scan { .. }, Ok(reply)) => self.scanned(reply),
            (Probe::Scan { .. }, Err(Error::Server(error))) if error.is_passing() => {
                self.due = Some(clock::now() + STEP);
            }
            // The user lacks the permission, or the server the command.
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

    /// Handles a broken connection: the SCAN is repeated, and keys are found again in the next
    /// round.
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
