//! Output: results on stdout, everything else on stderr, colours and tables. Nothing else writes there.

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

/// How stdout or stderr shows text.
#[derive(Clone, Copy)]
struct Look {
    has_colours: bool,
    /// Whether control characters are made visible: on a terminal, which would obey them.
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

/// Where everything is written. Any thread may write a line.
pub struct Output {
    is_json: bool,
    /// The type of documents that do not name theirs.
    kind: &'static str,
    stdout: Look,
    stderr: Look,
    /// Drawn while nothing is written, where there is one.
    pub bar: Arc<Bar>,
}

impl Output {
    /// Shows control characters on terminals as they are if `is_raw`. Documents that do not name their type are
    /// of `kind`.
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

    /// Text of a result; a last line that is not ended is.
    pub fn text(&self, text: &str) -> io::Result<()> {
        self.write(&self.stdout.shown(text), text.is_empty() || text.ends_with('\n'))
    }

    /// Text of one of several results. A terminal shows it indented, so that no job prints what looks like the
    /// heading of another.
    pub fn text_below_heading(&self, text: &str) -> io::Result<()> {
        if !self.stdout.is_filtered {
            return self.text(text);
        }
        let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
        self.text(&lines)
    }

    /// A line of the result.
    pub fn line(&self, line: impl AsRef<str>) -> io::Result<()> {
        self.write(&self.stdout.shown(line.as_ref()), false)
    }

    /// A JSON document, where JSON is wanted.
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

    /// What a job has written to stderr.
    pub fn error_text(&self, text: &str) {
        let shown = self.stderr.shown(text);
        self.write_error(&shown);
    }

    /// Prints a notice on stderr.
    pub fn note(&self, line: impl AsRef<str>) {
        let shown = self.stderr.shown(line.as_ref());
        self.write_error(&format!("{shown}\n"));
    }

    /// What went wrong.
    pub fn problem(&self, text: &str) {
        let name = styled("acctl:", BAD, self.stderr.has_colours);
        self.note(format!("{name} {text}"));
    }

    /// Text for stdout, in a style where stdout has colours.
    pub fn styled(&self, text: &str, style: Style) -> String {
        styled(text, style, self.stdout.has_colours)
    }

    /// Columns of the terminal that stdout is.
    pub fn width(&self) -> Option<usize> {
        terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
    }

    /// Text for one cell of a line: a terminal gets no control characters in it.
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

    /// A write error is ignored: there is nowhere else to report it.
    fn write_error(&self, text: &str) {
        self.bar.suspend(|| _ = io::stderr().write_all(text.as_bytes()));
    }
}

fn styled(text: &str, style: Style, has_colours: bool) -> String {
    if has_colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
