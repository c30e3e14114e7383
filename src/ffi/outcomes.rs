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
use crate::job::{KillResult, Outcome, Outcomes};

/// The agent answered.
pub const ACCLIENT_OUTCOME_DONE: i32 = 1;
/// The job had already ended; the agent was not asked.
pub const ACCLIENT_OUTCOME_OVER: i32 = 2;
/// The agent refused or did not answer in time.
pub const ACCLIENT_OUTCOME_FAILED: i32 = 3;

/// The job has ended and its result is available. Its state is "KILLED", or another one if the job
/// ended before the kill reached it.
pub const ACCLIENT_KILL_ENDED: i32 = 1;
/// The agent has killed the process, now or by an earlier kill, but the job has not ended: a
/// process that it started still holds the job's output. The result follows when that process ends.
pub const ACCLIENT_KILL_ORDERED: i32 = 2;

/// The number of a [`KillResult`].
pub(super) fn kill_number(kill: KillResult) -> i32 {
    match kill {
        KillResult::Ended => ACCLIENT_KILL_ENDED,
        KillResult::Ordered => ACCLIENT_KILL_ORDERED,
    }
}

/// Returns the name of a kill result: "ended" or "ordered"; "unknown kill" for any other number.
/// Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_kill_name(kill: i32) -> *const c_char {
    let name: &CStr = match kill {
        ACCLIENT_KILL_ENDED => c"ended",
        ACCLIENT_KILL_ORDERED => c"ordered",
        _ => c"unknown kill",
    };
    name.as_ptr()
}

/// Outcome of a kill, stats or messages request on each agent of a command, ordered by agent.
pub struct acclient_outcomes(Handle<OutcomesHandle>);

opaque!(acclient_outcomes: OutcomesHandle);

pub struct OutcomesHandle(Vec<(AgentId, What)>);

enum What {
    Killed(KillResult, Box<acclient_answer>),
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

    fn of_kill(outcomes: Outcomes<KillResult>) -> Result<Self> {
        let kills = outcomes.values().map(|outcome| match outcome {
            Outcome::Done(kill) => Some(*kill),
            _ => None,
        });
        let kills: Vec<_> = kills.collect();
        let OutcomesHandle(each) = OutcomesHandle::new(outcomes)?;
        let with = |((agent, what), kill)| match (what, kill) {
            (What::Done(answer), Some(kill)) => (agent, What::Killed(kill, answer)),
            (what, _) => (agent, what),
        };
        Ok(OutcomesHandle(each.into_iter().zip(kills).map(with).collect()))
    }

    fn what(&self, index: usize) -> Option<&What> {
        self.0.get(index).map(|(_, what)| what)
    }
}

/// Kills the job on every agent that runs it. Sends nothing to an agent whose job has ended or is
/// ending after an earlier kill.
///
/// An agent sends SIGKILL to the process that it started and to no other. Children of that process
/// continue to run, and KILLED is reported when the last of them has closed the job's output;
/// output after the kill is discarded. The script of a "bash" command is a child of that process, so it runs
/// to its end; see acclient_request_set_killable(). A kill does not reach a job that waits in a
/// queue of the agent or for a full agent.
///
/// An agent never answers a second kill of a job that is still ending, and that kill occupies one
/// of its 100 job slots until it restarts. So this function asks the agent first, and sets the key
/// cmd.<id>.killed.<gid>.<nid> for 24 hours, from which later calls in any process learn of the
/// kill.
///
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
///   acclient_outcomes_kill() returns whether a job has ended; the answer is the name of that
///   result.
/// Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target; ACCLIENT_TIMEOUT
/// if no controller has routed the command; as acclient_request_submit(). Errors of single agents
/// are in their outcomes, and acclient_outcomes_failure() returns the first: ACCLIENT_NOT_RUNNING
/// if the agent does not run the job; ACCLIENT_TIMEOUT for an agent that is down, stopped or full;
/// ACCLIENT_NO_SUCH_AGENT for a listed agent that the controller does not know.
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
        OutcomesHandle::of_kill(command.kill()?)
    })
}

/// Reads the resource usage of a running command on each agent: answers with the fields "cpu"
/// (percent), "rss", "vms", "swap" (bytes), "cmd" and "debug". For "bash" it covers the shell that
/// runs the script, without the script. Parameters and errors as acclient_command_kill(); the
/// outcome of an agent that does not run the job is ACCLIENT_JOB_FAILED.
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

/// Reads the log of a command on each agent: answers with a row for each message, newest first,
/// with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Other parameters
/// and errors as acclient_command_kill().
///
/// query: the messages to return from each agent; may be NULL for the defaults of
///   acclient_msg_query_new().
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
/// query: the jobs to return; may be NULL for all.
/// timeout_ms: for the agents to answer.
/// outcomes: [out] receives the outcomes; free with acclient_outcomes_free().
/// Errors: as acclient_request_submit(). Errors of single agents are in their outcomes.
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

/// Returns the number of agents.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_count(outcomes: Option<&acclient_outcomes>) -> usize {
    guard::get(outcomes, |it| Some(it.0.len()))
}

/// Reads the agent at an index. Returns false if there is none.
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

/// Returns the name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any
/// other number. Never NULL, never freed.
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

/// Returns the error of the first agent that failed; NULL if none failed. Borrowed.
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

/// Returns the kind of the outcome at an index: one of ACCLIENT_OUTCOME_...
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_kind(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> i32 {
    guard::get(outcomes, |it| {
        Some(match it.what(index)? {
            What::Done(_) | What::Killed(..) => ACCLIENT_OUTCOME_DONE,
            What::Over(_) => ACCLIENT_OUTCOME_OVER,
            What::Failed(_) => ACCLIENT_OUTCOME_FAILED,
        })
    })
}

/// Returns the kill result at an index: one of ACCLIENT_KILL_...; 0 unless these are the outcomes
/// of a kill and the kind is ACCLIENT_OUTCOME_DONE.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_kill(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> i32 {
    guard::get(outcomes, |it| match it.what(index)? {
        What::Killed(kill, _) => Some(kill_number(*kill)),
        _ => None,
    })
}

/// Returns the answer of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_DONE.
/// Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_outcomes_answer(
    outcomes: Option<&acclient_outcomes>,
    index: usize,
) -> *const acclient_answer {
    guard::part(outcomes, |it| match it.what(index)? {
        What::Done(answer) | What::Killed(_, answer) => Some(&**answer),
        _ => None,
    })
}

/// Returns the job of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_OVER.
/// Borrowed.
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

/// Returns the error of the agent at an index; NULL unless the kind is ACCLIENT_OUTCOME_FAILED.
/// Borrowed.
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
