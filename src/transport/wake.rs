//! A flag with a descriptor that becomes readable, so that `ppoll` can wait for it.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::fork::Descriptor;

/// Set once and never reset. Any number of waits may watch it.
///
/// [`Wake::set`] is async-signal-safe: one atomic exchange and a few system calls, no lock, no
/// allocation, `errno` preserved. The pipe is never read, so its reading end stays readable.
#[derive(Debug)]
pub(crate) struct Wake {
    set: AtomicBool,
    /// ID of the process that created it.
    process: u32,
    reader: Descriptor<PipeReader>,
    writer: Descriptor<PipeWriter>,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // Both ends are close-on-exec. Unlike an eventfd, a pipe exists everywhere and has an inode
        // of its own, which shows whether the number still refers to it.
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (Descriptor::new(reader)?, Descriptor::new(writer)?);
        Ok(Wake { set: AtomicBool::new(false), process: std::process::id(), reader, writer })
    }

    /// Sets the flag and wakes all waits. In a process other than the one that created it, does
    /// nothing and returns `false`: the child shares the pipe with its parent and must not end the
    /// parent's waits.
    pub(crate) fn set(&self) -> bool {
        // The system is asked too: a signal may arrive in a child before its fork was counted, and
        // a byte in the pipe of the parent cannot be taken back.
        if self.is_foreign() || self.process != std::process::id() {
            return false;
        }
        if !self.set.swap(true, Ordering::SeqCst) {
            // A single byte into an empty pipe neither blocks nor fails, and a signal handler could
            // not report an error.
            self.write_byte_keeping_errno();
        }
        true
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Returns whether this process is a forked child of the one that created it.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.reader.is_ours()
    }

    /// Returns the descriptor that becomes readable when the flag is set.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Writes the byte, unless the number now refers to a file that the program opened since.
    fn write_byte_keeping_errno(&self) {
        let before = errno::errno();
        if self.writer.is_intact() {
            // SAFETY: reads one byte of a live array, and is async-signal-safe.
            unsafe { libc::write(self.writer.as_raw_fd(), [1u8].as_ptr().cast(), 1) };
        }
        errno::set_errno(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_it_twice_writes_one_byte_and_keeps_errno() {
        let wake = Wake::new().unwrap();
        assert!(!wake.is_set());
        errno::set_errno(errno::Errno(1234));
        assert!(wake.set());
        assert!(wake.set());
        assert_eq!(errno::errno().0, 1234);
        assert!(wake.is_set());
        let mut waiting: libc::c_int = 0;
        // SAFETY: FIONREAD stores one int into a live one.
        let rc = unsafe { libc::ioctl(wake.fd().as_raw_fd(), libc::FIONREAD, &mut waiting) };
        assert_eq!((rc, waiting), (0, 1));
    }
}
