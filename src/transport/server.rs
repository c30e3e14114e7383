//! What a server is, and what it can do.

use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result, ServerError};
use super::reply::{self, Reply};

/// Why a Redis Cluster is of no use.
pub(crate) const NO_CLUSTER: &str = "a node of a Redis Cluster: the controller keeps the keys of a command \
     in one server and cannot use one";

/// What a server is and can do, found out when a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Server {
    pub(super) mode: Mode,
    /// Whether it is a master, where it has said so.
    pub(super) is_master: Option<bool>,
    /// It speaks RESP3 (Redis 6 and later, and a user who may say HELLO).
    pub(crate) resp3: bool,
    /// It knows BLMOVE (6.2 and later); else BRPOPLPUSH does the same.
    pub(crate) blmove: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
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
                "version" => {
                    let version = text(value);
                    let mut numbers =
                        version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
                    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                    server.blmove = version >= (6, 2);
                }
                "mode" => {
                    server.mode = match text(value).as_str() {
                        "cluster" => Mode::Cluster,
                        "sentinel" => Mode::Sentinel,
                        _ => Mode::Standalone,
                    };
                }
                "role" => server.is_master = Some(text(value) == "master"),
                _ => {}
            }
        }
        Ok(server)
    }
}

impl Connection {
    /// Whether the server is a master at this moment.
    pub(super) fn is_master(&mut self, until: &Until) -> Result<bool> {
        if let Some(is_master) = self.server.is_master {
            return Ok(is_master);
        }
        self.command(&[b"ROLE"]);
        let role = reply::items(self.reply(until)?).ok().and_then(|role| role.into_iter().next());
        let role = role.and_then(|role| reply::bulk(role).ok().flatten());
        Ok(role.as_deref() == Some(b"master"))
    }

    /// What tells this run of this server from every other: a restart and a failover change it. `None`
    /// where a user may not ask.
    pub(crate) fn run_id(&mut self, until: &Until) -> Result<Option<String>> {
        if self.run_id.is_none() {
            self.run_id = self.info(b"server", until)?.and_then(|info| field(&info, "run_id"));
        }
        Ok(self.run_id.clone())
    }

    /// A section of INFO; `None` where a user may not ask.
    pub(crate) fn info(&mut self, section: &[u8], until: &Until) -> Result<Option<String>> {
        self.command(&[b"INFO", section]);
        match self.reply(until) {
            Ok(info) => {
                let text = reply::bulk(info).ok().flatten().unwrap_or_default();
                Ok(Some(String::from_utf8_lossy(&text).into_owned()))
            }
            Err(Error::Server(error)) if error.code == "NOPERM" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A field of INFO.
pub(crate) fn field(info: &str, name: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    info.lines().find_map(value)
}

/// Whether this refusal of HELLO means only that the server (or its ACL) has no RESP3 for us.
pub(super) fn is_without_hello(error: &ServerError) -> bool {
    matches!(error.code.as_str(), "NOPROTO" | "NOPERM")
        || (error.code == "ERR" && error.text.contains("unknown command"))
}
