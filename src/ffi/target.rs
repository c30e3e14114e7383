//! `acclient_target`.

use std::ffi::c_char;

use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text::{self, Text};
use crate::protocol::{RoleTarget, Target};

/// Whom a command is for: one agent, any one agent with some roles, or all agents with them. It is
/// made complete by one thread; after that any number of threads may use it.
pub struct acclient_target {
    handle: Handle<TargetHandle>,
}

opaque!(acclient_target: TargetHandle);

pub struct TargetHandle {
    target: Target,
    printed: Text,
}

impl TargetHandle {
    fn new(target: Target) -> Self {
        TargetHandle { target, printed: Text::default() }
    }

    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }
}

/// The agent nid of the grid gid.
///
/// gid, nid: both above 0.
/// target: gets the target, which the caller frees with acclient_target_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_agent(
    gid: i64,
    nid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(target);
        guard::call(error, |_| {
            guard::check_place("target", target)?;
            let agent =
                Target::agent(text::agent_number("gid", gid)?, text::agent_number("nid", nid)?);
            guard::give(target, TargetHandle::new(agent));
            Ok(())
        })
    }
}

/// One agent, chosen by the controller at random, among those that have all of some roles.
///
/// roles, roles_count: the roles, none of them NULL; roles may be NULL if roles_count is 0, which is
///   any agent, as is the role "*".
/// gid: of this grid only; 0 for all grids.
/// target: gets the target, which the caller frees with acclient_target_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_any(
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { with_roles(Target::any(), roles, roles_count, gid, target, error) }
}

/// Every agent that has all of some roles: a fan-out. Parameters and errors as
/// acclient_target_any().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_all(
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { with_roles(Target::all(), roles, roles_count, gid, target, error) }
}

/// # Safety
/// Each pointer is NULL or what the description of acclient_target_any() says.
unsafe fn with_roles(
    made: RoleTarget,
    roles: *const *const c_char,
    roles_count: usize,
    gid: i64,
    target: *mut *mut acclient_target,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(target);
        guard::call(error, |_| {
            guard::check_place("target", target)?;
            let roles = text::names("roles", roles, roles_count)?;
            let made = roles.into_iter().fold(made, RoleTarget::role);
            let made = match gid {
                0 => made,
                gid => made.grid(text::agent_number("gid", gid)?),
            };
            let made = Target::from(made);
            made.address()?; // an empty role is told here, and not when a command is sent
            guard::give(target, TargetHandle::new(made));
            Ok(())
        })
    }
}

/// The target as it stands in the printed form of a command, like "1:2" or "all,role=cpu".
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the target is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_printed(
    target: *const acclient_target,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, target is NULL or live and length NULL or writable.
    unsafe { text::read(target, length, |it| &it.printed, |it| Some(it.target.to_string())) }
}

/// Frees the target; commands made with it stay as they are. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_target_free(target: *mut acclient_target) {
    // SAFETY: NULL or a target that nobody uses any more, by contract with C.
    unsafe { guard::free(target) };
}
