//! The contract with C: every access through a raw pointer.

use std::ffi::{CStr, c_char};

/// Witness that the raw pointers of a call follow the header: each is NULL, or valid until the call
/// returns, as documented.
///
/// Handles need no witness: `Option<&T>` and `Option<Box<T>>` in a signature express the same.
#[derive(Clone, Copy)]
pub(super) struct Contract(());

impl Contract {
    /// # Safety
    /// Only an exported function may call this. It may use the witness only for the raw pointers that C
    /// passed to it.
    pub(super) unsafe fn with_c() -> Self {
        Contract(())
    }

    /// Writes an out parameter, which may be NULL.
    pub(super) fn write<T>(self, place: *mut T, value: T) {
        if !place.is_null() {
            // SAFETY: by contract an out parameter that is not NULL is writable.
            unsafe { place.write(value) };
        }
    }

    /// A handle that a call changes. The reference is shared, and the value behind it locked, so that threads
    /// that violate the header's rule do no harm. Callers bound `'a` by their call.
    pub(super) fn handle<'a, H>(self, handle: *mut H) -> Option<&'a H> {
        // SAFETY: by contract a handle that is not NULL was made by this library and is not freed
        // before the call returns.
        unsafe { handle.as_ref() }
    }

    /// A NUL-terminated text. Callers bound `'a` by their call.
    pub(super) fn text<'a>(self, text: *const c_char) -> Option<&'a CStr> {
        // SAFETY: by contract a text that is not NULL ends with a NUL and outlives the call.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    }

    /// An array; `None` for NULL. Callers bound `'a` by their call, and `count` by the size of the largest
    /// possible object.
    pub(super) fn array<'a, T>(self, start: *const T, count: usize) -> Option<&'a [T]> {
        debug_assert!(count <= isize::MAX as usize / size_of::<T>());
        // SAFETY: by contract an array that is not NULL has `count` items and outlives the call.
        (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, count) })
    }

    /// Writes one item of an array of out parameters, which may be NULL.
    pub(super) fn write_at<T>(self, start: *mut T, index: usize, value: T) {
        if !start.is_null() {
            // SAFETY: by contract an array that is not NULL has an item for each index below its
            // count, and callers stay below it.
            unsafe { start.add(index).write(value) };
        }
    }
}

/// The [`Contract`] of the enclosing exported function. Compiles only in an `unsafe fn`, whose callers
/// promise to follow the contract.
macro_rules! contract {
    () => {{
        #[allow(unsafe_op_in_unsafe_fn, reason = "an unsafe block would also compile in a safe fn")]
        let contract = $crate::ffi::contract::Contract::with_c();
        contract
    }};
}

/// Body of an exported function that returns a status: `call!(error, |scope| …)`, or
/// `call!(error, place, |scope| …)` to write the result to the out parameter `place`.
macro_rules! call {
    ($error:ident, $body:expr) => {
        $crate::ffi::guard::call($crate::ffi::contract::contract!(), $error, ("", ()), $body)
    };
    ($error:ident, $place:ident, $body:expr) => {
        $crate::ffi::guard::call(
            $crate::ffi::contract::contract!(),
            $error,
            (stringify!($place), $place),
            $body,
        )
    };
}

/// Body of a text accessor: `text!(handle, length, name of the text, |value| …)`.
macro_rules! text {
    ($handle:expr, $length:ident, $name:expr, $make:expr) => {
        $crate::ffi::text::read($crate::ffi::contract::contract!(), $handle, $length, $name, $make)
    };
}

/// Body of an accessor of an agent: `agent!(handle, gid, nid, |value| …)`.
macro_rules! agent {
    ($handle:expr, $gid:ident, $nid:ident, $body:expr) => {
        $crate::ffi::guard::agent($crate::ffi::contract::contract!(), $handle, ($gid, $nid), $body)
    };
}

pub(super) use {agent, call, contract, text};
