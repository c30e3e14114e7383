//! `acclient_target`.

use std::ffi::c_char;

use super::contract::{call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::lock::Shared;
use super::scope::{agent, agent_number};
use super::status::acclient_status;
use crate::error::{Error, Result};
use crate::protocol::{AgentId, RoleTarget, Target};

/// Target of a command: one agent, a list of agents, any one agent with some roles, or all agents with
/// them. A setter that fails changes nothing.
pub struct acclient_target(Handle<TargetHandle>);

opaque!(acclient_target: TargetHandle);

pub struct TargetHandle(Shared<Building>);

/// A target as far as it is built.
#[derive(Clone)]
enum Building {
    Agents(Vec<AgentId>),
    Roles(RoleTarget),
    Parsed(Target),
}

impl TargetHandle {
    fn new(building: Building) -> Self {
        TargetHandle(Shared::new(building))
    }

    pub(super) fn parsed(target: Target) -> Self {
        TargetHandle::new(Building::Parsed(target))
    }

    pub(super) fn target(&self) -> Target {
        match self.0.get() {
            Building::Agents(agents) => Target::agents(agents),
            Building::Roles(roles) => roles.into(),
            Building::Parsed(target) => target,
        }
    }
}

impl Building {
    fn roles(self, change: impl FnOnce(RoleTarget) -> RoleTarget) -> Result<Self> {
        let Building::Roles(roles) = self else {
            let message = "the target has no roles: expected one made by acclient_target_any() or \
                           acclient_target_all()";
            return Err(Error::invalid(message));
        };
        let roles = change(roles);
        // An empty role is reported here, and not when a command is sent.
        Target::from(roles.clone()).address()?;
        Ok(Building::Roles(roles))
    }
}

/// Makes a target of one agent: the node nid of the grid gid.
///
/// gid, nid: 1 to 2147483647.
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_agent(
    gid: i64,
    nid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| { Ok(TargetHandle::new(Building::Agents(vec![agent((gid, nid))?]))) })
}

/// Makes a target of a list of agents, which is empty until acclient_target_add_agent() adds some. The
/// command has one id, and is pushed for every agent of the list or for none.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_agents(
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| Ok(TargetHandle::new(Building::Agents(Vec::new()))))
}

/// Makes a target of one agent, chosen by the controller at random: of all agents, unless
/// acclient_target_add_role() and acclient_target_set_grid() say which.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_any(
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| Ok(TargetHandle::new(Building::Roles(Target::any()))))
}

/// Makes a target of every agent, a fan-out: of all agents, unless acclient_target_add_role() and
/// acclient_target_set_grid() say which.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_all(
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| Ok(TargetHandle::new(Building::Roles(Target::all()))))
}

/// Parses a target.
///
/// text: "1:2" for one agent, "1:2,2:1" for a list; "all" or "any"; "role=cpu,storage" for all agents
///   with both roles, "any,role=cpu" for one; "@1" at the end for the agents of grid 1 only. In a role,
///   characters may be written as %xx; a comma, "@", "%" and white space have to be.
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_parse(
    text: *const c_char,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |scope| {
        let target: Target = scope.name("text", text)?.parse()?;
        Ok(TargetHandle::parsed(target))
    })
}

/// Adds an agent to a list of agents. One that is there already is not added again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_add_agent(
    target: *mut acclient_target,
    gid: i64,
    nid: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let added = agent((gid, nid))?;
        scope.borrow_mut("target", target)?.0.update(|building| match building {
            Building::Agents(agents) => {
                agents.push(added);
                Ok(())
            }
            _ => Err(Error::invalid(
                "the target lists no agents: expected one made by acclient_target_agents()",
            )),
        })
    })
}

/// Requires a role of the agents, beside those required before. The role "*" is that of every agent.
///
/// target: made by acclient_target_any() or acclient_target_all().
/// role: not empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_add_role(
    target: *mut acclient_target,
    role: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let role = scope.filled_name("role", role)?;
        scope.borrow_mut("target", target)?.0.change(|it| it.roles(|it| it.role(role)))
    })
}

/// Requires the agents to be of one grid.
///
/// gid: 1 to 2147483647.
/// target: made by acclient_target_any() or acclient_target_all().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_set_grid(
    target: *mut acclient_target,
    gid: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let gid = agent_number("gid", gid)?;
        scope.borrow_mut("target", target)?.0.change(|it| it.roles(|it| it.grid(gid)))
    })
}

/// The target in the form that acclient_target_parse() reads, like "1:2" or "all,role=cpu@1", as it is at
/// the first call; later changes of the target do not change the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_text(
    target: Option<&acclient_target>,
    length: *mut usize,
) -> *const c_char {
    text!(target, length, "text", |it| Some(it.target().to_string()))
}

/// Frees the target; requests made with it are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_target_free(target: Option<Box<acclient_target>>) {
    guard::free(target);
}
