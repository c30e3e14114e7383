//! [`AgentId`]: the address of an agent.

use std::fmt;
use std::str::FromStr;

/// Address of an agent: its grid id and its node id in that grid. Written `gid:nid`, like `1:2`.
///
/// ```
/// use acclient::AgentId;
/// let agent: AgentId = "1:2".parse()?;
/// assert_eq!(agent, AgentId::new(1, 2));
/// assert_eq!(agent, (1, 2).into());
/// # Ok::<(), acclient::ParseAgentIdError>(())
/// ```
///
/// Both ids of an agent are above zero. `0:0` and `<gid>:0` stand for the controller in its own results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId {
    /// Grid id.
    pub gid: u32,
    /// Node id.
    pub nid: u32,
}

impl AgentId {
    /// Returns the address of the agent `nid` of the grid `gid`.
    pub const fn new(gid: u32, nid: u32) -> Self {
        AgentId { gid, nid }
    }

    /// Whether both ids are above zero, as those of every agent are.
    pub(crate) const fn is_real(self) -> bool {
        self.gid > 0 && self.nid > 0
    }
}

/// Grid id and node id.
impl From<(u32, u32)> for AgentId {
    fn from((gid, nid): (u32, u32)) -> Self {
        AgentId { gid, nid }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.gid, self.nid)
    }
}

/// Error of parsing an [`AgentId`].
///
/// ```
/// let error = "1-2".parse::<acclient::AgentId>().unwrap_err();
/// assert_eq!(error.to_string(), "invalid agent id \"1-2\": expected gid:nid, like 1:2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid agent id {0:?}: expected gid:nid, like 1:2")]
pub struct ParseAgentIdError(String);

impl FromStr for AgentId {
    type Err = ParseAgentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        text.split_once(':')
            .and_then(|(gid, nid)| Some(AgentId { gid: number(gid)?, nid: number(nid)? }))
            .ok_or_else(|| ParseAgentIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_and_parsed() {
        assert_eq!("1:20".parse(), Ok(AgentId::new(1, 20)));
        assert_eq!(AgentId::new(1, 20).to_string(), "1:20");
        for wrong in ["", "1", "1:", ":1", "1:2:3", "-1:2", "+1:2", " 1:2", "1:4294967296", "a:b"] {
            assert!(wrong.parse::<AgentId>().is_err(), "{wrong:?}");
        }
    }
}
