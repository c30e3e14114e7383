//! `acclient_results`.

use std::os::fd::AsRawFd;
use std::task::Poll;

use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::command::acclient_command;
use super::contract::{call, contract};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::lock::Single;
use super::status::acclient_status;
use crate::command::Results;
use crate::engine::WaitMethod;
use crate::error::Result;

/// Blocking command on the last pending list.
pub const ACCLIENT_WAIT_BLOCKING: i32 = 1;
/// Push notifications for the lists that were read (client-side tracking).
pub const ACCLIENT_WAIT_TRACKING: i32 = 2;
/// Push notifications for all lists of the command (client-side tracking in broadcast mode).
pub const ACCLIENT_WAIT_BROADCAST: i32 = 3;
/// Polling all lists, with an interval of 40 ms.
pub const ACCLIENT_WAIT_POLLING: i32 = 4;

/// Results of one or more commands in completion order, with one deadline. Holds a connection of
/// the client until it is exhausted or freed. For one thread at a time.
pub struct acclient_results(Handle<Single<Results>>);

opaque!(acclient_results: Single<Results>);

/// Iterates over the results that the command handle has not returned yet; results returned by the
/// iterator do not count as returned by the command handle. Sends nothing and does not block.
///
/// timeout_ms: for all results together.
/// cancel: also ends all later waits for a result. May be freed after this call.
/// results: [out] receives the results; free with acclient_results_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a recurring command without a timeout.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_results(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    results: *mut *mut acclient_results,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, results, |scope| {
        let command = scope.borrow("command", command)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        let results = command.command().lock()?.results(wait)?;
        Ok(Single::new("results", results))
    })
}

/// Iterates over the results of several commands, each once; acclient_job_id() returns the
/// command's id. Other parameters and errors as acclient_command_results().
///
/// commands, commands_count: the commands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_wait_any(
    client: Option<&acclient_client>,
    commands: *const Option<&acclient_command>,
    commands_count: usize,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    results: *mut *mut acclient_results,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, results, |scope| {
        let client = scope.borrow("client", client)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        let commands = scope.borrow_all("commands", commands, commands_count)?.into_iter();
        let commands = commands.map(|it| Ok(it.command().lock()?.clone()));
        let results = client.wait_any(commands.collect::<Result<Vec<_>>>()?, wait)?;
        Ok(Single::new("results", results))
    })
}

/// Waits for the next result, until the deadline at most. A failed job is a result, not an error.
///
/// An error for which acclient_error_is_final() is true ends the iteration. Any other concerns one
/// agent, see acclient_error_agent(), or one command, and more results may follow.
///
/// job: [out] receives the job, or NULL with ACCLIENT_OK if there are no more; free with
///   acclient_job_free().
/// Errors: ACCLIENT_TIMEOUT after the deadline, once for each agent that did not answer and for
/// each command that no controller has routed; ACCLIENT_PROTOCOL for a result that cannot be
/// decoded; ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_next(
    results: *mut acclient_results,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let next = scope.borrow_mut("results", results)?.lock()?.next();
        Ok(next.transpose()?.map(JobHandle::new))
    })
}

/// Returns the next result if it is available, for programs with an event loop. Blocks for a round
/// trip to Redis, and to connect, for up to one second each. Errors as acclient_results_next().
///
/// job: [out] receives the job, or NULL with ACCLIENT_OK if none is available now or there are no
///   more; free with acclient_job_free().
/// pending: [out] receives whether more results may follow: call again when
///   acclient_results_poll_fd() is readable, after acclient_results_poll_ms() at the latest. May be
///   NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_poll_next(
    results: *mut acclient_results,
    job: *mut *mut acclient_job,
    pending: *mut bool,
    error: *mut *mut acclient_error,
) -> acclient_status {
    contract!().write(pending, false);
    call!(error, job, |scope| {
        let next = scope.borrow_mut("results", results)?.lock()?.poll_next();
        Ok(match next {
            Poll::Ready(next) => next.transpose()?.map(JobHandle::new),
            Poll::Pending => {
                contract!().write(pending, true);
                None
            }
        })
    })
}

/// Returns the descriptor that becomes readable when a result may be available; poll it for reading
/// only. It may change with each call of acclient_results_poll_next(). -1 without a connection, and
/// while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_results_poll_fd(results: Option<&acclient_results>) -> i32 {
    let fd = guard::get(results, |it| Some(it.lock().ok()?.poll_fd().map(|fd| fd.as_raw_fd())));
    fd.unwrap_or(-1)
}

/// Returns how many milliseconds to wait for acclient_results_poll_fd() before calling
/// acclient_results_poll_next() anyway, to poll, reconnect or report the deadline. 0 once all
/// results were returned, and while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_results_poll_ms(results: Option<&acclient_results>) -> i64 {
    guard::get(results, |it| {
        let timeout = it.lock().ok()?.poll_timeout();
        // Rounded up, so that the program does not call too early.
        i64::try_from(timeout.as_nanos().div_ceil(1_000_000)).ok()
    })
}

/// Returns the number of agents that have not answered, as far as the agents of the commands are
/// known. 0 while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_results_remaining(results: Option<&acclient_results>) -> usize {
    guard::get(results, |it| Some(it.lock().ok()?.remaining()))
}

/// Returns how results are waited for: one of ACCLIENT_WAIT_... 0 before the first wait, after the
/// last result, and while another thread waits.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_results_method(results: Option<&acclient_results>) -> i32 {
    guard::get(results, |it| {
        Some(match it.lock().ok()?.method()? {
            WaitMethod::Blocking => ACCLIENT_WAIT_BLOCKING,
            WaitMethod::Tracking => ACCLIENT_WAIT_TRACKING,
            WaitMethod::Broadcast => ACCLIENT_WAIT_BROADCAST,
            WaitMethod::Polling => ACCLIENT_WAIT_POLLING,
        })
    })
}

/// Frees the results and their connection; the jobs continue to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_results_free(results: Option<Box<acclient_results>>) {
    guard::free(results);
}
