//! Signals to processes, waiting for descriptors, and programs on PATH.

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

/// A process group that can be signalled: group 1 would mean every process.
fn group(pgid: u32) -> Option<Pid> {
    pid(pgid).filter(|_| pgid > 1)
}

/// Sends a signal to one process, if it exists.
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

/// Blocks until the child has ended but leaves it a zombie, so that its id can't be reused yet.
pub(crate) fn wait_ended(child: u32) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let _ = pid(child).map(|pid| retry_on_intr(|| waitid(WaitId::Pid(pid), options)));
}

/// Waits until one of the descriptors is readable or at its end, and returns which are.
pub(crate) fn wait_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Vec<bool> {
    let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
    let mut set: Vec<_> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    // Where polling fails, reading tells the caller what is wrong.
    let failed = retry_on_intr(|| poll(&mut set, timeout.as_ref())).is_err();
    set.iter().map(|fd| failed || !fd.revents().is_empty()).collect()
}

/// Finds a program with our own PATH, as Go's exec.LookPath does: a job has none.
pub(crate) fn look_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    which::which_in_global(name, Some(path)).ok()?.next()
}
