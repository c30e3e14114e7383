//! `acclient_target`.

use std::ffi::c_char;

use super::contract::{call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::scope::{Scope, agent, agent_number};
use super::status::acclient_status;
use crate::error::Result;
use crate::protocol::{RoleTarget, Target};

/// Target of a command: one agent, any one agent with some roles, or all agents with them.
pub struct acclient_target(Handle<Target>);

opaque!(acclient_target: Target);

/// Makes a target of one agent: the node nid of the grid gid.
///
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_agent(
    gid: i64,
    nid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |_| agent((gid, nid)).map(|(gid, nid)| Target::agent(gid, nid)))
}

/// Makes a target of one agent, chosen by the controller at random among those that have all of some
/// roles.
///
/// roles, roles_count: the roles; none of them, or the role "*", means any agent.
/// gid: of this grid only; 0 for all grids.
/// target: [out] receives the target; free with acclient_target_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_any(
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |scope| with_roles(scope, Target::any(), roles, roles_count, gid))
}

/// Makes a target of every agent that has all of some roles: a fan-out. Parameters as
/// acclient_target_any().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_all(
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, target, |scope| with_roles(scope, Target::all(), roles, roles_count, gid))
}

fn with_roles(
    scope: &Scope<'_>,
    made: RoleTarget,
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
) -> Result<Target> {
    let roles = scope.names("roles", roles, roles_count)?;
    let made = roles.into_iter().fold(made, RoleTarget::role);
    let made = Target::from(match gid {
        0 => made,
        gid => made.grid(agent_number("gid", gid)?),
    });
    made.address()?; // an empty role is reported here, and not when a command is sent
    Ok(made)
}

/// The target as in the printed form of a command, like "1:2" or "all,role=cpu".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_printed(
    target: Option<&acclient_target>,
    length: *mut usize,
) -> *const c_char {
    text!(target, length, "printed", |it| Some(it.to_string()))
}

/// Frees the target; requests made with it are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_target_free(target: Option<Box<acclient_target>>) {
    guard::free(target);
}
