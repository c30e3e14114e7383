//! Tunnels: ports that agents listen on, and their bookkeeping.
//!
//! Connections to such a port are carried on by another agent, the gateway, to an address as seen from there. The gateway
//! may be the controller, too.
//!
//! The bookkeeping is that of the original with its traps (`agent/agent.go` and `agent/tunnel.go` of its hubble):
//!
//! - A tunnel is known by what was asked for, so one whose port the agent chose is closed by port 0 only.
//! - Closing removes the entry of the real port. So a tunnel whose port the agent chose stays in the list, and a
//!   tunnel that was asked for on that port leaves the list but keeps listening.
//! - A tunnel that could not be opened is known, and opening it again does nothing and succeeds.
//! - An agent listens for nothing while it has no controller, and for all that it knows once it has one again.

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

/// As gateway, the controller itself.
pub(crate) const CONTROLLER: &str = "controller";
/// How long to leave a listener alone when the system has nothing left to accept with.
const PAUSE: Duration = Duration::from_millis(50);

/// From where to where.
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

/// A port that may be missing or null.
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

/// Go's error of a listener as JSON.
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

/// `hubble_close_tunnel`; one that isn't there is closed already.
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
    /// The same with the port it got.
    real: Route,
    /// `None` when it was closed, could not be opened, or the agent has no controller.
    listening: Option<Listening>,
}

impl Tunnel {
    /// Starts to listen, and sets the real port.
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
    /// In the order they were opened; the original lists them in none.
    known: Vec<Tunnel>,
    /// Those that go on listening and are known no more, until the agent ends.
    forgotten: Vec<Tunnel>,
}

/// The tunnels of one agent.
#[derive(Default)]
pub(crate) struct Tunnels(Mutex<State>);

impl Tunnels {
    fn open(&self, shared: &Arc<Shared>, agent: &str, asked: Route) -> Answer {
        let mut state = lock(&self.0);
        if state.ended {
            return Err(NOTHING.into());
        }
        if state.known.iter().any(|tunnel| tunnel.asked == asked) {
            // Whether it is open or not; and what the answer tells then is the port asked for.
            return Ok(asked.to_json());
        }
        let mut tunnel = Tunnel { real: asked.clone(), asked, listening: None };
        let listens = tunnel.listen(shared, agent);
        let answer = match listens {
            Ok(()) => Ok(tunnel.real.to_json()),
            Err(error) => Err(refusal(tunnel.asked.local, &error)),
        };
        // One that could not be opened is known from now on as well.
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

    /// The connection to the controller is lost.
    pub(crate) fn disconnect(&self) {
        lock(&self.0).known.iter_mut().for_each(Tunnel::stop);
    }

    /// The connection to the controller is there again: listens for all that is known, closed or not. A port that is in
    /// use by now stays without a listener.
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

    /// Closes all of them; from now on none can be opened.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.0);
        state.ended = true;
        let (known, forgotten) =
            (std::mem::take(&mut state.known), std::mem::take(&mut state.forgotten));
        drop(state);
        known.into_iter().chain(forgotten).for_each(|mut tunnel| tunnel.stop());
    }
}

/// A port with the thread that accepts on it.
struct Listening {
    number: u64,
    shared: Arc<Shared>,
    /// A byte in it ends the thread. Its end alone would not, while a forked child has it too.
    wake: PipeWriter,
    thread: JoinHandle<()>,
}

impl Listening {
    /// Sets the port of the route if that was 0.
    fn start(shared: &Arc<Shared>, agent: &str, route: &mut Route) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // The original listens for everybody, which a development grid had better not.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, route.local))?;
        // Whoever was ready to be accepted may have gone again.
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

    /// When this returns the port is free and all connections are being ended.
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
