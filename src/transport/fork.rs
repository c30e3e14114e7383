//! What a forked child may touch.
//!
//! A child inherits copies of the client's locks (perhaps held by threads that do not exist in
//! it) and the same sockets and pipes as its parent. It must take none of those locks and send
//! nothing on those sockets; all it may do is close(2) its copies of the descriptors, so that the
//! server sees the parent's connections end when the parent ends them.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// The id of this process, asked of the kernel each time: a value kept across a fork would be
/// the parent's.
pub(crate) fn process_id() -> u32 {
    std::process::id()
}

/// A descriptor with the inode behind it. A child may have closed the number and opened another
/// file under it, so the number alone is not enough to close it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FdIdentity {
    fd: RawFd,
    inode: u64,
}

impl FdIdentity {
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let fd = fd.as_raw_fd();
        Some(FdIdentity { fd, inode: inode(fd)? })
    }

    fn close_if_still_ours(self) {
        if inode(self.fd) == Some(self.inode) {
            // SAFETY: the number still names the file that we opened; its owner is a value of the
            // parent that this child never uses or drops.
            unsafe { libc::close(self.fd) };
        }
    }
}

fn inode(fd: RawFd) -> Option<u64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat() fills the struct where it returns 0, and only then is it read.
    let stat = unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    // The type of st_ino differs between systems.
    #[allow(clippy::unnecessary_cast)]
    Some(stat.st_ino as u64)
}

/// The descriptors of a process's state, in a table that a child can read without a lock.
#[derive(Debug)]
pub(crate) struct FdTable {
    slots: Box<[Slot]>,
}

#[derive(Debug)]
struct Slot {
    fd: AtomicI32,
    inode: AtomicU64,
}

const FREE: i32 = -1;

impl FdTable {
    pub(crate) fn new(size: usize) -> Self {
        let slot = || Slot { fd: AtomicI32::new(FREE), inode: AtomicU64::new(0) };
        FdTable { slots: (0..size).map(|_| slot()).collect() }
    }

    /// Enters a descriptor; whether there was room for it.
    pub(crate) fn enter(&self, fd: BorrowedFd<'_>) -> bool {
        let Some(identity) = FdIdentity::of(fd) else {
            return false;
        };
        self.slots.iter().any(|slot| {
            let taken =
                slot.fd.compare_exchange(FREE, identity.fd, Ordering::SeqCst, Ordering::SeqCst);
            if taken.is_ok() {
                slot.inode.store(identity.inode, Ordering::SeqCst);
            }
            taken.is_ok()
        })
    }

    /// Takes a descriptor out; to be called before it is closed.
    pub(crate) fn leave(&self, fd: BorrowedFd<'_>) {
        let fd = fd.as_raw_fd();
        if let Some(slot) = self.slots.iter().find(|slot| slot.fd.load(Ordering::SeqCst) == fd) {
            slot.inode.store(0, Ordering::SeqCst);
            slot.fd.store(FREE, Ordering::SeqCst);
        }
    }

    /// In a child: closes its copies of all that the table held when it forked.
    pub(crate) fn close_inherited(&self, also: &[Option<FdIdentity>]) {
        let held = self.slots.iter().filter_map(|slot| {
            let fd = slot.fd.load(Ordering::SeqCst);
            let inode = slot.inode.load(Ordering::SeqCst);
            (fd != FREE).then_some(FdIdentity { fd, inode })
        });
        for identity in held.chain(also.iter().copied().flatten()) {
            identity.close_if_still_ours();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_number_that_now_names_another_file_is_left_alone() {
        let (reader, writer) = std::io::pipe().unwrap();
        let stale =
            FdIdentity { fd: reader.as_raw_fd(), inode: inode(reader.as_raw_fd()).unwrap() + 1 };
        stale.close_if_still_ours();
        assert!(inode(reader.as_raw_fd()).is_some());
        drop(writer);
    }

    #[test]
    fn places_are_reused_and_a_full_table_says_so() {
        let (reader, writer) = std::io::pipe().unwrap();
        let table = FdTable::new(1);
        assert!(table.enter(reader.as_fd()));
        assert!(!table.enter(writer.as_fd()));
        table.leave(reader.as_fd());
        assert!(table.enter(writer.as_fd()));
    }
}
