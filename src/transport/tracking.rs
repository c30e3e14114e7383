//! Push notifications of changed keys (client-side caching, Redis 6 and later).

use std::collections::VecDeque;
use std::time::Duration;

use redis::{PushKind, Value};

use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result};
use super::reply::{bulk, items};

/// Keys whose changes the server pushes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tracking<'a> {
    /// Changes of keys that this connection has read, each once until it is read again.
    Read,
    /// Changes of all keys with a prefix. Each prefix costs every writer of that server.
    Prefix(&'a str),
}

/// What has changed, as far as the server knows: a hint to read again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) keys: Vec<Vec<u8>>,
    /// Everything, perhaps: the server was flushed, or has forgotten what was read.
    pub(crate) all: bool,
}

/// The memory that pushes may take until somebody asks for them: those of a broadcast to 300 000 agents.
const MAX_PUSHED: usize = 128 * 1024 * 1024;

/// Pushes that arrived between replies. Nobody asks for them between calls, so a server must not fill
/// the memory with them.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    queue: VecDeque<Value>,
    /// The memory that they take.
    size: usize,
}

impl Pushes {
    /// `Err` says what is wrong with one more.
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

/// What a value takes in memory, about. The framer limits how deep it nests.
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
    /// Turns tracking on; `false` where the server, or its ACL, does not offer it.
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

    /// Turns tracking off, so that the connection is of use to others.
    pub(crate) fn untrack(&mut self, until: &Until) -> Result<()> {
        if self.tracks {
            self.command(&[b"CLIENT", b"TRACKING", b"OFF"]);
            self.reply(until)?;
            // The server has sent the last of them before its reply.
            self.pushes.take();
            self.tracks = false;
        }
        Ok(())
    }

    /// Waits up to `pause` for changes, and takes all that have arrived. Between replies only.
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
        // Those of a large fan-out are all kept.
        assert!((0..300_000).all(|_| pushes.keep(small()).is_ok()));
        // Elements count, also where they are empty.
        let mut pushes = Pushes::default();
        let nulls = || push(vec![Value::Nil; 100_000]);
        assert!((0..100).any(|_| pushes.keep(nulls()).is_err()));
    }
}
