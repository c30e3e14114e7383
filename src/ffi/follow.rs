//! `acclient_follow`.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::acclient_job;
use super::queries::msg_query;
use super::status::acclient_status;
use super::text;
use crate::error::{Error, Result};
use crate::job::Follow;

/// The messages of a job as it logs them, each once, oldest first. One thread may use it at a time.
pub struct acclient_follow {
    handle: Handle<Mutex<Follow>>,
}

opaque!(acclient_follow: Mutex<Follow>);

/// A second thread must not wait here, where no deadline could end it.
fn lock(follow: &Mutex<Follow>) -> Result<MutexGuard<'_, Follow>> {
    match follow.try_lock() {
        Ok(follow) => Ok(follow),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Error::invalid("follow is in use by another thread")),
    }
}

/// Follows the log of a job until it is over and its log has settled. Nothing is asked yet.
///
/// job: not NULL.
/// levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
/// timeout_ms: milliseconds from now for all messages; below 0 for ever, 0 is refused.
/// cancel: ends a wait for the next message, and all later ones; may be NULL. It need not outlive this
///   call.
/// follow: gets the handle, which the caller frees with acclient_follow_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_follow(
    job: *const acclient_job,
    levels: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    follow: *mut *mut acclient_follow,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(follow);
        guard::call(error, |scope| {
            guard::check_place("follow", follow)?;
            let job = scope.borrow("job", job)?.job();
            let query = msg_query(levels, 1, -1, -1)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            guard::give(follow, Mutex::new(job.follow(&query, wait)?));
            Ok(())
        })
    }
}

/// Waits for the next message.
///
/// follow: not NULL.
/// message: gets one row, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id",
///   which the caller frees with acclient_answer_free(); NULL with ACCLIENT_OK when the job is over and
///   its log has settled. Not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time. Blocks until the deadline at most.
/// Errors: ACCLIENT_PROTOCOL where messages were missed, after which it goes on: the agent gives its
/// newest thousand, and a job that logs more between two looks outruns them. Others end it:
/// ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_follow_next(
    follow: *const acclient_follow,
    message: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(message);
        guard::call(error, |scope| {
            guard::check_place("message", message)?;
            if let Some(found) = lock(scope.borrow("follow", follow)?)?.next() {
                let json = serde_json::to_string(&found?).unwrap_or_default();
                guard::give(message, AnswerHandle::new(json)?);
            }
            Ok(())
        })
    }
}

/// Frees the handle; the job goes on. NULL is a no-op. Blocks only where it holds the last of a client
/// that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_follow_free(follow: *mut acclient_follow) {
    // SAFETY: NULL or a handle that nobody uses any more, by contract with C.
    unsafe { guard::free(follow) };
}
