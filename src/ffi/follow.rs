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

/// Messages of a job as it logs them, each once. For one thread at a time.
pub struct acclient_follow(Handle<Single<Follow>>);

opaque!(acclient_follow: Single<Follow>);

/// Follows the log of a job until the job is over and its log is complete. Sends nothing and does not block.
///
/// query: which messages, whose limit is ignored; may be NULL for all.
/// timeout_ms: from now, for all messages. Without one, it waits without end for an agent that never comes
///   back.
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
/// Agents write their logs in batches, so that messages become visible late, and some after later ones. A
/// message is returned as soon as it is visible, and once. Messages that become visible together are in the
/// order of their ids; one that comes late has a smaller id than its predecessor. Nothing is missed that
/// becomes visible within one second of a message with a greater id, which is five times the longest delay
/// measured on the original agent. One second after the result of the job, or after its last message, the
/// log ends. Messages of the last 100 ms before an agent dies are never written.
///
/// It goes on where a wait for the result would: after a lost connection, and while the controller starts
/// again or the agent is away, until the deadline. It keeps the ids of up to 3000 messages.
///
/// message: [out] receives one row with the fields "data", "level", "epoch" (milliseconds since 1970)
///   and "id", or NULL with ACCLIENT_OK when the job is over and its log is complete; free with
///   acclient_answer_free().
/// Errors: ACCLIENT_GAP where messages may be missing, after which the next ones follow:
/// acclient_error_gap() says where. An agent returns the newest 1000 messages of a level at a time, and a job
/// may log more between two polls, or before the first. Any other error ends the handle: ACCLIENT_LOST for a
/// job that is lost, found within a few seconds of the agent being there; ACCLIENT_TIMEOUT, whose message
/// says how long the agent has not answered; ACCLIENT_NO_SUCH_AGENT for the job of a command that matched no
/// agent; as acclient_request_run().
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
