//! Fork handling: identifies the process, and closes each descriptor at most once per process.
//!
//! A forked child inherits copies of the client's locks (perhaps held by threads that do not exist
//! in the child) and the sockets and pipes of its parent. It must not take those locks or send on
//! those sockets. It may only close its copies of the descriptors, so that the server sees the
//! parent's connections end when the parent closes them.
//!
//! Every descriptor of the library is a [`Descriptor`] with a slot in the register of the process.
//! To close a descriptor, its owner (on drop) or [`close_inherited`] first claims the slot.

use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// A process, distinguished from its ancestors and descendants by the number of forks. Asking for
/// the current process costs no system call.
///
/// `fork()` runs the handler that counts. `vfork()`, a raw `clone()` and `_Fork()` do not: their
/// child is mistaken for its parent, and may only exec or exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

/// Starts above 0, which stands for no process.
static FORKS: AtomicU32 = AtomicU32::new(1);

/// How processes are distinguished; determined when the first one is asked for.
static TOLD_BY: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const FORK_COUNT: u8 = 1;
/// There was not enough memory for a handler.
const PROCESS_ID: u8 = 2;

impl Process {
    /// No process at all.
    pub(crate) const NONE: Process = Process(0);

    /// Returns this process. Async-signal-safe once it has been called before.
    pub(crate) fn current() -> Process {
        let told_by = match TOLD_BY.load(Ordering::Acquire) {
            UNKNOWN => install(),
            known => known,
        };
        Process(if told_by == FORK_COUNT {
            FORKS.load(Ordering::Relaxed)
        } else {
            std::process::id()
        })
    }

    /// Returns a number that differs between ancestors and descendants.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn is_current(self) -> bool {
        self == Process::current()
    }
}

/// Installs the handler. No process is handed out before it is installed, so two processes never
/// get the same number. Takes no lock, as a child might find it locked permanently. Concurrent
/// threads may install several handlers, which is harmless.
fn install() -> u8 {
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler is async-signal-safe and never unwinds. It lives as long as this library;
    // the C library removes it when the library is unloaded.
    let failure = unsafe { libc::pthread_atfork(None, None, Some(count)) };
    let told_by = if failure == 0 { FORK_COUNT } else { PROCESS_ID };
    let first = TOLD_BY.compare_exchange(UNKNOWN, told_by, Ordering::AcqRel, Ordering::Acquire);
    first.map_or_else(|others| others, |_| told_by)
}

/// Identity of the file behind a descriptor. A program may close our descriptors (a daemonizer
/// does) and open others under their numbers, so the number alone does not identify a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    /// Distinguishes a socket from other kinds of file on systems where sockets have no inodes.
    kind: u32,
}

impl Identity {
    /// Async-signal-safe.
    fn of(fd: RawFd) -> io::Result<Self> {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: fstat() fills the struct if it returns 0, and only then is the struct read.
        let stat = unsafe {
            if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            stat.assume_init()
        };
        // The types differ between systems.
        #[allow(clippy::unnecessary_cast)]
        Ok(Identity {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            kind: (stat.st_mode & libc::S_IFMT) as u32,
        })
    }
}

/// The register: a list of fixed-size segments that only grows. Accessed without a lock, as a child
/// might find it locked permanently.
static REGISTER: Segment = Segment::new();

const SEGMENT: usize = 64;

struct Segment {
    slots: [Slot; SEGMENT],
    next: AtomicPtr<Segment>,
}

/// A descriptor and its process in a single number, which changes atomically.
#[derive(Debug)]
struct Slot {
    holder: AtomicU64,
    /// Device of the descriptor, written while the slot is reserved.
    device: AtomicU64,
    inode: AtomicU64,
    kind: AtomicU32,
}

const FREE: u64 = 0;

/// Returns the value of [`Slot::holder`] for a descriptor.
fn holder(process: Process, fd: RawFd) -> u64 {
    (u64::from(process.0) << 32) | (u64::from(fd.cast_unsigned()) + 1)
}

/// Returns its value while the slot is being filled in.
fn reserved(process: Process) -> u64 {
    (u64::from(process.0) << 32) | u64::from(u32::MAX)
}

impl Segment {
    const fn new() -> Self {
        Segment { slots: [const { Slot::new() }; SEGMENT], next: AtomicPtr::new(null_mut()) }
    }

    fn next(&self) -> Option<&'static Segment> {
        // SAFETY: null, or created by Box::into_raw and never freed.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }

    /// Returns the next segment; allocates it if there is none.
    fn grow(&self) -> &'static Segment {
        if let Some(next) = self.next() {
            return next;
        }
        let made = Box::into_raw(Box::new(Segment::new()));
        let first =
            self.next.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: `made` was never shared if another thread was faster. A segment in `next` is
        // never freed.
        unsafe {
            match first {
                Ok(_) => &*made,
                Err(others) => {
                    drop(Box::from_raw(made));
                    &*others
                }
            }
        }
    }
}

impl Slot {
    const fn new() -> Self {
        Slot {
            holder: AtomicU64::new(FREE),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
            kind: AtomicU32::new(0),
        }
    }

    /// Replaces the holder `seen`; returns false if another thread has changed it.
    fn change(&self, seen: u64, holder: u64) -> bool {
        self.holder.compare_exchange(seen, holder, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn identity(&self) -> Identity {
        Identity {
            device: self.device.load(Ordering::SeqCst),
            inode: self.inode.load(Ordering::SeqCst),
            kind: self.kind.load(Ordering::SeqCst),
        }
    }
}

fn enter(process: Process, fd: RawFd, identity: Identity) -> &'static Slot {
    let mut segment: &'static Segment = &REGISTER;
    let slot = loop {
        let free = |slot: &&Slot| {
            slot.holder.load(Ordering::SeqCst) == FREE && slot.change(FREE, reserved(process))
        };
        match segment.slots.iter().find(free) {
            Some(slot) => break slot,
            None => segment = segment.grow(),
        }
    };
    slot.device.store(identity.device, Ordering::SeqCst);
    slot.inode.store(identity.inode, Ordering::SeqCst);
    slot.kind.store(identity.kind, Ordering::SeqCst);
    slot.holder.store(holder(process, fd), Ordering::SeqCst);
    slot
}

/// Closes this process's copies of the descriptors inherited from its parent, unless they are
/// already closed. A process that was not forked has none.
pub(crate) fn close_inherited() {
    /// The last process in which this was done.
    static DONE: AtomicU32 = AtomicU32::new(0);
    let process = Process::current();
    if DONE.swap(process.0, Ordering::SeqCst) == process.0 {
        return;
    }
    let mut segment = Some(&REGISTER);
    while let Some(found) = segment {
        found.slots.iter().for_each(|slot| slot.close_unless_of(process));
        segment = found.next();
    }
}

impl Slot {
    fn close_unless_of(&self, process: Process) {
        let seen = self.holder.load(Ordering::SeqCst);
        if seen == FREE || (seen >> 32) as u32 == process.0 {
            return;
        }
        // Read before the claim, after which the slot may be reused. A slot that a thread of the
        // parent had reserved has no descriptor and is free now.
        let identity = self.identity();
        let is_reserved = seen as u32 == u32::MAX;
        if !self.change(seen, FREE) || is_reserved {
            return;
        }
        let fd = (seen as u32 - 1).cast_signed();
        if Identity::of(fd).is_ok_and(|found| found == identity) {
            // SAFETY: the number refers to the file that the library opened. Its owner belongs to
            // another process, and after the claim no other code in this process closes it.
            unsafe { libc::close(fd) };
        }
    }
}

/// A descriptor of the library, inside the value that owns it.
///
/// Each process closes it at most once, and only while its number still refers to the file that was
/// opened, never a file that the program has opened since under that number.
#[derive(Debug)]
pub(crate) struct Descriptor<T: AsFd> {
    value: ManuallyDrop<T>,
    process: Process,
    identity: Identity,
    slot: &'static Slot,
}

impl<T: AsFd> Descriptor<T> {
    pub(crate) fn new(value: T) -> io::Result<Self> {
        let process = Process::current();
        let fd = value.as_fd().as_raw_fd();
        let identity = Identity::of(fd)?;
        let slot = enter(process, fd, identity);
        Ok(Descriptor { value: ManuallyDrop::new(value), process, identity, slot })
    }

    /// Returns whether it was opened by this process and not inherited in a fork.
    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// Returns the value, or an error in a forked child, which must not use it.
    pub(crate) fn ours(&self) -> io::Result<&T> {
        if self.is_ours() {
            return Ok(&self.value);
        }
        Err(io::Error::other("the descriptor is of another process, before a fork"))
    }

    /// Returns whether its number still refers to the file that was opened. Async-signal-safe.
    pub(crate) fn is_intact(&self) -> bool {
        Identity::of(self.value.as_fd().as_raw_fd()).is_ok_and(|found| found == self.identity)
    }
}

/// For operations that are harmless in a forked child; the others need [`Descriptor::ours`].
impl<T: AsFd> Deref for Descriptor<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: AsFd> Drop for Descriptor<T> {
    fn drop(&mut self) {
        let holder = holder(self.process, self.value.as_fd().as_raw_fd());
        if self.slot.change(holder, FREE) && self.is_intact() {
            // SAFETY: dropped only here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{FromRawFd, OwnedFd};

    /// Runs `body` in a forked child and returns its exit status.
    fn in_child(body: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child runs the body and leaves by _exit; waitpid() stores into a live number.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                let body = std::panic::AssertUnwindSafe(body);
                libc::_exit(std::panic::catch_unwind(body).unwrap_or(99));
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
        }
    }

    fn is_open(fd: RawFd) -> bool {
        Identity::of(fd).is_ok()
    }

    /// Returns a descriptor of a pipe whose other end is closed, and its number.
    fn descriptor() -> (Descriptor<OwnedFd>, RawFd) {
        let (reader, _) = io::pipe().unwrap();
        let fd = reader.as_raw_fd();
        (Descriptor::new(OwnedFd::from(reader)).unwrap(), fd)
    }

    /// Opens another file under the number.
    fn replace(fd: RawFd) {
        let (reader, _) = io::pipe().unwrap();
        if reader.as_raw_fd() == fd {
            std::mem::forget(reader); // it has the number already
            return;
        }
        // SAFETY: the number belongs to this test.
        unsafe { assert_eq!(libc::dup2(reader.as_raw_fd(), fd), fd) };
    }

    #[test]
    fn processes_along_a_line_of_forks_differ() {
        let parent = Process::current();
        assert!(parent.is_current() && parent != Process::NONE);
        let status = in_child(|| {
            let child = Process::current();
            let grandchild = in_child(|| {
                i32::from(parent.is_current() || child.is_current() || Process::NONE.is_current())
            });
            grandchild + i32::from(parent.is_current())
        });
        assert_eq!(status, 0);
        assert!(parent.is_current());
    }

    #[test]
    fn a_drop_closes_a_descriptor_and_frees_its_slot() {
        // Runs in a child, where no other thread takes the number or the slot.
        let status = in_child(|| {
            let (first, fd) = descriptor();
            let slot = first.slot;
            assert!(is_open(fd) && slot.holder.load(Ordering::SeqCst) == holder(first.process, fd));
            drop(first);
            i32::from(is_open(fd) || slot.holder.load(Ordering::SeqCst) != FREE)
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn a_number_that_now_names_another_file_is_left_alone() {
        let (first, fd) = descriptor();
        replace(fd);
        assert!(!first.is_intact());
        drop(first);
        assert!(is_open(fd));
        // SAFETY: the descriptor was this test's own and has no other owner now.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }

    #[test]
    fn a_child_closes_each_descriptor_once_whatever_the_order() {
        let (first, fd) = descriptor();
        let (second, other) = descriptor();
        let both = || is_open(fd) && is_open(other);
        let status = in_child(|| {
            assert!(both() && first.ours().is_err());
            close_inherited();
            assert!(!is_open(fd) && !is_open(other));
            // The child's own descriptors, under the same numbers.
            let (reader, writer) = io::pipe().unwrap();
            replace(fd);
            replace(other);
            drop(first);
            close_inherited();
            drop(second);
            i32::from(!both() || !is_open(reader.as_raw_fd()) || !is_open(writer.as_raw_fd()))
        });
        assert_eq!(status, 0, "closed first, then dropped");
        let (first, fd) = descriptor();
        let status = in_child(|| {
            drop(first);
            assert!(!is_open(fd));
            replace(fd);
            close_inherited();
            i32::from(!is_open(fd))
        });
        assert_eq!(status, 0, "dropped first, then closed");
    }

    #[test]
    fn a_child_reuses_the_slots_that_it_has_closed() {
        let (first, _) = descriptor();
        let status = in_child(|| {
            close_inherited();
            let (own, fd) = descriptor();
            let grandchild = in_child(|| {
                drop(first);
                assert!(is_open(fd));
                close_inherited();
                i32::from(is_open(fd))
            });
            grandchild + i32::from(!is_open(fd) || !own.is_intact())
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn the_register_grows() {
        let many: Vec<_> = (0..3 * SEGMENT).map(|_| descriptor()).collect();
        let status = in_child(|| {
            close_inherited();
            many.iter().filter(|(_, fd)| is_open(*fd)).count().min(1) as i32
        });
        assert_eq!(status, 0);
    }
}
