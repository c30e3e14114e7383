//! Waiting for a socket, bounded by an [`Until`].

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::deadline::{Deadline, Until};
use super::error::{Error, Result};
#[cfg(test)]
use super::simulated::ppoll;
#[cfg(not(test))]
use system_ppoll as ppoll;

/// Events that a wait is interested in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
    ReadWrite,
}

/// Readiness of the descriptor. An error or a hang-up counts as both: the next read or write
/// reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// Waits until `fd` is ready or the call ends. A signal does not end the wait.
pub(crate) fn wait(fd: BorrowedFd<'_>, interest: Interest, until: &Until) -> Result<Ready> {
    let ready = wait_any(Some((fd, interest)), until, until.deadline)?;
    ready.ok_or(Error::Timeout)
}

/// Waits until `fd` is ready (`Some`), `pause` has passed (`None`), or the call ends.
pub(crate) fn wait_up_to(
    fd: BorrowedFd<'_>,
    interest: Interest,
    pause: Duration,
    until: &Until,
) -> Result<Option<Ready>> {
    let ready = wait_any(Some((fd, interest)), until, until.deadline.within(pause))?;
    if ready.is_none() {
        until.check()?;
    }
    Ok(ready)
}

/// Sleeps for `pause`, or until the call ends.
pub(crate) fn sleep(pause: Duration, until: &Until) -> Result<()> {
    wait_any(None, until, until.deadline.within(pause))?;
    until.check()
}

/// Waits until some of the sockets are writable or have failed, and returns their indexes; none if
/// `pause` has passed. A signal does not end the wait.
pub(crate) fn wait_for_any(
    sockets: &[BorrowedFd<'_>],
    pause: Duration,
    until: &Until,
) -> Result<Vec<usize>> {
    let wake_at = until.deadline.within(pause);
    let wakes = || until.cancels.iter().chain([&until.closing]).flatten();
    loop {
        until.check_cancelled()?;
        let slot =
            |fd: BorrowedFd<'_>, events| libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
        let mut fds: Vec<libc::pollfd> =
            sockets.iter().map(|socket| slot(*socket, libc::POLLOUT)).collect();
        fds.extend(wakes().map(|wake| slot(wake.fd(), libc::POLLIN)));
        match ppoll(&mut fds, wake_at.remaining()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::System { what: "cannot poll a socket", source }),
            Ok(_) if fds.iter().any(|slot| slot.revents & libc::POLLNVAL != 0) => {
                return Err(closed_by_the_program());
            }
            Ok(_) => {}
        }
        let ready = |slots: &[libc::pollfd]| -> Vec<usize> {
            let ready =
                |(index, slot): (usize, &libc::pollfd)| (slot.revents != 0).then_some(index);
            slots.iter().enumerate().filter_map(ready).collect()
        };
        let (slots, wakes) = fds.split_at(sockets.len());
        let is_reused = wakes.iter().any(|wake| slots.iter().any(|slot| slot.fd == wake.fd));
        if is_reused || !ready(wakes).is_empty() {
            // A token is set before its descriptor becomes readable.
            until.check_cancelled()?;
            return Err(closed_by_the_program());
        }
        let ready = ready(slots);
        if !ready.is_empty() {
            return Ok(ready);
        }
        if wake_at.has_passed() {
            until.check()?;
            return Ok(ready);
        }
    }
}

/// Returns `None` if `wake_at` has passed.
fn wait_any(
    fd: Option<(BorrowedFd<'_>, Interest)>,
    until: &Until,
    wake_at: Deadline,
) -> Result<Option<Ready>> {
    const CLOSED: libc::pollfd = libc::pollfd { fd: -1, events: 0, revents: 0 };
    loop {
        until.check_cancelled()?;
        // The socket, three cancel tokens, the closing client. ppoll skips negative descriptors.
        let mut fds = [CLOSED; 5];
        if let Some((fd, interest)) = fd {
            fds[0].fd = fd.as_raw_fd();
            fds[0].events = match interest {
                Interest::Read => libc::POLLIN,
                Interest::Write => libc::POLLOUT,
                Interest::ReadWrite => libc::POLLIN | libc::POLLOUT,
            };
        }
        let wakes = until.cancels.iter().chain([&until.closing]).flatten();
        for (slot, wake) in fds[1..].iter_mut().zip(wakes) {
            slot.fd = wake.fd().as_raw_fd();
            slot.events = libc::POLLIN;
        }
        // A socket that reuses the number of a closed token descriptor.
        if fds[0].fd >= 0 && fds[1..].iter().any(|slot| slot.fd == fds[0].fd) {
            return Err(closed_by_the_program());
        }
        let count = match ppoll(&mut fds, wake_at.remaining()) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => {
                return Err(Error::System { what: "cannot poll a socket", source });
            }
        };
        if fds[1..].iter().any(|slot| slot.revents != 0) {
            // A token is set before its descriptor becomes readable.
            until.check_cancelled()?;
            return Err(closed_by_the_program());
        }
        let events = fds[0].revents;
        if events & libc::POLLNVAL != 0 {
            return Err(closed_by_the_program());
        }
        if events != 0 {
            let failed = events & !(libc::POLLIN | libc::POLLOUT) != 0;
            return Ok(Some(Ready {
                read: failed || events & libc::POLLIN != 0,
                write: failed || events & libc::POLLOUT != 0,
            }));
        }
        if count == 0 && wake_at.has_passed() {
            return Ok(None);
        }
    }
}

/// Error for a descriptor that was closed or now refers to another file. Waiting on it would return
/// at once, repeatedly.
fn closed_by_the_program() -> Error {
    Error::System {
        what: "a descriptor of the library was closed by the program",
        source: io::Error::from_raw_os_error(libc::EBADF),
    }
}

/// Uses ppoll(2) for its nanosecond timeout: poll(2) rounds to milliseconds.
#[cfg(not(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris")))]
pub(super) fn system_ppoll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout = timeout.map(|span| libc::timespec {
        // Avoids the name time_t, which is deprecated on musl. No caller waits 68 years at a time.
        tv_sec: span.as_secs().min(i32::MAX as u64) as _,
        tv_nsec: span.subsec_nanos() as _, // the type differs between systems; always < 10^9
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: pointer and length describe one live slice, the timeout is null or lives on this
    // frame, and a null mask leaves the signal mask of the thread unchanged.
    let rc = unsafe {
        libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout, std::ptr::null())
    };
    usize::try_from(rc).map_err(|_| io::Error::last_os_error())
}

/// Uses poll(2) where the system or the `libc` crate has no ppoll. Rounds up to milliseconds, so
/// that no wait ends early.
#[cfg(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris"))]
pub(super) fn system_ppoll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout = timeout.map_or(-1, |span| {
        let rounded = span.as_nanos().div_ceil(1_000_000);
        i32::try_from(rounded).unwrap_or(i32::MAX)
    });
    // SAFETY: pointer and length describe one live slice.
    let rc = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
    usize::try_from(rc).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Wake;
    use std::os::fd::AsFd;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn a_deadline_ends_a_wait_on_time() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let begun = Instant::now();
        let until = Until::new(Deadline::after(Some(Duration::from_millis(20))));
        let ended = wait(reader.as_fd(), Interest::Read, &until);
        assert!(matches!(ended, Err(Error::Timeout)));
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_token_ends_a_wait_without_deadline() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let token = Arc::new(Wake::new().unwrap());
        let mut until = Until::new(Deadline::after(None));
        until.cancels[1] = Some(token.clone());
        let setter = std::thread::spawn(move || token.set());
        let ended = wait(reader.as_fd(), Interest::Read, &until);
        assert!(matches!(ended, Err(Error::Cancelled)));
        assert!(setter.join().unwrap());
    }

    /// A number that no open file has.
    fn closed() -> BorrowedFd<'static> {
        // SAFETY: nothing is read or written through it; the test needs a number that is not open.
        unsafe { BorrowedFd::borrow_raw(100_000) }
    }

    #[test]
    fn a_closed_descriptor_ends_a_wait_at_once() {
        let until = Until::new(Deadline::after(None));
        for interest in [Interest::Read, Interest::Write, Interest::ReadWrite] {
            let ended = wait(closed(), interest, &until);
            assert!(matches!(ended, Err(Error::System { .. })), "{ended:?}");
        }
    }
}
