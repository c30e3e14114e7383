//! Output: results on stdout, everything else on stderr, colours and tables.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use indicatif::ProgressBar;
use serde_json::Value;

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const WEAK: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();
pub const HEADING: Style = Style::new().bold();

/// Where everything is written. Any thread may write a line.
pub struct Output {
    is_json: bool,
    colours_stdout: bool,
    colours_stderr: bool,
    /// Drawn while nothing is written, where there is one.
    pub bar: ProgressBar,
}

impl Output {
    pub fn new(is_json: bool) -> Self {
        Output {
            is_json,
            colours_stdout: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            colours_stderr: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
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

    /// Prints a notice on stderr. A write error is ignored: there is nowhere else to report it.
    pub fn note(&self, line: impl AsRef<str>) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{}", line.as_ref());
        });
    }

    /// What went wrong.
    pub fn problem(&self, text: &str) {
        let name = styled("acctl:", BAD, self.colours_stderr);
        self.note(format!("{name} {text}"));
    }

    /// Text for stdout, in a style where stdout has colours.
    pub fn styled(&self, text: &str, style: Style) -> String {
        styled(text, style, self.colours_stdout)
    }

    /// Prints rows as columns under headings.
    pub fn table(&self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(headings).add_rows(rows);
        table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
        let mut lines = table.lines();
        if let Some(headings) = lines.next() {
            self.line(self.styled(headings.trim_end(), HEADING))?;
        }
        lines.try_for_each(|line| self.line(line.trim_end()))
    }
}

fn styled(text: &str, style: Style, has_colours: bool) -> String {
    if has_colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
