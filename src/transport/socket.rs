//! One socket: connecting, sending and receiving without ever blocking outside [`poll`]. The only place
//! that makes system calls on sockets.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, SockAddr, TcpKeepalive, Type};

use super::address::Endpoint;
use super::deadline::Until;
use super::error::{Error, Result};
use super::fork::Descriptor;
use super::poll::{self, Interest};
use super::resolve::resolve;

/// How long a peer that answers nothing at all keeps a connection alive: probes start after 15 s
/// and the connection counts as dead 30 s after the last sign of life.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// A connected, non-blocking, close-on-exec socket.
#[derive(Debug)]
pub(super) struct Socket(Descriptor<socket2::Socket>);

impl Socket {
    pub(super) fn connect(endpoint: &Endpoint, until: &Until) -> Result<Socket> {
        let refused = |source| Error::Connect { address: endpoint.to_string(), source };
        let addresses: Vec<SockAddr> = match endpoint {
            Endpoint::Tcp { host, port } => {
                resolve(host, *port, until)?.into_iter().map(SockAddr::from).collect()
            }
            Endpoint::Unix(path) => vec![SockAddr::unix(path).map_err(refused)?],
            Endpoint::Sentinel { .. } => {
                return Err(refused(io::Error::other("Sentinels were not asked for the master")));
            }
        };
        let mut last = io::Error::from(ErrorKind::NotFound);
        for (tried, address) in addresses.iter().enumerate() {
            // Each address gets its share of what is left, so that a silent one cannot eat the
            // time of those behind it.
            let left = addresses.len() - tried;
            let share = match until.deadline.remaining() {
                Some(remaining) if left > 1 => until.within(remaining / left as u32),
                _ => until.clone(),
            };
            match connect(address, &share) {
                Ok(socket) => return Ok(socket),
                Err(Attempt::Refused(error)) => last = error,
                Err(Attempt::Ended(Error::Timeout)) if left > 1 => {
                    last = ErrorKind::TimedOut.into()
                }
                Err(Attempt::Ended(error)) => return Err(error),
            }
        }
        Err(refused(last))
    }

    /// Sends what the socket takes now; `WouldBlock` when it takes nothing.
    ///
    /// Never through `write` or `write_vectored`: a server that is gone would then kill the
    /// process by SIGPIPE under the default disposition that C programs have.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.0.ours()?;
        loop {
            match socket.send_with_flags(bytes, SEND_FLAGS) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    /// Receives what is there; `WouldBlock` when nothing is, 0 at the end.
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

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(not(any(target_os = "macos", target_os = "ios")))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// There SO_NOSIGPIPE does it, set once per socket.
#[cfg(any(target_os = "macos", target_os = "ios"))]
const SEND_FLAGS: i32 = 0;

/// Why one address gave no connection.
enum Attempt {
    Refused(io::Error),
    Ended(Error),
}

impl From<io::Error> for Attempt {
    fn from(error: io::Error) -> Self {
        Attempt::Refused(error)
    }
}

fn connect(address: &SockAddr, until: &Until) -> std::result::Result<Socket, Attempt> {
    let socket = socket2::Socket::new(address.domain(), Type::STREAM, None)?; // close-on-exec
    let socket = Descriptor::new(socket)?;
    socket.set_nonblocking(true)?;
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    socket.set_nosigpipe(true)?;
    match socket.connect(address) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {
            poll::wait(socket.as_fd(), Interest::Write, until).map_err(Attempt::Ended)?;
            if let Some(error) = socket.take_error()? {
                return Err(error.into());
            }
        }
        // A unix socket with a full backlog: there is nothing to poll for.
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error.into()),
        Err(error) => return Err(error.into()),
    }
    if address.domain() != Domain::UNIX {
        // Connecting to a port of our own range that nobody listens on can meet itself. It would
        // read its own commands as replies, and keep the server from getting its port back.
        if socket.local_addr()? == *address {
            return Err(io::Error::from(ErrorKind::ConnectionRefused).into());
        }
        socket.set_tcp_nodelay(true)?;
        let keepalive =
            TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_user_timeout(Some(DEAD_AFTER))?;
    }
    Ok(Socket(socket))
}

fn is_under_way(error: &io::Error) -> bool {
    // EINTR: the connect goes on all the same.
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == ErrorKind::Interrupted
}
