//! `acclient_rollout`: a command sent to some agents at a time.

use std::sync::{Mutex, MutexGuard, TryLockError};

use super::cancel::acclient_cancel;
use super::command::{CommandHandle, acclient_command};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::request::acclient_request;
use super::status::acclient_status;
use super::text;
use crate::AgentId;
use crate::command::{Rollout, RolloutResults};
use crate::error::{Error, Result};

/// A command on its way to many agents, some at a time, and the results in order of completion, within
/// one deadline. It holds a connection of the client while a batch is under way. One thread may use it
/// at a time.
pub struct acclient_rollout {
    handle: Handle<RolloutHandle>,
}

opaque!(acclient_rollout: RolloutHandle);

pub struct RolloutHandle {
    /// Beside the lock, since they stay as they are.
    agents: Vec<AgentId>,
    batch_size: usize,
    results: Mutex<RolloutResults>,
}

impl RolloutHandle {
    pub(super) fn new(results: RolloutResults) -> Self {
        RolloutHandle {
            agents: results.agents().to_vec(),
            batch_size: results.batch_size(),
            results: Mutex::new(results),
        }
    }

    /// A second thread must not wait here, where no deadline could end it.
    fn lock(&self) -> Result<MutexGuard<'_, RolloutResults>> {
        match self.results.try_lock() {
            Ok(results) => Ok(results),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(Error::invalid("a rollout is in use by another thread"))
            }
        }
    }
}

/// The settings of C. What is 0 there is not set.
fn settings(batch: i64, percent: i64, stop_after: i64, sample: i64) -> Result<Rollout> {
    let number = |what: &str, number: i64| {
        usize::try_from(number).map_err(|_| Error::invalid(format!("{what} is {number}")))
    };
    let mut rollout = match (number("batch", batch)?, number("percent", percent)?) {
        (0, 0) => return Err(Error::invalid("neither batch nor percent is set")),
        (batch, 0) => Rollout::agents(batch),
        // One that is too large for a byte is refused like any above 100.
        (0, percent) => Rollout::percent(u8::try_from(percent).unwrap_or(u8::MAX)),
        (_, _) => return Err(Error::invalid("both batch and percent are set")),
    };
    if stop_after != 0 {
        rollout = rollout.stop_after(number("stop_after", stop_after)?);
    }
    if sample != 0 {
        rollout = rollout.sample(number("sample", sample)?);
    }
    Ok(rollout)
}

/// Sends a command to all agents of its target, some at a time: the next batch begins when all of the
/// last have answered, and none where too many have failed. Each agent gets a command of its own, whose
/// id acclient_job_id() tells. A target with roles means the agents that have them now. Nothing is sent
/// before the first acclient_rollout_next().
///
/// request: not NULL; for one agent or for all that match, without an id of your own.
/// batch: so many agents at a time; 0 where percent says it.
/// percent: so many per cent of the agents at a time, 1 to 100, and one agent at least; 0 where batch
///   says it. One of the two is set.
/// stop_after: begins no other batch after so many failures: jobs that end in another state than
///   SUCCESS, and errors that acclient_rollout_next() gives. 0: never stops.
/// sample: only so many of the agents, chosen at random. 0: all of them, in the order of their numbers.
/// timeout_ms: milliseconds from now for all of it; below 0 for ever, 0 is refused.
/// cancel: ends this call, and all later ones for the rollout; may be NULL. It need not outlive this
///   call.
/// rollout: gets the rollout, which the caller frees with acclient_rollout_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks until the controller has said which agents there are, within timeout_ms and
/// the client's own time; for one agent it does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command),
/// ACCLIENT_NO_SUCH_AGENT where no agent matches, ACCLIENT_UNKNOWN_COMMAND from a controller that does
/// not tell its agents, ACCLIENT_TIMEOUT where none answers, and those of acclient_request_submit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_rollout(
    request: *const acclient_request,
    batch: i64,
    percent: i64,
    stop_after: i64,
    sample: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    rollout: *mut *mut acclient_rollout,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(rollout);
        guard::call(error, |scope| {
            guard::check_place("rollout", rollout)?;
            let request = scope.borrow("request", request)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            let settings = settings(batch, percent, stop_after, sample)?;
            let results = request.by(request.client().clone()).rollout(settings, wait)?;
            guard::give(rollout, RolloutHandle::new(results));
            Ok(())
        })
    }
}

/// Waits for the next result, and sends the next batch where all of the last have answered. A job that
/// failed is a result like any other. While Redis is away it is tried again until the deadline.
///
/// An error for which acclient_error_agent() is true is about that agent, and the rollout goes on, as
/// with acclient_results_next(). So does a command that Redis did not confirm, and that may run or not
/// (acclient_error_is_maybe_sent()), but no other batch begins beside it. Any other error is the last:
/// the agents that are left got nothing. Each error is a failure.
///
/// rollout: not NULL.
/// job: gets the job, which the caller frees with acclient_job_free(); NULL with ACCLIENT_OK when
///   there is none left, or the rollout is stopped: see acclient_rollout_is_stopped(). Not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time. Blocks until the deadline of the rollout at most.
/// Errors: those above, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE,
/// ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER, ACCLIENT_SYSTEM,
/// ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_next(
    rollout: *const acclient_rollout,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(job);
        guard::call(error, |scope| {
            guard::check_place("job", job)?;
            if let Some(found) = scope.borrow("rollout", rollout)?.lock()?.next() {
                guard::give(job, JobHandle::new(found?));
            }
            Ok(())
        })
    }
}

/// How many agents it is for, whether they have got their command yet or not. 0 for NULL. From any
/// thread. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_agent_count(rollout: *const acclient_rollout) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.agents.len())) }
}

/// The grid of the agent at an index, of those that it is for. 0 beyond the last, and for NULL. From any
/// thread. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_agent_gid(
    rollout: *const acclient_rollout,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.agents.get(index)?.gid.into())) }
}

/// The number of the agent at an index, in its grid; 0 as for acclient_rollout_agent_gid(). From any
/// thread. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_agent_nid(
    rollout: *const acclient_rollout,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.agents.get(index)?.nid.into())) }
}

/// How many agents get the command at a time; the last batch may have fewer. 0 for NULL. From any
/// thread. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_batch_size(rollout: *const acclient_rollout) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.batch_size)) }
}

/// How many agents are left to which nothing was sent, and is not if nobody asks for another result. 0
/// for NULL, and while another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_not_started_count(
    rollout: *const acclient_rollout,
) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.lock().ok()?.not_started().len())) }
}

/// The grid of the agent at an index, of those whose turn has not come. 0 beyond the last, for NULL,
/// and while another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_not_started_gid(
    rollout: *const acclient_rollout,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe {
        guard::read(rollout, 0, |it| Some(it.lock().ok()?.not_started().nth(index)?.gid.into()))
    }
}

/// The number of the agent at an index, in its grid; 0 as for acclient_rollout_not_started_gid(). Does
/// not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_not_started_nid(
    rollout: *const acclient_rollout,
    index: usize,
) -> i64 {
    // SAFETY: NULL or live, by contract with C.
    unsafe {
        guard::read(rollout, 0, |it| Some(it.lock().ok()?.not_started().nth(index)?.nid.into()))
    }
}

/// How many commands were sent and have no result yet among those that were taken. 0 before the first
/// acclient_rollout_next(), once all have answered, for NULL, and while another thread waits. Does not
/// block.
///
/// Whatever has ended the rollout, it goes on telling them, so that they can be killed or come back to:
/// an agent that did not answer by the deadline may still be at work, and so may one whose command Redis
/// did not confirm (acclient_error_is_maybe_sent()). A command that surely was not sent is not among
/// them, and neither is one whose result cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_in_flight_count(
    rollout: *const acclient_rollout,
) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.lock().ok()?.in_flight().len())) }
}

/// The command at an index, of those that acclient_rollout_in_flight_count() counts, in the order of
/// their agents: for acclient_command_kill(), acclient_command_retract(), or to come back to by its
/// printed form. acclient_command_target() tells the agent.
///
/// rollout: not NULL.
/// index: below acclient_rollout_in_flight_count(). Taking another result may change which command
///   stands where.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL. It
///   outlives the rollout, and neither its time nor its token ends calls of the command. One that Redis
///   did not confirm does not tell what was sent (acclient_command_cmd() and the like).
/// error: gets the error; may be NULL.
/// One thread at a time. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, also for an index beyond the last, and while another thread
/// waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_in_flight_command(
    rollout: *const acclient_rollout,
    index: usize,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(command);
        guard::call(error, |scope| {
            guard::check_place("command", command)?;
            let results = scope.borrow("rollout", rollout)?.lock()?;
            let count = results.in_flight().len();
            let found = results.in_flight().nth(index).ok_or_else(|| {
                Error::invalid(format!("no command {index}: {count} are in flight"))
            })?;
            guard::give(command, CommandHandle::new(found.client(), found.clone()));
            Ok(())
        })
    }
}

/// How many have failed so far, among the results and errors that were taken. 0 for NULL, and while
/// another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_failures(rollout: *const acclient_rollout) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, 0, |it| Some(it.lock().ok()?.failures())) }
}

/// Whether it begins no other batch, though there are agents left: since so many have failed, or its
/// time is over, or it was ended. False for NULL, and while another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_is_stopped(rollout: *const acclient_rollout) -> bool {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(rollout, false, |it| Some(it.lock().ok()?.is_stopped())) }
}

/// Frees the rollout and its connection; jobs that have begun go on, and no other batch begins. NULL is
/// a no-op. Does not block, unless it holds the last of a client that was freed: see
/// acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_free(rollout: *mut acclient_rollout) {
    // SAFETY: NULL or a rollout that nobody uses any more, by contract with C.
    unsafe { guard::free(rollout) };
}
