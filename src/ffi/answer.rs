//! `acclient_answer`: rows with fields.

use std::ffi::c_char;

use serde_json::Value;
use serde_json::value::RawValue;

use super::contract::{contract, text};
use super::guard::{self, Handle, opaque};
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{mended, real, value, whole};

/// Answer of an agent or the controller: rows with fields, and the JSON that they were decoded
/// from. A JSON array has one row per item, an object is one row, and null has none.
///
/// A field is addressed by name. Dots separate nested names, as in "cmd.id"; numbers address list
/// items, as in "addrs.0.addr"; "" is the whole row. A field has whatever type the agent gave it.
/// Numbers beyond the range of a double, and values nested deeper than 32 levels, are strings that
/// hold their JSON.
pub struct acclient_answer(Handle<AnswerHandle>);

opaque!(acclient_answer: AnswerHandle);

pub struct AnswerHandle {
    json: String,
    rows: Vec<Value>,
}

impl AnswerHandle {
    pub(super) fn new(json: String) -> Result<Self> {
        let text = mended(json.as_bytes());
        let value = serde_json::from_str::<&RawValue>(&text).map(value).map_err(|error| {
            Error::new(ErrorKind::Protocol, format!("the answer is not JSON: {error}"))
        })?;
        let rows = match value {
            Value::Array(rows) => rows,
            Value::Null => Vec::new(),
            row => vec![row],
        };
        Ok(AnswerHandle { json, rows })
    }

    /// An answer that the library itself composes.
    pub(super) fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self> {
        let json = serde_json::to_string(value);
        AnswerHandle::new(json.map_err(|error| Error::invalid(error.to_string()))?)
    }

    /// A field of a row, by its dotted path.
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
}

/// Returns the JSON text of the answer as it was received.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_json(
    answer: Option<&acclient_answer>,
    length: *mut usize,
) -> *const c_char {
    text!(answer, length, "json", |it| Some(&it.json))
}

/// Returns the number of rows.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_answer_count(answer: Option<&acclient_answer>) -> usize {
    guard::get(answer, |it| Some(it.rows.len()))
}

/// Returns a field of a row as text: strings unquoted, anything else as JSON. NULL if the field is
/// absent or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_text(
    answer: Option<&acclient_answer>,
    row: usize,
    field: *const c_char,
    length: *mut usize,
) -> *const c_char {
    let scope = Scope::new(contract!());
    let Ok(path) = scope.name("field", field) else {
        return text!(None::<&acclient_answer>, length, "", |_| None::<&str>);
    };
    text!(answer, length, format!("{row}.{path}"), |it| match it.field(row, path)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    })
}

/// Returns a field of a row as an integer, without its fraction. Strings that hold a number, like
/// "12", count as numbers. 0 if the field is absent or not a number; acclient_answer_text() tells
/// the difference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_int(
    answer: Option<&acclient_answer>,
    row: usize,
    field: *const c_char,
) -> i64 {
    let scope = Scope::new(contract!());
    guard::get(answer, |it| {
        let value = it.field(row, scope.name("field", field).ok()?)?;
        // Beyond 2^63: the nearest integer.
        whole(&value.to_string()).or_else(|| value.as_f64().map(|number| number as i64))
    })
}

/// Returns a field of a row as a floating-point number, under the rules of acclient_answer_int().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_answer_double(
    answer: Option<&acclient_answer>,
    row: usize,
    field: *const c_char,
) -> f64 {
    let scope = Scope::new(contract!());
    guard::get(answer, |it| {
        let value = it.field(row, scope.name("field", field).ok()?)?;
        value.as_f64().or_else(|| real(&value.to_string()))
    })
}

/// Frees an answer.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_answer_free(answer: Option<Box<acclient_answer>>) {
    guard::free(answer);
}
