//! Tables of an instances file, parsed so that an error in one does not affect the others.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Maximum number of lines left out; each takes another parse.
const MOST_LEFT_OUT: usize = 100;

/// The parseable part of a file. Positions are byte offsets.
pub(super) struct Tables<'a> {
    tables: DeTable<'a>,
    /// Positions of syntax errors and of duplicate tables.
    faults: Vec<usize>,
}

/// Calls `look` with the parseable part of a file.
///
/// `Err` is the position of an error that leaves table boundaries unclear, so that no key can be assigned to
/// a table.
pub(super) fn read<T>(text: &str, look: impl FnOnce(&Tables<'_>) -> T) -> Result<T, usize> {
    let mut text = text.to_owned();
    let mut faults = Vec::new();
    for _ in 0..MOST_LEFT_OUT {
        let (tables, errors) = DeTable::parse_recoverable(&text);
        let tables = tables.into_inner();
        let mut left_out = None;
        let before = faults.len();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let at = span.start.min(text.len());
            let line = line(&text, at);
            if text[line.clone()].trim_start().starts_with('[') && !is_name(&tables, &span) {
                return Err(at);
            }
            faults.push(at);
            left_out = left_out.or(Some(line).filter(|line| is_without_value(&text[line.clone()])));
        }
        let Some(line) = left_out else {
            return Ok(look(&Tables { tables, faults }));
        };
        // The parser drops everything after a key without a value.
        faults.truncate(before);
        faults.push(line.start);
        let blank = " ".repeat(line.len());
        text.replace_range(line, &blank);
    }
    Err(faults[0])
}

/// Whether a line starts with a key and has no value.
fn is_without_value(line: &str) -> bool {
    let line = line.trim_start();
    let is_key = |first: char| first.is_alphanumeric() || "-_\"'".contains(first);
    let is_text = line.starts_with("\"\"\"") || line.starts_with("'''");
    line.starts_with(is_key) && !is_text && !line.contains('=')
}

/// The line around a position, without its line break.
pub(super) fn line(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |it| at + it);
    start..end
}

/// Whether a span is the name of a table or subtable in its header.
fn is_name(tables: &DeTable<'_>, span: &Range<usize>) -> bool {
    !span.is_empty()
        && tables.iter().any(|(name, value)| {
            let inner = value.get_ref().as_table().into_iter().flatten();
            name.span() == *span || inner.into_iter().any(|(name, _)| name.span() == *span)
        })
}

impl<'a> Tables<'a> {
    /// The tables, and the values outside of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Spanned<DeString<'a>>, &DeValue<'a>)> {
        self.tables.iter().map(|(name, value)| (name, value.get_ref()))
    }

    /// The position of the first error in the file.
    pub(super) fn first_fault(&self) -> Option<usize> {
        self.faults.iter().min().copied()
    }

    /// Errors in the table `name`, or in its subtable `inner`.
    pub(super) fn faults<'s>(
        &'s self,
        name: &'s str,
        inner: Option<&'s str>,
    ) -> impl Iterator<Item = usize> + 's {
        let headers = self.headers();
        let owner = move |at: usize| {
            let before = headers.iter().filter(|(start, ..)| *start <= at);
            before.max_by_key(|(start, ..)| *start).map(|(_, name, inner)| (*name, *inner))
        };
        self.faults.iter().copied().filter(move |at| owner(*at) == Some((name, inner)))
    }

    /// Start positions of tables and subtables.
    fn headers(&self) -> Vec<(usize, &str, Option<&str>)> {
        let mut headers = Vec::new();
        for (name, value) in &self.tables {
            headers.push((name.span().start, &**name.get_ref(), None));
            for (inner, value) in value.get_ref().as_table().into_iter().flatten() {
                // The span of a table with a header starts at the header, before its name.
                if value.get_ref().is_table() && value.span().start < inner.span().start {
                    let inner_name = Some(&**inner.get_ref());
                    headers.push((inner.span().start, &**name.get_ref(), inner_name));
                }
            }
        }
        headers
    }
}
