//! `acclient_follow`.

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::acclient_job;
use super::lock::Single;
use super::query::{acclient_msg_query, msg_query};
use super::status::acclient_status;
use crate::job::Follow;

/// The messages of a job as it logs them, each once, oldest first. For one thread at a time.
pub struct acclient_follow(Handle<Single<Follow>>);

opaque!(acclient_follow: Single<Follow>);

/// Follows the log of a job until the job is over and its log has settled. Sends nothing and does
/// not block.
///
/// query: which messages, whose limit is ignored; may be NULL for all.
/// timeout_ms: from now, for all messages.
/// cancel: also ends all later waits for a message. May be freed after this call.
/// follow: [out] receives the handle; free with acclient_follow_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_follow(
    job: Option<&acclient_job>,
    query: Option<&acclient_msg_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    follow: *mut *mut acclient_follow,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, follow, |scope| {
        let job = scope.borrow("job", job)?.job()?;
        let query = msg_query(scope, query)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        Ok(Single::new("follow", job.follow(&query, wait)?))
    })
}

/// Waits for the next message, at most until the deadline. While it waits it asks the agent every 250 ms,
/// each time with a command.
///
/// message: [out] receives one row with the fields "data", "level", "epoch" (milliseconds since 1970)
///   and "id", or NULL with ACCLIENT_OK when the job is over and its log has settled; free with
///   acclient_answer_free().
/// Errors: ACCLIENT_PROTOCOL where messages were missed, after which the next ones follow: an agent
/// returns its newest thousand, and a job that logs more between two polls outruns them. Any other
/// error ends the handle: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_follow_next(
    follow: *mut acclient_follow,
    message: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, message, |scope| {
        let next = scope.borrow_mut("follow", follow)?.lock()?.next();
        next.map(|message| AnswerHandle::of(&message?)).transpose()
    })
}

/// Frees the handle; the job goes on.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_follow_free(follow: Option<Box<acclient_follow>>) {
    guard::free(follow);
}
