//! `acclient_collected`: all results of one command.

use super::cancel_token::acclient_cancel_token;
use super::command::{CommandHandle, acclient_command};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::request::acclient_request;
use super::status::acclient_status;
use crate::client::Client;
use crate::command::Collected;

/// Results and errors of a command, as collected by acclient_request_run_all().
pub struct acclient_collected(Handle<CollectedHandle>);

opaque!(acclient_collected: CollectedHandle);

pub struct CollectedHandle {
    command: acclient_command,
    jobs: Vec<acclient_job>,
    errors: Vec<acclient_error>,
    stopped: bool,
}

impl CollectedHandle {
    fn new(client: &Client, collected: Collected) -> Self {
        let Collected { command, jobs, errors, stopped } = collected;
        CollectedHandle {
            command: CommandHandle::new(client, command).into(),
            jobs: jobs.into_iter().map(|job| JobHandle::new(job).into()).collect(),
            errors: errors.into_iter().map(acclient_error::from).collect(),
            stopped,
        }
    }
}

/// Sends a command and waits for the results of all its agents. A failed job is a result, not an
/// error; an agent without a result by the deadline is an error.
///
/// stop_at_failure: return at the first agent that fails, by a job that ends in a state other than
///   SUCCESS or by an error. Results received so far are kept; the other jobs are not killed.
/// collected: [out] receives the results; free with acclient_collected_free().
/// Errors: as acclient_request_submit(). Once the command is sent, the call returns ACCLIENT_OK and
/// failures are in acclient_collected_error(); an error that ended the wait for all agents is the
/// last of them and names no agent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_run_all(
    request: Option<&acclient_request>,
    stop_at_failure: bool,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    collected: *mut *mut acclient_collected,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, collected, |scope| {
        let request = scope.borrow("request", request)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        let builder = request.by(request.client().clone());
        let all = match stop_at_failure {
            true => builder.run_until_failure(wait)?,
            false => builder.run_all(wait)?,
        };
        Ok(CollectedHandle::new(request.client(), all))
    })
}

/// Returns the command, for waiting for missing results: it does not return the collected ones
/// again. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_command(
    collected: Option<&acclient_collected>,
) -> *const acclient_command {
    guard::part(collected, |it| Some(&it.command))
}

/// Returns the number of jobs.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_job_count(collected: Option<&acclient_collected>) -> usize {
    guard::get(collected, |it| Some(it.jobs.len()))
}

/// Returns the job at an index, in completion order. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_job(
    collected: Option<&acclient_collected>,
    index: usize,
) -> *const acclient_job {
    guard::part(collected, |it| it.jobs.get(index))
}

/// Returns the number of errors.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_error_count(collected: Option<&acclient_collected>) -> usize {
    guard::get(collected, |it| Some(it.errors.len()))
}

/// Returns the error at an index. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_error(
    collected: Option<&acclient_collected>,
    index: usize,
) -> *const acclient_error {
    guard::part(collected, |it| it.errors.get(index))
}

/// Returns whether the call ended before the deadline and before all agents had answered, because
/// of a failure or an error.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_is_stopped(collected: Option<&acclient_collected>) -> bool {
    guard::get(collected, |it| Some(it.stopped))
}

/// Frees the results; the jobs continue to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_collected_free(collected: Option<Box<acclient_collected>>) {
    guard::free(collected);
}
