//! The controller's schedule, see [`crate::Client::schedule_add`].

use std::ffi::c_char;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::call;
use super::error::acclient_error;
use super::request::acclient_request;
use super::status::acclient_status;

/// Adds a command to the controller's schedule, replacing an entry with the same id. The controller
/// sends the command with a new id each time.
///
/// id: not empty.
/// cron: five or six fields, starting with seconds, like "0 30 3 * * *", or "@every 1h".
/// request: the command. The numbers of its agent or grid, and its maximum run time, may have up to
///   six digits.
/// Errors: ACCLIENT_INVALID_ARGUMENT also for values that the controller cannot decode (nothing was
/// sent), ACCLIENT_JOB_FAILED if the controller refuses; as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_add(
    client: Option<&acclient_client>,
    id: *const c_char,
    cron: *const c_char,
    request: Option<&acclient_request>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let (id, cron) = (scope.name("id", id)?, scope.name("cron", cron)?);
        let request = scope.borrow("request", request)?;
        client.schedule_add(id, cron, request.by(request.client().clone()))
    })
}

/// Lists the schedule, ordered by id: a row each, with the fields "id", "cron" and "cmd"
/// ("cmd.cmd", "cmd.gid", ...).
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_list(
    client: Option<&acclient_client>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        AnswerHandle::of(&*client.schedule_list()?)
    })
}

/// Removes an entry from the schedule.
///
/// removed: [out] receives whether an entry had this id; may be NULL.
/// Errors: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove(
    client: Option<&acclient_client>,
    id: *const c_char,
    removed: *mut bool,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, removed, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        client.schedule_remove(scope.name("id", id)?)
    })
}

/// Removes all entries whose id starts with a prefix from the schedule.
///
/// prefix: "" removes all entries.
/// Errors: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove_prefix(
    client: Option<&acclient_client>,
    prefix: *const c_char,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        client.schedule_remove_prefix(scope.name("prefix", prefix)?)
    })
}
