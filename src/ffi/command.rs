//! `acclient_command`.

use std::ffi::c_char;

use super::cancel_token::acclient_cancel_token;
use super::contract::{call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::lock::Single;
use super::scope::{Scope, Until};
use super::status::acclient_status;
use crate::client::Client;
use crate::command::Command;
use crate::error::Result;

/// A command that was sent, or found again: gives access to its results. For one thread at a time,
/// except for calls that say otherwise.
pub struct acclient_command(Handle<CommandHandle>);

opaque!(acclient_command: CommandHandle);

pub struct CommandHandle {
    client: Client,
    command: Single<Command>,
    /// As it was made, for calls from any thread: it counts no results.
    known: Command,
}

impl CommandHandle {
    /// `command` may come from a handle of the client for one call; later calls have timeouts and
    /// tokens of their own.
    pub(super) fn new(client: &Client, command: Command) -> Self {
        let known = command.by(client.session().clone());
        CommandHandle {
            client: client.clone(),
            command: Single::new("command", known.clone()),
            known,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// For calls from any thread.
    pub(super) fn known(&self) -> &Command {
        &self.known
    }

    pub(super) fn command(&self) -> &Single<Command> {
        &self.command
    }

    /// The command with the timeout and the token of one call, for the one thread that may use it.
    pub(super) fn bounded<'a>(&self, scope: &Scope<'a>, until: Until<'a>) -> Result<Command> {
        let client = scope.bounded(&self.client, until)?;
        Ok(self.command.lock()?.by(client.session().clone()))
    }
}

/// The id of the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_id(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "id", |it| Some(it.known.id()))
}

/// The handle string, "acclient:1:<id>:<target>", followed by ":queue=<name>" for a command with a queue, by
/// which acclient_client_get_by_handle() finds the command again, in this process or another.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_handle(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "handle", |it| Some(it.known.handle()))
}

/// The target, like "1:2", "all,role=cpu" or "unknown".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_target(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "target", |it| Some(it.known.target().to_string()))
}

/// The name of the command: "execute", "ping", ...; NULL where this program did not send it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_cmd(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "cmd", |it| it.known.cmd())
}

/// The run arguments that were sent, as JSON; NULL where this program did not send it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_args(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "args", |it| Some(it.known.args()?.to_json()))
}

/// The data that was sent; NULL where this program did not send it. It may contain NULs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_data(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "data", |it| it.known.data())
}

/// The tags that were sent; NULL without tags, and where this program did not send it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_tags(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "tags", |it| it.known.tags())
}

/// The JSON that was pushed to the queue; for a command of a history, the JSON found there. NULL
/// where this program neither sent it nor found it in a history.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_dump(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "dump", |it| it.known.dump())
}

/// Waits for the next result: one that this handle has not returned yet. Reconnects and retries when
/// the connection is lost. A job that failed is a result like any other.
///
/// timeout_ms: 0 polls once.
/// job: [out] receives the job, or NULL with ACCLIENT_OK when every result has been returned; free
///   with acclient_job_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT where the controller knew no agent for the target,
/// ACCLIENT_PROTOCOL for a result that cannot be decoded, ACCLIENT_INVALID_ARGUMENT also for a wait
/// without a timeout for a recurring command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_next_result(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let mut command = scope.borrow("command", command)?.command.lock()?;
        Ok(command.next_result(scope.wait((timeout_ms, cancel))?)?.map(JobHandle::new))
    })
}

/// Frees the command; its jobs go on.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_command_free(command: Option<Box<acclient_command>>) {
    guard::free(command);
}
