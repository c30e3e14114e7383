//! Pushes one command to the controller's queue with exactly one RPUSH that Redis can have executed. For
//! idempotent pushes see [`super::once`].

use super::retry::{Purpose, Retrier};
use super::{Session, Timeout, before, result};
use crate::error::{Error, Result};
use crate::protocol::{Documents, Envelope, keys};
use crate::transport::{self, Class, Connection, Pooled, Until, integer};

/// Log target for commands.
pub(crate) const LOG: &str = "acclient::command";

/// How many pending TTL updates are sent along with a push. More than one, so that they do not pile up.
pub(super) const ALONG: usize = 2;

/// Builds one RPUSH of all documents: Redis takes all or none.
pub(super) fn rpush(documents: &Documents) -> Vec<&[u8]> {
    [b"RPUSH", keys::QUEUE.as_bytes()].into_iter().chain(documents.iter()).collect()
}

/// Queues the push on a connection. Returns the mark that later tells whether the push was sent.
pub(super) fn queue(connection: &mut Connection, documents: &Documents) -> u64 {
    match documents.single() {
        // Avoids an allocation for most commands.
        Some(json) => connection.command(&[b"RPUSH", keys::QUEUE.as_bytes(), json]),
        None => connection.command(&rpush(documents)),
    }
}

/// Pushes a command together with the requests that `then` queues behind it, and returns the connection on which
/// their replies arrive. Retries only if Redis cannot have executed the push.
pub(super) fn push(
    session: &Session,
    command: &Envelope,
    documents: &Documents,
    (class, until): (Class, &Until),
    then: impl Fn(&mut Connection),
) -> Result<Pooled> {
    let mut retrier = Retrier::new(Purpose::Push);
    loop {
        let error = match ready(session, command, class, until) {
            Ok(mut connection) => {
                connection.take_along(ALONG);
                before::ask(&mut connection, command);
                let mark = queue(&mut connection, documents);
                then(&mut connection);
                let before = before::read(&mut connection, command, until);
                match before.and_then(|()| connection.reply(until)) {
                    Ok(reply) => {
                        integer(&reply).map_err(|error| maybe_sent(command, error.into()))?;
                        session.counters().pushed.add(1);
                        command.confirmed_by(connection.run());
                        return Ok(connection);
                    }
                    // A command that Redis refused did not run.
                    Err(error @ transport::Error::Server(_)) => {
                        session.pool().note_failure(&mut connection, &error);
                        error
                    }
                    Err(error) if connection.was_sent(mark) => {
                        result::owe_queued(session, &command.id);
                        return Err(maybe_sent(command, error.into()));
                    }
                    // A partial write: Redis cannot have run it.
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        retrier.again(error, until)?;
    }
}

/// Takes a connection, and first reads what the command's id holds if that needs its own round trip.
fn ready(
    session: &Session,
    command: &Envelope,
    class: Class,
    until: &Until,
) -> transport::Result<Pooled> {
    let mut connection = session.pool().get(class, until)?;
    match before::find(&mut connection, command, until) {
        Ok(()) => Ok(connection),
        Err(error) => {
            session.pool().note_failure(&mut connection, &error);
            Err(error)
        }
    }
}

/// Pushes a command as a complete call.
pub(crate) fn submit(session: &Session, command: &Envelope, timeout: &Timeout) -> Result<()> {
    let documents = command.documents()?;
    let push = |until: &Until| {
        push(session, command, &documents, (Class::Quick, until), |_| ()).map(|_| ())
    };
    session.bounded(timeout, || command.in_words(), push)?;
    // The command may have no waiting caller.
    result::owe_queued(session, &command.id);
    log::debug!(target: LOG, "submitted {command}");
    Ok(())
}

/// Returns the error of a command that was sent completely and not confirmed.
pub(super) fn maybe_sent(command: &Envelope, error: Error) -> Error {
    error.with_command_maybe_sent().about_command(command)
}

/// Takes a connection for pushes; waits while the server is not ready.
pub(super) fn connection(session: &Session, until: &Until) -> Result<Pooled> {
    let mut retrier = Retrier::new(Purpose::Push);
    loop {
        match session.pool().get(Class::Quick, until) {
            Err(error) => retrier.again(error, until)?,
            Ok(connection) => return Ok(connection),
        }
    }
}
