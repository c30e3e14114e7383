//! Which agents the commands of a watch went to, as the controller says it little by little.
//!
//! The controller writes a field of the hash for each agent before it hands the command to that agent, and
//! `queued` at the end. So results may be there before all agents are known: they are returned at once,
//! and only `queued` closes the set.

use std::time::Duration;

use super::{List, Step, WaitMethod, Watch, Wrapped};
use crate::engine::result::{self, LOOK, SOON};
use crate::protocol::keys;
use crate::transport::{Owed, Until, clock, integer};

/// Between two readings there is at least so many times the time that one takes, where that is long.
const IDLE: u32 = 4;

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
        self.routing_due = clock::now() + LOOK.max(clock::since(begun) * IDLE);
        // There may be a better way to wait now that the agents are known.
        let is_polled = self.method() == Some(WaitMethod::Polling);
        let has_tracking = self.link.as_ref().is_some_and(|link| link.connection.server.resp3);
        if is_polled && has_tracking && self.ids.len() == 1 && self.unrouted.is_empty() {
            self.unlink();
            return Ok(());
        }
        self.look_at(&fresh, until)
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
            connection.command(&[b"HKEYS", keys::results(id).as_bytes()]);
        }
        let mut fresh = Vec::new();
        for command in commands {
            let id = &self.ids[command as usize];
            let is_routed = integer(&connection.reply(until)?).map_err(Wrapped)? > 0;
            let (mut agents, mut unreadable) = (Vec::new(), Vec::new());
            connection.each(until, |field| match result::agent_of(id, field) {
                Ok(agent) => agents.push(agent),
                Err(error) => unreadable.push(error),
            })?;
            let mut agents = result::readable(agents, unreadable).map_err(Wrapped)?;
            if is_routed {
                agents = result::not_gone(id, agents).map_err(Wrapped)?;
                connection.owe(Owed::new(keys::queued(id).into_bytes(), keys::TTL, SOON));
                self.unrouted.remove(&command);
            }
            let lists = agents.into_iter().map(|agent| (command, agent));
            let new = lists.filter(|list| !self.returned.contains(list));
            let new: Vec<List> = new.filter(|list| self.pending.insert(*list)).collect();
            fresh.extend(new);
            if is_routed {
                self.returned.retain(|list| list.0 != command);
            }
        }
        Ok(fresh)
    }
}
