//! JSON objects with known fields, which keep what they do not know and what they could not read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::controller_data::is_field;

/// Nesting limit for a field that is kept unchanged. Documents of AgentController8 nest three levels; the limit
/// keeps later reads of these fields within a small stack.
pub(super) const MAX_DEPTH: usize = 32;

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

/// What is wrong with a document. It names places, never values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("not a JSON object: {0}")]
    NotAnObject(String),
    #[error("not a list of JSON objects: {0}")]
    NotAList(String),
}

impl DocumentError {
    pub(super) fn not_a_list(error: &serde_json::Error) -> Self {
        DocumentError::NotAList(place(error))
    }
}

/// A field that a document spells in another way than acclient does, or that is of no use.
#[derive(Debug, Clone)]
pub(crate) struct Odd {
    pub(crate) name: String,
    /// As it stands in the document; `None` where it nests too deep to be kept.
    pub(crate) json: Option<Box<RawValue>>,
    /// Whether its value was dropped, or a part of it.
    pub(crate) is_dropped: bool,
}

/// The fields of an object as they stand in its text, without a copy and without recursion.
pub(crate) struct Fields<'a> {
    /// `None` in place of those that were taken: nothing moves.
    fields: Vec<Option<(Cow<'a, str>, &'a RawValue)>>,
    odd: Vec<Odd>,
    /// Whether what was taken says all that the text says.
    is_exact: bool,
}

/// What is left of an object after its known fields were taken.
pub(crate) struct Rest {
    /// Unknown fields.
    pub(crate) extra: Vec<(String, Box<RawValue>)>,
    pub(crate) odd: Vec<Odd>,
    /// Whether known fields, `extra` and the JSON of `odd` say all that the text says.
    pub(crate) is_exact: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, DocumentError> {
        serde_json::from_str(text).map_err(|error| DocumentError::NotAnObject(place(&error)))
    }

    /// Takes a field out. Of several of its name the last that can be read counts; a name in another case
    /// counts where the exact one does not, as Go's decoder has it.
    pub(crate) fn take<T: TakeField>(&mut self, field: &'static str) -> Field<T> {
        let known = self.odd.len();
        let taken = self.take_named(field, |name| name == field);
        if taken.value().is_some()
            || !self.fields.iter().flatten().any(|(name, _)| is_field(name, field))
        {
            return taken;
        }
        self.is_exact = false;
        self.odd.truncate(known);
        match self.take_named(field, |name| is_field(name, field)) {
            Field::Absent | Field::Null => taken,
            folded => folded,
        }
    }

    fn take_named<T: TakeField>(
        &mut self,
        field: &'static str,
        is_it: impl Fn(&str) -> bool,
    ) -> Field<T> {
        let mut taken = Field::Absent;
        let mut odd = None;
        let mut count = 0;
        for slot in &mut self.fields {
            let Some((_, json)) = slot.take_if(|(name, _)| is_it(name)) else { continue };
            count += 1;
            if json.get() == "null" {
                if matches!(taken, Field::Absent) {
                    taken = Field::Null;
                }
                continue;
            }
            let is_dropped = match T::take(json) {
                Taken::Plain(value) => {
                    taken = Field::Value(value);
                    odd = None;
                    continue;
                }
                Taken::Odd(value) => {
                    taken = Field::Value(value);
                    false
                }
                Taken::Part(value) => {
                    taken = Field::Value(value);
                    true
                }
                Taken::Nothing if taken.value().is_some() => continue,
                Taken::Nothing => true,
            };
            let json = (depth(json.get()) <= MAX_DEPTH).then(|| json.to_owned());
            odd = Some(Odd { name: field.to_owned(), json, is_dropped });
        }
        self.is_exact &= count < 2;
        self.odd.extend(odd);
        taken
    }

    /// The fields in the order of the text, those of one name as often as it has them.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.fields.into_iter().flatten()
    }

    /// All that was not taken, without what nests too deep to be kept.
    pub(crate) fn rest(mut self) -> Rest {
        let mut extra = Vec::new();
        for (name, json) in self.fields.into_iter().flatten() {
            let name = name.into_owned();
            if depth(json.get()) > MAX_DEPTH {
                self.odd.push(Odd { name, json: None, is_dropped: true });
            } else {
                extra.push((name, json.to_owned()));
            }
        }
        let is_exact = self.is_exact && self.odd.is_empty();
        Rest { extra, odd: self.odd, is_exact }
    }
}

/// What was read of a field.
pub(crate) enum Taken<T> {
    Plain(T),
    /// All of it, from JSON of another form.
    Odd(T),
    /// What could be read of it.
    Part(T),
    Nothing,
}

/// A type that a field can have, read from any JSON that can be understood as it.
pub(crate) trait TakeField: Sized {
    fn take(json: &RawValue) -> Taken<Self>;
}

/// How deep arrays and objects nest in a JSON text.
pub(crate) fn depth(json: &str) -> usize {
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

/// Returns the text of a document. Bytes that are not UTF-8, and escapes that are half of a surrogate pair,
/// become U+FFFD, as in Go's decoder: the output of a program must not make its result unreadable.
pub(crate) fn mended(bytes: &[u8]) -> Cow<'_, str> {
    // Most documents are valid UTF-8, which is validated several bytes at a time.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    };
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

/// The numbers that JSON does not have. Python writes them, and Go refuses them.
const NO_NUMBERS: [&str; 2] = ["NaN", "Infinity"];

/// The text of a document that another program has written: [`mended`], without a byte order mark, and with the
/// numbers that JSON does not have as strings, so that they are dropped where a number is expected.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = mended(bytes);
    for word in NO_NUMBERS {
        if !text.contains(word) {
            continue;
        }
        let is_there = |at: usize| text.as_bytes()[at..].starts_with(word.as_bytes());
        let places = unquoted(&text).map(|(at, _)| at).filter(|at| is_there(*at));
        for at in places.collect::<Vec<_>>().into_iter().rev() {
            let is_negative = at > 0 && text.as_bytes()[at - 1] == b'-';
            let start = at - usize::from(is_negative);
            let end = at + word.len();
            let quoted = format!("\"{}\"", &text[start..end]);
            text.to_mut().replace_range(start..end, &quoted);
        }
    }
    text
}

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

/// Where the escapes are that are half of a surrogate pair without the other half.
fn half_pairs(text: &str) -> Vec<usize> {
    let mut halves = Vec::new();
    if !text.contains('\\') || (!text.contains(r"\ud") && !text.contains(r"\uD")) {
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
                    fields.push(Some((field.0.0, field.1)));
                }
                Ok(Fields { fields, odd: Vec::new(), is_exact: true })
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
            /// Fields that were read from JSON of another form, or dropped.
            $vis odd: Vec<$crate::protocol::Odd>,
            /// The document byte for byte, where the other fields say it in another way.
            #[allow(dead_code, reason = "asked for of results only")]
            $vis raw: Option<Box<[u8]>>,
        }

        impl $name {
            /// Reads a document: any JSON object. What cannot be read of it is dropped.
            $vis fn parse(bytes: &[u8]) -> Result<Self, $crate::protocol::DocumentError> {
                let text = $crate::protocol::document::readable(bytes);
                let mut fields = $crate::protocol::document::Fields::parse(&text)?;
                $(let $field = fields.take(stringify!($field));)+
                let $crate::protocol::document::Rest { extra, odd, is_exact } = fields.rest();
                let is_exact = is_exact
                    && matches!(text, std::borrow::Cow::Borrowed(text) if text.len() == bytes.len());
                Ok($name { $($field,)+ extra, odd, raw: (!is_exact).then(|| bytes.into()) })
            }

            /// Names of the fields whose value was dropped, or a part of it.
            $vis fn dropped(&self) -> impl Iterator<Item = &str> {
                self.odd.iter().filter(|odd| odd.is_dropped).map(|odd| odd.name.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                use $crate::protocol::Field;
                let mut map = serializer.serialize_map(None)?;
                $(match self.odd.iter().find(|odd| odd.name == stringify!($field)) {
                    Some(odd) => {
                        if let Some(json) = &odd.json {
                            map.serialize_entry(stringify!($field), json)?;
                        }
                    }
                    None => match &self.$field {
                        Field::Absent => {}
                        Field::Null => map.serialize_entry(stringify!($field), &())?,
                        Field::Value(value) => map.serialize_entry(stringify!($field), value)?,
                    }
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
