//! `acclient_answer`.

use std::collections::HashMap;
use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::guard::{self, Handle, opaque};
use super::text::{self, Text};
use crate::error::{Error, ErrorKind, Result};

/// What an agent or the controller answered: rows with fields, and the JSON that it was. An answer
/// that is one object has one row; null has none. Any number of threads may read it.
pub struct acclient_answer {
    handle: Handle<AnswerHandle>,
}

opaque!(acclient_answer: AnswerHandle);

pub struct AnswerHandle {
    json: String,
    json_text: Text,
    rows: Vec<Value>,
    /// Texts that were asked for, which stay where they are until the answer is freed.
    texts: Mutex<HashMap<(usize, String), Box<Text>>>,
}

impl AnswerHandle {
    pub(super) fn new(json: String) -> Result<Self> {
        let value: Value = serde_json::from_str(&json).map_err(|error| {
            Error::new(ErrorKind::Protocol, format!("the answer is no JSON: {error}"))
        })?;
        let rows = match value {
            Value::Array(rows) => rows,
            Value::Null => Vec::new(),
            row => vec![row],
        };
        Ok(AnswerHandle { json, json_text: Text::default(), rows, texts: Mutex::default() })
    }

    /// A field of a row, by its name or by names with dots between.
    fn field(&self, row: usize, path: &str) -> Option<&Value> {
        let row = self.rows.get(row)?;
        if path.is_empty() {
            return Some(row);
        }
        path.split('.').try_fold(row, |value, name| match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            value => value.get(name),
        })
    }

    /// # Safety
    /// `length` is NULL or writable.
    unsafe fn text(&self, row: usize, path: &str, length: *mut usize) -> Option<*const c_char> {
        let value = self.field(row, path).filter(|value| !value.is_null())?;
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry((row, path.to_owned())).or_default();
        let words = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // SAFETY: as the caller promises.
        Some(unsafe { text.get(length, || Some(words())) })
    }
}

/// The JSON, letter for letter. NUL-terminated UTF-8; its length goes to *length, which may be NULL.
/// Borrowed until the answer is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_json(
    answer: *const acclient_answer,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, answer is NULL or live and length NULL or writable.
    unsafe { text::read(answer, length, |it| &it.json_text, |it| Some(it.json.clone())) }
}

/// How many rows it has. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_count(answer: *const acclient_answer) -> usize {
    // SAFETY: NULL or a live answer, by contract with C.
    unsafe { guard::read(answer, 0, |it| Some(it.rows.len())) }
}

/// A field of a row as text: a string as it is, anything else as JSON. Fields of fields have dots
/// between, like "cmd.id"; items of lists are numbers, like "addrs.0.addr"; "" is the whole row.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the answer is
/// freed. NULL where there is no such field, where it is null, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_text(
    answer: *const acclient_answer,
    row: usize,
    field: *const c_char,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        if !length.is_null() {
            length.write(0);
        }
        guard::read(answer, std::ptr::null(), |it| {
            it.text(row, text::name("field", field).ok()?, length)
        })
    }
}

/// A field of a row as a whole number. 0 where there is no such field, where it is no number, and
/// for NULL; acclient_answer_text() tells these apart. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_int(
    answer: *const acclient_answer,
    row: usize,
    field: *const c_char,
) -> i64 {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::read(answer, 0, |it| {
            let value = it.field(row, text::name("field", field).ok()?)?;
            // Beyond 2^63, and with a fraction: the nearest that there is.
            value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
        })
    }
}

/// A field of a row as a number. 0 where there is no such field, where it is no number, and for
/// NULL; acclient_answer_text() tells these apart. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_double(
    answer: *const acclient_answer,
    row: usize,
    field: *const c_char,
) -> f64 {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::read(answer, 0.0, |it| it.field(row, text::name("field", field).ok()?)?.as_f64())
    }
}

/// Frees an answer and all that was borrowed from it. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_free(answer: *mut acclient_answer) {
    // SAFETY: NULL or an answer that nobody uses any more, by contract with C.
    unsafe { guard::free(answer) };
}
