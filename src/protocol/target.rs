//! Targets: which agents a command is for.

use std::fmt;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::text::{Invalid, WORD, check_name};
use super::{Address, AgentId, CommandDocument, Field};

type Result<T> = std::result::Result<T, Invalid>;

fn invalid(message: impl Into<String>) -> Invalid {
    Invalid::Other(message.into())
}

/// Whom a command is for: one agent, any one agent with some roles, or all agents with them.
///
/// ```
/// use acclient::Target;
/// let one = Target::agent(1, 2);
/// let any: Target = Target::any().role("storage").into();
/// let all: Target = Target::all().role("cpu").role("storage").grid(1).into();
/// assert_eq!(one.to_string(), "1:2");
/// assert_eq!(any.to_string(), "any,role=storage");
/// assert_eq!(all.to_string(), "all,role=cpu,role=storage,grid=1");
/// ```
///
/// Calls that take a target take a [`RoleTarget`] and an [`AgentId`] too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Agent(AgentId),
    Roles(RoleTarget),
    Controller,
    /// A command known by its id only.
    Unknown,
}

/// Agents by what they are and not by their numbers; from [`Target::any`] and [`Target::all`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleTarget {
    fanout: bool,
    roles: Vec<String>,
    grid: Option<u32>,
}

/// How many roles are named in a sentence.
const MOST_ROLES: usize = 8;

impl RoleTarget {
    fn new(fanout: bool) -> Self {
        RoleTarget { fanout, roles: Vec::new(), grid: None }
    }

    /// Agents that have this role too. Without a role, and with the role `*`, it is all agents.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Agents of one grid only. Its id is above 0; a command for grid 0 is refused when it is
    /// sent.
    pub fn grid(mut self, gid: u32) -> Self {
        self.grid = Some(gid);
        self
    }
}

impl Target {
    /// The agent `nid` of the grid `gid`. Both are above 0; a command for anything else is
    /// refused when it is sent.
    pub fn agent(gid: u32, nid: u32) -> Self {
        Target(Kind::Agent(AgentId { gid, nid }))
    }

    /// One agent, chosen by the controller at random, among those that have all roles named by
    /// [`RoleTarget::role`].
    pub fn any() -> RoleTarget {
        RoleTarget::new(false)
    }

    /// Every agent that has all roles named by [`RoleTarget::role`]: a fan-out.
    pub fn all() -> RoleTarget {
        RoleTarget::new(true)
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
        match &self.0 {
            Kind::Agent(agent) => Some(*agent),
            // What the controller answers is filed under the gid and nid of the command.
            Kind::Controller => Some(AgentId { gid: 0, nid: 0 }),
            Kind::Roles(_) | Kind::Unknown => None,
        }
    }

    /// Whether it is all agents with some roles, and not one of them.
    pub fn is_fanout(&self) -> bool {
        matches!(&self.0, Kind::Roles(roles) if roles.fanout)
    }

    /// The roles that it names; none for a single agent.
    pub fn roles(&self) -> &[String] {
        match &self.0 {
            Kind::Roles(target) => &target.roles,
            _ => &[],
        }
    }

    /// The grid that it names, if any.
    pub fn grid(&self) -> Option<u32> {
        match &self.0 {
            Kind::Agent(agent) => Some(agent.gid),
            Kind::Roles(target) => target.grid,
            _ => None,
        }
    }

    /// The agent, where it is a single one named by its numbers.
    pub fn agent_id(&self) -> Option<AgentId> {
        match self.0 {
            Kind::Agent(agent) => Some(agent),
            _ => None,
        }
    }

    /// The words of the wire, or why there are none.
    pub(crate) fn address(&self) -> Result<Address<'_>> {
        match &self.0 {
            Kind::Agent(agent) if agent.gid == 0 || agent.nid == 0 => {
                Err(invalid(format!("{agent} is no agent: grid id and node id are above 0")))
            }
            Kind::Agent(AgentId { gid, nid }) => {
                Ok(Address { gid: *gid, nid: *nid, ..Address::default() })
            }
            Kind::Roles(target) => target.address(),
            Kind::Controller => Ok(Address { roles: Some(vec!["*"]), ..Address::default() }),
            Kind::Unknown => Err(invalid("a command needs a target")),
        }
    }

    /// Whom a command of the wire is for.
    pub(crate) fn of_document(document: &CommandDocument) -> Result<Self> {
        let number = |field: &Field<i64>| u32::try_from(field.value().copied().unwrap_or_default());
        let (Ok(gid), Ok(nid)) = (number(&document.gid), number(&document.nid)) else {
            return Err(invalid("a command for numbers that no agent has"));
        };
        let Some(roles) = document.roles.value().filter(|roles| !roles.is_empty()) else {
            // Without numbers and roles nobody gets it.
            let nobody = (gid, nid) == (0, 0);
            return Ok(if nobody { Target::unknown() } else { Target::agent(gid, nid) });
        };
        if document.cmd.value().is_some_and(|cmd| cmd == "controller") {
            return Ok(Target::controller());
        }
        let target = RoleTarget {
            fanout: document.fanout.value().copied().unwrap_or_default(),
            roles: roles.clone(),
            grid: Some(gid).filter(|gid| *gid > 0),
        };
        Ok(target.into())
    }

    /// Reads the part of a printed command behind its id.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let kind = match text.split(',').next() {
            Some("controller") if text == "controller" => Kind::Controller,
            Some("unknown") if text == "unknown" => Kind::Unknown,
            Some("any" | "all") => Kind::Roles(RoleTarget::parse(text)?),
            _ => Kind::Agent(text.parse().map_err(|error| invalid(format!("{error}")))?),
        };
        Ok(Target(kind))
    }

    /// The target in a sentence.
    pub(crate) fn in_words(&self) -> String {
        match &self.0 {
            Kind::Agent(agent) => format!("agent {agent}"),
            Kind::Roles(target) => target.in_words(),
            Kind::Controller => "the controller".to_owned(),
            Kind::Unknown => "whoever has it".to_owned(),
        }
    }
}

impl RoleTarget {
    fn address(&self) -> Result<Address<'_>> {
        if self.grid == Some(0) {
            return Err(invalid("grid 0: a grid id is above 0"));
        }
        if self.roles.iter().any(String::is_empty) {
            return Err(invalid("a role is empty"));
        }
        for role in &self.roles {
            check_name("a role", role)?;
        }
        let mut roles: Vec<_> = self.roles.iter().map(String::as_str).collect();
        if roles.is_empty() {
            roles.push("*"); // without a role the controller would look for the agent 0:0
        }
        let gid = self.grid.unwrap_or(0);
        Ok(Address { gid, nid: 0, roles: Some(roles), fanout: self.fanout })
    }

    fn parse(text: &str) -> Result<Self> {
        let wrong = || invalid(format!("{text:?} is no target"));
        let mut parts = text.split(',');
        let mut target = RoleTarget::new(parts.next() == Some("all"));
        for part in parts {
            match part.split_once('=').ok_or_else(wrong)? {
                ("role", role) => {
                    let role = percent_decode_str(role).decode_utf8().map_err(|_| wrong())?;
                    target = target.role(role);
                }
                ("grid", grid) => target = target.grid(grid.parse().map_err(|_| wrong())?),
                _ => return Err(wrong()),
            }
        }
        Ok(target)
    }

    fn in_words(&self) -> String {
        let which = if self.fanout { "all agents" } else { "any agent" };
        let roles = match self.roles.as_slice() {
            [] => String::new(),
            [role] => format!(" with the role {role}"),
            roles => match roles.split_at_checked(MOST_ROLES) {
                Some((some, more)) if !more.is_empty() => {
                    format!(" with the roles {} and {} more", some.join(", "), more.len())
                }
                _ => format!(" with the roles {}", roles.join(", ")),
            },
        };
        let grid = self.grid.map(|gid| format!(" on grid {gid}")).unwrap_or_default();
        format!("{which}{roles}{grid}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Agent(agent) => agent.fmt(f),
            Kind::Roles(target) => {
                f.write_str(if target.fanout { "all" } else { "any" })?;
                for role in &target.roles {
                    write!(f, ",role={}", utf8_percent_encode(role, WORD))?;
                }
                target.grid.map_or(Ok(()), |gid| write!(f, ",grid={gid}"))
            }
            Kind::Controller => f.write_str("controller"),
            Kind::Unknown => f.write_str("unknown"),
        }
    }
}

impl From<AgentId> for Target {
    fn from(agent: AgentId) -> Self {
        Target(Kind::Agent(agent))
    }
}

impl From<RoleTarget> for Target {
    fn from(roles: RoleTarget) -> Self {
        Target(Kind::Roles(roles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_targets_are_read_back() {
        let targets: [Target; 7] = [
            Target::agent(1, 2),
            Target::any().into(),
            Target::all().into(),
            Target::any().role("a,b=c;d %").grid(7).into(),
            Target::all().role("*").role("ünï").into(),
            Target::controller(),
            Target::unknown(),
        ];
        for target in targets {
            assert_eq!(Target::parse(&target.to_string()).unwrap(), target, "{target}");
        }
        for wrong in
            ["", "any,", "any,x=1", "all,grid=x", "controller,grid=1", "1:2,grid=1", "anyone"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn targets_that_nobody_answers_to_are_refused() {
        for wrong in [
            Target::agent(0, 1),
            Target::agent(1, 0),
            Target::any().grid(0).into(),
            Target::all().role("").into(),
            Target::all().role("a\0").into(),
        ] {
            assert!(wrong.address().is_err(), "{wrong}");
        }
        let some = Target::from(Target::all().role("a").grid(2));
        assert!(some.is_fanout() && some.roles() == ["a"] && some.grid() == Some(2));
        assert!(some.agent_id().is_none());
        assert_eq!(Target::agent(1, 2).agent_id(), Some(AgentId::new(1, 2)));
        let all = Target::from(Target::all());
        let all = all.address().unwrap();
        assert_eq!((all.roles, all.fanout), (Some(vec!["*"]), true));
    }
}
