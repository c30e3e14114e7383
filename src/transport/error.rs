//! Errors of the transport.

use std::fmt;
use std::io;

use super::address::Secret;
use super::condition::Condition;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Underlying error of a library.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Error of the transport. It does not know commands and agents: the calling module adds what was
/// asked of which agent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection attempt failed.
    #[error("cannot connect to {address}: {source}")]
    Connect { address: String, source: io::Error },
    /// Redis rejected the user or the password, or requires one.
    #[error("{address} {}: {error}", if error.code == "NOAUTH" { "requires a password" } else { "refused the login" })]
    Authentication { address: String, error: ServerError },
    /// The connection broke after it was established. Commands in flight may or may not have run.
    #[error("the connection to {address} was lost: {source}")]
    Lost { address: String, source: io::Error },
    /// The deadline of the call was exceeded.
    #[error("deadline exceeded")]
    Timeout,
    /// The deadline of the call was exceeded after a temporary failure.
    #[error("deadline exceeded; last error: {0}")]
    TimeoutAfter(Box<Error>),
    /// A cancel token of the call was set.
    #[error("cancelled")]
    Cancelled,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// All connections of the pool stayed in use until the deadline.
    #[error("no connection became free; the client has at most {max}")]
    PoolExhausted { max: usize },
    /// A cancel token or an iterator was created in another process.
    #[error("the handle was made in another process, before a fork")]
    Forked,
    /// Redis replied with an error.
    #[error("{0}")]
    Server(ServerError),
    /// Redis sent an invalid reply. The connection has been closed.
    #[error("{address} sent an invalid reply: {message}")]
    Protocol { address: String, message: String },
    /// The TLS handshake failed. Retrying does not help.
    #[error("no TLS with {host}: {message}")]
    Tls { host: String, message: String, source: Option<Cause> },
    /// TLS was requested, but this build does not include it.
    #[cfg(not(feature = "tls"))]
    #[error("TLS is not available: acclient was built without TLS (Cargo feature `tls`)")]
    BuiltWithoutTls,
    /// This kind of server is not supported.
    #[error("{address} is {what}")]
    Unsupported { address: String, what: &'static str },
    /// No Sentinel named a working master.
    #[error("{sentinels} name no master: {message}")]
    NoMaster { sentinels: String, message: String },
    /// A TLS setting is invalid.
    #[cfg(feature = "tls")]
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
    /// Returns whether only a node of a Redis Cluster sends this error.
    pub(crate) fn is_of_a_cluster(&self) -> bool {
        matches!(self.code.as_str(), "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT")
    }

    /// Returns whether the command is rejected permanently and not for lack of a login: the server,
    /// a proxy or the ACL of the user does not support it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.condition(), Condition::Final | Condition::Unknown)
            && !matches!(self.code.as_str(), "NOAUTH" | "WRONGPASS")
    }

    /// Returns whether it rejects EVAL itself, in the wording of Redis, rather than a command in a
    /// script.
    pub(crate) fn is_about_eval(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        let refused = self.code == "NOPERM" && text.contains("'eval'");
        refused || self.is_unknown_command()
    }

    /// Returns whether it reports an unknown command, in the wording of Redis.
    pub(crate) fn is_unknown_command(&self) -> bool {
        self.code == "ERR" && self.text.to_ascii_lowercase().starts_with("unknown command")
    }

    /// Masks the password where the error quotes it.
    pub(crate) fn without(mut self, password: Option<&Secret>) -> Self {
        if let Some(password) = password.map(Secret::expose).filter(|password| !password.is_empty())
        {
            self.code = self.code.replace(password, "***");
            self.text = self.text.replace(password, "***");
        }
        self
    }

    /// Returns whether the login is missing or wrong.
    pub(crate) fn is_authentication(&self) -> bool {
        // Redis 5 and older have no WRONGPASS and report this in the text.
        matches!(self.code.as_str(), "WRONGPASS" | "NOAUTH")
            || (self.code == "ERR"
                && (self.text.contains("invalid password")
                    || self.text.contains("AUTH")
                    // A server without users that was sent a user name.
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
        ServerError::new(error.code(), error.details().unwrap_or_default())
    }
}

impl ServerError {
    /// Parses an error reply. An error within a script or a transaction becomes that of the
    /// command.
    fn new(code: &str, text: &str) -> Self {
        let (mut code, mut text) = (code, text);
        if let Some(inner) = within_script(text).filter(|_| code == "ERR") {
            let split = inner.split_once(' ').filter(|(word, _)| is_code(word));
            (code, text) = split.unwrap_or((code, inner));
        }
        // Redis 7 gives the reason when it rejects EXEC itself.
        let aborted = text.strip_prefix("Transaction discarded because of: ");
        if let Some(inner) = aborted.filter(|_| code == "EXECABORT") {
            (code, text) =
                inner.split_once(' ').filter(|(word, _)| is_code(word)).unwrap_or((code, text));
        }
        if code == "ERR" && REFUSED_IN_SCRIPT.iter().any(|start| text.starts_with(start)) {
            code = "NOPERM";
        }
        ServerError { code: code.to_owned(), text: text.to_owned() }
    }
}

/// A missing permission within a script: the wording of Redis up to 7.0, and of later ones and
/// Valkey.
const REFUSED_IN_SCRIPT: [&str; 2] =
    ["The user executing the script can't ", "ACL failure in script: "];

/// Returns the error that Redis before version 7 wraps: `Error running script (call to f_…):
/// @user_script:1: @user_script: 1: -OOM command not allowed …`. The second position and the dash
/// are present if the command was rejected before it ran.
fn within_script(text: &str) -> Option<&str> {
    let (_, mut text) = text.strip_prefix("Error running script (call to ")?.split_once("): ")?;
    while let Some(place) = text.strip_prefix("@user_script:") {
        let (line, rest) = place.trim_start().split_once(": ")?;
        line.parse::<u32>().ok()?;
        text = rest;
    }
    Some(text.strip_prefix('-').unwrap_or(text).trim_end())
}

fn is_code(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_script(inner: &str) -> ServerError {
        let call = "Error running script (call to f_168aae5914bab6a543b01ca3a4b4f3d294468f3b)";
        ServerError::new("ERR", &format!("{call}: @user_script:1: {inner}"))
    }

    /// The wording of Redis 5.0.14, 6.0.20 and 6.2.16; the first adds blanks.
    #[test]
    fn an_error_within_a_script_is_that_of_the_command() {
        for (inner, code, condition) in [
            ("WRONGTYPE Operation against a key", "WRONGTYPE", Condition::Final),
            (
                "@user_script: 1: -OOM command not allowed when used memory.   ",
                "OOM",
                Condition::Final,
            ),
            ("@user_script: 12: -READONLY You can't write", "READONLY", Condition::NotReady),
            (
                "@user_script: 1: -NOREPLICAS Not enough good replicas to write.",
                "NOREPLICAS",
                Condition::Final,
            ),
            ("@user_script: 1: -MISCONF Redis is configured to save", "MISCONF", Condition::Final),
            (
                "@user_script: 1: The user executing the script can't run this command",
                "NOPERM",
                Condition::Final,
            ),
            (
                "@user_script: 1: Unknown Redis command called from Lua script",
                "ERR",
                Condition::Final,
            ),
            ("user_script:1: OOM x", "ERR", Condition::Final),
        ] {
            let error = of_script(inner);
            assert_eq!(error.code, code, "{inner}");
            assert!(!error.text.contains("@user_script") && !error.text.ends_with(' '), "{error}");
            if condition == Condition::NotReady {
                assert_eq!(error.condition(), condition);
            }
        }
    }

    /// The wording of Redis 7.0.15, 7.4.1, Valkey 8.1.1 and 9.1.2.
    #[test]
    fn a_right_that_is_missing_within_a_script_is_a_right_that_is_missing() {
        for text in [
            "The user executing the script can't run this command or subcommand script: 25a4, on @user_script:1.",
            "ACL failure in script: User few has no permissions to run the 'set' command script: 25a4, on @user_script:1.",
            "ACL failure in script: No permissions to access a key script: on @user_script:1.",
        ] {
            let error = ServerError::new("ERR", text);
            assert_eq!((&*error.code, &*error.text), ("NOPERM", text));
            // The script has started, so a transaction would fail as well.
            assert!(!error.is_about_eval());
        }
    }

    #[test]
    fn what_discards_a_transaction_is_the_error() {
        let because = |text: &str| {
            ServerError::new("EXECABORT", &format!("Transaction discarded because of{text}"))
        };
        assert_eq!(because(": READONLY You can't write").condition(), Condition::NotReady);
        assert_eq!(because(": NOPERM this user has no").code, "NOPERM");
        assert_eq!(because(" previous errors.").code, "EXECABORT");
        assert_eq!(because(": something").code, "EXECABORT");
    }

    #[test]
    fn what_is_no_error_of_a_script_stays_as_it_is() {
        for text in [
            "unknown command 'EVAL', with args beginning with: ",
            "Error running script (call to f_1",
            "Error running script (call to f_1): @user_script:x: -OOM y",
            "max number of clients reached",
            "DB index is out of range",
            "",
        ] {
            let error = ServerError::new("ERR", text);
            assert_eq!((&*error.code, &*error.text), ("ERR", text));
        }
        let error = ServerError::new("OOM", "command not allowed");
        assert_eq!((&*error.code, &*error.text), ("OOM", "command not allowed"));
    }
}
