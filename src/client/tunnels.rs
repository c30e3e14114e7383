//! What a [`Client`] does with tunnels.

use super::Client;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::listener::{self, Listener};
use crate::node::{ClosedTunnel, Tunnel};
use crate::protocol::AgentId;

/// Tunnels. A call asks one agent, or the controller, one thing after the other, and blocks for the
/// client's timeout at most in all.
///
/// An agent does not say which of the tunnels that it lists are open, and lists some that are not:
///
/// - one that another program failed to open; acclient makes the agent forget a tunnel that it refused
/// - one whose port the agent chose for another program, after it was closed
///   ([`ClosedTunnel::still_listed`])
/// - all of them while the agent has no connection to the controller
///
/// A restart of the controller ends the connections through all tunnels. About four seconds later, when
/// an agent's connection to the controller is re-established, the agent listens again for every tunnel
/// that it lists, closed or not. A tunnel that is opened between the two may accept connections and
/// drop them: close it and open it again. Tunnels do not survive a restart of their agent.
///
/// Where two programs open or close the same tunnel at the same time, each may report what the other did.
impl Client {
    /// Opens a tunnel from a port of an agent's machine, and returns it with its actual port. Success
    /// means that the agent listens on that port; an agent that was started seconds ago may first have to
    /// connect to the controller. For port 0 up to eight random ports from 49152 to 65535 are tried.
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
    /// - [`ErrorKind::TunnelExists`] where the agent lists the tunnel already, open or not; nothing was
    ///   changed.
    /// - [`ErrorKind::JobFailed`] where the agent cannot listen, with the reason; the agent then does not
    ///   list the tunnel.
    /// - Those of [`Request::run`](crate::Request::run). After a timeout the agent may open it later.
    pub fn tunnel_open(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<Tunnel> {
        listener::open(self.session(), Listener::Agent(agent.into()), tunnel)
    }

    /// Closes a tunnel: one that [`Client::tunnel_open`] returned, or one of [`Client::tunnel_list`].
    /// Connections through it end.
    ///
    /// Afterwards the agent does not listen for this tunnel; see [`ClosedTunnel`] for what may be left of
    /// it. A tunnel that the agent lists and that is closed already can be closed again, since nothing
    /// tells it from an open one.
    ///
    /// # Errors
    /// - [`ErrorKind::NoSuchTunnel`] where the agent lists no such tunnel. Port 0 names only a tunnel that
    ///   is listed with port 0: one that the agent opened has a real port.
    /// - Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_close(&self, agent: impl Into<AgentId>, tunnel: &Tunnel) -> Result<ClosedTunnel> {
        listener::close(self.session(), Listener::Agent(agent.into()), tunnel)
    }

    /// Lists the tunnels that an agent knows, in no order. Whether they are open is not known.
    ///
    /// # Errors
    /// Those of [`Request::run`](crate::Request::run).
    pub fn tunnel_list(&self, agent: impl Into<AgentId>) -> Result<Vec<Tunnel>> {
        listener::list(self.session(), Listener::Agent(agent.into()))
    }

    /// Opens a tunnel from a port of the controller's machine: with controllers later than the
    /// original of 2016 only.
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
