//! Idempotent pushes: a command runs at most once, even if its push is repeated.
//!
//! A push writes the key `cmd.<id>.submitted` in the same atomic step, so that a second attempt finds it. The
//! key holds a digest of what was pushed, which keeps one id from standing for two commands, and the number of
//! entries `cmd.<id>.queued` had before. The controller does not know this key.
//!
//! A command that reached no agent has not run and is pushed again under its id: see [`Once::never_ran`].

use std::sync::Arc;

use redis::Value;

use super::atomic::{Step, transaction};
use super::push::{ALONG, LOG, rpush};
use super::retry::{Purpose, Retrier};
use super::{Session, Timeout, before, result};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{
    AgentId, Before, DIGEST, Documents, Envelope, NO_AGENTS, ResultDocument, keys,
};
use crate::transport::{self, Class, Connection, Until, bulk, integer, items};

/// Size limit of the controller's reply to a command that matched no agent. Larger documents are something else.
const LARGEST_REFUSAL: i64 = 64 * 1024;

/// KEYS: the queue, the mark, `queued`, the hash, and the result list of each address of the target. ARGV: TTL
/// in seconds, the digest, the prefix of all digests, the controller's reply when no agent matches, the maximum
/// size of that reply, the hash field of each address, the documents. The rules are those of
/// [`Once::in_a_transaction`].
const PUSH_ONCE: &str = "local count = #KEYS - 4 \
     local queued = redis.call('LLEN', KEYS[3]) \
     local function is_refusal(text) \
         local ok, it = pcall(function() return cjson.decode(text) end) \
         return ok and type(it) == 'table' and it.state == 'ERROR' and it.data == ARGV[4] \
             and (it.cmd == nil or it.cmd == cjson.null or it.cmd == '') \
             and (it.args == nil or it.args == cjson.null) \
     end \
     local function never_ran(before) \
         if queued < before + count or #redis.call('HKEYS', KEYS[4]) ~= count then return false end \
         for i = 1, count do \
             local size = redis.pcall('HSTRLEN', KEYS[4], ARGV[5 + i]) \
             if type(size) ~= 'number' or size == 0 or size > tonumber(ARGV[5]) then return false end \
             if not is_refusal(redis.pcall('HGET', KEYS[4], ARGV[5 + i])) then return false end \
         end \
         for i = 1, count do \
             local entries = redis.call('LRANGE', KEYS[4 + i], 0, -1) \
             if #entries == 0 then return false end \
             for _, entry in ipairs(entries) do \
                 if not is_refusal(entry) then return false end \
             end \
         end \
         return true \
     end \
     local mark = redis.call('GET', KEYS[2]) \
     if mark then \
         local is_same = string.sub(mark, 1, #ARGV[2]) == ARGV[2] \
         if string.sub(mark, 1, #ARGV[3]) == ARGV[3] and not is_same then return 2 end \
         local before = is_same and tonumber(string.sub(mark, #ARGV[2] + 2)) or 0 \
         if not never_ran(before) then return 0 end \
         for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end \
         queued = 0 \
     end \
     for i = 6 + count, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end \
     redis.call('SET', KEYS[2], ARGV[2] .. ':' .. queued, 'EX', ARGV[1]) return 1";

const FOUND: i64 = 0;
const PUSHED: i64 = 1;
const OTHER_CONTENT: i64 = 2;

const REPLACED: &str = "the connection was lost before Redis confirmed the command, and Redis was restarted or replaced since: its data may be lost";

/// Pushes a command unless it was pushed before. Retries until Redis has confirmed one or the other, or the call
/// ends.
pub(crate) fn submit_once(session: &Session, command: &Envelope, timeout: &Timeout) -> Result<()> {
    let documents = command.documents()?;
    let mut push = Once::new(command, &documents)?;
    let push = |until: &Until| push_once(session, &mut push, until);
    let pushed = session.bounded(timeout, || command.in_words(), push);
    if pushed.as_ref().map_or_else(Error::is_maybe_sent, |_| true) {
        // The command may have no waiting caller left.
        result::owe_queued(session, &command.id);
    }
    match pushed.map_err(|error| error.about_command(command))? {
        true => log::debug!(target: LOG, "submitted {command}"),
        false => log::debug!(target: LOG, "{command} was submitted before"),
    }
    Ok(())
}

/// Returns whether the mark of an idempotent push exists, as far as the user may read it.
pub(crate) fn is_marked(session: &Session, id: &str, until: &Until) -> Result<bool> {
    let marked = session.repeat(until, |connection, until| {
        connection.command(&[b"EXISTS", keys::submitted(id).as_bytes()]);
        connection.allowed(until)
    })?;
    Ok(marked == Some(Value::Int(1)))
}

/// Returns whether this call pushed the command, rather than an earlier one.
fn push_once(session: &Session, push: &mut Once<'_>, until: &Until) -> Result<bool> {
    let command = push.command;
    let mut retrier = Retrier::new(Purpose::PushOnce);
    loop {
        let mut run = None;
        let tried = session.pool().once(Class::Quick, until, |connection| {
            run = connection.run().cloned();
            connection.take_along(ALONG);
            if push.before.is_none() {
                push.before = before::held(connection, command, &push.mark, until)?;
            }
            push.attempt(connection, until)
        });
        let ended = match tried {
            Ok(Some(done @ (PUSHED | FOUND))) => {
                command.confirmed_by(run.as_ref());
                if let (Some(slot), Some(before)) = (&command.before, push.before.take()) {
                    let _ = slot.set(before);
                }
                if done == PUSHED {
                    session.counters().pushed.add(1);
                }
                return Ok(done == PUSHED);
            }
            Ok(Some(_)) => return Err(in_use()),
            Ok(None) => Error::new(ErrorKind::Connect, REPLACED),
            Err(error) => match retrier.again(error, until) {
                Ok(()) => continue,
                Err(error) => error.into(),
            },
        };
        return Err(push.explained(ended));
    }
}

fn in_use() -> Error {
    let message =
        "the id is in use: another command was submitted once under it; choose another id";
    Error::new(ErrorKind::IdInUse, message)
}

struct Once<'a> {
    command: &'a Envelope,
    documents: &'a Documents,
    digest: String,
    /// The addresses of the target, one for each document, in the form the controller uses when it knows no
    /// agent for one.
    addresses: Vec<AgentId>,
    mark: String,
    queued: String,
    hash: String,
    lists: Vec<String>,
    /// What the id held when it had no mark.
    before: Option<Before>,
    /// Set if an earlier attempt may have reached a server; the inner value is that server's run, if known.
    doubt: Option<Option<Arc<str>>>,
}

impl<'a> Once<'a> {
    fn new(command: &'a Envelope, documents: &'a Documents) -> Result<Self> {
        let id = &command.id;
        let mut addresses = Vec::new();
        command.target.each_address(|address| {
            addresses.push(AgentId { gid: address.gid, nid: address.nid });
            Ok(())
        })?;
        Ok(Once {
            command,
            documents,
            digest: command.digest()?,
            lists: addresses.iter().map(|address| keys::result(id, *address)).collect(),
            addresses,
            mark: keys::submitted(id),
            queued: keys::queued(id),
            hash: keys::results(id),
            before: None,
            doubt: None,
        })
    }

    /// Makes one attempt; `None` if an earlier one may have reached a server that no longer exists.
    fn attempt(
        &mut self,
        connection: &mut Connection,
        until: &Until,
    ) -> transport::Result<Option<i64>> {
        let run = connection.run().cloned();
        if self.doubt.as_ref().is_some_and(|before| before.is_none() || *before != run) {
            connection.command(&[b"GET", self.mark.as_bytes()]);
            let mark = text(connection, until)?;
            return Ok(mark.map(|mark| if self.is_other(&mark) { OTHER_CONTENT } else { FOUND }));
        }
        let largest = LARGEST_REFUSAL.to_string();
        let fields: Vec<String> = self.addresses.iter().map(AgentId::to_string).collect();
        let mut names = vec![keys::QUEUE, &self.mark, &self.queued, &self.hash];
        names.extend(self.lists.iter().map(String::as_str));
        let mut args =
            [keys::TTL_TEXT, &self.digest, DIGEST, NO_AGENTS, &largest].map(str::as_bytes).to_vec();
        args.extend(fields.iter().map(|field| field.as_bytes()));
        args.extend(self.documents.iter());
        let step = Step { script: PUSH_ONCE, keys: &names, args: &args };
        let mut sent = false;
        let pushed = step.run(connection, until, &mut sent, |connection, until, sent| {
            self.in_a_transaction(connection, until, sent)
        });
        if sent {
            self.doubt.get_or_insert(run);
        }
        pushed.map(Some)
    }

    /// Returns whether the mark belongs to another command. Earlier versions wrote marks without a digest, which
    /// count as marks of this command.
    fn is_other(&self, mark: &str) -> bool {
        mark.starts_with(DIGEST) && !mark.starts_with(&self.digest)
    }

    fn in_a_transaction(
        &self,
        connection: &mut Connection,
        until: &Until,
        sent: &mut bool,
    ) -> transport::Result<i64> {
        let keys = [&self.mark, &self.queued, &self.hash];
        let keys = || keys.into_iter().chain(&self.lists).map(String::as_bytes);
        loop {
            connection.command(&iter_once(b"WATCH").chain(keys()).collect::<Vec<_>>());
            connection.command(&[b"GET", self.mark.as_bytes()]);
            connection.command(&[b"LLEN", self.queued.as_bytes()]);
            // A transaction does not stop at an error. The type of the queue is therefore checked first, or the
            // transaction would leave the mark of a command that was not pushed.
            connection.command(&[b"LLEN", keys::QUEUE.as_bytes()]);
            connection.reply(until)?;
            let mark = text(connection, until)?;
            let mut queued = number(connection, until)?;
            connection.reply(until)?;
            let mut commands: Vec<Vec<&[u8]>> = Vec::new();
            if let Some(mark) = &mark {
                let is_other = self.is_other(mark);
                if is_other || !self.never_ran(connection, mark, queued, until)? {
                    connection.command(&[b"UNWATCH"]);
                    connection.reply(until)?;
                    return Ok(if is_other { OTHER_CONTENT } else { FOUND });
                }
                commands.push(iter_once(b"DEL").chain(keys()).collect());
                queued = 0;
            }
            let value = format!("{}:{queued}", self.digest);
            commands.push(rpush(self.documents));
            commands.push(vec![
                b"SET",
                self.mark.as_bytes(),
                value.as_bytes(),
                b"EX",
                keys::TTL_TEXT.as_bytes(),
            ]);
            let commands: Vec<&[&[u8]]> = commands.iter().map(Vec::as_slice).collect();
            if transaction(connection, until, sent, &commands)?.is_some() {
                return Ok(PUSHED);
            }
            until.check()?; // another process has submitted it meanwhile
        }
    }

    /// Returns whether the command that left the mark is known not to have run: the controller has routed all of
    /// it and replied for each address that it knows no agent, and no key of any agent exists, not even one for
    /// a queued job. Of a list of agents, all have to be unknown.
    fn never_ran(
        &self,
        connection: &mut Connection,
        mark: &str,
        queued: i64,
        until: &Until,
    ) -> transport::Result<bool> {
        let count = self.addresses.len();
        let before = mark.strip_prefix(&self.digest).and_then(|rest| rest.strip_prefix(':'));
        let before = before.and_then(|before| before.parse().ok()).unwrap_or(0);
        if queued < count as i64 + before {
            return Ok(false);
        }
        let fields: Vec<String> = self.addresses.iter().map(AgentId::to_string).collect();
        let hash = self.hash.as_bytes();
        connection.command(&[b"HKEYS", hash]);
        for field in &fields {
            connection.command(&[b"HSTRLEN", hash, field.as_bytes()]);
        }
        let is_all = items(connection.reply(until)?).is_ok_and(|fields| fields.len() == count);
        let mut is_small = true;
        for _ in &fields {
            let size = optional(connection, until)?;
            is_small &= matches!(size, Some(Value::Int(1..=LARGEST_REFUSAL)));
        }
        if !is_all || !is_small {
            return Ok(false);
        }
        for (field, list) in fields.iter().zip(&self.lists) {
            connection.command(&[b"HGET", hash, field.as_bytes()]);
            connection.command(&[b"LRANGE", list.as_bytes(), b"0", b"-1"]);
        }
        let mut are_refusals = true;
        for _ in &fields {
            are_refusals &= optional(connection, until)?.is_some_and(is_refusal);
            let entries = items(connection.reply(until)?).unwrap_or_default();
            are_refusals &= !entries.is_empty() && entries.into_iter().all(is_refusal);
        }
        Ok(are_refusals)
    }

    /// Adds to an error that the call may be repeated with the same id.
    fn explained(&self, error: Error) -> Error {
        if self.doubt.is_none() {
            return error;
        }
        let again = "submitting it once more with the same id does not run it twice, as long as Redis keeps its data";
        error.with_command_maybe_sent().noting(again)
    }
}

fn iter_once(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(word)
}

/// Returns whether an entry is the controller's reply for an unknown agent.
fn is_refusal(entry: Value) -> bool {
    let entry = bulk(entry).ok().flatten().unwrap_or_default();
    ResultDocument::parse(&entry).is_ok_and(|document| document.is_no_such_agent())
}

/// Reads a reply; `None` if the user may not run the command.
fn optional(connection: &mut Connection, until: &Until) -> transport::Result<Option<Value>> {
    match connection.reply(until) {
        Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
        reply => reply.map(Some),
    }
}

fn text(connection: &mut Connection, until: &Until) -> transport::Result<Option<String>> {
    let reply = bulk(connection.reply(until)?);
    let reply = reply.map_err(|error| connection.violated(error.to_string()))?;
    Ok(reply.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn number(connection: &mut Connection, until: &Until) -> transport::Result<i64> {
    let reply = connection.reply(until)?;
    integer(&reply).map_err(|error| connection.violated(error.to_string()))
}
