//! Kind and capabilities of a server.

use std::sync::Arc;
use std::time::Duration;

use super::condition::Condition;
use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result, ServerError};
use super::reply::{self, Reply};

/// Why a Redis Cluster is unsupported.
pub(crate) const NO_CLUSTER: &str = "a node of a Redis Cluster: the controller keeps the keys of a command \
     in one server and cannot use one";

/// Kind and capabilities of a server, determined on connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Server {
    /// `None` if the server does not report it.
    pub(super) mode: Option<Mode>,
    /// Whether it is a master; `None` if the server does not report it.
    pub(super) is_master: Option<bool>,
    /// It supports RESP3 (Redis 6 and later, and a user with permission for HELLO).
    pub(crate) resp3: bool,
    /// It closes the connection on unknown commands, as some proxies do. Optional commands are not
    /// sent to it.
    pub(crate) closes: bool,
    waiting: Waiting,
    /// Whether the last wait for a list was only a read.
    only_reads: bool,
}

/// How to wait for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Waiting {
    /// Redis 6.2 and later.
    Blmove,
    #[default]
    Brpoplpush,
    /// Polling, for servers with neither command.
    Reading,
}

/// The field of INFO that changes on a restart and on a failover.
const RUN: &str = "run_id";

/// The shortest pause for which a server that only takes whole seconds is asked to block. Slightly
/// under one second, since that is what remains of a second that has just begun.
const WHOLE_SECOND: Duration = Duration::from_millis(950);

/// Polling interval for a list on which the server cannot block.
pub(crate) const POLLING_INTERVAL: Duration = Duration::from_millis(40);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Standalone,
    Cluster,
    Sentinel,
}

impl Server {
    pub(super) fn from_hello(hello: Reply) -> std::result::Result<Self, reply::Unexpected> {
        let mut fields = reply::items(hello)?.into_iter();
        let mut server = Server { resp3: true, ..Server::default() };
        let text = |value| {
            let bytes = reply::bulk(value).ok().flatten().unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
            match text(key).as_str() {
                "version" => server.note_version(&text(value)),
                "mode" => server.mode = Some(Mode::named(&text(value))),
                "role" => server.is_master = Some(text(value) == "master"),
                _ => {}
            }
        }
        Ok(server)
    }

    fn note_version(&mut self, version: &str) {
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        self.waiting = if version >= (6, 2) { Waiting::Blmove } else { Waiting::Brpoplpush };
    }
}

impl Mode {
    fn named(name: &str) -> Mode {
        match name {
            "cluster" => Mode::Cluster,
            "sentinel" => Mode::Sentinel,
            _ => Mode::Standalone,
        }
    }
}

impl Connection {
    /// Determines what HELLO would have reported: Redis 5 lacks HELLO, and some users and proxies
    /// may not use it. Facts whose commands are rejected stay unknown.
    pub(super) fn find_mode(&mut self, until: &Until) -> Result<()> {
        if self.server.closes {
            self.server.waiting = Waiting::Reading;
            return Ok(());
        }
        self.command(&[b"INFO", b"server"]);
        self.command(&[b"ROLE"]);
        self.command(&[b"CLUSTER", b"INFO"]);
        let mut replies = [None, None, None];
        for reply in &mut replies {
            *reply = match self.reply(until) {
                Ok(reply) => Some(reply),
                Err(Error::Server(_)) => None,
                Err(error) => return Err(error),
            };
        }
        let [info, role, cluster] = replies;
        let mode = if let Some(info) = info.map(text_of) {
            self.server_run = field(&info, RUN).map(Into::into);
            field(&info, "redis_mode").or_else(|| field(&info, "server_mode"))
        } else {
            None
        };
        let role = role.and_then(first_of);
        if let Some(role) = &role {
            self.server.is_master = Some(role == "master");
        }
        // A cluster node reports its state; other servers reject the command.
        let cluster = cluster.map(text_of).is_some_and(|info| info.contains("cluster_state:"));
        self.server.mode = match (mode, cluster, role.as_deref()) {
            (Some(mode), _, _) => Some(Mode::named(&mode)),
            (None, true, _) => Some(Mode::Cluster),
            (None, false, Some("sentinel")) => Some(Mode::Sentinel),
            (None, false, _) => None,
        };
        Ok(())
    }

    /// Reads the reply to a command that some servers, proxies and users do not support. Returns
    /// `None` if the command is rejected for any reason other than a missing login.
    pub(crate) fn allowed(&mut self, until: &Until) -> Result<Option<Reply>> {
        match self.reply(until) {
            Err(Error::Server(error)) if error.is_refusal() => Ok(None),
            reply => reply.map(Some),
        }
    }

    /// Sends a command that may be unsupported; see [`Connection::allowed`].
    pub(crate) fn ask_if_allowed(
        &mut self,
        command: &[&[u8]],
        until: &Until,
    ) -> Result<Option<Reply>> {
        if self.server.closes {
            return Ok(None);
        }
        self.command(command);
        self.allowed(until)
    }

    /// Returns whether the server currently reports itself as a master. Without a report, the role
    /// that the Sentinels state applies.
    pub(super) fn is_master(&mut self, until: &Until) -> Result<bool> {
        if let Some(is_master) = self.server.is_master {
            return Ok(is_master);
        }
        let role = self.ask_if_allowed(&[b"ROLE"], until)?.and_then(first_of);
        let role = match role {
            Some(role) => Some(role),
            None => self.info(b"replication", until)?.and_then(|info| field(&info, "role")),
        };
        Ok(role.is_none_or(|role| role == "master"))
    }

    /// Queues a wait of up to about `pause` for an entry in a list. The command moves the tail of
    /// the list to its own head, which blocks until there is an entry and removes nothing. If the
    /// server cannot block for that time, the list is only read.
    pub(crate) fn queue_move(&mut self, key: &[u8], pause: Duration) {
        // Redis 6 and later, which have RESP3, accept fractions of a second; Redis 5 does not.
        let takes_fractions = self.server.resp3;
        self.server.only_reads = match self.server.waiting {
            Waiting::Blmove => false,
            Waiting::Brpoplpush => !takes_fractions && pause < WHOLE_SECOND,
            Waiting::Reading => true,
        };
        if self.server.only_reads {
            self.command(&[b"LRANGE", key, b"-1", b"-1"]);
            return;
        }
        // A timeout of zero blocks indefinitely, and Redis 6 may treat 0.001 as zero: it truncates
        // to whole milliseconds after an inexact multiplication.
        let pause = format!("{:.3}", pause.as_secs_f64().max(0.002));
        let seconds = if takes_fractions { pause.as_bytes() } else { b"1" };
        match self.server.waiting {
            Waiting::Blmove => self.command(&[b"BLMOVE", key, key, b"RIGHT", b"LEFT", seconds]),
            _ => self.command(&[b"BRPOPLPUSH", key, key, seconds]),
        };
    }

    /// Returns the entry that [`Connection::queue_move`] waited for, or a null, which comes at once
    /// if the server does not block. If the server rejects the command for any reason, returns a
    /// null and makes the next wait use another command.
    pub(crate) fn moved(&mut self, until: &Until) -> Result<Reply> {
        match self.reply(until) {
            Ok(entries) if self.server.only_reads => {
                let entries = reply::items(entries);
                let entries = entries.map_err(|error| self.violated(error.to_string()))?;
                Ok(entries.into_iter().next().unwrap_or(Reply::Nil))
            }
            Err(Error::Server(error))
                if !self.server.only_reads
                    && error.condition() == Condition::Final
                    && error.is_refusal()
                    && error.code != "WRONGTYPE"
                    && !error.is_of_a_cluster() =>
            {
                log::debug!(target: "acclient::connection", "no blocking command: {error}");
                self.server.waiting = match self.server.waiting {
                    Waiting::Blmove => Waiting::Brpoplpush,
                    _ => Waiting::Reading,
                };
                Ok(Reply::Nil)
            }
            reply => reply,
        }
    }

    /// Returns whether the user who got this reply to a script may not run any script. Only then is
    /// it certain that no part of the script ran.
    pub(crate) fn is_without_scripts(
        &mut self,
        error: &ServerError,
        key: &str,
        until: &Until,
    ) -> bool {
        if !error.is_refusal() || error.is_of_a_cluster() {
            return false;
        }
        if error.is_about_eval() {
            return true;
        }
        // The wording is not that of Redis: a script that does nothing shows whether scripts are
        // allowed.
        self.command(&[b"EVAL", b"return 1", b"1", key.as_bytes()]);
        matches!(self.reply(until), Err(Error::Server(error)) if error.is_refusal())
    }

    /// Returns a section of INFO; `None` if the command is rejected.
    pub(crate) fn info(&mut self, section: &[u8], until: &Until) -> Result<Option<String>> {
        Ok(self.ask_if_allowed(&[b"INFO", section], until)?.map(text_of))
    }
}

fn text_of(reply: Reply) -> String {
    let text = reply::bulk(reply).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

/// Returns the run ID of a server from its reply to INFO.
pub(super) fn run_in(info: Reply) -> Option<Arc<str>> {
    field(&text_of(info), RUN).map(Into::into)
}

/// Returns the first element of an array as text.
fn first_of(reply: Reply) -> Option<String> {
    reply::items(reply).ok()?.into_iter().next().map(text_of)
}

/// Returns a field of INFO.
pub(crate) fn field(info: &str, name: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    info.lines().find_map(value)
}
