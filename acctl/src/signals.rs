//! Signals and a closed stdout: the first cancels calls, a second SIGINT or SIGTERM ends the process.

use std::fs;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::{process, thread};

use acclient::CancelToken;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::bar::Bar;
use crate::exit::Status;

/// Handled signals, in numerical order.
pub const CAUGHT: [i32; 4] = [SIGHUP, SIGINT, SIGPIPE, SIGTERM];

/// Signal that ends this process, or 0.
static CAUSE: AtomicI32 = AtomicI32::new(0);

/// Signal that ends this process, or 0. A closed stdout counts as SIGPIPE even if the signal was not delivered.
pub fn cause() -> i32 {
    CAUSE.load(Relaxed)
}

/// Whether the process ends because stdout is closed.
pub fn is_stdout_closed() -> bool {
    cause() == SIGPIPE
}

/// Name of [`cause`], like `SIGTERM`.
pub fn name() -> &'static str {
    signal_name(cause()).unwrap_or("a signal")
}

/// Records that stdout is closed.
pub fn stdout_is_closed() {
    record(SIGPIPE);
}

/// Records a signal. Returns whether it is the first.
fn record(signal: i32) -> bool {
    CAUSE.compare_exchange(0, signal, Relaxed, Relaxed).is_ok()
}

/// Cancels the token at the first signal or when stdout is closed. A second SIGINT or SIGTERM ends the process at once.
/// A second SIGHUP does not: terminal and shell often send one each.
pub fn watch(cancel: &CancelToken, bar: &Arc<Bar>) -> io::Result<()> {
    let is_kept = |signal: &i32| *signal == SIGPIPE || !is_ignored(*signal);
    let mut signals = Signals::new(CAUGHT.iter().filter(|it| is_kept(it)))?;
    let (token, bar) = (cancel.clone(), Arc::clone(bar));
    let watching = move || {
        for signal in signals.forever() {
            // Ignore SIGPIPE from a closed stderr.
            if signal == SIGPIPE && is_closed(io::stderr()) && !is_closed(io::stdout()) {
                continue;
            }
            if !record(signal) && matches!(signal, SIGINT | SIGTERM) {
                bar.clear_at_exit();
                process::exit(Status::Interrupted.code());
            }
            token.cancel();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watching)?;
    // A closed terminal sends SIGHUP, possibly after poll(2) reports the hangup.
    let signal = if io::stdout().is_terminal() { SIGHUP } else { SIGPIPE };
    if is_kept(&signal) {
        let token = cancel.clone();
        let waiting = move || {
            if wait_until_closed(io::stdout()) {
                record(signal);
                token.cancel();
            }
        };
        thread::Builder::new().name("stdout".into()).spawn(waiting)?;
    }
    Ok(())
}

/// Whether the signal was ignored when the process started, as under `nohup`. Linux only; false elsewhere.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

fn is_closed(file: impl AsFd) -> bool {
    polled(file, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap_or(false)
}

/// Returns false if the file cannot be polled.
fn wait_until_closed(file: impl AsFd) -> bool {
    loop {
        match polled(&file, None) {
            Err(Errno::INTR) => {}
            closed => return closed.unwrap_or(false),
        }
    }
}

fn polled(file: impl AsFd, time: Option<&Timespec>) -> Result<bool, Errno> {
    let mut polled = [PollFd::new(&file, PollFlags::empty())];
    poll(&mut polled, time)?;
    Ok(polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP))
}
