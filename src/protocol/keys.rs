//! The names of the keys that a client reads and writes.

use super::AgentId;

/// Commands for the controller.
pub(crate) const QUEUE: &str = "cmds.queue";

/// How long results live, in seconds, and what a client gives to the key that the controller
/// forgets to expire.
pub(crate) const TTL: u32 = 24 * 60 * 60;

/// Written once a command is routed: from then on the hash holds every target.
pub(crate) fn queued(id: &str) -> String {
    format!("cmd.{id}.queued")
}

/// Hash of `gid:nid` → latest result of that agent.
pub(crate) fn results(id: &str) -> String {
    format!("jobresult:{id}")
}

/// List of the final results of one agent: the truth about "done".
pub(crate) fn result(id: &str, agent: AgentId) -> String {
    format!("cmd.{id}.{}.{}", agent.gid, agent.nid)
}
