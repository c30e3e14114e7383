//! Finds the agents of a command: reads them from the hash and `queued`, and waits until the controller has
//! routed it.

use redis::Value;

use super::Session;
use super::loss::{Confirmed, Loss};
use super::result::{self, about_key, leave, queue_expire, queue_move, read_expire, readable};
use super::retry::{Purpose, waits_out};
use super::rounds::Rounds;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Envelope, keys};
use crate::transport::{
    self, Connection, POLLING_INTERVAL, Reply, Until, bulk, integer, items, sleep,
};

/// Queues the wait for the controller to route a command, and the read of its agents.
pub(super) fn ask_targets(connection: &mut Connection, id: &str, rounds: &Rounds) {
    queue_move(connection, &keys::queued(id), rounds);
    connection.command(&[b"HKEYS", keys::results(id).as_bytes()]);
    queue_expire(connection, id);
}

/// What Redis holds about the agents of a command.
#[derive(Debug)]
pub(super) struct Targets {
    is_routed: Reply,
    fields: Reply,
}

/// Reads what [`ask_targets`] queued.
pub(super) fn read_targets(
    connection: &mut Connection,
    id: &str,
    until: &Until,
    rounds: &Rounds,
) -> transport::Result<Targets> {
    let is_routed = match connection.moved(&rounds.bound(until)) {
        // The server did not reply in time; the pool closes the connection.
        Err(transport::Error::Timeout) if !until.deadline.has_passed() => {
            return Ok(Targets { is_routed: Value::Nil, fields: Value::Array(Vec::new()) });
        }
        // The hash may still be readable.
        Err(transport::Error::Server(_)) => Value::Nil,
        moved => moved?,
    };
    let fields = connection.reply(until)?;
    read_expire(connection, id, until)?;
    Ok(Targets { is_routed, fields })
}

/// Waits until the controller has routed a command, and returns its agents.
pub(crate) fn targets(
    session: &Session,
    command: &Envelope,
    until: &Until,
) -> Result<Vec<AgentId>> {
    if command.before().is_some() {
        let routed = new_targets(session, command, until);
        return routed.inspect_err(|error| leave(session, &command.id, error));
    }
    more_targets(session, command, until, false, Rounds::begin(until), None)
}

/// Like [`targets`], under an id that was used before: the hash also holds agents of the earlier command, and a
/// blocking command on `queued` would return at once.
fn new_targets(session: &Session, command: &Envelope, until: &Until) -> Result<Vec<AgentId>> {
    let until = &until.impatient();
    while !is_routed(session, command, until)? {
        sleep(POLLING_INTERVAL, until)?;
    }
    let latest = result::latest(session, command, until)?;
    Ok(latest.into_iter().map(|(agent, _)| agent).collect())
}

/// Like [`targets`]. A command that `is_for_one` agent is known to be routed once there is an agent. `first` is
/// the outcome of the read that was sent along with the command.
pub(super) fn more_targets(
    session: &Session,
    command: &Envelope,
    until: &Until,
    is_for_one: bool,
    mut rounds: Rounds,
    mut first: Option<transport::Result<Targets>>,
) -> Result<Vec<AgentId>> {
    let (until, id) = (&until.impatient(), &command.id);
    let mut loss = Loss::none();
    let mut wait = || loop {
        let targets = match first.take() {
            Some(Ok(targets)) => targets,
            Some(Err(error)) if !waits_out(&error, Purpose::Wait) => {
                return Err(about_key(error, &keys::queued(id)));
            }
            _ => session.wait(until, |connection, until| {
                ask_targets(connection, id, &rounds);
                read_targets(connection, id, until, &rounds)
            })?,
        };
        let is_routed = bulk(targets.is_routed)?.is_some();
        let fields = items(targets.fields)?;
        if is_routed || (is_for_one && !fields.is_empty()) {
            return not_gone(id, agents_of(id, fields)?);
        }
        if rounds.is_due() {
            rounds.done();
            let confirmed = Confirmed::of(session, 0, id, command.sent.as_deref());
            session.wait(until, |connection, until| {
                loss.look(connection, confirmed.into_iter(), until)
            })?;
        } else {
            sleep(POLLING_INTERVAL.min(rounds.pause()), until)?; // the server does not block
        }
    };
    let routed = wait().inspect_err(|error| leave(session, id, error));
    routed.map_err(|error| match error.is_timeout() && loss.has(0) {
        true => error.of_lost_data(),
        false => error,
    })
}

/// Returns the agents of a command, if the controller has named them.
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
    not_gone(id, agents_of(id, items(fields)?)?).map(Some)
}

/// Returns whether the controller has named all agents of a command.
pub(crate) fn is_routed(session: &Session, command: &Envelope, until: &Until) -> Result<bool> {
    let queued = session.repeat(until, |connection, until| {
        connection.command(&[b"LLEN", keys::queued(&command.id).as_bytes()]);
        connection.reply(until)
    })?;
    Ok(integer(&queued)? > command.before().map_or(0, |before| before.queued))
}

/// Returns the agents of a command, or an error if nothing is known about it any more.
pub(crate) fn not_gone(id: &str, agents: Vec<AgentId>) -> Result<Vec<AgentId>> {
    if agents.is_empty() {
        let gone = format!("{} is gone; Redis keeps results for 24 hours", keys::results(id));
        return Err(Error::new(ErrorKind::Protocol, gone));
    }
    Ok(agents)
}

/// Parses the agents from the fields of a command's hash.
fn agents_of(id: &str, fields: Vec<Reply>) -> Result<Vec<AgentId>> {
    readable(fields.into_iter().map(|field| agent_of(id, field)))
}

/// Parses the agent from a field of a command's hash.
pub(crate) fn agent_of(id: &str, field: Reply) -> Result<AgentId> {
    let field = bulk(field)?.unwrap_or_default();
    let agent = std::str::from_utf8(&field).ok().and_then(|text| text.parse().ok());
    let wrong = || format!("invalid field of {}: expected gid:nid", keys::results(id));
    agent.ok_or_else(|| Error::new(ErrorKind::Protocol, wrong()))
}
