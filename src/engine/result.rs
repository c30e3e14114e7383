//! Waiting for one result. Results live in lists that any number of readers share.
//!
//! The list `cmd.<id>.<gid>.<nid>` is the truth about "done": it holds what the agent said last.
//! A wait moves the list's tail onto its own head, which blocks until there is one and takes
//! nothing away. That only wakes: an id used twice can leave several entries, and each such move
//! turns the list for every reader, so where there is more than one entry they are all read.

use std::time::Duration;

use redis::Value;

use super::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, ResultDocument, keys};
use crate::transport::{self, Connection, Owed, Reply, Until, bulk, integer, items};

/// Blocking commands are sent again at least so often: no deadline, but what tells a server that has
/// nothing to say from one that is gone (see `Until::impatient`).
const SLICE_SECONDS: &str = "5";
/// How often a list is looked at where blocking cannot help.
pub(crate) const LOOK: Duration = Duration::from_millis(40);
/// How long a command and its results are kept by the server, from the last word of its agents.
const KEPT: Duration = Duration::from_secs(keys::TTL as u64);
/// How long a key that was not there yet is tried again once its result is in hand.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What one look at a result list brought.
#[derive(Debug)]
pub(crate) struct Look {
    moved: Reply,
    length: Reply,
}

/// Queues the wait for one result list, and all that is wanted when it ends: the tail, how many
/// entries there are, and the time to live that the controller forgets to give to `queued`.
pub(crate) fn ask(connection: &mut Connection, id: &str, agent: AgentId) {
    let key = keys::result(id, agent);
    queue_move(connection, &key);
    connection.command(&[b"LLEN", key.as_bytes()]);
    queue_expire(connection, id);
}

pub(crate) fn queue_move(connection: &mut Connection, key: &str) {
    let (key, slice) = (key.as_bytes(), SLICE_SECONDS.as_bytes());
    if connection.server.blmove {
        connection.command(&[b"BLMOVE", key, key, b"RIGHT", b"LEFT", slice]);
    } else {
        connection.command(&[b"BRPOPLPUSH", key, key, slice]);
    }
}

fn queue_expire(connection: &mut Connection, id: &str) {
    connection.command(&[b"EXPIRE", keys::queued(id).as_bytes(), keys::TTL.to_string().as_bytes()]);
}

/// Reads the reply of [`queue_expire`]. Where the controller answers itself, the result is there
/// before `queued`: that key is kept and expired along with the next command.
fn read_expire(connection: &mut Connection, id: &str, until: &Until) -> transport::Result<()> {
    if let Value::Int(0) = connection.reply(until)? {
        connection.owe(Owed::new(keys::queued(id).into_bytes(), keys::TTL, SOON));
    }
    Ok(())
}

impl Look {
    /// Reads what [`ask`] queued.
    pub(crate) fn read(
        connection: &mut Connection,
        id: &str,
        until: &Until,
    ) -> transport::Result<Look> {
        let moved = connection.reply(until)?;
        let length = connection.reply(until)?;
        read_expire(connection, id, until)?;
        Ok(Look { moved, length })
    }
}

/// Waits for the final result of a command on an agent. `first` is what the look that went out
/// with the command brought.
pub(crate) fn final_result(
    session: &Session,
    id: &str,
    agent: AgentId,
    until: &Until,
    first: Option<transport::Result<Look>>,
) -> Result<ResultDocument> {
    let key = keys::result(id, agent);
    session.counters().blocking_waits.add(1);
    let mut first = first;
    let waited = loop {
        let look = match first.take() {
            Some(Err(error)) if !error.is_passing() => Err(error),
            Some(Ok(look)) => Ok(look),
            _ => session.repeat(until, |connection, until| {
                ask(connection, id, agent);
                Look::read(connection, id, until)
            }),
        };
        let Look { moved, length } = match look {
            Ok(look) => look,
            Err(error) => break Err(about_key(error, &key)),
        };
        let Some(entry) = bulk(moved)? else { continue };
        if integer(&length)? == 1 {
            let document = parse(&key, &entry)?;
            if !document.is_duplicate() {
                break Ok(document);
            }
        }
        match disputed(session, &key, until) {
            Ok(Some(document)) => break Ok(document),
            Ok(None) => {} // the list is gone again: block anew
            Err(error) => break Err(error),
        }
    };
    waited.inspect_err(|error| leave(session, id, error))
}

/// Looks at a list that holds more than one entry, or only refusals of an id in use, until it
/// holds an answer. Blocking is no help: the list is there, so it would return at once.
fn disputed(session: &Session, key: &str, until: &Until) -> Result<Option<ResultDocument>> {
    let mut pause = Duration::ZERO;
    loop {
        let entries = session.repeat(until, |connection, until| {
            if !pause.is_zero() {
                connection.pause(pause, until)?;
            }
            read_list(connection, key, until)
        });
        let entries = match entries {
            Ok(entries) => items(entries)?,
            Err(error) => {
                let error = about_key(error, key);
                return Err(if error.is_timeout() { still_in_use(error) } else { error });
            }
        };
        if entries.is_empty() {
            return Ok(None);
        }
        if let Some(document) = answer(key, entries)? {
            return Ok(Some(document));
        }
        pause = LOOK;
    }
}

/// A server's complaint says nothing of the key that it is about.
pub(crate) fn about_key(error: transport::Error, key: &str) -> Error {
    match error {
        transport::Error::Server(_) | transport::Error::Protocol { .. } => {
            Error::from(error).noting(&format!("key {key}"))
        }
        error => Error::from(error),
    }
}

fn still_in_use(error: Error) -> Error {
    let message = "deadline exceeded; the agent rejected the id because a job with the same id is still running";
    Error::new(error.kind(), message)
}

fn read_list(connection: &mut Connection, key: &str, until: &Until) -> transport::Result<Reply> {
    connection.command(&[b"LRANGE", key.as_bytes(), b"0", b"-1"]);
    connection.reply(until)
}

/// The final results of several agents that are there now, by one look at all.
pub(crate) fn look_at_all(
    session: &Session,
    id: &str,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<(AgentId, Option<ResultDocument>)>> {
    let lists = session.repeat(until, |connection, until| {
        for agent in agents {
            connection.command(&[b"LRANGE", keys::result(id, *agent).as_bytes(), b"0", b"-1"]);
        }
        queue_expire(connection, id);
        let lists = agents
            .iter()
            .map(|_| connection.reply(until))
            .collect::<transport::Result<Vec<_>>>()?;
        read_expire(connection, id, until)?;
        Ok(lists)
    })?;
    let answers = agents
        .iter()
        .zip(lists)
        .map(|(agent, list)| Ok((*agent, answer(&keys::result(id, *agent), items(list)?)?)));
    answers.collect()
}

/// Queues the wait for the controller to route a command, and the question whom it went to.
pub(crate) fn ask_targets(connection: &mut Connection, id: &str) {
    queue_move(connection, &keys::queued(id));
    connection.command(&[b"HKEYS", keys::results(id).as_bytes()]);
    queue_expire(connection, id);
}

/// Reads what [`ask_targets`] queued: whether it is routed, and whom it went to.
pub(crate) fn read_targets(
    connection: &mut Connection,
    id: &str,
    until: &Until,
) -> transport::Result<(Reply, Reply)> {
    let moved = connection.reply(until)?;
    let fields = connection.reply(until)?;
    read_expire(connection, id, until)?;
    Ok((moved, fields))
}

/// Waits until the controller has routed a command, and returns whom it went to. `first` is what
/// the question that went out with the command brought.
pub(crate) fn targets(
    session: &Session,
    id: &str,
    until: &Until,
    mut first: Option<transport::Result<(Reply, Reply)>>,
) -> Result<Vec<AgentId>> {
    let mut wait = || loop {
        let (moved, fields) = match first.take() {
            Some(Ok(replies)) => replies,
            Some(Err(error)) if !error.is_passing() => {
                return Err(about_key(error, &keys::queued(id)));
            }
            _ => session.repeat(until, |connection, until| {
                ask_targets(connection, id);
                read_targets(connection, id, until)
            })?,
        };
        if bulk(moved)?.is_some() {
            let fields = items(fields)?.into_iter();
            let agents = fields.map(|field| agent_of(id, field)).collect::<Result<_>>()?;
            return not_gone(id, agents);
        }
    };
    wait().inspect_err(|error| leave(session, id, error))
}

/// Whom a command went to, if the controller has said so.
pub(crate) fn targets_now(
    session: &Session,
    id: &str,
    until: &Until,
) -> Result<Option<Vec<AgentId>>> {
    let (length, fields) = session.repeat(until, |connection, until| {
        connection.command(&[b"LLEN", keys::queued(id).as_bytes()]);
        connection.command(&[b"HKEYS", keys::results(id).as_bytes()]);
        Ok((connection.reply(until)?, connection.reply(until)?))
    })?;
    if integer(&length)? == 0 {
        return Ok(None);
    }
    let agents =
        items(fields)?.into_iter().map(|field| agent_of(id, field)).collect::<Result<_>>()?;
    not_gone(id, agents).map(Some)
}

/// All that is known of a command at this moment: the latest word of each agent, the final one
/// where there is one.
pub(crate) fn latest(
    session: &Session,
    id: &str,
    until: &Until,
) -> Result<Vec<(AgentId, ResultDocument)>> {
    let results = keys::results(id);
    let fields = session.repeat(until, |connection, until| {
        connection.command(&[b"HGETALL", results.as_bytes()]);
        connection.reply(until)
    })?;
    let mut fields = items(fields)?.into_iter();
    let mut found = Vec::new();
    while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
        let agent = agent_of(id, field)?;
        let document = parse(&format!("{results} {agent}"), &bulk(value)?.unwrap_or_default())?;
        found.push((agent, document));
    }
    let agents: Vec<AgentId> = found.iter().map(|(agent, _)| *agent).collect();
    let finals = look_at_all(session, id, &agents, until)?;
    for ((_, latest), (_, document)) in found.iter_mut().zip(finals) {
        if let Some(document) = document {
            *latest = document; // the hash may still say RUNNING
        }
    }
    Ok(found)
}

/// Whom a command went to, unless nothing is known of it any more.
pub(crate) fn not_gone(id: &str, agents: Vec<AgentId>) -> Result<Vec<AgentId>> {
    if agents.is_empty() {
        let gone = format!("{} is gone; Redis keeps results for 24 hours", keys::results(id));
        return Err(Error::new(ErrorKind::Protocol, gone));
    }
    Ok(agents)
}

/// The agent that a field of the hash of a command is of.
pub(crate) fn agent_of(id: &str, field: Reply) -> Result<AgentId> {
    let field = bulk(field)?.unwrap_or_default();
    let agent = std::str::from_utf8(&field).ok().and_then(|text| text.parse().ok());
    let wrong = || format!("invalid field of {}: expected gid:nid", keys::results(id));
    agent.ok_or_else(|| Error::new(ErrorKind::Protocol, wrong()))
}

/// The answer in a list: the last entry that is not the refusal of an id in use. The list may have
/// been turned by its readers, so "last" goes by when the job started.
pub(crate) fn answer(key: &str, entries: Vec<Reply>) -> Result<Option<ResultDocument>> {
    let mut answer: Option<ResultDocument> = None;
    for entry in entries {
        let document = parse(key, &bulk(entry)?.unwrap_or_default())?;
        let started = |document: &ResultDocument| document.starttime.value().copied();
        if !document.is_duplicate()
            && answer.as_ref().is_none_or(|last| started(&document) >= started(last))
        {
            answer = Some(document);
        }
    }
    Ok(answer)
}

fn parse(key: &str, bytes: &[u8]) -> Result<ResultDocument> {
    let document = ResultDocument::parse(bytes)
        .map_err(|error| Error::document(&format!("the result in {key}"), &error))?;
    if document.state.value().is_none() {
        let stateless = format!("the result in {key} has no state");
        return Err(Error::new(ErrorKind::Protocol, stateless));
    }
    Ok(document)
}

/// A wait that ends without a result has no time to expire `queued`, which may not even be there
/// yet: the client does it along with later commands.
fn leave(session: &Session, id: &str, error: &Error) {
    if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::MaybeSent) {
        owe_queued(session, id);
    }
}

pub(crate) fn owe_queued(session: &Session, id: &str) {
    session.pool().owe(Owed::new(keys::queued(id).into_bytes(), keys::TTL, KEPT));
}
