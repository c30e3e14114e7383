//! Opening, closing and listing the tunnels of a listener: an agent, or the controller.
//!
//! An agent of 2016 keeps its tunnels under the text of what was asked for, and none of its answers
//! tells whether one listens:
//!
//! - Opening one that it knows answers with success and does nothing, open or not.
//! - One that could not be opened is known from then on.
//! - One whose port it chose is known by port 0, so there is one to each destination, and listed with
//!   its real port. Closing it by port 0 stops it. It stays known until the agent restarts, and the agent
//!   forgets, without stopping it, a tunnel that was opened to the same destination on that very port.
//! - Whenever its connection to the controller is re-established, it listens for all that it knows.
//! - Closing one that it does not know answers with success.
//!
//! So what a call did shows in the lists before and after it.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{left_out, read_one, read_rows};
use super::tunnel::{ClosedTunnel, Gateway, Tunnel};
use crate::engine::ask::Steps;
use crate::engine::{Session, ids};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Fields, JobResult, Record, Rest, Target};

/// The first of the ports that no service is assigned to; they go up to 65535.
const FIRST_DYNAMIC_PORT: u16 = 49152;
/// Ports that are tried where any will do.
const TRIES: usize = 8;

/// Where tunnels begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Agent(AgentId),
    Controller,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Agent(agent) => write!(f, "agent {agent}"),
            Listener::Controller => f.write_str("the controller"),
        }
    }
}

impl Listener {
    fn is(self, gateway: &Gateway) -> bool {
        matches!((self, gateway), (Listener::Agent(agent), Gateway::Agent(gateway)) if agent == *gateway)
    }

    fn target(self) -> Target {
        match self {
            Listener::Agent(agent) => agent.into(),
            Listener::Controller => Target::controller(),
        }
    }

    /// The command for something to do with a tunnel, and its name.
    fn command(self, verb: Verb, data: String) -> (&'static str, Contents) {
        match self {
            Listener::Agent(_) => (verb.of_agents(), Contents::of(verb.of_agents(), data)),
            Listener::Controller => {
                let name = verb.of_controller();
                (name, Contents::of_controller(name, data))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Open,
    Close,
    List,
}

impl Verb {
    fn of_agents(self) -> &'static str {
        match self {
            Verb::Open => "hubble_open_tunnel",
            Verb::Close => "hubble_close_tunnel",
            Verb::List => "hubble_list_tunnels",
        }
    }

    fn of_controller(self) -> &'static str {
        match self {
            Verb::Open => "tunnel_open",
            Verb::Close => "tunnel_close",
            Verb::List => "tunnel_list",
        }
    }
}

/// A tunnel on the wire, with the text by which the agent knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
struct Wire {
    local: u16,
    gateway: String,
    ip: String,
    remote: u16,
}

/// A row of a list. All its fields name the tunnel, so that one with a field that cannot be read is none.
struct Row(Option<Wire>);

impl Record for Row {
    fn take(mut fields: Fields<'_>) -> Self {
        let wire = Wire {
            local: fields.take("local").into_value().unwrap_or_default(),
            gateway: fields.take("gateway").into_value().unwrap_or_default(),
            ip: fields.take("ip").into_value().unwrap_or_default(),
            remote: fields.take("remote").into_value().unwrap_or_default(),
        };
        let Rest { odd, .. } = fields.rest();
        let names = ["local", "gateway", "ip", "remote"];
        let is_dropped = odd.iter().any(|odd| odd.is_dropped && names.contains(&&*odd.name));
        Row((!is_dropped).then_some(wire))
    }
}

impl Wire {
    fn of(tunnel: &Tunnel) -> Self {
        Wire {
            local: tunnel.local,
            gateway: tunnel.gateway.to_string(),
            ip: tunnel.host(),
            remote: tunnel.remote,
        }
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::new(self.local, self.gateway.as_str(), &self.ip, self.remote)
    }

    fn json(&self) -> String {
        json!(self).to_string()
    }
}

/// The rows of a list that are a tunnel. There may be two: one on a port that the agent chose, and one
/// that was asked for on that port.
fn rows_of<'a>(list: &'a [Wire], tunnel: &Tunnel) -> impl Iterator<Item = &'a Wire> {
    list.iter().filter(move |row| row.tunnel() == *tunnel)
}

/// One call about tunnels.
struct Call<'a> {
    steps: Steps<'a>,
    listener: Listener,
}

impl<'a> Call<'a> {
    fn begin(session: &'a Session, listener: Listener) -> Self {
        Call { steps: Steps::begin(session), listener }
    }

    fn order(&self, verb: Verb, tunnel: &Wire) -> Result<JobResult> {
        let (name, contents) = self.listener.command(verb, tunnel.json());
        let answer = self.steps.order(self.listener.target(), contents);
        answer.map_err(|error| self.unsupported(name, error))
    }

    fn list(&self) -> Result<Vec<Wire>> {
        let (name, contents) = self.listener.command(Verb::List, String::new());
        let answer = self.steps.ask(self.listener.target(), contents);
        let answer = answer.map_err(|error| self.unsupported(name, error))?;
        let rows: Vec<Row> = read_rows(&answer)?;
        let count = rows.len();
        let wires: Vec<Wire> = rows.into_iter().filter_map(|Row(wire)| wire).collect();
        left_out(&answer, count - wires.len());
        Ok(wires)
    }

    fn unsupported(&self, name: &str, error: Error) -> Error {
        match (error.kind(), self.listener) {
            (ErrorKind::UnknownCommand, Listener::Controller) => Error::new(
                ErrorKind::Unsupported,
                "reverse tunnels are unsupported by this controller",
            )
            .asked(|| format!("{name} of the controller")),
            _ => error,
        }
    }

    fn error(&self, kind: ErrorKind, verb: Verb, message: String) -> Error {
        let listener = self.listener;
        Error::new(kind, message).asked(|| match listener {
            Listener::Agent(_) => format!("{} on {listener}", verb.of_agents()),
            Listener::Controller => format!("{} of {listener}", verb.of_controller()),
        })
    }
}

/// Opens a tunnel. The port of one that leaves it open is chosen here: an agent would keep a tunnel whose
/// port it chose for good.
pub(crate) fn open(session: &Session, listener: Listener, tunnel: &Tunnel) -> Result<Tunnel> {
    tunnel.check()?;
    if listener.is(&tunnel.gateway) {
        let itself = "invalid gateway: a tunnel cannot lead from an agent to itself";
        return Err(Error::invalid(itself));
    }
    let call = Call::begin(session, listener);
    let list = call.list()?;
    if tunnel.local != 0 {
        return call.open(tunnel, &list);
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let opened = call.open(&Tunnel { local: any_port()?, ..tunnel.clone() }, &list);
        match &opened {
            Err(error) if tries < TRIES && is_about_the_port(error) => {}
            _ => return opened,
        }
    }
}

fn any_port() -> Result<u16> {
    let ports = usize::from(u16::MAX - FIRST_DYNAMIC_PORT) + 1;
    // It is less than the number of ports.
    Ok(FIRST_DYNAMIC_PORT + ids::random_below(ports)? as u16)
}

fn is_about_the_port(error: &Error) -> bool {
    error.kind() == ErrorKind::TunnelExists || listen_error(error).is_some()
}

impl Call<'_> {
    /// Opens a tunnel of a certain port, given the list of just before.
    fn open(&self, tunnel: &Tunnel, before: &[Wire]) -> Result<Tunnel> {
        let wire = Wire::of(tunnel);
        let opened = match self.order(Verb::Open, &wire) {
            // It is open, or listed, whatever the answer says.
            Ok(answer) => match read_one(&answer) {
                Ok(Row(Some(wire))) => wire.tunnel(),
                _ => tunnel.clone(),
            },
            Err(error) => match listen_error(&error) {
                Some(number) => {
                    let message =
                        format!("cannot listen on port {}: {}", tunnel.local, cause(number));
                    return Err(self.forget(&wire, error.with_message(message)));
                }
                None => return Err(error),
            },
        };
        let known = rows_of(before, tunnel).count();
        if known == 0 || rows_of(&self.list()?, tunnel).count() > known {
            return Ok(opened);
        }
        let exists = format!(
            "{tunnel} is listed already, open or not, and was not opened again; close it first"
        );
        Err(self.error(ErrorKind::TunnelExists, Verb::Open, exists))
    }

    /// Makes the agent forget a tunnel that it could not open: it would listen on the port once that is
    /// free and the controller has restarted.
    fn forget(&self, tunnel: &Wire, error: Error) -> Error {
        match self.order(Verb::Close, tunnel) {
            Ok(_) => error,
            Err(failed) => error.noting(&format!("it may still be listed: {failed}")),
        }
    }
}

/// What is listed to the destination of a tunnel, for a message.
fn same_destination(tunnel: &Tunnel, list: &[Wire]) -> String {
    let rows = list.iter().map(Wire::tunnel);
    let same = rows.filter(|row| row.destination() == tunnel.destination());
    let names: Vec<_> = same.map(|row| row.to_string()).collect();
    if names.is_empty() { String::new() } else { format!("; listed: {}", names.join(", ")) }
}

/// The number of the system's error, where the agent could not listen: it answers with Go's error of a
/// listener as JSON.
fn listen_error(error: &Error) -> Option<i64> {
    let said: Value = error.job()?.json().ok()?;
    said["Err"]["Err"].as_i64().filter(|_| said["Op"] == "listen")
}

/// Text of an errno of Linux, where the agents run, whatever system this program runs on.
fn cause(number: i64) -> String {
    match number {
        13 => "permission denied".to_owned(),
        24 => "too many open files".to_owned(),
        98 => "the port is in use".to_owned(),
        number => format!("error {number} of the operating system"),
    }
}

pub(crate) fn close(
    session: &Session,
    listener: Listener,
    tunnel: &Tunnel,
) -> Result<ClosedTunnel> {
    let call = Call::begin(session, listener);
    let mut list = call.list()?;
    if rows_of(&list, tunnel).next().is_none() {
        let message = format!("no such tunnel: {tunnel}{}", same_destination(tunnel, &list));
        return Err(call.error(ErrorKind::NoSuchTunnel, Verb::Close, message));
    }
    // One that is listed by its port and does not go by it is the one to its destination whose port the
    // agent chose. It comes last: closing it makes the agent forget, and not stop, another on its port.
    for local in [tunnel.local, 0] {
        for row in rows_of(&list, tunnel) {
            call.order(Verb::Close, &Wire { local, ..row.clone() })?;
        }
        list = call.list()?;
        if rows_of(&list, tunnel).next().is_none() {
            return Ok(ClosedTunnel { still_listed: false });
        }
    }
    Ok(ClosedTunnel { still_listed: true })
}

pub(crate) fn list(session: &Session, listener: Listener) -> Result<Vec<Tunnel>> {
    let rows = Call::begin(session, listener).list()?;
    Ok(rows.iter().map(Wire::tunnel).collect())
}

#[cfg(feature = "capi")]
impl Tunnel {
    /// The row of a list, for C.
    pub(crate) fn json(&self) -> String {
        Wire { ip: self.ip.clone(), ..Wire::of(self) }.json()
    }
}
