//! Taking a command back out of the controller's queue, and looking for one in it.

use redis::Value;

use super::Session;
use super::atomic::{Step, transaction};
use super::retry::{Purpose, Retrier};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{CommandDocument, Envelope, keys};
use crate::transport::{self, Connection, Until, bulk, items};

const TAKE_BACK: &str = "local count = redis.call('LREM', KEYS[1], 0, ARGV[1]) \
     if count > 0 then redis.call('DEL', KEYS[2]) end return count";

/// How many entries of the queue are read at a time.
const CHUNK: usize = 100;

/// Takes a command out of the queue, with its mark, and returns whether it was there: if so, it never
/// ran. Looks for exactly what was pushed, or for the id where that is not known.
pub(crate) fn take_back(session: &Session, command: &Envelope, until: &Until) -> Result<bool> {
    let json = command.pushed();
    let mut retrier = Retrier::new(Purpose::Wait);
    // Whether a try that was not confirmed may have taken it.
    let mut doubt = false;
    loop {
        let tried = session.pool().once(until, |connection| {
            let found = match &json {
                Some(json) => Some(json.to_vec()),
                None => find(connection, &command.id, until)?,
            };
            match found {
                Some(json) => take_out(connection, &command.id, &json, until, &mut doubt),
                None => Ok(0),
            }
        });
        let ended = match tried {
            Ok(0) if doubt => {
                Error::new(ErrorKind::Connect, "the connection broke as it was taken back")
            }
            Ok(count) => return Ok(count > 0),
            Err(error) => match retrier.again(error, until) {
                Ok(()) => continue,
                Err(error) => error.into(),
            },
        };
        return Err(if doubt { ended.with_command_maybe_sent() } else { ended });
    }
}

/// Whether a command is still in the queue.
pub(crate) fn is_queued(session: &Session, id: &str, until: &Until) -> Result<bool> {
    Ok(session.repeat(until, |connection, until| find(connection, id, until))?.is_some())
}

fn take_out(
    connection: &mut Connection,
    id: &str,
    json: &[u8],
    until: &Until,
    doubt: &mut bool,
) -> transport::Result<i64> {
    let mark = keys::submitted(id);
    let step = Step { script: TAKE_BACK, keys: [keys::QUEUE, &mark], args: &[json] };
    let mut sent = false;
    let taken = step.run(connection, until, &mut sent, |connection, until, sent| {
        loop {
            connection.command(&[b"WATCH", keys::QUEUE.as_bytes()]);
            connection.reply(until)?;
            if search(connection, until, |entry| entry == json)?.is_none() {
                connection.command(&[b"UNWATCH"]);
                connection.reply(until)?;
                return Ok(0);
            }
            let done = transaction(
                connection,
                until,
                sent,
                &[&[b"LREM", keys::QUEUE.as_bytes(), b"0", json], &[b"DEL", mark.as_bytes()]],
            )?;
            if let Some(replies) = done {
                return Ok(match replies.first() {
                    Some(Value::Int(count)) => *count,
                    _ => 0,
                });
            }
            until.check()?; // the queue has changed in this moment
        }
    });
    *doubt |= sent && matches!(&taken, Err(error) if !matches!(error, transport::Error::Server(_)));
    taken
}

/// The entry of the queue that is the command of this id, the last where there are several.
fn find(
    connection: &mut Connection,
    id: &str,
    until: &Until,
) -> transport::Result<Option<Vec<u8>>> {
    search(connection, until, |entry| {
        CommandDocument::parse(entry)
            .is_ok_and(|document| document.id.value().is_some_and(|it| it == id))
    })
}

/// Looks through the queue from its end: the controller takes from the front, and what others push
/// meanwhile only makes some entries be seen twice.
fn search(
    connection: &mut Connection,
    until: &Until,
    is_it: impl Fn(&[u8]) -> bool,
) -> transport::Result<Option<Vec<u8>>> {
    let mut seen = 0;
    loop {
        let (first, last) = (format!("-{}", seen + CHUNK), format!("-{}", seen + 1));
        connection.command(&[b"LRANGE", keys::QUEUE.as_bytes(), first.as_bytes(), last.as_bytes()]);
        let entries = items(connection.reply(until)?).unwrap_or_default();
        let count = entries.len();
        let entries = entries.into_iter().rev().filter_map(|entry| bulk(entry).ok().flatten());
        if let Some(found) = { entries }.find(|entry| is_it(entry)) {
            return Ok(Some(found));
        }
        if count < CHUNK {
            return Ok(None);
        }
        seen += CHUNK;
    }
}
