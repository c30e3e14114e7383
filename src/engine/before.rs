//! Reading what an id holds before a command is pushed under it, so that a wait returns none of it. Only for an id
//! that the caller has chosen: one that this library made is new.

use std::collections::HashSet;

use super::result::{queue_lists, unless_refused};
use crate::protocol::{AgentId, Before, Envelope, keys};
use crate::transport::{self, Connection, Reply, Until, bulk, integer, items};

/// Queues the questions ahead of the push, with which they leave in one write where the target names the agents.
pub(super) fn ask(connection: &mut Connection, command: &Envelope) {
    let (Some(slot), Some(agents)) = (&command.before, command.target.answering()) else { return };
    if slot.get().is_some() {
        return; // a push that is tried again has been refused before, so that nothing has changed
    }
    queue_agents(connection, command, agents);
}

/// Reads what [`ask`] has queued. What may not be read counts as new; where it passes with time, so does the
/// refusal of the push, and it is asked again along with the next.
pub(super) fn read(
    connection: &mut Connection,
    command: &Envelope,
    until: &Until,
) -> transport::Result<()> {
    let (Some(slot), Some(agents)) = (&command.before, command.target.answering()) else {
        return Ok(());
    };
    if slot.get().is_some() {
        return Ok(());
    }
    let mut is_passing = false;
    let reply = || match connection.reply(until) {
        Err(transport::Error::Server(error)) => {
            is_passing |= error.is_passing();
            Ok(None)
        }
        reply => reply.map(Some),
    };
    let before = of_agents(agents, reply)?;
    if !is_passing {
        let _ = slot.set(before);
    }
    Ok(())
}

/// Asks and reads at once, where only the hash tells which agents there were: the push has to come after that.
pub(super) fn find(
    connection: &mut Connection,
    command: &Envelope,
    until: &Until,
) -> transport::Result<()> {
    let Some(slot) = command.before.as_ref().filter(|_| command.target.answering().is_none())
    else {
        return Ok(());
    };
    if slot.get().is_some() {
        return Ok(());
    }
    let _ = slot.set(of_all(connection, command, until)?);
    Ok(())
}

/// How many keys one EXISTS names.
const KEYS_AT_ONCE: usize = 3000;

/// Marks the commands whose ids hold nothing as new, with one question for many of them. The others are asked one by
/// one ([`ask`], [`find`]), as is an id that occurs twice: the first of its commands may end before the second is
/// pushed.
pub(super) fn find_new<'a>(
    connection: &mut Connection,
    commands: impl Iterator<Item = &'a Envelope>,
    until: &Until,
) -> transport::Result<()> {
    let mut ids = HashSet::new();
    let mut open = Vec::new();
    for command in commands {
        let is_open = command.before.as_ref().is_some_and(|slot| slot.get().is_none());
        if let Some(agents) = command.target.answering()
            && is_open
            && ids.insert(command.id.as_str())
        {
            open.push((command, agents));
        }
    }
    if open.len() < 2 {
        return Ok(()); // its own questions leave along with its push
    }
    let mut rest = &open[..];
    while !rest.is_empty() {
        let mut keys = Vec::new();
        let mut taken = 0;
        while let Some((command, agents)) = rest.get(taken)
            && (taken == 0 || keys.len() + agents.len() + 2 <= KEYS_AT_ONCE)
        {
            keys.extend(used_keys(command, agents));
            taken += 1;
        }
        let (chunk, after) = rest.split_at(taken);
        connection.command(&exists(&keys));
        // Where it is refused, for now or for good, each command asks for itself.
        let used = match connection.reply(until) {
            Err(transport::Error::Server(_)) => None,
            reply => count(Some(reply?)),
        };
        if used == Some(0) {
            for slot in chunk.iter().filter_map(|(command, _)| command.before.as_ref()) {
                let _ = slot.set(Before::default());
            }
        }
        rest = after;
    }
    Ok(())
}

/// The keys of which at least one exists under an id that was used for these agents.
fn used_keys(command: &Envelope, agents: &[AgentId]) -> impl Iterator<Item = String> {
    let id = &command.id;
    let lists = agents.iter().map(move |agent| keys::result(id, *agent));
    [keys::queued(id), keys::results(id)].into_iter().chain(lists)
}

fn exists(keys: &[String]) -> Vec<&[u8]> {
    [&b"EXISTS"[..]].into_iter().chain(keys.iter().map(String::as_bytes)).collect()
}

/// What the id holds ahead of a push that can be repeated. `None` where the mark of the command is there, since the
/// results may be those of this command then, and where the user may not look.
pub(super) fn held(
    connection: &mut Connection,
    command: &Envelope,
    mark: &str,
    until: &Until,
) -> transport::Result<Option<Before>> {
    if command.before.is_none() {
        return Ok(None);
    }
    // A long result is not read of a command that is marked, nor of an id that is new.
    let used: Vec<_> = used_keys(command, command.target.answering().unwrap_or_default()).collect();
    connection.command(&[b"EXISTS", mark.as_bytes()]);
    connection.command(&exists(&used));
    let is_marked = unless_refused(connection, until)?;
    let is_used = unless_refused(connection, until)?;
    match (count(is_marked), count(is_used)) {
        (Some(0), Some(0)) => return Ok(Some(Before::default())),
        (Some(0), Some(_)) => {}
        _ => return Ok(None),
    }
    let before = match command.target.answering() {
        Some(agents) => {
            queue_agents(connection, command, agents);
            of_agents(agents, || unless_refused(connection, until))?
        }
        None => of_all(connection, command, until)?,
    };
    // Whoever pushes the command leaves the mark in the same step.
    connection.command(&[b"EXISTS", mark.as_bytes()]);
    let is_marked = unless_refused(connection, until)?;
    Ok((count(is_marked) == Some(0)).then_some(before))
}

/// What stands there of all agents.
fn of_all(
    connection: &mut Connection,
    command: &Envelope,
    until: &Until,
) -> transport::Result<Before> {
    connection.command(&[b"LLEN", keys::queued(&command.id).as_bytes()]);
    connection.command(&[b"HGETALL", keys::results(&command.id).as_bytes()]);
    let mut before = Before::new(length(unless_refused(connection, until)?));
    let mut words = texts(unless_refused(connection, until)?);
    while let (Some(field), Some(document)) = (words.next(), words.next()) {
        let agent = field.and_then(|field| String::from_utf8(field).ok()?.parse().ok());
        if let (Some(agent), Some(document)) = (agent, document) {
            before.insert_field(agent, &document);
        }
    }
    let agents: Vec<AgentId> = before.agents().collect();
    queue_lists(connection, &command.id, &agents);
    for agent in agents {
        texts(unless_refused(connection, until)?)
            .flatten()
            .for_each(|entry| before.insert_entry(agent, &entry));
    }
    Ok(before)
}

fn queue_agents(connection: &mut Connection, command: &Envelope, agents: &[AgentId]) {
    let hash = keys::results(&command.id);
    let fields: Vec<String> = agents.iter().map(AgentId::to_string).collect();
    let words = [&b"HMGET"[..], hash.as_bytes()].into_iter();
    let words: Vec<&[u8]> = words.chain(fields.iter().map(String::as_bytes)).collect();
    connection.command(&[b"LLEN", keys::queued(&command.id).as_bytes()]);
    connection.command(&words);
    queue_lists(connection, &command.id, agents);
}

/// Takes the replies to [`queue_agents`].
fn of_agents(
    agents: &[AgentId],
    mut reply: impl FnMut() -> transport::Result<Option<Reply>>,
) -> transport::Result<Before> {
    let mut before = Before::new(length(reply()?));
    for (agent, field) in agents.iter().zip(texts(reply()?)) {
        if let Some(document) = field {
            before.insert_field(*agent, &document);
        }
    }
    for agent in agents {
        texts(reply()?).flatten().for_each(|entry| before.insert_entry(*agent, &entry));
    }
    Ok(before)
}

fn count(reply: Option<Reply>) -> Option<i64> {
    integer(&reply?).ok()
}

fn length(reply: Option<Reply>) -> i64 {
    count(reply).unwrap_or_default()
}

/// A list of texts, some of which may be missing.
fn texts(reply: Option<Reply>) -> impl Iterator<Item = Option<Vec<u8>>> {
    let texts = reply.and_then(|reply| items(reply).ok()).unwrap_or_default();
    texts.into_iter().map(|text| bulk(text).ok().flatten())
}
