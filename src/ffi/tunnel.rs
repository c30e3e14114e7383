//! `acclient_tunnel`.

use std::ffi::c_char;
use std::net::IpAddr;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::{call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::scope::agent;
use super::status::acclient_status;
use crate::error::{Error, Result};
use crate::node::{Gateway, Tunnel};

/// Tunnel: a connection to the port "local" of an agent's machine is forwarded to ip:remote as seen
/// from the gateway.
pub struct acclient_tunnel(Handle<Tunnel>);

opaque!(acclient_tunnel: Tunnel);

/// Makes a tunnel to be opened or closed. Sends nothing.
///
/// local: the port that the agent listens on; 0 lets the agent choose one.
/// gateway: the far end: an agent as "gid.nid", or "controller".
/// ip, remote: IP address and port to connect to from there.
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
        let gateway: Gateway = scope.name("gateway", gateway)?.parse()?;
        let ip = scope.name("ip", ip)?;
        let wrong = || Error::invalid(format!("invalid ip {ip:?}: expected an IP address"));
        let ip = ip.parse::<IpAddr>().map_err(|_| wrong())?;
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

/// The address that the tunnel connects to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_ip(
    tunnel: Option<&acclient_tunnel>,
    length: *mut usize,
) -> *const c_char {
    text!(tunnel, length, "ip", |it| Some(it.ip.to_string()))
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

/// Opens a tunnel from a port of an agent's machine.
///
/// opened: [out] receives the tunnel with its actual port, to be closed with
///   acclient_client_tunnel_close(); free with acclient_tunnel_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT also for a remote port of 0 and a tunnel of an agent to itself;
/// ACCLIENT_JOB_FAILED where the agent cannot open it, without a reason, or would have to choose the
/// port of a tunnel that it lists already, which it does not open twice; as acclient_request_run().
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
/// acclient_client_tunnel_list(). Closing a tunnel that is not open succeeds. An agent goes on listing a
/// tunnel whose port it chose.
///
/// Errors: as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_close(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    tunnel: Option<&acclient_tunnel>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let agent = agent((gid, nid))?;
        client.tunnel_close(agent, scope.borrow("tunnel", tunnel)?)
    })
}

/// Lists the tunnels from an agent's machine: a row each, with the fields "local", "gateway", "ip" and
/// "remote".
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
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        client.reverse_tunnel_close(scope.borrow("tunnel", tunnel)?)
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
