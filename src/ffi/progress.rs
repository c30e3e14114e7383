//! `acclient_progress`: progress of a command; and retracting it.

use std::ffi::{CStr, c_char};

use super::cancel_token::acclient_cancel_token;
use super::command::acclient_command;
use super::contract::{agent, call};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use crate::AgentId;
use crate::command::{Progress, Stage};

/// In the queue; no controller has taken it. acclient_command_retract() can remove it.
pub const ACCLIENT_STAGE_IN_QUEUE: i32 = 1;
/// Routed to the agent but not fetched by it: the agent is down, stopped or full (100 jobs).
pub const ACCLIENT_STAGE_ROUTED: i32 = 2;
/// Running on the agent, waiting for its next run, or ending after a kill.
pub const ACCLIENT_STAGE_RUNNING: i32 = 3;
/// Completed; the result is available.
pub const ACCLIENT_STAGE_DONE: i32 = 4;
/// Submitted, but no result can follow: a controller took the command and exited before routing it,
/// the job ended while the controller was down, or the agent has restarted since.
pub const ACCLIENT_STAGE_LOST: i32 = 5;
/// Unknown, for one of these reasons. Redis has no trace of the command, which may never have been
/// submitted. The controller that may have taken it from the queue does not answer. The agent that
/// fetched it does not answer: it is down, stopped or full (100 jobs), or Redis refuses writes. Or
/// the agent does not run it, and the handle (by id alone) does not tell whether it waits in a
/// queue of the agent.
pub const ACCLIENT_STAGE_UNKNOWN: i32 = 6;
/// Fetched by the agent and waiting behind another job of the same queue; see
/// acclient_run_args_set_queue(). A kill does not reach it, and it is lost if the agent dies. Comes
/// between ACCLIENT_STAGE_ROUTED and ACCLIENT_STAGE_RUNNING.
pub const ACCLIENT_STAGE_QUEUED_ON_AGENT: i32 = 7;

fn number(stage: Stage) -> i32 {
    match stage {
        Stage::InQueue => ACCLIENT_STAGE_IN_QUEUE,
        Stage::Routed => ACCLIENT_STAGE_ROUTED,
        Stage::QueuedOnAgent => ACCLIENT_STAGE_QUEUED_ON_AGENT,
        Stage::Running => ACCLIENT_STAGE_RUNNING,
        Stage::Done => ACCLIENT_STAGE_DONE,
        Stage::Lost => ACCLIENT_STAGE_LOST,
        Stage::Unknown => ACCLIENT_STAGE_UNKNOWN,
    }
}

/// Returns the name of a stage, like "in queue"; "unknown stage" for any other number. Never NULL,
/// never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_stage_name(stage: i32) -> *const c_char {
    let name: &CStr = match stage {
        ACCLIENT_STAGE_IN_QUEUE => c"in queue",
        ACCLIENT_STAGE_ROUTED => c"routed",
        ACCLIENT_STAGE_QUEUED_ON_AGENT => c"queued on agent",
        ACCLIENT_STAGE_RUNNING => c"running",
        ACCLIENT_STAGE_DONE => c"done",
        ACCLIENT_STAGE_LOST => c"lost",
        ACCLIENT_STAGE_UNKNOWN => c"unknown",
        _ => c"unknown stage",
    };
    name.as_ptr()
}

/// Progress of a command, as a whole and on each agent, ordered by agent.
pub struct acclient_progress(Handle<ProgressHandle>);

opaque!(acclient_progress: ProgressHandle);

pub struct ProgressHandle {
    stage: Stage,
    agents: Vec<(AgentId, Stage)>,
    redis_lost_data: bool,
}

impl From<Progress> for ProgressHandle {
    fn from(progress: Progress) -> Self {
        let Progress { stage, agents, redis_lost_data } = progress;
        ProgressHandle { stage, agents: agents.into_iter().collect(), redis_lost_data }
    }
}

/// Determines the progress of a command on each agent: reads Redis, searches the queue, and asks
/// the agents that have fetched the command whether they run it. Agents do not list jobs that wait
/// in their queues. If the command has a queue and the agent lists no job of it, this function
/// therefore sends a "ping" through the same queue. Listed agents that the controller does not know
/// are omitted. May be called while another thread waits with the command.
///
/// timeout_ms: agents that do not answer by the deadline are ACCLIENT_STAGE_UNKNOWN. Without a
///   timeout, agents have the client's default timeout to answer.
/// progress: [out] receives the progress; free with acclient_progress_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
/// for a result that cannot be decoded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_progress(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    progress: *mut *mut acclient_progress,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, progress, |scope| {
        let command = scope.borrow("command", command)?;
        let progress = command.known().progress(scope.wait_above_zero((timeout_ms, cancel))?)?;
        Ok(ProgressHandle::from(progress))
    })
}

/// Removes a command from the queue if no controller has taken it, so that it never runs. Removes
/// exactly what was pushed; for a command that this program did not send, searches the queue for
/// its id. May be called while another thread waits with the command.
///
/// retracted: [out] receives whether the command was removed; if false, it may run or have run. May
///   be NULL.
/// Errors: ACCLIENT_MAYBE_SENT if the connection was lost meanwhile: the command may or may not
/// have been removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_retract(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    retracted: *mut bool,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, retracted, |scope| {
        let command = scope.borrow("command", command)?;
        let client = scope.bounded(command.client(), (timeout_ms, cancel))?;
        command.known().by(client.session().clone()).retract()
    })
}

/// Returns the stage of the command as a whole: one of ACCLIENT_STAGE_...; later versions may add
/// more. While no agent is known it is in queue, lost or unknown; otherwise it is the earliest
/// stage of any agent. If a controller exited or is slow before it has routed the command to all
/// agents with its roles, the stage of the rest (lost or unknown) counts too.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_progress_stage(progress: Option<&acclient_progress>) -> i32 {
    guard::get(progress, |it| Some(number(it.stage)))
}

/// Returns the number of agents that the command is known to have been routed to.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_progress_count(progress: Option<&acclient_progress>) -> usize {
    guard::get(progress, |it| Some(it.agents.len()))
}

/// Reads the agent at an index. Returns false if there is none.
///
/// gid, nid: [out] receive the agent, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_progress_agent(
    progress: Option<&acclient_progress>,
    index: usize,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    agent!(progress, gid, nid, |it| Some(it.agents.get(index)?.0))
}

/// Returns the stage of the agent at an index: one of ACCLIENT_STAGE_...
#[unsafe(no_mangle)]
pub extern "C" fn acclient_progress_stage_at(
    progress: Option<&acclient_progress>,
    index: usize,
) -> i32 {
    guard::get(progress, |it| Some(number(it.agents.get(index)?.1)))
}

/// Returns whether Redis has lost its data since it confirmed the command. The command may still
/// run: agents named by the target are asked, and any other stage is ACCLIENT_STAGE_UNKNOWN. Always
/// false if the user may not run INFO server, and for a command looked up by its id or handle
/// string.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_progress_redis_lost_data(progress: Option<&acclient_progress>) -> bool {
    guard::get(progress, |it| Some(it.redis_lost_data))
}

/// Frees the progress.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_progress_free(progress: Option<Box<acclient_progress>>) {
    guard::free(progress);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the ABI: lines may be added, never changed.
    const TABLE: &[(i32, Stage)] = &[
        (1, Stage::InQueue),
        (2, Stage::Routed),
        (3, Stage::Running),
        (4, Stage::Done),
        (5, Stage::Lost),
        (6, Stage::Unknown),
        (7, Stage::QueuedOnAgent),
    ];

    #[test]
    fn stages_keep_their_numbers_and_names() {
        for (count, stage) in TABLE {
            assert_eq!(*count, number(*stage));
            // SAFETY: a NUL-terminated static text.
            let name = unsafe { CStr::from_ptr(acclient_stage_name(*count)) }.to_str().unwrap();
            assert_eq!(name.replace(' ', ""), format!("{stage:?}").to_lowercase());
        }
        for none in [i32::MIN, 0, 8] {
            // SAFETY: as above.
            assert_eq!(unsafe { CStr::from_ptr(acclient_stage_name(none)) }, c"unknown stage");
        }
    }
}
