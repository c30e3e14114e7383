//! What Redis held under an id when a command was pushed: results of earlier commands.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{AgentId, JobState, ResultDocument};

/// Results of earlier commands under an id chosen by the caller. Empty for a new id.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// How often `queued` was written.
    pub(crate) queued: i64,
    agents: BTreeMap<AgentId, Old>,
}

/// What Redis held for one agent.
#[derive(Debug, Default)]
struct Old {
    /// Digest of the agent's field in the hash, if there was one.
    field: Option<u64>,
    /// Whether the field was that of a job that had ended.
    is_over: bool,
    /// How often each entry occurred in the result list. Readers rotate the list, so positions mean nothing, and
    /// refusals and unknown commands have no start time.
    entries: HashMap<u64, usize>,
}

fn digest(document: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    hasher.finish()
}

impl Before {
    /// For an id under which `queued` was written this many times.
    pub(crate) fn new(queued: i64) -> Self {
        Before { queued, agents: BTreeMap::new() }
    }

    pub(crate) fn insert_field(&mut self, agent: AgentId, document: &[u8]) {
        let parsed = ResultDocument::parse(document).unwrap_or_default();
        let is_final = parsed.state.value().is_some_and(JobState::is_final);
        let old = self.agents.entry(agent).or_default();
        (old.field, old.is_over) = (Some(digest(document)), is_final && !parsed.is_duplicate());
    }

    pub(crate) fn insert_entry(&mut self, agent: AgentId, document: &[u8]) {
        let old = self.agents.entry(agent).or_default();
        *old.entries.entry(digest(document)).or_default() += 1;
    }

    /// Returns whether the id was unused.
    pub(crate) fn is_empty(&self) -> bool {
        self.queued == 0 && self.agents.is_empty()
    }

    /// Returns the agents for which Redis held results.
    pub(crate) fn agents(&self) -> impl Iterator<Item = AgentId> + '_ {
        self.agents.keys().copied()
    }

    /// Returns whether Redis held a result of the agent.
    pub(crate) fn has(&self, agent: AgentId) -> bool {
        self.agents.contains_key(&agent)
    }

    /// Returns whether the earlier job had ended. A refusal of the id is then the answer to this command; no
    /// other follows.
    pub(crate) fn had_ended(&self, agent: AgentId) -> bool {
        self.agents.get(&agent).is_some_and(|old| old.is_over)
    }

    /// Returns whether the field of the agent is still that of an ended job, so that this command has not
    /// reached it.
    pub(crate) fn is_old_field(&self, agent: AgentId, document: &[u8]) -> bool {
        self.had_ended(agent) && !self.is_new_field(agent, document)
    }

    /// Returns whether the field of the agent in the hash has changed.
    pub(crate) fn is_new_field(&self, agent: AgentId, document: &[u8]) -> bool {
        self.agents.get(&agent).is_none_or(|old| old.field != Some(digest(document)))
    }

    /// Returns how many entries the result list of the agent had.
    pub(crate) fn length(&self, agent: AgentId) -> usize {
        self.agents.get(&agent).map_or(0, |old| old.entries.values().sum())
    }

    /// Returns a filter that accepts only entries added to the result list since.
    pub(crate) fn sieve(&self, agent: AgentId) -> impl FnMut(&[u8]) -> bool + use<> {
        let mut old = self.agents.get(&agent).map(|old| old.entries.clone()).unwrap_or_default();
        move |entry| match old.get_mut(&digest(entry)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        }
    }
}
