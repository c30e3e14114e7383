//! `acclient_rollout`: a command sent to agents in batches.

use super::cancel_token::acclient_cancel_token;
use super::command::{CommandHandle, acclient_command};
use super::contract::{agent, call};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::lock::{Shared, Single};
use super::request::acclient_request;
use super::status::acclient_status;
use crate::AgentId;
use crate::command::{Rollout, RolloutPlan};
use crate::error::{Error, Result};

/// Plan of a rollout: how a command is sent to many agents in batches. A setter that fails changes
/// nothing.
pub struct acclient_rollout_plan(Handle<Shared<RolloutPlan>>);

opaque!(acclient_rollout_plan: Shared<RolloutPlan>);

/// Rollout: a command sent to many agents in batches, with the results in completion order and one
/// deadline. Holds a connection of the client while a batch is in progress. For one thread at a
/// time, except for functions documented otherwise.
pub struct acclient_rollout(Handle<RolloutHandle>);

opaque!(acclient_rollout: RolloutHandle);

pub struct RolloutHandle {
    /// Outside the lock, since they do not change.
    agents: Vec<AgentId>,
    batch_size: usize,
    results: Single<Rollout>,
}

impl RolloutHandle {
    pub(super) fn new(results: Rollout) -> Self {
        RolloutHandle {
            agents: results.agents().to_vec(),
            batch_size: results.batch_size(),
            results: Single::new("rollout", results),
        }
    }

    /// Reads the rollout, or returns `None` while another thread waits.
    fn now<T>(&self, read: impl FnOnce(&Rollout) -> T) -> Option<T> {
        Some(read(&*self.results.lock().ok()?))
    }
}

fn count(what: &str, number: i64) -> Result<usize> {
    let count = usize::try_from(number).ok().filter(|&count| count > 0);
    count.ok_or_else(|| {
        Error::invalid(format!("invalid {what} {number}: expected a number above zero"))
    })
}

/// Creates a plan with batches of a fixed size.
///
/// agents: the number of agents in a batch, above 0.
/// plan: [out] receives the plan; free with acclient_rollout_plan_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_agents(
    agents: i64,
    plan: *mut *mut acclient_rollout_plan,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, plan, |_| Ok(Shared::new(RolloutPlan::agents(count("agents", agents)?))))
}

/// Creates a plan with batches of a percentage of the agents, at least one agent.
///
/// percent: 1 to 100.
/// plan: [out] receives the plan; free with acclient_rollout_plan_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_percent(
    percent: i64,
    plan: *mut *mut acclient_rollout_plan,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, plan, |_| {
        // A number beyond a byte is rejected like any above 100.
        let plan = RolloutPlan::percent(u8::try_from(percent).unwrap_or(u8::MAX));
        plan.check()?;
        Ok(Shared::new(plan))
    })
}

/// Makes the batch a sliding window: the next agent gets its command as soon as one has answered,
/// so that the window stays full and a slow agent holds up only its own place. Default: the next
/// batch is sent once all agents of the last have answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_set_sliding(
    plan: *mut acclient_rollout_plan,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| { scope.borrow_mut("plan", plan)?.change(|plan| Ok(plan.sliding())) })
}

/// Stops sending commands after a number of failures: jobs that end in a state other than SUCCESS,
/// and errors of acclient_rollout_next(). Default: never stops.
///
/// failures: above 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_set_stop_after(
    plan: *mut acclient_rollout_plan,
    failures: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let failures = count("failures", failures)?;
        scope.borrow_mut("plan", plan)?.change(|plan| Ok(plan.stop_after(failures)))
    })
}

/// Sends the command only to a number of agents chosen at random. Default: all agents, in the order
/// of their numbers.
///
/// agents: above 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_set_sample(
    plan: *mut acclient_rollout_plan,
    agents: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let agents = count("agents", agents)?;
        scope.borrow_mut("plan", plan)?.change(|plan| Ok(plan.sample(agents)))
    })
}

/// Frees the plan; rollouts made with it are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_plan_free(plan: Option<Box<acclient_rollout_plan>>) {
    guard::free(plan);
}

/// Starts a rollout of a command to all agents of its target: the next batch is sent once all
/// agents of the last have answered, and none after too many failures. With
/// acclient_rollout_plan_set_sliding() the batch is a sliding window. Each agent gets a separate
/// command, whose id acclient_job_id() returns. A target with roles is resolved to the agents that
/// have them now. No command is sent before the first acclient_rollout_next().
///
/// request: for one agent or all matching agents, without an id set.
/// timeout_ms: for the whole rollout. This call blocks, for the client's default timeout at most,
///   until the controller has listed its agents; for one agent it does not block.
/// cancel: also ends all later calls for the rollout. May be freed after this call.
/// rollout: [out] receives the rollout; free with acclient_rollout_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a recurring command without a timeout,
/// ACCLIENT_NO_SUCH_AGENT if no agent matches, ACCLIENT_UNKNOWN_COMMAND if the controller does not
/// list its agents, ACCLIENT_TIMEOUT if no controller answers; as acclient_request_submit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_rollout(
    request: Option<&acclient_request>,
    plan: Option<&acclient_rollout_plan>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    rollout: *mut *mut acclient_rollout,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, rollout, |scope| {
        let request = scope.borrow("request", request)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        let plan = scope.borrow("plan", plan)?.get();
        let results = request.by(request.client().clone()).rollout(plan, wait)?;
        Ok(RolloutHandle::new(results))
    })
}

/// Waits for the next result, until the deadline at most, and sends the next batch, or the next
/// commands of a sliding window, when due. Reconnects and retries while Redis is unreachable. A
/// failed job is a result, not an error.
///
/// An error for which acclient_error_is_final() is false concerns one agent, and the rollout
/// continues, as with acclient_results_next(). Results also continue after a command that Redis did
/// not confirm (acclient_error_is_maybe_sent()), but no further batch is sent. Any other error is
/// the last, and nothing was sent to the remaining agents. Each error counts as a failure.
///
/// job: [out] receives the job, or NULL with ACCLIENT_OK if there are no more or the rollout has
///   stopped, see acclient_rollout_is_stopped(); free with acclient_job_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_next(
    rollout: *mut acclient_rollout,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let next = scope.borrow_mut("rollout", rollout)?.results.lock()?.next();
        Ok(next.transpose()?.map(JobHandle::new))
    })
}

/// Returns the number of agents of the rollout, started or not. Callable from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_agent_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| Some(it.agents.len()))
}

/// Reads the agent of the rollout at an index. Returns false if there is none. Callable from any
/// thread.
///
/// gid, nid: [out] receive the agent, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_agent(
    rollout: Option<&acclient_rollout>,
    index: usize,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    agent!(rollout, gid, nid, |it| it.agents.get(index).copied())
}

/// Returns the number of agents in a batch or in the sliding window; the last batch may have fewer.
/// Callable from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_batch_size(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| Some(it.batch_size))
}

/// Returns the number of agents to which nothing was sent yet. Nothing is sent to them unless
/// another result is waited for. 0 while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_not_started_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(|results| results.not_started().len()))
}

/// Reads the agent at an index among those to which nothing was sent yet. Returns false if there is
/// none, and while another thread waits.
///
/// gid, nid: [out] receive the agent, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_not_started(
    rollout: Option<&acclient_rollout>,
    index: usize,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    agent!(rollout, gid, nid, |it| it.now(|results| results.not_started().nth(index))?)
}

/// Returns the number of commands in flight: sent, with a result that was not returned yet. 0
/// before the first acclient_rollout_next(), once all agents have answered, and while another
/// thread waits.
///
/// In-flight commands stay available after the rollout has ended, to be killed or looked up again:
/// an agent that did not answer by the deadline may still run its job, and so may one whose command
/// Redis did not confirm (acclient_error_is_maybe_sent()). Commands that were certainly not sent,
/// or whose result cannot be decoded, are not included.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_in_flight_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(|results| results.in_flight().len()))
}

/// Returns the in-flight command at an index, in the order of agents: for acclient_command_kill(),
/// for acclient_command_retract(), or for its handle string. acclient_command_target() returns the
/// agent.
///
/// index: below acclient_rollout_in_flight_count(). Waiting for another result may change the
///   indexes.
/// command: [out] receives the command; free with acclient_command_free(). It outlives the rollout,
///   whose deadline and token do not apply to it. If Redis did not confirm the command,
///   acclient_command_cmd() and the other accessors of what was sent return NULL.
/// Errors: ACCLIENT_INVALID_ARGUMENT for an index out of range, and while another thread waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_in_flight(
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

/// Returns the number of failures among the results and errors returned so far. 0 while another
/// thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_failures(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(Rollout::failures))
}

/// Returns whether sending has stopped although agents are left: after too many failures, after the
/// deadline, or because the rollout was ended. False while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_is_stopped(rollout: Option<&acclient_rollout>) -> bool {
    guard::get(rollout, |it| it.now(Rollout::is_stopped))
}

/// Frees the rollout and its connection; running jobs continue, and no further batch is sent.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_free(rollout: Option<Box<acclient_rollout>>) {
    guard::free(rollout);
}
