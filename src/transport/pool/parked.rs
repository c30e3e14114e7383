//! Connections that a wait keeps between two calls of its owner, which may be far apart.

use std::sync::Arc;

use super::{Class, Inner, Pool, Pooled, Process};
use crate::transport::connection::Connection;

/// Claim to a connection that was put aside in its current state. The connection does not count as
/// a loan: where another call needs its place it is closed, and the owner of the claim opens a new
/// one.
#[derive(Debug)]
pub(crate) struct Parked {
    pool: Arc<Pool>,
    process: Process,
    number: u64,
}

/// Parked connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lot {
    connections: Vec<(u64, Connection)>,
    last: u64,
}

impl Pooled {
    /// Parks the connection.
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
    /// Returns whether it belongs to this process rather than to the parent of a forked child.
    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Takes the connection back; `None` if it was closed, or if no call may have one now.
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
        // In a child the connection belongs to the parent.
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

    /// Closes parked connections until the total is within the limit of the pool.
    pub(super) fn make_room(&mut self) {
        let taken = self.loans.total() + self.idle.len();
        while taken + self.lot.connections.len() > self.loans.max().max(taken)
            && !self.lot.connections.is_empty()
        {
            let (_, oldest) = self.lot.connections.remove(0);
            self.discard(oldest);
        }
    }

    /// Closes all parked connections.
    pub(super) fn clear_lot(&mut self) {
        for (_, connection) in std::mem::take(&mut self.lot.connections) {
            self.discard(connection);
        }
    }

    pub(super) fn parked(&self) -> usize {
        self.lot.connections.len()
    }
}
