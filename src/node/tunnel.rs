//! [`Tunnel`]: tunnels between the machines of agents.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::{Session, ask};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, JobResult, Target};

/// Exit of a tunnel.
///
/// ```
/// use acclient::Gateway;
/// let gateway: Gateway = "2.1".parse()?;
/// assert_eq!(gateway, Gateway::Agent((2, 1).into()));
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// An agent.
    Agent(AgentId),
    /// The controller.
    Controller,
}

impl From<AgentId> for Gateway {
    fn from(agent: AgentId) -> Self {
        Gateway::Agent(agent)
    }
}

/// As on the wire: `gid.nid`, or `controller`.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gateway::Agent(agent) => write!(f, "{}.{}", agent.gid, agent.nid),
            Gateway::Controller => f.write_str("controller"),
        }
    }
}

impl FromStr for Gateway {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "controller" {
            return Ok(Gateway::Controller);
        }
        // An agent is written with a dot here and with a colon everywhere else.
        let agent = text.replacen('.', ":", 1).parse::<AgentId>().ok();
        let agent = agent.filter(|agent| agent.gid > 0 && agent.nid > 0);
        agent.map(Gateway::Agent).ok_or_else(|| {
            Error::invalid(format!(
                "invalid gateway {text:?}: expected gid.nid, like 2.1, or controller"
            ))
        })
    }
}

/// Tunnel from port `local` of an agent's machine to `ip`:`remote` as seen from the gateway.
///
/// ```
/// use acclient::{AgentId, Tunnel};
/// let loopback = std::net::Ipv4Addr::LOCALHOST.into();
/// let ssh = Tunnel::new(0, AgentId::new(2, 1), loopback, 22);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tunnel {
    /// Port that the agent listens on. 0 lets the agent choose one; an open tunnel has the real port.
    pub local: u16,
    /// Exit of the tunnel.
    pub gateway: Gateway,
    /// Address that the gateway connects to.
    pub ip: IpAddr,
    /// Port that the gateway connects to.
    pub remote: u16,
    /// Whether the agent chose the port. It then knows the tunnel by port 0 when it is asked to
    /// close it.
    chosen: bool,
}

impl Tunnel {
    /// Makes a tunnel to be opened.
    pub fn new(local: u16, gateway: impl Into<Gateway>, ip: IpAddr, remote: u16) -> Self {
        Tunnel { local, gateway: gateway.into(), ip, remote, chosen: local == 0 }
    }

    /// As on the wire, with the port that it has.
    #[cfg(feature = "capi")]
    pub(crate) fn json(&self) -> String {
        self.to_json(self.local)
    }

    /// The port by which the agent knows it when it is asked to close it.
    fn known_port(&self) -> u16 {
        if self.chosen { 0 } else { self.local }
    }

    fn to_json(&self, local: u16) -> String {
        let gateway = self.gateway.to_string();
        json!({ "local": local, "gateway": gateway, "ip": self.ip, "remote": self.remote })
            .to_string()
    }
}

/// A tunnel on the wire.
#[derive(Deserialize, Serialize)]
struct Wire {
    local: u16,
    gateway: String,
    ip: IpAddr,
    remote: u16,
}

impl Wire {
    fn read(self, chosen: bool) -> Result<Tunnel> {
        let gateway = self
            .gateway
            .parse()
            .map_err(|error: Error| Error::new(ErrorKind::Protocol, error.to_string()))?;
        Ok(Tunnel { local: self.local, gateway, ip: self.ip, remote: self.remote, chosen })
    }
}

pub(crate) fn open(session: &Session, agent: AgentId, tunnel: &Tunnel) -> Result<Tunnel> {
    if tunnel.remote == 0 {
        return Err(Error::invalid("invalid remote port 0: expected 1 to 65535"));
    }
    if tunnel.gateway == Gateway::Agent(agent) {
        return Err(Error::invalid(
            "invalid gateway: a tunnel cannot lead from an agent to itself",
        ));
    }
    let order = Contents::of("hubble_open_tunnel", tunnel.to_json(tunnel.local));
    let opened = ask::order(session, agent.into(), order)?.json::<Wire>()?;
    let opened = opened.read(tunnel.local == 0)?;
    if opened.local == 0 {
        // The agent has it in its list already, where closed ones of a chosen port stay too, and has
        // opened nothing.
        let listed = "the agent lists this tunnel already, open or closed, and does not open it again: choose a local port";
        return Err(Error::new(ErrorKind::JobFailed, listed)
            .asked(|| format!("hubble_open_tunnel on agent {agent}")));
    }
    Ok(opened)
}

pub(crate) fn close(session: &Session, agent: AgentId, tunnel: &Tunnel) -> Result<()> {
    let order = Contents::of("hubble_close_tunnel", tunnel.to_json(tunnel.known_port()));
    ask::order(session, agent.into(), order).map(|_| ())
}

pub(crate) fn list(session: &Session, agent: AgentId) -> Result<Vec<Tunnel>> {
    let question = Contents::of("hubble_list_tunnels", "");
    listed(&ask::ask(session, agent.into(), question)?)
}

pub(crate) fn reverse_open(session: &Session, tunnel: &Tunnel) -> Result<Tunnel> {
    let opened = reverse(session, "tunnel_open", tunnel.to_json(tunnel.local))?;
    opened.json::<Wire>()?.read(tunnel.local == 0)
}

pub(crate) fn reverse_close(session: &Session, tunnel: &Tunnel) -> Result<()> {
    reverse(session, "tunnel_close", tunnel.to_json(tunnel.known_port())).map(|_| ())
}

pub(crate) fn reverse_list(session: &Session) -> Result<Vec<Tunnel>> {
    listed(&reverse(session, "tunnel_list", String::new())?)
}

fn listed(answer: &JobResult) -> Result<Vec<Tunnel>> {
    let listed: Option<Vec<Wire>> = answer.json()?;
    listed.unwrap_or_default().into_iter().map(|wire| wire.read(false)).collect()
}

fn reverse(session: &Session, name: &str, data: String) -> Result<JobResult> {
    let answer = ask::order(session, Target::controller(), Contents::of_controller(name, data));
    answer.map_err(|error| match error.kind() {
        ErrorKind::UnknownCommand => {
            Error::new(ErrorKind::Unsupported, "reverse tunnels are unsupported by this controller")
                .asked(|| format!("{name} of the controller"))
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_read_and_written_as_on_the_wire() {
        for (text, gateway) in
            [("2.1", Gateway::Agent(AgentId::new(2, 1))), ("controller", Gateway::Controller)]
        {
            assert_eq!(text.parse::<Gateway>().unwrap(), gateway);
            assert_eq!(gateway.to_string(), text);
        }
        for wrong in ["", "2", "2.1.3", "a.b", "Controller", "1.0", "0.1"] {
            assert_eq!(wrong.parse::<Gateway>().unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
