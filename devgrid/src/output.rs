//! Output of a job, split into lines and messages of other levels.

use std::collections::VecDeque;

use serde_json::Value;

use crate::gojson;

/// All levels there are, which is what `"*"` stands for.
pub(crate) const ALL_LEVELS: [i64; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 30];
pub(crate) const STDOUT: i64 = 1;
pub(crate) const STDERR: i64 = 2;
pub(crate) const JSON: i64 = 20;
pub(crate) const CRITICAL: i64 = 9;
/// So many lines of each stream are kept.
const KEPT_LINES: usize = 1000;

/// Reads `"*"`, `"1,2,6-9"` or an array of integers; `None` for anything else.
pub(crate) fn parse_levels(value: &Value) -> Option<Vec<i64>> {
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Array(items) => return items.iter().map(Value::as_i64).collect(),
        _ => return None,
    };
    if text == "*" {
        return Some(ALL_LEVELS.to_vec());
    }
    let mut levels = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (i64, i64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        // No level is that high, and a wide range must not fill the memory.
        levels.extend(from.max(0)..=to.min(1000));
    }
    Some(levels)
}

/// One message of a job.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) level: i64,
    pub(crate) text: String,
}

/// Splits one stream into messages.
pub(crate) struct Splitter {
    level: i64,
    partial: Vec<u8>,
    multi: Option<(i64, Vec<Vec<u8>>)>,
}

impl Splitter {
    pub(crate) fn new(level: i64) -> Self {
        Splitter { level, partial: Vec::new(), multi: None }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8], emit: &mut dyn FnMut(Message)) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let Some(line) = piece.strip_suffix(b"\n") else {
                self.partial.extend_from_slice(piece);
                continue;
            };
            if self.partial.is_empty() {
                self.line(line, emit);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, emit);
            }
        }
    }

    /// The stream is at its end: a last line without a newline counts too.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Message)) {
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            self.line(&rest, emit);
        }
        if let Some((level, lines)) = self.multi.take() {
            emit(Message { level, text: gojson::lossy(&lines.join(&b'\n')) });
        }
    }

    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(Message)) {
        if let Some((level, mut lines)) = self.multi.take() {
            if line == b":::" {
                emit(Message { level, text: gojson::lossy(&lines.join(&b'\n')) });
            } else {
                lines.push(line.to_vec());
                self.multi = Some((level, lines));
            }
            return;
        }
        if line.is_empty() {
            return;
        }
        match prefix(line) {
            Some((level, true, text)) => self.multi = Some((level, vec![text.to_vec()])),
            Some((level, false, text)) => emit(Message { level, text: gojson::lossy(text) }),
            None => emit(Message { level: self.level, text: gojson::lossy(line) }),
        }
    }
}

/// `N::text` or, several lines to come, `N:::text`.
fn prefix(line: &[u8]) -> Option<(i64, bool, &[u8])> {
    let digits = line.iter().position(|b| !b.is_ascii_digit())?;
    let level = std::str::from_utf8(&line[..digits]).ok()?.parse().ok()?;
    let rest = line[digits..].strip_prefix(b"::")?;
    Some(rest.strip_prefix(b":").map_or((level, false, rest), |text| (level, true, text)))
}

/// What of the output goes into the result.
#[derive(Default)]
pub(crate) struct Output {
    streams: [VecDeque<String>; 2],
    pub(crate) critical: String,
    pub(crate) data: String,
    pub(crate) level: i64,
}

impl Output {
    pub(crate) fn add(&mut self, message: Message) {
        match message.level {
            STDOUT | STDERR => {
                let stream = &mut self.streams[usize::from(message.level == STDERR)];
                if stream.len() == KEPT_LINES {
                    stream.pop_front();
                }
                stream.push_back(message.text);
            }
            CRITICAL => self.critical = message.text,
            20..=23 | 30 => (self.level, self.data) = (message.level, message.text),
            _ => {}
        }
    }

    pub(crate) fn streams(&self) -> [String; 2] {
        let joined =
            |lines: &VecDeque<String>| lines.iter().flat_map(|line| [line, "\n"]).collect();
        [joined(&self.streams[0]), joined(&self.streams[1])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(chunks: &[&[u8]]) -> Vec<(i64, String)> {
        let mut found = Vec::new();
        let mut splitter = Splitter::new(STDOUT);
        for chunk in chunks {
            splitter.feed(chunk, &mut |m| found.push((m.level, m.text)));
        }
        splitter.finish(&mut |m| found.push((m.level, m.text)));
        found
    }

    #[test]
    fn lines_come_whole_from_torn_chunks() {
        let found = messages(&[b"on", b"e\n\ntw", b"o"]);
        assert_eq!(found, [(1, "one".to_string()), (1, "two".to_string())]);
    }

    #[test]
    fn levels_and_several_lines() {
        let found = messages(&[b"7::warn\n20:::{\"a\":\n\n1}\n:::\n9 :: no\n"]);
        let wanted = [(7, "warn"), (20, "{\"a\":\n\n1}"), (1, "9 :: no")];
        assert_eq!(found, wanted.map(|(level, text)| (level, text.to_string())));
    }

    #[test]
    fn each_broken_byte_becomes_one_replacement() {
        assert_eq!(messages(&[b"a\xf0\x9fb\n"]), [(1, "a\u{fffd}\u{fffd}b".to_string())]);
    }

    #[test]
    fn level_lists() {
        assert_eq!(parse_levels(&"1,2,6-9".into()), Some(vec![1, 2, 6, 7, 8, 9]));
        assert_eq!(parse_levels(&"*".into()).map(|l| l.len()), Some(16));
        assert_eq!(parse_levels(&"a-b".into()), None);
        assert_eq!(parse_levels(&Value::Null), None);
    }
}
