//! `acclient_progress`: how far a command got; and taking it back.

use std::ffi::{CStr, c_char};

use super::cancel::acclient_cancel;
use super::client::bounded;
use super::command::acclient_command;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text;
use crate::AgentId;
use crate::command::{Progress, Stage};

/// In the queue: no controller has taken it. acclient_command_retract() takes it back.
pub const ACCLIENT_STAGE_IN_QUEUE: i32 = 1;
/// Routed to the agent, which has not fetched it: it is away, or has enough to do.
pub const ACCLIENT_STAGE_ROUTED: i32 = 2;
/// The agent runs it.
pub const ACCLIENT_STAGE_RUNNING: i32 = 3;
/// There is a result.
pub const ACCLIENT_STAGE_DONE: i32 = 4;
/// It was submitted, and nobody has it any more: a controller took it and ended before it was routed,
/// or the job ended while the controller was down, which loses its result for good.
pub const ACCLIENT_STAGE_LOST: i32 = 5;
/// Nothing is known of it, and it is not known whether it was ever submitted; or the agent that was
/// running it does not answer.
pub const ACCLIENT_STAGE_UNKNOWN: i32 = 6;

fn number(stage: Stage) -> i32 {
    match stage {
        Stage::InQueue => ACCLIENT_STAGE_IN_QUEUE,
        Stage::Routed => ACCLIENT_STAGE_ROUTED,
        Stage::Running => ACCLIENT_STAGE_RUNNING,
        Stage::Done => ACCLIENT_STAGE_DONE,
        Stage::Lost => ACCLIENT_STAGE_LOST,
        Stage::Unknown => ACCLIENT_STAGE_UNKNOWN,
    }
}

/// The name of a stage, like "in queue"; "unknown stage" for a number that is none. Never NULL, valid
/// for ever, from any thread. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_stage_name(stage: i32) -> *const c_char {
    let name: &CStr = match stage {
        ACCLIENT_STAGE_IN_QUEUE => c"in queue",
        ACCLIENT_STAGE_ROUTED => c"routed",
        ACCLIENT_STAGE_RUNNING => c"running",
        ACCLIENT_STAGE_DONE => c"done",
        ACCLIENT_STAGE_LOST => c"lost",
        ACCLIENT_STAGE_UNKNOWN => c"unknown",
        _ => c"unknown stage",
    };
    name.as_ptr()
}

/// How far a command got, as a whole and agent by agent, in the order of agents. Any number of threads
/// may read it.
pub struct acclient_progress {
    handle: Handle<ProgressHandle>,
}

opaque!(acclient_progress: ProgressHandle);

pub struct ProgressHandle {
    stage: Stage,
    agents: Vec<(AgentId, Stage)>,
}

impl From<Progress> for ProgressHandle {
    fn from(progress: Progress) -> Self {
        let Progress { stage, agents } = progress;
        ProgressHandle { stage, agents: agents.into_iter().collect() }
    }
}

/// How far a command got, on each agent, as well as can be found out: reads what Redis has, looks
/// through the queue, and asks the agents that are said to run it whether they do.
///
/// command: not NULL.
/// timeout_ms: milliseconds; agents that do not answer within that are ACCLIENT_STAGE_UNKNOWN. Below 0
///   for ever, where agents have the client's own time; 0 is refused.
/// cancel: ends the call early; may be NULL.
/// progress: gets it; the caller frees it with acclient_progress_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread, also while another one waits with the command. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_PROTOCOL for a result that cannot be read, and those of
/// acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_progress(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    progress: *mut *mut acclient_progress,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(progress);
        guard::call(error, |scope| {
            guard::check_place("progress", progress)?;
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            guard::give(progress, command.known().progress(wait)?.into());
            Ok(())
        })
    }
}

/// Takes a command back if no controller has taken it yet: then it never ran, and never will. Looks for
/// exactly what was pushed, or, where it was not sent by this program, through the queue for its id.
///
/// command: not NULL.
/// timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// retracted: gets whether it was still in the queue; false: it may run or have run. May be NULL.
/// error: gets the error; may be NULL.
/// From any thread, also while another one waits with the command. Blocks.
/// Errors: ACCLIENT_MAYBE_SENT where the connection broke as it was taken back, and it is not known
/// whether it was; ACCLIENT_INVALID_ARGUMENT; those of acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_retract(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    retracted: *mut bool,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        if !retracted.is_null() {
            retracted.write(false);
        }
        guard::call(error, |scope| {
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let reference =
                command.known().with_client(bounded(command.client(), timeout_ms, cancel)?);
            let was_in_queue = match command.sent() {
                Some(sent) => {
                    // With what was pushed, by the handle of the client for this call.
                    let mut sent = sent.clone();
                    *sent = reference;
                    sent.retract()?
                }
                None => reference.retract()?,
            };
            if !retracted.is_null() {
                retracted.write(was_in_queue);
            }
            Ok(())
        })
    }
}

/// How far the command got as a whole: one of ACCLIENT_STAGE_... As long as no agent is known, it is in
/// the queue, lost or unknown; then that of the agent that is least far. 0 for NULL. Later versions may
/// add some. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_stage(progress: *const acclient_progress) -> i32 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(progress, 0, |it| Some(number(it.stage))) }
}

/// How many agents the command went to, as far as it is known. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_count(progress: *const acclient_progress) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(progress, 0, |it| Some(it.agents.len())) }
}

/// The grid of the agent at an index. 0 beyond the last, for NULL, and where no agent matched a target,
/// which the agent 0:0 stands for. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_gid(
    progress: *const acclient_progress,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(progress, 0, |it| Some(it.agents.get(index)?.0.gid.into())) }
}

/// The number of the agent at an index, in its grid; 0 as for acclient_progress_gid(). Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_nid(
    progress: *const acclient_progress,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(progress, 0, |it| Some(it.agents.get(index)?.0.nid.into())) }
}

/// How far the command got on the agent at an index: one of ACCLIENT_STAGE_... 0 beyond the last, and
/// for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_stage_at(
    progress: *const acclient_progress,
    index: usize,
) -> i32 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(progress, 0, |it| Some(number(it.agents.get(index)?.1))) }
}

/// Frees it. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_free(progress: *mut acclient_progress) {
    // SAFETY: NULL or a value that nobody uses any more, by contract with C.
    unsafe { guard::free(progress) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of numbers. A line of it may be added, never changed.
    const TABLE: &[(i32, Stage)] = &[
        (1, Stage::InQueue),
        (2, Stage::Routed),
        (3, Stage::Running),
        (4, Stage::Done),
        (5, Stage::Lost),
        (6, Stage::Unknown),
    ];

    #[test]
    fn numbers_are_those_of_the_table_and_named_alike() {
        for (count, stage) in TABLE {
            assert_eq!(*count, number(*stage));
            // SAFETY: a NUL-terminated text that lives for ever.
            let name = unsafe { CStr::from_ptr(acclient_stage_name(*count)) }.to_str().unwrap();
            assert_eq!(name.replace(' ', ""), format!("{stage:?}").to_lowercase());
        }
        for none in [i32::MIN, 0, 7] {
            // SAFETY: as above.
            assert_eq!(unsafe { CStr::from_ptr(acclient_stage_name(none)) }, c"unknown stage");
        }
    }
}
