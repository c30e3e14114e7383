//! What Redis held of an id when a command was pushed under it: results of an earlier command.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{AgentId, JobState, ResultDocument};

/// The results of earlier commands under an id that the caller has chosen. Empty for an id that is new.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// How often `queued` was written.
    pub(crate) queued: i64,
    agents: BTreeMap<AgentId, Old>,
}

/// The field of an agent in the hash.
#[derive(Debug)]
struct Old {
    digest: u64,
    /// Results of jobs that began until then are old.
    starttime: i64,
    is_over: bool,
}

fn digest(document: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    hasher.finish()
}

impl Before {
    pub(crate) fn insert(&mut self, agent: AgentId, document: &[u8]) {
        let parsed = ResultDocument::parse(document).unwrap_or_default();
        let is_over =
            parsed.state.value().is_some_and(JobState::is_final) && !parsed.is_duplicate();
        let starttime = parsed.starttime.into_value().unwrap_or_default();
        // The result of a job that is running counts for both: its agent refuses the second.
        let starttime = if is_over { starttime } else { starttime.saturating_sub(1) };
        self.agents.insert(agent, Old { digest: digest(document), starttime, is_over });
    }

    /// Whether there was something.
    pub(crate) fn is_empty(&self) -> bool {
        self.queued == 0 && self.agents.is_empty()
    }

    /// Whether the agent had a result.
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

    /// Whether an entry of a result list is of a job that began after those of before. One that has not begun
    /// at all, since the agent does not know the command, is told by the hash.
    pub(crate) fn is_new_entry(&self, agent: AgentId, document: &ResultDocument) -> bool {
        let starttime = document.starttime.value().copied().unwrap_or_default();
        self.agents.get(&agent).is_none_or(|old| starttime > old.starttime)
    }

    /// Whether the field of the agent in the hash has changed.
    pub(crate) fn is_new_field(&self, agent: AgentId, document: &[u8]) -> bool {
        self.agents.get(&agent).is_none_or(|old| old.digest != digest(document))
    }
}
