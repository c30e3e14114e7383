//! The queue of commands: what is pushed once, taken back, or looked for in it.
//!
//! A command that is pushed once leaves the key `cmd.<id>.submitted` behind, written in one step with
//! the push, so that a second try finds it. The controller knows nothing of that key.

use redis::Value;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{CommandDocument, keys};
use crate::transport::{self, Backoff, Connection, Until, bulk, integer, items};

const PUSH_ONCE: &str = "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end \
     redis.call('RPUSH', KEYS[1], ARGV[1]) \
     redis.call('SET', KEYS[2], '1', 'EX', ARGV[2]) return 1";
const TAKE_BACK: &str = "local count = redis.call('LREM', KEYS[1], 0, ARGV[1]) \
     if count > 0 then redis.call('DEL', KEYS[2]) end return count";

/// How many entries of the queue are read at a time.
const CHUNK: usize = 100;

/// Pushes a command unless its mark is there, and tries again until Redis has confirmed one or the
/// other, or the call ends.
pub(crate) fn push_once(client: &Client, id: &str, json: &[u8], until: &Until) -> Result<()> {
    let mut push = Push { id, json, doubt: None };
    let mut backoff = Backoff::new();
    loop {
        let tried = client.pool().once(until, |connection| push.attempt(connection, until));
        let error = match tried {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(push.explained(Error::new(ErrorKind::Connect, REPLACED))),
            Err(error) if error.is_passing() => match backoff.pause(error, until) {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err(error) => error,
        };
        return Err(push.explained(error.into()));
    }
}

const REPLACED: &str = "the connection broke before Redis confirmed it, and Redis was restarted or replaced \
     since, without the mark of this command: what it had may be lost";

struct Push<'a> {
    id: &'a str,
    json: &'a [u8],
    /// The run of the server that an earlier try may have reached; inside, whether that is known.
    doubt: Option<Option<String>>,
}

impl Push<'_> {
    /// `false`: an earlier try may have reached a server that is no more.
    fn attempt(&mut self, connection: &mut Connection, until: &Until) -> transport::Result<bool> {
        let run = connection.run_id(until)?;
        let mark = keys::submitted(self.id);
        if self.doubt.as_ref().is_some_and(|before| before.is_none() || *before != run) {
            connection.command(&[b"EXISTS", mark.as_bytes()]);
            return Ok(matches!(connection.reply(until)?, Value::Int(1)));
        }
        let ttl = keys::TTL.to_string();
        let args = [self.json, ttl.as_bytes()];
        let step = Step { script: PUSH_ONCE, keys: [keys::QUEUE, &mark], args: &args };
        let mut sent = false;
        let pushed = step.run(connection, until, &mut sent, |connection, until, sent| {
            self.in_a_transaction(connection, &mark, until, sent)
        });
        if sent && matches!(&pushed, Err(error) if !matches!(error, transport::Error::Server(_))) {
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
                &[
                    &[b"RPUSH", keys::QUEUE.as_bytes(), self.json],
                    &[b"SET", mark.as_bytes(), b"1", b"EX", ttl.as_bytes()],
                ],
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
        let again =
            "submit_once with the same id does not run it twice, as long as Redis keeps its data";
        error.with_command_maybe_sent().noting(again)
    }
}

/// Takes a command out of the queue, with its mark. `json` is what was pushed; where that is not
/// known, it is looked for by the id. Whether it was there: if so, it never ran.
pub(crate) fn take_back(
    client: &Client,
    id: &str,
    json: Option<&[u8]>,
    until: &Until,
) -> Result<bool> {
    let mut backoff = Backoff::new();
    // Whether a try that was not confirmed may have taken it.
    let mut doubt = false;
    loop {
        let tried = client.pool().once(until, |connection| {
            let found = match json {
                Some(json) => Some(json.to_vec()),
                None => find(connection, id, until)?,
            };
            match found {
                Some(json) => take_out(connection, id, &json, until, &mut doubt),
                None => Ok(0),
            }
        });
        let error = match tried {
            Ok(0) if doubt => {
                Error::new(ErrorKind::Connect, "the connection broke as it was taken back")
            }
            Ok(count) => return Ok(count > 0),
            Err(error) if error.is_passing() => match backoff.pause(error, until) {
                Ok(()) => continue,
                Err(error) => error.into(),
            },
            Err(error) => error.into(),
        };
        return Err(if doubt { error.with_command_maybe_sent() } else { error });
    }
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
pub(crate) fn find(
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

/// Something that has to happen in one step: by a script, or by a transaction for a user who may run
/// no scripts.
struct Step<'a> {
    script: &'static str,
    keys: [&'a str; 2],
    args: &'a [&'a [u8]],
}

impl Step<'_> {
    /// `sent` tells whether it left for the server.
    fn run(
        &self,
        connection: &mut Connection,
        until: &Until,
        sent: &mut bool,
        transaction: impl FnOnce(&mut Connection, &Until, &mut bool) -> transport::Result<i64>,
    ) -> transport::Result<i64> {
        let mut words: Vec<&[u8]> = vec![b"EVAL", self.script.as_bytes(), b"2"];
        words.extend(self.keys.map(str::as_bytes));
        words.extend(self.args);
        let mark = connection.command(&words);
        let reply = connection.reply(until);
        match reply {
            Ok(reply) => integer(&reply).map_err(|error| connection.violated(error.to_string())),
            Err(transport::Error::Server(error)) if error.is_without_scripts() => {
                transaction(connection, until, sent)
            }
            Err(error) => {
                *sent = connection.was_sent(mark);
                Err(error)
            }
        }
    }
}

/// Runs commands as one. `None`: a watched key has changed, and nothing was done.
fn transaction(
    connection: &mut Connection,
    until: &Until,
    sent: &mut bool,
    commands: &[&[&[u8]]],
) -> transport::Result<Option<Vec<Value>>> {
    connection.command(&[b"MULTI"]);
    for command in commands {
        connection.command(command);
    }
    let mark = connection.command(&[b"EXEC"]);
    let mut refused = None;
    for _ in 0..=commands.len() {
        match connection.reply(until) {
            Ok(_) => {}
            // Redis says why here, and only that it was so at the end.
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
