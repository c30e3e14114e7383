//! Output of a job, split into lines and messages.

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

use crate::gojson;

/// All levels, the meaning of `"*"`.
pub(crate) const ALL_LEVELS: [i64; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 30];
pub(crate) const STDOUT: i64 = 1;
pub(crate) const STDERR: i64 = 2;
pub(crate) const JSON: i64 = 20;
pub(crate) const CRITICAL: i64 = 9;
/// Level that the agent uses for the end of a job. A message of a process with this level counts as stderr.
const EXIT_STATE: i64 = 50;
/// Messages above this level are for the agent itself.
pub(crate) const INTERNAL: i64 = 100;
/// Message with the id of a process to count and kill with the job.
pub(crate) const TRACKED: i64 = 101;
/// Number of lines kept of each stream.
const KEPT_LINES: usize = 1000;

/// Go's error for text that is not a number, encoded as the agent returns it.
fn not_a_number(text: &str) -> String {
    let text = gojson::string(text);
    format!(r#"{{"Func":"ParseInt","Num":{text},"Err":{{}}}}"#)
}

/// Parses `"*"`, `"1,2,6-9"` or an array of integers. Errors are those of Go as encoded by the agent.
pub(crate) fn parse_levels(value: &Value) -> Result<Vec<i64>, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Array(items) => {
            let levels = items.iter().map(Value::as_i64).collect::<Option<_>>();
            return levels.ok_or_else(String::new);
        }
        _ => return Err(String::new()),
    };
    let number = |text: &str| text.parse::<i32>().map_err(|_| not_a_number(text));
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let mut bounds = part.split('-').map(|bound| bound.trim_matches(' '));
        let (low, high) = (bounds.next().unwrap_or_default(), bounds.next());
        let high = high.map(number).transpose()?;
        if low == "*" {
            found.extend(ALL_LEVELS);
            continue;
        }
        let low = i64::from(number(low)?);
        let high = high.map_or(low, i64::from);
        found.extend(ALL_LEVELS.iter().filter(|level| (low..=high).contains(level)));
    }
    Ok(found.into_iter().collect())
}

/// Message of a job.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) level: i64,
    pub(crate) text: String,
}

/// Splits a stream into messages.
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

    /// Handles the end of the stream: emits a last line without a newline, and drops an unterminated multi-line message.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(Message)) {
        let rest = std::mem::take(&mut self.partial);
        self.line(&rest, emit);
        self.multi = None;
    }

    /// Handles a line. Empty lines are dropped, also within a message.
    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(Message)) {
        if line.is_empty() {
            return;
        }
        let mut emit = |level: i64, text: &[u8]| {
            let level = if level == EXIT_STATE { STDERR } else { level };
            emit(Message { level, text: gojson::lossy(text) });
        };
        if let Some((level, mut lines)) = self.multi.take() {
            if line == b":::" {
                emit(level, &lines.join(&b'\n'));
            } else {
                lines.push(line.to_vec());
                self.multi = Some((level, lines));
            }
            return;
        }
        match prefix(line) {
            Some((level, true, text)) => self.multi = Some((level, vec![text.to_vec()])),
            Some((level, false, text)) => emit(level, text),
            None => emit(self.level, line),
        }
    }
}

/// Parses `N::text`, or `N:::text` for the start of a multi-line message.
fn prefix(line: &[u8]) -> Option<(i64, bool, &[u8])> {
    let digits = line.iter().position(|b| !b.is_ascii_digit())?;
    let level = std::str::from_utf8(&line[..digits]).ok()?.parse().ok()?;
    let rest = line[digits..].strip_prefix(b"::")?;
    Some(rest.strip_prefix(b":").map_or((level, false, rest), |text| (level, true, text)))
}

/// Part of the output that goes into the result.
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
    fn lines_are_joined_across_chunks() {
        let found = messages(&[b"on", b"e\n\ntw", b"o"]);
        assert_eq!(found, [(1, "one".to_string()), (1, "two".to_string())]);
    }

    #[test]
    fn prefixes_set_levels_and_multi_line_messages() {
        let found = messages(&[b"7::warn\n20:::{\"a\":\n\n1}\n:::\n9 :: no\n50::x\n20:::cut\n"]);
        let wanted = [(7, "warn"), (20, "{\"a\":\n1}"), (1, "9 :: no"), (2, "x")];
        assert_eq!(found, wanted.map(|(level, text)| (level, text.to_string())));
    }

    #[test]
    fn each_invalid_byte_becomes_one_replacement_character() {
        assert_eq!(messages(&[b"a\xf0\x9fb\n"]), [(1, "a\u{fffd}\u{fffd}b".to_string())]);
    }

    #[test]
    fn level_lists() {
        let levels = |text: &str| parse_levels(&text.into());
        assert_eq!(levels("1, 2,6-9"), Ok(vec![1, 2, 6, 7, 8, 9]));
        assert_eq!(levels("*").map(|l| l.len()), Ok(16));
        assert_eq!(levels("12,9-5"), Ok(vec![]));
        assert_eq!(levels("abc"), Err(r#"{"Func":"ParseInt","Num":"abc","Err":{}}"#.into()));
        assert_eq!(levels("1-b"), Err(r#"{"Func":"ParseInt","Num":"b","Err":{}}"#.into()));
        assert!(levels("").is_err() && parse_levels(&Value::Null).is_err());
    }
}
