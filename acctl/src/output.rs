//! Output: results on stdout, everything else on stderr; colours and tables. No other module writes to them.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use serde_json::Value;
use terminal_size::terminal_size_of;

use crate::bar::Bar;
use crate::terminal;

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const WEAK: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();
pub const HEADING: Style = Style::new().bold();

/// How text is shown on stdout or stderr.
#[derive(Clone, Copy)]
struct Look {
    has_colours: bool,
    /// Whether control characters are escaped, as on a terminal.
    is_filtered: bool,
}

impl Look {
    fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.is_filtered {
            true => terminal::visible(text, self.has_colours),
            false => Cow::Borrowed(text),
        }
    }
}

/// Output of the process. Thread-safe; lines are written atomically.
pub struct Output {
    is_json: bool,
    /// `type` of documents that do not set it.
    kind: &'static str,
    stdout: Look,
    stderr: Look,
    /// Progress bar, erased while text is written.
    pub bar: Arc<Bar>,
}

impl Output {
    /// With `is_raw`, terminals receive control characters unescaped. `kind` is the `type` of documents that do not set
    /// it.
    pub fn new(is_json: bool, is_raw: bool, kind: &'static str) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Output {
            is_json,
            kind,
            stdout: Look {
                has_colours: AutoStream::choice(&stdout) != ColorChoice::Never,
                is_filtered: stdout.is_terminal() && !is_raw,
            },
            stderr: Look {
                has_colours: AutoStream::choice(&stderr) != ColorChoice::Never,
                is_filtered: stderr.is_terminal() && !is_raw,
            },
            bar: Arc::new(Bar::new()),
        }
    }

    pub fn colours_stdout(&self) -> bool {
        self.stdout.has_colours
    }

    pub fn colours_stderr(&self) -> bool {
        self.stderr.has_colours
    }

    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Prints text of a result, adding a final newline if it is missing.
    pub fn text(&self, text: &str) -> io::Result<()> {
        self.write(&self.stdout.shown(text), text.is_empty() || text.ends_with('\n'))
    }

    /// Prints text of one of several results. It is indented on a terminal, so that a job cannot forge the heading of
    /// another.
    pub fn text_below_heading(&self, text: &str) -> io::Result<()> {
        if !self.stdout.is_filtered {
            return self.text(text);
        }
        let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
        self.text(&lines)
    }

    /// Prints a line on stdout.
    pub fn line(&self, line: impl AsRef<str>) -> io::Result<()> {
        self.write(&self.stdout.shown(line.as_ref()), false)
    }

    /// Prints a JSON document if `--json` is set.
    pub fn document(&self, mut document: Value) -> io::Result<()> {
        if !self.is_json {
            return Ok(());
        }
        if document["type"].is_null() {
            document["type"] = self.kind.into();
        }
        let text = document.to_string();
        match self.stdout.is_filtered {
            true => self.write(&terminal::json(&text), false),
            false => self.write(&text, false),
        }
    }

    /// Prints text of a job's stderr.
    pub fn error_text(&self, text: &str) {
        let shown = self.stderr.shown(text);
        self.write_error(&shown);
    }

    /// Prints a line on stderr.
    pub fn note(&self, line: impl AsRef<str>) {
        let shown = self.stderr.shown(line.as_ref());
        self.write_error(&format!("{shown}\n"));
    }

    /// Prints an error on stderr.
    pub fn problem(&self, text: &str) {
        let name = styled("acctl:", BAD, self.stderr.has_colours);
        self.note(format!("{name} {text}"));
    }

    /// Applies a style to text for stdout, if stdout has colours.
    pub fn styled(&self, text: &str, style: Style) -> String {
        styled(text, style, self.stdout.has_colours)
    }

    /// Width in columns, if stdout is a terminal.
    pub fn width(&self) -> Option<usize> {
        terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
    }

    /// Text of a table cell, with all control characters escaped on a terminal.
    pub fn cell<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.stdout.is_filtered {
            true => Cow::Owned(terminal::cell(text)),
            false => Cow::Borrowed(text),
        }
    }

    /// Prints rows as columns under headings.
    pub fn table(&self, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let rows =
            rows.iter().map(|row| row.iter().map(|cell| self.cell(cell)).collect::<Vec<_>>());
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(headings).add_rows(rows);
        table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
        let mut lines = table.lines();
        if let Some(headings) = lines.next() {
            self.line(self.styled(headings.trim_end(), HEADING))?;
        }
        lines.try_for_each(|line| self.line(line.trim_end()))
    }

    fn write(&self, text: &str, is_ended: bool) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            if !is_ended {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()
        })
    }

    /// Ignores write errors: there is nowhere to report them.
    fn write_error(&self, text: &str) {
        self.bar.suspend(|| _ = io::stderr().write_all(text.as_bytes()));
    }
}

fn styled(text: &str, style: Style, has_colours: bool) -> String {
    if has_colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
