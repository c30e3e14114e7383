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

/// A command before it is sent: making or changing one sends nothing. It can be sent many times, each
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

    /// What is to be sent, by a handle of the client for one call.
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

/// Makes a request for any command that agents know: "ping", "killall", "restart", ...
///
/// "restart" has no result: an original agent exits at once, so submit it and do not wait. "killall" kills all
/// jobs as acclient_command_kill() does, and is a job itself: it ends as SUCCESS or KILLED. It also kills the
/// daemon for jumpscripts of an original agent: later jumpscripts fail until the agent restarts.
/// When it is sent, the data of "controller" with the name "scheduler_add", and that of "jumpscript_content",
/// are checked as the controller decodes them: ACCLIENT_INVALID_ARGUMENT where it would exit, at once or when
/// the schedule fires. The message names the field, like cmd.args.args[0].
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

/// Makes a request for a program to run. acclient_request_add_arg() adds its arguments,
/// acclient_request_set_data() sets its standard input.
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

/// Makes a request for a shell script to run, an extension that agents usually have.
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

/// Makes a request for a jumpscript that the agents have.
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

/// Makes a request for a jumpscript that is sent along: Python code that defines "action".
///
/// content, content_length: the script, UTF-8.
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

/// Adds an argument of the program of "execute"; scripts get none.
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

/// Sets the data: the standard input of a program, the script of "bash", JSON for built-in commands
/// of the agents.
///
/// The agent writes all of the standard input before it reads any output. So a program that answers while it
/// reads, like cat, hangs without end once both exceed what a pipe holds, 64 KiB on Linux: let it write to a
/// file.
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

/// Sets the id, instead of a new UUID for each time that the request is sent.
///
/// While a job with the same id is running, its agent refuses a second one, and the result of the
/// first counts for both. After it has ended the same id runs again, and waits by this command return the new
/// result; a handle by the id alone returns what is newest in Redis.
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

/// Sets the tags: a text that is returned with the result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_request_set_tags(
    request: *mut acclient_request,
    tags: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, request, |it| Ok(it.tags(scope.name("tags", tags)?))))
}

/// Makes a kill and the maximum run time reach the script of "bash". Default: they do not.
///
/// An agent kills the process that it started. For "bash" that is a shell which runs the script as a child, so
/// without this option the script runs to its end, and only then KILLED or TIMEOUT is reported. With it the
/// agent kills the shell that runs the script as well. This puts the line "echo 101::$$; " in front of the
/// script, by which the script announces its process to the agent.
///
/// Commands that the script has started are still not killed, and the result waits for them as long as they
/// hold the output. Let the script "exec" a long last command, or announce the process of a command in the
/// same way: "command & echo 101::$!; wait". The statistics of the job count announced processes too.
///
/// Errors: none of its own. Sending fails with ACCLIENT_INVALID_ARGUMENT for any command but "bash", and for a
/// script that starts with "#!".
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
/// Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_SERVER (it was rejected),
/// ACCLIENT_MAYBE_SENT (it may run or not; acclient_error_command_handle() gives the handle string by which
/// to find out).
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

/// Sends the command so that retrying with the same id does not run it twice, and returns once Redis
/// has it. Until the deadline it reconnects and sends the command again where that is safe.
///
/// Set an id that you can set again: acclient_request_set_id(). Within 24 hours a second call with that
/// id, in this process or another, finds that the command was submitted, and succeeds without sending
/// anything. This takes a key cmd.<id>.submitted, which acclient_request_submit() does not leave.
///
/// The id stands for one target, command, run arguments, data and tags; any other is
/// ACCLIENT_ID_IN_USE. A command that matched no agent (ACCLIENT_NO_SUCH_AGENT) has not run: the same
/// command is sent again under its id, and its old answer is removed. A list of agents is sent again only
/// if none of them was known. A wait that is under way meanwhile returns the old answer or the new result;
/// one for a target with roles may go on to its deadline.
///
/// It holds as long as Redis keeps its data, and not where Redis may evict keys: with a maxmemory-policy
/// other than noeviction a command whose key was evicted is sent twice.
///
/// timeout_ms: for Redis to accept the command.
/// command: [out] receives the command; free with acclient_command_free().
/// Errors: ACCLIENT_MAYBE_SENT where no reply came in time after it was sent, or Redis was replaced
/// between two attempts: a second call with the same id does not run it twice. After any other error the
/// command was not sent, unless acclient_error_is_maybe_sent(): ACCLIENT_ID_IN_USE; ACCLIENT_TIMEOUT with
/// what prevented it; as acclient_request_submit().
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

/// Sends the command and waits for its result, in one round trip to Redis where the target is one agent
/// by its numbers. Not for a fan-out. A job that failed is a result like any other.
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

/// Frees the request; commands that it sent go on.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_request_free(request: Option<Box<acclient_request>>) {
    guard::free(request);
}
