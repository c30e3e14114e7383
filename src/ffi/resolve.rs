//! Resolving expressions and targets to agents.

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

/// Resolves an expression over agents to a target.
///
/// Explicit agents, and roles that are all required, become a target without a request. For any
/// other expression the call asks the controller for its agents, as acclient_client_list_agents()
/// does, and returns a target that lists agents. Explicit agents are included even if they are not
/// registered; ranges, patterns and "not" select registered agents.
///
/// expression: terms combined by "or", "and", "not" (in increasing precedence) and parentheses.
///   "1:1-20,25,2:*" is agents by number, with ranges ("-") and patterns ("*", "?"). "all", "any"
///   and "role=cpu,storage@1" are as in acclient_target_parse(); "any" cannot be combined. "@web"
///   is a group of the named instance that the client was created from: a string in its table
///   "groups".
/// target: [out] receives the target; free with acclient_target_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a syntax error or an unknown or invalid group,
/// ACCLIENT_NO_SUCH_AGENT if no agent matches; as acclient_client_list_agents().
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

/// Lists the registered agents that a target selects: rows as in acclient_client_list_agents().
/// Listed agents that the controller does not know are omitted, so there may be no rows. For a
/// target made by acclient_target_any(), these are all agents that the controller chooses from.
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

/// Counts the commands that the controller has routed to agents and the agents have not fetched: a
/// row for each agent, with the fields "gid", "nid" and "waiting". Reads Redis only. Agents whose
/// key "cmds:<gid>:<nid>" the Redis user may not read are omitted.
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
