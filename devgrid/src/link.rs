//! Connections that pass through tunnels.
//!
//! As in the original, a client that connects is accepted in any case, and cut off again when the
//! gateway or what it is to reach isn't there; an end of either side ends both at once, so that a
//! half-closed connection gets no more answers; and everything goes by way of the controller, so
//! that its end is the end of them all.

use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::grid::Shared;
use crate::lock;
use crate::tunnel::Route;

/// What can't be reached in this time is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// A try to connect can't be called off; it takes no longer than this, and is made again.
const TRY: Duration = Duration::from_secs(1);

/// A thread that tells in its name what it is for.
fn named(route: &Route) -> std::thread::Builder {
    std::thread::Builder::new().name(format!("via {}", route.local))
}

#[derive(Default)]
struct State {
    ended: bool,
    /// To what the gateway reaches, once it is connected.
    far: Option<Arc<TcpStream>>,
}

/// One connection.
pub(crate) struct Link {
    /// The number of its tunnel.
    tunnel: u64,
    /// The agent that listens, as `gid.nid`.
    agent: String,
    gateway: String,
    near: TcpStream,
    state: Mutex<State>,
}

impl Link {
    pub(crate) fn is_of(&self, tunnel: u64) -> bool {
        self.tunnel == tunnel
    }

    /// Whether that agent has a part in it.
    pub(crate) fn touches(&self, agent: &str) -> bool {
        self.agent == agent || self.gateway == agent
    }

    /// Ends it from whatever thread. What was written already still arrives.
    fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        let _ = self.near.shutdown(Shutdown::Both);
        if let Some(far) = &state.far {
            let _ = far.shutdown(Shutdown::Both);
        }
    }

    fn ended(&self) -> bool {
        lock(&self.state).ended
    }

    fn carry(&self, shared: &Shared, route: &Route) {
        // Asked after it was entered among the open ones: a gateway that dies now finds it there.
        if shared.reachable(&self.gateway)
            && let Some(far) = self.connect(route)
        {
            std::thread::scope(|scope| {
                let there = named(route);
                if there.spawn_scoped(scope, || self.copy(&self.near, &far)).is_ok() {
                    self.copy(&far, &self.near);
                }
            });
        }
        self.end();
    }

    fn connect(&self, route: &Route) -> Option<Arc<TcpStream>> {
        // As the original, which puts a colon and the port behind it: IPv6 needs brackets.
        let host = match route.ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
            Some(ip) => ip,
            None if route.ip.contains(':') => return None,
            // Go takes no host for this one.
            None if route.ip.is_empty() => "localhost",
            None => &route.ip,
        };
        let deadline = Instant::now() + PATIENCE;
        for address in (host, route.remote).to_socket_addrs().ok()? {
            while !self.ended() && Instant::now() < deadline {
                match TcpStream::connect_timeout(&address, TRY) {
                    Ok(stream) => return self.connected(stream),
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                    Err(_) => break,
                }
            }
        }
        None
    }

    fn connected(&self, stream: TcpStream) -> Option<Arc<TcpStream>> {
        let _ = stream.set_nodelay(true);
        let _ = self.near.set_nodelay(true);
        let stream = Arc::new(stream);
        let mut state = lock(&self.state);
        if state.ended {
            return None;
        }
        state.far = Some(Arc::clone(&stream));
        Some(stream)
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let _ = io::copy(&mut from, &mut to);
        self.end();
    }
}

/// All that are open in a grid.
#[derive(Default)]
pub(crate) struct Links {
    open: Mutex<Vec<Arc<Link>>>,
    gone: Condvar,
}

impl Links {
    /// Enters a connection that a tunnel accepted, and carries it on by threads of its own.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        tunnel: u64,
        agent: &str,
        route: &Route,
        near: TcpStream,
    ) {
        let link = Arc::new(Link {
            tunnel,
            agent: agent.into(),
            gateway: route.gateway.clone(),
            near,
            state: Mutex::default(),
        });
        lock(&shared.links.open).push(Arc::clone(&link));
        let (theirs, route) = (Arc::clone(shared), route.clone());
        let (thread, carried) = (named(&route), Arc::clone(&link));
        let body = move || {
            carried.carry(&theirs, &route);
            theirs.links.leave(&carried);
        };
        if thread.spawn(body).is_err() {
            link.end();
            shared.links.leave(&link);
        }
    }

    fn leave(&self, link: &Arc<Link>) {
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, link));
        self.gone.notify_all();
    }

    /// Ends those.
    pub(crate) fn end(&self, which: impl Fn(&Link) -> bool) {
        lock(&self.open).iter().filter(|link| which(link)).for_each(|link| link.end());
    }

    /// Waits, for a bounded time, until the threads of those are done.
    pub(crate) fn wait_gone(&self, which: impl Fn(&Link) -> bool, time: Duration) {
        let some = |open: &mut Vec<Arc<Link>>| open.iter().any(|link| which(link));
        let waited = self.gone.wait_timeout_while(lock(&self.open), time, some);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.open).len()
    }
}
