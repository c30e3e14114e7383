//! `acctl tunnel`: opens, lists and closes tunnels.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use acclient::{AgentId, Gateway, Tunnel};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::exit::{Outcome, Status};
use crate::session::Session;
use crate::target;

const EXAMPLES: &str = "\
Examples:
  acctl tunnel open 1:1 8022:2.1:127.0.0.1:22
  acctl tunnel list 1:1
  acctl tunnel close 1:1 8022:2.1:127.0.0.1:22";

/// Opens, lists and closes tunnels
///
/// A tunnel is LOCAL:GATEWAY:IP:PORT. Who connects to port LOCAL of an agent's machine talks to IP:PORT
/// as the gateway sees it, which is another agent, like 2.1, or controller. LOCAL 0: the agent chooses a
/// port.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Tunnels {
    /// Opens a tunnel, and prints it with its real port
    #[command(after_help = EXAMPLES)]
    Open {
        #[command(flatten)]
        tunnel: Named,
    },
    /// Closes a tunnel; one that is not open is no error
    #[command(after_help = EXAMPLES)]
    Close {
        #[command(flatten)]
        tunnel: Named,
    },
    /// Lists the tunnels from an agent's machine
    #[command(after_help = EXAMPLES)]
    List {
        /// The agent, or controller
        #[arg(value_name = "AGENT")]
        at: Listener,
    },
}

/// A tunnel and where it begins.
#[derive(clap::Args)]
pub struct Named {
    /// The agent on whose machine it begins, or controller
    #[arg(value_name = "AGENT")]
    at: Listener,
    /// LOCAL:GATEWAY:IP:PORT
    tunnel: Words,
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

/// A tunnel as it is typed and printed.
#[derive(Debug, Clone)]
struct Words(Tunnel);

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "a tunnel is LOCAL:GATEWAY:IP:PORT, like 8022:2.1:127.0.0.1:22 or 0:controller:[::1]:80"
                .to_owned()
        };
        let (local, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (gateway, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let local = local.parse().map_err(|_| wrong())?;
        let address: SocketAddr = rest.parse().map_err(|_| wrong())?;
        let gateway: Gateway = gateway.parse().map_err(|error| format!("{error}"))?;
        Ok(Words(Tunnel::new(local, gateway, address.ip(), address.port())))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words(Tunnel { local, gateway, ip, remote, .. }) = self;
        write!(f, "{local}:{gateway}:{}", SocketAddr::new(*ip, *remote))
    }
}

impl Words {
    fn json(&self, at: Listener) -> Value {
        let Words(Tunnel { local, gateway, ip, remote, .. }) = self;
        json!({
            "agent": at.to_string(), "tunnel": self.to_string(),
            "local": local, "gateway": gateway.to_string(), "ip": ip, "remote": remote,
        })
    }
}

impl Tunnels {
    pub fn perform(&self, session: &Session) -> Outcome {
        let (client, output) = (&session.client, session.output);
        match self {
            Tunnels::Open { tunnel: Named { at, tunnel: asked } } => {
                let opened = Words(match at {
                    Listener::Agent(agent) => client.tunnel_open(*agent, &asked.0)?,
                    Listener::Controller => client.reverse_tunnel_open(&asked.0)?,
                });
                match output.is_json() {
                    true => output.document(opened.json(*at))?,
                    false => output.line(opened.to_string())?,
                }
                if asked.0.local == 0 {
                    // The agent goes on knowing it by the port that was asked for.
                    output.note(format!("close it with: acctl tunnel close {at} {asked}"));
                }
            }
            Tunnels::Close { tunnel: Named { at, tunnel } } => {
                match at {
                    Listener::Agent(agent) => client.tunnel_close(*agent, &tunnel.0)?,
                    Listener::Controller => client.reverse_tunnel_close(&tunnel.0)?,
                }
                output.document(tunnel.json(*at))?;
            }
            Tunnels::List { at } => {
                let tunnels = match at {
                    Listener::Agent(agent) => client.tunnel_list((agent.gid, agent.nid))?,
                    Listener::Controller => client.reverse_tunnel_list()?,
                };
                for tunnel in tunnels.into_iter().map(Words) {
                    match output.is_json() {
                        true => output.document(tunnel.json(*at))?,
                        false => output.line(tunnel.to_string())?,
                    }
                }
            }
        }
        Ok(Status::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_printed_as_they_are_typed() {
        for text in ["8022:2.1:127.0.0.1:22", "0:controller:[::1]:80"] {
            assert_eq!(text.parse::<Words>().map(|words| words.to_string()), Ok(text.to_owned()));
        }
        for wrong in [
            "",
            "22",
            "1:2.1:localhost:22",
            "x:2.1:127.0.0.1:22",
            "1:2.1:127.0.0.1:99999",
            "1:2:3",
            "0:1.2:::1:80",
        ] {
            assert!(wrong.parse::<Words>().unwrap_err().contains("like 8022:2.1"), "{wrong:?}");
        }
        assert!("1:2:127.0.0.1:22".parse::<Words>().unwrap_err().contains("gateway"));
    }
}
