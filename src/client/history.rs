//! Command history, for controllers that keep one.

use super::Client;
use crate::command::Command;
use crate::engine::{Session, result};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{CommandDocument, Envelope, keys};
use crate::transport::{Until, bulk, integer, items};

/// Largest number of entries per read.
const MOST: u32 = 10_000;

impl Client {
    /// Returns past commands, most recent first: `count` of them, after skipping the `start` most recent.
    /// [`Command::jobs`](crate::Command::jobs) returns the jobs of each, as long as they are kept. Blocks for
    /// at most the client's timeout.
    ///
    /// Only controllers older than the original of 2016 keep a history (the list `joblog`). Entries that are
    /// not JSON objects are left out and logged. In the others, fields that cannot be decoded count as
    /// absent, and a target that cannot be decoded is unknown; [`Command::dump`] contains everything.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is no history, as opposed to an empty one;
    /// [`ErrorKind::InvalidArgument`] for a count of 0 or above 10 000; [`ErrorKind::Protocol`] if no entry
    /// can be decoded; those of the connection.
    pub fn get_cmds(&self, start: u32, count: u32) -> Result<Vec<Command>> {
        if !(1..=MOST).contains(&count) {
            return Err(Error::invalid(format!("invalid count {count}: expected 1 to {MOST}")));
        }
        let (first, last) =
            (start.to_string(), (u64::from(start) + u64::from(count) - 1).to_string());
        let asked = || format!("the history in Redis at {}", self.address());
        let session = self.session();
        let call = |until: &Until| {
            let (there, entries) = session.query(until, |connection| {
                connection.command(&[b"EXISTS", keys::HISTORY.as_bytes()]);
                connection.command(&[
                    b"LRANGE",
                    keys::HISTORY.as_bytes(),
                    first.as_bytes(),
                    last.as_bytes(),
                ]);
                Ok((connection.allowed(until)?, connection.reply(until)?))
            })?;
            let entries = items(entries)?;
            // Without permission for EXISTS, an empty range is indistinguishable from no history.
            let there = there.map_or(Ok(i64::from(!entries.is_empty())), |there| integer(&there));
            if there? == 0 {
                let none = "no history: this controller does not keep one, or has run nothing yet";
                return Err(Error::new(ErrorKind::Unsupported, none));
            }
            let read = |(number, entry)| {
                let command = command_of(session, bulk(entry)?.unwrap_or_default());
                let place = || format!("entry {number} of {}", keys::HISTORY);
                command.map_err(|error| error.asked(place))
            };
            result::readable((u64::from(start)..).zip(entries).map(read))
        };
        session.bounded(&session.quick(), asked, call)
    }
}

/// Decodes a command of the history.
pub(crate) fn command_of(session: &Session, json: Vec<u8>) -> Result<Command> {
    let document =
        CommandDocument::parse(&json).map_err(|error| Error::document("the command", &error))?;
    Ok(Command::new(session.clone(), Envelope::found(document, json)))
}
