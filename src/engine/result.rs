//! Reads results. A result list, `cmd.<id>.<gid>.<nid>`, can be shared by any number of readers. It decides
//! whether a job is done, and holds the latest reports of the agent.

use std::time::Duration;

use redis::Value;

use super::Session;
use super::push::LOG;
use super::retry::{Purpose, waits_out};
use super::rounds::{Rounds, Seen, final_in_hash};
use super::targets::agent_of;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Before, Envelope, JobState, ResultDocument, keys};
use crate::transport::{self, Connection, Reply, TtlUpdate, Until, bulk, items};

/// How long the server keeps a command and its results after the last report of its agents.
const KEPT: Duration = Duration::from_secs(keys::TTL as u64);
/// Maximum number of jobs read from the hashes in one round; each field may hold a large document.
pub(super) const HASHED: usize = 1000;
/// How long the TTL of a key that did not exist yet is retried after its result was received.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Queues a blocking move of the tail of a list onto its head. It blocks until the next round.
/// `Until::impatient` tells a slow server from a dead one.
pub(super) fn queue_move(connection: &mut Connection, key: &str, rounds: &Rounds) {
    connection.queue_move(key.as_bytes(), rounds.pause());
}

pub(super) fn queue_expire(connection: &mut Connection, id: &str) {
    connection.command(&[b"EXPIRE", keys::queued(id).as_bytes(), keys::TTL_TEXT.as_bytes()]);
}

/// Reads the reply of [`queue_expire`]. Where the controller itself answers, the result exists before `queued`;
/// the key is then remembered and expired along with a later command. The same applies while Redis refuses
/// writes.
pub(super) fn read_expire(
    connection: &mut Connection,
    id: &str,
    until: &Until,
) -> transport::Result<()> {
    match connection.reply(until) {
        Err(transport::Error::Server(_)) | Ok(Value::Int(0)) => {
            connection.add_ttl_update(TtlUpdate::new(
                keys::queued(id).into_bytes(),
                keys::TTL,
                SOON,
            ));
        }
        expired => {
            expired?;
            connection.forget(keys::queued(id).as_bytes());
        }
    }
    Ok(())
}

/// Adds the key to a server error, which does not name it.
pub(crate) fn about_key(error: transport::Error, key: &str) -> Error {
    match error {
        transport::Error::Server(_) | transport::Error::Protocol { .. } => {
            Error::from(error).noting(&format!("key {key}"))
        }
        error => Error::from(error),
    }
}

/// Returns the final results that several agents have now, from their lists, or from the hash where a list is
/// gone.
pub(crate) fn poll_all(
    session: &Session,
    command: &Envelope,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<(AgentId, Option<ResultDocument>)>> {
    readable(answers(session, command, agents, until)?.into_iter().map(of_agent))
}

fn of_agent<T>((agent, document): (AgentId, Result<T>)) -> Result<(AgentId, T)> {
    Ok((agent, document?))
}

/// Like [`poll_all`], with a separate error for each agent whose result cannot be read.
pub(crate) fn answers(
    session: &Session,
    command: &Envelope,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<(AgentId, Result<Option<ResultDocument>>)>> {
    let mut answers = in_lists_now(session, command, agents, until)?;
    let is_missing = |document: &Result<Option<_>>| matches!(document, Ok(None));
    let missing = answers.iter().filter(|(_, document)| is_missing(document));
    let missing: Vec<AgentId> = missing.take(HASHED).map(|(agent, _)| *agent).collect();
    for (agent, document) in in_hash(session, command, missing, until)? {
        let place = answers.iter_mut().find(|(other, _)| *other == agent);
        if let Some((_, answer)) = place {
            *answer = document.map(Some);
        }
    }
    Ok(answers)
}

/// Reads the lists of several agents. An oversized result of one agent does not hide the others.
fn in_lists_now(
    session: &Session,
    command: &Envelope,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<(AgentId, Result<Option<ResultDocument>>)>> {
    let id = &command.id;
    let (mut agents, mut unreadable) = (agents.to_vec(), Vec::new());
    loop {
        let mut reading = None;
        let lists = session.repeat(until, |connection, until| {
            queue_lists(connection, id, &agents);
            queue_expire(connection, id);
            let read = |agent: &AgentId| {
                reading = Some(*agent);
                connection.reply(until)
            };
            let lists = agents.iter().map(read).collect::<transport::Result<Vec<_>>>()?;
            reading = None;
            read_expire(connection, id, until)?;
            Ok(lists)
        });
        let (error, agent) = match (lists, reading) {
            (Err(error), Some(agent)) => (error, agent),
            (lists, _) => {
                let read = in_lists(command, &agents, lists?)?;
                return Ok(unreadable.into_iter().chain(read).collect());
            }
        };
        let is_of_one = matches!(error, transport::Error::Protocol { .. });
        let error = about_agent(about_key(error, &keys::result(id, agent)), agent);
        if !is_of_one {
            return Err(error);
        }
        agents.retain(|other| *other != agent);
        unreadable.push((agent, Err(error)));
    }
}

/// Returns the agents that have ended according to the hash. An oversized result of one does not hide the
/// others.
fn in_hash(
    session: &Session,
    command: &Envelope,
    mut agents: Vec<AgentId>,
    until: &Until,
) -> Result<Vec<(AgentId, Result<ResultDocument>)>> {
    let (mut found, mut singly) = (Vec::new(), false);
    loop {
        let before = command.before();
        let ended = session.repeat(until, |connection, until| {
            let seen = |_, _| ();
            match hashed(connection, &command.id, &agents, until, before, singly, seen) {
                Err(Unread::Link(error)) => Err(error),
                Err(Unread::Reply(agent, error)) => Ok(Err((agent, error))),
                Ok(ended) => Ok(Ok(ended)),
            }
        })?;
        match ended {
            Ok(ended) => {
                found.extend(ended);
                return Ok(found);
            }
            Err((cause, error)) => {
                agents.retain(|agent| Some(*agent) != cause);
                found.extend(cause.map(|agent| (agent, Err(about_agent(error, agent)))));
            }
        }
        singly = true;
    }
}

/// Adds the agent to an error about its job or its key; connection errors stay as they are.
pub(super) fn about_agent(error: Error, agent: AgentId) -> Error {
    let is_about_job =
        matches!(error.kind(), ErrorKind::Server | ErrorKind::Protocol | ErrorKind::Lost);
    if is_about_job { error.about_agent(agent) } else { error }
}

/// Reads a reply; `None` if Redis refuses the command permanently.
pub(super) fn unless_refused(
    connection: &mut Connection,
    until: &Until,
) -> transport::Result<Option<Reply>> {
    match connection.reply(until) {
        Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
        reply => reply.map(Some),
    }
}

pub(super) fn queue_lists(connection: &mut Connection, id: &str, agents: &[AgentId]) {
    for agent in agents {
        connection.command(&[b"LRANGE", keys::result(id, *agent).as_bytes(), b"0", b"-1"]);
    }
}

fn read_replies(
    connection: &mut Connection,
    agents: &[AgentId],
    until: &Until,
) -> transport::Result<Vec<Reply>> {
    agents.iter().map(|_| connection.reply(until)).collect()
}

fn in_lists(
    command: &Envelope,
    agents: &[AgentId],
    lists: Vec<Reply>,
) -> Result<Vec<(AgentId, Result<Option<ResultDocument>>)>> {
    let before = command.before();
    let answers = agents.iter().zip(lists).map(|(agent, list)| {
        let key = keys::result(&command.id, *agent);
        Ok((*agent, new_answer(&key, items(list)?, *agent, before)))
    });
    answers.collect()
}

/// Why the hash could not be read for some agents.
pub(super) enum Unread {
    Link(transport::Error),
    /// The connection could not take the reply, most likely because it was too large, and is closed. `Some`
    /// names the agent whose result is the cause.
    Reply(Option<AgentId>, Error),
}

impl From<transport::Error> for Unread {
    fn from(error: transport::Error) -> Self {
        Unread::Link(error)
    }
}

/// Returns the agents that have ended according to the hash although their lists are empty. A hash that cannot
/// be read counts as empty. One reply holds the results of all agents, or of one agent each if `singly` is set
/// because that reply was too large. `seen` receives what the hash holds for the other agents.
pub(super) fn hashed(
    connection: &mut Connection,
    id: &str,
    agents: &[AgentId],
    until: &Until,
    before: Option<&Before>,
    singly: bool,
    mut seen: impl FnMut(AgentId, Seen),
) -> std::result::Result<Vec<(AgentId, Result<ResultDocument>)>, Unread> {
    let at_once = if singly { 1 } else { agents.len().max(1) };
    let hash = keys::results(id);
    for agents in agents.chunks(at_once) {
        let fields: Vec<String> = agents.iter().map(AgentId::to_string).collect();
        let fields = fields.iter().map(String::as_bytes);
        let command: Vec<&[u8]> = [b"HMGET", hash.as_bytes()].into_iter().chain(fields).collect();
        connection.command(&command);
    }
    let mut ended = Vec::new();
    for agents in agents.chunks(at_once) {
        let fields = match connection.reply(until) {
            Err(error @ transport::Error::Server(_)) if !waits_out(&error, Purpose::Wait) => {
                continue;
            }
            fields => fields.map_err(|error| unread(error, agents, &hash))?,
        };
        for (agent, field) in agents.iter().zip(items(fields).unwrap_or_default()) {
            let Ok(field) = bulk(field) else { continue };
            let is_new = |field: &Vec<u8>| before.is_none_or(|it| it.is_new_field(*agent, field));
            let field = field.filter(is_new).unwrap_or_default();
            let refusal_counts = before.is_some_and(|before| before.had_ended(*agent));
            match final_in_hash(&field, refusal_counts) {
                Some(document) => ended.push((*agent, document)),
                None => seen(*agent, Seen::in_field(&field)),
            }
        }
    }
    confirmed(connection, id, ended, until, before)
}

/// Reads the lists of agents that have ended according to the hash. A result may have reached its list
/// meanwhile, and the list takes precedence.
fn confirmed(
    connection: &mut Connection,
    id: &str,
    ended: Vec<(AgentId, ResultDocument)>,
    until: &Until,
    before: Option<&Before>,
) -> std::result::Result<Vec<(AgentId, Result<ResultDocument>)>, Unread> {
    let agents: Vec<AgentId> = ended.iter().map(|(agent, _)| *agent).collect();
    queue_lists(connection, id, &agents);
    let mut found = Vec::new();
    for (agent, document) in ended {
        let key = keys::result(id, agent);
        let list = connection.reply(until).map_err(|error| unread(error, &[agent], &key))?;
        let document = match items(list).map_err(Error::from) {
            Ok(list) if list.is_empty() || before.is_some_and(|before| before.has(agent)) => {
                Ok(Some(document))
            }
            list => list.and_then(|list| answer(&key, list)),
        };
        found.extend(document.transpose().map(|document| (agent, document)));
    }
    Ok(found)
}

/// Classifies an error of the reply about some agents.
fn unread(error: transport::Error, agents: &[AgentId], key: &str) -> Unread {
    if !matches!(error, transport::Error::Protocol { .. }) {
        return Unread::Link(error);
    }
    let only = match agents {
        [agent] => Some(*agent),
        _ => None,
    };
    Unread::Reply(only, about_key(error, key))
}

/// Returns agents whose result lists have entries although the hash reports that their jobs have not ended, or
/// that the agent refused a command because it already runs one under the id. The entries belong to an earlier
/// command, or the controller wrote RUNNING after the result; only the agent can tell which. Returns the
/// document in the hash for each of them, and the entries of its list.
pub(crate) fn disputed(
    session: &Session,
    id: &str,
    agents: &[AgentId],
    until: &Until,
) -> Result<(Vec<(AgentId, ResultDocument)>, Before)> {
    if agents.is_empty() {
        return Ok(Default::default());
    }
    let hash = keys::results(id);
    let fields = session.repeat(until, |connection, until| {
        for agent in agents {
            connection.command(&[b"HGET", hash.as_bytes(), agent.to_string().as_bytes()]);
        }
        read_replies(connection, agents, until)
    })?;
    let (mut open, mut before) = (Vec::new(), Before::default());
    for (agent, field) in agents.iter().zip(fields) {
        let field = bulk(field)?.unwrap_or_default();
        let document = ResultDocument::parse(&field).unwrap_or_default();
        let is_open = |state: &JobState| !state.is_final() || *state == JobState::DuplicateId;
        if document.state.value().is_some_and(is_open) {
            before.insert_field(*agent, &field);
            open.push((*agent, document));
        }
    }
    let agents: Vec<AgentId> = open.iter().map(|(agent, _)| *agent).collect();
    let lists = session.repeat(until, |connection, until| {
        queue_lists(connection, id, &agents);
        read_replies(connection, &agents, until)
    })?;
    for (agent, list) in agents.into_iter().zip(lists) {
        for entry in items(list)? {
            before.insert_entry(agent, &bulk(entry)?.unwrap_or_default());
        }
    }
    Ok((open, before))
}

/// Returns the latest report of one agent, or its final one if it exists.
pub(crate) fn latest_of(
    session: &Session,
    command: &Envelope,
    agent: AgentId,
    until: &Until,
) -> Result<Option<ResultDocument>> {
    let (hash, field) = (keys::results(&command.id), agent.to_string());
    let (latest, list) = session.repeat(until, |connection, until| {
        connection.command(&[b"HGET", hash.as_bytes(), field.as_bytes()]);
        queue_lists(connection, &command.id, &[agent]);
        Ok((connection.reply(until)?, connection.reply(until)?))
    })?;
    let (key, before) = (keys::result(&command.id, agent), command.before());
    if let Some(document) = new_answer(&key, items(list)?, agent, before)? {
        return Ok(Some(document));
    }
    match bulk(latest)? {
        Some(latest) if !before.is_some_and(|before| before.is_old_field(agent, &latest)) => {
            parse(&format!("{hash} {agent}"), &latest).map(Some)
        }
        _ => Ok(None),
    }
}

/// Returns everything currently known about a command: the latest report of each agent, or its final one if it
/// exists.
pub(crate) fn latest(
    session: &Session,
    command: &Envelope,
    until: &Until,
) -> Result<Vec<(AgentId, ResultDocument)>> {
    let (hash, before) = (keys::results(&command.id), command.before());
    let fields = session.repeat(until, |connection, until| {
        connection.command(&[b"HGETALL", hash.as_bytes()]);
        connection.reply(until)
    })?;
    let mut fields = items(fields)?.into_iter();
    let mut found = Vec::new();
    let mut unreadable = Vec::new();
    while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
        let value = bulk(value)?.unwrap_or_default();
        match agent_of(&command.id, field) {
            // The list may show that the agent has answered again with identical bytes.
            Ok(agent) if before.is_some_and(|before| before.is_old_field(agent, &value)) => {
                found.push((agent, Ok(None)));
            }
            Ok(agent) => found.push((agent, parse(&format!("{hash} {agent}"), &value).map(Some))),
            Err(error) => unreadable.push(Err(error)),
        }
    }
    let agents: Vec<AgentId> = found.iter().map(|(agent, _)| *agent).collect();
    let lists = session.repeat(until, |connection, until| {
        queue_lists(connection, &command.id, &agents);
        read_replies(connection, &agents, until)
    })?;
    for ((_, latest), (_, document)) in found.iter_mut().zip(in_lists(command, &agents, lists)?) {
        if matches!(document, Err(_) | Ok(Some(_))) {
            *latest = document; // the hash may still say RUNNING
        }
    }
    let found = found.into_iter().filter_map(|(agent, latest)| Some((agent, latest.transpose()?)));
    readable(found.map(of_agent).chain(unreadable))
}

/// Returns the readable ones of several results, so that an unreadable one does not hide the others. Fails only
/// if none is readable.
pub(crate) fn readable<T>(all: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Ok(one) => read.push(one),
            Err(error) => unreadable.push(error),
        }
    }
    if read.is_empty() && !unreadable.is_empty() {
        return Err(unreadable.swap_remove(0));
    }
    unreadable.iter().for_each(|error| log::warn!(target: LOG, "left out: {error}"));
    Ok(read)
}

/// Returns the answer in a list: the last entry that is not the refusal of an id in use. Readers may have
/// rotated the list, so the start time of the job decides which entry is last.
pub(crate) fn answer(key: &str, entries: Vec<Reply>) -> Result<Option<ResultDocument>> {
    let mut answer: Option<ResultDocument> = None;
    let mut unreadable = None;
    for entry in entries {
        let document = match parse(key, &bulk(entry)?.unwrap_or_default()) {
            Ok(document) => document,
            Err(error) => {
                unreadable = Some(error);
                continue;
            }
        };
        let started = |document: &ResultDocument| document.starttime.value().copied();
        if !document.is_duplicate()
            && answer.as_ref().is_none_or(|last| started(&document) >= started(last))
        {
            answer = Some(document);
        }
    }
    match (answer, unreadable) {
        (None, Some(error)) => Err(error),
        (answer, _) => Ok(answer),
    }
}

/// Like [`answer`], among the new entries only.
pub(super) fn new_answer(
    key: &str,
    entries: Vec<Reply>,
    agent: AgentId,
    before: Option<&Before>,
) -> Result<Option<ResultDocument>> {
    let Some(before) = before.filter(|before| before.has(agent)) else {
        return answer(key, entries);
    };
    let mut is_new = before.sieve(agent);
    let is_new = |entry: &Reply| bulk(entry.clone()).ok().flatten().is_none_or(|it| is_new(&it));
    answer(key, entries.into_iter().filter(is_new).collect())
}

pub(super) fn parse(key: &str, bytes: &[u8]) -> Result<ResultDocument> {
    let document = ResultDocument::parse(bytes)
        .map_err(|error| Error::document(&format!("the result in {key}"), &error))?;
    if document.state.value().is_none() {
        let stateless = format!("the result in {key} has no state");
        return Err(Error::new(ErrorKind::Protocol, stateless));
    }
    Ok(document)
}

/// A wait that ends without a result cannot expire `queued`, which may not even exist yet. The client expires it
/// along with later commands.
pub(super) fn leave(session: &Session, id: &str, error: &Error) {
    if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::MaybeSent) {
        owe_queued(session, id);
    }
}

/// Leaves the TTL of a `queued` key that may not exist yet to later calls of the client, or to its end.
pub(crate) fn owe_queued(session: &Session, id: &str) {
    session.pool().add_ttl_update(TtlUpdate::later(keys::queued(id).into_bytes(), keys::TTL, KEPT));
}
