//! `acctl tunnel`: opens, lists and closes tunnels.

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

/// Opens, lists and closes tunnels
///
/// A tunnel is LOCAL:GATEWAY:IP:REMOTE. A connection to port LOCAL of an agent's machine is forwarded to
/// IP:REMOTE as seen from the gateway: another agent, like 2.1, or controller. IP is an IP address or a
/// host name. LOCAL 0 opens any free port from 49152 to 65535.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Tunnels {
    /// Opens a tunnel, and prints it with its real port
    ///
    /// Status 0 means that the agent listens. The line printed names the tunnel for close. A tunnel that
    /// the agent lists already is not opened again (status 1): it may be open or not, so close it first.
    #[command(after_help = EXAMPLES)]
    Open {
        #[command(flatten)]
        tunnel: Named,
    },
    /// Closes a tunnel, named as open printed it or as list shows it
    ///
    /// Status 0 means that the agent no longer listens for it, status 1 that it lists no such tunnel. An
    /// agent goes on listing a tunnel whose port it chose for another program, and listens for it again
    /// after a restart of the controller.
    #[command(after_help = EXAMPLES)]
    Close {
        #[command(flatten)]
        tunnel: Named,
    },
    /// Lists the tunnels that an agent knows, open or not
    ///
    /// An agent does not say which are open: it lists some after they were closed, and some that another
    /// program failed to open.
    #[command(after_help = EXAMPLES)]
    List {
        /// Agent, or controller
        #[arg(value_name = "AGENT")]
        at: Listener,
    },
}

/// A tunnel and where it begins.
#[derive(clap::Args)]
pub struct Named {
    /// Agent whose machine listens, or controller
    #[arg(value_name = "AGENT")]
    at: Listener,
    /// LOCAL:GATEWAY:IP:REMOTE
    tunnel: Tunnel,
}

/// Where tunnels begin.
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
                // That the agent listens says nothing of the other end.
                if let (Gateway::Agent(gateway), Ok(agents)) =
                    (&opened.gateway, client.list_agents())
                    && !agents.contains_key(gateway)
                {
                    output.note(format!(
                        "the controller does not know the gateway {gateway}: connections through the tunnel are closed until it is there"
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
                    output.note("closed, and still listed: the agent listens again after a restart of the controller");
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
