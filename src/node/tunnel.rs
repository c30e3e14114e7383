//! [`Tunnel`] and [`Gateway`]: from which port to which address, and through whom.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

#[cfg(doc)]
use crate::client::Client;
use crate::error::{Error, Result};
use crate::protocol::AgentId;

/// Exit of a tunnel.
///
/// ```
/// use acclient::Gateway;
/// assert_eq!(Gateway::from("2.1"), Gateway::Agent((2, 1).into()));
/// assert_eq!(Gateway::from("controller"), Gateway::Controller);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gateway {
    /// An agent.
    Agent(AgentId),
    /// The controller.
    Controller,
    /// Any other name. An agent opens and lists the tunnel, which leads nowhere;
    /// [`Client::tunnel_open`] refuses it.
    Other(String),
}

impl From<AgentId> for Gateway {
    fn from(agent: AgentId) -> Self {
        Gateway::Agent(agent)
    }
}

/// As on the wire: `gid.nid`, or `controller`.
impl From<&str> for Gateway {
    fn from(name: &str) -> Self {
        if name == "controller" {
            return Gateway::Controller;
        }
        // An agent is written with a dot here and with a colon everywhere else.
        let agent = name.replacen('.', ":", 1).parse::<AgentId>().ok();
        let agent = agent.filter(|agent| agent.is_real());
        agent.map_or_else(|| Gateway::Other(name.to_owned()), Gateway::Agent)
    }
}

/// As on the wire: `gid.nid`, or `controller`.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gateway::Agent(agent) => write!(f, "{}.{}", agent.gid, agent.nid),
            Gateway::Controller => f.write_str("controller"),
            Gateway::Other(name) => f.write_str(name),
        }
    }
}

/// Tunnel from port `local` of an agent's machine to `ip`:`remote` as seen from the gateway.
///
/// A tunnel is named by these four values: as [`Client::tunnel_open`] returns it and
/// [`Client::tunnel_list`] lists it, [`Client::tunnel_close`] closes it. As text it is
/// `LOCAL:GATEWAY:IP:REMOTE`.
///
/// ```
/// use acclient::Tunnel;
/// let ssh = Tunnel::new(8022, "2.1", "127.0.0.1", 22);
/// assert_eq!(ssh.to_string(), "8022:2.1:127.0.0.1:22");
/// assert_eq!("8022:2.1:127.0.0.1:22".parse::<Tunnel>()?, ssh);
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tunnel {
    /// Port that the agent listens on. To be opened, 0 stands for any free one from 49152 to 65535; a
    /// tunnel that was opened has the real port.
    pub local: u16,
    /// Exit of the tunnel.
    pub gateway: Gateway,
    /// IP address or host name that the gateway connects to; IPv6 without brackets.
    pub ip: String,
    /// Port that the gateway connects to.
    pub remote: u16,
}

impl Tunnel {
    /// Makes a tunnel to be opened or closed. `ip`: an IP address, or a host name that the gateway
    /// resolves. [`Client::tunnel_open`] validates the parts.
    pub fn new(local: u16, gateway: impl Into<Gateway>, ip: impl ToString, remote: u16) -> Self {
        let ip = ip.to_string();
        let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(&ip);
        // One spelling of an address, so that tunnels compare.
        let ip = bare.parse::<IpAddr>().map_or(ip, |ip| ip.to_string());
        Tunnel { local, gateway: gateway.into(), ip, remote }
    }

    /// The host as an agent takes it, which appends a colon and the port to it.
    pub(super) fn host(&self) -> String {
        match self.ip.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]"),
            Err(_) => self.ip.clone(),
        }
    }

    /// The gateway and the address behind it, like `2.1:127.0.0.1:22`.
    pub(super) fn destination(&self) -> String {
        format!("{}:{}:{}", self.gateway, self.host(), self.remote)
    }

    /// Checks what an agent does not: it opens a tunnel to anywhere.
    pub(super) fn check(&self) -> Result<()> {
        if let Gateway::Other(name) = &self.gateway {
            return Err(Error::invalid(format!(
                "invalid gateway {name:?}: expected gid.nid, like 2.1, or controller"
            )));
        }
        if self.remote == 0 {
            return Err(Error::invalid("invalid remote port 0: expected 1 to 65535"));
        }
        if self.ip.parse::<IpAddr>().is_err() && !is_host_name(&self.ip) {
            let ip = &self.ip;
            return Err(Error::invalid(format!(
                "invalid ip {ip:?}: expected an IP address or a host name"
            )));
        }
        Ok(())
    }
}

/// Digits and dots alone are a mistyped address.
fn is_host_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.len() <= 253
        && text.bytes().all(allowed)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// `LOCAL:GATEWAY:IP:REMOTE`, with an IPv6 address in brackets.
impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.local, self.destination())
    }
}

/// `LOCAL:GATEWAY:IP:REMOTE`, like `8022:2.1:127.0.0.1:22` or `0:controller:[::1]:80`.
impl FromStr for Tunnel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (local, rest) = text.split_once(':')?;
            let (gateway, rest) = rest.split_once(':')?;
            let (ip, remote) = rest.rsplit_once(':')?;
            let has_brackets = ip.starts_with('[') && ip.ends_with(']');
            (has_brackets || !ip.contains(':')).then_some(())?;
            Some(Tunnel::new(local.parse().ok()?, gateway, ip, remote.parse().ok()?))
        };
        parts().ok_or_else(|| {
            Error::invalid(format!(
                "invalid tunnel {text:?}: expected LOCAL:GATEWAY:IP:REMOTE, like \
                 8022:2.1:127.0.0.1:22 or 0:controller:[::1]:80"
            ))
        })
    }
}

/// What is left of a tunnel that was closed. The agent no longer listens for it, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClosedTunnel {
    /// Whether the agent still lists the tunnel. The agents of 2016 do so where they chose the port
    /// themselves, which acclient never asks for but other programs may: they list the tunnel until they
    /// restart, and listen on its port again when their connection to the controller is re-established.
    pub still_listed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn gateways_are_read_and_written_as_on_the_wire() {
        for (text, gateway) in
            [("2.1", Gateway::Agent(AgentId::new(2, 1))), ("controller", Gateway::Controller)]
        {
            assert_eq!(Gateway::from(text), gateway);
            assert_eq!(gateway.to_string(), text);
        }
        for other in ["", "2", "2.1.3", "a.b", "Controller", "1.0", "0.1"] {
            assert_eq!(Gateway::from(other), Gateway::Other(other.to_owned()));
            assert_eq!(Gateway::from(other).to_string(), other);
        }
    }

    #[test]
    fn tunnels_are_parsed_as_they_are_printed() {
        for text in [
            "8022:2.1:127.0.0.1:22",
            "0:controller:[::1]:80",
            "1:2.1:db.internal:5432",
            "1:nobody:x:1",
            "1:::1",
        ] {
            assert_eq!(text.parse::<Tunnel>().unwrap().to_string(), text);
        }
        for wrong in ["", "22", "1:2.1:22", "x:2.1:a:22", "1:2.1:a:99999", "1:2.1:::1:80"] {
            let error = wrong.parse::<Tunnel>().unwrap_err();
            assert!(error.to_string().contains("like 8022:2.1"), "{error}");
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        let tunnel = Tunnel::new(1, "2.1", "[0:0::1]", 1);
        assert_eq!((tunnel.ip.as_str(), tunnel.host().as_str()), ("::1", "[::1]"));
        assert_eq!(tunnel, Tunnel::new(1, "2.1", Ipv6Addr::LOCALHOST, 1));
    }

    #[test]
    fn parts_that_an_agent_would_take_are_checked() {
        for ip in ["", "1.2.3", "1.2.3.4.5", "a b", "[a]", "a:1", "fe80::1%eth0", "ä"] {
            let error = Tunnel::new(1, "2.1", ip, 1).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{ip}");
            assert!(error.to_string().starts_with("invalid ip "), "{error}");
        }
        for ip in ["127.0.0.1", "::1", "localhost", "db_1.internal", "x1"] {
            Tunnel::new(1, "2.1", ip, 1).check().unwrap();
        }
        assert!(Tunnel::new(1, "2", "::1", 1).check().is_err());
        assert!(Tunnel::new(1, "2.1", "::1", 0).check().is_err());
    }
}
