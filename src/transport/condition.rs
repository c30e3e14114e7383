//! What a failure says of the server, by the error codes of Redis and Valkey.

use super::error::{Error, ServerError};

/// What a failure says of the server and the connection. Whether a call is repeated after it, and
/// how, depends on the call too: see `engine::retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No connection could be made.
    Unreachable,
    /// The connection broke.
    Lost,
    /// The server is there, but loads its data, is a replica, runs a script, or is about to be replaced.
    NotReady,
    /// The server has as many clients as it takes.
    Full,
    /// The server refuses to write, and may still be read.
    RefusesWrites,
    /// A code that neither Redis nor Valkey has, such as one of a proxy.
    Unknown,
    /// Time does not mend it.
    Final,
}

/// A row for each code: code, servers, condition, meaning. Lines that begin with # are comments.
const CODES: &str = include_str!("server_errors.tsv");

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    CODES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.nth(1)?))
    })
}

impl Condition {
    /// Whether it passes by itself.
    fn is_passing(self) -> bool {
        !matches!(self, Condition::RefusesWrites | Condition::Unknown | Condition::Final)
    }

    /// The condition of a server that answers with an error of this code.
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

    /// Whether the same step may succeed a moment later, without anybody's help.
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

    /// Whether the same command may succeed a moment later.
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
