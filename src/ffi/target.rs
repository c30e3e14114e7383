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

/// Target of a command: one agent, a list of agents, any one agent with certain roles, or all
/// agents with them. A setter that fails changes nothing.
pub struct acclient_target(Handle<TargetHandle>);

opaque!(acclient_target: TargetHandle);

pub struct TargetHandle(Shared<Building>);

/// A target under construction.
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
            let message = "invalid target: expected one created by acclient_target_any() or \
                           acclient_target_all()";
            return Err(Error::invalid(message));
        };
        let roles = change(roles);
        // Reports an empty role now rather than when a command is sent.
        Target::from(roles.clone()).address()?;
        Ok(Building::Roles(roles))
    }
}

/// Creates a target of one agent.
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

/// Creates a target of a list of agents, which is empty until acclient_target_add_agent() adds
/// some. The command has one id and is pushed to all agents of the list or to none.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_agents(
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| Ok(TargetHandle::new(Building::Agents(Vec::new()))))
}

/// Creates a target of one agent that the controller chooses at random. acclient_target_add_role()
/// and acclient_target_set_grid() restrict the choice.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_any(
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| Ok(TargetHandle::new(Building::Roles(Target::any()))))
}

/// Creates a target of all agents, a fan-out. acclient_target_add_role() and
/// acclient_target_set_grid() restrict it.
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
/// text: "1:2" for one agent, "1:2,2:1" for a list; "all" or "any"; "role=cpu,storage" for all
///   agents with both roles, "any,role=cpu" for one; a trailing "@1" restricts it to grid 1. In a
///   role, comma, "@", "%" and white space must be written as %xx; other characters may be.
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

/// Adds an agent to a list of agents, unless the list contains it.
///
/// target: created by acclient_target_agents().
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
                "invalid target: expected one created by acclient_target_agents()",
            )),
        })
    })
}

/// Requires a role, in addition to those required before. Every agent has the role "*".
///
/// target: created by acclient_target_any() or acclient_target_all().
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

/// Restricts the target to one grid.
///
/// target: created by acclient_target_any() or acclient_target_all().
/// gid: 1 to 2147483647.
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

/// Returns the target in the form of acclient_target_parse(), like "1:2" or "all,role=cpu@1", as it
/// is at the first call: later changes of the target do not change the text.
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
