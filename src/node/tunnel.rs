use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::node::Answer;
use crate::protocol::Target;
use crate::protocol::{AgentId, RunArgs};

/// Where a tunnel comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// At an agent.
    Agent(AgentId),
    /// At the controller.
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
                "{text:?} is no gateway: it is gid.nid, like 2.1, or controller"
            ))
        })
    }
}

/// A tunnel: who connects to port `local` of the agent's machine talks to `ip`:`remote` as the
/// gateway sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// The port that the agent listens on. 0 lets it choose one; in an answer it is the real one.
    pub local: u16,
    /// Where it comes out.
    pub gateway: Gateway,
    /// Address to connect to from there.
    pub ip: IpAddr,
    /// Port to connect to from there.
    pub remote: u16,
    /// Whether the agent chose the port. It then knows the tunnel by port 0 when it is asked to
    /// close it.
    chosen: bool,
}

impl Tunnel {
    /// A tunnel to be opened.
    pub fn new(local: u16, gateway: impl Into<Gateway>, ip: IpAddr, remote: u16) -> Self {
        Tunnel { local, gateway: gateway.into(), ip, remote, chosen: local == 0 }
    }

    /// As on the wire, with the port that it has.
    pub(crate) fn json(&self) -> String {
        self.to_json(self.local)
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

/// Tunnels. Each call asks one agent, or the controller, and blocks for the client's timeout at
/// most.
impl Client {
    /// Opens a tunnel from a port of an agent's machine. The answer has its real port.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let loopback = std::net::Ipv4Addr::LOCALHOST.into();
    /// let tunnel = client.tunnel_open(1, 1, &Tunnel::new(0, AgentId::new(2, 1), loopback, 22))?;
    /// println!("ssh -p {} localhost, on the machine of 1:1", tunnel.local);
    /// client.tunnel_close(1, 1, &tunnel)?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a remote port of 0 and for a tunnel of an agent to
    /// itself; [`ErrorKind::JobFailed`] where the agent cannot open it (the port is taken, the
    /// gateway unknown), which does not say why, and where it is to choose the port of a tunnel that
    /// it has in its list already, which it opens no second time; those of
    /// [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn tunnel_open(&self, gid: u32, nid: u32, tunnel: &Tunnel) -> Result<Tunnel> {
        if tunnel.remote == 0 {
            return Err(Error::invalid("the remote port of a tunnel is 0"));
        }
        if tunnel.gateway == Gateway::Agent(AgentId { gid, nid }) {
            return Err(Error::invalid("a tunnel from an agent to itself"));
        }
        let data = tunnel.to_json(tunnel.local);
        let order = self.cmd(Target::agent(gid, nid), "hubble_open_tunnel").data(data);
        let opened: Answer<Wire> = Answer::of(&order.run(self.quick())?.into_success()?)?;
        let opened = opened.into_inner().read(tunnel.local == 0)?;
        if opened.local == 0 {
            // The agent has it in its list already, where closed ones of a chosen port stay too, and
            // has opened nothing.
            let listed = "the agent lists such a tunnel already, open or closed, and opens it no second time: \
                          name a local port, or see tunnel_list";
            return Err(Error::new(ErrorKind::JobFailed, listed)
                .asked(|| format!("hubble_open_tunnel on agent {gid}:{nid}")));
        }
        Ok(opened)
    }

    /// Closes a tunnel: the one that [`Client::tunnel_open`] returned, or one of
    /// [`Client::tunnel_list`]. One that is not open is no error.
    ///
    /// A tunnel whose port the agent chose is known to it by port 0; the value from `tunnel_open`
    /// remembers that, one from `tunnel_list` cannot. Today's agents go on listing such a tunnel
    /// after it is closed.
    ///
    /// # Errors
    /// Those of [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn tunnel_close(&self, gid: u32, nid: u32, tunnel: &Tunnel) -> Result<()> {
        let data = tunnel.to_json(if tunnel.chosen { 0 } else { tunnel.local });
        self.cmd(Target::agent(gid, nid), "hubble_close_tunnel")
            .data(data)
            .run(self.quick())?
            .into_success()?;
        Ok(())
    }

    /// The tunnels from an agent's machine.
    ///
    /// # Errors
    /// Those of [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn tunnel_list(&self, gid: u32, nid: u32) -> Result<Vec<Tunnel>> {
        let listed: Answer<Option<Vec<Wire>>> =
            self.ask_agent(gid, nid, "hubble_list_tunnels", "")?;
        listed.into_inner().unwrap_or_default().into_iter().map(|wire| wire.read(false)).collect()
    }

    /// Opens a tunnel from a port of the controller's machine: with controllers later than the
    /// original of 2016 only.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] from a controller that does not offer it; else as
    /// [`Client::tunnel_open`].
    pub fn reverse_tunnel_open(&self, tunnel: &Tunnel) -> Result<Tunnel> {
        let job = self.reverse_tunnel("tunnel_open", &tunnel.to_json(tunnel.local))?;
        job.json::<Wire>()?.read(tunnel.local == 0)
    }

    /// Closes a tunnel from a port of the controller's machine.
    ///
    /// # Errors
    /// As [`Client::reverse_tunnel_open`].
    pub fn reverse_tunnel_close(&self, tunnel: &Tunnel) -> Result<()> {
        let data = tunnel.to_json(if tunnel.chosen { 0 } else { tunnel.local });
        self.reverse_tunnel("tunnel_close", &data).map(|_| ())
    }

    /// The tunnels from the controller's machine.
    ///
    /// # Errors
    /// As [`Client::reverse_tunnel_open`].
    pub fn reverse_tunnel_list(&self) -> Result<Vec<Tunnel>> {
        let job = self.reverse_tunnel("tunnel_list", "")?;
        let listed: Option<Vec<Wire>> = job.json()?;
        listed.unwrap_or_default().into_iter().map(|wire| wire.read(false)).collect()
    }

    fn reverse_tunnel(&self, name: &str, data: &str) -> Result<Job> {
        let order =
            self.cmd(Target::controller(), "controller").run_args(RunArgs::new().name(name));
        let answer = order.data(data).run(self.quick())?.into_success();
        answer.map_err(|error| match error.kind() {
            ErrorKind::UnknownCommand => {
                Error::new(ErrorKind::Unsupported, "this controller does not offer reverse tunnels")
                    .asked(|| format!("{name} of the controller"))
            }
            _ => error,
        })
    }
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
