//! JSON as Go's `encoding/json` reads and writes it.
//!
//! Maps are sorted, fields of a struct keep their order, and `<`, `>` and `&` are escaped. serde_json does
//! the parsing and the quoting; what is here is where Go differs from it.

use serde_json::Value;

/// Go escapes these three so that its JSON can stand in HTML.
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

/// One value.
pub(crate) fn encode(value: &Value) -> String {
    escape_html(&value.to_string())
}

/// One string, quoted.
pub(crate) fn string(text: &str) -> String {
    escape_html(&Value::from(text).to_string())
}

/// Text as Go sees it in JSON: each byte that is no UTF-8 becomes U+FFFD (Rust's own lossy
/// conversion joins some).
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    out
}

/// JSON text with each escape of half a surrogate pair replaced by U+FFFD, which is how Go reads
/// it; serde_json refuses it.
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
            // The escaped character may be of several bytes, though that is no JSON then.
            None => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        out.push_str(&text[at..at + length]);
        rest = at + length;
    }
    out.push_str(&text[rest..]);
    out
}

/// A struct being written field by field.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Object(String::from("{"))
    }

    /// A field whose value is JSON already.
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

/// A list of values that are JSON already.
pub(crate) fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_are_mended_and_nothing_else() {
        let same = r#"{"a":"\\ud800 \ud83d\ude00 \u00e9 \" x"}"#;
        assert_eq!(mend_surrogates(same), same);
        assert_eq!(mend_surrogates(r"\ud800\ud83d\ude00 \ude00"), r"\ufffd\ud83d\ude00 \ufffd");
        assert_eq!(mend_surrogates("\\"), "\\");
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(string("<a & b>"), r#""\u003ca \u0026 b\u003e""#);
        assert_eq!(lossy(b"a\xf0\x9fz"), "a\u{fffd}\u{fffd}z");
    }
}
