//! Pseudo-terminal for `acctl`, with an emulated screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::wait_until;

use crate::program::command;

pub const ROWS: u16 = 24;
pub const COLUMNS: u16 = 80;

/// Shell command on its own terminal.
pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    seen: Arc<Mutex<Seen>>,
    hangs_up: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Starts a shell with this line. A line that starts with `exec` replaces the shell.
    pub fn start(url: &str, line: &str, variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(ROWS, COLUMNS)).expect("a size");
        let mut shell = command("bash", Some(url));
        shell.envs(variables.iter().copied()).args(["-c", line]);
        let child = Command::from(shell).spawn(pts).expect("bash");
        let screen = vt100::Parser::new(size(ROWS), size(COLUMNS), 1000);
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), screen }));
        let (pty, hangs_up) = (Arc::new(pty), Arc::new(AtomicBool::new(false)));
        let (from, to, ends) = (Arc::clone(&pty), Arc::clone(&seen), Arc::clone(&hangs_up));
        let reader = thread::spawn(move || read(&from, &to, &ends));
        Terminal { child, pty, seen, hangs_up, reader: Some(reader) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic")
    }

    /// All output so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen().bytes).into_owned()
    }

    /// Current contents of the screen.
    pub fn screen(&self) -> String {
        self.seen().screen.screen().contents()
    }

    /// Colour of the first character of this text on the screen.
    pub fn colour_of(&self, text: &str) -> vt100::Color {
        let seen = self.seen();
        let screen = seen.screen.screen();
        let rows: Vec<String> = screen.rows(0, COLUMNS).collect();
        let place = rows.iter().zip(0..).find_map(|(row, at)| Some((at, row.find(text)?)));
        let (row, column) = place.unwrap_or_else(|| panic!("no {text:?} in {rows:#?}"));
        let column = u16::try_from(column).expect("a column");
        screen.cell(row, column).expect("a cell").fgcolor()
    }

    pub fn wait_for(&self, text: &str) {
        wait_until(text, || self.shown().contains(text));
    }

    /// Types keys, and Enter.
    pub fn type_line(&self, keys: &str) {
        (&*self.pty).write_all(format!("{keys}\r").as_bytes()).expect("keys");
    }

    pub fn ctrl_c(&self) {
        (&*self.pty).write_all(b"\x03").expect("a key");
    }

    pub fn resize(&self, columns: u16) {
        self.seen().screen.set_size(size(ROWS), size(columns));
        self.pty.resize(Size::new(ROWS, columns)).expect("a size");
    }

    /// Closes the terminal like a closed window. Returns the status.
    pub fn hang_up(mut self) -> i32 {
        self.hangs_up.store(true, Relaxed);
        self.reader.take().expect("a reader").join().expect("no panic");
        let (closed, _) = open().expect("a pseudo-terminal");
        self.pty = Arc::new(closed);
        self.status()
    }

    /// Waits for the end. Returns all output and the status.
    pub fn end(self) -> (String, i32) {
        let (terminal, status) = self.ended();
        (terminal.shown(), status)
    }

    /// Waits for the end. Returns the terminal and the status.
    pub fn ended(mut self) -> (Self, i32) {
        let status = self.status();
        self.reader.take().expect("a reader").join().expect("no panic");
        (self, status)
    }

    fn status(&mut self) -> i32 {
        wait_until("it ends", || self.child.try_wait().expect("a child").is_some());
        self.child.wait().expect("a child").code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a size")
}

/// Reads until the terminal is closed or `hangs_up` is set.
fn read(mut pty: &Pty, seen: &Mutex<Seen>, hangs_up: &AtomicBool) {
    let mut part = [0; 4096];
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !hangs_up.load(Relaxed) {
        if poll(&mut [PollFd::new(pty, PollFlags::IN)], Some(&moment)).expect("a poll") == 0 {
            continue;
        }
        let Ok(count @ 1..) = pty.read(&mut part) else { return };
        let mut seen = seen.lock().expect("no panic");
        seen.bytes.extend_from_slice(&part[..count]);
        seen.screen.process(&part[..count]);
    }
}
