//! Connections through tunnels.
//!
//! As in the original, a client is always accepted, and disconnected if the gateway or its destination is unreachable.
//! If either side closes, both are closed at once: a half-closed connection receives no more data. All connections pass
//! through the controller and end with it.

use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::grid::Shared;
use crate::lock;
use crate::tunnel::Route;

/// Timeout for connecting to the destination.
const PATIENCE: Duration = Duration::from_secs(30);
/// Timeout of one attempt to connect, which cannot be cancelled.
const TRY: Duration = Duration::from_secs(1);

/// Thread named after the port of its tunnel.
fn named(route: &Route) -> std::thread::Builder {
    std::thread::Builder::new().name(format!("via {}", route.local))
}

#[derive(Default)]
struct State {
    ended: bool,
    /// Connection of the gateway to the destination, once established.
    far: Option<Arc<TcpStream>>,
}

/// Connection through a tunnel.
pub(crate) struct Link {
    /// Number of the tunnel.
    tunnel: u64,
    /// Listening agent, as `gid.nid`.
    agent: String,
    gateway: String,
    near: TcpStream,
    state: Mutex<State>,
}

impl Link {
    pub(crate) fn is_of(&self, tunnel: u64) -> bool {
        self.tunnel == tunnel
    }

    /// Whether the agent is either end.
    pub(crate) fn touches(&self, agent: &str) -> bool {
        self.agent == agent || self.gateway == agent
    }

    /// Closes both sides, from any thread. Data already written still arrives.
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
        // Checked after the link is registered: a gateway that dies from now on closes it.
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
        // The original appends a colon and the port: IPv6 addresses need brackets.
        let host = match route.ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
            Some(ip) => ip,
            None if route.ip.contains(':') => return None,
            // Go treats an empty host as localhost.
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

/// Open connections through the tunnels of a grid.
#[derive(Default)]
pub(crate) struct Links {
    open: Mutex<Vec<Arc<Link>>>,
    gone: Condvar,
}

impl Links {
    /// Registers an accepted connection and forwards it on its own threads.
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

    /// Closes matching links.
    pub(crate) fn end(&self, which: impl Fn(&Link) -> bool) {
        lock(&self.open).iter().filter(|link| which(link)).for_each(|link| link.end());
    }

    /// Waits up to `time` until the threads of matching links have ended.
    pub(crate) fn wait_gone(&self, which: impl Fn(&Link) -> bool, time: Duration) {
        let some = |open: &mut Vec<Arc<Link>>| open.iter().any(|link| which(link));
        let waited = self.gone.wait_timeout_while(lock(&self.open), time, some);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.open).len()
    }
}
