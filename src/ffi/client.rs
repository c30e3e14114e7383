//! `acclient_client`.

use std::ffi::c_char;

use super::cancel::acclient_cancel;
use super::command::{CommandHandle, acclient_command};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::request::acclient_request;
use super::status::acclient_status;
use super::text;
use crate::client::Client;
use crate::client::instance;
use crate::engine::Cancel;
use crate::error::Result;
use crate::protocol::Target;

/// A client of one grid. Any number of threads may call with it at a time.
pub struct acclient_client {
    handle: Handle<Client>,
}

opaque!(acclient_client: Client);

/// Connects to the Redis of a grid and logs in.
///
/// url: not NULL; one of these forms, with %xx for what a URL cannot hold:
///   redis://[[user]:password@]host[:port][/db];
///   rediss://..., the same under TLS; #insecure at the end believes any certificate;
///   redis+unix:///path[?db=N&user=U&pass=P];
///   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master of that
///   name, wherever these Sentinels say that it is; rediss+sentinel://..., all of it under TLS.
/// timeout_ms: milliseconds; below 0 for ever, 0 is refused. Later calls that take no time of their
///   own have this one.
/// cancel: ends the call early; may be NULL.
/// client: gets the client, which the caller frees with acclient_client_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_UNSUPPORTED for a Redis Cluster,
/// ACCLIENT_CONNECT, ACCLIENT_AUTHENTICATION, ACCLIENT_SERVER for a database that does not exist,
/// ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_FORKED_HANDLE for a token of a parent process,
/// ACCLIENT_PROTOCOL for a server that is no Redis, ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_connect(
    url: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(client);
        guard::call(error, |scope| {
            guard::check_place("client", client)?;
            let url = text::name("url", url)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, None)?;
            let made = Client::builder().url(url)?.timeout(wait.timeout).build()?;
            bounded(&made, timeout_ms, cancel)?.ping()?;
            guard::give(client, made);
            Ok(())
        })
    }
}

/// Asks Redis for a sign of life.
///
/// client: not NULL.
/// timeout_ms: milliseconds; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_client_connect(), and ACCLIENT_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_ping(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            bounded(client, timeout_ms, cancel)?.ping()
        })
    }
}

/// Sends a program for an agent to run, and returns once Redis has the command.
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// program: its name or path on the agent; not NULL.
/// args, args_count: its arguments; args may be NULL if args_count is 0, none of them NULL.
/// data, data_length: its standard input, UTF-8; data may be NULL if data_length is 0.
/// timeout_ms: milliseconds for Redis to take the command; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL.
/// error: gets the error; may be NULL.
/// Everything passed is copied. From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT (nothing was sent), ACCLIENT_CONNECT, ACCLIENT_SERVER (it was
/// not taken), ACCLIENT_MAYBE_SENT (unknown whether it was: acclient_error_command() tells how to
/// look), ACCLIENT_TIMEOUT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_POOL_EXHAUSTED,
/// ACCLIENT_AUTHENTICATION, ACCLIENT_FORKED_HANDLE, ACCLIENT_PROTOCOL, ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_execute(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    program: *const c_char,
    args: *const *const c_char,
    args_count: usize,
    data: *const c_char,
    data_length: usize,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(command);
        guard::call(error, |scope| {
            guard::check_place("command", command)?;
            let client = scope.borrow("client", client)?;
            let target =
                Target::agent(text::agent_number("gid", gid)?, text::agent_number("nid", nid)?);
            let program = text::name("program", program)?;
            let args = text::names("args", args, args_count)?;
            let data = text::payload("data", data, data_length)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let bounded = bounded(client, timeout_ms, cancel)?;
            let sent = bounded.execute(target, program).args(args).data(data).submit()?;
            guard::give(command, CommandHandle::of(client, sent));
            Ok(())
        })
    }
}

/// Finds a command again by its printed form: what acclient_command_printed() and
/// acclient_error_command() give, in this process or another, in whatever language. Nothing is
/// asked of the server, which keeps results for 24 hours.
///
/// client: not NULL.
/// printed: like "acclient:1:<id>:<target>"; not NULL.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_command_from(
    client: *const acclient_client,
    printed: *const c_char,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(command);
        guard::call(error, |scope| {
            guard::check_place("command", command)?;
            let client = scope.borrow("client", client)?;
            let found = client.command_from(text::name("printed", printed)?)?;
            guard::give(command, CommandHandle::new(client, found));
            Ok(())
        })
    }
}

/// A command that was sent before, by its id alone. Whom it was for is found out when it is waited
/// for; the printed form tells that too. Nothing is asked of the server.
///
/// client, id: not NULL; id not empty.
/// command: gets the command, which the caller frees with acclient_command_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_command(
    client: *const acclient_client,
    id: *const c_char,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(command);
        guard::call(error, |scope| {
            guard::check_place("command", command)?;
            let client = scope.borrow("client", client)?;
            let found = client.command(text::name("id", id)?);
            found.check_id()?;
            guard::give(command, CommandHandle::new(client, found));
            Ok(())
        })
    }
}

/// Connects to a named instance: a table of the TOML file that the variable ACCLIENT_CONFIG names,
/// else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config. It has either url, or host and
/// port, or unix_socket; and user, password, db, tls (true), tls_ca_file, tls_cert_file, tls_key_file,
/// timeout (seconds), max_connections.
///
/// name: not NULL.
/// timeout_ms: milliseconds to connect; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// client: gets the client, which the caller frees with acclient_client_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread, but reads the environment: not beside setenv(3). Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT for an unknown name or a wrong file, ACCLIENT_SYSTEM for one that
/// cannot be read, and those of acclient_client_connect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_instance(
    name: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(client);
        guard::call(error, |scope| {
            guard::check_place("client", client)?;
            let made = instance::builder(text::name("name", name)?)?.build()?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            bounded(&made, timeout_ms, cancel)?.ping()?;
            guard::give(client, made);
            Ok(())
        })
    }
}

/// Sends many commands in one pipeline, and returns once Redis has them all. One that is refused, by
/// the library or by Redis, holds up no other.
///
/// client: not NULL.
/// requests, count: the commands, none of them NULL; requests may be NULL if count is 0.
/// timeout_ms: milliseconds for Redis to take them; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// commands: count places; each gets its command, which the caller frees with
///   acclient_command_free(), or NULL where it failed. May be NULL if count is 0.
/// errors: count places; each gets NULL, or why its command failed, which the caller frees with
///   acclient_error_free(): ACCLIENT_MAYBE_SENT where the connection broke before Redis confirmed it.
///   May be NULL.
/// error: gets an error about the call as a whole; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT. All else is in errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_submit_many(
    client: *const acclient_client,
    requests: *const *const acclient_request,
    count: usize,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    commands: *mut *mut acclient_command,
    errors: *mut *mut acclient_error,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let requests = text::pointers("requests", requests, count)?;
            if count > 0 {
                guard::check_place("commands", commands)?;
            }
            for index in 0..count {
                guard::out(commands.add(index));
                if !errors.is_null() {
                    guard::out(errors.add(index));
                }
            }
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let bounded = bounded(client, timeout_ms, cancel)?;
            let build = |request: &*const acclient_request| -> Result<_> {
                Ok(scope.borrow("a request", *request)?.by(bounded.clone()))
            };
            let builders = requests.iter().map(build).collect::<Result<Vec<_>>>()?;
            for (index, outcome) in bounded.submit_many(builders).into_iter().enumerate() {
                match outcome {
                    Ok(sent) => guard::give(commands.add(index), CommandHandle::of(client, sent)),
                    Err(failure) if !errors.is_null() => {
                        errors.add(index).write(acclient_error::boxed(failure));
                    }
                    Err(_) => {}
                }
            }
            Ok(())
        })
    }
}

/// Closes the client: calls under way, in whatever thread, end with ACCLIENT_CLOSED, and so does
/// every later one. Commands that were sent go on. The handle stays valid until it is freed.
///
/// client: NULL is a no-op.
/// From any thread. Blocks for half a second at most, to give the last keys their time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_close(client: *const acclient_client) {
    // SAFETY: NULL or a live client, by contract with C.
    unsafe {
        guard::read(client, (), |client| {
            client.close();
            Some(())
        });
    }
}

/// Frees the client; calls with it must have ended (acclient_client_close() ends them). What was
/// made with it stays usable: commands and jobs keep the connections alive until they are freed.
///
/// client: NULL is a no-op.
/// Blocks for half a second at most, to give the last keys their time to live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_free(client: *mut acclient_client) {
    // SAFETY: NULL or a client that nobody uses any more, by contract with C.
    unsafe { guard::free(client) };
}

/// A handle of the client for one quick call.
pub(super) fn bounded(client: &Client, timeout_ms: i64, cancel: Option<&Cancel>) -> Result<Client> {
    let wait = text::wait_above_zero(timeout_ms, cancel)?;
    let bounded = client.with_timeout(wait.timeout);
    Ok(match cancel {
        Some(cancel) => bounded.with_cancel(cancel),
        None => bounded,
    })
}
