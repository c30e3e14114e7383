//! `acclient_error`.

use std::ffi::c_char;
use std::sync::OnceLock;

use super::contract::{agent, contract, text};
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;
use crate::error::Error;

/// Error: the status of a failed call, with details.
pub struct acclient_error(Handle<Failure>);

opaque!(acclient_error: Failure);

pub struct Failure {
    error: Error,
    job: OnceLock<Option<Box<acclient_job>>>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, job: OnceLock::new() }
    }
}

impl From<Error> for acclient_error {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

/// Returns the status; ACCLIENT_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_status(error: Option<&acclient_error>) -> acclient_status {
    guard::get(error, |it| Some(it.error.code()))
}

/// Returns the message for people: what was requested from which server or agent, how long the call
/// waited, and how far it got. Contains no password.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_message(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "message", |it| Some(it.error.to_string()))
}

/// Returns the handle string of the command that the error concerns, for
/// acclient_client_get_by_handle(). NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_command_handle(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "command", |it| it.error.command_handle())
}

/// Returns the error code of a Redis error reply, like "NOPERM" or "OOM". NULL for other errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_server_code(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "server_code", |it| it.error.server_code())
}

/// Returns whether retrying the same call later is safe and may succeed: nothing has to be changed
/// and no command runs twice. False for a rejected password.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_retriable(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_retriable()))
}

/// Returns whether the deadline of the call was exceeded.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_timeout(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_timeout()))
}

/// Returns whether the error ends the iteration or call that returned it. False for an error of
/// acclient_results_next(), acclient_rollout_next() or acclient_follow_next() that concerns one
/// agent, one command or a gap in a log: more items may follow.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_final(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_final()))
}

/// Returns whether a complete command was sent and not confirmed: true for ACCLIENT_MAYBE_SENT, and
/// for a call that was cancelled or closed at that point.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_maybe_sent(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_maybe_sent()))
}

/// Returns whether the error concerns one agent of several.
///
/// gid, nid: [out] receive the agent, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_agent(
    error: Option<&acclient_error>,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    agent!(error, gid, nid, |it| it.error.agent())
}

/// Returns whether the error is a gap in a followed log (ACCLIENT_GAP): messages with ids between
/// after and before may be missing.
///
/// after: [out] receives the last id up to which messages were returned or are part of an earlier
///   gap; 0 if the gap is at the start of the log or there is no gap. May be NULL.
/// before: [out] receives the id from which messages are returned again, or 0; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_gap(
    error: Option<&acclient_error>,
    after: *mut i64,
    before: *mut i64,
) -> bool {
    let gap = guard::get(error, |it| Some(it.error.gap()));
    contract!().write(after, gap.and_then(|gap| gap.after).unwrap_or(0));
    contract!().write(before, gap.map_or(0, |gap| gap.before));
    gap.is_some()
}

/// Returns the failed job, with its state, data and streams; NULL if the error is not about a job.
/// Borrowed. The job has no client: calls that use one, like acclient_job_refresh(), fail with
/// ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_job(error: Option<&acclient_error>) -> *const acclient_job {
    guard::part(error, |it| {
        let job = || Some(Box::new(JobHandle::of_error(it.error.job()?).into()));
        it.job.get_or_init(job).as_deref()
    })
}

/// Frees an error.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_free(error: Option<Box<acclient_error>>) {
    guard::free(error);
}

#[cfg(test)]
impl acclient_error {
    pub(super) fn failure(&self) -> &Error {
        &self.0.value.error
    }
}
