//! Sockets: connecting, sending and receiving, blocking only in [`poll`]. The only module that
//! makes system calls on sockets.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, SockAddr, TcpKeepalive, Type};

use super::address::Endpoint;
use super::deadline::{Deadline, Until};
use super::error::{Error, Result};
use super::fork::Descriptor;
use super::poll;
use super::resolve::resolve;

/// Keepalive of a silent peer: three probes from 15 s on, so that it counts as dead after 30 s.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
#[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
#[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
const KEEPALIVE_PROBES: u32 = 3;
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Delay between the attempts at the addresses of a name (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Timeout per address. By then the system has sent its SYN four times.
const PER_ADDRESS: Duration = Duration::from_secs(10);

/// A connected, non-blocking, close-on-exec socket.
#[derive(Debug)]
pub(super) struct Socket(Descriptor<socket2::Socket>);

impl Socket {
    /// Connects to the first address of the endpoint that answers.
    pub(super) fn connect(endpoint: &Endpoint, until: &Until) -> Result<Socket> {
        let refused = |source| Error::Connect { address: endpoint.to_string(), source };
        let addresses: Vec<SockAddr> = match endpoint {
            Endpoint::Tcp { host, port } => {
                let found = match zoned(host, *port) {
                    Some(address) => vec![address.map_err(refused)?],
                    None => resolve(host, *port, until)?,
                };
                interleaved(found).into_iter().map(SockAddr::from).collect()
            }
            Endpoint::Unix(path) => vec![SockAddr::unix(path).map_err(refused)?],
            Endpoint::Sentinel { .. } => {
                return Err(refused(io::Error::other("Sentinels were not asked for the master")));
            }
        };
        let mut race = Race { waiting: addresses.into(), running: Vec::new(), failure: None };
        match race.run(until) {
            Ok(Some(socket)) => Ok(socket),
            Ok(None) => {
                let none = || io::Error::from(ErrorKind::NotFound);
                Err(refused(race.failure.unwrap_or_else(none)))
            }
            Err(Error::Timeout) => Err(match race.failure {
                Some(failure) => Error::TimeoutAfter(Box::new(refused(failure))),
                None => Error::Timeout,
            }),
            Err(error) => Err(error),
        }
    }

    /// Sends what the socket accepts now; `WouldBlock` if it accepts nothing.
    ///
    /// Never uses `write` or `write_vectored`: with a closed peer they raise SIGPIPE, which kills a
    /// process with the default disposition, as in C programs.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.0.ours()?;
        loop {
            match socket.send_with_flags(bytes, SEND_FLAGS) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    /// Receives the available bytes; `WouldBlock` if there are none, 0 at the end of the stream.
    pub(super) fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut socket = self.0.ours()?;
        loop {
            match socket.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    }

    pub(super) fn has_input(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let peeked = self.0.ours().and_then(|socket| socket.peek(&mut byte));
        !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.0.local_addr().is_ok_and(|own| !own.is_unix())
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// These systems use SO_NOSIGPIPE, set once per socket.
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: i32 = 0;

/// Parses an IPv6 address with a zone, such as `fe80::1%eth0`.
fn zoned(host: &str, port: u16) -> Option<io::Result<SocketAddr>> {
    let (number, zone) = host.split_once('%')?;
    let ip = number.parse().ok()?;
    Some(scope_of(zone).map(|scope| SocketAddrV6::new(ip, port, 0, scope).into()))
}

fn scope_of(zone: &str) -> io::Result<u32> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let name = CString::new(zone)?;
    // SAFETY: reads a string that ends with a NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::new(ErrorKind::NotFound, format!("no network interface {zone:?}"))),
        index => Ok(index),
    }
}

/// Alternates the address families, starting with that of the first address. An unreachable family
/// then costs one delay instead of one for each of its addresses.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().map(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| Some(address.is_ipv6()) == first);
    let longest = one.len().max(other.len());
    let turn = |index: usize| [one.get(index), other.get(index)];
    (0..longest).flat_map(turn).flatten().copied().collect()
}

/// Staggered parallel attempts to connect to several addresses (RFC 8305): an address that drops
/// packets delays the next one only briefly instead of for its whole timeout.
struct Race {
    waiting: VecDeque<SockAddr>,
    running: Vec<Attempt>,
    /// Error of the last attempt that failed.
    failure: Option<io::Error>,
}

struct Attempt {
    socket: Descriptor<socket2::Socket>,
    address: SockAddr,
    end: Deadline,
}

impl Race {
    /// Returns the first connected socket and closes the others; `None` if every address failed.
    fn run(&mut self, until: &Until) -> Result<Option<Socket>> {
        let mut next = Deadline::after(Some(Duration::ZERO));
        loop {
            while !self.waiting.is_empty() && (self.running.is_empty() || next.has_passed()) {
                if let Some(socket) = self.start() {
                    return Ok(Some(socket));
                }
                if !self.running.is_empty() {
                    next = Deadline::after(Some(STAGGER));
                }
            }
            if self.running.is_empty() {
                return Ok(None);
            }
            let ends = self.running.iter().map(|attempt| attempt.end);
            let wakes = ends.chain((!self.waiting.is_empty()).then_some(next));
            let pause = wakes.filter_map(Deadline::remaining).min().unwrap_or(PER_ADDRESS);
            let sockets: Vec<_> =
                self.running.iter().map(|attempt| attempt.socket.as_fd()).collect();
            let ready = poll::wait_for_any(&sockets, pause, until)?;
            let before = self.running.len();
            if let Some(socket) = self.settle(&ready) {
                return Ok(Some(socket));
            }
            if self.running.len() < before {
                next = Deadline::after(Some(Duration::ZERO)); // there is nothing to spare it
            }
        }
    }

    /// Starts the next attempt; returns a socket if it succeeds at once.
    fn start(&mut self) -> Option<Socket> {
        let address = self.waiting.pop_front()?;
        match begin(&address) {
            Ok((socket, true)) => match connected(socket, &address) {
                Ok(socket) => return Some(socket),
                Err(error) => self.failure = Some(error),
            },
            Ok((socket, false)) => {
                let end = Deadline::after(Some(PER_ADDRESS));
                self.running.push(Attempt { socket, address, end });
            }
            Err(error) => self.failure = Some(error),
        }
        None
    }

    /// Removes the completed attempts from the race.
    fn settle(&mut self, ready: &[usize]) -> Option<Socket> {
        let mut running = Vec::with_capacity(self.running.len());
        for (index, attempt) in self.running.drain(..).enumerate() {
            if ready.contains(&index) {
                let done = match attempt.socket.take_error() {
                    Ok(None) => connected(attempt.socket, &attempt.address),
                    Ok(Some(error)) | Err(error) => Err(error),
                };
                match done {
                    Ok(socket) => return Some(socket),
                    Err(error) => self.failure = Some(error),
                }
            } else if attempt.end.has_passed() {
                let seconds = PER_ADDRESS.as_secs();
                let silent = format!("no answer from the network for {seconds} s");
                self.failure = Some(io::Error::new(ErrorKind::TimedOut, silent));
            } else {
                running.push(attempt);
            }
        }
        self.running = running;
        None
    }
}

/// Starts to connect; returns whether the connection is already established.
fn begin(address: &SockAddr) -> io::Result<(Descriptor<socket2::Socket>, bool)> {
    let socket = socket2::Socket::new(address.domain(), Type::STREAM, None)?; // close-on-exec
    let socket = Descriptor::new(socket)?;
    socket.set_nonblocking(true)?;
    #[cfg(target_vendor = "apple")]
    socket.set_nosigpipe(true)?;
    match socket.connect(address) {
        Ok(()) => Ok((socket, true)),
        Err(error) if is_under_way(&error) => Ok((socket, false)),
        // This includes a Unix socket with a full backlog, which cannot be polled for.
        Err(error) => Err(error),
    }
}

fn connected(socket: Descriptor<socket2::Socket>, address: &SockAddr) -> io::Result<Socket> {
    if address.domain() != Domain::UNIX {
        // Connecting to an ephemeral port without a listener can connect the socket to itself. It
        // would read its own commands as replies, and keep the server from binding its port again.
        if socket.local_addr()? == *address {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE);
        // OpenBSD and Solaris set these only for the whole system.
        #[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
        let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
        limit_unacknowledged(&socket);
    }
    Ok(Socket(socket))
}

/// Limits how long sent data may stay unacknowledged, on systems with an option for it. Without it,
/// retransmission goes on for minutes; deadlines apply in either case.
fn limit_unacknowledged(socket: &socket2::Socket) {
    let Some((option, units_per_second)) = UNACKNOWLEDGED else { return };
    let limit = libc::c_int::try_from(DEAD_AFTER.as_secs()).unwrap_or(libc::c_int::MAX);
    let limit = limit.saturating_mul(units_per_second);
    // SAFETY: the descriptor is open, and the system reads one int, whose size is given.
    unsafe {
        // Older systems lack the option.
        let _ = libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            std::ptr::from_ref(&limit).cast(),
            size_of_val(&limit) as libc::socklen_t,
        );
    }
}

/// The option, and how many of its units make a second.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Option<(libc::c_int, libc::c_int)> = Some((libc::TCP_USER_TIMEOUT, 1000));
/// `TCP_RXT_CONNDROPTIME` of netinet/tcp.h.
#[cfg(target_vendor = "apple")]
const UNACKNOWLEDGED: Option<(libc::c_int, libc::c_int)> = Some((0x80, 1));
#[cfg(target_os = "freebsd")]
const UNACKNOWLEDGED: Option<(libc::c_int, libc::c_int)> = Some((libc::TCP_MAXUNACKTIME, 1));
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
const UNACKNOWLEDGED: Option<(libc::c_int, libc::c_int)> = Some((libc::TCP_ABORT_THRESHOLD, 1000));
#[cfg(any(target_os = "dragonfly", target_os = "netbsd", target_os = "openbsd"))]
const UNACKNOWLEDGED: Option<(libc::c_int, libc::c_int)> = None;

fn is_under_way(error: &io::Error) -> bool {
    // EINTR: connecting continues in the background.
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == ErrorKind::Interrupted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Wake;
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;
    use std::time::Instant;

    /// A port that drops packets: its listener accepts nothing, and its backlog is full.
    struct Swallowing {
        address: SocketAddr,
        _listener: socket2::Socket,
        _queued: Vec<Descriptor<socket2::Socket>>,
    }

    impl Swallowing {
        fn new() -> Self {
            let listener = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
            listener.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            let mut queued = Vec::new();
            loop {
                let (socket, _) = begin(&address).unwrap();
                let until = Until::new(Deadline::after(None));
                let pause = Duration::from_millis(200);
                let taken = poll::wait_for_any(&[socket.as_fd()], pause, &until).unwrap();
                queued.push(socket);
                if taken.is_empty() {
                    let address = address.as_socket().unwrap();
                    return Swallowing { address, _listener: listener, _queued: queued };
                }
            }
        }
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn race(addresses: &[SocketAddr]) -> Race {
        let waiting = addresses.iter().map(|address| SockAddr::from(*address)).collect();
        Race { waiting, running: Vec::new(), failure: None }
    }

    fn within(time: Duration) -> Until {
        Until::new(Deadline::after(Some(time)))
    }

    fn peer(socket: &Socket) -> SocketAddr {
        socket.0.peer_addr().unwrap().as_socket().unwrap()
    }

    #[test]
    fn addresses_that_swallow_packets_do_not_cost_their_whole_time() {
        let (silent, (_listener, answering)) = (Swallowing::new(), listening());
        let begun = Instant::now();
        let mut race = race(&[silent.address, silent.address, silent.address, answering]);
        let socket = race.run(&within(Duration::from_secs(60))).unwrap().unwrap();
        assert_eq!(peer(&socket), answering);
        assert!(begun.elapsed() >= STAGGER * 3 && begun.elapsed() < PER_ADDRESS);
    }

    #[test]
    fn a_refused_address_costs_no_pause_and_its_reason_is_kept() {
        let (closed, address) = listening();
        drop(closed);
        let mut all = race(&[address, address]);
        assert!(all.run(&within(Duration::from_secs(60))).unwrap().is_none());
        assert_eq!(all.failure.unwrap().kind(), ErrorKind::ConnectionRefused);
        let (_listener, answering) = listening();
        let mut race = race(&[address, answering]);
        let socket = race.run(&within(Duration::from_secs(60))).unwrap().unwrap();
        assert_eq!(peer(&socket), answering);
    }

    #[test]
    fn the_deadline_and_a_token_end_a_race() {
        let silent = Swallowing::new();
        let time = Duration::from_millis(300);
        let ended = race(&[silent.address; 2]).run(&within(time));
        assert!(matches!(ended, Err(Error::Timeout)));
        let token = Arc::new(Wake::new().unwrap());
        let mut until = Until::new(Deadline::after(None));
        until.cancels[0] = Some(token.clone());
        let setter = std::thread::spawn(move || token.set());
        assert!(matches!(race(&[silent.address]).run(&until), Err(Error::Cancelled)));
        assert!(setter.join().unwrap());
    }

    #[test]
    fn an_address_that_never_answers_is_given_up_alone() {
        let silent = Swallowing::new();
        let mut race = race(&[silent.address]);
        race.running.extend(race.waiting.pop_front().map(|address| {
            let (socket, _) = begin(&address).unwrap();
            let end = Deadline::after(Some(Duration::from_millis(50)));
            Attempt { socket, address, end }
        }));
        assert!(race.run(&within(Duration::from_secs(60))).unwrap().is_none());
        assert_eq!(race.failure.unwrap().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_peer_that_acknowledges_nothing_is_dead_after_30_s() {
        let (_listener, address) = listening();
        let socket = race(&[address]).run(&within(Duration::from_secs(60))).unwrap().unwrap();
        let (idle, interval) =
            (socket.0.tcp_keepalive_time().unwrap(), socket.0.tcp_keepalive_interval().unwrap());
        let probes = socket.0.tcp_keepalive_retries().unwrap();
        assert_eq!(idle + interval * probes, DEAD_AFTER);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.0.tcp_user_timeout().unwrap(), Some(DEAD_AFTER));
    }

    #[test]
    fn families_take_turns() {
        let all = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let (six, four) = (["[::1]:1", "[::2]:1", "[::3]:1"], ["1.1.1.1:1", "1.1.1.2:1"]);
        assert_eq!(
            interleaved(all(&[six, [four[0], four[1], "1.1.1.3:1"]].concat())),
            all(&[six[0], four[0], six[1], four[1], six[2], "1.1.1.3:1"])
        );
        assert_eq!(interleaved(all(&[four[0], four[1]])), all(&four));
        assert_eq!(interleaved(all(&[four[0], six[0], six[1]])), all(&[four[0], six[0], six[1]]));
        assert!(interleaved(Vec::new()).is_empty());
    }

    #[test]
    fn zones_are_names_and_numbers_of_interfaces() {
        let scope = |host: &str| match zoned(host, 7) {
            Some(Ok(SocketAddr::V6(address))) => Some(address.scope_id()),
            _ => None,
        };
        assert_eq!(scope("fe80::1%3"), Some(3));
        assert!(scope("fe80::1%lo").is_some_and(|index| index > 0));
        let unknown = zoned("fe80::1%no-such-zone", 7).unwrap().unwrap_err();
        assert!(unknown.to_string().contains("no-such-zone"), "{unknown}");
        for other in ["fe80::1", "127.0.0.1", "name", "na%me"] {
            assert!(zoned(other, 7).is_none(), "{other}");
        }
    }
}
