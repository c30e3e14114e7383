//! Handles, and the frame of every exported function: out parameters, panics, poisoning.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

use super::contract::Contract;
use super::error::acclient_error;
use super::scope::Scope;
use super::status::{ACCLIENT_OK, acclient_status};
use super::text::Texts;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::AgentId;

/// Target of an opaque C pointer: a value, the texts that C has borrowed from it, and whether a panic has
/// left it in an unknown state.
#[derive(Debug)]
pub(super) struct Handle<T> {
    poisoned: AtomicBool,
    pub(super) texts: Texts,
    pub(super) value: T,
}

impl<T> Handle<T> {
    pub(super) fn new(value: T) -> Self {
        Handle { poisoned: AtomicBool::new(false), texts: Texts::default(), value }
    }

    /// The flag that a panic sets; an error if it is set.
    pub(super) fn poison(&self, what: &str) -> Result<&AtomicBool> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::Panic,
                format!("{what} was in use during a panic of the library: free it"),
            ));
        }
        Ok(&self.poisoned)
    }
}

/// A type that is opaque to C. Each is declared in its own file, where cbindgen finds its description.
pub(super) trait Opaque: From<Self::Value> {
    type Value;
    fn handle(&self) -> &Handle<Self::Value>;
}

macro_rules! opaque {
    ($name:ident: $value:ty) => {
        impl $crate::ffi::guard::Opaque for $name {
            type Value = $value;

            fn handle(&self) -> &Handle<$value> {
                &self.0
            }
        }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                $name(Handle::new(value))
            }
        }
    };
}
pub(super) use opaque;

/// An out parameter that receives the result of a call.
pub(super) trait Place: Copy {
    type Value;
    /// Whether it is NULL although it must not be.
    fn is_missing(self) -> bool;
    fn clear(self, contract: Contract);
    fn give(self, contract: Contract, value: Self::Value);
}

/// No out parameter.
impl Place for () {
    type Value = ();

    fn is_missing(self) -> bool {
        false
    }

    fn clear(self, _: Contract) {}

    fn give(self, _: Contract, (): ()) {}
}

/// A new handle, which C frees.
impl<H: Opaque> Place for *mut *mut H {
    type Value = H::Value;

    fn is_missing(self) -> bool {
        self.is_null()
    }

    fn clear(self, contract: Contract) {
        contract.write(self, null_mut());
    }

    fn give(self, contract: Contract, value: H::Value) {
        contract.write(self, boxed::<H>(value));
    }
}

/// An optional flag or number.
pub(super) trait Plain: Copy + Default {}

impl Plain for bool {}
impl Plain for i32 {}

impl<P: Plain> Place for *mut P {
    type Value = P;

    fn is_missing(self) -> bool {
        false
    }

    fn clear(self, contract: Contract) {
        contract.write(self, P::default());
    }

    fn give(self, contract: Contract, value: P) {
        contract.write(self, value);
    }
}

/// A handle that C frees.
pub(super) fn boxed<H: Opaque>(value: H::Value) -> *mut H {
    Box::into_raw(Box::new(H::from(value)))
}

/// Runs the body of an exported function and writes its result, if any, to `place`; the body of an iterator
/// returns an `Option`. Converts an error into an object for C, and a panic into a status.
pub(super) fn call<'a, P: Place, R: Into<Option<P::Value>>>(
    contract: Contract,
    error: *mut *mut acclient_error,
    (what, place): (&str, P),
    body: impl FnOnce(&Scope<'a>) -> Result<R>,
) -> acclient_status {
    contract.write(error, null_mut());
    place.clear(contract);
    let scope = Scope::new(contract);
    let body = || {
        if place.is_missing() {
            return Err(Error::invalid(format!("{what} is NULL: expected a place for the result")));
        }
        if let Some(value) = body(&scope)?.into() {
            place.give(contract, value);
        }
        Ok(())
    };
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        scope.poison();
        let message = format!("the library panicked: {}", panic_message(&*panic));
        Err(Error::new(ErrorKind::Panic, message))
    });
    let Err(failure) = result else { return ACCLIENT_OK };
    let status = failure.code();
    if !error.is_null() {
        contract.write(error, boxed(failure.into()));
    }
    status
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// Reads a number or a flag of a handle: 0 or false if there is none, for NULL and after a panic.
pub(super) fn get<'h, H: Opaque, T: Default>(
    handle: Option<&'h H>,
    body: impl FnOnce(&'h H::Value) -> Option<T>,
) -> T {
    let body = || handle.and_then(|handle| body(&handle.handle().value));
    catch_unwind(AssertUnwindSafe(body)).ok().flatten().unwrap_or_default()
}

/// Writes an agent to out parameters, which may be NULL, and returns whether there is one: 0 and false if
/// there is none, for NULL and after a panic.
pub(super) fn agent<'h, H: Opaque>(
    contract: Contract,
    handle: Option<&'h H>,
    (gid, nid): (*mut i64, *mut i64),
    body: impl FnOnce(&'h H::Value) -> Option<AgentId>,
) -> bool {
    let agent = get(handle, |value| Some(body(value)));
    contract.write(gid, agent.map_or(0, |agent| agent.gid.into()));
    contract.write(nid, agent.map_or(0, |agent| agent.nid.into()));
    agent.is_some()
}

/// Borrows a part of a handle: NULL if there is none, for NULL and after a panic.
pub(super) fn part<'h, H: Opaque, T: 'h>(
    handle: Option<&'h H>,
    body: impl FnOnce(&'h H::Value) -> Option<&'h T>,
) -> *const T {
    get(handle, |value| Some(body(value))).map_or(null(), std::ptr::from_ref)
}

/// Frees a handle. A panic of its Drop must not reach C.
pub(super) fn free<H>(handle: Option<Box<H>>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::contract::call;
    use crate::ffi::error::acclient_error_free;
    use crate::ffi::status::{ACCLIENT_INVALID_ARGUMENT, ACCLIENT_PANIC};

    struct Number(Handle<i32>);
    opaque!(Number: i32);

    unsafe fn checked(
        number: Option<&Number>,
        panics: bool,
        error: *mut *mut acclient_error,
    ) -> acclient_status {
        call!(error, |scope| {
            assert_eq!(*scope.borrow("number", number)?, 5);
            assert!(!panics, "on purpose");
            Ok(())
        })
    }

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_handle() {
        let number = Number::from(5);
        let mut error = null_mut();
        // SAFETY: the place of the error is on this stack frame, or NULL, which is allowed.
        unsafe {
            assert_eq!(checked(Some(&number), false, &mut error), ACCLIENT_OK);
            assert!(error.is_null());
            assert_eq!(checked(Some(&number), true, &mut error), ACCLIENT_PANIC);
            let error = Box::from_raw(error);
            let text = error.failure().to_string();
            assert!(text.contains("on purpose"), "{text}");
            acclient_error_free(Some(error));
            assert_eq!(checked(Some(&number), false, null_mut()), ACCLIENT_PANIC);
            assert_eq!(checked(None, false, null_mut()), ACCLIENT_INVALID_ARGUMENT);
        }
    }
}
