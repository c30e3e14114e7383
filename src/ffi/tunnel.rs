//! `acclient_tunnel`.

use std::ffi::c_char;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::{call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::scope::agent;
use super::status::acclient_status;
use crate::error::Result;
use crate::node::Tunnel;

/// Tunnel: a connection to the port "local" of an agent's machine is forwarded to ip:remote as seen
/// from the gateway. These four values are its name: as acclient_client_tunnel_open() returns it and
/// acclient_client_tunnel_list() lists it, acclient_client_tunnel_close() closes it.
///
/// An agent does not say which of the tunnels that it lists are open, and lists some that are not: one
/// that another program failed to open, one whose port the agent chose for another program after it was
/// closed, and all of them while the agent has no connection to the controller. A restart of the
/// controller ends the connections through all tunnels. About four seconds later, when an agent's
/// connection to the controller is re-established, the agent listens again for every tunnel that it
/// lists, closed or not. A tunnel that is opened between the two may accept connections and drop them:
/// close it and open it again. Tunnels do not survive a restart of their agent. Where two programs open
/// or close the same tunnel at the same time, each may report what the other did.
pub struct acclient_tunnel(Handle<Tunnel>);

opaque!(acclient_tunnel: Tunnel);

/// Makes a tunnel to be opened or closed. Sends nothing; acclient_client_tunnel_open() validates the
/// parts.
///
/// local: the port that the agent listens on; 0 stands for any free one from 49152 to 65535.
/// gateway: the far end: an agent as "gid.nid", or "controller".
/// ip, remote: IP address or host name, and port, to connect to from there.
/// tunnel: [out] receives the tunnel; free with acclient_tunnel_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_new(
    local: u16,
    gateway: *const c_char,
    ip: *const c_char,
    remote: u16,
    tunnel: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, tunnel, |scope| {
        let (gateway, ip) = (scope.name("gateway", gateway)?, scope.name("ip", ip)?);
        Ok(Tunnel::new(local, gateway, ip, remote))
    })
}

/// The port that the agent listens on; the actual one after acclient_client_tunnel_open().
#[unsafe(no_mangle)]
pub extern "C" fn acclient_tunnel_local(tunnel: Option<&acclient_tunnel>) -> u16 {
    guard::get(tunnel, |it| Some(it.local))
}

/// The port that the tunnel connects to.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_tunnel_remote(tunnel: Option<&acclient_tunnel>) -> u16 {
    guard::get(tunnel, |it| Some(it.remote))
}

/// The far end: "gid.nid" or "controller".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_gateway(
    tunnel: Option<&acclient_tunnel>,
    length: *mut usize,
) -> *const c_char {
    text!(tunnel, length, "gateway", |it| Some(it.gateway.to_string()))
}

/// The IP address or host name that the tunnel connects to; IPv6 without brackets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_ip(
    tunnel: Option<&acclient_tunnel>,
    length: *mut usize,
) -> *const c_char {
    text!(tunnel, length, "ip", |it| Some(it.ip.clone()))
}

/// Frees the handle; an open tunnel stays open.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_tunnel_free(tunnel: Option<Box<acclient_tunnel>>) {
    guard::free(tunnel);
}

fn listed(tunnels: &[Tunnel]) -> Result<AnswerHandle> {
    let rows: Vec<_> = tunnels.iter().map(Tunnel::json).collect();
    AnswerHandle::new(format!("[{}]", rows.join(",")))
}

/// Opens a tunnel from a port of an agent's machine. Success means that the agent listens on that port;
/// an agent that was started seconds ago may first have to connect to the controller. For port 0 up to
/// eight random ports from 49152 to 65535 are tried.
///
/// opened: [out] receives the tunnel with its actual port, to be closed with
///   acclient_client_tunnel_close(); free with acclient_tunnel_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT also for a remote port of 0, an ip that is neither an IP address nor
/// a host name, a gateway that is neither an agent nor the controller, and a tunnel of an agent to
/// itself; ACCLIENT_TUNNEL_EXISTS where the agent lists the tunnel already, open or not, and nothing was
/// changed; ACCLIENT_JOB_FAILED where the agent cannot listen, with the reason, after which it does not
/// list the tunnel; as acclient_request_run(). After a timeout the agent may open it later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_open(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    tunnel: Option<&acclient_tunnel>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    opened: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, opened, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let agent = agent((gid, nid))?;
        client.tunnel_open(agent, scope.borrow("tunnel", tunnel)?)
    })
}

/// Closes a tunnel: one that acclient_client_tunnel_open() returned, or one made from a row of
/// acclient_client_tunnel_list(). Afterwards the agent does not listen for it, and connections through it
/// have ended. A tunnel that the agent lists and that is closed already can be closed again, since
/// nothing tells it from an open one.
///
/// still_listed: [out] receives whether the agent still lists the tunnel; may be NULL. The agents of 2016
///   do so where they chose the port themselves, which acclient never asks for but other programs may:
///   they list the tunnel until they restart, and listen on its port again when their connection to the
///   controller is re-established.
/// Errors: ACCLIENT_NO_SUCH_TUNNEL where the agent lists no such tunnel; port 0 names only one that is
/// listed with port 0, and one that the agent opened has a real port. As acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_close(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    tunnel: Option<&acclient_tunnel>,
    still_listed: *mut bool,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, still_listed, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let agent = agent((gid, nid))?;
        Ok(client.tunnel_close(agent, scope.borrow("tunnel", tunnel)?)?.still_listed)
    })
}

/// Lists the tunnels that an agent knows, open or not, in no order: a row each, with the fields "local",
/// "gateway", "ip" and "remote", of which acclient_tunnel_new() makes the tunnel to be closed.
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_list(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let agent = agent((gid, nid))?;
        listed(&client.tunnel_list(agent)?)
    })
}

/// Opens a tunnel from a port of the controller's machine. Parameters and errors as
/// acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED where the controller does not support it, like
/// the original one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_open(
    client: Option<&acclient_client>,
    tunnel: Option<&acclient_tunnel>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    opened: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, opened, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        client.reverse_tunnel_open(scope.borrow("tunnel", tunnel)?)
    })
}

/// Closes a tunnel from a port of the controller's machine. Parameters and errors as
/// acclient_client_tunnel_close(), and ACCLIENT_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_close(
    client: Option<&acclient_client>,
    tunnel: Option<&acclient_tunnel>,
    still_listed: *mut bool,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, still_listed, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        Ok(client.reverse_tunnel_close(scope.borrow("tunnel", tunnel)?)?.still_listed)
    })
}

/// Lists the tunnels from the controller's machine. Parameters and errors as
/// acclient_client_tunnel_list(), and ACCLIENT_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_list(
    client: Option<&acclient_client>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        listed(&client.reverse_tunnel_list()?)
    })
}
