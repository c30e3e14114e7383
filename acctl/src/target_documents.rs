//! JSON documents for targets: `plan` of a dry run, and `agent`.

use acclient::AgentId;
use serde_json::{Value, json};

use crate::target::Chosen;

/// Document with the target of a dry run, printed before its agents.
pub fn plan(chosen: &Chosen, count: usize) -> Value {
    json!({
        "type": "plan",
        "target": chosen.target.to_string(),
        "as_is": chosen.as_is,
        "count": count,
        "unregistered": chosen.unregistered,
    })
}

/// Document of an agent and its roles; `roles` is null if the agent is not registered.
pub fn agent(agent: AgentId, roles: Option<&[String]>) -> Value {
    json!({ "type": "agent", "agent": agent.to_string(), "roles": roles })
}
