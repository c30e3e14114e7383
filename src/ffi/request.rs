//! `acclient_request`.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::command::{CommandHandle, acclient_command};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::run_args::{self, acclient_run_args};
use super::status::acclient_status;
use super::target::acclient_target;
use super::text;
use crate::client::Client;
use crate::command::Command;
use crate::command::CommandBuilder;
use crate::error::{Error, Result};
use crate::protocol::Target;

/// A command before it is sent. It can be sent again and again, each time as a command of its own.
/// Any number of threads may use it.
pub struct acclient_request {
    handle: Handle<RequestHandle>,
}

opaque!(acclient_request: RequestHandle);

pub struct RequestHandle {
    client: Client,
    builder: Mutex<CommandBuilder>,
}

impl RequestHandle {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn lock(&self) -> MutexGuard<'_, CommandBuilder> {
        self.builder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be sent, by a handle of the client for one call.
    pub(super) fn by(&self, client: Client) -> CommandBuilder {
        self.lock().clone().by(client)
    }
}

/// Makes a request.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn make(
    client: *const acclient_client,
    target: *const acclient_target,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
    build: impl FnOnce(&Client, Target) -> Result<CommandBuilder>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(request);
        guard::call(error, |scope| {
            guard::check_place("request", request)?;
            let client = scope.borrow("client", client)?;
            let builder = build(client, scope.borrow("target", target)?.target())?;
            let client = client.clone();
            guard::give(request, RequestHandle { client, builder: Mutex::new(builder) });
            Ok(())
        })
    }
}

/// A command for a target: "ping", "killall", "restart", or any other that agents know.
///
/// client, target, cmd: not NULL.
/// request: gets the request, which the caller frees with acclient_request_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is sent yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_new(
    client: *const acclient_client,
    target: *const acclient_target,
    cmd: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        make(client, target, request, error, |client, target| {
            Ok(client.cmd(target, text::name("cmd", cmd)?))
        })
    }
}

/// A program for a target to run. Its arguments are added with acclient_request_add_arg(), its
/// standard input is set with acclient_request_set_data().
///
/// client, target, program: not NULL.
/// request: gets the request, which the caller frees with acclient_request_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is sent yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_execute(
    client: *const acclient_client,
    target: *const acclient_target,
    program: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        make(client, target, request, error, |client, target| {
            Ok(client.execute(target, text::name("program", program)?))
        })
    }
}

/// A shell script for a target to run, an extension that agents usually have.
///
/// client, target: not NULL.
/// script, script_length: UTF-8; script may be NULL if script_length is 0.
/// request: gets the request, which the caller frees with acclient_request_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is sent yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_bash(
    client: *const acclient_client,
    target: *const acclient_target,
    script: *const c_char,
    script_length: usize,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        make(client, target, request, error, |client, target| {
            let script = text::payload("script", script, script_length)?;
            Ok(client.bash(target, text::utf8("script", script)?))
        })
    }
}

/// A jumpscript that the agents have.
///
/// client, target, domain, name: not NULL.
/// kwargs: its keyword arguments, a JSON object; NULL for none.
/// request: gets the request, which the caller frees with acclient_request_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is sent yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_jumpscript(
    client: *const acclient_client,
    target: *const acclient_target,
    domain: *const c_char,
    name: *const c_char,
    kwargs: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        make(client, target, request, error, |client, target| {
            let (domain, name) = (text::name("domain", domain)?, text::name("name", name)?);
            Ok(client.execute_jumpscript(target, domain, name, &text::object("kwargs", kwargs)?))
        })
    }
}

/// A jumpscript that is sent along: Python that defines "action".
///
/// client, target: not NULL.
/// content, content_length: the script, UTF-8; content may be NULL if content_length is 0.
/// kwargs: its keyword arguments, a JSON object; NULL for none.
/// request: gets the request, which the caller frees with acclient_request_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is sent yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_jumpscript_content(
    client: *const acclient_client,
    target: *const acclient_target,
    content: *const c_char,
    content_length: usize,
    kwargs: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        make(client, target, request, error, |client, target| {
            let content = text::payload("content", content, content_length)?;
            let content = text::utf8("content", content)?;
            Ok(client.execute_jumpscript_content(target, content, &text::object("kwargs", kwargs)?))
        })
    }
}

/// Changes a request.
///
/// # Safety
/// `request` is NULL or live, `error` NULL or writable.
unsafe fn change(
    request: *const acclient_request,
    error: *mut *mut acclient_error,
    change: impl FnOnce(CommandBuilder) -> Result<CommandBuilder>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::call(error, |scope| {
            let request = scope.borrow("request", request)?;
            let mut builder = request.lock();
            let changed = change(builder.clone())?;
            *builder = changed;
            Ok(())
        })
    }
}

/// Adds an argument of the program.
///
/// request, arg: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_add_arg(
    request: *const acclient_request,
    arg: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(request, error, |builder| Ok(builder.arg(text::name("arg", arg)?))) }
}

/// Merges run arguments into those set so far.
///
/// request, args: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_run_args(
    request: *const acclient_request,
    args: *const acclient_run_args,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let args = run_args::get(scope.borrow("args", args)?);
            let mut builder = scope.borrow("request", request)?.lock();
            let merged = builder.clone().run_args(args);
            *builder = merged;
            Ok(())
        })
    }
}

/// The data: the standard input of a program, the script of "bash", JSON for the agents' own
/// commands.
///
/// request: not NULL.
/// data, data_length: UTF-8, which may hold NULs; data may be NULL if data_length is 0.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, also for what is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_data(
    request: *const acclient_request,
    data: *const c_char,
    data_length: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(request, error, |builder| {
            let data = text::payload("data", data, data_length)?;
            Ok(builder.data(text::utf8("data", data)?))
        })
    }
}

/// An id of your own, instead of a new UUID for each time that the request is sent.
///
/// While a job of the same id runs, its agent refuses a second one, and the answer of the first
/// counts for both.
///
/// request, id: not NULL; id not empty.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_id(
    request: *const acclient_request,
    id: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(request, error, |builder| match text::name("id", id)? {
            "" => Err(Error::invalid("id is empty")),
            id => Ok(builder.id(id)),
        })
    }
}

/// Tags: a text that comes back with the result.
///
/// request, tags: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_tags(
    request: *const acclient_request,
    tags: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(request, error, |builder| Ok(builder.tags(text::name("tags", tags)?))) }
}

/// Sends the command and returns once Redis has it. It is never sent twice.
///
/// request: not NULL.
/// timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_CONNECT, ACCLIENT_SERVER (it was
/// not taken), ACCLIENT_MAYBE_SENT (unknown whether it was: acclient_error_command() tells how to
/// look), ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_POOL_EXHAUSTED,
/// ACCLIENT_AUTHENTICATION, ACCLIENT_FORKED_HANDLE, ACCLIENT_PROTOCOL, ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_submit(
    request: *const acclient_request,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { send(request, timeout_ms, cancel, command, error, CommandBuilder::submit) }
}

/// Sends the command so that trying again, with the same id, does not run it twice, and returns once
/// Redis has it. Uses up its time: a lost connection is replaced, and the command sent again where that
/// is safe.
///
/// Give the command an id of yours that you can give again: acclient_request_set_id(). Within 24 hours
/// a second call with that id, in this process or another, finds that the command was submitted, and
/// succeeds without sending anything. It costs a key cmd.<id>.submitted; what
/// acclient_request_submit() sent leaves none. It holds as long as Redis keeps its data.
///
/// request: not NULL.
/// timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_MAYBE_SENT where no answer came in time after it went out, or Redis was replaced
/// between two tries: made again with the same id, the call does not run it twice. After any other, but
/// where acclient_error_is_maybe_sent() says so, it was not sent: ACCLIENT_TIMEOUT with what kept it
/// from being sent, and those of acclient_request_submit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_submit_once(
    request: *const acclient_request,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { send(request, timeout_ms, cancel, command, error, CommandBuilder::submit_once) }
}

/// Sends a request.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn send(
    request: *const acclient_request,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
    submit: impl FnOnce(CommandBuilder) -> Result<Command>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(command);
        guard::call(error, |scope| {
            guard::check_place("command", command)?;
            let request = scope.borrow("request", request)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let sent = submit(request.by(bounded(&request.client, timeout_ms, cancel)?))?;
            guard::give(command, CommandHandle::of(&request.client, sent));
            Ok(())
        })
    }
}

/// Sends the command and waits for its result, in one round trip to Redis where the target is one
/// agent by its numbers. Not for a fan-out. A job that failed is a result like any other.
///
/// request: not NULL.
/// timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// job: gets the job, which the caller frees with acclient_job_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_submit() and acclient_command_next_result().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_run(
    request: *const acclient_request,
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
            let request = scope.borrow("request", request)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, cancel)?;
            let done = request.by(request.client.clone()).run(wait)?;
            guard::give(job, JobHandle::new(done));
            Ok(())
        })
    }
}

/// Frees the request; commands that it sent go on. NULL is a no-op. Blocks only where it holds the
/// last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_free(request: *mut acclient_request) {
    // SAFETY: NULL or a request that nobody uses any more, by contract with C.
    unsafe { guard::free(request) };
}
