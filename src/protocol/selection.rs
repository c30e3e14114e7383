//! [`Selection`]: agents chosen by an expression over agents, ranges, roles and groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{AgentId, RoleTarget, Target};
#[cfg(doc)]
use crate::client::Client;

/// Agents chosen by an expression, like `1:1-20 and not role=gpu`. The text form of every [`Target`] is a
/// valid expression.
///
/// | text | agents |
/// |---|---|
/// | `1:2`, `1:1,4,2:1` | these agents; a number without a grid belongs to the grid before it |
/// | `1:1-20`, `1-3:1` | the registered agents with these numbers |
/// | `1:*`, `1:2?`, `*:1` | the registered agents whose numbers, written out, match |
/// | `all`, `all@1`, `role=cpu,storage@1` | all agents with these roles, as for a [`Target`] |
/// | `any`, `any,role=cpu@2` | one agent, chosen by the controller; not part of a larger expression |
/// | `@web` | the agents of a group of this name; see [`Client::selection`] |
/// | `A or B`, `A and B`, `not A`, `( … )` | `not` binds tighter than `and`, and `and` tighter than `or` |
///
/// An explicit agent gets the command even if it is not registered, so that it is reported as not reached.
/// Everything else matches only agents that the controller knows. This includes `not`: `not 1:1` is every
/// registered agent but this one.
///
/// `FromStr` rejects groups. `Display` prints what `FromStr` parses.
///
/// ```
/// use acclient::{AgentId, Selection, Target};
/// use std::collections::BTreeMap;
///
/// let some: Selection = "1:1-3 and not role=gpu or 2:7".parse()?;
/// assert_eq!(some.target(), None); // the wire has no word for it
/// let gpu = vec!["gpu".to_owned()];
/// let agents = BTreeMap::from([((1, 1).into(), vec![]), ((1, 2).into(), gpu), ((1, 9).into(), vec![])]);
/// assert_eq!(some.choose(&agents), Target::agents([(1, 1), (2, 7)]));
/// assert_eq!(some.unregistered(&agents), 1); // 1:3
///
/// let cpu: Selection = "role=cpu and role=storage".parse()?;
/// assert_eq!(cpu.target(), Some(Target::all().role("cpu").role("storage").into()));
/// # Ok::<(), acclient::ParseTargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(pub(super) Term);

/// Agents that the controller knows, and their roles.
type Known = BTreeMap<AgentId, Vec<String>>;
/// First and last number, inclusive.
type Range = (u32, u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// At least one pattern.
    Agents(Vec<Pattern>),
    Roles(RoleTarget),
    Group(Arc<Group>),
    Not(Box<Term>),
    /// At least two terms, none of them an `And`.
    And(Vec<Term>),
    /// At least two terms, none of them an `Or`.
    Or(Vec<Term>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub term: Term,
    /// Number of terms, including those of inner groups.
    pub weight: usize,
}

/// Agents given by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub gid: Numbers,
    pub nid: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// From `first` to `last` inclusive; both may be the same.
    Range { first: u32, last: u32 },
    /// Digits with `*` and `?`.
    Glob(String),
}

impl Selection {
    /// Returns the target if it can be sent without knowing the registered agents: explicit agents, or roles
    /// that are all required. Returns `None` if [`Selection::choose`] needs the list of agents, and if the
    /// expression selects no agent.
    ///
    /// Agents may be excluded by number: `1:1,1:2 and not 1:1` is agent 1:2.
    pub fn target(&self) -> Option<Target> {
        match self.0.roles() {
            Some(roles) => Some(roles.into()),
            None => self.0.chosen(None).filter(|agents| !agents.is_empty()).map(Target::agents),
        }
    }

    /// Returns the selected agents as a list: those of `agents` that match, and explicit agents. The list is
    /// empty if the expression selects no agent. For `any`, it contains all agents that the controller would
    /// choose from.
    ///
    /// `agents` are those that the controller knows, from [`Client::list_agents`].
    pub fn choose(&self, agents: &BTreeMap<AgentId, Vec<String>>) -> Target {
        Target::agents(self.0.chosen(Some(agents)).unwrap_or_default())
    }

    /// Returns the number of agents in ranges that are not in `agents`: 17 for `1:1-20` if three are
    /// registered. Ranges after `not`, and patterns with `*` and `?`, do not count.
    pub fn unregistered(&self, agents: &BTreeMap<AgentId, Vec<String>>) -> u64 {
        let mut ranges = Vec::new();
        self.0.add_ranges(&mut ranges);
        ranges.sort_unstable();
        let mut missing = 0_u64;
        let mut counted = None; // the grid, and the last node of it that was counted
        for (gids, mut nids) in ranges {
            // Overlapping ranges of one grid count once.
            if gids.0 == gids.1 {
                match counted {
                    Some((gid, last)) if gid == gids.0 => {
                        nids.0 = nids.0.max(last + 1);
                        counted = Some((gid, nids.1.max(last)));
                    }
                    _ => counted = Some((gids.0, nids.1)),
                }
            }
            if nids.0 <= nids.1 {
                let size = |(first, last)| u64::from(last - first) + 1;
                let here = within(agents, gids, nids).count() as u64;
                missing = missing.saturating_add(size(gids) * size(nids) - here);
            }
        }
        missing
    }
}

/// The agents with these numbers.
fn within(agents: &Known, gids: Range, nids: Range) -> impl Iterator<Item = AgentId> + '_ {
    let (first, last) = (AgentId::new(gids.0, nids.0), AgentId::new(gids.1, nids.1));
    let is_within = move |agent: &AgentId| (nids.0..=nids.1).contains(&agent.nid);
    agents.range(first..=last).map(|(agent, _)| *agent).filter(is_within)
}

impl Term {
    pub(super) fn is_any(&self) -> bool {
        match self {
            Term::Roles(roles) => !roles.fanout,
            Term::Group(group) => group.term.is_any(),
            _ => false,
        }
    }

    /// The target, if it consists of roles alone.
    fn roles(&self) -> Option<RoleTarget> {
        match self {
            Term::Roles(roles) => Some(roles.clone()),
            Term::Group(group) => group.term.roles(),
            Term::And(terms) => {
                let mut both = RoleTarget::new(true);
                for term in terms {
                    let target = term.roles()?;
                    let is_open = target.takes_every_role();
                    let RoleTarget { roles, grid, .. } = target;
                    if grid.is_some() && both.grid.is_some_and(|other| Some(other) != grid) {
                        return None;
                    }
                    both.grid = both.grid.or(grid);
                    for role in roles.into_iter().filter(|_| !is_open) {
                        if !both.roles.contains(&role) {
                            both.roles.push(role);
                        }
                    }
                }
                Some(both)
            }
            _ => None,
        }
    }

    /// The selected agents; `None` if that requires the known agents and `known` is `None`.
    fn chosen(&self, known: Option<&Known>) -> Option<BTreeSet<AgentId>> {
        Some(match self {
            Term::Agents(patterns) => {
                let mut agents = BTreeSet::new();
                for pattern in patterns {
                    match pattern.agent() {
                        Some(agent) => _ = agents.insert(agent),
                        None => agents.extend(pattern.among(known?)),
                    }
                }
                agents
            }
            Term::Roles(target) => {
                let agents = known?.iter().filter(|(agent, roles)| target.matches(**agent, roles));
                agents.map(|(agent, _)| *agent).collect()
            }
            Term::Group(group) => group.term.chosen(known)?,
            Term::Not(term) => without(known?.keys().copied().collect(), term.chosen(known)?),
            Term::And(terms) => {
                // Exclusions are subtracted from the rest, so that "1:9 and not role=cpu" is agent 1:9 even
                // if its roles are unknown.
                let mut agents = None;
                for term in terms.iter().filter(|term| !matches!(term, Term::Not(_))) {
                    let these = term.chosen(known)?;
                    agents = Some(match agents {
                        Some(agents) => &agents & &these,
                        None => these,
                    });
                }
                let mut agents = match agents {
                    Some(agents) => agents,
                    None => known?.keys().copied().collect(),
                };
                for term in terms {
                    if let Term::Not(excluded) = term {
                        agents = without(agents, excluded.chosen(known)?);
                    }
                }
                agents
            }
            Term::Or(terms) => {
                let mut agents = BTreeSet::new();
                for term in terms {
                    agents.append(&mut term.chosen(known)?);
                }
                agents
            }
        })
    }

    /// Adds the ranges of grids and nodes that are included and not excluded.
    fn add_ranges(&self, ranges: &mut Vec<(Range, Range)>) {
        match self {
            Term::Agents(patterns) => {
                let many = patterns.iter().filter(|pattern| pattern.agent().is_none());
                ranges.extend(many.filter_map(|it| Some((it.gid.range()?, it.nid.range()?))));
            }
            Term::Group(group) => group.term.add_ranges(ranges),
            Term::And(terms) | Term::Or(terms) => {
                terms.iter().for_each(|term| term.add_ranges(ranges));
            }
            Term::Roles(_) | Term::Not(_) => {}
        }
    }
}

fn without(mut agents: BTreeSet<AgentId>, excluded: BTreeSet<AgentId>) -> BTreeSet<AgentId> {
    agents.retain(|agent| !excluded.contains(agent));
    agents
}

impl Pattern {
    /// The agent, if the pattern is a single explicit agent.
    fn agent(&self) -> Option<AgentId> {
        match (self.gid.range()?, self.nid.range()?) {
            ((gid, same), (nid, last)) if gid == same && nid == last => {
                Some(AgentId::new(gid, nid))
            }
            _ => None,
        }
    }

    fn among(&self, agents: &Known) -> Vec<AgentId> {
        match (self.gid.range(), self.nid.range()) {
            (Some(gids), Some(nids)) => within(agents, gids, nids).collect(),
            (gids, _) => {
                let gids = gids.unwrap_or((0, u32::MAX));
                let agents = within(agents, gids, (0, u32::MAX));
                agents.filter(|it| self.gid.has(it.gid) && self.nid.has(it.nid)).collect()
            }
        }
    }

    /// Whether matching compares the pattern with every agent.
    pub(super) fn is_slow(&self) -> bool {
        self.gid.range().is_none_or(|(first, last)| first != last) || self.nid.range().is_none()
    }
}

impl Numbers {
    fn range(&self) -> Option<Range> {
        match self {
            Numbers::Range { first, last } => Some((*first, *last)),
            Numbers::Glob(_) => None,
        }
    }

    fn has(&self, number: u32) -> bool {
        match self {
            Numbers::Range { first, last } => (*first..=*last).contains(&number),
            Numbers::Glob(glob) => matches(glob.as_bytes(), number.to_string().as_bytes()),
        }
    }
}

/// Whether digits match a glob. Backtracks only to the last `*`, which bounds the time of any glob.
fn matches(glob: &[u8], digits: &[u8]) -> bool {
    let (mut at, mut digit) = (0, 0);
    let mut star = None;
    while digit < digits.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, digit));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == digits[digit] => {
                at += 1;
                digit += 1;
            }
            _ => match &mut star {
                Some((before, taken)) => {
                    *taken += 1;
                    (at, digit) = (*before + 1, *taken);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Agents(patterns) => patterns.iter().enumerate().try_for_each(|(at, pattern)| {
                write!(f, "{}{}:{}", if at == 0 { "" } else { "," }, pattern.gid, pattern.nid)
            }),
            Term::Roles(roles) => roles.fmt(f),
            Term::Group(group) => write!(f, "@{}", group.name),
            Term::Not(term) => match **term {
                Term::And(_) | Term::Or(_) => write!(f, "not ({term})"),
                _ => write!(f, "not {term}"),
            },
            Term::And(terms) => terms.iter().enumerate().try_for_each(|(at, term)| {
                f.write_str(if at == 0 { "" } else { " and " })?;
                match term {
                    Term::Or(_) => write!(f, "({term})"),
                    _ => term.fmt(f),
                }
            }),
            Term::Or(terms) => terms.iter().enumerate().try_for_each(|(at, term)| {
                write!(f, "{}{term}", if at == 0 { "" } else { " or " })
            }),
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numbers::Range { first, last } if first == last => first.fmt(f),
            Numbers::Range { first, last } => write!(f, "{first}-{last}"),
            Numbers::Glob(glob) => f.write_str(glob),
        }
    }
}
