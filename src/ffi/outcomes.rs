//! `acclient_outcomes`: answers of many agents to one request.

use std::ffi::c_char;

use serde::Serialize;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::client::acclient_client;
use super::command::acclient_command;
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::queries::{msg_query, process_query};
use super::status::acclient_status;
use crate::AgentId;
use crate::error::Result;
use crate::job::{Outcome, Outcomes};

/// The agent has answered.
pub const ACCLIENT_OUTCOME_DONE: i32 = 1;
/// The job was over already; the agent was not asked.
pub const ACCLIENT_OUTCOME_OVER: i32 = 2;
/// The agent gave no answer in time, or refused.
pub const ACCLIENT_OUTCOME_FAILED: i32 = 3;

/// Outcome of a kill, stats or messages request on each agent of a command, in the order of agents.
pub struct acclient_outcomes(Handle<OutcomesHandle>);

opaque!(acclient_outcomes: OutcomesHandle);

pub struct OutcomesHandle(Vec<(AgentId, What)>);

enum What {
    Done(Box<acclient_answer>),
    Over(Box<acclient_job>),
    Failed(Box<acclient_error>),
}

impl OutcomesHandle {
    fn new<T: Serialize>(outcomes: Outcomes<T>) -> Result<Self> {
        let one = |(agent, outcome): (AgentId, Outcome<T>)| {
            let what = match outcome {
                Outcome::Done(value) => What::Done(Box::new(AnswerHandle::of(&value)?.into())),
                Outcome::Over(job) => What::Over(Box::new(JobHandle::new(job).into())),
                Outcome::Failed(error) => What::Failed(Box::new(error.into())),
            };
            Ok((agent, what))
        };
        Ok(OutcomesHandle(outcomes.into_iter().map(one).collect::<Result<_>>()?))
    }

    fn what(&self, index: usize) -> Option<&What> {
        self.0.get(index).map(|(_, what)| what)
    }
}

/// Kills a command as acclient_command_kill() does, with an outcome for each agent.
///
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives the outcomes, whose answers are only "true"; free with
///   acclient_outcomes_free().
/// Errors: ACCLIENT_TIMEOUT where no controller has routed the command; as acclient_request_submit().
/// An error of one agent is in its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_kill_everywhere(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let command = scope.borrow("command", command)?.bounded(scope, (timeout_ms, cancel))?;
        let outcomes = command.kill()?;
        OutcomesHandle::new(outcomes)
    })
}

/// Reads what a running command uses, on each agent: answers with the fields "cpu" (per cent), "rss",
/// "vms", "swap" (bytes), "cmd" and "debug". Parameters and errors as
/// acclient_command_kill_everywhere().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_stats(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let command = scope.borrow("command", command)?.bounded(scope, (timeout_ms, cancel))?;
        OutcomesHandle::new(command.get_stats()?)
    })
}

/// Reads what a command has logged, on each agent: answers with a row for each message, newest first,
/// with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". levels, limit, from_ms
/// and to_ms as in acclient_client_get_msgs(), for each agent; other parameters and errors as
/// acclient_command_kill_everywhere().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_msgs(
    command: Option<&acclient_command>,
    levels: *const c_char,
    limit: u32,
    from_ms: i64,
    to_ms: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let command = scope.borrow("command", command)?.bounded(scope, (timeout_ms, cancel))?;
        let query = msg_query(scope, levels, limit, (from_ms, to_ms))?;
        OutcomesHandle::new(command.get_msgs(&query)?)
    })
}

/// Reads the jobs that every agent of every grid is running: answers as those of
/// acclient_client_get_processes().
///
/// domain, name: only jobs started with these; may be NULL for all.
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
/// Errors: as acclient_request_submit(). An error of one agent is in its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_all_processes(
    client: Option<&acclient_client>,
    domain: *const c_char,
    name: *const c_char,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        OutcomesHandle::new(client.get_all_processes(&process_query(scope, domain, name)?)?)
    })
}

/// Number of agents.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_count(outcomes: Option<&acclient_outcomes>) -> usize {
    guard::get(outcomes, |it| Some(it.0.len()))
}

/// Grid id of the agent at an index.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_gid(outcomes: Option<&acclient_outcomes>, index: usize) -> i64 {
    guard::get(outcomes, |it| Some(it.0.get(index)?.0.gid.into()))
}

/// Node id of the agent at an index.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_nid(outcomes: Option<&acclient_outcomes>, index: usize) -> i64 {
    guard::get(outcomes, |it| Some(it.0.get(index)?.0.nid.into()))
}

/// The kind of outcome at an index: one of ACCLIENT_OUTCOME_...
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_kind(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> i32 {
    guard::get(outcomes, |it| {
        Some(match it.what(index)? {
            What::Done(_) => ACCLIENT_OUTCOME_DONE,
            What::Over(_) => ACCLIENT_OUTCOME_OVER,
            What::Failed(_) => ACCLIENT_OUTCOME_FAILED,
        })
    })
}

/// The answer of the agent at an index; borrowed. NULL unless the kind is ACCLIENT_OUTCOME_DONE.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_answer(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> *const acclient_answer {
    guard::part(outcomes, |it| match it.what(index)? {
        What::Done(answer) => Some(&**answer),
        _ => None,
    })
}

/// The job of the agent at an index; borrowed. NULL unless the kind is ACCLIENT_OUTCOME_OVER.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_job(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> *const acclient_job {
    guard::part(outcomes, |it| match it.what(index)? {
        What::Over(job) => Some(&**job),
        _ => None,
    })
}

/// Why the agent at an index gave no answer; borrowed. NULL unless the kind is
/// ACCLIENT_OUTCOME_FAILED.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_error(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> *const acclient_error {
    guard::part(outcomes, |it| match it.what(index)? {
        What::Failed(error) => Some(&**error),
        _ => None,
    })
}

/// Frees the outcomes.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_free(outcomes: Option<Box<acclient_outcomes>>) {
    guard::free(outcomes);
}
