//! Pending TTL updates: keys that still need an expiry.
//!
//! EXPIRE answers 0 for a key that another process has not written yet. All connections of a pool
//! share one set of these keys. The keys are retried in small batches ahead of other commands, and
//! when the client closes. The search for leftovers of ended processes adds to the same set: see
//! [`super::sweep`].

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;

use super::clock;
use super::error::Result;
use super::sweep::{Leftovers, Probe, Sweep};

/// Maximum number of updates sent ahead of a call, and the minimum interval between two batches of a pool.
const AT_ONCE: usize = 32;
const PERIOD: Duration = Duration::from_millis(100);
/// Maximum number of updates per batch for keys that a call knows to exist.
const OWN_AT_ONCE: usize = 128;
/// Maximum number of keys that a client keeps. Only a great number of timeouts while the controller
/// is down reaches it; then the keys with the latest next try are dropped.
const KEPT: usize = 65_536;
const FIRST_DELAY: Duration = Duration::from_millis(1);
/// Delay of the first update for a command without a waiting caller.
const LATER: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

/// Pending TTL update of one key, and the time of its next attempt.
#[derive(Debug, Clone)]
pub(crate) struct TtlUpdate {
    pub(super) key: Arc<[u8]>,
    pub(super) seconds: u32,
    due: Instant,
    delay: Duration,
    give_up: Instant,
}

impl TtlUpdate {
    /// Sets the TTL to `seconds` as soon as the key exists; gives up after `patience`.
    pub(crate) fn new(key: Vec<u8>, seconds: u32, patience: Duration) -> Self {
        let now = clock::now();
        TtlUpdate {
            key: key.into(),
            seconds,
            due: now,
            delay: FIRST_DELAY,
            give_up: now + patience,
        }
    }

    /// Like [`TtlUpdate::new`], for a key that is unlikely to exist within the first second.
    pub(crate) fn later(key: Vec<u8>, seconds: u32, patience: Duration) -> Self {
        let now = TtlUpdate::new(key, seconds, patience);
        TtlUpdate { due: now.due + LATER, delay: LATER, ..now }
    }

    /// Schedules the next try after a key was not found; `None` once `patience` is over. The delays
    /// double, so that a key is updated after at most twice the time it took to appear.
    fn again(mut self) -> Option<Self> {
        let now = clock::now();
        self.due = now + self.delay;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        (now < self.give_up).then_some(self)
    }
}

/// Command that is sent ahead of those of a call.
#[derive(Debug)]
pub(super) enum Piggyback {
    Expire(TtlUpdate),
    Probe(Probe),
}

/// Pending updates of a pool in one process.
#[derive(Debug)]
pub(super) struct Pending {
    begun: Instant,
    /// Nanoseconds since `begun` before which calls skip the batch at the cost of one comparison.
    closed_until: AtomicU64,
    count: AtomicUsize,
    inner: Mutex<Inner>,
}

/// State of a key.
#[derive(Debug)]
enum Place {
    /// In `waiting`, under this due time and number.
    Waiting((Instant, u64)),
    /// In flight. `give_up` is set if the key was added again in the meantime.
    Sent { give_up: Option<Instant> },
}

#[derive(Debug)]
struct Inner {
    /// By the time of the next try. The number tells apart what is due at the same moment.
    waiting: BTreeMap<(Instant, u64), TtlUpdate>,
    /// Where each key is, so that none is kept twice.
    places: HashMap<Arc<[u8]>, Place>,
    number: u64,
    sweep: Sweep,
}

impl Pending {
    pub(super) fn new(leftovers: Option<Leftovers>) -> Arc<Self> {
        let inner = Inner {
            waiting: BTreeMap::new(),
            places: HashMap::new(),
            number: 0,
            sweep: Sweep::new(leftovers),
        };
        Arc::new(Pending {
            begun: clock::now(),
            closed_until: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            inner: Mutex::new(inner),
        })
    }

    /// Locks the set, briefly, and while holding no other lock than that of the pool.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, update: TtlUpdate) {
        let mut inner = self.lock();
        // A wait that times out again and again leaves its key each time.
        inner.keep_new(update);
        self.note(&inner);
    }

    /// Drops the update of a key that has its TTL or will never exist.
    pub(super) fn forget(&self, key: &[u8]) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut inner = self.lock();
            inner.forget(key);
            self.note(&inner);
        }
    }

    /// Returns the commands to send ahead of a call; most of the time there are none.
    pub(super) fn batch(&self, may_probe: bool) -> Vec<Piggyback> {
        let now = clock::now();
        let passed = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let elapsed = passed(now.saturating_duration_since(self.begun));
        let closed_until = self.closed_until.load(Ordering::Relaxed);
        let next = elapsed.saturating_add(passed(PERIOD));
        // Only one of several concurrent threads gets the batch.
        let is_open = elapsed >= closed_until
            && self
                .closed_until
                .compare_exchange(closed_until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_open {
            return Vec::new();
        }
        let mut inner = self.lock();
        let mut piggybacked: Vec<Piggyback> =
            inner.take_due(now, AT_ONCE).into_iter().map(Piggyback::Expire).collect();
        if may_probe {
            piggybacked.extend(inner.sweep.probes(now).into_iter().map(Piggyback::Probe));
        }
        piggybacked
    }

    /// Up to `most` keys that are due, for a call that leaves keys itself.
    pub(super) fn due(&self, most: usize) -> Vec<TtlUpdate> {
        match self.count.load(Ordering::Relaxed) {
            0 => Vec::new(),
            _ => self.lock().take_due(clock::now(), most),
        }
    }

    /// Handles the reply to a piggybacked command.
    pub(super) fn replied(&self, piggybacked: Piggyback, reply: Result<Value>) {
        let mut inner = self.lock();
        match piggybacked {
            Piggyback::Expire(update) => {
                let was_there = matches!(reply, Ok(Value::Int(1)));
                let update = inner.arrived(update);
                if was_there {
                    inner.forget(&update.key);
                } else if let Some(again) = update.again() {
                    inner.keep_new(again);
                }
            }
            Piggyback::Probe(probe) => {
                if let Some((key, seconds)) = inner.sweep.replied(probe, reply) {
                    inner.keep_new(TtlUpdate::new(key, seconds, Duration::ZERO));
                }
            }
        }
        self.note(&inner);
    }

    /// Takes back the unanswered commands of a broken connection.
    pub(super) fn take_back(&self, piggybacked: impl Iterator<Item = Piggyback>) {
        let mut inner = self.lock();
        for piggybacked in piggybacked {
            match piggybacked {
                Piggyback::Expire(update) => {
                    let update = inner.arrived(update);
                    inner.keep_new(update);
                }
                Piggyback::Probe(probe) => inner.sweep.lost(probe),
            }
        }
        self.note(&inner);
    }

    /// Removes and returns all waiting updates, for closing.
    pub(super) fn drain(&self) -> Vec<TtlUpdate> {
        let mut inner = self.lock();
        inner.places.clear();
        let all = std::mem::take(&mut inner.waiting).into_values().collect();
        self.note(&inner);
        all
    }

    fn note(&self, inner: &Inner) {
        self.count.store(inner.places.len(), Ordering::Relaxed);
    }
}

impl Inner {
    /// Keeps a key, once, and for as long as it is wanted longest.
    fn keep_new(&mut self, update: TtlUpdate) {
        match self.places.entry(update.key.clone()) {
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Place::Waiting(place) => {
                    if let Some(kept) = self.waiting.get_mut(place) {
                        kept.give_up = kept.give_up.max(update.give_up);
                    }
                }
                Place::Sent { give_up } => *give_up = (*give_up).max(Some(update.give_up)),
            },
            Entry::Vacant(entry) => {
                self.number += 1;
                let place = (update.due, self.number);
                entry.insert(Place::Waiting(place));
                self.waiting.insert(place, update);
            }
        }
        if self.waiting.len() > KEPT
            && let Some((_, last)) = self.waiting.pop_last()
        {
            self.places.remove(&last.key);
        }
    }

    /// A key is no longer in flight. Where the call of a connection has sent it, it may also wait here: then it
    /// stays where it is.
    fn arrived(&mut self, mut update: TtlUpdate) -> TtlUpdate {
        if let Some(Place::Sent { give_up }) = self.places.get(&update.key) {
            update.give_up = give_up.map_or(update.give_up, |longer| longer.max(update.give_up));
            self.places.remove(&update.key);
        }
        update
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some(Place::Waiting(place)) = self.places.remove(key) {
            self.waiting.remove(&place);
        }
    }

    fn take_due(&mut self, now: Instant, most: usize) -> Vec<TtlUpdate> {
        let mut due = Vec::new();
        while due.len() < most {
            match self.waiting.first_entry() {
                Some(first) if first.key().0 <= now => due.push(first.remove()),
                _ => break,
            }
        }
        for update in &due {
            self.places.insert(update.key.clone(), Place::Sent { give_up: None });
        }
        due
    }
}

/// Updates of one connection: keys that its call added and that exist, and piggybacked commands in flight.
#[derive(Debug, Default)]
pub(super) struct OwnKeys {
    waiting: VecDeque<TtlUpdate>,
    /// Replies are not yet read; in order.
    pub(super) sent: VecDeque<Piggyback>,
}

impl OwnKeys {
    pub(super) fn add(&mut self, update: TtlUpdate) {
        self.waiting.push_back(update);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Some of the keys, oldest first.
    pub(super) fn take_some(&mut self) -> impl Iterator<Item = TtlUpdate> + '_ {
        self.waiting.drain(..OWN_AT_ONCE.min(self.waiting.len()))
    }

    /// Drains everything without a confirmation.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Piggyback> + '_ {
        self.sent.drain(..).chain(self.waiting.drain(..).map(Piggyback::Expire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::simulated::{self, Clock};

    const LONG: Duration = Duration::from_secs(24 * 3600);

    fn key(number: usize) -> Vec<u8> {
        format!("k{number}").into_bytes()
    }

    fn take(pending: &Pending) -> Vec<TtlUpdate> {
        let batch = pending.batch(false).into_iter();
        let updates = batch.map(|piggybacked| match piggybacked {
            Piggyback::Expire(update) => update,
            Piggyback::Probe(_) => panic!("no sweep was asked for"),
        });
        updates.collect()
    }

    fn reply(pending: &Pending, updates: Vec<TtlUpdate>, found: i64) {
        for update in updates {
            pending.replied(Piggyback::Expire(update), Ok(Value::Int(found)));
        }
    }

    fn count(pending: &Pending) -> usize {
        pending.count.load(Ordering::Relaxed)
    }

    #[test]
    fn a_key_is_tried_until_it_is_found() {
        let _clock = Clock::start();
        let pending = Pending::new(None);
        pending.add(TtlUpdate::new(key(0), 60, LONG));
        let mut tries = 0;
        for _ in 0..10 * 3600 {
            let due = take(&pending);
            tries += due.len();
            reply(&pending, due, 0);
            simulated::advance(Duration::from_secs(1));
        }
        // The delays double from 1 ms to one hour, then stay at one try per hour.
        assert!((20..40).contains(&tries), "{tries}");
        simulated::advance(LONGEST_DELAY);
        reply(&pending, take(&pending), 1);
        assert_eq!(count(&pending), 0);
    }

    #[test]
    fn a_batch_is_small_and_most_calls_take_nothing_along() {
        let _clock = Clock::start();
        let pending = Pending::new(None);
        for number in 0..1000 {
            pending.add(TtlUpdate::later(key(number), 60, LONG));
            pending.add(TtlUpdate::later(key(number), 60, LONG));
        }
        assert_eq!(count(&pending), 1000, "a key is kept once");
        assert!(take(&pending).is_empty(), "not before a second has passed");
        simulated::advance(LATER);
        assert_eq!(take(&pending).len(), AT_ONCE);
        let calls = 1000;
        let taken: usize = (0..calls)
            .map(|_| {
                simulated::advance(Duration::from_micros(200));
                take(&pending).len()
            })
            .sum();
        assert_eq!(taken, 2 * AT_ONCE, "two periods in {calls} calls");
        assert_eq!(pending.due(usize::MAX).len(), 1000 - 3 * AT_ONCE);
        assert_eq!(count(&pending), 1000, "they are in flight");
    }

    #[test]
    fn when_there_are_too_many_the_least_likely_are_forgotten() {
        let _clock = Clock::start();
        let pending = Pending::new(None);
        for number in 0..KEPT {
            pending.add(TtlUpdate::later(key(number), 60, LONG));
        }
        simulated::advance(LATER);
        reply(&pending, pending.due(10), 0);
        simulated::advance(LATER);
        reply(&pending, pending.due(10), 0);
        pending.add(TtlUpdate::new(b"new".to_vec(), 60, LONG));
        assert_eq!(count(&pending), KEPT);
        assert!(pending.due(KEPT).iter().any(|update| *update.key == *b"new"));
    }

    #[test]
    fn patience_ends_and_a_broken_connection_hands_its_keys_back() {
        let _clock = Clock::start();
        let pending = Pending::new(None);
        pending.add(TtlUpdate::new(b"gone".to_vec(), 60, Duration::ZERO));
        reply(&pending, pending.due(1), 0);
        assert_eq!(count(&pending), 0);
        pending.add(TtlUpdate::new(b"k".to_vec(), 60, LONG));
        let mut own = OwnKeys::default();
        own.sent.extend(pending.due(1).into_iter().map(Piggyback::Expire));
        own.add(TtlUpdate::new(b"own".to_vec(), 60, LONG));
        pending.take_back(own.drain());
        assert_eq!(pending.drain().len(), 2);
        assert_eq!(count(&pending), 0);
    }

    /// A wait on a server without blocking commands adds its key 12 times a second.
    #[test]
    fn a_key_that_calls_leave_again_and_again_is_kept_once() {
        let _clock = Clock::start();
        let pending = Pending::new(None);
        let own = || TtlUpdate::new(b"k".to_vec(), 60, LONG);
        for _ in 0..100 {
            reply(&pending, vec![own()], 0);
            pending.take_back([Piggyback::Expire(own())].into_iter());
            simulated::advance(Duration::from_millis(80));
            let due = pending.due(usize::MAX);
            assert!(due.len() <= 1, "{} of one key", due.len());
            reply(&pending, due, 0);
        }
        reply(&pending, vec![own()], 1);
        simulated::advance(LONG);
        assert!(pending.due(1).is_empty(), "it has its time to live");
        assert_eq!(count(&pending), 0);
    }

    /// The first call to add the key may have expected it to appear soon.
    #[test]
    fn a_key_is_tried_for_as_long_as_any_call_wants() {
        let _clock = Clock::start();
        for is_on_its_way in [false, true] {
            let pending = Pending::new(None);
            pending.add(TtlUpdate::new(key(0), 60, Duration::from_secs(10)));
            let due = if is_on_its_way { take(&pending) } else { Vec::new() };
            pending.add(TtlUpdate::later(key(0), 60, LONG));
            reply(&pending, due, 0);
            simulated::advance(Duration::from_secs(20));
            reply(&pending, take(&pending), 0);
            assert_eq!(count(&pending), 1, "{is_on_its_way}");
        }
    }

    #[test]
    fn a_key_that_was_expired_by_a_wait_is_not_tried_again() {
        let pending = Pending::new(None);
        pending.add(TtlUpdate::new(b"k".to_vec(), 60, LONG));
        pending.forget(b"other");
        pending.forget(b"k");
        assert!(pending.due(1).is_empty());
        assert_eq!(count(&pending), 0);
    }
}
