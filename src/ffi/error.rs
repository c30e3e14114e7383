//! `acclient_error`.

use std::ffi::c_char;
use std::sync::OnceLock;

use super::contract::{agent, contract, text};
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;
use crate::error::Error;

/// Why a call failed.
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

/// The kind of failure; ACCLIENT_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_status(error: Option<&acclient_error>) -> acclient_status {
    guard::get(error, |it| Some(it.error.code()))
}

/// Message for a person: what was asked of which server or agent, how long the call waited, how far
/// it got. It contains no password.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_message(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "message", |it| Some(it.error.to_string()))
}

/// Handle string of the command that the error is about, for acclient_client_get_by_handle(). NULL
/// where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_command_handle(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "command", |it| it.error.command_handle())
}

/// Error code of Redis, like "NOPERM" or "OOM". NULL where the error is not a reply of Redis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_server_code(
    error: Option<&acclient_error>,
    length: *mut usize,
) -> *const c_char {
    text!(error, length, "server_code", |it| it.error.server_code())
}

/// Whether retrying the same call later is safe and may succeed: nothing has to be changed, and no
/// command runs twice. Never for a wrong password.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_retriable(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_retriable()))
}

/// Whether the deadline of the call was exceeded.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_timeout(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_timeout()))
}

/// Whether the call or the iterator that returned it is over. False for an item of
/// acclient_results_next(), acclient_rollout_next() or acclient_follow_next() that is about one agent,
/// one command or a gap in a log: more may follow.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_final(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_final()))
}

/// Whether a whole command was sent and not confirmed: for ACCLIENT_MAYBE_SENT, and for some calls
/// that were cancelled or closed meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_error_is_maybe_sent(error: Option<&acclient_error>) -> bool {
    guard::get(error, |it| Some(it.error.is_maybe_sent()))
}

/// Whether the error is about one agent of several.
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

/// Whether the error is a gap in a log that is followed (ACCLIENT_GAP): messages with ids between the two may
/// be missing.
///
/// after: [out] receives the id up to which every message was returned or is part of an earlier gap; 0
///   where the gap begins with the log, and where there is none. May be NULL.
/// before: [out] receives the id from which on messages are returned again, or 0; may be NULL.
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

/// What the failed job reported, with its state, data and streams; borrowed. NULL where the error is
/// not about a job. An error keeps no connection: calls that ask for more about its job, like
/// acclient_job_refresh(), return ACCLIENT_INVALID_ARGUMENT.
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
