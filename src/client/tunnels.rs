//! What a [`Client`] does with tunnels.

use super::Client;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::{Tunnel, tunnel};
use crate::protocol::AgentId;

/// Tunnels. Each call asks one agent, or the controller, and blocks for the client's timeout at
/// most.
impl Client {
    /// Opens a tunnel from a port of an agent's machine. The answer has its real port.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let loopback = std::net::Ipv4Addr::LOCALHOST.into();
    /// let tunnel = client.tunnel_open((1, 1), &Tunnel::new(0, AgentId::new(2, 1), loopback, 22))?;
    /// println!("ssh -p {} localhost, on the machine of 1:1", tunnel.local);
    /// client.tunnel_close((1, 1), &tunnel)?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a remote port of 0 and for a tunnel of an agent to
    /// itself; [`ErrorKind::JobFailed`] where the agent cannot open it (the port is taken, the
    /// gateway unknown), which does not say why, and where it is to choose the port of a tunnel that
    /// it has in its list already, which it opens no second time; those of
    /// [`Request::run`](crate::Request::run).
    pub fn tunnel_open(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<Tunnel> {
        tunnel::open(self.session(), agent.into(), tunnel)
    }

    /// Closes a tunnel: the one that [`Client::tunnel_open`] returned, or one of
    /// [`Client::tunnel_list`]. One that is not open is no error.
    ///
    /// A tunnel whose port the agent chose is known to it by port 0; the value from `tunnel_open`
    /// remembers that, one from `tunnel_list` cannot. Today's agents go on listing such a tunnel
    /// after it is closed.
    ///
    /// # Errors
    /// Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_close(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<()> {
        tunnel::close(self.session(), agent.into(), tunnel)
    }

    /// The tunnels from an agent's machine.
    ///
    /// # Errors
    /// Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_list(&self, agent: impl Into<AgentId>) -> Result<Vec<Tunnel>> {
        tunnel::list(self.session(), agent.into())
    }

    /// Opens a tunnel from a port of the controller's machine: with controllers later than the
    /// original of 2016 only.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] from a controller that does not offer it; else as
    /// [`Client::tunnel_open`].
    pub fn reverse_tunnel_open(&self, tunnel: &Tunnel) -> Result<Tunnel> {
        tunnel::reverse_open(self.session(), tunnel)
    }

    /// Closes a tunnel from a port of the controller's machine.
    ///
    /// # Errors
    /// As [`Client::reverse_tunnel_open`].
    pub fn reverse_tunnel_close(&self, tunnel: &Tunnel) -> Result<()> {
        tunnel::reverse_close(self.session(), tunnel)
    }

    /// The tunnels from the controller's machine.
    ///
    /// # Errors
    /// As [`Client::reverse_tunnel_open`].
    pub fn reverse_tunnel_list(&self) -> Result<Vec<Tunnel>> {
        tunnel::reverse_list(self.session())
    }
}
