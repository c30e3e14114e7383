//! Reading what an id holds in the write by which a command is pushed under it, so that a wait returns none of
//! it. Only for an id that the caller has chosen: one that this library made is new.

use crate::protocol::{AgentId, Before, Envelope, keys};
use crate::transport::{self, Connection, Until, bulk, integer, items};

/// Queues the questions, ahead of the push.
pub(super) fn ask(connection: &mut Connection, command: &Envelope) {
    if command.before.is_none() {
        return;
    }
    let hash = keys::results(&command.id);
    connection.command(&[b"LLEN", keys::queued(&command.id).as_bytes()]);
    match command.target.answering() {
        Some(agents) => {
            let fields: Vec<String> = agents.iter().map(AgentId::to_string).collect();
            let words = [&b"HMGET"[..], hash.as_bytes()].into_iter();
            let words: Vec<&[u8]> = words.chain(fields.iter().map(String::as_bytes)).collect();
            connection.command(&words);
        }
        None => {
            connection.command(&[b"HGETALL", hash.as_bytes()]);
        }
    }
}

/// Reads what [`ask`] has queued. What may not be read counts as new.
pub(super) fn read(
    connection: &mut Connection,
    command: &Envelope,
    until: &Until,
) -> transport::Result<()> {
    let Some(slot) = &command.before else { return Ok(()) };
    let mut reply = || match connection.reply(until) {
        Err(transport::Error::Server(_)) => Ok(None),
        reply => reply.map(Some),
    };
    let (queued, fields) = (reply()?, reply()?);
    let queued = queued.and_then(|queued| integer(&queued).ok()).unwrap_or_default();
    let mut before = Before::default();
    before.queued = queued;
    let mut values = fields.and_then(|fields| items(fields).ok()).unwrap_or_default().into_iter();
    let mut text = || values.next().map(|value| bulk(value).ok().flatten());
    match command.target.answering() {
        Some(agents) => {
            for agent in agents {
                if let Some(Some(document)) = text() {
                    before.insert(*agent, &document);
                }
            }
        }
        None => {
            while let (Some(field), Some(document)) = (text(), text()) {
                let agent = field.and_then(|field| String::from_utf8(field).ok()?.parse().ok());
                if let (Some(agent), Some(document)) = (agent, document) {
                    before.insert(agent, &document);
                }
            }
        }
    }
    // A push that is tried again has been refused before, so that nothing has changed.
    let _ = slot.set(before);
    Ok(())
}
