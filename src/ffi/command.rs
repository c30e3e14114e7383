//! `acclient_command`.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, TryLockError};

use super::cancel::acclient_cancel;
use super::client::bounded;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;
use super::text::{self, Text};
use crate::client::Client;
use crate::command::{Command, CommandRef};
use crate::error::{Error, Result};

/// A command that was sent: the way to its results. One thread may use it at a time, but for calls
/// that say otherwise.
pub struct acclient_command {
    handle: Handle<CommandHandle>,
}

opaque!(acclient_command: CommandHandle);

pub struct CommandHandle {
    client: Client,
    reference: Mutex<CommandRef>,
    /// As it was made, for calls that need no turn: it counts no results.
    known: CommandRef,
    printed_form: String,
    target: String,
    /// What was sent, where that is known.
    sent: Option<Command>,
    texts: Texts,
}

#[derive(Default)]
struct Texts {
    id: Text,
    printed: Text,
    target: Text,
    cmd: Text,
    args: Text,
    data: Text,
    tags: Text,
    dump: Text,
}

impl CommandHandle {
    /// `reference` may come from a handle of the client for one call; later calls have times and
    /// tokens of their own.
    pub(super) fn new(client: &Client, reference: CommandRef) -> Self {
        let reference = reference.with_client(client.clone());
        CommandHandle {
            client: client.clone(),
            printed_form: reference.to_string(),
            target: reference.target().to_string(),
            known: reference.clone(),
            sent: reference.as_sent(),
            reference: Mutex::new(reference),
            texts: Texts::default(),
        }
    }

    /// The same for a command of which it is known what was sent.
    pub(super) fn of(client: &Client, sent: Command) -> Self {
        CommandHandle::new(client, sent.into())
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What needs no turn asks of this.
    pub(super) fn known(&self) -> &CommandRef {
        &self.known
    }

    /// What was sent, where that is known.
    pub(super) fn sent(&self) -> Option<&Command> {
        self.sent.as_ref()
    }

    /// A second thread must not wait here, where no deadline could end it.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, CommandRef>> {
        match self.reference.try_lock() {
            Ok(reference) => Ok(reference),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Error::invalid(
                "command is in use by another thread; find it again by its printed form",
            )),
        }
    }
}

/// The id of the command. NUL-terminated UTF-8; its length goes to *length, which may be NULL.
/// Borrowed until the command is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_id(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.id,
            |command| Some(command.known.id().to_owned()),
        )
    }
}

/// The printed form, "acclient:1:<id>:<target>", by which acclient_client_command_from() finds the
/// command again, in this process or another. NUL-terminated UTF-8; its length goes to *length,
/// which may be NULL. Borrowed until the command is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_printed(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.printed,
            |command| Some(command.printed_form.clone()),
        )
    }
}

/// Whom it was sent to, like "1:2", "all,role=cpu" or "unknown".
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_target(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.target,
            |command| Some(command.target.clone()),
        )
    }
}

/// The name of the command: "execute", "ping", ...; NULL where it was not sent by this program.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_cmd(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.cmd,
            |command| Some(command.sent.as_ref()?.cmd().to_owned()),
        )
    }
}

/// The run arguments that were sent, as JSON; NULL where it was not sent by this program.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_args(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.args,
            |command| Some(command.sent.as_ref()?.args().to_json()),
        )
    }
}

/// The data that was sent; NULL where it was not sent by this program. It may hold NULs.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_data(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.data,
            |command| Some(command.sent.as_ref()?.data().to_owned()),
        )
    }
}

/// The tags that were sent; NULL where there are none, and where it was not sent by this program.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_tags(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.tags,
            |command| Some(command.sent.as_ref()?.tags()?.to_owned()),
        )
    }
}

/// The JSON that was pushed to the queue; of a command of a history, as it stands there. NULL where it was
/// neither sent by this program nor found in a history.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the command
/// is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_dump(
    command: *const acclient_command,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, command is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            command,
            length,
            |command| &command.texts.dump,
            |command| Some(command.sent.as_ref()?.dump()),
        )
    }
}

/// Waits for the next result: that of an agent whose result this handle has not returned yet. A
/// lost connection is replaced and the wait goes on. A job that failed is a result like any other.
///
/// command: not NULL.
/// timeout_ms: milliseconds; below 0 for ever, 0 looks once.
/// cancel: ends the call early; may be NULL.
/// job: gets the job, which the caller frees with acclient_job_free(); it is NULL with ACCLIENT_OK
///   when every result has been returned. Not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time. Blocks.
/// Errors: ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_NO_SUCH_AGENT where the
/// controller knew no agent for the target, ACCLIENT_PROTOCOL for a result that cannot be read,
/// ACCLIENT_INVALID_ARGUMENT (also for a wait for ever on a recurring command, and while another
/// thread uses the command), ACCLIENT_POOL_EXHAUSTED, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER,
/// ACCLIENT_FORKED_HANDLE, ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_next_result(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(job);
        guard::call(error, |scope| {
            guard::check_place("job", job)?;
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            if let Some(found) = command.lock()?.next_result(text::wait(timeout_ms, cancel))? {
                guard::give(job, JobHandle::new(found));
            }
            Ok(())
        })
    }
}

/// Kills the job wherever it runs, with all its processes, and returns once its agents have taken
/// the order; the results, usually KILLED, follow. Where the job is over already, nothing is done.
///
/// command: not NULL.
/// timeout_ms: milliseconds for the agent to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// One thread at a time. Blocks.
/// Errors: ACCLIENT_TIMEOUT for an agent that is away, or busy with an earlier kill of the same
/// job, and where no controller has routed the command; ACCLIENT_NO_SUCH_AGENT; those of
/// acclient_client_execute(). Of several agents' errors it is the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_kill(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let client = bounded(&command.client, timeout_ms, cancel)?;
            let reference = command.lock()?.with_client(client);
            reference.kill()?.into_result().map(|_| ())
        })
    }
}

/// Frees the command and all that was borrowed from it; the job it stands for goes on. NULL is a
/// no-op. Blocks only where it holds the last of a client that was freed: see
/// acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_free(command: *mut acclient_command) {
    // SAFETY: NULL or a command that nobody uses any more, by contract with C.
    unsafe { guard::free(command) };
}
