//! What Redis held of an id when a command was pushed under it: results of earlier commands.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{AgentId, JobState, ResultDocument};

/// The results of earlier commands under an id that the caller has chosen. Empty for an id that is new.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// How often `queued` was written.
    pub(crate) queued: i64,
    agents: BTreeMap<AgentId, Old>,
}

/// What there was of one agent.
#[derive(Debug, Default)]
struct Old {
    /// Of its field in the hash, where there was one.
    field: Option<u64>,
    /// Whether the field was that of a job that had ended.
    is_over: bool,
    /// How often each entry stood in its result list. Readers turn the list, so that places tell nothing, and
    /// refusals and unknown commands have no time at which they began.
    entries: HashMap<u64, usize>,
}

fn digest(document: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    hasher.finish()
}

impl Before {
    /// Of an id under which `queued` was written so often.
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

    /// Whether there was something.
    pub(crate) fn is_empty(&self) -> bool {
        self.queued == 0 && self.agents.is_empty()
    }

    /// The agents of which there was something.
    pub(crate) fn agents(&self) -> impl Iterator<Item = AgentId> + '_ {
        self.agents.keys().copied()
    }

    /// Whether there was something of the agent.
    pub(crate) fn has(&self, agent: AgentId) -> bool {
        self.agents.contains_key(&agent)
    }

    /// Whether the job of before had ended, so that a refusal of the id is the answer to this command: no other
    /// follows.
    pub(crate) fn had_ended(&self, agent: AgentId) -> bool {
        self.agents.get(&agent).is_some_and(|old| old.is_over)
    }

    /// Whether the field of the agent is still that of a job that had ended: this command has not reached it.
    pub(crate) fn is_old_field(&self, agent: AgentId, document: &[u8]) -> bool {
        self.had_ended(agent) && !self.is_new_field(agent, document)
    }

    /// Whether the field of the agent in the hash has changed.
    pub(crate) fn is_new_field(&self, agent: AgentId, document: &[u8]) -> bool {
        self.agents.get(&agent).is_none_or(|old| old.field != Some(digest(document)))
    }

    /// How many entries the result list of the agent had.
    pub(crate) fn length(&self, agent: AgentId) -> usize {
        self.agents.get(&agent).map_or(0, |old| old.entries.values().sum())
    }

    /// What tells the entries of the result list that have come since from those that were there.
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
