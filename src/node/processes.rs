//! The processes that an agent runs, and what each uses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Answer;
use super::answer::ask_agent;
#[cfg(doc)]
use crate::client::Client;
use crate::engine::Session;
use crate::error::Result;
use crate::protocol::{AgentId, Contents};

/// What a process of an agent uses, as the agent measures it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct ProcessStats {
    /// The command that it runs, as JSON; `null` for what is no job.
    #[serde(default)]
    pub cmd: Value,
    /// Use of the processor, in per cent of one.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub rss: u64,
    /// Virtual memory, in bytes.
    pub vms: u64,
    /// Swapped memory, in bytes.
    pub swap: u64,
    /// What the agent adds for people: its process id, on today's agents.
    #[serde(default)]
    pub debug: String,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Which processes of an agent are wanted; see [`Client::get_processes`].
///
/// ```
/// use acclient::ProcessQuery;
/// let all = ProcessQuery::new();
/// let backups = ProcessQuery::new().domain("backup").name("rsync");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessQuery {
    domain: Option<String>,
    name: Option<String>,
}

impl ProcessQuery {
    /// All of them.
    pub fn new() -> Self {
        ProcessQuery::default()
    }

    /// Those that were started with this domain among their run arguments.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Those that were started with this name: for `execute`, the program.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn to_json(&self) -> String {
        json!({ "domain": self.domain, "name": self.name }).to_string()
    }
}

const CMD: &str = "get_processes_stats";

/// The question that [`processes`] asks.
pub(crate) fn question(query: &ProcessQuery) -> Contents {
    Contents::of(CMD, query.to_json())
}

pub(crate) fn processes(
    session: &Session,
    agent: AgentId,
    query: &ProcessQuery,
) -> Result<Answer<Vec<ProcessStats>>> {
    ask_agent(session, agent, CMD, &query.to_json())
}

pub(crate) fn aggregated_stats(session: &Session, agent: AgentId) -> Result<Answer<ProcessStats>> {
    ask_agent(session, agent, "get_aggregated_stats", "")
}
