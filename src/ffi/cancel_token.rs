//! `acclient_cancel_token`.

use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, Opaque, opaque};
use super::status::{
    ACCLIENT_FORKED_HANDLE, ACCLIENT_INVALID_ARGUMENT, ACCLIENT_OK, acclient_status,
};
use crate::engine::CancelToken;

/// Cancel token: ends calls early, from any thread or from a signal handler. It may be passed to
/// many calls at a time. Once cancelled it stays cancelled.
pub struct acclient_cancel_token(Handle<CancelToken>);

opaque!(acclient_cancel_token: CancelToken);

/// Makes a cancel token.
///
/// token: [out] receives the token; free with acclient_cancel_token_free().
/// Errors: ACCLIENT_SYSTEM without two free descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_token_new(
    token: *mut *mut acclient_cancel_token,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, token, |_| CancelToken::new())
}

/// Ends the calls that have this token, at once; later ones end before they start.
///
/// Async-signal-safe: one atomic exchange, getpid(), fstat() and write(), no lock, no allocation, errno
/// kept.
/// Errors: ACCLIENT_FORKED_HANDLE, with nothing done, in a process other than the one that made the
/// token.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_cancel(
    token: Option<&acclient_cancel_token>,
) -> acclient_status {
    // Nothing here can panic, and catching would be one thing more in a signal handler.
    match token {
        None => ACCLIENT_INVALID_ARGUMENT,
        Some(token) if token.handle().value.cancel() => ACCLIENT_OK,
        Some(_) => ACCLIENT_FORKED_HANDLE,
    }
}

/// Whether the token was cancelled. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_is_cancelled(
    token: Option<&acclient_cancel_token>,
) -> bool {
    token.is_some_and(|token| token.handle().value.is_cancelled())
}

/// Frees a token; calls that have it must have returned.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_free(token: Option<Box<acclient_cancel_token>>) {
    guard::free(token);
}
