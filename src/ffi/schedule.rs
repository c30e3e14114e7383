//! The controller's schedule, see [`crate::Client::schedule_add`].

use std::ffi::c_char;

use super::answer::acclient_answer;
use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::error::acclient_error;
use super::guard;
use super::queries::{ask, to_json};
use super::request::acclient_request;
use super::status::acclient_status;
use super::text;

/// Has the controller send a command at certain times, each time with a new id. One of the same id is
/// replaced.
///
/// client, id: not NULL; id not empty.
/// cron: five or six fields beginning with seconds, like "0 30 3 * * *", or "@every 1h"; not NULL.
/// request: the command; not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT for what the controller would not understand (nothing was sent),
/// ACCLIENT_JOB_FAILED where it refuses, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_add(
    client: *const acclient_client,
    id: *const c_char,
    cron: *const c_char,
    request: *const acclient_request,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let (id, cron) = (text::name("id", id)?, text::name("cron", cron)?);
            let request = scope.borrow("request", request)?;
            let command = request.by(request.client().clone());
            let cancel = scope.borrow_optional("cancel", cancel)?;
            bounded(client, timeout_ms, cancel)?.schedule_add(id, cron, command)
        })
    }
}

/// What is scheduled, in the order of ids: a row each, with the fields "id", "cron" and "cmd"
/// ("cmd.cmd", "cmd.gid", ...).
///
/// client: not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_list(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| to_json(&*client.schedule_list()?))
    }
}

/// Takes a command off the schedule.
///
/// client, id: not NULL.
/// removed: gets whether there was one of that id; may be NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove(
    client: *const acclient_client,
    id: *const c_char,
    removed: *mut bool,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        if !removed.is_null() {
            removed.write(false);
        }
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let found =
                bounded(client, timeout_ms, cancel)?.schedule_remove(text::name("id", id)?)?;
            if !removed.is_null() {
                removed.write(found);
            }
            Ok(())
        })
    }
}

/// Takes all commands whose ids begin with a prefix off the schedule.
///
/// client, prefix: not NULL; an empty prefix is all.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove_prefix(
    client: *const acclient_client,
    prefix: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let prefix = text::name("prefix", prefix)?;
            bounded(client, timeout_ms, cancel)?.schedule_remove_prefix(prefix)
        })
    }
}
