//! Being told by the server that keys have changed (client-side caching, Redis 6 and later).

use std::time::Duration;

use redis::{PushKind, Value};

use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result};
use super::reply::{bulk, items};

/// What the server is asked to tell.
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
            self.pushes.clear();
            self.tracks = false;
        }
        Ok(())
    }

    /// Waits up to `pause` for changes, and takes all that have arrived. Between replies only.
    pub(crate) fn changes(&mut self, pause: Duration, until: &Until) -> Result<Changes> {
        self.receive_pushes(pause, until)?;
        let mut changes = Changes::default();
        for push in self.pushes.drain(..) {
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
