//! JSON in the format of Go's `encoding/json`.
//!
//! Maps are sorted, struct fields keep their order, and `<`, `>` and `&` are escaped. serde_json parses and quotes; this
//! module implements the differences.

use serde_json::Value;

/// Escapes the characters that Go escapes for use of JSON in HTML.
fn escape_html(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// Encodes a value.
pub(crate) fn encode(value: &Value) -> String {
    escape_html(&value.to_string())
}

/// Encodes a string, with quotes.
pub(crate) fn string(text: &str) -> String {
    escape_html(&Value::from(text).to_string())
}

/// Decodes UTF-8 like Go: every invalid byte becomes U+FFFD. Rust's lossy conversion merges some.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    out
}

/// Replaces escapes of unpaired surrogates by U+FFFD, like Go. serde_json rejects them.
pub(crate) fn mend_surrogates(text: &str) -> String {
    let escape = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(found) = text[rest..].find('\\') {
        let at = rest + found;
        out.push_str(&text[rest..at]);
        let length = match escape(at) {
            Some(0xd800..=0xdbff) if matches!(escape(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.push_str("\\ufffd");
                rest = at + 6;
                continue;
            }
            Some(_) => 6,
            // The escaped character may have several bytes, which is invalid JSON.
            None => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&text[at..at + length]);
        rest = at + length;
    }
    out.push_str(&text[rest..]);
    out
}

/// Writer of a struct, field by field.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Object(String::from("{"))
    }

    /// Adds a field whose value is already JSON.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&string(name));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        let json = string(value);
        self.raw(name, &json)
    }

    pub(crate) fn int(self, name: &str, value: i64) -> Self {
        let json = value.to_string();
        self.raw(name, &json)
    }

    pub(crate) fn value(self, name: &str, value: &Value) -> Self {
        let json = encode(value);
        self.raw(name, &json)
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Encodes a list of values that are already JSON.
pub(crate) fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unpaired_surrogates_are_replaced() {
        let same = r#"{"a":"\\ud800 \ud83d\ude00 \u00e9 \" x"}"#;
        assert_eq!(mend_surrogates(same), same);
        assert_eq!(mend_surrogates(r"\ud800\ud83d\ude00 \ude00"), r"\ufffd\ud83d\ude00 \ufffd");
        assert_eq!(mend_surrogates("\\"), "\\");
    }

    #[test]
    fn strings_are_escaped_like_go() {
        assert_eq!(string("<a & b>"), r#""\u003ca \u0026 b\u003e""#);
        assert_eq!(lossy(b"a\xf0\x9fz"), "a\u{fffd}\u{fffd}z");
    }
}
