//! What text may hold on the wire.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What a text is escaped for in the printed form of a command: the result is one word, in a shell
/// too.
pub(crate) const WORD: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Why something is not sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Invalid {
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("{what} holds a NUL at byte {offset}: programs, names and environments cannot")]
    Nul { what: &'static str, offset: usize },
    #[error("{what} is not UTF-8 at byte {offset}: the wire carries text only")]
    NotUtf8 { what: &'static str, offset: usize },
    #[error("{what} is {size} bytes long; the limit is {limit}")]
    TooLong { what: &'static str, size: usize, limit: usize },
    #[error("{0}")]
    Other(String),
}

/// A name, id, argument or variable: no NUL, since it ends up in a C string sooner or later.
pub(crate) fn check_name(what: &'static str, text: &str) -> Result<(), Invalid> {
    match text.bytes().position(|byte| byte == 0) {
        Some(offset) => Err(Invalid::Nul { what, offset }),
        None => Ok(()),
    }
}

/// A payload: any UTF-8. What is something else is refused, never bent.
#[cfg(any(feature = "capi", test))]
pub(crate) fn check_payload<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, Invalid> {
    std::str::from_utf8(bytes)
        .map_err(|error| Invalid::NotUtf8 { what, offset: error.valid_up_to() })
}

/// The same of bytes that are given away.
pub(crate) fn into_payload(what: &'static str, bytes: Vec<u8>) -> Result<String, Invalid> {
    String::from_utf8(bytes)
        .map_err(|error| Invalid::NotUtf8 { what, offset: error.utf8_error().valid_up_to() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told() {
        assert_eq!(check_payload("data", b"a\0b"), Ok("a\0b"));
        assert_eq!(
            check_payload("data", b"ab\xff"),
            Err(Invalid::NotUtf8 { what: "data", offset: 2 })
        );
        assert_eq!(check_name("id", "a\0"), Err(Invalid::Nul { what: "id", offset: 1 }));
    }
}
