//! What is written where: results to stdout, all else to stderr, colours on terminals only.

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;
use serde_json::Value;

/// Colours, by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Good,
    Weak,
    Bad,
    Heading,
}

impl Tint {
    fn code(self) -> &'static str {
        match self {
            Tint::Good => "32",
            Tint::Weak => "33",
            Tint::Bad => "31",
            Tint::Heading => "1",
        }
    }
}

/// Where everything is written. Any thread may write a line.
pub struct Output {
    is_json: bool,
    tints_stdout: bool,
    tints_stderr: bool,
    /// Drawn while nothing is written, where there is one.
    pub bar: ProgressBar,
}

impl Output {
    pub fn new(is_json: bool) -> Self {
        let says_no = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let may = !says_no("NO_COLOR") && !is_dumb;
        Output {
            is_json,
            tints_stdout: may && io::stdout().is_terminal(),
            tints_stderr: may && io::stderr().is_terminal(),
            bar: ProgressBar::hidden(),
        }
    }

    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Bytes of a result, as they are.
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        })
    }

    /// Text of a result; a last line that is not ended is.
    pub fn text(&self, text: &str) -> io::Result<()> {
        match text.is_empty() || text.ends_with('\n') {
            true => self.bytes(text.as_bytes()),
            false => self.line(text),
        }
    }

    /// A line of the result.
    pub fn line(&self, line: impl AsRef<str>) -> io::Result<()> {
        self.bytes(format!("{}\n", line.as_ref()).as_bytes())
    }

    /// A JSON document, where JSON is wanted.
    pub fn document(&self, document: Value) -> io::Result<()> {
        if self.is_json { self.line(document.to_string()) } else { Ok(()) }
    }

    /// What is no result. Nobody is told if it cannot be written.
    pub fn note(&self, line: impl AsRef<str>) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{}", line.as_ref());
        });
    }

    /// What went wrong.
    pub fn problem(&self, text: &str) {
        let name = tinted("acctl:", Tint::Bad, self.tints_stderr);
        self.note(format!("{name} {text}"));
    }

    /// Text for stdout.
    pub fn tint(&self, text: &str, tint: Tint) -> String {
        tinted(text, tint, self.tints_stdout)
    }

    /// Columns under headings, as wide as they have to be.
    pub fn table(&self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or_default();
            widest.max(headings[column].chars().count())
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        let join = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
        self.line(self.tint(&join(&headings), Tint::Heading))?;
        rows.iter().try_for_each(|row| self.line(join(row)))
    }
}

fn tinted(text: &str, tint: Tint, is_on: bool) -> String {
    if is_on { format!("\x1b[{}m{text}\x1b[0m", tint.code()) } else { text.to_owned() }
}
