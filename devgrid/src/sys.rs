//! Signals, polling of descriptors, and lookup on PATH.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Process group that can be signalled: signalling group 1 would reach every process.
fn group(pgid: u32) -> Option<Pid> {
    pid(pgid).filter(|_| pgid > 1)
}

/// Sends a signal to a process, if it exists.
pub(crate) fn kill(number: u32, signal: Signal) {
    let _ = pid(number).map(|pid| kill_process(pid, signal));
}

/// Sends SIGKILL to a process group, if it has members.
pub(crate) fn kill_group(pgid: u32) {
    let _ = group(pgid).map(|group| kill_process_group(group, Signal::KILL));
}

/// Whether a process group has members.
pub(crate) fn has_members(pgid: u32) -> bool {
    group(pgid).is_some_and(|group| test_kill_process_group(group).is_ok())
}

/// Waits for the end of a child without reaping it, so that its id is not reused.
pub(crate) fn wait_ended(child: u32) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let _ = pid(child).map(|pid| retry_on_intr(|| waitid(WaitId::Pid(pid), options)));
}

/// Waits until a descriptor is readable or at end of file, and returns which ones are.
pub(crate) fn wait_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Vec<bool> {
    let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
    let mut set: Vec<_> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    // If poll fails, the caller's read returns the error.
    let failed = retry_on_intr(|| poll(&mut set, timeout.as_ref())).is_err();
    set.iter().map(|fd| failed || !fd.revents().is_empty()).collect()
}

/// Looks up a program in our PATH, like Go's exec.LookPath: jobs have no PATH.
pub(crate) fn look_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    which::which_in_global(name, Some(path)).ok()?.next()
}
