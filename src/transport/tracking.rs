//! Client-side tracking: notifications of changed keys (client-side caching, Redis 6 and later).

use std::collections::VecDeque;
use std::time::Duration;

use redis::{PushKind, Value};

use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result};
use super::reply::{bulk, items};

/// Scope of the notifications.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tracking<'a> {
    /// Changes of keys that this connection has read, each once until the key is read again.
    Read,
    /// Changes of all keys with a prefix. Each prefix costs every writer on the server.
    Prefix(&'a str),
}

/// Keys reported as changed: a hint to read them again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) keys: Vec<Vec<u8>>,
    /// Any key may have changed: the server was flushed, or has dropped its tracking table.
    pub(crate) all: bool,
}

/// Memory limit of stored pushes; fits those of a broadcast to 300 000 agents.
const MAX_PUSHED: usize = 128 * 1024 * 1024;

/// Pushes that arrived between replies. No caller reads them between calls, so their number is
/// limited to keep a server from exhausting the memory.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    queue: VecDeque<Value>,
    /// Memory in use, in bytes.
    size: usize,
}

impl Pushes {
    /// Stores a push. `Err` says why it is invalid.
    pub(super) fn keep(&mut self, push: Value) -> std::result::Result<(), String> {
        self.size = self.size.saturating_add(memory_of(&push));
        if self.size > MAX_PUSHED {
            return Err(format!("pushes of more than {MAX_PUSHED} bytes between replies"));
        }
        self.queue.push_back(push);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn take(&mut self) -> VecDeque<Value> {
        self.size = 0;
        std::mem::take(&mut self.queue)
    }
}

/// Returns the approximate memory of a value. The framer limits its nesting depth.
fn memory_of(value: &Value) -> usize {
    let all = |values: &[Value]| values.iter().map(memory_of).sum();
    let pair = |pair: &(Value, Value)| memory_of(&pair.0) + memory_of(&pair.1);
    let inner: usize = match value {
        Value::BulkString(bytes) | Value::BigNumber(bytes) => bytes.len(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.len(),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => all(values),
        Value::Map(pairs) => pairs.iter().map(pair).sum(),
        Value::Attribute { data, attributes } => {
            memory_of(data) + attributes.iter().map(pair).sum::<usize>()
        }
        Value::ServerError(error) => error.details().map_or(0, str::len),
        _ => 0,
    };
    size_of::<Value>() + inner
}

impl Connection {
    /// Enables tracking; returns `false` if the server or the ACL of the user does not support it.
    pub(crate) fn track(&mut self, tracking: Tracking<'_>, until: &Until) -> Result<bool> {
        if !self.server.resp3 {
            return Ok(false);
        }
        match tracking {
            Tracking::Read => self.command(&[b"CLIENT", b"TRACKING", b"ON"]),
            Tracking::Prefix(prefix) => self.command(&[
                b"CLIENT",
                b"TRACKING",
                b"ON",
                b"BCAST",
                b"PREFIX",
                prefix.as_bytes(),
            ]),
        };
        match self.reply(until) {
            Ok(_) => {
                self.tracks = true;
                Ok(true)
            }
            Err(Error::Server(error)) if !error.is_passing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Disables tracking, so that other calls can use the connection.
    pub(crate) fn untrack(&mut self, until: &Until) -> Result<()> {
        if self.tracks {
            self.command(&[b"CLIENT", b"TRACKING", b"OFF"]);
            self.reply(until)?;
            // The server sent the last pushes before its reply.
            self.pushes.take();
            self.tracks = false;
        }
        Ok(())
    }

    /// Waits up to `pause` for changes and returns all that have arrived. Must only be called
    /// between replies.
    pub(crate) fn changes(&mut self, pause: Duration, until: &Until) -> Result<Changes> {
        self.receive_pushes(pause, until)?;
        let mut changes = Changes::default();
        for push in self.pushes.take() {
            let Value::Push { kind: PushKind::Invalidate, data } = push else { continue };
            for keys in data {
                match keys {
                    Value::Nil => changes.all = true,
                    keys => {
                        let keys = items(keys).unwrap_or_default().into_iter();
                        changes.keys.extend(keys.filter_map(|key| bulk(key).ok().flatten()));
                    }
                }
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(data: Vec<Value>) -> Value {
        Value::Push { kind: PushKind::Invalidate, data }
    }

    #[test]
    fn pushes_count_by_their_bytes_until_they_are_taken() {
        let large = || push(vec![Value::BulkString(vec![b'x'; 1 << 20])]);
        let small = || push(vec![Value::Array(vec![Value::BulkString(b"cmd.x.1.1".to_vec())])]);
        let mut pushes = Pushes::default();
        let kept = (0..200).take_while(|_| pushes.keep(large()).is_ok()).count();
        assert_eq!(kept, 127, "of 1 MiB and a little each");
        assert_eq!(pushes.take().len(), 127);
        // All pushes of a large fan-out are stored.
        assert!((0..300_000).all(|_| pushes.keep(small()).is_ok()));
        // Elements count even if they are empty.
        let mut pushes = Pushes::default();
        let nulls = || push(vec![Value::Nil; 100_000]);
        assert!((0..100).any(|_| pushes.keep(nulls()).is_err()));
    }
}
