//! Tunnel calls of a [`Client`].

use super::Client;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::listener::{self, Listener};
use crate::node::{ClosedTunnel, Tunnel};
use crate::protocol::AgentId;

/// Tunnels. Each call sends its requests to one agent or the controller one after another, and blocks for at
/// most the client's timeout in total.
///
/// The list of an agent does not tell which tunnels are open, and contains some that are not:
///
/// - a tunnel that another program failed to open; acclient removes a tunnel whose opening failed from the
///   list
/// - a tunnel whose port the agent chose for another program, after it was closed
///   ([`ClosedTunnel::still_listed`])
/// - all tunnels, while the agent has no connection to the controller
///
/// A restart of the controller breaks the connections through all tunnels. About four seconds later, when an
/// agent's connection to the controller is re-established, the agent listens again for every tunnel that it
/// lists, closed or not. A tunnel opened in between may accept connections and drop them: close it and open
/// it again. Tunnels do not survive a restart of their agent.
///
/// If two programs open or close the same tunnel at the same time, each may report what the other did.
impl Client {
    /// Opens a tunnel from a port of an agent's machine, and returns it with its actual port. On success the
    /// agent listens on that port. An agent started seconds ago may first have to connect to the controller.
    /// Port 0 tries up to eight random ports from 49152 to 65535.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let tunnel = client.tunnel_open((1, 1), &Tunnel::new(0, "2.1", "127.0.0.1", 22))?;
    /// println!("ssh -p {} localhost, on the machine of 1:1", tunnel.local);
    /// client.tunnel_close((1, 1), &tunnel)?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] also for a remote port of 0, an address that is neither an IP
    ///   address nor a host name, a gateway that is neither an agent nor the controller, and a tunnel of
    ///   an agent to itself.
    /// - [`ErrorKind::TunnelExists`] if the agent already lists the tunnel, open or not. Nothing was changed.
    /// - [`ErrorKind::JobFailed`] if the agent cannot listen, with the reason. The agent then does not list
    ///   the tunnel.
    /// - Those of [`Request::run`](crate::Request::run). After a timeout the agent may still open the tunnel.
    pub fn tunnel_open(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<Tunnel> {
        listener::open(self.session(), Listener::Agent(agent.into()), tunnel)
    }

    /// Closes a tunnel returned by [`Client::tunnel_open`] or [`Client::tunnel_list`]. Connections through it
    /// are closed.
    ///
    /// Afterwards the agent does not listen for this tunnel; see [`ClosedTunnel`] for what may remain of it.
    /// Closing a tunnel that is listed but already closed succeeds, since the agent does not distinguish it
    /// from an open one.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSuchTunnel`] if the agent does not list the tunnel. Port 0 matches only a tunnel
    ///   listed with port 0; a tunnel that the agent opened has an actual port.
    /// - Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_close(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<ClosedTunnel> {
        listener::close(self.session(), Listener::Agent(agent.into()), tunnel)
    }

    /// Returns the tunnels that an agent lists, in no particular order. They may be open or closed.
    ///
    /// # Errors
    /// Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_list(&self, agent: impl Into<AgentId>) -> Result<Vec<Tunnel>> {
        listener::list(self.session(), Listener::Agent(agent.into()))
    }

    /// Opens a tunnel from a port of the controller's machine. Requires a controller newer than the original
    /// of 2016.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the controller does not support it; else as
    /// [`Client::tunnel_open`].
    pub fn reverse_tunnel_open(&self, tunnel: &Tunnel) -> Result<Tunnel> {
        listener::open(self.session(), Listener::Controller, tunnel)
    }

    /// Closes a tunnel from a port of the controller's machine.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the controller does not support it; else as
    /// [`Client::tunnel_close`].
    pub fn reverse_tunnel_close(&self, tunnel: &Tunnel) -> Result<ClosedTunnel> {
        listener::close(self.session(), Listener::Controller, tunnel)
    }

    /// Lists the tunnels from the controller's machine.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the controller does not support it; else as
    /// [`Client::tunnel_list`].
    pub fn reverse_tunnel_list(&self) -> Result<Vec<Tunnel>> {
        listener::list(self.session(), Listener::Controller)
    }
}
