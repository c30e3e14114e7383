use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
