//! `acclient_rollout`: a command sent to some agents at a time.

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

/// How a command is sent to many agents in batches. A setter that fails changes nothing.
pub struct acclient_rollout_plan(Handle<Shared<RolloutPlan>>);

opaque!(acclient_rollout_plan: Shared<RolloutPlan>);

/// A command sent to many agents in batches, and the results in order of completion, with one deadline.
/// Holds a connection of the client while a batch is in progress. For one thread at a time.
pub struct acclient_rollout(Handle<RolloutHandle>);

opaque!(acclient_rollout: RolloutHandle);

pub struct RolloutHandle {
    /// Beside the lock, since they do not change.
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

    /// What is not known while another thread waits.
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

/// Makes a plan whose batches have a fixed number of agents.
///
/// agents: number of agents in a batch, above 0.
/// plan: [out] receives the plan; free with acclient_rollout_plan_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_agents(
    agents: i64,
    plan: *mut *mut acclient_rollout_plan,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, plan, |_| Ok(Shared::new(RolloutPlan::agents(count("agents", agents)?))))
}

/// Makes a plan of batches of a percentage of the agents, at least one agent.
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
        // One that is too large for a byte is refused like any above 100.
        let plan = RolloutPlan::percent(u8::try_from(percent).unwrap_or(u8::MAX));
        plan.check()?;
        Ok(Shared::new(plan))
    })
}

/// Sends the command to the next agent as soon as one has answered, so that as many agents as a batch has
/// are at work all the time: a sliding window. A slow agent takes one place of it and does not hold up
/// the others. Default: the next batch is sent when all agents of the last have answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_rollout_plan_set_sliding(
    plan: *mut acclient_rollout_plan,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| { scope.borrow_mut("plan", plan)?.change(|plan| Ok(plan.sliding())) })
}

/// Sends no further command after this many failures: jobs that end in a state other than SUCCESS, and
/// errors of acclient_rollout_next(). Default: never stops.
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

/// Sends the command only to some of the agents, chosen at random. Default: to all of them, in the order
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

/// Sends a command to all agents of its target in batches: the next batch is sent when all agents of the
/// last have answered, and none after too many failures; acclient_rollout_plan_set_sliding() makes the
/// batch a sliding window. Each agent gets a command of its own, whose id acclient_job_id() gives. A
/// target with roles is resolved to the agents that have them now. No command is sent before the first
/// acclient_rollout_next().
///
/// request: for one agent or for all that match, without an id set.
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

/// Waits for the next result, at most until the deadline, and sends the next batch where all agents of
/// the last have answered, or the next commands of a sliding window. A job that failed is a result like
/// any other. Reconnects and retries while Redis is unreachable.
///
/// An error for which acclient_error_is_final() is false is about one agent, and the rollout goes on, as
/// with acclient_results_next(). It also goes on after a command that Redis did not confirm, which may
/// run or not (acclient_error_is_maybe_sent()), but sends no further batch. Any other error is the
/// last: the remaining agents got nothing. Each error counts as a failure.
///
/// job: [out] receives the job, or NULL with ACCLIENT_OK when there is none left, or the rollout is
///   stopped: see acclient_rollout_is_stopped(); free with acclient_job_free().
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

/// Number of agents of the rollout, whether they have got their command yet or not. From any thread.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_agent_count(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| Some(it.agents.len()))
}

/// Reads the agent at an index, of those of the rollout, and returns whether there is one. From any
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

/// Number of agents in a batch, or in the sliding window; the last batch may have fewer. From any
/// thread.
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

/// Reads the agent at an index, of those to which nothing was sent yet, and returns whether there is one.
/// False also while another thread waits.
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
/// handle string. acclient_command_target() gives the agent.
///
/// index: below acclient_rollout_in_flight_count(). Waiting for another result may change which command
///   is at which index.
/// command: [out] receives the command; free with acclient_command_free(). It outlives the rollout, whose
///   deadline and token do not apply to it. For one that Redis did not confirm, acclient_command_cmd()
///   and the other accessors of what was sent return NULL.
/// Errors: ACCLIENT_INVALID_ARGUMENT also for an index beyond the last, and while another thread waits.
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

/// Number of failures so far, among the results and errors that were returned. 0 also while another
/// thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_failures(rollout: Option<&acclient_rollout>) -> usize {
    guard::get(rollout, |it| it.now(Rollout::failures))
}

/// Whether no further batch is sent though there are agents left: after too many failures, after the
/// deadline, or because the rollout was ended. False also while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_is_stopped(rollout: Option<&acclient_rollout>) -> bool {
    guard::get(rollout, |it| it.now(Rollout::is_stopped))
}

/// Frees the rollout and its connection; jobs in progress go on, and no further batch is sent.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_rollout_free(rollout: Option<Box<acclient_rollout>>) {
    guard::free(rollout);
}
