//! `acclient_collected`.

use super::cancel::acclient_cancel;
use super::command::{CommandHandle, acclient_command};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::request::acclient_request;
use super::status::acclient_status;
use super::text;
use crate::client::Client;
use crate::job::Collected;

/// All that came of a command. Any number of threads may read it; its command is for one at a time.
pub struct acclient_collected {
    handle: Handle<CollectedHandle>,
}

opaque!(acclient_collected: CollectedHandle);

pub struct CollectedHandle {
    command: acclient_command,
    jobs: Vec<acclient_job>,
    errors: Vec<*mut acclient_error>,
    stopped: bool,
}

impl CollectedHandle {
    fn new(client: &Client, collected: Collected) -> Self {
        let Collected { command, jobs, errors, stopped } = collected;
        CollectedHandle {
            command: CommandHandle::of(client, command).into(),
            jobs: jobs.into_iter().map(|job| JobHandle::new(job).into()).collect(),
            errors: errors.into_iter().map(acclient_error::boxed).collect(),
            stopped,
        }
    }
}

impl Drop for CollectedHandle {
    fn drop(&mut self) {
        for error in self.errors.drain(..) {
            // SAFETY: made by acclient_error::boxed() and owned by this value alone.
            unsafe { guard::free(error) };
        }
    }
}

/// Sends a command and waits for the results of all agents that it went to. A job that failed is a
/// result like any other; what did not arrive by the deadline is told agent by agent, beside what did.
///
/// request: not NULL.
/// stop_at_failure: returns at the first agent that fails: whose job ends in another state than
///   SUCCESS, or that gives an error. What the others returned is kept; they are not killed.
/// timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// collected: gets all of it, which the caller frees with acclient_collected_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_submit(). From then on the call gives ACCLIENT_OK, and what goes
/// wrong is in acclient_collected_error(); what ends the wait for everybody is the last there, without
/// an agent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_run_all(
    request: *const acclient_request,
    stop_at_failure: bool,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    collected: *mut *mut acclient_collected,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(collected);
        guard::call(error, |scope| {
            guard::check_place("collected", collected)?;
            let request = scope.borrow("request", request)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            let client = request.client();
            let builder = request.by(client.clone());
            let all = match stop_at_failure {
                true => builder.run_until_failure(wait)?,
                false => builder.run_all(wait)?,
            };
            guard::give(collected, CollectedHandle::new(client, all));
            Ok(())
        })
    }
}

/// The command, by which what is missing can be waited for: it does not return again what stands here;
/// borrowed until all is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_command(
    collected: *const acclient_collected,
) -> *const acclient_command {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(collected, std::ptr::null(), |it| Some(std::ptr::from_ref(&it.command))) }
}

/// How many jobs were returned. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_job_count(
    collected: *const acclient_collected,
) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(collected, 0, |it| Some(it.jobs.len())) }
}

/// The job at an index, in order of completion; borrowed until all is freed. NULL beyond the last, and
/// for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_job(
    collected: *const acclient_collected,
    index: usize,
) -> *const acclient_job {
    // SAFETY: NULL or live, by contract with C.
    unsafe {
        guard::read(collected, std::ptr::null(), |it| it.jobs.get(index).map(std::ptr::from_ref))
    }
}

/// How many errors there are. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_error_count(
    collected: *const acclient_collected,
) -> usize {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(collected, 0, |it| Some(it.errors.len())) }
}

/// The error at an index; borrowed until all is freed. NULL beyond the last, and for NULL. Does not
/// block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_error(
    collected: *const acclient_collected,
    index: usize,
) -> *const acclient_error {
    // SAFETY: NULL or live, by contract with C.
    unsafe {
        guard::read(collected, std::ptr::null(), |it| {
            it.errors.get(index).map(|it| it.cast_const())
        })
    }
}

/// Whether it stopped at a failure, or was ended, before all agents had answered. False for NULL. Does
/// not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_stopped(collected: *const acclient_collected) -> bool {
    // SAFETY: NULL or live, by contract with C.
    unsafe { guard::read(collected, false, |it| Some(it.stopped)) }
}

/// Frees it and all that was borrowed from it; jobs go on. NULL is a no-op. Blocks only where it holds
/// the last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_collected_free(collected: *mut acclient_collected) {
    // SAFETY: NULL or a value that nobody uses any more, by contract with C.
    unsafe { guard::free(collected) };
}
