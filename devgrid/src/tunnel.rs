//! Tunnels: ports that agents listen on, and their bookkeeping.
//!
//! Connections to a port are forwarded by a gateway, another agent or the controller, to an address as seen from there.
//!
//! The bookkeeping reproduces the defects of the original (`agent/agent.go` and `agent/tunnel.go` of its hubble):
//!
//! - Tunnels are identified by the requested route: a tunnel whose port the agent chose is closed by port 0 only.
//! - Closing removes the entry with the actual port. A tunnel whose port the agent chose stays listed, and a tunnel that
//!   was requested on that port is no longer listed but keeps listening.
//! - A tunnel that could not be opened is listed, and opening it again does nothing and succeeds.
//! - An agent does not listen while it has no controller, and listens for all listed tunnels once it has one again.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::builtin::{self, Answer, NOTHING};
use crate::gojson::{self, Object};
use crate::grid::Shared;
use crate::job::Job;
use crate::link::Links;
use crate::{lock, sys};

/// Name of the controller as a gateway.
pub(crate) const CONTROLLER: &str = "controller";
/// Pause after accept fails, as without free descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Route of a tunnel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) local: u16,
    pub(crate) gateway: String,
    pub(crate) ip: String,
    pub(crate) remote: u16,
}

impl Route {
    fn of(job: &Job) -> Result<Self, String> {
        let fields = builtin::fields(job)?;
        Ok(Route {
            local: port(&fields, "local")?,
            gateway: builtin::text(&fields, "gateway")?.unwrap_or_default(),
            ip: builtin::text(&fields, "ip")?.unwrap_or_default(),
            remote: port(&fields, "remote")?,
        })
    }

    fn to_json(&self) -> String {
        Object::new()
            .int("local", self.local.into())
            .text("gateway", &self.gateway)
            .text("ip", &self.ip)
            .int("remote", self.remote.into())
            .end()
    }
}

/// Optional port field; null counts as missing.
fn port(fields: &Map<String, Value>, name: &str) -> Result<u16, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => {
            let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
            port.ok_or_else(|| NOTHING.into())
        }
    }
}

/// `hubble_open_tunnel`
pub(crate) fn open(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let asked = Route::of(job)?;
    if asked.gateway == agent.name() {
        return Err(NOTHING.into());
    }
    agent.tunnels.open(&agent.shared, &agent.name(), asked)
}

/// Go's listen error as JSON.
fn refusal(port: u16, error: &io::Error) -> String {
    let address =
        Object::new().text("IP", "127.0.0.1").int("Port", port.into()).text("Zone", "").end();
    let number = error.raw_os_error().unwrap_or_default().into();
    let call = Object::new().text("Syscall", "bind").int("Err", number).end();
    Object::new()
        .text("Op", "listen")
        .text("Net", "tcp")
        .raw("Source", "null")
        .raw("Addr", &address)
        .raw("Err", &call)
        .end()
}

/// `hubble_close_tunnel`; succeeds for unknown tunnels.
pub(crate) fn close(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    agent.tunnels.close(&Route::of(job)?);
    Ok("true".into())
}

/// `hubble_list_tunnels`
pub(crate) fn list(agent: &Arc<Agent>, _: &Arc<Job>) -> Answer {
    Ok(agent.tunnels.list())
}

struct Tunnel {
    asked: Route,
    /// The route with its actual port.
    real: Route,
    /// `None` if it is closed, could not be opened, or the agent has no controller.
    listening: Option<Listening>,
}

impl Tunnel {
    /// Starts to listen and sets the actual port.
    fn listen(&mut self, shared: &Arc<Shared>, agent: &str) -> io::Result<()> {
        self.listening = Some(Listening::start(shared, agent, &mut self.real)?);
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.stop();
        }
    }
}

#[derive(Default)]
struct State {
    ended: bool,
    /// Listed tunnels, in order of opening; the original has no order.
    known: Vec<Tunnel>,
    /// Tunnels that are no longer listed but listen until the agent ends.
    forgotten: Vec<Tunnel>,
}

/// Tunnels of an agent.
#[derive(Default)]
pub(crate) struct Tunnels(Mutex<State>);

impl Tunnels {
    fn open(&self, shared: &Arc<Shared>, agent: &str, asked: Route) -> Answer {
        let mut state = lock(&self.0);
        if state.ended {
            return Err(NOTHING.into());
        }
        if state.known.iter().any(|tunnel| tunnel.asked == asked) {
            // Open or not; the answer has the requested port.
            return Ok(asked.to_json());
        }
        let mut tunnel = Tunnel { real: asked.clone(), asked, listening: None };
        let listens = tunnel.listen(shared, agent);
        let answer = match listens {
            Ok(()) => Ok(tunnel.real.to_json()),
            Err(error) => Err(refusal(tunnel.asked.local, &error)),
        };
        // Listed even if it could not be opened.
        state.known.push(tunnel);
        answer
    }

    fn close(&self, asked: &Route) {
        let mut state = lock(&self.0);
        let Some(tunnel) = state.known.iter_mut().find(|tunnel| tunnel.asked == *asked) else {
            return;
        };
        tunnel.stop();
        let real = tunnel.real.clone();
        let forgotten = state.known.extract_if(.., |tunnel| tunnel.asked == real);
        let listening: Vec<_> = forgotten.filter(|tunnel| tunnel.listening.is_some()).collect();
        state.forgotten.extend(listening);
    }

    /// Stops listening: the connection to the controller is lost.
    pub(crate) fn disconnect(&self) {
        lock(&self.0).known.iter_mut().for_each(Tunnel::stop);
    }

    /// Listens for all listed tunnels, closed or not: the connection to the controller is back. A port in use stays
    /// without a listener.
    pub(crate) fn reopen(&self, shared: &Arc<Shared>, agent: &str) {
        let mut state = lock(&self.0);
        if state.ended {
            return;
        }
        for tunnel in &mut state.known {
            tunnel.stop();
            let _ = tunnel.listen(shared, agent);
        }
    }

    fn list(&self) -> String {
        let state = lock(&self.0);
        gojson::array(&state.known.iter().map(|tunnel| tunnel.real.to_json()).collect::<Vec<_>>())
    }

    /// Closes all tunnels and rejects new ones.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.0);
        state.ended = true;
        let (known, forgotten) =
            (std::mem::take(&mut state.known), std::mem::take(&mut state.forgotten));
        drop(state);
        known.into_iter().chain(forgotten).for_each(|mut tunnel| tunnel.stop());
    }
}

/// Listener and the thread that accepts connections.
struct Listening {
    number: u64,
    shared: Arc<Shared>,
    /// A byte ends the thread. Closing the pipe would not, while a forked child holds it open.
    wake: PipeWriter,
    thread: JoinHandle<()>,
}

impl Listening {
    /// Starts to listen. Sets the port of the route if it was 0.
    fn start(shared: &Arc<Shared>, agent: &str, route: &mut Route) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // The original listens on all interfaces, which is unsafe for a development grid.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, route.local))?;
        // A pending connection may be closed before accept.
        listener.set_nonblocking(true)?;
        route.local = listener.local_addr()?.port();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (reader, wake) = io::pipe()?;
        let accepting = Accepting {
            number,
            agent: agent.into(),
            route: route.clone(),
            shared: Arc::clone(shared),
            listener,
        };
        let name = format!("tunnel {}", route.local);
        let thread =
            std::thread::Builder::new().name(name).spawn(move || accepting.run(&reader))?;
        Ok(Listening { number, shared: Arc::clone(shared), wake, thread })
    }

    /// Stops listening. On return the port is free, and all connections are being closed.
    fn stop(mut self) {
        let _ = self.wake.write_all(&[0]);
        let _ = self.thread.join();
        self.shared.links.end(|link| link.is_of(self.number));
    }
}

struct Accepting {
    number: u64,
    agent: String,
    route: Route,
    shared: Arc<Shared>,
    listener: TcpListener,
}

impl Accepting {
    fn run(self, stop: &PipeReader) {
        loop {
            if let [_, true] = sys::wait_readable(&[self.listener.as_fd(), stop.as_fd()], None)[..]
            {
                return;
            }
            match self.listener.accept() {
                Ok((near, _)) if near.set_nonblocking(false).is_ok() => {
                    Links::start(&self.shared, self.number, &self.agent, &self.route, near);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    sys::wait_readable(&[stop.as_fd()], Some(PAUSE));
                }
                _ => {}
            }
        }
    }
}
