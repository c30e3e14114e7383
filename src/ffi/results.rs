//! `acclient_results`.

use std::sync::{Mutex, MutexGuard, TryLockError};

use super::cancel::acclient_cancel;
use super::client::acclient_client;
use super::command::acclient_command;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;
use super::text;
use crate::command::CommandRef;
use crate::command::Results;
use crate::engine::WaitMethod;
use crate::error::{Error, Result};

/// It waits by a blocking command on the one list that is left.
pub const ACCLIENT_WAIT_BLOCKING: i32 = 1;
/// The server tells of changes of lists that were read.
pub const ACCLIENT_WAIT_TRACKING: i32 = 2;
/// The server tells of changes of all lists of the command.
pub const ACCLIENT_WAIT_BROADCAST: i32 = 3;
/// All lists are looked at every 40 ms.
pub const ACCLIENT_WAIT_LOOKING: i32 = 4;

/// The results of one command or several, in order of completion, within one deadline. It holds a
/// connection of the client until it is done or freed. One thread may use it at a time.
pub struct acclient_results {
    handle: Handle<Mutex<Results>>,
}

opaque!(acclient_results: Mutex<Results>);

/// A second thread must not wait here, where no deadline could end it.
fn lock(results: &Mutex<Results>) -> Result<MutexGuard<'_, Results>> {
    match results.try_lock() {
        Ok(results) => Ok(results),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::invalid("results are in use by another thread"))
        }
    }
}

/// The results of a command that its handle has not returned yet; what is given here does not count
/// there. Nothing is waited for yet.
///
/// command: not NULL.
/// timeout_ms: milliseconds from now for all results; below 0 for ever, 0 is refused.
/// cancel: ends a wait for the next result, and all later ones; may be NULL. It need not outlive
///   this call.
/// results: gets the results, which the caller frees with acclient_results_free(); not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time for the command. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command),
/// ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_results(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    results: *mut *mut acclient_results,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(results);
        guard::call(error, |scope| {
            guard::check_place("results", results)?;
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            let found = command.lock()?.results(wait)?;
            guard::give(results, Mutex::new(found));
            Ok(())
        })
    }
}

/// The results of several commands, in order of completion, each once; acclient_job_id() tells the
/// command. Parameters and errors as acclient_command_results(), and:
///
/// client: not NULL.
/// commands, commands_count: the commands, none of them NULL; commands may be NULL if
///   commands_count is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_wait_any(
    client: *const acclient_client,
    commands: *const *const acclient_command,
    commands_count: usize,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    results: *mut *mut acclient_results,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(results);
        guard::call(error, |scope| {
            guard::check_place("results", results)?;
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            let commands = text::pointers("commands", commands, commands_count)?;
            let command = |command: &*const acclient_command| -> Result<CommandRef> {
                Ok(scope.borrow("a command", *command)?.lock()?.clone())
            };
            let commands = commands.iter().map(command).collect::<Result<Vec<_>>>()?;
            guard::give(results, Mutex::new(client.wait_any(commands, wait)?));
            Ok(())
        })
    }
}

/// Waits for the next result. A job that failed is a result like any other.
///
/// An error for which acclient_error_agent() is true is about that agent, and the results go on:
/// ACCLIENT_TIMEOUT, after the deadline, once for each agent that did not answer; ACCLIENT_PROTOCOL
/// where its result cannot be read; ACCLIENT_NO_SUCH_AGENT where the controller knew no agent. After
/// the deadline there is also one ACCLIENT_TIMEOUT for each command that no controller has routed.
/// Any other error ends the results.
///
/// results: not NULL.
/// job: gets the job, which the caller frees with acclient_job_free(); NULL with ACCLIENT_OK when
///   there is none left. Not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time. Blocks until the deadline of the results at most.
/// Errors: those above, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE,
/// ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER, ACCLIENT_SYSTEM,
/// ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_next(
    results: *const acclient_results,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(job);
        guard::call(error, |scope| {
            guard::check_place("job", job)?;
            if let Some(found) = lock(scope.borrow("results", results)?)?.next() {
                guard::give(job, JobHandle::new(found?));
            }
            Ok(())
        })
    }
}

/// How many agents have not answered, as far as it is known yet whom the commands went to. 0 for
/// NULL, and while another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_remaining(results: *const acclient_results) -> usize {
    // SAFETY: NULL or live results, by contract with C.
    unsafe { guard::read(results, 0, |results| Some(lock(results).ok()?.remaining())) }
}

/// How it waits: one of the numbers ACCLIENT_WAIT_...; 0 before the first result was asked for, after
/// the last, for NULL, and while another thread waits. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_method(results: *const acclient_results) -> i32 {
    // SAFETY: NULL or live results, by contract with C.
    unsafe {
        guard::read(results, 0, |results| {
            Some(match lock(results).ok()?.method()? {
                WaitMethod::Blocking => ACCLIENT_WAIT_BLOCKING,
                WaitMethod::Tracking => ACCLIENT_WAIT_TRACKING,
                WaitMethod::Broadcast => ACCLIENT_WAIT_BROADCAST,
                WaitMethod::Looking => ACCLIENT_WAIT_LOOKING,
            })
        })
    }
}

/// Frees the results and their connection; the jobs go on. NULL is a no-op. Does not block, unless
/// it holds the last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_results_free(results: *mut acclient_results) {
    // SAFETY: NULL or results that nobody uses any more, by contract with C.
    unsafe { guard::free(results) };
}
