//! Error texts of a timeout, for the jobs that a watch waited for.

use super::{List, Seen, Watch};
use crate::engine::rounds::noting_refusal;
use crate::engine::verdict::unrouted;
use crate::error::Error;
use crate::protocol::AgentId;

impl Watch {
    /// What the last round before the deadline has found of a job without a result.
    pub(crate) fn last_seen(&self, command: usize, agent: AgentId) -> Option<String> {
        let seen = self.seen.get(&(command as u32, agent)).unwrap_or(&Seen::Unread);
        self.rounds.as_ref()?.in_words(seen)
    }

    /// Adds that Redis has refused to write meanwhile, as far as the wait has met it.
    pub(crate) fn noting_refusal(&self, error: Error) -> Error {
        noting_refusal(error, self.refusal.as_deref())
    }

    /// What is known of a command whose agents may not all be known.
    pub(crate) fn routing_in_words(&self, command: usize) -> &'static str {
        if !self.is_routing_read {
            "Redis has not said whether a controller has routed the command"
        } else if self.knows_agents(command) {
            "the controller has not routed the command to all of its agents"
        } else {
            unrouted(self.sent[command].is_some())
        }
    }

    /// The error of a wait for the next result of one command.
    pub(crate) fn explained(&self, error: Error) -> Error {
        if !error.is_timeout() || error.last_failure().is_some() {
            return error;
        }
        if self.has_lost(0) {
            return error.of_lost_data();
        }
        if !self.unrouted.is_empty() {
            return error.explained(self.routing_in_words(0));
        }
        let mut pending = self.pending().map(|(_, agent)| agent);
        match (pending.next(), pending.len()) {
            (Some(agent), 0) => {
                let error = error.noting(&format!("no result from agent {agent}"));
                let error = error.about_agent(agent);
                self.noting_refusal(match self.last_seen(0, agent) {
                    Some(words) => error.explained(&words),
                    None => error,
                })
            }
            (Some(agent), others) => {
                let others = match others {
                    1 => "1 other".to_owned(),
                    others => format!("{others} others"),
                };
                let error = error.explained(&format!("no result from agent {agent} and {others}"));
                match self.last_seen(0, agent) {
                    Some(words) => error.noting(&format!("agent {agent}: {words}")),
                    None => error,
                }
            }
            (None, _) => error,
        }
    }

    /// Whether an agent of a command whose agents may not all be known is known.
    pub(super) fn knows_agents(&self, command: usize) -> bool {
        let is_of = |list: &List| list.0 as usize == command;
        self.pending.iter().any(is_of) || self.returned.iter().any(is_of)
    }
}
