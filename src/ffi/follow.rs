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

/// Log of a running job: each message once, as the job logs it. For one thread at a time.
pub struct acclient_follow(Handle<Single<Follow>>);

opaque!(acclient_follow: Single<Follow>);

/// Follows the log of a job until the job has ended and its log is complete. Sends nothing and does
/// not block.
///
/// query: the messages to return; its limit is ignored. May be NULL for all messages.
/// timeout_ms: for all messages together. Without a timeout, an agent that never returns is waited
///   for indefinitely.
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

/// Waits for the next message, until the deadline at most. While waiting, it sends a command to the
/// agent every 250 ms.
///
/// Agents write logs in batches, so messages become visible late, and some after later ones. Each
/// message is returned once, as soon as it is visible. Messages that become visible together are
/// ordered by id; a late one has a smaller id than its predecessor. A message is missed only if it
/// becomes visible more than one second after a message with a greater id; the longest delay
/// measured on the original agent is a fifth of that. The log ends one second after the result of
/// the job or its last message. An agent that dies never writes the messages of its last 100 ms.
///
/// Following continues until the deadline after a lost connection, a restart of the controller and
/// an absence of the agent. The handle keeps the ids of up to 3000 messages.
///
/// message: [out] receives one row with the fields "data", "level", "epoch" (milliseconds since
///   1970) and "id", or NULL with ACCLIENT_OK once the job has ended and its log is complete; free
///   with acclient_answer_free().
/// Errors: ACCLIENT_GAP if messages may be missing, after which the log continues; see
/// acclient_error_gap(). An agent returns the newest 1000 messages of a level per request, and a
/// job may log more between two polls or before the first. Any other error ends the handle:
/// ACCLIENT_LOST for a lost job, within a few seconds of the agent being up; ACCLIENT_TIMEOUT,
/// whose message says how long the agent has not answered; ACCLIENT_NO_SUCH_AGENT for a command
/// that matched no agent; as acclient_request_run().
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

/// Frees the handle; the job continues to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_follow_free(follow: Option<Box<acclient_follow>>) {
    guard::free(follow);
}
