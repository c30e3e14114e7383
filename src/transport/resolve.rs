//! Name resolution with a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::deadline::Until;
use super::error::{Error, Result};
use super::fork::Process;
use super::poll::{self, Interest};
use super::wake::Wake;

/// Maximum number of concurrent lookups. getaddrinfo cannot be cancelled, so a lookup that outlives
/// its call keeps its thread; without a limit, a silent name server would accumulate threads.
const MAX_LOOKUPS: u32 = 32;
/// getaddrinfo of glibc and musl needs far less.
const STACK: usize = 256 * 1024;

static LOOKUPS: Slots = Slots(AtomicU64::new(0));

/// Number of lookups in progress in a process. A forked child starts at 0, as the threads of its
/// parent do not exist in it. The process and the number are the halves of one value, which changes
/// atomically.
struct Slots(AtomicU64);

impl Slots {
    /// Counts one more lookup; returns false at the limit.
    fn take(&self, process: Process) -> bool {
        self.change(process, |count| (count < MAX_LOOKUPS).then_some(count + 1))
    }

    fn give_back(&self, process: Process) {
        self.change(process, |count| count.checked_sub(1));
    }

    fn change(&self, process: Process, change: impl Fn(u32) -> Option<u32>) -> bool {
        let half = u64::from(process.number()) << 32;
        let changed = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |value| {
            let is_ours = value >> 32 == u64::from(process.number());
            let count = if is_ours { value as u32 } else { 0 };
            change(count).map(|count| half | u64::from(count))
        });
        changed.is_ok()
    }
}

/// State shared by the lookup thread and the waiting call; the last one to end frees it.
struct Lookup {
    host: String,
    port: u16,
    answer: OnceLock<io::Result<Vec<SocketAddr>>>,
    done: Wake,
}

/// Returns the addresses of a host. An IP address is parsed directly. A name is resolved on a
/// short-lived thread, which is abandoned at the deadline.
pub(super) fn resolve(host: &str, port: u16, until: &Until) -> Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let done = Wake::new().map_err(|source| Error::System {
        what: "cannot create a pipe for name resolution",
        source,
    })?;
    let lookup = Arc::new(Lookup { host: host.to_owned(), port, answer: OnceLock::new(), done });
    start(lookup.clone())?;
    poll::wait(lookup.done.fd(), Interest::Read, until)?;
    let address = || format!("{host}:{port}");
    let cannot = |source: io::Error| Error::Connect { address: address(), source };
    match lookup.answer.get() {
        Some(Ok(found)) if !found.is_empty() => Ok(found.clone()),
        Some(Err(error)) => Err(cannot(io::Error::new(error.kind(), error.to_string()))),
        _ => Err(cannot(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
    }
}

fn start(lookup: Arc<Lookup>) -> Result<()> {
    let process = Process::current();
    if !LOOKUPS.take(process) {
        let address = format!("{}:{}", lookup.host, lookup.port);
        let source = io::Error::other(format!(
            "{MAX_LOOKUPS} name look-ups are in progress already; does the name server answer?"
        ));
        return Err(Error::Connect { address, source });
    }
    let spawned = with_signals_blocked(|| {
        let thread = std::thread::Builder::new().name("acclient-resolve".into()).stack_size(STACK);
        thread.spawn(move || {
            let found = (lookup.host.as_str(), lookup.port).to_socket_addrs();
            let _ = lookup.answer.set(found.map(Iterator::collect));
            LOOKUPS.give_back(process);
            lookup.done.set();
        })
    });
    match spawned {
        Ok(_abandoned) => Ok(()),
        Err(source) => {
            LOOKUPS.give_back(process);
            Err(Error::System { what: "cannot start a thread for name resolution", source })
        }
    }
}

/// Runs `f` with all signals blocked, so that a thread started in it never runs a signal handler of
/// the host program.
pub(super) fn with_signals_blocked<T>(f: impl FnOnce() -> T) -> T {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset() initializes `all`; pthread_sigmask() reads it and fills `before`.
    let masked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let result = f();
    if masked {
        // SAFETY: pthread_sigmask() filled `before` above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Deadline;
    use std::time::Duration;

    fn within(ms: u64) -> Until {
        Until::new(Deadline::after(Some(Duration::from_millis(ms))))
    }

    #[test]
    fn numbers_and_names() {
        let number = resolve("::1", 7, &within(0)).unwrap();
        assert_eq!(number, ["[::1]:7".parse().unwrap()]);
        let name = resolve("localhost", 7, &within(10_000)).unwrap();
        assert!(name.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = resolve("no-such-host.invalid", 7, &within(60_000)).unwrap_err();
        assert!(error.to_string().contains("no-such-host.invalid:7"), "{error}");
    }

    #[test]
    fn a_name_stops_at_the_deadline() {
        let ended = resolve("no-such-host.invalid", 7, &within(0));
        assert!(matches!(ended, Err(Error::Timeout)), "{ended:?}");
    }

    #[test]
    fn each_process_has_all_look_ups_for_itself() {
        let slots = Slots(AtomicU64::new(0));
        let (parent, child) = (Process::current(), Process::NONE);
        assert!((0..MAX_LOOKUPS).all(|_| slots.take(parent)) && !slots.take(parent));
        assert!(slots.take(child));
        slots.give_back(child);
        assert!((0..MAX_LOOKUPS).all(|_| slots.take(child)) && !slots.take(child));
        slots.give_back(child);
        assert!(slots.take(child));
    }
}
