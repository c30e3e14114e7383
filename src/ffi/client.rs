//! `acclient_client`.

use std::ffi::c_char;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::command::{CommandHandle, acclient_command};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::request::acclient_request;
use super::scope::{Scope, Until};
use super::status::acclient_status;
use crate::client::{Client, ClientBuilder, instance};
use crate::error::Result;

/// Client of one grid, with a connection pool.
pub struct acclient_client(Handle<Client>);

opaque!(acclient_client: Client);

/// A client that has reached its Redis.
pub(super) fn connected<'a>(
    scope: &Scope<'a>,
    builder: ClientBuilder,
    until: Until<'a>,
) -> Result<Client> {
    let client = builder.build()?;
    scope.bounded(&client, until)?.ping()?;
    Ok(client)
}

/// Connects to the Redis of a grid and logs in.
///
/// url: one of the following; reserved characters are written as %xx:
///   redis://[[user]:password@]host[:port][/db]
///   rediss://..., the same over TLS; a trailing #insecure disables certificate verification
///   redis+unix:///path[?db=N&user=U&pass=P]
///   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master of that
///   name as reported by these Sentinels
///   rediss+sentinel://..., the same with TLS to Sentinels and master
/// timeout_ms: also the client's default timeout, which later calls without a timeout use for steps
///   that need one: listing the agents for a rollout, and the agents' replies for
///   acclient_command_progress().
/// client: [out] receives the new client; free with acclient_client_free().
/// Errors: ACCLIENT_UNSUPPORTED for a Redis Cluster, ACCLIENT_SERVER for a database that does not
/// exist, ACCLIENT_PROTOCOL for a server other than Redis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_connect(
    url: *const c_char,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, client, |scope| {
        let until = (timeout_ms, cancel);
        let builder = Client::builder().url(scope.name("url", url)?)?;
        connected(scope, builder.timeout(scope.wait_above_zero(until)?.duration), until)
    })
}

/// Sends PING to Redis and waits for the reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_ping(
    client: Option<&acclient_client>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| scope.client(client, (timeout_ms, cancel))?.ping())
}

/// Creates a client that shares everything with another one and adds a cancel token, which ends all
/// its calls and the calls of handles made with it, in addition to the token of each call.
///
/// cancel: must not be NULL; may be freed after this call.
/// made: [out] receives the new client; free with acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_with_cancel(
    client: Option<&acclient_client>,
    cancel: Option<&acclient_cancel_token>,
    made: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, made, |scope| {
        let client = scope.borrow("client", client)?;
        Ok(client.with_cancel(scope.borrow("cancel", cancel)?))
    })
}

/// Returns the command with a handle string, as returned by acclient_command_handle() or
/// acclient_error_command_handle() in any process and any language. Sends nothing. Redis keeps
/// results for 24 hours.
///
/// handle: "acclient:1:<id>:<target>".
/// command: [out] receives the command; free with acclient_command_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_by_handle(
    client: Option<&acclient_client>,
    handle: *const c_char,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, command, |scope| {
        let client = scope.borrow("client", client)?;
        let found = client.get_by_handle(scope.name("handle", handle)?)?;
        Ok(CommandHandle::new(client, found))
    })
}

/// Returns the command with an id. Sends nothing. The first wait finds out the agents, which a
/// handle string contains.
///
/// id: not empty.
/// command: [out] receives the command; free with acclient_command_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_by_id(
    client: Option<&acclient_client>,
    id: *const c_char,
    command: *mut *mut acclient_command,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, command, |scope| {
        let client = scope.borrow("client", client)?;
        let found = client.get_by_id(scope.name("id", id)?);
        found.as_ref().check_id()?;
        Ok(CommandHandle::new(client, found))
    })
}

/// Connects to a named instance: a table of the TOML file named by the environment variable
/// ACCLIENT_CONFIG, or else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config.
///
/// A table has url, or host and port, or unix_socket; optionally user, password, db, tls (true),
/// tls_ca_file, tls_cert_file, tls_key_file, timeout (seconds), max_connections; and a table of
/// groups for acclient_client_resolve(). An error in one table does not affect the others.
///
/// Do not call it while another thread calls setenv(3).
///
/// client: [out] receives the new client; free with acclient_client_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for an unknown name or an invalid file, ACCLIENT_SYSTEM for an
/// unreadable file, and as acclient_client_connect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_instance(
    name: *const c_char,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, client, |scope| {
        let builder = instance::builder(scope.name("name", name)?)?;
        connected(scope, builder, (timeout_ms, cancel))
    })
}

/// Sends many commands in one pipeline and returns once Redis has all of them. A command that the
/// library or Redis rejects does not affect the others.
///
/// requests, count: the commands to send.
/// commands: [out] array of count; receives a command each, or NULL where sending failed; free each
///   with acclient_command_free(). May be NULL if count is 0.
/// errors: [out] array of count; receives an error for each command that failed, or NULL; free each
///   with acclient_error_free(). ACCLIENT_MAYBE_SENT if the connection was lost before Redis
///   confirmed the command. May be NULL.
/// Errors: ACCLIENT_INVALID_ARGUMENT. All other failures are reported in errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_submit_many(
    client: Option<&acclient_client>,
    requests: *const Option<&acclient_request>,
    count: usize,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    commands: *mut *mut acclient_command,
    errors: *mut *mut acclient_error,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        // Both are set to NULL before any argument is rejected.
        let errors = scope.places("errors", errors, count)?;
        let commands = scope.places("commands", commands, count)?;
        commands.check("commands")?;
        let client = scope.borrow("client", client)?;
        let bounded = scope.bounded(client, (timeout_ms, cancel))?;
        let requests = scope.borrow_all("requests", requests, count)?;
        let builders = requests.into_iter().map(|it| it.by(bounded.clone())).collect::<Vec<_>>();
        for (index, outcome) in bounded.submit_many(builders).into_iter().enumerate() {
            match outcome {
                Ok(sent) => commands.give(index, CommandHandle::new(client, sent)),
                Err(failure) => errors.give(index, failure.into()),
            }
        }
        Ok(())
    })
}

/// Returns connections and counters of the client and everything made from it. Does not block.
///
/// statistics: [out] receives one row; free with acclient_answer_free(). Current values:
///   "open_connections", "idle_connections", "waiting_calls" (for a connection). Counters since the
///   client was created: "connected"; "pool_waits" (for a connection); "pushed" (commands,
///   including requests to agents and the controller); "blocking_waits", "tracking_waits",
///   "broadcast_waits", "polling_waits" (waits for results, see ACCLIENT_WAIT_...).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_statistics(
    client: Option<&acclient_client>,
    statistics: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, statistics, |scope| {
        AnswerHandle::of(&scope.borrow("client", client)?.statistics())
    })
}

/// Closes the client: calls in progress on any thread, and all later ones, fail with
/// ACCLIENT_CLOSED. Submitted commands continue to run. The handle stays valid until it is freed.
///
/// Blocks for up to half a second to send pending TTL updates. NULL is a no-op.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_client_close(client: Option<&acclient_client>) {
    guard::get(client, |it| {
        it.close();
        Some(())
    });
}

/// Frees the client. Its calls must have returned; acclient_client_close() ends them. Handles made
/// with it stay usable and keep its connections open until the last of them is freed.
///
/// Blocks for up to half a second to send pending TTL updates.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_client_free(client: Option<Box<acclient_client>>) {
    guard::free(client);
}
