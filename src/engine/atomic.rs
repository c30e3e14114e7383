//! Atomic steps, as a script or as a transaction.

use redis::Value;

use crate::transport::{self, Connection, Until, integer, items};

/// Several Redis commands that take effect together or not at all: a script, or a transaction for a user who may
/// not run scripts.
pub(super) struct Step<'a> {
    pub(super) script: &'static str,
    pub(super) keys: &'a [&'a str],
    pub(super) args: &'a [&'a [u8]],
}

impl Step<'_> {
    /// Runs the step. Sets `sent` if it failed after it was sent and Redis may have run it, but not if Redis
    /// refused it.
    pub(super) fn run(
        &self,
        connection: &mut Connection,
        until: &Until,
        sent: &mut bool,
        transaction: impl FnOnce(&mut Connection, &Until, &mut bool) -> transport::Result<i64>,
    ) -> transport::Result<i64> {
        let keys = self.keys.len().to_string();
        let mut words: Vec<&[u8]> = vec![b"EVAL", self.script.as_bytes(), keys.as_bytes()];
        words.extend(self.keys.iter().map(|key| key.as_bytes()));
        words.extend(self.args);
        let mark = connection.command(&words);
        let reply = connection.reply(until);
        match reply {
            Ok(reply) => integer(&reply).map_err(|error| connection.violated(error.to_string())),
            Err(transport::Error::Server(error))
                if connection.is_without_scripts(&error, self.keys[0], until) =>
            {
                let done = transaction(connection, until, sent);
                if done.is_err() {
                    // The connection may still watch keys or be within the transaction, which the next call must
                    // not inherit.
                    connection.retire();
                }
                done
            }
            Err(error @ transport::Error::Server(_)) => Err(error),
            Err(error) => {
                *sent = connection.was_sent(mark);
                Err(error)
            }
        }
    }
}

/// Runs commands in a transaction. `None` if a watched key has changed and nothing was done. After an error the
/// connection may still be within the transaction.
pub(super) fn transaction(
    connection: &mut Connection,
    until: &Until,
    sent: &mut bool,
    commands: &[&[&[u8]]],
) -> transport::Result<Option<Vec<Value>>> {
    // A user without the right to MULTI would run the commands one by one.
    connection.command(&[b"MULTI"]);
    connection.reply(until)?;
    for command in commands {
        connection.command(command);
    }
    let mark = connection.command(&[b"EXEC"]);
    let mut refused = None;
    for _ in commands {
        match connection.reply(until) {
            Ok(_) => {}
            // This error has the reason; EXEC only reports that there was one.
            Err(error @ transport::Error::Server(_)) => refused = refused.or(Some(error)),
            Err(error) => {
                *sent = connection.was_sent(mark);
                return Err(error);
            }
        }
    }
    let done = connection.reply(until);
    match (done, refused) {
        (Err(error @ transport::Error::Server(_)), refused) => Err(refused.unwrap_or(error)),
        (Err(error), _) => {
            *sent = connection.was_sent(mark);
            Err(error)
        }
        (Ok(Value::Nil), _) => Ok(None),
        (Ok(done), _) => {
            let done = items(done).map_err(|error| connection.violated(error.to_string()))?;
            match done.iter().find_map(transport::error_in) {
                Some(error) => Err(error),
                None => Ok(Some(done)),
            }
        }
    }
}
