//! Counters of a pool and its connections.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the client was created. A forked child continues with those of its parent.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connected: Counter,
    pub(crate) pool_waits: Counter,
    pub(crate) pushed: Counter,
    pub(crate) blocking_waits: Counter,
    pub(crate) tracking_waits: Counter,
    pub(crate) broadcast_waits: Counter,
    pub(crate) polling_waits: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Number of connections of a pool at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Connections {
    pub(crate) open: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
}
