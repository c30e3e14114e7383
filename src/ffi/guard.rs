//! Handles, and what stands between every exported function and C: NULL, panics, poison.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::acclient_error;
use super::status::{ACCLIENT_OK, acclient_status};
use crate::error::{Error, ErrorKind, Result};

/// What an opaque C pointer points to: a value, and whether a panic has left it in doubt.
#[derive(Debug)]
pub(super) struct Handle<T> {
    poisoned: AtomicBool,
    pub(super) value: T,
}

impl<T> Handle<T> {
    pub(super) fn new(value: T) -> Self {
        Handle { poisoned: AtomicBool::new(false), value }
    }
}

/// A type that C knows by name and pointer only. Each stands in its own file, so that the header
/// gets it with its description.
pub(super) trait Opaque {
    type Value;
    fn handle(&self) -> &Handle<Self::Value>;
}

macro_rules! opaque {
    ($name:ident: $value:ty) => {
        impl $crate::ffi::guard::Opaque for $name {
            type Value = $value;
            fn handle(&self) -> &Handle<$value> {
                &self.handle
            }
        }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                $name { handle: Handle::new(value) }
            }
        }

        #[cfg(test)]
        #[allow(dead_code, reason = "for handles that only their own functions make")]
        impl $name {
            pub(super) fn into_value(self) -> $value {
                self.handle.value
            }
        }
    };
}
pub(super) use opaque;

/// The handles that a call uses, to be poisoned should it panic.
#[derive(Default)]
pub(super) struct Scope<'a> {
    used: RefCell<Vec<&'a AtomicBool>>,
}

impl<'a> Scope<'a> {
    /// Borrows a handle for the call; refuses NULL and a handle that a panic has left in doubt.
    ///
    /// # Safety
    /// `handle` is NULL or was made by this library and is not freed before the call ends.
    pub(super) unsafe fn borrow<T>(&self, what: &str, handle: *const T) -> Result<&'a T::Value>
    where
        T: Opaque + 'a,
    {
        // SAFETY: as the caller promises.
        let handle: Option<&'a T> = unsafe { handle.as_ref() };
        let handle = handle.ok_or_else(|| Error::invalid(format!("{what} is NULL")))?.handle();
        if handle.poisoned.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::Panic,
                format!("{what} was in use when the library panicked; free it"),
            ));
        }
        self.used.borrow_mut().push(&handle.poisoned);
        Ok(&handle.value)
    }

    /// The same for a handle that may be NULL.
    ///
    /// # Safety
    /// As [`Scope::borrow`].
    pub(super) unsafe fn borrow_optional<T>(
        &self,
        what: &str,
        handle: *const T,
    ) -> Result<Option<&'a T::Value>>
    where
        T: Opaque + 'a,
    {
        if handle.is_null() {
            return Ok(None);
        }
        // SAFETY: as the caller promises.
        unsafe { self.borrow(what, handle) }.map(Some)
    }
}

/// Runs the body of an exported function: turns its error into an object for the caller, who may
/// pass NULL for it, and a panic into a status.
///
/// # Safety
/// `error` is NULL or points to a pointer that may be written.
pub(super) unsafe fn call<'a>(
    error: *mut *mut acclient_error,
    body: impl FnOnce(&Scope<'a>) -> Result<()>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe { out(error) };
    let scope = Scope::default();
    let result = catch_unwind(AssertUnwindSafe(|| body(&scope))).unwrap_or_else(|panic| {
        for poisoned in scope.used.borrow().iter() {
            poisoned.store(true, Ordering::SeqCst);
        }
        Err(Error::new(
            ErrorKind::Panic,
            format!("the library panicked: {}", panic_message(&*panic)),
        ))
    });
    match result {
        Ok(()) => ACCLIENT_OK,
        Err(failure) => {
            let status = failure.code();
            if !error.is_null() {
                // SAFETY: as the caller promises.
                unsafe { error.write(acclient_error::boxed(failure)) };
            }
            status
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// Runs the body of an accessor, which answers `nothing` for NULL and after a panic.
///
/// # Safety
/// `handle` is NULL or was made by this library and is not freed before `'a` ends.
pub(super) unsafe fn read<'a, H: Opaque + 'a, T>(
    handle: *const H,
    nothing: T,
    body: impl FnOnce(&'a H::Value) -> Option<T>,
) -> T {
    // SAFETY: as the caller promises.
    let handle: Option<&'a H> = unsafe { handle.as_ref() };
    let body = || handle.and_then(|handle| body(&handle.handle().value));
    let answer = catch_unwind(AssertUnwindSafe(body));
    answer.ok().flatten().unwrap_or(nothing)
}

/// Sets an out parameter to NULL on entry.
///
/// # Safety
/// `place` is NULL or points to a pointer that may be written.
pub(super) unsafe fn out<T>(place: *mut *mut T) {
    if !place.is_null() {
        // SAFETY: as the caller promises.
        unsafe { place.write(std::ptr::null_mut()) };
    }
}

/// Gives a new handle to the caller, where the place for it has been checked.
///
/// # Safety
/// `place` is not NULL and points to a pointer that may be written.
pub(super) unsafe fn give<T: Opaque + From<T::Value>>(place: *mut *mut T, value: T::Value) {
    // SAFETY: as the caller promises.
    unsafe { place.write(Box::into_raw(Box::new(T::from(value)))) };
}

/// Refuses a NULL place for what a call is to return.
pub(super) fn check_place<T>(what: &str, place: *mut *mut T) -> Result<()> {
    if place.is_null() {
        Err(Error::invalid(format!("{what}, the place for the result, is NULL")))
    } else {
        Ok(())
    }
}

/// Frees a handle; NULL is a no-op.
///
/// # Safety
/// `handle` is NULL or was made by [`give`] and is not used any more.
pub(super) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: as the caller promises; a panic of its Drop must not reach C.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(handle) })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::acclient_error_free;
    use crate::ffi::status::{ACCLIENT_INVALID_ARGUMENT, ACCLIENT_PANIC};

    #[test]
    fn a_panic_becomes_a_status_and_its_handle_refuses_further_use() {
        struct Number {
            handle: Handle<i32>,
        }
        opaque!(Number: i32);
        let handle = Number::from(5);
        let mut error = std::ptr::null_mut();
        // SAFETY: the handle and the place of the error live on this frame.
        unsafe {
            let status = call(&mut error, |scope| {
                assert_eq!(*scope.borrow("number", &handle)?, 5);
                panic!("on purpose");
            });
            assert_eq!(status, ACCLIENT_PANIC);
            let text = (*error).failure().to_string();
            assert!(text.contains("on purpose"), "{text}");
            acclient_error_free(error);
            let again =
                call(std::ptr::null_mut(), |scope| scope.borrow("number", &handle).map(|_| ()));
            assert_eq!(again, ACCLIENT_PANIC);
            let null = std::ptr::null::<Number>();
            let status =
                call(std::ptr::null_mut(), |scope| scope.borrow("number", null).map(|_| ()));
            assert_eq!(status, ACCLIENT_INVALID_ARGUMENT);
        }
    }
}
