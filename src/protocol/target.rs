//! [`Target`]: the agents that a command is for.

use std::fmt;
use std::sync::Arc;

use percent_encoding::utf8_percent_encode;

use super::text::{Invalid, WORD, check_name};
use super::{Address, AgentId, CommandDocument, Field};

type Result<T> = std::result::Result<T, Invalid>;

fn invalid(message: impl Into<String>) -> Invalid {
    Invalid::Other(message.into())
}

/// The agents that a command is for: one agent, a list of agents, any one agent with some roles, or all
/// agents with them.
///
/// ```
/// use acclient::Target;
/// let one = Target::agent((1, 2));
/// let list = Target::agents([(1, 2), (2, 1)]);
/// let any: Target = Target::any().role("storage").into();
/// let all: Target = Target::all().role("cpu").role("storage").grid(1).into();
/// assert_eq!(one.to_string(), "1:2");
/// assert_eq!(list.to_string(), "1:2,2:1");
/// assert_eq!(any.to_string(), "any,role=storage");
/// assert_eq!(all.to_string(), "all,role=cpu,storage@1");
/// assert_eq!("role=cpu,storage@1".parse(), Ok(all));
/// # Ok::<(), acclient::ParseTargetError>(())
/// ```
///
/// `FromStr` parses what `Display` prints, which is also the form that the command line tool `acctl` accepts:
///
/// | text | agents |
/// |---|---|
/// | `1:2` | agent 2 of grid 1 |
/// | `1:2,2:1` | these agents |
/// | `all`, `all@1` | all agents; all agents of grid 1 |
/// | `role=cpu,storage@1` | agents of grid 1 with both roles; also `all,role=cpu,storage@1`, `all role=cpu,storage@1` |
/// | `any`, `any,role=cpu@2` | one agent, chosen by the controller |
///
/// In role names, characters other than ASCII letters, digits, `-`, `_` and `.` may be written as `%xx`; `,`,
/// `@`, `%` and white space must be.
///
/// Calls that take a target also accept a [`RoleTarget`], an [`AgentId`] or `(gid, nid)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Agent(AgentId),
    /// In ascending order without duplicates; never exactly one. Shared, since there may be thousands.
    Agents(Arc<[AgentId]>),
    Roles(RoleTarget),
    Controller,
    /// The target of a command of which only the id is known.
    Unknown,
}

/// Agents chosen by their roles; from [`Target::any`] and [`Target::all`].
///
/// ```
/// use acclient::{RoleTarget, Target};
/// let storage_of_grid_1: RoleTarget = Target::all().role("storage").grid(1);
/// # let _: Target = storage_of_grid_1.into();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleTarget {
    pub(super) fanout: bool,
    pub(super) roles: Vec<String>,
    pub(super) grid: Option<u32>,
}

/// Address under which the controller stores its own replies.
const CONTROLLER: AgentId = AgentId { gid: 0, nid: 0 };
/// Largest id; a controller on a 32-bit machine exits on a larger one.
pub(crate) const LARGEST_ID: u32 = 0x7fff_ffff;
/// Maximum number of roles or agents listed in an error message.
const MOST_LISTED: usize = 8;

impl RoleTarget {
    pub(super) fn new(fanout: bool) -> Self {
        RoleTarget { fanout, roles: Vec::new(), grid: None }
    }

    /// Requires a role, in addition to those already required. Without a role, and with the role `*`, every
    /// agent matches.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Restricts the target to one grid. The grid id must be above zero and at most 2 147 483 647, which is
    /// checked when a command is sent.
    pub fn grid(mut self, gid: u32) -> Self {
        self.grid = Some(gid);
        self
    }
}

impl Target {
    /// Returns the target of one agent. Grid id and node id must be above zero and at most 2 147 483 647,
    /// which is checked when a command is sent.
    pub fn agent(agent: impl Into<AgentId>) -> Self {
        Target(Kind::Agent(agent.into()))
    }

    /// Returns the target of a list of agents. Each agent gets the command once, even if it is listed
    /// repeatedly. The list must not be empty, which is checked when a command is sent.
    ///
    /// Like a fan-out, the command has one id and one [`Command`](crate::Command) handle. It is pushed
    /// atomically, for all agents or none. Unlike with a fan-out, the agents are known before the controller
    /// has routed the command.
    ///
    /// The controller routes the command agent by agent. Until it has finished, a lookup by id alone may show
    /// only some of the agents; the handle string names them all.
    pub fn agents<I: IntoIterator<Item: Into<AgentId>>>(agents: I) -> Self {
        let mut agents: Vec<AgentId> = agents.into_iter().map(Into::into).collect();
        agents.sort_unstable();
        agents.dedup();
        match agents[..] {
            [agent] => Target(Kind::Agent(agent)),
            _ => Target(Kind::Agents(agents.into())),
        }
    }

    /// Returns the target of one agent, chosen at random by the controller among those that have all roles
    /// named by [`RoleTarget::role`].
    pub fn any() -> RoleTarget {
        RoleTarget::new(false)
    }

    /// Returns the target of every agent that has all roles named by [`RoleTarget::role`]: a fan-out.
    pub fn all() -> RoleTarget {
        RoleTarget::new(true)
    }

    /// The target of the controller itself.
    pub(crate) fn controller() -> Self {
        Target(Kind::Controller)
    }

    pub(crate) fn unknown() -> Self {
        Target(Kind::Unknown)
    }

    /// The addresses under which the results will be stored, if the target alone determines them.
    pub(crate) fn answering(&self) -> Option<&[AgentId]> {
        match &self.0 {
            Kind::Agent(agent) => Some(std::slice::from_ref(agent)),
            Kind::Agents(agents) => Some(agents),
            // The controller stores its own replies under the gid and nid of the command.
            Kind::Controller => Some(&[CONTROLLER]),
            Kind::Roles(_) | Kind::Unknown => None,
        }
    }

    /// Whether only the controller knows how many agents get the command.
    pub(crate) fn may_be_fanout(&self) -> bool {
        match &self.0 {
            Kind::Roles(roles) => roles.fanout,
            Kind::Unknown => true,
            Kind::Agent(_) | Kind::Agents(_) | Kind::Controller => false,
        }
    }

    /// Returns whether more than one agent may get the command: all agents with some roles, or a list of
    /// agents.
    pub fn is_fanout(&self) -> bool {
        match &self.0 {
            Kind::Roles(roles) => roles.fanout,
            Kind::Agents(_) => true,
            _ => false,
        }
    }

    /// Whether the controller chooses one of several agents.
    pub(crate) fn is_any(&self) -> bool {
        matches!(&self.0, Kind::Roles(roles) if !roles.fanout)
    }

    /// Returns the required roles; empty for a target of one agent or a list of agents.
    pub fn roles(&self) -> &[String] {
        match &self.0 {
            Kind::Roles(target) => &target.roles,
            _ => &[],
        }
    }

    /// Returns the grid of the target, if it names a single one.
    pub fn grid(&self) -> Option<u32> {
        match &self.0 {
            Kind::Agent(agent) => Some(agent.gid),
            Kind::Roles(target) => target.grid,
            _ => None,
        }
    }

    /// Returns the agent, for a target of one agent.
    pub fn agent_id(&self) -> Option<AgentId> {
        match self.0 {
            Kind::Agent(agent) => Some(agent),
            _ => None,
        }
    }

    /// Returns the agents that the target lists, in ascending order; empty for a target with roles.
    pub fn agent_ids(&self) -> &[AgentId] {
        match &self.0 {
            Kind::Controller => &[],
            _ => self.answering().unwrap_or_default(),
        }
    }

    /// Whether the target includes an agent with these roles.
    pub(crate) fn matches(&self, agent: AgentId, roles: &[String]) -> bool {
        match &self.0 {
            Kind::Agent(one) => *one == agent,
            Kind::Agents(agents) => agents.binary_search(&agent).is_ok(),
            Kind::Roles(target) => target.matches(agent, roles),
            Kind::Controller | Kind::Unknown => false,
        }
    }

    /// The address on the wire; fails if there is none or more than one.
    pub(crate) fn address(&self) -> Result<Address<'_>> {
        match &self.0 {
            Kind::Agent(agent) => agent_address(*agent),
            Kind::Agents(agents) if agents.is_empty() => {
                Err(invalid("the list of agents is empty"))
            }
            Kind::Agents(_) => {
                Err(invalid(format!("expected one agent or roles, got {}", self.in_words())))
            }
            Kind::Roles(target) => target.address(),
            Kind::Controller => Ok(Address { roles: Some(vec!["*"]), ..Address::default() }),
            Kind::Unknown => Err(invalid("missing target")),
        }
    }

    /// Calls `each` with every address on the wire, one for each document that is pushed.
    pub(crate) fn each_address(
        &self,
        mut each: impl FnMut(&Address<'_>) -> Result<()>,
    ) -> Result<()> {
        match &self.0 {
            Kind::Agents(agents) if !agents.is_empty() => {
                agents.iter().try_for_each(|agent| each(&agent_address(*agent)?))
            }
            _ => each(&self.address()?),
        }
    }

    /// The target of a command on the wire; unknown if it cannot be decoded.
    pub(crate) fn of_document(document: &CommandDocument) -> Self {
        let is_address = |name| matches!(name, "gid" | "nid" | "roles" | "fanout");
        let number = |field: &Field<i64>| u32::try_from(field.value().copied().unwrap_or_default());
        let (Ok(gid), Ok(nid), false) =
            (number(&document.gid), number(&document.nid), document.dropped().any(is_address))
        else {
            return Target::unknown();
        };
        let Some(roles) = document.roles.value().filter(|roles| !roles.is_empty()) else {
            // Without ids and roles no agent gets the command.
            let nobody = (gid, nid) == (0, 0);
            return if nobody { Target::unknown() } else { Target::agent((gid, nid)) };
        };
        if document.cmd.value().is_some_and(|cmd| cmd == "controller") {
            return Target::controller();
        }
        let target = RoleTarget {
            fanout: document.fanout.value().copied().unwrap_or_default(),
            roles: roles.clone(),
            grid: Some(gid).filter(|gid| *gid > 0),
        };
        target.into()
    }

    /// The target as part of a sentence.
    pub(crate) fn in_words(&self) -> String {
        match &self.0 {
            Kind::Agent(agent) => format!("agent {agent}"),
            Kind::Agents(agents) => {
                let names: Vec<String> =
                    agents.iter().take(MOST_LISTED + 1).map(AgentId::to_string).collect();
                format!("agents {}", listed(&names, agents.len()))
            }
            Kind::Roles(target) => target.in_words(),
            Kind::Controller => "the controller".to_owned(),
            Kind::Unknown => "an unknown target".to_owned(),
        }
    }
}

fn agent_address(agent: AgentId) -> Result<Address<'static>> {
    if !agent.is_real() {
        return Err(invalid(format!(
            "invalid agent id \"{agent}\": expected gid:nid, both above zero"
        )));
    }
    if agent.gid.max(agent.nid) > LARGEST_ID {
        return Err(invalid(format!(
            "invalid agent id \"{agent}\": expected numbers up to {LARGEST_ID}"
        )));
    }
    Ok(Address { gid: agent.gid, nid: agent.nid, ..Address::default() })
}

/// The first of `count` names, and how many are left out, as part of a sentence.
fn listed(names: &[String], count: usize) -> String {
    match names.split_at_checked(MOST_LISTED) {
        Some((some, more)) if !more.is_empty() => {
            format!("{} and {} more", some.join(", "), count - some.len())
        }
        _ => names.join(", "),
    }
}

impl RoleTarget {
    /// Whether the controller may choose an agent with these roles.
    pub(crate) fn matches(&self, agent: AgentId, roles: &[String]) -> bool {
        self.grid.is_none_or(|grid| grid == agent.gid)
            && (self.takes_every_role() || self.roles.iter().all(|role| roles.contains(role)))
    }

    /// Whether the controller ignores roles: a `*` among them disables all others.
    pub(super) fn takes_every_role(&self) -> bool {
        self.roles.iter().any(|role| role == "*")
    }

    pub(super) fn address(&self) -> Result<Address<'_>> {
        if self.grid == Some(0) {
            return Err(invalid("invalid grid id 0: expected a number above zero"));
        }
        if let Some(grid) = self.grid.filter(|grid| *grid > LARGEST_ID) {
            return Err(invalid(format!(
                "invalid grid id {grid}: expected a number up to {LARGEST_ID}"
            )));
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

    fn in_words(&self) -> String {
        let which = if self.fanout { "all agents" } else { "any agent" };
        let roles = match self.roles.as_slice() {
            [] => String::new(),
            [role] => format!(" with the role {role}"),
            roles => format!(" with the roles {}", listed(roles, roles.len())),
        };
        let grid = self.grid.map(|gid| format!(" on grid {gid}")).unwrap_or_default();
        format!("{which}{roles}{grid}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Agent(agent) => agent.fmt(f),
            Kind::Agents(agents) => agents.iter().enumerate().try_for_each(|(index, agent)| {
                write!(f, "{}{agent}", if index == 0 { "" } else { "," })
            }),
            Kind::Roles(target) => target.fmt(f),
            Kind::Controller => f.write_str("controller"),
            Kind::Unknown => f.write_str("unknown"),
        }
    }
}

/// Prints the same form as [`Target`].
impl fmt::Display for RoleTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fanout { "all" } else { "any" })?;
        for (index, role) in self.roles.iter().enumerate() {
            let before = if index == 0 { ",role=" } else { "," };
            write!(f, "{before}{}", utf8_percent_encode(role, WORD))?;
        }
        self.grid.map_or(Ok(()), |gid| write!(f, "@{gid}"))
    }
}

impl From<AgentId> for Target {
    fn from(agent: AgentId) -> Self {
        Target::agent(agent)
    }
}

/// Grid id and node id of one agent.
impl From<(u32, u32)> for Target {
    fn from(agent: (u32, u32)) -> Self {
        Target::agent(agent)
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
    fn targets_without_an_address_are_refused() {
        for wrong in [
            Target::agent((0, 1)),
            Target::agent((1, 0)),
            Target::agents([(1, 1), (1, 0)]),
            Target::agents::<[AgentId; 0]>([]),
            Target::any().grid(0).into(),
            Target::all().role("").into(),
            Target::all().role("a\0").into(),
        ] {
            assert!(wrong.each_address(|_| Ok(())).is_err(), "{wrong}");
        }
        let some = Target::from(Target::all().role("a").grid(2));
        assert!(some.is_fanout() && some.roles() == ["a"] && some.grid() == Some(2));
        assert!(some.agent_id().is_none() && some.agent_ids().is_empty());
        assert_eq!(Target::agent((1, 2)).agent_id(), Some(AgentId::new(1, 2)));
        let all = Target::from(Target::all());
        let all = all.address().unwrap();
        assert_eq!((all.roles, all.fanout), (Some(vec!["*"]), true));
    }

    #[test]
    fn a_list_of_agents_has_each_once_and_one_address_for_each() {
        let list = Target::agents([(2, 1), (1, 2), (2, 1)]);
        assert_eq!(list.agent_ids(), [AgentId::new(1, 2), AgentId::new(2, 1)]);
        let mut addresses = Vec::new();
        list.each_address(|one| {
            addresses.push((one.gid, one.nid));
            Ok(())
        })
        .unwrap();
        assert_eq!(addresses, [(1, 2), (2, 1)]);
        assert!(list.is_fanout() && list.address().is_err());
        let one = Target::agents([(1, 2), (1, 2)]);
        assert_eq!(one, Target::agent((1, 2)));
        assert!(!one.is_fanout());
        let many = Target::agents((1..=20).map(|nid| (1, nid)));
        let words = many.in_words();
        assert!(
            words.starts_with("agents 1:1, 1:2,") && words.ends_with(" and 12 more"),
            "{words}"
        );
    }
}
