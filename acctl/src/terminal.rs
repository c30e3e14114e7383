//! Escapes control characters in untrusted text before it is shown on a terminal.

use std::borrow::Cow;
use std::fmt::Write;

const ESCAPE: char = '\x1b';
const RESET: &str = "\x1b[0m";

/// Escapes text for a terminal: `^[` for ESC, `<U+202E>` for a right-to-left override. Newlines and tabs are kept. With
/// `colours`, SGR sequences are kept too, and reset at the end of each line.
pub fn visible(text: &str, colours: bool) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + RESET.len());
    let mut rest = text;
    let mut is_coloured = false;
    while let Some(at) = rest.find(|letter| is_control(letter) || is_coloured && letter == '\n') {
        let (plain, behind) = rest.split_at(at);
        shown.push_str(plain);
        let sgr = sgr(behind);
        if let Some(sequence) = sgr {
            if colours {
                shown.push_str(sequence);
                is_coloured = true;
            }
            rest = &behind[sequence.len()..];
            continue;
        }
        let mut letters = behind.chars();
        match letters.next() {
            Some('\n') => {
                shown.push_str(RESET);
                shown.push('\n');
                is_coloured = false;
            }
            // CRLF: drop the carriage return.
            Some('\r') if letters.as_str().starts_with('\n') => {}
            Some(letter) => show(letter, &mut shown),
            None => {}
        }
        rest = letters.as_str();
    }
    shown.push_str(rest);
    if is_coloured {
        shown.push_str(RESET);
    }
    Cow::Owned(shown)
}

/// Escapes the text of a table cell, including SGR sequences and newlines.
pub fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_control(letter) || letter.is_control() {
            true => show(letter, &mut shown),
            false => shown.push(letter),
        }
    }
    shown
}

/// Escapes a JSON document for a terminal. Control characters only occur in strings, so JSON escapes are used.
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.contains(is_control) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len());
    for letter in document.chars() {
        match is_control(letter) {
            true => _ = write!(shown, "\\u{:04x}", u32::from(letter)),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal may interpret the character: C0 except newline and tab, DEL, C1, and bidirectional controls.
fn is_control(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{061C}' | '\u{200E}' | '\u{200F}' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        letter => letter.is_control(),
    }
}

fn show(letter: char, shown: &mut String) {
    match letter {
        '\0'..='\x1f' => shown.extend(['^', char::from(letter as u8 + b'@')]),
        '\x7f' => shown.push_str("^?"),
        letter => _ = write!(shown, "<U+{:04X}>", u32::from(letter)),
    }
}

/// SGR sequence at the start of the text, if any.
fn sgr(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix(ESCAPE)?.strip_prefix('[')?;
    let end = parameters.find(|letter: char| !matches!(letter, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then(|| &text[..end + "\x1b[m".len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("Grüße\n", "Grüße\n"),
            ("\x1b]0;title\x07", "^[]0;title^G"),
            ("\x1b]52;c;aGk=\x1b\\", "^[]52;c;aGk=^[\\"),
            ("a\x1b[2J\x1b[1;1Hb", "a^[[2J^[[1;1Hb"),
            ("\x1b[?1049h\x1b[>4;2m", "^[[?1049h^[[>4;2m"),
            ("a\rb\r\nc\r\r\n", "a^Mb\nc^M\n"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("a\u{202e}b\u{2066}", "a<U+202E>b<U+2066>"),
            ("\0\x08\x0b\x0c\x7f\x1b", "^@^H^K^L^?^["),
            ("\x1b[", "^[["),
            ("\x1b[31", "^[[31"),
        ] {
            assert_eq!(visible(text, true), shown, "{text:?}");
            assert_eq!(visible(text, false), shown, "{text:?}");
        }
    }

    #[test]
    fn colours_are_reset_at_the_end_of_each_line() {
        for (text, shown, plain) in [
            ("\x1b[31mred\x1b[0m.\n.", "\x1b[31mred\x1b[0m.\x1b[0m\n.", "red.\n."),
            ("\x1b[1;38:5:9mred\nnot", "\x1b[1;38:5:9mred\x1b[0m\nnot", "red\nnot"),
            ("\x1b[mx", "\x1b[mx\x1b[0m", "x"),
        ] {
            assert_eq!(visible(text, true), shown);
            assert_eq!(visible(text, false), plain);
        }
    }

    #[test]
    fn cells_have_one_line_and_no_colours() {
        assert_eq!(cell("a\n\x1b[31mb\t\u{202e}"), "a^J^[[31mb^I<U+202E>");
    }

    #[test]
    fn escaped_documents_are_valid_json() {
        let document = serde_json::json!({ "a\u{9b}": "\x1b[2J\u{202e}\u{7f}\n" });
        let (shown, text) = (json(&document.to_string()).into_owned(), document.to_string());
        assert!(!shown.contains(is_control) && text.contains(is_control), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), document);
    }

    #[test]
    fn escaped_text_contains_no_control_characters() {
        let letters: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        let shown = visible(&letters, true);
        assert!(!shown.contains(is_control));
        assert_eq!(visible(&shown, true), shown);
    }
}
