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

/// A command that was sent or looked up, with access to its results. For one thread at a time,
/// except for functions documented otherwise.
pub struct acclient_command(Handle<CommandHandle>);

opaque!(acclient_command: CommandHandle);

pub struct CommandHandle {
    client: Client,
    command: Single<Command>,
    /// The command as created, for calls from any thread. It does not track returned results.
    known: Command,
}

impl CommandHandle {
    /// `command` may come from a client limited to one call; later calls have their own timeouts and
    /// tokens.
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

    /// The command with the timeout and the token of one call, locked for the calling thread.
    pub(super) fn bounded<'a>(&self, scope: &Scope<'a>, until: Until<'a>) -> Result<Command> {
        let client = scope.bounded(&self.client, until)?;
        Ok(self.command.lock()?.by(client.session().clone()))
    }
}

/// Returns the id of the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_id(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "id", |it| Some(it.known.id()))
}

/// Returns the handle string, by which acclient_client_get_by_handle() looks up the command in any
/// process: "acclient:1:<id>:<target>", followed by ":queue=<name>" if the command has a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_handle(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "handle", |it| Some(it.known.handle()))
}

/// Returns the target, like "1:2", "all,role=cpu" or "unknown".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_target(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "target", |it| Some(it.known.target().to_string()))
}

/// Returns the name of the command: "execute", "ping", ...; NULL if this program did not send it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_cmd(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "cmd", |it| it.known.cmd())
}

/// Returns the run arguments as JSON; NULL if this program did not send the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_args(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "args", |it| Some(it.known.args()?.to_json()))
}

/// Returns the data, which may contain NULs; NULL if this program did not send the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_data(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "data", |it| it.known.data())
}

/// Returns the tags; NULL if there are none or this program did not send the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_tags(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "tags", |it| it.known.tags())
}

/// Returns the JSON that was pushed to the queue or found in the history; NULL for a command from
/// neither source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_dump(
    command: Option<&acclient_command>,
    length: *mut usize,
) -> *const c_char {
    text!(command, length, "dump", |it| it.known.dump())
}

/// Waits for the next result that this handle has not returned yet. Reconnects and retries if the
/// connection is lost. A failed job is a result, not an error.
///
/// timeout_ms: 0 polls once.
/// job: [out] receives the job, or NULL with ACCLIENT_OK once all results were returned; free with
///   acclient_job_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
/// for a result that cannot be decoded, ACCLIENT_INVALID_ARGUMENT for a recurring command without a
/// timeout.
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

/// Frees the command; its jobs continue to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_command_free(command: Option<Box<acclient_command>>) {
    guard::free(command);
}
