//! What can go wrong between a call and Redis.

use std::fmt;
use std::io;

use super::address::Secret;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What a library below says of a failure.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the transport. It knows no command and no agent: the module that made the call
/// adds what was asked of whom.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No connection could be made.
    #[error("cannot connect to {address}: {source}")]
    Connect { address: String, source: io::Error },
    /// Redis refused the user or the password, or wants one.
    #[error("{address} {}: {error}", if error.code == "NOAUTH" { "requires a password" } else { "refused the login" })]
    Authentication { address: String, error: ServerError },
    /// The connection broke after it was made. What was under way on it may or may not have run.
    #[error("the connection to {address} was lost: {source}")]
    Lost { address: String, source: io::Error },
    /// The deadline of the call has passed.
    #[error("deadline exceeded")]
    Timeout,
    /// The deadline of the call has passed after a failure that waiting might have mended.
    #[error("deadline exceeded; last error: {0}")]
    TimeoutAfter(Box<Error>),
    /// A cancel token of the call was set.
    #[error("cancelled")]
    Cancelled,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// Every connection of the pool stayed in use until the deadline.
    #[error("no connection became free; the client has at most {max}")]
    PoolExhausted { max: usize },
    /// A cancel token or an iterator made in another process.
    #[error("the handle was made in another process, before a fork")]
    Forked,
    /// Redis answered with an error.
    #[error("{0}")]
    Server(ServerError),
    /// Redis sent something that is no valid reply. The connection has been closed.
    #[error("{address} sent an invalid reply: {message}")]
    Protocol { address: String, message: String },
    /// TLS could not be agreed on. Trying again will not help.
    #[error("no TLS with {host}: {message}")]
    Tls { host: String, message: String, source: Option<Cause> },
    /// The server is of a kind that cannot be used.
    #[error("{address} is {what}")]
    Unsupported { address: String, what: &'static str },
    /// No Sentinel could tell of a master that is one.
    #[error("{sentinels} name no master: {message}")]
    NoMaster { sentinels: String, message: String },
    /// A setting of the client cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The operating system refused a descriptor or a thread.
    #[error("{what}: {source}")]
    System { what: &'static str, source: io::Error },
}

/// An error reply: its code (`WRONGTYPE`, `NOPERM`, …) and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerError {
    pub(crate) code: String,
    pub(crate) text: String,
}

impl ServerError {
    /// Whether only a node of a Redis Cluster says so.
    pub(crate) fn is_of_a_cluster(&self) -> bool {
        matches!(self.code.as_str(), "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT")
    }

    /// Whether the command is refused, and neither for now nor for want of a login: the server, a proxy
    /// or the rights of the user do not offer it.
    pub(crate) fn is_refusal(&self) -> bool {
        !self.is_passing() && !matches!(self.code.as_str(), "NOAUTH" | "WRONGPASS")
    }

    /// Whether it refuses EVAL itself in words of Redis, and not a command of a script.
    pub(crate) fn is_about_eval(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        let refused = self.code == "NOPERM" && text.contains("'eval'");
        refused || (self.code == "ERR" && text.starts_with("unknown command"))
    }

    /// The same with the password, where it is quoted, masked.
    pub(crate) fn without(mut self, password: Option<&Secret>) -> Self {
        if let Some(password) = password.map(Secret::expose).filter(|password| !password.is_empty())
        {
            self.code = self.code.replace(password, "***");
            self.text = self.text.replace(password, "***");
        }
        self
    }

    /// Whether it says that the login is missing or wrong.
    pub(crate) fn is_authentication(&self) -> bool {
        // Redis 5 and older know no WRONGPASS: they say it in words.
        matches!(self.code.as_str(), "WRONGPASS" | "NOAUTH")
            || (self.code == "ERR"
                && (self.text.contains("invalid password")
                    || self.text.contains("AUTH")
                    // A server without users, told of one.
                    || self.text.contains("for 'auth' command")))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

impl From<&redis::ServerError> for ServerError {
    fn from(error: &redis::ServerError) -> Self {
        ServerError {
            code: error.code().to_owned(),
            text: error.details().unwrap_or_default().to_owned(),
        }
    }
}
