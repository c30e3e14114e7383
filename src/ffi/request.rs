//! `acclient_request`.

use std::ffi::c_char;

use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::command::{CommandHandle, acclient_command};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::lock::Shared;
use super::run_args::acclient_run_args;
use super::scope::{Scope, Until};
use super::status::acclient_status;
use super::target::acclient_target;
use crate::client::Client;
use crate::command::{Command, Request};
use crate::error::Result;
use crate::protocol::Target;

/// A command to be sent. Creating or changing it sends nothing. It can be sent many times, each
/// time as a new command.
pub struct acclient_request(Handle<RequestHandle>);

opaque!(acclient_request: RequestHandle);

pub struct RequestHandle {
    client: Client,
    builder: Shared<Request>,
}

impl RequestHandle {
    fn new<'a>(
        scope: &Scope<'a>,
        client: Option<&'a acclient_client>,
        target: Option<&'a acclient_target>,
        build: impl FnOnce(&Client, Target) -> Result<Request>,
    ) -> Result<Self> {
        let client = scope.borrow("client", client)?.clone();
        let builder = build(&client, scope.borrow("target", target)?.target())?;
        Ok(RequestHandle { client, builder: Shared::new(builder) })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The request as made by a client limited to one call.
    pub(super) fn by(&self, client: Client) -> Request {
        self.builder.get().by(client.session().clone())
    }

    fn send<'a>(
        &self,
        scope: &Scope<'a>,
        until: Until<'a>,
        submit: impl FnOnce(Request) -> Result<Command>,
    ) -> Result<CommandHandle> {
        let sent = submit(self.by(scope.bounded(&self.client, until)?))?;
        Ok(CommandHandle::new(&self.client, sent))
    }
}

fn set<'a>(
    scope: &Scope<'a>,
    request: *mut acclient_request,
    change: impl FnOnce(Request) -> Result<Request>,
) -> Result<()> {
    scope.borrow_mut("request", request)?.builder.change(change)
}

/// Creates a request for any command that agents know: "ping", "killall", "restart", ...
///
/// "restart" has no result, since an original agent exits at once: submit it and do not wait.
/// "killall" kills all jobs as acclient_command_kill() does and is itself a job, which ends as
/// SUCCESS or KILLED. On an original agent it also kills the jumpscript daemon: later jumpscripts
/// fail until the agent restarts.
///
/// The data of "controller" with the name "scheduler_add", and of "jumpscript_content", is checked
/// when the request is sent, as the controller decodes it: ACCLIENT_INVALID_ARGUMENT if the
/// controller would exit, at once or when the schedule fires. The message names the field, like
/// cmd.args.args[0].
///
/// request: [out] receives the request; free with acclient_request_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_new(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    cmd: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, request, |scope| {
        RequestHandle::new(scope, client, target, |client, target| {
            Ok(client.cmd(target, scope.name("cmd", cmd)?))
        })
    })
}

/// Creates a request to run a program. Set its arguments with acclient_request_add_arg() and its
/// standard input with acclient_request_set_data().
///
/// request: [out] receives the request; free with acclient_request_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_execute(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    program: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, request, |scope| {
        RequestHandle::new(scope, client, target, |client, target| {
            Ok(client.execute(target, scope.name("program", program)?))
        })
    })
}

/// Creates a request to run a shell script, with an extension that most agents have.
///
/// script, script_length: UTF-8.
/// request: [out] receives the request; free with acclient_request_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_bash(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    script: *const c_char,
    script_length: usize,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, request, |scope| {
        RequestHandle::new(scope, client, target, |client, target| {
            Ok(client.bash(target, scope.text("script", script, script_length)?))
        })
    })
}

/// Creates a request to run a jumpscript that is installed on the agents.
///
/// kwargs: keyword arguments, a JSON object; may be NULL for none.
/// request: [out] receives the request; free with acclient_request_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_execute_jumpscript(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    domain: *const c_char,
    name: *const c_char,
    kwargs: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, request, |scope| {
        RequestHandle::new(scope, client, target, |client, target| {
            let (domain, name) = (scope.name("domain", domain)?, scope.name("name", name)?);
            Ok(client.execute_jumpscript(target, domain, name, &scope.object("kwargs", kwargs)?))
        })
    })
}

/// Creates a request to run a jumpscript that is sent with the command.
///
/// content, content_length: Python code that defines "action", in UTF-8.
/// kwargs: keyword arguments, a JSON object; may be NULL for none.
/// request: [out] receives the request; free with acclient_request_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_execute_jumpscript_content(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    content: *const c_char,
    content_length: usize,
    kwargs: *const c_char,
    request: *mut *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, request, |scope| {
        RequestHandle::new(scope, client, target, |client, target| {
            let content = scope.text("content", content, content_length)?;
            let kwargs = scope.object("kwargs", kwargs)?;
            Ok(client.execute_jumpscript_content(target, content, &kwargs))
        })
    })
}

/// Adds a program argument to "execute". Scripts receive no arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_add_arg(
    request: *mut acclient_request,
    arg: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, request, |it| Ok(it.arg(scope.name("arg", arg)?))))
}

/// Merges run arguments into those set before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_run_args(
    request: *mut acclient_request,
    args: Option<&acclient_run_args>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let args = scope.borrow("args", args)?.get();
        set(scope, request, |it| Ok(it.run_args(args)))
    })
}

/// Sets the data: the standard input of a program, the script of "bash", or JSON for a built-in
/// command.
///
/// An agent writes the whole standard input before it reads any output. A program that writes while
/// it reads, like cat, therefore hangs once input and output both exceed the pipe buffer (64 KiB on
/// Linux). Let it write to a file.
///
/// data, data_length: UTF-8, which may contain NULs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_data(
    request: *mut acclient_request,
    data: *const c_char,
    data_length: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, request, |it| Ok(it.data(scope.text("data", data, data_length)?)))
    })
}

/// Sets the id. Default: a new UUID each time the request is sent.
///
/// While a job with the same id is running, its agent refuses a second one, and the result of the
/// first counts for both. Once it has ended, the id can run again: waits by the new command return
/// the new result, and a handle by id alone returns the newest result in Redis.
///
/// id: not empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_id(
    request: *mut acclient_request,
    id: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, request, |it| Ok(it.id(scope.filled_name("id", id)?))))
}

/// Sets the tags: text that is returned with the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_tags(
    request: *mut acclient_request,
    tags: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, request, |it| Ok(it.tags(scope.name("tags", tags)?))))
}

/// Lets a kill and the maximum run time reach the script of a "bash" command. Default: they do not.
///
/// An agent kills only the process that it started. For "bash" this is a shell whose child runs the
/// script, so by default the script runs to its end before KILLED or TIMEOUT is reported. With this
/// option the agent also kills the shell that runs the script: the line "echo 101::$$; " is put in
/// front of the script, by which it announces its process to the agent.
///
/// Commands started by the script are still not killed, and the result waits for those that hold
/// the output. Run a long last command with "exec", or announce the process of a command in the
/// same way: "command & echo 101::$!; wait". The statistics of the job include announced processes.
///
/// Sending fails with ACCLIENT_INVALID_ARGUMENT for any command but "bash", and for a script that
/// starts with "#!".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_killable(
    request: *mut acclient_request,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, request, |it| Ok(it.killable())))
}

/// Sends the command and returns once Redis has it. At most once: it is never sent again.
///
/// timeout_ms: for Redis to accept the command.
/// command: [out] receives the command; free with acclient_command_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_SERVER (Redis rejected the
/// command), ACCLIENT_MAYBE_SENT (the command may or may not run; look it up by
/// acclient_error_command_handle()).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_submit(
    request: Option<&acclient_request>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, command, |scope| {
        let request = scope.borrow("request", request)?;
        request.send(scope, (timeout_ms, cancel), Request::submit)
    })
}

/// Sends the command idempotently and returns once Redis has it: repeating the call with the same
/// id does not run the command twice. Until the deadline it reconnects and retries where that is
/// safe.
///
/// Set an id that later attempts can repeat: acclient_request_set_id(). Within 24 hours a second
/// call with that id, in any process, finds the command submitted and succeeds without sending
/// anything. This uses the key cmd.<id>.submitted, which acclient_request_submit() does not set.
///
/// The id identifies one target, command, run arguments, data and tags; a call with any other fails
/// with ACCLIENT_ID_IN_USE. A command that matched no agent (ACCLIENT_NO_SUCH_AGENT) has not run:
/// calling again sends it under the same id and removes the old answer. A list of agents is sent
/// again only if none of them was known. A concurrent wait returns the old answer or the new
/// result; for a target with roles it may continue to its deadline.
///
/// The guarantee requires that Redis keeps its data. With a maxmemory-policy other than noeviction,
/// a command whose key was evicted is sent twice.
///
/// timeout_ms: for Redis to accept the command.
/// command: [out] receives the command; free with acclient_command_free().
/// Errors: ACCLIENT_MAYBE_SENT if no reply arrived in time after the command was sent, or Redis was
/// replaced between two attempts; calling again with the same id does not run the command twice.
/// After any other error the command was not sent, unless acclient_error_is_maybe_sent():
/// ACCLIENT_ID_IN_USE; ACCLIENT_TIMEOUT, with the cause in its message; as
/// acclient_request_submit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_submit_once(
    request: Option<&acclient_request>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, command, |scope| {
        let request = scope.borrow("request", request)?;
        request.send(scope, (timeout_ms, cancel), Request::submit_once)
    })
}

/// Sends the command and waits for its result. For a target of one agent, this takes one round trip
/// to Redis. Not for a fan-out. A failed job is a result, not an error.
///
/// job: [out] receives the job; free with acclient_job_free().
/// Errors: as acclient_request_submit() and acclient_command_next_result().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_run(
    request: Option<&acclient_request>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let request = scope.borrow("request", request)?;
        let wait = scope.wait_above_zero((timeout_ms, cancel))?;
        Ok(JobHandle::new(request.by(request.client.clone()).run(wait)?))
    })
}

/// Frees the request; commands sent with it are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_request_free(request: Option<Box<acclient_request>>) {
    guard::free(request);
}
