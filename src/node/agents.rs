//! The agents that the controller knows, and the liveness check of one.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::answer::left_out;
use crate::engine::{Session, ask};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Fields, JobResult, Target, beginning};

/// The agents that the controller knows at this moment, and their roles.
pub(crate) fn list(session: &Session) -> Result<BTreeMap<AgentId, Vec<String>>> {
    let question = Contents::of_controller("list_agents", "");
    read(&ask::ask(session, Target::controller(), question)?)
}

/// The agents of an answer to `list_agents`.
pub(crate) fn read(answer: &JobResult) -> Result<BTreeMap<AgentId, Vec<String>>> {
    let text = answer.json_text()?;
    let mut agents = BTreeMap::new();
    if text.trim() == "null" {
        return Ok(agents);
    }
    let fields = Fields::parse(&text).map_err(|error| {
        let error = Error::new(ErrorKind::Protocol, format!("unexpected JSON: {error}"));
        error.asked(|| "list_agents".to_owned())
    })?;
    let mut unreadable = 0;
    for (agent, roles) in fields.into_iter() {
        match agent.parse::<AgentId>() {
            Ok(agent) => _ = agents.insert(agent, read_roles(roles)),
            Err(_) => unreadable += 1,
        }
    }
    left_out(answer, unreadable);
    Ok(agents)
}

/// The agents among those that the controller knows at this moment that a target means, and their roles.
pub(crate) fn matching(
    session: &Session,
    target: &Target,
) -> Result<BTreeMap<AgentId, Vec<String>>> {
    let mut agents = list(session)?;
    agents.retain(|agent, roles| target.matches(*agent, roles));
    Ok(agents)
}

/// The agents that get what is sent to a target at this moment: those that it lists, whether they are known or not,
/// or those that match.
pub(crate) fn meant(session: &Session, target: &Target) -> Result<Vec<AgentId>> {
    if !target.agent_ids().is_empty() {
        return Ok(target.agent_ids().to_vec());
    }
    let agents: Vec<AgentId> = matching(session, target)?.into_keys().collect();
    match agents.is_empty() {
        true => Err(nobody(&target.in_words())),
        false => Ok(agents),
    }
}

/// The error of a target that means no agent. It repeats the beginning of the target, which may have thousands of
/// terms.
pub(crate) fn nobody(target: &str) -> Error {
    let target = beginning(target, 200);
    Error::new(ErrorKind::NoSuchAgent, format!("no agent matches: {target}"))
}

/// The roles of an agent, without what is not a string.
fn read_roles(json: &RawValue) -> Vec<String> {
    let roles = serde_json::from_str::<Vec<&RawValue>>(json.get()).unwrap_or_default();
    roles.iter().filter_map(|role| serde_json::from_str(role.get()).ok()).collect()
}

/// Asks an agent for `pong`.
pub(crate) fn ping(session: &Session, agent: AgentId) -> Result<()> {
    let answer = ask::ask(session, agent.into(), Contents::of("ping", ""))?;
    match answer.json::<String>()?.as_str() {
        "pong" => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            format!("unexpected answer of agent {agent} to ping: expected \"pong\""),
        )),
    }
}
