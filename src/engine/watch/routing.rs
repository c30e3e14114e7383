//! Which agents the commands of a watch went to, as the controller says it little by little.
//!
//! The controller writes a field of the hash for each agent before it hands the command to that agent, and
//! `queued` at the end. So results may be there before all agents are known: they are returned at once,
//! and only `queued` closes the set.

use std::time::Duration;

use super::link::IDLE;
use super::{Failure, List, Step, Watch, Wrapped};
use crate::engine::result::{self, SOON};
use crate::engine::retry::{Purpose, waits_out};
use crate::engine::targets;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Before, keys};
use crate::transport::{
    self, POLLING_INTERVAL, Reply, TtlUpdate, Until, bulk, clock, integer, items,
};

impl Watch {
    /// Whether it is time to read whom commands went to, after a notification.
    pub(super) fn is_routing_due(&self) -> bool {
        !self.routed.is_empty() && self.routing_due <= clock::now()
    }

    /// How long until then.
    pub(super) fn routing_pause(&self) -> Duration {
        if self.routed.is_empty() {
            return Duration::MAX;
        }
        self.routing_due.saturating_duration_since(clock::now())
    }

    /// A command has more agents, or is routed. The latter is read at once; agents that are added one by one
    /// are read together.
    pub(super) fn note_routing(&mut self, command: u32, is_routed: bool) {
        if self.unrouted.contains(&command) {
            self.routed.insert(command);
            if is_routed {
                self.routing_due = clock::now();
            }
        }
    }

    /// Reads whom commands went to, and looks at the lists of agents that are new.
    pub(super) fn learn_routing(&mut self, until: &Until) -> Step<()> {
        let begun = clock::now();
        let fresh = self.read_routing(until)?;
        self.routing_due = clock::now() + POLLING_INTERVAL.max(clock::since(begun) * IDLE);
        self.poll_lists(&fresh, until)
    }

    /// Reads whom commands went to; returns the lists of agents that are new.
    pub(super) fn read_routing(&mut self, until: &Until) -> Step<Vec<List>> {
        let Some(link) = &mut self.link else { return Ok(Vec::new()) };
        let connection = &mut link.connection;
        let commands: Vec<u32> = std::mem::take(&mut self.routed).into_iter().collect();
        for command in &commands {
            let id = &self.ids[*command as usize];
            // In this order: what the hash holds after `queued` is complete.
            connection.command(&[b"LLEN", keys::queued(id).as_bytes()]);
            let words = if self.before.contains_key(command) { &b"HGETALL"[..] } else { b"HKEYS" };
            connection.command(&[words, keys::results(id).as_bytes()]);
        }
        let (mut learned, mut used) = (Vec::with_capacity(commands.len()), Vec::new());
        let is_asked = !commands.is_empty();
        for command in commands {
            let id = &self.ids[command as usize];
            let before = self.before.get(&command).and_then(|before| before.get());
            let length = integer(&connection.reply(until)?).map_err(Wrapped)?;
            let is_routed = length > before.map_or(0, |before| before.queued);
            if let Some(before) = before {
                let fields = items(connection.reply(until)?).map_err(Wrapped)?;
                let agents = changed(id, fields, before).map_err(Wrapped)?;
                used.push((command, learned.len()));
                learned.push((command, agents, is_routed));
                continue;
            }
            let mut agents = Vec::new();
            connection.each(until, |field| agents.push(targets::agent_of(id, field)))?;
            let mut agents = result::readable(agents).map_err(Wrapped)?;
            if is_routed {
                agents = targets::not_gone(id, agents).map_err(Wrapped)?;
                connection.add_ttl_update(TtlUpdate::new(
                    keys::queued(id).into_bytes(),
                    keys::TTL,
                    SOON,
                ));
            }
            learned.push((command, agents, is_routed));
        }
        self.is_routing_read |= is_asked;
        for (command, place) in used {
            let (_, agents, is_routed) = &mut learned[place];
            self.add_answered(command, agents, until)?;
            *is_routed = *is_routed && self.is_settled(command);
            let is_nobody = agents.is_empty() && !self.knows_agents(command as usize);
            if *is_routed && is_nobody {
                return Err(Failure::Other(Error::new(
                    ErrorKind::Protocol,
                    "the controller sent it to no agent",
                )));
            }
        }
        let fresh = learned
            .into_iter()
            .flat_map(|(command, agents, is_routed)| self.add_agents(command, agents, is_routed));
        Ok(fresh.collect())
    }

    /// Adds the agents of an id that was used before whose results are there: what the hash says of them may be
    /// byte for byte what it said before.
    fn add_answered(&mut self, command: u32, agents: &mut Vec<AgentId>, until: &Until) -> Step<()> {
        let before = self.before.get(&command).and_then(|before| before.get());
        let (Some(before), Some(link)) = (before, &mut self.link) else { return Ok(()) };
        let id = &self.ids[command as usize];
        let unchanged: Vec<AgentId> =
            before.agents().filter(|agent| !agents.contains(agent)).collect();
        for agent in &unchanged {
            link.connection.command(&[b"LLEN", keys::result(id, *agent).as_bytes()]);
        }
        for agent in unchanged {
            let length = match link.connection.reply(until) {
                // Of another type: no result is there.
                Err(error @ transport::Error::Server(_)) if !waits_out(&error, Purpose::Wait) => 0,
                reply => integer(&reply?).map_err(Wrapped)?,
            };
            if length > before.length(agent) as i64 {
                agents.push(agent);
            }
        }
        Ok(())
    }

    /// Whether a command under an id that was used before was seen to be routed a moment ago: the list of an
    /// agent follows its field in the hash, which may be byte for byte what it was.
    fn is_settled(&mut self, command: u32) -> bool {
        let seen = *self.seen_routed.entry(command).or_insert_with(clock::now);
        let is_settled = clock::since(seen) >= POLLING_INTERVAL;
        if !is_settled {
            self.routed.insert(command);
        }
        is_settled
    }

    /// Takes note of agents that a command went to; returns the lists of those that are new.
    fn add_agents(&mut self, command: u32, agents: Vec<AgentId>, is_routed: bool) -> Vec<List> {
        let lists = agents.into_iter().map(|agent| (command, agent));
        let new = lists.filter(|list| !self.returned.contains(list));
        let new = new.filter(|list| self.pending.insert(*list)).collect();
        if is_routed {
            self.unrouted.remove(&command);
            self.returned.retain(|list| list.0 != command);
        }
        new
    }
}

/// The agents whose fields have changed since the command was pushed under an id that was used before.
fn changed(id: &str, fields: Vec<Reply>, before: &Before) -> Result<Vec<AgentId>> {
    let mut fields = fields.into_iter();
    let mut agents = Vec::new();
    while let (Some(field), Some(document)) = (fields.next(), fields.next()) {
        let document = bulk(document)?.unwrap_or_default();
        match targets::agent_of(id, field) {
            Ok(agent) if !before.is_new_field(agent, &document) => {}
            agent => agents.push(agent),
        }
    }
    result::readable(agents)
}
