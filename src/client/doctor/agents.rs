//! Checks of agents, and what can be found out about them without a controller.

use std::collections::BTreeMap;
use std::time::Duration;

use super::advice::{on_refusal, on_silent_agent};
use super::redis::{milliseconds, told};
use super::{Check, SLOW, Verdict, commands_wait, silence};
use crate::engine::probe::{Place, Probed};
use crate::engine::{Session, Timeout};
use crate::error::{ErrorKind, Result};
use crate::protocol::{AgentId, keys};
use crate::transport::{self, Connection, Until, bulk, integer, items};

/// Number of keys that one step of a search scans, and maximum number of steps.
const STEP: &[u8] = b"10000";
const STEPS: usize = 10;

/// The check of one pinged agent. `waiting` is the number of commands that waited for it before.
pub(super) fn check(
    agent: AgentId,
    probed: &Probed,
    waiting: Option<i64>,
    network: Duration,
) -> Check {
    let waiting = waiting.filter(|count| *count > 0);
    let waiting =
        waiting.map(|count| format!(", {} for it", commands_wait(count))).unwrap_or_default();
    let name = format!("agent {agent}");
    match probed {
        Probed::Answered(_, took) => {
            let found = format!("answered in {}{waiting}", milliseconds(*took));
            match *took > SLOW {
                true => Check::new(name, Verdict::Weak, found)
                    .advise("it is slow: its machine is busy, or far from the controller"),
                false => Check::new(name, Verdict::Good, found),
            }
        }
        Probed::Failed(error, waited) => {
            let advice = match error.kind() {
                ErrorKind::NoSuchAgent => "the controller has forgotten it in this moment",
                _ => on_refusal(error).unwrap_or("try again"),
            };
            let found = format!("{}{waiting}", error.message());
            match error.kind() {
                ErrorKind::Timeout => silence(name, found, *waited, network, advice),
                kind => Check::new(name, Verdict::Bad, found).bad(kind).advise(advice),
            }
        }
        Probed::Silent(place, waited) => {
            let how_far = how_far(*place);
            let found = format!("no answer in {:.1} s{how_far}{waiting}", waited.as_secs_f64());
            silence(name, found, *waited, network, on_silent_agent(*place))
        }
    }
}

/// How far an unanswered ping got.
pub(super) fn how_far(place: Place) -> &'static str {
    match place {
        Place::Fetched => "; it has fetched the ping",
        Place::Agent => "; it does not fetch commands",
        Place::Queue | Place::Controller => "; no controller has routed the ping",
        Place::Unknown => "",
    }
}

/// Checks of the agents with waiting commands, when the controller does not list any agents.
pub(super) fn without_controller(waiting: &BTreeMap<AgentId, i64>) -> Vec<Check> {
    let found = "not asked, since the controller does not answer";
    if waiting.is_empty() {
        return vec![Check::new("agents", Verdict::Unknown, found).advise("see controller")];
    }
    let check = |(agent, count): (&AgentId, &i64)| {
        let found = format!("{found}; {} for it", commands_wait(*count));
        Check::new(format!("agent {agent}"), Verdict::Unknown, found).advise("see controller")
    };
    waiting.iter().map(check).collect()
}

/// Returns how many commands wait for each agent; `None` if the user may not read its key.
pub(in crate::client) fn waiting(
    session: &Session,
    agents: &[AgentId],
    timeout: &Timeout,
) -> Result<Vec<(AgentId, Option<i64>)>> {
    let asked = || "what waits for the agents".to_owned();
    session.bounded(timeout, asked, |until| {
        let lengths = session.query(until, |connection| lengths(connection, agents, until))?;
        Ok(agents.iter().copied().zip(lengths).collect())
    })
}

/// Reads the number of commands waiting for each agent.
pub(super) fn lengths(
    connection: &mut Connection,
    agents: &[AgentId],
    until: &Until,
) -> transport::Result<Vec<Option<i64>>> {
    for agent in agents {
        connection.command(&[b"LLEN", keys::for_agent(*agent).as_bytes()]);
    }
    let length = |_: &AgentId| match connection.reply(until) {
        Ok(length) => Ok(integer(&length).ok()),
        Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
        Err(error) => Err(error),
    };
    agents.iter().map(length).collect()
}

/// Agents with waiting commands, as far as a scan with a limited number of steps finds them.
pub(super) fn find_waiting(
    connection: &mut Connection,
    until: &Until,
) -> transport::Result<BTreeMap<AgentId, i64>> {
    let mut agents = Vec::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..STEPS {
        connection.command(&[b"SCAN", &cursor, b"MATCH", b"cmds:*:*", b"COUNT", STEP]);
        let Some(mut reply) = told(connection, until)?.and_then(|reply| items(reply).ok()) else {
            break;
        };
        let found = reply.pop().and_then(|found| items(found).ok()).unwrap_or_default();
        let found = found.into_iter().filter_map(|key| String::from_utf8(bulk(key).ok()??).ok());
        agents.extend(found.filter_map(|key| key.strip_prefix("cmds:")?.parse::<AgentId>().ok()));
        cursor = reply.pop().and_then(|next| bulk(next).ok()?).unwrap_or_default();
        if cursor == b"0" || cursor.is_empty() {
            break;
        }
    }
    let lengths = lengths(connection, &agents, until)?;
    let waiting = agents.into_iter().zip(lengths);
    Ok(waiting.filter_map(|(agent, length)| Some((agent, length.filter(|it| *it > 0)?))).collect())
}
