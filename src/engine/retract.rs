//! Takes commands back out of the controller's queue, and searches it.

use std::collections::{BTreeSet, HashSet};
use std::iter;

use redis::Value;

use super::Session;
use super::atomic::{Step, transaction};
use super::retry::{Purpose, Retrier};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, CommandDocument, Envelope, keys};
use crate::transport::{self, Class, Connection, Until, bulk, items};

/// ARGV: how many documents were pushed, then the documents to remove. The mark is deleted with the last of
/// them, because a command that reached some agents must not be pushed again.
const TAKE_BACK: &str = "local count = 0 \
     for i = 2, #ARGV do count = count + redis.call('LREM', KEYS[1], 0, ARGV[i]) end \
     if count >= tonumber(ARGV[1]) then redis.call('DEL', KEYS[2]) end return count";

/// How many queue entries are read at a time.
const CHUNK: usize = 100;

/// Takes a command out of the queue, with its mark, and returns whether all of it was there; if so, it never
/// ran. Searches for exactly what was pushed, or for the id if that is not known.
pub(crate) fn take_back(session: &Session, command: &Envelope, until: &Until) -> Result<bool> {
    let pushed: Option<Vec<Vec<u8>>> =
        command.pushed().map(|documents| documents.iter().map(<[u8]>::to_vec).collect());
    let agents = command.target.answering().map_or(1, <[AgentId]>::len);
    let mut retrier = Retrier::new(Purpose::PushOnce);
    // Set if an unconfirmed attempt may have removed it.
    let mut doubt = false;
    loop {
        let tried = session.pool().once(Class::Quick, until, |connection| {
            let documents = match &pushed {
                Some(documents) => documents.clone(),
                None => find(connection, &command.id, agents, until)?,
            };
            let part = Part { id: &command.id, documents, of: agents };
            part.take_out(connection, until, &mut doubt)
        });
        let ended = match tried {
            Ok(0) if doubt => Error::new(
                ErrorKind::Connect,
                "the connection was lost while the command was being retracted",
            ),
            Ok(count) => {
                let all = count >= agents as i64;
                if all {
                    // The command will never be routed.
                    session.pool().forget(keys::queued(&command.id).as_bytes());
                    command.was_taken_back();
                }
                return Ok(all);
            }
            Err(error) => match retrier.again(error, until) {
                Ok(()) => continue,
                Err(error) => error.into(),
            },
        };
        return Err(if doubt { ended.with_command_maybe_sent() } else { ended });
    }
}

/// Returns the documents of a command that are still in the queue.
pub(crate) fn queued(
    session: &Session,
    command: &Envelope,
    until: &Until,
) -> Result<Vec<CommandDocument>> {
    let most = command.target.answering().map_or(1, <[AgentId]>::len);
    let found =
        session.repeat(until, |connection, until| find(connection, &command.id, most, until))?;
    Ok(found.iter().filter_map(|entry| CommandDocument::parse(entry).ok()).collect())
}

/// Documents of a command to remove from the queue.
struct Part<'a> {
    id: &'a str,
    documents: Vec<Vec<u8>>,
    /// Number of documents pushed.
    of: usize,
}

impl Part<'_> {
    /// Removes the documents that are in the queue, and returns how many there were.
    fn take_out(
        &self,
        connection: &mut Connection,
        until: &Until,
        doubt: &mut bool,
    ) -> transport::Result<i64> {
        if self.documents.is_empty() {
            return Ok(0);
        }
        let mark = keys::submitted(self.id);
        let of = self.of.to_string();
        let documents = self.documents.iter().map(Vec::as_slice);
        let args: Vec<&[u8]> = iter::once(of.as_bytes()).chain(documents).collect();
        let step = Step { script: TAKE_BACK, keys: &[keys::QUEUE, &mark], args: &args };
        let mut sent = false;
        let taken = step.run(connection, until, &mut sent, |connection, until, sent| {
            self.in_a_transaction(connection, &mark, until, sent)
        });
        *doubt |= sent;
        taken
    }

    fn in_a_transaction(
        &self,
        connection: &mut Connection,
        mark: &str,
        until: &Until,
        sent: &mut bool,
    ) -> transport::Result<i64> {
        let wanted: HashSet<&[u8]> = self.documents.iter().map(Vec::as_slice).collect();
        loop {
            connection.command(&[b"WATCH", keys::QUEUE.as_bytes()]);
            connection.reply(until)?;
            let there = search(connection, wanted.len(), until, |entry| wanted.contains(entry))?;
            if there.is_empty() {
                connection.command(&[b"UNWATCH"]);
                connection.reply(until)?;
                return Ok(0);
            }
            let removals: Vec<[&[u8]; 4]> =
                there.iter().map(|json| [b"LREM", keys::QUEUE.as_bytes(), b"0", json]).collect();
            let mut commands: Vec<&[&[u8]]> = removals.iter().map(|words| &words[..]).collect();
            let unmark: [&[u8]; 2] = [b"DEL", mark.as_bytes()];
            if there.len() >= self.of {
                commands.push(&unmark);
            }
            if let Some(replies) = transaction(connection, until, sent, &commands)? {
                let removed = replies.iter().take(removals.len()).map(|reply| match reply {
                    Value::Int(count) => *count,
                    _ => 0,
                });
                return Ok(removed.sum());
            }
            until.check()?; // the queue has changed meanwhile
        }
    }
}

/// Returns the last queue entries with the id of a command, up to `most`.
fn find(
    connection: &mut Connection,
    id: &str,
    most: usize,
    until: &Until,
) -> transport::Result<Vec<Vec<u8>>> {
    search(connection, most, until, |entry| {
        CommandDocument::parse(entry)
            .is_ok_and(|document| document.id.value().is_some_and(|it| it == id))
    })
}

/// Returns the ids that are in the queue.
pub(super) fn in_queue(
    connection: &mut Connection,
    ids: &HashSet<&str>,
    until: &Until,
) -> transport::Result<HashSet<String>> {
    let id_of = |entry: &[u8]| CommandDocument::parse(entry).ok()?.id.into_value();
    let is_wanted = |id: &String| ids.contains(id.as_str());
    // A command for a list of agents has an entry for each.
    let found = search(connection, usize::MAX, until, |entry| {
        id_of(entry).is_some_and(|id| is_wanted(&id))
    })?;
    Ok(found.iter().filter_map(|entry| id_of(entry)).collect())
}

/// Searches the queue from its end. The controller takes entries from the front, and concurrent pushes only
/// cause some entries to be read twice. Returns up to `most` different entries.
fn search(
    connection: &mut Connection,
    most: usize,
    until: &Until,
    is_it: impl Fn(&[u8]) -> bool,
) -> transport::Result<Vec<Vec<u8>>> {
    let mut found = BTreeSet::new();
    let mut seen = 0;
    loop {
        let (first, last) = (format!("-{}", seen + CHUNK), format!("-{}", seen + 1));
        connection.command(&[b"LRANGE", keys::QUEUE.as_bytes(), first.as_bytes(), last.as_bytes()]);
        let entries = items(connection.reply(until)?).unwrap_or_default();
        let count = entries.len();
        let entries = entries.into_iter().rev().filter_map(|entry| bulk(entry).ok().flatten());
        for entry in entries.filter(|entry| is_it(entry)) {
            if found.len() < most {
                found.insert(entry);
            }
        }
        if count < CHUNK || found.len() >= most {
            return Ok(found.into_iter().collect());
        }
        seen += CHUNK;
    }
}
