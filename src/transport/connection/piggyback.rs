//! Background work of a connection: TTL updates and the search for leftovers. The commands go out
//! ahead of those of a call, and their replies are read before those of the call.

use std::sync::Arc;

use redis::Value;

use super::Connection;
use crate::transport::deadline::Until;
use crate::transport::error::Result;
use crate::transport::pending_ttl::{Pending, Piggyback, TtlUpdate};
use crate::transport::reply::{self, Reply};

impl Connection {
    /// Gives a key that is there, or about to be, its time to live along with the next command; if it is not
    /// there yet, along with later ones of any connection.
    pub(crate) fn add_ttl_update(&mut self, update: TtlUpdate) {
        self.own.add(update);
    }

    /// Drops the update of a key that has its TTL.
    pub(crate) fn forget(&self, key: &[u8]) {
        if let Some(pending) = &self.pending {
            pending.forget(key);
        }
    }

    /// Sends up to `most` pending updates along with the next command. Calls that add keys use this
    /// to remove as many as they add.
    pub(crate) fn take_along(&mut self, most: usize) {
        let due = self.pending.as_ref().filter(|_| self.outstanding == 0);
        let due = due.map(|pending| pending.due(most)).unwrap_or_default();
        self.pack_piggybacked(due.into_iter().map(Piggyback::Expire));
    }

    /// Sends the TTL updates of the last call and waits for the replies, for when no command may
    /// follow for long. Does nothing while other replies are outstanding.
    pub(crate) fn settle(&mut self, until: &Until) -> Result<()> {
        while self.outstanding == 0 && !self.own.is_empty() {
            self.pack_own();
            self.flush(until)?;
            while !self.own.sent.is_empty() {
                match self.read_value(until)? {
                    push @ Value::Push { .. } => self.keep_push(push)?,
                    value => {
                        // Removed only after its reply arrived: no other call can use the connection until then.
                        if let Some(piggybacked) = self.own.sent.pop_front() {
                            self.report(piggybacked, reply::into_result(value));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Queues the due updates of the pool and one step of the search for leftovers.
    pub(super) fn pack_batch(&mut self) {
        // While a connection tracks keys, the server notifies it of every key it reads.
        let may_probe = !self.tracks && !self.server.closes;
        let piggybacked = self.pending.as_ref().map(|pending| pending.batch(may_probe));
        self.pack_piggybacked(piggybacked.unwrap_or_default());
    }

    pub(super) fn pack_own(&mut self) {
        if !self.own.is_empty() {
            let own: Vec<TtlUpdate> = self.own.take_some().collect();
            self.pack_piggybacked(own.into_iter().map(Piggyback::Expire));
        }
    }

    fn pack_piggybacked(&mut self, piggybacked: impl IntoIterator<Item = Piggyback>) {
        for piggybacked in piggybacked {
            match &piggybacked {
                Piggyback::Expire(TtlUpdate { key, seconds, .. }) => {
                    self.pack(&[b"EXPIRE", key, itoa::Buffer::new().format(*seconds).as_bytes()]);
                }
                Piggyback::Probe(probe) => probe.words(|words| self.pack(words)),
            }
            self.own.sent.push_back(piggybacked);
        }
    }

    pub(super) fn report(&mut self, piggybacked: Piggyback, reply: Result<Reply>) {
        if let Some(pending) = &self.pending {
            pending.replied(piggybacked, reply);
        }
    }

    /// Gives the connection access to the pending TTL updates of its pool.
    pub(in crate::transport) fn lend(&mut self, pending: &Arc<Pending>) {
        self.pending.get_or_insert_with(|| pending.clone());
    }

    /// Returns the keys of the call to the pool before the connection is closed.
    pub(in crate::transport) fn give_back_own(&mut self) {
        let own = self.own.drain();
        if let Some(pending) = &self.pending {
            pending.take_back(own);
        }
    }
}
