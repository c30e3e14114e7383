use std::fmt;

use crate::error::{Error, Result};
use crate::protocol::{Address, AgentId};

/// Whom a command is for.
///
/// ```
/// use acclient::Target;
/// assert_eq!(Target::agent(1, 2).to_string(), "1:2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Agent(AgentId),
    Controller,
    /// A command known by its id only.
    Unknown,
}

impl Target {
    /// The agent `nid` of the grid `gid`. Both are above 0; a command for anything else is
    /// refused when it is sent.
    pub fn agent(gid: u32, nid: u32) -> Self {
        Target(Kind::Agent(AgentId { gid, nid }))
    }

    /// The controller itself.
    pub(crate) fn controller() -> Self {
        Target(Kind::Controller)
    }

    pub(crate) fn unknown() -> Self {
        Target(Kind::Unknown)
    }

    /// The one address that the answer will come under, where it is known beforehand.
    pub(crate) fn answers_as(&self) -> Option<AgentId> {
        match self.0 {
            Kind::Agent(agent) => Some(agent),
            // What the controller answers is filed under the gid and nid of the command.
            Kind::Controller => Some(AgentId { gid: 0, nid: 0 }),
            Kind::Unknown => None,
        }
    }

    /// The words of the wire, or why there are none.
    pub(crate) fn address(&self) -> Result<Address> {
        match self.0 {
            Kind::Agent(AgentId { gid, nid }) if gid == 0 || nid == 0 => Err(Error::invalid(
                format!("{gid}:{nid} is no agent: grid id and node id are above 0"),
            )),
            Kind::Agent(AgentId { gid, nid }) => Ok(Address { gid, nid, ..Address::default() }),
            Kind::Controller => {
                Ok(Address { roles: Some(vec!["*".to_owned()]), ..Address::default() })
            }
            Kind::Unknown => Err(Error::invalid("a command needs a target")),
        }
    }

    /// Reads the part of a printed command behind its id.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "controller" => Ok(Target::controller()),
            "?" => Ok(Target::unknown()),
            text => {
                let agent =
                    text.parse::<AgentId>().map_err(|error| Error::invalid(error.to_string()))?;
                Ok(Target(Kind::Agent(agent)))
            }
        }
    }

    /// The target in a sentence.
    pub(crate) fn in_words(&self) -> String {
        match self.0 {
            Kind::Agent(agent) => format!("agent {agent}"),
            Kind::Controller => "the controller".to_owned(),
            Kind::Unknown => "whoever has it".to_owned(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Agent(agent) => agent.fmt(f),
            Kind::Controller => f.write_str("controller"),
            Kind::Unknown => f.write_str("?"),
        }
    }
}

impl From<AgentId> for Target {
    fn from(agent: AgentId) -> Self {
        Target(Kind::Agent(agent))
    }
}
