//! Writes text as a JSON string, with the escapes of serde_json. serde_json checks each byte on its own, which is a
//! quarter of the instructions of a submit, although most data needs no escape.

/// Number of bytes that are checked together, with vector instructions.
const AT_ONCE: usize = 32;

/// Appends `text` as a JSON string.
pub(super) fn write(into: &mut Vec<u8>, text: &str) {
    into.reserve(text.len() + 2);
    into.push(b'"');
    let (chunks, rest) = text.as_bytes().as_chunks::<AT_ONCE>();
    for chunk in chunks {
        if chunk.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
            escape(into, chunk);
        } else {
            into.extend_from_slice(chunk);
        }
    }
    escape(into, rest);
    into.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Appends bytes with escapes. Only ASCII is escaped, so a chunk may end within a character.
fn escape(into: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let letter = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\t' => b't',
            b'\r' => b'r',
            0x08 => b'b',
            0x0c => b'f',
            byte if *byte < b' ' => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                into.extend_from_slice(b"\\u00");
                into.extend_from_slice(&digits);
                continue;
            }
            byte => {
                into.push(*byte);
                continue;
            }
        };
        into.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_serde_json_writes() {
        let ascii: String = (0..128u8).map(char::from).collect();
        let mut texts = vec![String::new(), ascii.clone(), "é\u{7f}\u{2028}€😀".repeat(30)];
        // Every escape at every place of a chunk, and beside its ends.
        for place in 0..=3 * AT_ONCE {
            for text in ["\n", "\"", "\\", "\0", "\u{1f}", "é", "😀"] {
                let mut long = "x".repeat(3 * AT_ONCE);
                long.insert_str(place, text);
                texts.push(long);
            }
            texts.push(ascii.repeat(2)[..place].to_owned());
        }
        for text in texts {
            let mut written = Vec::new();
            write(&mut written, &text);
            assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }
}
