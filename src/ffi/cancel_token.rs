//! `acclient_cancel_token`.

use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, Opaque, opaque};
use super::status::{
    ACCLIENT_FORKED_HANDLE, ACCLIENT_INVALID_ARGUMENT, ACCLIENT_OK, acclient_status,
};
use crate::engine::CancelToken;

/// Cancel token: ends calls early, from any thread or signal handler. One token may be passed to
/// many calls at a time. A cancelled token stays cancelled.
pub struct acclient_cancel_token(Handle<CancelToken>);

opaque!(acclient_cancel_token: CancelToken);

/// Creates a cancel token.
///
/// token: [out] receives the token; free with acclient_cancel_token_free().
/// Errors: ACCLIENT_SYSTEM if fewer than two descriptors are free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_token_new(
    token: *mut *mut acclient_cancel_token,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, token, |_| CancelToken::new())
}

/// Cancels a token: calls in progress with it end at once, later calls end before they start.
///
/// Async-signal-safe: one atomic exchange, getpid(), fstat() and write(); takes no lock, allocates
/// nothing and preserves errno.
///
/// Errors: ACCLIENT_FORKED_HANDLE, without effect, in a process other than the one that created the
/// token.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_cancel(
    token: Option<&acclient_cancel_token>,
) -> acclient_status {
    // Nothing here can panic, and a signal handler should do as little as possible.
    match token {
        None => ACCLIENT_INVALID_ARGUMENT,
        Some(token) if token.handle().value.cancel() => ACCLIENT_OK,
        Some(_) => ACCLIENT_FORKED_HANDLE,
    }
}

/// Returns whether the token was cancelled. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_is_cancelled(
    token: Option<&acclient_cancel_token>,
) -> bool {
    token.is_some_and(|token| token.handle().value.is_cancelled())
}

/// Frees a token. Calls that use it must have returned.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_cancel_token_free(token: Option<Box<acclient_cancel_token>>) {
    guard::free(token);
}
