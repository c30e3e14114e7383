//! Checks whether an agent has fetched a command that it did not answer.

use super::Session;
use crate::error::Result;
use crate::protocol::{AgentId, JobState, ResultDocument, keys};
use crate::transport::{Until, bulk, items};

/// Returns what the controller recorded for each command, one agent each: `true` once it passed the command to
/// the agent, `false` while the command waits for the agent to fetch it, `None` before it was routed.
pub(super) fn fetched(
    session: &Session,
    commands: &[(&str, AgentId)],
    until: &Until,
) -> Result<Vec<Option<bool>>> {
    let hashes = session.repeat(until, |connection, until| {
        for (id, _) in commands {
            connection.command(&[b"HGETALL", keys::results(id).as_bytes()]);
        }
        commands.iter().map(|_| connection.reply(until)).collect::<Result<Vec<_>, _>>()
    })?;
    let each = commands.iter().zip(hashes).map(|((_, agent), hash)| {
        let mut fields = items(hash)?.into_iter();
        let wanted = agent.to_string();
        while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
            if bulk(field)?.is_some_and(|field| field == wanted.as_bytes()) {
                return Ok(is_fetched(&bulk(value)?.unwrap_or_default()));
            }
        }
        Ok(None)
    });
    each.collect()
}

pub(super) fn is_fetched(document: &[u8]) -> Option<bool> {
    let document = ResultDocument::parse(document).ok()?;
    Some(document.state.value()? != &JobState::Queued)
}
