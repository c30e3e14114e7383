//! `acclient_cancel`.

use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::{
    ACCLIENT_FORKED_HANDLE, ACCLIENT_INVALID_ARGUMENT, ACCLIENT_OK, acclient_status,
};
use crate::engine::Cancel;

/// A token that ends calls before their time, from any thread and from a signal handler. It may
/// serve many calls at a time. Once cancelled it stays so.
pub struct acclient_cancel {
    handle: Handle<Cancel>,
}

opaque!(acclient_cancel: Cancel);

/// Makes a token.
///
/// cancel: gets the token, which the caller frees with acclient_cancel_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_SYSTEM without two free descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_new(
    cancel: *mut *mut acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, both are NULL or writable.
    unsafe {
        guard::out(cancel);
        guard::call(error, |_| {
            guard::check_place("cancel", cancel)?;
            guard::give(cancel, Cancel::new()?);
            Ok(())
        })
    }
}

/// Ends the calls that have this token, at once; later ones end before they start.
///
/// Async-signal-safe: one atomic exchange and one write(2), no lock, no allocation, errno kept.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT for NULL; ACCLIENT_FORKED_HANDLE, with nothing done, in a
/// process other than the one that made the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_cancel(cancel: *const acclient_cancel) -> acclient_status {
    // Nothing here can panic, and catching would be one thing more in a signal handler.
    // SAFETY: NULL or a live token, by contract with C.
    match unsafe { cancel.as_ref() } {
        None => ACCLIENT_INVALID_ARGUMENT,
        Some(token) if token.handle.value.cancel() => ACCLIENT_OK,
        Some(_) => ACCLIENT_FORKED_HANDLE,
    }
}

/// Whether the token was cancelled. False for NULL. Async-signal-safe, from any thread, does not
/// block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_is_cancelled(cancel: *const acclient_cancel) -> bool {
    // SAFETY: NULL or a live token, by contract with C.
    unsafe { cancel.as_ref() }.is_some_and(|token| token.handle.value.is_cancelled())
}

/// Frees a token; calls that have it must have ended. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_cancel_free(cancel: *mut acclient_cancel) {
    // SAFETY: NULL or a token that nobody uses any more, by contract with C.
    unsafe { guard::free(cancel) };
}
