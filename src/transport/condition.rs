//! State of a server after a failure, derived from the error codes of Redis and Valkey.

use super::error::{Error, ServerError};

/// State of the server and the connection after a failure. Whether and how a call is retried also
/// depends on the call: see `engine::retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The connection attempt failed.
    Unreachable,
    /// The connection broke.
    Lost,
    /// The server is up, but is loading its data, is a replica, runs a script, or is about to be
    /// replaced.
    NotReady,
    /// The server has reached its limit of clients.
    Full,
    /// The server rejects writes but may still serve reads.
    RefusesWrites,
    /// The error code belongs to neither Redis nor Valkey, but to a proxy, for example.
    Unknown,
    /// Permanent: retrying does not help.
    Final,
}

/// One line per code: code, servers, condition, meaning. Lines starting with # are comments.
const CODES: &str = include_str!("server_errors.tsv");

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    CODES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.nth(1)?))
    })
}

impl Condition {
    /// Returns whether the condition is temporary.
    fn is_passing(self) -> bool {
        !matches!(self, Condition::RefusesWrites | Condition::Unknown | Condition::Final)
    }

    /// Returns the condition of a server that replies with this error code.
    pub(crate) fn of_code(code: &str) -> Self {
        match rows().find(|(known, _)| *known == code) {
            Some((_, "not-ready")) => Condition::NotReady,
            Some((_, "refuses-writes")) => Condition::RefusesWrites,
            Some((_, "final")) => Condition::Final,
            _ => Condition::Unknown,
        }
    }
}

impl Error {
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Error::Connect { .. } => Condition::Unreachable,
            Error::Lost { .. } => Condition::Lost,
            Error::NoMaster { .. } => Condition::NotReady,
            Error::Server(error) => error.condition(),
            _ => Condition::Final,
        }
    }

    /// Returns whether the same step may succeed a moment later without intervention.
    pub(crate) fn is_passing(&self) -> bool {
        self.condition().is_passing()
    }
}

impl ServerError {
    pub(crate) fn condition(&self) -> Condition {
        if self.text.contains("max number of clients") {
            return Condition::Full;
        }
        Condition::of_code(&self.code)
    }

    /// Returns whether the same command may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        self.condition().is_passing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_table_has_a_condition_that_is_known() {
        let mut codes: Vec<_> = rows().map(|(code, _)| code).collect();
        assert!(codes.len() > 30, "{codes:?}");
        for (code, condition) in rows() {
            assert_ne!(Condition::of_code(code), Condition::Unknown, "{code}: {condition}");
        }
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all, "a code has two rows");
    }

    #[test]
    fn codes_of_proxies_are_unknown() {
        for code in ["upstream", "no", "NOTSUPPORTED", "", "loading"] {
            assert_eq!(Condition::of_code(code), Condition::Unknown, "{code}");
        }
    }
}
