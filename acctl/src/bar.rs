//! Progress bar: one line on a terminal, redrawn in place and erased at the end.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use terminal_size::terminal_size_of;

/// Erases the line of the cursor.
const ERASE_LINE: &str = "\r\x1b[K";
/// Erases to the end of the screen, for a line wrapped by a narrower terminal.
const ERASE_BELOW: &str = "\r\x1b[J";
const USUAL_WIDTH: u16 = 80;

/// Progress bar on stderr. Hidden if stderr is not a terminal, or if stdout is a pipe, because its reader may print to
/// the same terminal.
///
/// The line is one column shorter than the terminal and ends in `\r`, so that the cursor stays on its first cell when a
/// resize wraps the line.
pub struct Bar {
    is_hidden: bool,
    drawn: Mutex<Option<Drawn>>,
}

struct Drawn {
    line: String,
    /// Width of the terminal when the line was drawn.
    width: u16,
}

impl Bar {
    pub fn new() -> Self {
        let is_able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let is_shown = is_able && io::stderr().is_terminal() && !is_stdout_piped();
        Bar { is_hidden: !is_shown, drawn: Mutex::new(None) }
    }

    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Replaces the line. It must be ASCII, so that characters equal columns.
    pub fn draw(&self, line: &str) {
        if self.is_hidden {
            return;
        }
        let mut drawn = self.lock();
        let width = width();
        let line: String = line.chars().take(usize::from(width).saturating_sub(1)).collect();
        if drawn.as_ref().is_some_and(|drawn| drawn.line == line && drawn.width == width) {
            return;
        }
        let erase = drawn.as_ref().map_or("", |drawn| drawn.erase());
        write(&format!("{erase}{line}\r"));
        *drawn = Some(Drawn { line, width });
    }

    /// Erases the line and runs `write`. The line reappears at the next draw.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut drawn = self.lock();
        erase(&mut drawn);
        write()
    }

    /// Erases the line, unless another thread is writing: it may block indefinitely.
    pub fn clear_at_exit(&self) {
        if let Ok(mut drawn) = self.drawn.try_lock() {
            erase(&mut drawn);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Drawn>> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawn {
    fn erase(&self) -> &'static str {
        if self.width == width() { ERASE_LINE } else { ERASE_BELOW }
    }
}

fn erase(drawn: &mut Option<Drawn>) {
    if let Some(drawn) = drawn.take() {
        write(drawn.erase());
    }
}

fn width() -> u16 {
    terminal_size_of(io::stderr()).map_or(USUAL_WIDTH, |(width, _)| width.0)
}

fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether stdout is a pipe or socket, whose reader may print to the same terminal.
fn is_stdout_piped() -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let kind = stdout.and_then(|stdout| fs::File::from(stdout).metadata()).map(|it| it.file_type());
    kind.map_or(true, |kind| kind.is_fifo() || kind.is_socket())
}
