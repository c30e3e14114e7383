//! `acctl tunnel`: TCP tunnels between agents.

use std::str::FromStr;
use std::{fmt, io};

use acclient::{AgentId, Gateway, Tunnel};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::exit::{Outcome, Status};
use crate::output::Output;
use crate::session::Session;
use crate::target;

const EXAMPLES: &str = "\
Examples:
  acctl tunnel open 1:1 8022:2.1:127.0.0.1:22
  acctl tunnel list 1:1
  acctl tunnel close 1:1 8022:2.1:127.0.0.1:22";

/// Open, list and close tunnels
///
/// A tunnel is LOCAL:GATEWAY:IP:REMOTE. It forwards connections to port LOCAL on an agent's machine to IP:REMOTE as
/// seen from GATEWAY: another agent, like 2.1, or controller. IP is an IP address or a host name. LOCAL 0 chooses a
/// free port from 49152 to 65535.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Tunnels {
    /// Open a tunnel and print it with its actual port
    ///
    /// On exit status 0 the agent is listening; pass the printed line to close. A tunnel that the agent already lists
    /// is not opened again (exit status 1): it may or may not be open, so close it first.
    #[command(after_help = EXAMPLES)]
    Open {
        #[command(flatten)]
        tunnel: Named,
    },
    /// Close a tunnel, given as printed by open or list
    ///
    /// On exit status 0 the agent no longer listens; 1 means that it lists no such tunnel. If another program let the
    /// agent choose the port, the agent keeps listing the tunnel and listens again after a restart of the controller.
    #[command(after_help = EXAMPLES)]
    Close {
        #[command(flatten)]
        tunnel: Named,
    },
    /// List the tunnels of an agent, open or not
    ///
    /// Agents do not report which tunnels are open. The list may contain closed tunnels, and tunnels that another
    /// program failed to open.
    #[command(after_help = EXAMPLES)]
    List {
        /// Agent id, or controller
        #[arg(value_name = "AGENT")]
        at: Listener,
    },
}

/// Tunnel and its listening side.
#[derive(clap::Args)]
pub struct Named {
    /// Agent that listens, or controller
    #[arg(value_name = "AGENT")]
    at: Listener,
    /// Tunnel, as LOCAL:GATEWAY:IP:REMOTE
    tunnel: Tunnel,
}

/// Listening side of tunnels.
#[derive(Debug, Clone, Copy)]
pub enum Listener {
    Agent(AgentId),
    Controller,
}

impl FromStr for Listener {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "controller" => Ok(Listener::Controller),
            _ => target::agent(text).map(Listener::Agent),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Agent(agent) => agent.fmt(f),
            Listener::Controller => f.write_str("controller"),
        }
    }
}

fn json(tunnel: &Tunnel, at: Listener, action: &str, still_listed: Option<bool>) -> Value {
    let Tunnel { local, gateway, ip, remote, .. } = tunnel;
    json!({
        "type": "tunnel", "action": action, "still_listed": still_listed,
        "agent": at.to_string(), "tunnel": tunnel.to_string(),
        "local": local, "gateway": gateway.to_string(), "ip": ip, "remote": remote,
    })
}

fn print(tunnel: &Tunnel, at: Listener, action: &str, output: &Output) -> io::Result<()> {
    match output.is_json() {
        true => output.document(json(tunnel, at, action, None)),
        false => output.line(tunnel.to_string()),
    }
}

impl Tunnels {
    pub fn perform(&self, session: &Session) -> Outcome {
        let (client, output) = (&session.client, session.output);
        match self {
            Tunnels::Open { tunnel: Named { at, tunnel } } => {
                let opened = match at {
                    Listener::Agent(agent) => client.tunnel_open(*agent, tunnel)?,
                    Listener::Controller => client.reverse_tunnel_open(tunnel)?,
                };
                print(&opened, *at, "open", output)?;
                // A listening agent does not imply that the gateway exists.
                if let (Gateway::Agent(gateway), Ok(agents)) =
                    (&opened.gateway, client.list_agents())
                    && !agents.contains_key(gateway)
                {
                    output.note(format!(
                        "gateway {gateway} is unknown to the controller: the tunnel drops connections until it registers"
                    ));
                }
            }
            Tunnels::Close { tunnel: Named { at, tunnel } } => {
                let closed = match at {
                    Listener::Agent(agent) => client.tunnel_close(*agent, tunnel)?,
                    Listener::Controller => client.reverse_tunnel_close(tunnel)?,
                };
                output.document(json(tunnel, *at, "closed", Some(closed.still_listed)))?;
                if closed.still_listed {
                    output.note("closed but still listed: the agent listens again after a restart of the controller");
                }
            }
            Tunnels::List { at } => {
                let tunnels = match at {
                    Listener::Agent(agent) => client.tunnel_list(*agent)?,
                    Listener::Controller => client.reverse_tunnel_list()?,
                };
                for tunnel in &tunnels {
                    print(tunnel, *at, "listed", output)?;
                }
            }
        }
        Ok(Status::Success)
    }
}
