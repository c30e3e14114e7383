//! Connections that a wait keeps between two calls of its owner, who may not come back for long.

use std::sync::Arc;

use super::{Class, Inner, Pool, Pooled, Process};
use crate::transport::connection::Connection;

/// A claim to a connection that was put aside in whatever state it is in. It counts for nobody: where
/// another call needs the place, the connection is closed, and the owner of the claim takes a new one.
#[derive(Debug)]
pub(crate) struct Parked {
    pool: Arc<Pool>,
    process: Process,
    number: u64,
}

/// The connections that are put aside, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lot {
    connections: Vec<(u64, Connection)>,
    last: u64,
}

impl Pooled {
    /// Puts the connection aside.
    pub(crate) fn park(mut self) -> Option<Parked> {
        let pool = self.pool.clone();
        let state = pool.existing_state().filter(|state| state.process == self.process)?;
        let connection = self.connection.take()?;
        let mut inner = state.lock();
        inner.lot.last += 1;
        let number = inner.lot.last;
        inner.lot.connections.push((number, connection));
        inner.loans.give_back(self.class);
        inner.make_room();
        drop(inner);
        Some(Parked { process: state.process, number, pool: self.pool.clone() })
    }
}

impl Parked {
    /// Whether it is of this process, not of the parent of a forked child.
    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Takes the connection back; `None` where it had to go, or no call may have one now.
    pub(crate) fn take(self, class: Class) -> Option<Pooled> {
        let pool = self.pool.clone();
        let state = pool.existing_state().filter(|state| state.process == self.process)?;
        let mut inner = state.lock();
        if !inner.loans.take(class) {
            return None;
        }
        let Some(connection) = inner.leave(self.number) else {
            inner.loans.give_back(class);
            return None;
        };
        drop(inner);
        Some(Pooled {
            pool: pool.clone(),
            process: state.process,
            class,
            connection: Some(connection),
        })
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        // In a child the connection is its parent's.
        let state = self.pool.existing_state().filter(|state| state.process == self.process);
        if let Some(state) = state {
            let mut inner = state.lock();
            if let Some(connection) = inner.leave(self.number) {
                inner.discard(connection);
            }
        }
    }
}

impl Inner {
    fn leave(&mut self, number: u64) -> Option<Connection> {
        let place = self.lot.connections.iter().position(|(other, _)| *other == number)?;
        Some(self.lot.connections.remove(place).1)
    }

    /// Closes connections that are put aside until all together are no more than the pool may have.
    pub(super) fn make_room(&mut self) {
        let taken = self.loans.total() + self.idle.len();
        while taken + self.lot.connections.len() > self.loans.max().max(taken)
            && !self.lot.connections.is_empty()
        {
            let (_, oldest) = self.lot.connections.remove(0);
            self.discard(oldest);
        }
    }

    /// Closes all of them.
    pub(super) fn clear_lot(&mut self) {
        for (_, connection) in std::mem::take(&mut self.lot.connections) {
            self.discard(connection);
        }
    }

    pub(super) fn parked(&self) -> usize {
        self.lot.connections.len()
    }
}
