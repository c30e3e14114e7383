//! `acclient_outcomes`.

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::command::acclient_command;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::queries::{msg_query, process_query};
use super::status::acclient_status;
use crate::command::CommandRef;
use crate::error::Result;
use crate::job::{Outcome, Outcomes};
use std::ffi::c_char;

/// The agent has answered.
pub const ACCLIENT_OUTCOME_DONE: i32 = 1;
/// The job was over already; nothing was asked.
pub const ACCLIENT_OUTCOME_OVER: i32 = 2;
/// The agent gave no answer in time, or refused.
pub const ACCLIENT_OUTCOME_FAILED: i32 = 3;

/// What came of a question to every agent that a command went to, in the order of agents. Any number
/// of threads may read it.
pub struct acclient_outcomes {
    handle: Handle<OutcomesHandle>,
}

opaque!(acclient_outcomes: OutcomesHandle);

pub struct OutcomesHandle(Vec<One>);

struct One {
    gid: u32,
    nid: u32,
    what: What,
}

enum What {
    Done(acclient_answer),
    Over(Box<acclient_job>),
    Failed(*mut acclient_error),
}

impl Drop for One {
    fn drop(&mut self) {
        if let What::Failed(error) = self.what {
            // SAFETY: made by acclient_error::boxed() and owned by this value alone.
            unsafe { guard::free(error) };
        }
    }
}

impl OutcomesHandle {
    fn new<T>(outcomes: Outcomes<T>, json: impl Fn(T) -> String) -> Result<Self> {
        let one = |(agent, outcome): (crate::AgentId, Outcome<T>)| {
            let what = match outcome {
                Outcome::Done(value) => What::Done(AnswerHandle::new(json(value))?.into()),
                Outcome::Over(job) => What::Over(Box::new(JobHandle::new(job).into())),
                Outcome::Failed(error) => What::Failed(acclient_error::boxed(error)),
            };
            Ok(One { gid: agent.gid, nid: agent.nid, what })
        };
        Ok(OutcomesHandle(outcomes.into_iter().map(one).collect::<Result<_>>()?))
    }
}

/// Asks the agents of a command.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn ask<T>(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
    question: impl FnOnce(&CommandRef) -> Result<Outcomes<T>>,
    json: impl Fn(T) -> String,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(outcomes);
        guard::call(error, |scope| {
            guard::check_place("outcomes", outcomes)?;
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let client = bounded(command.client(), timeout_ms, cancel)?;
            let reference = command.lock()?.with_client(client);
            guard::give(outcomes, OutcomesHandle::new(question(&reference)?, json)?);
            Ok(())
        })
    }
}

/// As acclient_command_kill(), with what came of it for each agent.
///
/// command: not NULL.
/// timeout_ms: milliseconds for the agents to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// outcomes: gets them, with no answers of interest; the caller frees them with
///   acclient_outcomes_free(); not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time for the command. Blocks.
/// Errors: ACCLIENT_TIMEOUT where no controller has routed the command; those of
/// acclient_request_submit(). What is about one agent is in its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_kill_everywhere(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    let json = |()| "true".to_owned();
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask(command, timeout_ms, cancel, outcomes, error, CommandRef::kill, json) }
}

/// What a command uses at this moment, on each agent: answers with the fields "cpu" (per cent), "rss",
/// "vms", "swap" (bytes), "cmd" and "debug". Parameters and errors as
/// acclient_command_kill_everywhere().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_stats(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    let json = |stats| serde_json::to_string(&stats).unwrap_or_default();
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask(command, timeout_ms, cancel, outcomes, error, CommandRef::get_stats, json) }
}

/// What a command has logged, on each agent: answers with a row for each message, newest first, with
/// the fields "data", "level", "epoch" (milliseconds since 1970) and "id". Parameters and errors as
/// acclient_command_kill_everywhere(), and:
///
/// levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
/// limit: at most so many messages of each agent, 1 to 1000.
/// from_ms, to_ms: logged between these times, in milliseconds since 1970; below 0 is no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_get_msgs(
    command: *const acclient_command,
    levels: *const c_char,
    limit: u32,
    from_ms: i64,
    to_ms: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    let json = |messages| serde_json::to_string(&messages).unwrap_or_default();
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        let query = msg_query(levels, limit, from_ms, to_ms);
        let question = |command: &CommandRef| command.get_msgs(&query?);
        ask(command, timeout_ms, cancel, outcomes, error, question, json)
    }
}

/// The jobs that every agent of every grid runs at this moment: answers as
/// acclient_client_get_processes() gives them.
///
/// client: not NULL.
/// domain, name: only processes started with these; NULL for all.
/// timeout_ms: milliseconds for the agents to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// outcomes: gets them; the caller frees them with acclient_outcomes_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_submit(). What is about one agent is in its outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_all_processes(
    client: *const acclient_client,
    domain: *const c_char,
    name: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    outcomes: *mut *mut acclient_outcomes,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(outcomes);
        guard::call(error, |scope| {
            guard::check_place("outcomes", outcomes)?;
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let query = process_query(domain, name)?;
            let found = bounded(client, timeout_ms, cancel)?.get_all_processes(&query)?;
            let json = |list| serde_json::to_string(&list).unwrap_or_default();
            guard::give(outcomes, OutcomesHandle::new(found, json)?);
            Ok(())
        })
    }
}

/// How many agents there are outcomes of. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_count(outcomes: *const acclient_outcomes) -> usize {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe { guard::read(outcomes, 0, |it| Some(it.0.len())) }
}

/// Grid id of the agent at an index; 0 beyond the last, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_gid(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe { guard::read(outcomes, 0, |it| Some(it.0.get(index)?.gid.into())) }
}

/// Node id of the agent at an index; 0 beyond the last, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_nid(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe { guard::read(outcomes, 0, |it| Some(it.0.get(index)?.nid.into())) }
}

/// What came of it for the agent at an index: one of the numbers ACCLIENT_OUTCOME_...; 0 beyond the
/// last, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_kind(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> i32 {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe {
        guard::read(outcomes, 0, |it| {
            Some(match it.0.get(index)?.what {
                What::Done(_) => ACCLIENT_OUTCOME_DONE,
                What::Over(_) => ACCLIENT_OUTCOME_OVER,
                What::Failed(_) => ACCLIENT_OUTCOME_FAILED,
            })
        })
    }
}

/// The answer of the agent at an index, borrowed until the outcomes are freed; NULL unless it is
/// ACCLIENT_OUTCOME_DONE. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_answer(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> *const acclient_answer {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe {
        guard::read(outcomes, std::ptr::null(), |it| match &it.0.get(index)?.what {
            What::Done(answer) => Some(std::ptr::from_ref(answer)),
            _ => None,
        })
    }
}

/// The job of the agent at an index, borrowed until the outcomes are freed; NULL unless it is
/// ACCLIENT_OUTCOME_OVER. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_job(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> *const acclient_job {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe {
        guard::read(outcomes, std::ptr::null(), |it| match &it.0.get(index)?.what {
            What::Over(job) => Some(std::ptr::from_ref(&**job)),
            _ => None,
        })
    }
}

/// Why the agent at an index gave no answer, borrowed until the outcomes are freed; NULL unless it
/// is ACCLIENT_OUTCOME_FAILED. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_error(
    outcomes: *const acclient_outcomes,
    index: usize,
) -> *const acclient_error {
    // SAFETY: NULL or live outcomes, by contract with C.
    unsafe {
        guard::read(outcomes, std::ptr::null(), |it| match it.0.get(index)?.what {
            What::Failed(error) => Some(error.cast_const()),
            _ => None,
        })
    }
}

/// Frees outcomes and all that was borrowed from them. NULL is a no-op. Blocks only where they hold
/// the last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_outcomes_free(outcomes: *mut acclient_outcomes) {
    // SAFETY: NULL or outcomes that nobody uses any more, by contract with C.
    unsafe { guard::free(outcomes) };
}
