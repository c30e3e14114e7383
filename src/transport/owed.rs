//! Keys that are still to be given a time to live.
//!
//! A key that another process writes a moment later cannot be expired yet: EXPIRE answers 0. Such
//! keys are kept and tried again along with the next command, and when the client closes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::clock;

/// How many are tried along with one command, so that a call does not pay for a long list.
const AT_ONCE: usize = 256;
/// How many a client keeps; the oldest are forgotten first. Only a controller that is away while
/// very many waits time out can get there.
const KEPT: usize = 65_536;
const FIRST_DELAY: Duration = Duration::from_millis(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// One key, and when it is tried again.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) key: Vec<u8>,
    pub(crate) seconds: u32,
    due: Instant,
    delay: Duration,
    give_up: Instant,
}

impl Owed {
    /// A key that gets `seconds` to live as soon as it exists, if that is within `patience`.
    pub(crate) fn new(key: Vec<u8>, seconds: u32, patience: Duration) -> Self {
        let now = clock::now();
        Owed { key, seconds, due: now, delay: FIRST_DELAY, give_up: now + patience }
    }

    /// After a try that found no key; `None` once the patience is over.
    fn again(mut self) -> Option<Self> {
        let now = clock::now();
        self.due = now + self.delay;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        (now < self.give_up).then_some(self)
    }
}

/// The keys of a connection or of a whole pool.
#[derive(Debug, Default)]
pub(super) struct OwedKeys {
    waiting: Vec<Owed>,
    /// All keys here, so that none is kept twice.
    known: HashSet<Vec<u8>>,
    /// Sent, and their replies not yet read, in order.
    sent: std::collections::VecDeque<Owed>,
}

impl OwedKeys {
    pub(super) fn add(&mut self, owed: Owed) {
        // A wait that times out again and again leaves its key each time.
        if !self.known.insert(owed.key.clone()) {
            return;
        }
        if self.waiting.len() >= KEPT {
            let oldest = self.waiting.remove(0);
            self.known.remove(&oldest.key);
        }
        self.waiting.push(owed);
    }

    /// Those that are due, now counted as sent.
    pub(super) fn take_due(&mut self) -> Vec<Owed> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let now = clock::now();
        let mut due = Vec::new();
        self.waiting.retain(|owed| {
            let take = due.len() < AT_ONCE && owed.due <= now;
            if take {
                due.push(owed.clone());
            }
            !take
        });
        self.sent.extend(due.iter().cloned());
        due
    }

    /// Whether the next reply of the connection is that of an EXPIRE of ours.
    pub(super) fn awaits_reply(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Takes that reply: whether the key was there.
    pub(super) fn replied(&mut self, found: bool) {
        let Some(owed) = self.sent.pop_front() else { return };
        let key = owed.key.clone();
        match Some(owed).filter(|_| !found).and_then(Owed::again) {
            Some(again) => self.waiting.push(again),
            None => {
                self.known.remove(&key);
            }
        }
    }

    /// Everything not known to be done, for another connection.
    pub(super) fn drain(&mut self) -> Vec<Owed> {
        self.waiting.extend(self.sent.drain(..));
        self.known.clear();
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_tried_until_it_is_found() {
        let mut keys = OwedKeys::default();
        keys.add(Owed::new(b"k".to_vec(), 60, Duration::from_secs(60)));
        assert_eq!(keys.take_due().len(), 1);
        assert!(keys.awaits_reply());
        keys.replied(false);
        assert!(keys.take_due().is_empty(), "not at once again");
        let due = keys.waiting[0].due;
        while clock::now() < due {
            std::hint::spin_loop();
        }
        assert_eq!(keys.take_due().len(), 1);
        keys.replied(true);
        assert!(keys.is_empty());
    }

    #[test]
    fn patience_ends_and_a_broken_connection_hands_its_keys_on() {
        let mut keys = OwedKeys::default();
        keys.add(Owed::new(b"gone".to_vec(), 60, Duration::ZERO));
        keys.take_due();
        keys.replied(false);
        assert!(keys.is_empty());
        keys.add(Owed::new(b"k".to_vec(), 60, Duration::from_secs(60)));
        keys.add(Owed::new(b"k".to_vec(), 60, Duration::from_secs(60)));
        keys.take_due();
        assert_eq!(keys.drain().len(), 1, "a key is kept once");
        assert!(keys.is_empty());
    }
}
