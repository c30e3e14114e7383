//! `acclient_rollout`: a command sent to some agents at a time.

use super::cancel::acclient_cancel;
use super::command::{CommandHandle, acclient_command};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::lock::Single;
use super::request::acclient_request;
use super::status::acclient_status;
use crate::AgentId;
use crate::command::{Rollout, RolloutResults};
use crate::error::{Error, Result};

/// A command sent to many agents in batches, and the results in order of completion, with one deadline.
/// Holds a connection of the client while a batch is in progress. For one thread at a time.
pub struct acclient_rollout(Handle<RolloutHandle>);

opaque!(acclient_rollout: RolloutHandle);

pub struct RolloutHandle {
    /// Beside the lock, since they do not change.
    agents: Vec<AgentId>,
    batch_size: usize,
    results: Single<RolloutResults>,
}

impl RolloutHandle {
    pub(super) fn new(results: RolloutResults) -> Self {
        RolloutHandle {
            agents: results.agents().to_vec(),
            batch_size: results.batch_size(),
            results: Single::new("rollout", results),
        }
    }

    /// What is not known while another thread waits.
    fn now<T>(&self, read: impl FnOnce(&RolloutResults) -> T) -> Option<T> {
        Some(read(&*self.results.lock().ok()?))
    }
}

/// The settings of C, where 0 is not set.
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

/// Sends a command to all agents of its target in batches: the next batch is sent when all agents of the
/// last have answered, and none after too many failures. Each agent gets a command of its own, whose
/// id acclient_job_id() gives. A target with roles is resolved to the agents that have them now. No
/// command is sent before the first acclient_rollout_next().
///
/// request: for one agent or for all that match, without an id set.
/// batch: number of agents in a batch; 0 if percent is set. Exactly one of the two is set.
/// percent: percentage of the agents in a batch, 1 to 100, at least one agent; 0 if batch is set.
/// stop_after: send no further batch after this many failures: jobs that end in a state other than
///   SUCCESS, and errors of acclient_rollout_next(). 0: never stop.
/// sample: only this many of the agents, chosen at random. 0: all of them, in the order of their
///   numbers.
/// timeout_ms: from now, for the whole rollout. This call waits for the controller to list its agents,
///   at most for the default timeout of the client; for one agent it does not block.
/// cancel: ends this call, and all later ones for the rollout. May be freed after this call.
/// rollout: [out] receives the rollout; free with acclient_rollout_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT also for a wait without a timeout for a recurring command,
/// ACCLIENT_NO_SUCH_AGENT where no agent matches, ACCLIENT_UNKNOWN_COMMAND where the controller does not
/// list its agents, ACCLIENT_TIMEOUT where no controller answers; as acclient_request_submit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_rollout(
    request: Option<&acclient_request>,
    batch: i64,
    percent: i64,
    stop_after: i64,
    sample: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel>,
    rollout: *mut *mut acclient_rollout,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, rollout, |scope| {
        let request = scope.borrow("request", request)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        let settings = settings(batch, percent, stop_after, sample)?;
        let results = request.by(request.client().clone()).rollout(settings, wait)?;
        Ok(RolloutHandle::new(results))
    })
}

/// Waits for the next result, at most until the deadline, and sends the next batch where all agents of
/// the last have answered. A job that failed is a result like any other. Reconnects and retries while
/// Redis is unreachable.
///
/// An error for which acclient_error_agent() is true is about that agent, and the rollout goes on, as
/// with acclient_results_next(). It also goes on after a command that Redis did not confirm, which may
/// run or not (acclient_error_is_maybe_sent()), but sends no further batch. Any other error is the
/// last: the remaining agents got nothing. Each error counts as a failure.
///
/// job: [out] receives the job, or NULL with ACCLIENT_OK when there is none left, or the rollout is
///   stopped: see acclient_rollout_is_stopped(); free with acclient_job_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_next(
    rollout: Option<&acclient_rollout>,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let next = scope.borrow("rollout", rollout)?.results.lock()?.next();
        Ok(next.transpose()?.map(JobHandle::new))
    })
}

/// Number of agents of the rollout, whether they have got their command yet or not. From any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_agent_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| Some(it.agents.len()))
}

/// Grid id of the agent at an index, of those of the rollout. From any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_agent_gid(
    rollout: Option<&acclient_rollout>,
    index: usize,
) -> i64 {
    guard::get(rollout, |it| Some(it.agents.get(index)?.gid.into()))
}

/// Node id of the agent at an index, of those of the rollout. From any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_agent_nid(
    rollout: Option<&acclient_rollout>,
    index: usize,
) -> i64 {
    guard::get(rollout, |it| Some(it.agents.get(index)?.nid.into()))
}

/// Number of agents in a batch; the last batch may have fewer. From any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_batch_size(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| Some(it.batch_size))
}

/// Number of agents to which nothing was sent yet; nothing will be unless another result is waited for.
/// 0 also while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_not_started_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(|results| results.not_started().len()))
}

/// Grid id of the agent at an index, of those to which nothing was sent yet. 0 also while another thread
/// waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_not_started_gid(
    rollout: Option<&acclient_rollout>,
    index: usize,
) -> i64 {
    guard::get(rollout, |it| Some(it.now(|it| it.not_started().nth(index))??.gid.into()))
}

/// Node id of the agent at an index; 0 as for acclient_rollout_not_started_gid().
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_not_started_nid(
    rollout: Option<&acclient_rollout>,
    index: usize,
) -> i64 {
    guard::get(rollout, |it| Some(it.now(|it| it.not_started().nth(index))??.nid.into()))
}

/// Number of commands that were sent and whose result was not returned yet. 0 before the first
/// acclient_rollout_next(), once all have answered, and while another thread waits.
///
/// These commands stay available however the rollout has ended, so that they can be killed or found
/// again: an agent that did not answer by the deadline may still run its job, and so may one whose
/// command Redis did not confirm (acclient_error_is_maybe_sent()). A command that was certainly not sent
/// is not among them, nor one whose result cannot be decoded.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_in_flight_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(|results| results.in_flight().len()))
}

/// The command at an index, of those that acclient_rollout_in_flight_count() counts, in the order of
/// their agents: for acclient_command_kill(), acclient_command_retract(), or to find it again by its
/// printed form. acclient_command_target() gives the agent.
///
/// index: below acclient_rollout_in_flight_count(). Waiting for another result may change which command
///   is at which index.
/// command: [out] receives the command; free with acclient_command_free(). It outlives the rollout, whose
///   deadline and token do not apply to it. For one that Redis did not confirm, acclient_command_cmd()
///   and the other accessors of what was sent return NULL.
/// Errors: ACCLIENT_INVALID_ARGUMENT also for an index beyond the last, and while another thread waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_in_flight_command(
    rollout: Option<&acclient_rollout>,
    index: usize,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, command, |scope| {
        let results = scope.borrow("rollout", rollout)?.results.lock()?;
        let count = results.in_flight().len();
        let found = results
            .in_flight()
            .nth(index)
            .ok_or_else(|| Error::invalid(format!("no command {index}: {count} are in flight")))?;
        Ok(CommandHandle::new(&found.session().clone().into(), found.clone()))
    })
}

/// Number of failures so far, among the results and errors that were returned. 0 also while another
/// thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_failures(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(RolloutResults::failures))
}

/// Whether no further batch is sent though there are agents left: after too many failures, after the
/// deadline, or because the rollout was ended. False also while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_is_stopped(rollout: Option<&acclient_rollout>) -> bool {
    guard::get(rollout, |it| it.now(RolloutResults::is_stopped))
}

/// Frees the rollout and its connection; jobs in progress go on, and no further batch is sent.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_free(rollout: Option<Box<acclient_rollout>>) {
    guard::free(rollout);
}
