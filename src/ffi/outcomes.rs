//! `acclient_outcomes`: answers of many agents to one request.

use std::ffi::{CStr, c_char};

use serde::Serialize;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::command::acclient_command;
use super::contract::{agent, call};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::query::{acclient_msg_query, acclient_process_query, msg_query, process_query};
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

/// Kills the job on every agent that runs it, with all its processes, and returns once the agents have
/// accepted the order; the results, usually KILLED, follow. Where the job is over, nothing is asked.
///
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives an outcome for each agent, whose answers are only "true"; free with
///   acclient_outcomes_free().
/// Errors: ACCLIENT_TIMEOUT where no controller has routed the command; as acclient_request_submit().
/// An error of one agent is in its outcome: ACCLIENT_TIMEOUT for an agent that is away, or busy with an
/// earlier kill of the same job; acclient_outcomes_failure() returns the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_kill(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
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
/// acclient_command_kill().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_stats(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let command = scope.borrow("command", command)?.bounded(scope, (timeout_ms, cancel))?;
        OutcomesHandle::new(command.get_stats()?)
    })
}

/// Reads what a command has logged, on each agent: answers with a row for each message, newest first,
/// with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Other parameters and
/// errors as acclient_command_kill().
///
/// query: which messages of each agent; may be NULL for the defaults of acclient_msg_query_new().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_msgs(
    command: Option<&acclient_command>,
    query: Option<&acclient_msg_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let command = scope.borrow("command", command)?.bounded(scope, (timeout_ms, cancel))?;
        OutcomesHandle::new(command.get_msgs(&msg_query(scope, query)?)?)
    })
}

/// Reads the jobs that every agent of every grid is running: answers as those of
/// acclient_client_get_processes().
///
/// query: which jobs; may be NULL for all.
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
/// Errors: as acclient_request_submit(). An error of one agent is in its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_all_processes(
    client: Option<&acclient_client>,
    query: Option<&acclient_process_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, outcomes, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        OutcomesHandle::new(client.get_all_processes(&process_query(scope, query)?)?)
    })
}

/// Number of agents.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_count(outcomes: Option<&acclient_outcomes>) -> usize {
    guard::get(outcomes, |it| Some(it.0.len()))
}

/// Reads the agent at an index, and returns whether there is one.
///
/// gid, nid: [out] receive the agent, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_agent(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    agent!(outcomes, gid, nid, |it| Some(it.0.get(index)?.0))
}

/// Name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any other number. Never
/// NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcome_name(kind: i32) -> *const c_char {
    let name: &CStr = match kind {
        ACCLIENT_OUTCOME_DONE => c"done",
        ACCLIENT_OUTCOME_OVER => c"over",
        ACCLIENT_OUTCOME_FAILED => c"failed",
        _ => c"unknown outcome",
    };
    name.as_ptr()
}

/// Why the first agent that failed gave no answer; borrowed. NULL where none has failed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_failure(
    outcomes: Option<&acclient_outcomes>,
) -> *const acclient_error {
    guard::part(outcomes, |it| {
        it.0.iter().find_map(|(_, what)| match what {
            What::Failed(error) => Some(&**error),
            _ => None,
        })
    })
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
