//! Which agents an expression or a target means at this moment.

use std::collections::BTreeMap;
use std::ffi::c_char;

use serde_json::json;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::call;
use super::error::acclient_error;
use super::status::acclient_status;
use super::target::{TargetHandle, acclient_target};
use crate::error::{Error, Result};
use crate::protocol::AgentId;

/// Rows of agents and their roles.
pub(super) fn with_roles(agents: BTreeMap<AgentId, Vec<String>>) -> Result<AnswerHandle> {
    let row = |(agent, roles): (AgentId, Vec<String>)| json!({ "gid": agent.gid, "nid": agent.nid, "roles": roles });
    AnswerHandle::of(&agents.into_iter().map(row).collect::<Vec<_>>())
}

/// Resolves an expression over agents to the target that it means at this moment.
///
/// Agents that are written out, and roles that all have to be there, become a target without asking anybody. For
/// all else, this asks the controller for its agents, as acclient_client_list_agents() does, and makes a target that
/// lists agents. An agent that is written out is in the target even if it is not registered; ranges, patterns and
/// "not" mean registered agents.
///
/// expression: "1:1-20,25,2:*" for agents by their numbers, where a range has "-" and a pattern "*" or "?";
///   "all", "any", "role=cpu,storage@1" as in acclient_target_parse(); "@web" for a group of the named instance that
///   the client was made from, which is a string in its table "groups"; combined by "or", "and", "not" (which bind
///   tighter in this order) and parentheses. "any" cannot be combined.
/// target: [out] receives the target; free with acclient_target_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a syntax error and a group that does not exist or is invalid,
/// ACCLIENT_NO_SUCH_AGENT where nobody is meant; as acclient_client_list_agents().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_resolve(
    client: Option<&acclient_client>,
    expression: *const c_char,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let target = client.resolve(scope.name("expression", expression)?)?;
        Ok(TargetHandle::parsed(target))
    })
}

/// Lists the agents that a target means at this moment, of those that the controller knows: rows as in
/// acclient_client_list_agents(). Agents that the target lists and the controller does not know are left out, so
/// that there may be no rows. For acclient_target_any(), all agents that the controller would choose from.
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: as acclient_client_list_agents().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_matching_agents(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let target = scope.borrow("target", target)?.target();
        with_roles(client.matching_agents(&target)?)
    })
}

/// Counts the commands that wait for agents: the controller has routed them, and the agent has not fetched them. A
/// row for each agent, with the fields "gid", "nid" and "waiting". Reads them from Redis without asking the
/// controller or an agent. Agents of which the user of Redis may not read the key "cmds:<gid>:<nid>" are left out.
///
/// target: one agent or a list of agents.
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a target with roles; as acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_waiting_commands(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let target = scope.borrow("target", target)?.target();
        if target.agent_ids().is_empty() {
            let message = format!("invalid target \"{target}\": expected one agent or a list");
            return Err(Error::invalid(message));
        }
        let waiting = client.waiting_commands(target.agent_ids().iter().copied())?;
        let row = |(agent, waiting): (AgentId, u64)| json!({ "gid": agent.gid, "nid": agent.nid, "waiting": waiting });
        AnswerHandle::of(&waiting.into_iter().map(row).collect::<Vec<_>>())
    })
}
