//! The only unsafe code of the crate: a handful of system calls the standard library doesn't offer.

#![allow(unsafe_code)]

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

/// Sends `signal` to one process.
pub(crate) fn kill(pid: u32, signal: i32) -> bool {
    let Ok(pid) = i32::try_from(pid) else {
        return false;
    };
    // SAFETY: kill(2) takes two integers and touches no memory of ours.
    pid > 0 && unsafe { libc::kill(pid, signal) } == 0
}

/// Sends `signal` to a whole process group; `false` when the group is empty.
pub(crate) fn kill_group(pgid: u32, signal: i32) -> bool {
    let Ok(pgid) = i32::try_from(pgid) else {
        return false;
    };
    // A group of 0 or 1 would mean ourselves or everybody.
    // SAFETY: kill(2) takes two integers and touches no memory of ours.
    pgid > 1 && unsafe { libc::kill(-pgid, signal) } == 0
}

/// Blocks until the child has ended but leaves it a zombie, so that its id can't be reused yet.
pub(crate) fn wait_ended(pid: u32) {
    loop {
        // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` is a valid place for the answer and lives through the call.
        let rc = unsafe {
            libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT)
        };
        if rc == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Waits until one of the descriptors can be read (or is at its end), with no timeout for ever;
/// tells which.
pub(crate) fn wait_readable<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
    timeout: Option<Duration>,
) -> [bool; N] {
    // A negative descriptor is ignored by poll(2).
    let mut set = fds.map(|fd| libc::pollfd {
        fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
        events: libc::POLLIN,
        revents: 0,
    });
    let milliseconds = timeout.map_or(-1, |t| i32::try_from(t.as_millis()).unwrap_or(i32::MAX));
    loop {
        // SAFETY: `set` is an array of N pollfd that lives through the call.
        let rc = unsafe { libc::poll(set.as_mut_ptr(), N as libc::nfds_t, milliseconds) };
        if rc >= 0 {
            return set.map(|p| p.revents != 0);
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            // Reading tells the caller what is wrong.
            return fds.map(|fd| fd.is_some());
        }
    }
}

/// Where the signal handler writes to; a blocked mask instead would be inherited by all we start.
static SIGNALS: OnceLock<(PipeReader, PipeWriter)> = OnceLock::new();

extern "C" fn on_signal(signal: libc::c_int) {
    if let Some((_, writer)) = SIGNALS.get() {
        let byte = signal as u8;
        // SAFETY: write(2) may be called in a signal handler; `byte` is one valid byte.
        unsafe { libc::write(writer.as_raw_fd(), std::ptr::from_ref(&byte).cast(), 1) };
    }
}

/// Catches the signals from now on, for `wait_signal`.
pub(crate) fn catch_signals(signals: &[i32]) -> io::Result<()> {
    let pipe = io::pipe()?;
    SIGNALS.get_or_init(|| pipe);
    for signal in signals {
        // SAFETY: sigaction is plain data for which all zeroes is a valid value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` holds a handler that only does what a handler may; the old one isn't
        // wanted.
        if unsafe { libc::sigaction(*signal, &action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes one of the caught signals, or `None` when none came within `timeout`.
pub(crate) fn wait_signal(timeout: Duration) -> Option<i32> {
    let (reader, _) = SIGNALS.get()?;
    let [ready] = wait_readable([Some(reader.as_fd())], Some(timeout));
    let mut byte = [0];
    let taken = ready && (&*reader).read_exact(&mut byte).is_ok();
    taken.then(|| byte[0].into())
}
