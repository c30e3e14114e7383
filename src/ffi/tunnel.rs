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

/// Tunnel: forwards connections to the port "local" of an agent's machine to ip:remote, as seen
/// from the gateway. These four values identify the tunnel in acclient_client_tunnel_open(),
/// acclient_client_tunnel_list() and acclient_client_tunnel_close().
///
/// An agent lists tunnels without telling which are open. It also lists tunnels that another
/// program failed to open, closed tunnels whose port it chose for another program, and all its
/// tunnels while it has no connection to the controller.
///
/// A restart of the controller ends the connections through all tunnels. About four seconds later,
/// when its connection to the controller is re-established, an agent listens again for every tunnel
/// that it lists, closed or not. A tunnel opened in the meantime may accept connections and drop
/// them: close it and open it again. Tunnels do not survive a restart of their agent. If two
/// programs open or close the same tunnel at the same time, each may report the effect of the
/// other.
pub struct acclient_tunnel(Handle<Tunnel>);

opaque!(acclient_tunnel: Tunnel);

/// Creates a tunnel to be opened or closed. Sends nothing; acclient_client_tunnel_open() validates
/// the values.
///
/// local: the port that the agent listens on; 0 selects a free one from 49152 to 65535.
/// gateway: the far end: an agent as "gid.nid", or "controller".
/// ip, remote: IP address or host name, and port, that the gateway connects to.
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

/// Returns the port that the agent listens on; the actual port for a tunnel of
/// acclient_client_tunnel_open().
#[unsafe(no_mangle)]
pub extern "C" fn acclient_tunnel_local(tunnel: Option<&acclient_tunnel>) -> u16 {
    guard::get(tunnel, |it| Some(it.local))
}

/// Returns the port that the tunnel connects to.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_tunnel_remote(tunnel: Option<&acclient_tunnel>) -> u16 {
    guard::get(tunnel, |it| Some(it.remote))
}

/// Returns the far end: "gid.nid" or "controller".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_gateway(
    tunnel: Option<&acclient_tunnel>,
    length: *mut usize,
) -> *const c_char {
    text!(tunnel, length, "gateway", |it| Some(it.gateway.to_string()))
}

/// Returns the IP address or host name that the tunnel connects to; IPv6 without brackets.
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

/// Opens a tunnel from a port of an agent's machine. On success the agent listens on the port; an
/// agent that has just started may first have to connect to the controller. For port 0, up to eight
/// random ports from 49152 to 65535 are tried.
///
/// opened: [out] receives the tunnel with its actual port, for acclient_client_tunnel_close(); free
///   with acclient_tunnel_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT also for a remote port of 0, an ip that is neither an IP
/// address nor a host name, a gateway that is neither an agent nor the controller, and a tunnel
/// from an agent to itself; ACCLIENT_TUNNEL_EXISTS if the agent lists the tunnel, open or not, in
/// which case nothing changed; ACCLIENT_JOB_FAILED, with the reason, if the agent cannot listen, in
/// which case it does not list the tunnel; as acclient_request_run(). After a timeout the agent may
/// open the tunnel later.
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

/// Closes a tunnel that acclient_client_tunnel_open() returned or that was made from a row of
/// acclient_client_tunnel_list(). Afterwards the agent does not listen for it, and connections
/// through it have ended. Closing a listed tunnel that is already closed succeeds, since the agent
/// does not tell the difference.
///
/// still_listed: [out] receives whether the agent still lists the tunnel; may be NULL. The agents
///   of 2016 do so if they chose the port themselves, which only other programs request: they list
///   the tunnel until they restart, and listen on its port again when their connection to the
///   controller is re-established.
/// Errors: ACCLIENT_NO_SUCH_TUNNEL if the agent does not list the tunnel; as
/// acclient_request_run(). Port 0 matches only a tunnel listed with port 0; a tunnel opened by this
/// library is listed with its actual port.
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

/// Lists the tunnels of an agent, open or not, in no particular order: a row each, with the fields
/// "local", "gateway", "ip" and "remote", from which acclient_tunnel_new() makes a tunnel to be
/// closed.
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
/// acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED if the controller does not support it;
/// the original one does not.
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
