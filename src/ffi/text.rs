//! Text and spans of time, in and out.

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::guard::{self, Opaque};
use crate::engine::Cancel;
use crate::engine::Wait;
use crate::error::{Error, Result};
use crate::protocol::check_payload;

/// A name: NUL-terminated UTF-8.
///
/// # Safety
/// `text` is NULL or points to a NUL-terminated text that lives for `'a`.
pub(super) unsafe fn name<'a>(what: &str, text: *const c_char) -> Result<&'a str> {
    if text.is_null() {
        return Err(Error::invalid(format!("{what} is NULL")));
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|error| {
        Error::invalid(format!("{what} is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// A payload: pointer and length. NULL is an empty one if the length is 0.
///
/// # Safety
/// `data` points to `length` bytes that live for `'a`, or is NULL.
pub(super) unsafe fn payload<'a>(
    what: &str,
    data: *const c_char,
    length: usize,
) -> Result<&'a [u8]> {
    check_array(what, data, length)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: as the caller promises; not NULL, and not longer than an object can be.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

/// A payload that has to be text.
pub(super) fn utf8<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str> {
    Ok(check_payload(what, bytes)?)
}

/// A JSON object; an empty one for NULL.
///
/// # Safety
/// As [`name`].
pub(super) unsafe fn object(what: &str, text: *const c_char) -> Result<Value> {
    if text.is_null() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    // SAFETY: as the caller promises.
    let text = unsafe { name(what, text)? };
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        _ => Err(Error::invalid(format!("{what} is no JSON object"))),
    }
}

/// A list of pointers.
///
/// # Safety
/// `items` points to `count` pointers that live for `'a`, or is NULL.
pub(super) unsafe fn pointers<'a, T>(
    what: &str,
    items: *const *const T,
    count: usize,
) -> Result<&'a [*const T]> {
    check_array(what, items, count)?;
    if count == 0 {
        return Ok(&[]);
    }
    // SAFETY: as the caller promises; not NULL, and not longer than an object can be.
    Ok(unsafe { std::slice::from_raw_parts(items, count) })
}

/// A list of names.
///
/// # Safety
/// `items` points to `count` pointers to NUL-terminated texts that live for `'a`, or is NULL.
pub(super) unsafe fn names<'a>(
    what: &str,
    items: *const *const c_char,
    count: usize,
) -> Result<Vec<&'a str>> {
    // SAFETY: as the caller promises.
    let items = unsafe { pointers(what, items, count)? };
    let item = |(index, item): (usize, &*const c_char)| {
        // SAFETY: as the caller promises.
        unsafe { name(&format!("{what}[{index}]"), *item) }
    };
    items.iter().enumerate().map(item).collect()
}

fn check_array<T>(what: &str, start: *const T, count: usize) -> Result<()> {
    if start.is_null() && count > 0 {
        return Err(Error::invalid(format!("{what} is NULL but its length is {count}")));
    }
    let largest = isize::MAX as usize / std::mem::size_of::<T>();
    if count > largest {
        return Err(Error::invalid(format!("{what} has the impossible length {count}")));
    }
    Ok(())
}

/// A number of a grid or a node.
pub(super) fn agent_number(what: &str, number: i64) -> Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| Error::invalid(format!("{what} is {number}; it is above 0 and below 2^32")))
}

/// The wait of a call: milliseconds, below 0 for ever.
pub(super) fn wait(timeout_ms: i64, cancel: Option<&Cancel>) -> Wait {
    let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
    let wait = Wait::from(timeout);
    match cancel {
        Some(cancel) => wait.or_cancelled(cancel),
        None => wait,
    }
}

/// The same where looking once makes no sense.
pub(super) fn wait_above_zero(timeout_ms: i64, cancel: Option<&Cancel>) -> Result<Wait> {
    match timeout_ms {
        0 => Err(Error::invalid(
            "timeout_ms is 0; this call needs some time, or a number below 0 for ever",
        )),
        _ => Ok(wait(timeout_ms, cancel)),
    }
}

/// A text for C, made when it is first asked for: NUL-terminated, and with a length, since it may
/// hold NULs of its own.
#[derive(Debug, Default)]
pub(super) struct Text(OnceLock<Option<Box<[u8]>>>);

impl Text {
    /// Borrowed until the value that it is part of is freed. NULL and length 0 where there is none.
    ///
    /// # Safety
    /// `length` is NULL or points to a number that may be written.
    pub(super) unsafe fn get<B: Into<Vec<u8>>>(
        &self,
        length: *mut usize,
        make: impl FnOnce() -> Option<B>,
    ) -> *const c_char {
        let text = self.0.get_or_init(|| {
            let mut bytes = make()?.into();
            bytes.push(0);
            Some(bytes.into())
        });
        let (start, size) = match text {
            Some(bytes) => (bytes.as_ptr().cast(), bytes.len() - 1),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: as the caller promises.
        unsafe { set_length(length, size) };
        start
    }
}

/// Reads a text of a handle; NULL and length 0 where there is none.
///
/// # Safety
/// `handle` is as [`guard::read`] wants it, `length` is NULL or points to a number that may be
/// written.
pub(super) unsafe fn read<'a, H: Opaque + 'a, B: Into<Vec<u8>>>(
    handle: *const H,
    length: *mut usize,
    text: impl FnOnce(&'a H::Value) -> &'a Text,
    make: impl FnOnce(&'a H::Value) -> Option<B>,
) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe {
        set_length(length, 0);
        guard::read(handle, std::ptr::null(), |value| Some(text(value).get(length, || make(value))))
    }
}

/// # Safety
/// `length` is NULL or points to a number that may be written.
unsafe fn set_length(length: *mut usize, value: usize) {
    if !length.is_null() {
        // SAFETY: as the caller promises.
        unsafe { length.write(value) };
    }
}
