//! Routing of commands to agents.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::wire::{AgentId, Command};

/// Agents registered with a controller.
#[derive(Default)]
pub(crate) struct Registry {
    /// In order of registration.
    agents: Vec<Entry>,
}

struct Entry {
    agent: AgentId,
    roles: Vec<String>,
    /// Time until which a dead agent counts as connected.
    until: Option<Instant>,
}

impl Registry {
    pub(crate) fn register(&mut self, agent: AgentId, roles: &[String]) {
        self.agents.retain(|e| e.agent != agent);
        self.agents.push(Entry { agent, roles: roles.to_vec(), until: None });
    }

    /// Records that an agent stopped polling; it stays routable for a while.
    pub(crate) fn lost(&mut self, agent: AgentId, routable_for: Duration) {
        if let Some(entry) = self.agents.iter_mut().find(|e| e.agent == agent) {
            entry.until = Some(Instant::now() + routable_for);
        }
    }

    fn connected(&self) -> impl Iterator<Item = &Entry> {
        let now = Instant::now();
        self.agents.iter().filter(move |e| e.until.is_none_or(|until| now < until))
    }

    /// Connected agents with their roles, for `list_agents`.
    pub(crate) fn list(&self) -> BTreeMap<String, Vec<String>> {
        self.connected()
            .map(|e| (format!("{}:{}", e.agent.0, e.agent.1), e.roles.clone()))
            .collect()
    }

    pub(crate) fn targets(&self, command: &Command) -> Vec<AgentId> {
        let roles = command.roles.as_deref().unwrap_or_default();
        if roles.is_empty() {
            let asked = |e: &&Entry| is(e.agent.0, command.gid) && is(e.agent.1, command.nid);
            return self.connected().find(asked).map(|e| e.agent).into_iter().collect();
        }
        let any = roles.iter().any(|r| r == "*");
        let mut found: Vec<AgentId> = self
            .connected()
            .filter(|e| command.gid == 0 || is(e.agent.0, command.gid))
            .filter(|e| any || roles.iter().all(|r| e.roles.contains(r)))
            .map(|e| e.agent)
            .collect();
        if !command.fanout && found.len() > 1 {
            found = vec![found[fastrand::usize(..found.len())]];
        }
        found
    }
}

fn is(have: u32, asked: i64) -> bool {
    i64::from(have) == asked
}
