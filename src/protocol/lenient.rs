//! Values that other programs have written: read from any JSON that can be understood as them.
//!
//! A number may have a fraction of zero, an exponent, or be in a string; a fraction is cut off. What is out
//! of range, and what has another type, is dropped. A list keeps its strings. Nothing that is wrong with one
//! value keeps another one from being read.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::JobState;
use super::document::{DocumentError, Fields, MAX_DEPTH, Rest, TakeField, Taken, depth};

/// The numbers that are worth reading: those of 64 bits, with or without a sign.
const MOST: f64 = 18_446_744_073_709_551_616.0;

/// A number of JSON, also one in a string. Whether it was in one.
fn number(json: &RawValue) -> Option<(String, bool)> {
    let is_number = |text: &str| {
        text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && serde_json::from_str::<&RawValue>(text).is_ok()
    };
    let text = json.get();
    if text.starts_with('"') {
        let text = serde_json::from_str::<String>(text).ok()?;
        let text = text.trim();
        return is_number(text).then(|| (text.to_owned(), true));
    }
    is_number(text).then(|| (text.to_owned(), false))
}

/// A whole number, cut off where it has a fraction.
fn take_whole<T: TryFrom<i128>>(json: &RawValue) -> Taken<T> {
    // Most numbers: JSON allows neither a plus sign nor leading zeros, and -0 is not the same to a double.
    if let Ok(number) = json.get().parse::<i64>()
        && json.get() != "-0"
        && let Ok(number) = T::try_from(number.into())
    {
        return Taken::Plain(number);
    }
    let Some((text, is_quoted)) = number(json) else { return Taken::Nothing };
    let (number, is_plain, is_whole) = match text.parse::<i128>() {
        Ok(number) => (number, !is_quoted && text != "-0", true),
        Err(_) => match text.parse::<f64>() {
            Ok(number) if number.abs() < MOST => (number as i128, false, number.fract() == 0.0),
            _ => return Taken::Nothing,
        },
    };
    match T::try_from(number) {
        Ok(number) if is_plain => Taken::Plain(number),
        Ok(number) if is_whole => Taken::Odd(number),
        Ok(number) => Taken::Part(number),
        Err(_) => Taken::Nothing,
    }
}

fn take_all<T: TakeField>(json: &str) -> Option<T> {
    match T::take(serde_json::from_str(json).ok()?) {
        Taken::Plain(value) | Taken::Odd(value) | Taken::Part(value) => Some(value),
        Taken::Nothing => None,
    }
}

/// A JSON text as a whole number, in whatever form it is written; `None` if it is not one.
pub(crate) fn whole(json: &str) -> Option<i64> {
    take_all(json)
}

/// A JSON text as a number, in whatever form it is written; `None` if it is not one.
#[cfg(feature = "capi")]
pub(crate) fn real(json: &str) -> Option<f64> {
    take_all(json)
}

macro_rules! take_whole {
    ($($type:ty),+) => {$(
        impl TakeField for $type {
            fn take(json: &RawValue) -> Taken<Self> {
                take_whole(json)
            }
        }
    )+};
}

take_whole!(i64, u64, u16);

impl TakeField for f64 {
    fn take(json: &RawValue) -> Taken<Self> {
        let Some((text, is_quoted)) = number(json) else { return Taken::Nothing };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && is_quoted => Taken::Odd(number),
            Ok(number) if number.is_finite() => Taken::Plain(number),
            _ => Taken::Nothing,
        }
    }
}

impl TakeField for bool {
    fn take(json: &RawValue) -> Taken<Self> {
        serde_json::from_str(json.get()).map_or(Taken::Nothing, Taken::Plain)
    }
}

impl TakeField for String {
    fn take(json: &RawValue) -> Taken<Self> {
        serde_json::from_str(json.get()).map_or(Taken::Nothing, Taken::Plain)
    }
}

impl TakeField for JobState {
    fn take(json: &RawValue) -> Taken<Self> {
        serde_json::from_str(json.get()).map_or(Taken::Nothing, Taken::Plain)
    }
}

/// Text that may be a payload: a value that is not a string is read as its JSON text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl TakeField for Text {
    fn take(json: &RawValue) -> Taken<Self> {
        match String::take(json) {
            Taken::Plain(text) => Taken::Plain(Text(text)),
            _ => Taken::Odd(Text(json.get().to_owned())),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A list of strings, each at its place: null is an empty one, as to Go's decoder.
impl TakeField for Vec<String> {
    fn take(json: &RawValue) -> Taken<Self> {
        if let Ok(texts) = serde_json::from_str(json.get()) {
            return Taken::Plain(texts);
        }
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json.get()) else {
            return Taken::Nothing;
        };
        let is_odd = |item: &&&RawValue| !item.get().starts_with('"') && item.get() != "null";
        let is_part = items.iter().any(|item| is_odd(&item));
        let text = |item: &RawValue| serde_json::from_str(item.get()).unwrap_or_default();
        let texts = items.into_iter().map(text).collect();
        if is_part { Taken::Part(texts) } else { Taken::Odd(texts) }
    }
}

/// A JSON object, kept as it is: whatever a later version adds to it stays.
impl TakeField for Box<RawValue> {
    fn take(json: &RawValue) -> Taken<Self> {
        if json.get().starts_with('{') && depth(json.get()) <= MAX_DEPTH {
            Taken::Plain(json.to_owned())
        } else {
            Taken::Nothing
        }
    }
}

impl TakeField for Value {
    fn take(json: &RawValue) -> Taken<Self> {
        Taken::Plain(value(json))
    }
}

/// JSON as a value. What a value cannot hold is its text: a number beyond a double, and what nests deeper
/// than a small stack allows.
pub(crate) fn value(json: &RawValue) -> Value {
    value_within(json.get(), MAX_DEPTH)
}

fn value_within(json: &str, levels: usize) -> Value {
    if depth(json) <= levels
        && let Ok(value) = serde_json::from_str(json)
    {
        return value;
    }
    if levels > 0 {
        if let Ok(fields) = Fields::parse(json) {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, json)| (name.into_owned(), inner(json, levels)));
            return Value::Object(fields.collect());
        }
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
            return items.into_iter().map(|item| inner(item, levels)).collect();
        }
    }
    Value::String(json.to_owned())
}

fn inner(json: &RawValue, levels: usize) -> Value {
    value_within(json.get(), levels - 1)
}

/// A struct that an object of JSON is read as, field by field.
pub(crate) trait Record: Sized {
    fn take(fields: Fields<'_>) -> Self;
}

/// Implements [`Record`] and `Deserialize` for a struct with a default. The struct may have a last field
/// `extra`, a map that keeps unknown fields, and those that were dropped as they stand in the document.
macro_rules! record {
    ($name:ident { $($field:ident $(as $form:path)?),+ $(; $extra:ident)? }) => {
        impl $crate::protocol::Record for $name {
            fn take(mut fields: $crate::protocol::Fields<'_>) -> Self {
                #[allow(unused_mut, reason = "there may be no extra")]
                let mut record = $name {
                    $($field: $crate::protocol::record!(@take fields, $field $(as $form)?),)+
                    ..$name::default()
                };
                $(record.$extra = $crate::protocol::extra(fields.rest());)?
                record
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let json = Box::<serde_json::value::RawValue>::deserialize(from)?;
                let fields = $crate::protocol::Fields::parse(json.get());
                fields.map($crate::protocol::Record::take).map_err(serde::de::Error::custom)
            }
        }
    };
    (@take $fields:ident, $field:ident) => {
        $fields.take(stringify!($field)).into_value().unwrap_or_default()
    };
    (@take $fields:ident, $field:ident as $form:path) => {{
        let taken: Option<$form> = $fields.take(stringify!($field)).into_value();
        taken.unwrap_or_default().0
    }};
}
pub(crate) use record;

/// Unknown fields, and those that were dropped.
pub(crate) fn extra(rest: Rest) -> Map<String, Value> {
    let dropped = rest.odd.into_iter().filter(|odd| odd.is_dropped);
    let dropped = dropped.filter_map(|odd| Some((odd.name, value(&odd.json?))));
    rest.extra.into_iter().map(|(name, json)| (name, value(&json))).chain(dropped).collect()
}

/// Converts the fields of a [`Record`] for serialization; dropped fields keep their original JSON.
pub(crate) fn shown<const N: usize>(
    fields: [(&str, Value); N],
    extra: &Map<String, Value>,
) -> Map<String, Value> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let extra = extra.iter().map(|(name, value)| (name.clone(), value.clone()));
    fields.chain(extra).collect()
}

impl<T: Record> TakeField for Vec<T> {
    fn take(json: &RawValue) -> Taken<Self> {
        let Ok(rows) = rows(json.get()) else { return Taken::Nothing };
        if rows.left_out == 0 { Taken::Plain(rows.rows) } else { Taken::Part(rows.rows) }
    }
}

/// The rows of a list that are objects.
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    /// How many others there are.
    pub(crate) left_out: usize,
}

/// Reads a list of objects: none for null, and one for a single object.
pub(crate) fn rows<T: Record>(json: &str) -> Result<Rows<T>, DocumentError> {
    let mut rows = Rows { rows: Vec::new(), left_out: 0 };
    let items: Vec<&RawValue> = match serde_json::from_str::<Option<_>>(json) {
        Ok(items) => items.unwrap_or_default(),
        Err(error) => {
            let one = Fields::parse(json).map_err(|_| DocumentError::not_a_list(&error))?;
            rows.rows.push(T::take(one));
            return Ok(rows);
        }
    };
    for item in items {
        match Fields::parse(item.get()) {
            Ok(fields) => rows.rows.push(T::take(fields)),
            Err(_) => rows.left_out += 1,
        }
    }
    Ok(rows)
}
