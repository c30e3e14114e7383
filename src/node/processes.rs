//! The processes that an agent runs, and what each uses.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::Answer;
use super::answer::{ask_one, ask_rows};
#[cfg(doc)]
use crate::client::Client;
use crate::engine::Session;
use crate::error::Result;
use crate::protocol::{AgentId, Contents, record, shown};

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
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ProcessStats {
    /// The command that it runs, as JSON; `null` for a process that is not a job.
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
    pub debug: String,
    /// Fields unknown to this version, and those that could not be read, as they stand in the answer; their
    /// fields above are zero or empty.
    pub extra: Map<String, Value>,
}

record!(ProcessStats { cmd, cpu, rss, vms, swap, debug; extra });

impl Serialize for ProcessStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let ProcessStats { cmd, cpu, rss, vms, swap, debug, extra } = self;
        let fields = [
            ("cmd", json!(cmd)),
            ("cpu", json!(cpu)),
            ("rss", json!(rss)),
            ("vms", json!(vms)),
            ("swap", json!(swap)),
            ("debug", json!(debug)),
        ];
        shown(fields, extra).serialize(serializer)
    }
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
    ask_rows(session, agent, CMD, &query.to_json())
}

pub(crate) fn aggregated_stats(session: &Session, agent: AgentId) -> Result<Answer<ProcessStats>> {
    ask_one(session, agent, "get_aggregated_stats", "")
}
