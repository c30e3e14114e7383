//! JSON objects with known fields, which keep what they do not know.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a field that is kept as it is may nest. Documents of AgentController8 nest three
/// levels; the limit keeps a later reading of such a field off the end of a small stack.
const MAX_DEPTH: usize = 32;

/// A field of a document: absent and null are different things to some readers, so both are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Field<T> {
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Absent | Field::Null => None,
        }
    }

    pub(crate) fn into_value(self) -> Option<T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Absent | Field::Null => None,
        }
    }
}

/// What is wrong with a document. It names fields and places, never values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("not a JSON object: {0}")]
    NotAnObject(String),
    #[error("the field {field:?} is {problem}")]
    Field { field: &'static str, problem: String },
    #[error("the field {field:?} nests deeper than {MAX_DEPTH} levels")]
    TooDeep { field: String },
}

/// The fields of an object as they stand in its text, without a copy and without recursion.
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, DocumentError> {
        serde_json::from_str(text).map_err(|error| DocumentError::NotAnObject(place(&error)))
    }

    /// Takes a field out, the last of its name.
    pub(super) fn take<T: TakeField>(
        &mut self,
        field: &'static str,
    ) -> Result<Field<T>, DocumentError> {
        let mut taken = Field::Absent;
        let mut failure = None;
        self.0.retain(|(name, raw)| {
            if name != field {
                return true;
            }
            if raw.get() == "null" {
                taken = Field::Null;
            } else {
                match T::take(field, raw) {
                    Ok(value) => taken = Field::Value(value),
                    Err(error) => failure = Some(error),
                }
            }
            false
        });
        failure.map_or(Ok(taken), Err)
    }

    /// The fields in the order of the text, those of one name as often as it has them.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter()
    }

    /// All that was not taken.
    pub(super) fn rest(self) -> Result<Vec<(String, Box<RawValue>)>, DocumentError> {
        let keep = |(name, raw): (Cow<'_, str>, &RawValue)| {
            check_depth(&name, raw)?;
            Ok((name.into_owned(), raw.to_owned()))
        };
        self.0.into_iter().map(keep).collect()
    }
}

/// A type that a field can have.
pub(super) trait TakeField: Sized {
    fn take(field: &'static str, raw: &RawValue) -> Result<Self, DocumentError>;
}

macro_rules! take_flat_field {
    ($($type:ty: $wanted:literal),+) => {$(
        impl TakeField for $type {
            fn take(field: &'static str, raw: &RawValue) -> Result<Self, DocumentError> {
                serde_json::from_str(raw.get())
                    .map_err(|_| DocumentError::Field { field, problem: concat!("not ", $wanted).into() })
            }
        }
    )+};
}

take_flat_field!(
    String: "a string",
    i64: "a whole number",
    bool: "true or false",
    Vec<String>: "a list of strings",
    super::JobState: "a string"
);

/// Kept as it is: whatever a later version adds to it stays.
impl TakeField for Box<RawValue> {
    fn take(field: &'static str, raw: &RawValue) -> Result<Self, DocumentError> {
        check_depth(field, raw)?;
        Ok(raw.to_owned())
    }
}

fn check_depth(field: &str, raw: &RawValue) -> Result<(), DocumentError> {
    if depth(raw.get()) > MAX_DEPTH {
        Err(DocumentError::TooDeep { field: field.to_owned() })
    } else {
        Ok(())
    }
}

/// How deep arrays and objects nest in a JSON text.
pub(super) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for (_, byte) in unquoted(json) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The bytes of a JSON text that are outside of its strings, and where each is.
pub(super) fn unquoted(json: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut quoted, mut escaped) = (false, false);
    json.bytes().enumerate().filter(move |(_, byte)| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return !quoted,
        }
        false
    })
}

/// The text of a document: what is no character in it becomes U+FFFD, be it bytes that are no UTF-8
/// or an escape that is half a pair, as Go's decoder does. What a program printed must not keep
/// anybody from reading how it ended.
pub(crate) fn mended(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    let halves = half_pairs(&text);
    if halves.is_empty() {
        return text;
    }
    let mut text = text.into_owned();
    for start in halves {
        text.replace_range(start..start + ESCAPE, r"\ufffd");
    }
    Cow::Owned(text)
}

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

/// Where the escapes are that are half of a surrogate pair without the other half.
fn half_pairs(text: &str) -> Vec<usize> {
    let mut halves = Vec::new();
    if !text.contains(r"\ud") && !text.contains(r"\uD") {
        return halves;
    }
    let unit = |start: usize| {
        let digits = text.get(start..start + ESCAPE)?.strip_prefix(r"\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        at = start
            + match (unit(start), unit(start + ESCAPE)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * ESCAPE,
                (Some(0xD800..=0xDFFF), _) => {
                    halves.push(start);
                    ESCAPE
                }
                // Any other escape: past what it escapes, which may be a backslash or a whole character.
                _ => 1 + text[start + 1..].chars().next().map_or(0, char::len_utf8),
            };
    }
    halves
}

/// Where serde_json stopped, and why, without the text it stopped at.
fn place(error: &serde_json::Error) -> String {
    let why = match error.classify() {
        serde_json::error::Category::Eof => "it ends early",
        serde_json::error::Category::Syntax => "wrong syntax",
        _ => "something else",
    };
    format!("{why} (line {}, column {})", error.line(), error.column())
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(field) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((field.0.0, field.1));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A name that borrows from the text where it can (serde's own `Cow` always copies).
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Defines a document: a struct of [`Field`]s, read from and written to a JSON object, with all
/// other fields kept in `extra`.
macro_rules! document {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default)]
        $vis struct $name {
            $($(#[$field_meta])* $vis $field: $crate::protocol::Field<$type>,)+
            /// Fields that this version does not know, as they stood in the document.
            $vis extra: Vec<(String, Box<serde_json::value::RawValue>)>,
            /// The document byte for byte, where its text had to be mended.
            #[allow(dead_code, reason = "asked for of results only")]
            $vis raw: Option<Box<[u8]>>,
        }

        impl $name {
            /// Reads a document; an error names the field that is wrong.
            $vis fn parse(bytes: &[u8]) -> Result<Self, $crate::protocol::DocumentError> {
                let text = $crate::protocol::document::mended(bytes);
                let mut fields = $crate::protocol::document::Fields::parse(&text)?;
                Ok($name {
                    $($field: fields.take(stringify!($field))?,)+
                    extra: fields.rest()?,
                    raw: matches!(text, std::borrow::Cow::Owned(_)).then(|| bytes.into()),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                use $crate::protocol::Field;
                let mut map = serializer.serialize_map(None)?;
                $(match &self.$field {
                    Field::Absent => {}
                    Field::Null => map.serialize_entry(stringify!($field), &())?,
                    Field::Value(value) => map.serialize_entry(stringify!($field), value)?,
                })+
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}
pub(super) use document;
