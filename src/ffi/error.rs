//! `acclient_error`.

use std::ffi::c_char;

use std::sync::OnceLock;

use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::{ACCLIENT_OK, acclient_status};
use super::text::{self, Text};
use crate::error::Error;

/// Why a call failed. The caller of the call owns it and frees it with acclient_error_free().
/// It may be read from any thread.
pub struct acclient_error {
    handle: Handle<Failure>,
}

opaque!(acclient_error: Failure);

pub struct Failure {
    error: Error,
    message: Text,
    command: Text,
    server_code: Text,
    job: OnceLock<Option<Box<acclient_job>>>,
}

impl acclient_error {
    pub(super) fn boxed(error: Error) -> *mut acclient_error {
        let failure = Failure {
            error,
            message: Text::default(),
            command: Text::default(),
            server_code: Text::default(),
            job: OnceLock::new(),
        };
        Box::into_raw(Box::new(failure.into()))
    }

    #[cfg(test)]
    pub(super) fn failure(&self) -> &Error {
        &self.handle.value.error
    }
}

/// The kind of failure; ACCLIENT_OK for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_status(error: *const acclient_error) -> acclient_status {
    // SAFETY: NULL or a live error, by contract with C.
    unsafe { guard::read(error, ACCLIENT_OK, |failure| Some(failure.error.code())) }
}

/// What failed, in words for a person: what was asked of whom, how long it waited, how far it got.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. It holds no password.
/// Borrowed until the error is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_message(
    error: *const acclient_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, error is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            error,
            length,
            |failure| &failure.message,
            |failure| Some(failure.error.to_string()),
        )
    }
}

/// The printed form of the command that the call was about, for acclient_client_command_from().
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the error
/// is freed. NULL where there is none, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_command(
    error: *const acclient_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, error is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            error,
            length,
            |failure| &failure.command,
            |failure| failure.error.command().map(str::to_owned),
        )
    }
}

/// The code of Redis's own error, like "NOPERM" or "OOM", where Redis answered with one.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the error
/// is freed. NULL where there is none, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_server_code(
    error: *const acclient_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, error is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            error,
            length,
            |failure| &failure.server_code,
            |failure| failure.error.server_code().map(str::to_owned),
        )
    }
}

/// Whether the same call, made again later, may succeed without anything being changed and without
/// a command running twice. Never for a wrong password. False for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_is_retriable(error: *const acclient_error) -> bool {
    // SAFETY: NULL or a live error, by contract with C.
    unsafe { guard::read(error, false, |failure| Some(failure.error.is_retriable())) }
}

/// Whether the call ended because its time was over. False for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_is_timeout(error: *const acclient_error) -> bool {
    // SAFETY: NULL or a live error, by contract with C.
    unsafe { guard::read(error, false, |failure| Some(failure.error.is_timeout())) }
}

/// Whether a command went out whole without a confirmation: for ACCLIENT_MAYBE_SENT, and for some
/// calls that were cancelled or closed meanwhile. False for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_is_maybe_sent(error: *const acclient_error) -> bool {
    // SAFETY: NULL or a live error, by contract with C.
    unsafe { guard::read(error, false, |failure| Some(failure.error.is_maybe_sent())) }
}

/// Whether the error is about one agent of several, whose numbers then go to *gid and *nid; either may
/// be NULL. They are 0 where it is not. False for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_agent(
    error: *const acclient_error,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    // SAFETY: by contract with C, error is NULL or live, and the others NULL or writable.
    unsafe {
        let agent = guard::read(error, None, |failure| Some(failure.error.agent()));
        for (place, number) in [(gid, agent.map(|it| it.gid)), (nid, agent.map(|it| it.nid))] {
            if !place.is_null() {
                place.write(number.unwrap_or(0).into());
            }
        }
        agent.is_some()
    }
}

/// The job that failed, with its state, data and streams; borrowed until the error is freed. NULL where
/// the error is not about a job, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_job(error: *const acclient_error) -> *const acclient_job {
    // SAFETY: NULL or a live error, by contract with C.
    unsafe {
        guard::read(error, std::ptr::null(), |failure| {
            let job = failure.job.get_or_init(|| {
                let job = failure.error.job()?.clone();
                Some(Box::new(JobHandle::new(job).into()))
            });
            job.as_deref().map(std::ptr::from_ref)
        })
    }
}

/// Frees an error and all that was borrowed from it. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_error_free(error: *mut acclient_error) {
    // SAFETY: NULL or an error that nobody uses any more, by contract with C.
    unsafe { guard::free(error) };
}
