//! Pushing one command to the controller's queue: exactly one RPUSH that Redis can have taken, or a
//! step that is idempotent.
//!
//! A command that is pushed idempotently leaves the key `cmd.<id>.submitted` behind, written in one
//! step with the push, so that a second try finds it. The controller knows nothing of that key.

use std::iter;

use redis::Value;

use super::atomic::{Step, transaction};
use super::retry::{Purpose, Retrier};
use super::{Session, Timeout};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Documents, Envelope, keys};
use crate::transport::{self, Class, Connection, Pooled, Until, integer};

/// The log target of everything about commands.
pub(super) const LOG: &str = "acclient::command";

const PUSH_ONCE: &str = "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end \
     for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end \
     redis.call('SET', KEYS[2], '1', 'EX', ARGV[1]) return 1";

/// One RPUSH of all documents: Redis takes all of them or none.
fn rpush(documents: &Documents) -> Vec<&[u8]> {
    [b"RPUSH", keys::QUEUE.as_bytes()].into_iter().chain(documents.iter()).collect()
}

/// Queues the push on a connection; returns the mark by which the connection tells whether it left.
pub(super) fn queue(connection: &mut Connection, documents: &Documents) -> u64 {
    match documents.single() {
        // Without an allocation, for most commands.
        Some(json) => connection.command(&[b"RPUSH", keys::QUEUE.as_bytes(), json]),
        None => connection.command(&rpush(documents)),
    }
}

/// Pushes a command, along with the requests that `then` queues behind it, and returns the connection
/// on which their replies arrive. It is pushed again only where Redis cannot have taken it.
pub(super) fn push(
    session: &Session,
    command: &Envelope,
    documents: &Documents,
    (class, until): (Class, &Until),
    then: impl Fn(&mut Connection),
) -> Result<Pooled> {
    let mut retrier = Retrier::new(Purpose::Push);
    loop {
        let error = match session.pool().get(class, until) {
            Ok(mut connection) => {
                let mark = queue(&mut connection, documents);
                then(&mut connection);
                match connection.reply(until) {
                    Ok(reply) => {
                        integer(&reply).map_err(|error| maybe_sent(command, error.into()))?;
                        session.counters().pushed.add(1);
                        return Ok(connection);
                    }
                    // A command that Redis refused did not run.
                    Err(error @ transport::Error::Server(_)) => {
                        session.pool().note_failure(&mut connection, &error);
                        error
                    }
                    Err(error) if connection.was_sent(mark) => {
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

/// Pushes a command, as a whole call.
pub(crate) fn submit(session: &Session, command: &Envelope, timeout: &Timeout) -> Result<()> {
    let documents = command.documents()?;
    let push = |until: &Until| {
        push(session, command, &documents, (Class::Quick, until), |_| ()).map(|_| ())
    };
    session.bounded(timeout, || command.in_words(), push)?;
    log::debug!(target: LOG, "submitted {command}");
    Ok(())
}

/// The same in a way that can be repeated with the same id, until the call ends.
pub(crate) fn submit_once(session: &Session, command: &Envelope, timeout: &Timeout) -> Result<()> {
    let documents = command.documents()?;
    let push = |until: &Until| push_once(session, &command.id, &documents, until);
    let pushed = session.bounded(timeout, || command.in_words(), push);
    pushed.map_err(|error| error.about_command(command))?;
    log::debug!(target: LOG, "submitted {command}, or found that it was before");
    Ok(())
}

/// The error of a command that left whole and was not confirmed.
pub(super) fn maybe_sent(command: &Envelope, error: Error) -> Error {
    error.with_command_maybe_sent().about_command(command)
}

/// Takes a connection for pushes; waits for a server that is not ready.
pub(super) fn connection(session: &Session, until: &Until) -> Result<Pooled> {
    let mut retrier = Retrier::new(Purpose::Push);
    loop {
        match session.pool().get(Class::Quick, until) {
            Err(error) => retrier.again(error, until)?,
            Ok(connection) => return Ok(connection),
        }
    }
}

/// Pushes a command unless its mark is there, and tries again until Redis has confirmed one or the
/// other, or the call ends.
fn push_once(session: &Session, id: &str, documents: &Documents, until: &Until) -> Result<()> {
    let mut push = Once { id, documents, doubt: None };
    let mut retrier = Retrier::new(Purpose::PushOnce);
    loop {
        let tried =
            session.pool().once(Class::Quick, until, |connection| push.attempt(connection, until));
        let ended = match tried {
            Ok(true) => {
                session.counters().pushed.add(1);
                return Ok(());
            }
            Ok(false) => Error::new(ErrorKind::Connect, REPLACED),
            Err(error) => match retrier.again(error, until) {
                Ok(()) => continue,
                Err(error) => error.into(),
            },
        };
        return Err(push.explained(ended));
    }
}

/// Whether the mark of a command that was pushed idempotently is there, as far as the user may look.
pub(crate) fn is_marked(session: &Session, id: &str, until: &Until) -> Result<bool> {
    let marked = session.repeat(until, |connection, until| {
        connection.command(&[b"EXISTS", keys::submitted(id).as_bytes()]);
        connection.allowed(until)
    })?;
    Ok(marked == Some(Value::Int(1)))
}

const REPLACED: &str = "the connection was lost before Redis confirmed the command, and Redis was restarted or replaced since: its data may be lost";

struct Once<'a> {
    id: &'a str,
    documents: &'a Documents,
    /// The run of the server that an earlier try may have reached; inside, whether that is known.
    doubt: Option<Option<String>>,
}

impl Once<'_> {
    /// `false`: an earlier try may have reached a server that is no more.
    fn attempt(&mut self, connection: &mut Connection, until: &Until) -> transport::Result<bool> {
        let run = connection.run_id(until)?;
        let mark = keys::submitted(self.id);
        if self.doubt.as_ref().is_some_and(|before| before.is_none() || *before != run) {
            connection.command(&[b"EXISTS", mark.as_bytes()]);
            return Ok(matches!(connection.reply(until)?, Value::Int(1)));
        }
        let ttl = keys::TTL.to_string();
        let args: Vec<&[u8]> = iter::once(ttl.as_bytes()).chain(self.documents.iter()).collect();
        let step = Step { script: PUSH_ONCE, keys: [keys::QUEUE, &mark], args: &args };
        let mut sent = false;
        let pushed = step.run(connection, until, &mut sent, |connection, until, sent| {
            self.in_a_transaction(connection, &mark, until, sent)
        });
        if sent {
            self.doubt.get_or_insert(run);
        }
        pushed.map(|_| true)
    }

    fn in_a_transaction(
        &self,
        connection: &mut Connection,
        mark: &str,
        until: &Until,
        sent: &mut bool,
    ) -> transport::Result<i64> {
        loop {
            connection.command(&[b"WATCH", mark.as_bytes()]);
            connection.command(&[b"EXISTS", mark.as_bytes()]);
            connection.command(&[b"LLEN", keys::QUEUE.as_bytes()]);
            connection.reply(until)?;
            let is_marked = matches!(connection.reply(until)?, Value::Int(1));
            // A transaction does not stop at an error: a queue that is no list has to be found out
            // before, or it would leave the mark of a command that was not pushed.
            connection.reply(until)?;
            if is_marked {
                connection.command(&[b"UNWATCH"]);
                connection.reply(until)?;
                return Ok(0);
            }
            let ttl = keys::TTL.to_string();
            let done = transaction(
                connection,
                until,
                sent,
                &[&rpush(self.documents), &[b"SET", mark.as_bytes(), b"1", b"EX", ttl.as_bytes()]],
            )?;
            if done.is_some() {
                return Ok(1);
            }
            until.check()?; // somebody else has submitted it in this moment
        }
    }

    /// An error of a call that may be made again, with the same id.
    fn explained(&self, error: Error) -> Error {
        if self.doubt.is_none() {
            return error;
        }
        let again = "submitting it once more with the same id does not run it twice, as long as Redis keeps its data";
        error.with_command_maybe_sent().noting(again)
    }
}
