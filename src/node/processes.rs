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

/// Resource usage of a process of an agent, as the agent measures it.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for process in client.get_processes((1, 1), &ProcessQuery::new())?.iter() {
///     println!("{}: {} % CPU, {} bytes", process.cmd["id"], process.cpu, process.rss);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ProcessStats {
    /// The command that it runs, as JSON; `null` for a process that is not a job.
    #[serde(default)]
    pub cmd: Value,
    /// CPU usage in per cent of one processor.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Virtual memory in bytes.
    pub vms: u64,
    /// Swapped memory in bytes.
    pub swap: u64,
    /// Text for people: today's agents write the process id.
    #[serde(default)]
    pub debug: String,
    /// Fields unknown to this version.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Query of the jobs that an agent is running; see [`Client::get_processes`].
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
    /// All jobs.
    pub fn new() -> Self {
        ProcessQuery::default()
    }

    /// Only jobs started with this domain in their run arguments.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Only jobs started with this name in their run arguments: for `execute`, the program.
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
