//! `acclient_tunnel`.

use std::ffi::c_char;
use std::net::IpAddr;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text::{self, Text};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::node::{Gateway, Tunnel};

/// A tunnel: who connects to the port "local" of an agent's machine talks to ip:remote as the gateway
/// sees it. Any number of threads may read it.
pub struct acclient_tunnel {
    handle: Handle<TunnelHandle>,
}

opaque!(acclient_tunnel: TunnelHandle);

pub struct TunnelHandle {
    tunnel: Tunnel,
    gateway: Text,
    ip: Text,
}

impl TunnelHandle {
    fn new(tunnel: Tunnel) -> Self {
        TunnelHandle { tunnel, gateway: Text::default(), ip: Text::default() }
    }
}

/// A tunnel to be opened or closed.
///
/// local: the port that the agent listens on; 0 lets it choose one.
/// gateway: where it comes out: an agent as "gid.nid", or "controller"; not NULL.
/// ip, remote: address (a number) and port to connect to from there; ip not NULL.
/// tunnel: gets the tunnel, which the caller frees with acclient_tunnel_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block: nothing is opened yet.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_new(
    local: u16,
    gateway: *const c_char,
    ip: *const c_char,
    remote: u16,
    tunnel: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(tunnel);
        guard::call(error, |_| {
            guard::check_place("tunnel", tunnel)?;
            let gateway: Gateway = text::name("gateway", gateway)?.parse()?;
            let ip = text::name("ip", ip)?;
            let ip: IpAddr =
                ip.parse().map_err(|_| Error::invalid(format!("ip {ip:?} is no IP address")))?;
            guard::give(tunnel, TunnelHandle::new(Tunnel::new(local, gateway, ip, remote)));
            Ok(())
        })
    }
}

/// The port that the agent listens on; the real one after acclient_client_tunnel_open(). 0 for NULL.
/// Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_local(tunnel: *const acclient_tunnel) -> u16 {
    // SAFETY: NULL or a live tunnel, by contract with C.
    unsafe { guard::read(tunnel, 0, |it| Some(it.tunnel.local)) }
}

/// The port that it connects to. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_remote(tunnel: *const acclient_tunnel) -> u16 {
    // SAFETY: NULL or a live tunnel, by contract with C.
    unsafe { guard::read(tunnel, 0, |it| Some(it.tunnel.remote)) }
}

/// Where it comes out: "gid.nid" or "controller". NUL-terminated UTF-8; its length goes to *length,
/// which may be NULL. Borrowed until the tunnel is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_gateway(
    tunnel: *const acclient_tunnel,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, tunnel is NULL or live and length NULL or writable.
    unsafe {
        text::read(tunnel, length, |it| &it.gateway, |it| Some(it.tunnel.gateway.to_string()))
    }
}

/// The address that it connects to. NUL-terminated UTF-8; its length goes to *length, which may be
/// NULL. Borrowed until the tunnel is freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_ip(
    tunnel: *const acclient_tunnel,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, tunnel is NULL or live and length NULL or writable.
    unsafe { text::read(tunnel, length, |it| &it.ip, |it| Some(it.tunnel.ip.to_string())) }
}

/// Frees the value; an open tunnel stays open. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_tunnel_free(tunnel: *mut acclient_tunnel) {
    // SAFETY: NULL or a tunnel that nobody uses any more, by contract with C.
    unsafe { guard::free(tunnel) };
}

/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn open(
    client: *const acclient_client,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    opened: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
    call: impl FnOnce(&Client, &Tunnel) -> Result<Tunnel>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(opened);
        guard::call(error, |scope| {
            guard::check_place("opened", opened)?;
            let client = scope.borrow("client", client)?;
            let tunnel = scope.borrow("tunnel", tunnel)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let made = call(&bounded(client, timeout_ms, cancel)?, &tunnel.tunnel)?;
            guard::give(opened, TunnelHandle::new(made));
            Ok(())
        })
    }
}

/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn close(
    client: *const acclient_client,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
    call: impl FnOnce(&Client, &Tunnel) -> Result<()>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let tunnel = scope.borrow("tunnel", tunnel)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            call(&bounded(client, timeout_ms, cancel)?, &tunnel.tunnel)
        })
    }
}

/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn list(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
    call: impl FnOnce(&Client) -> Result<Vec<Tunnel>>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(answer);
        guard::call(error, |scope| {
            guard::check_place("answer", answer)?;
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let tunnels = call(&bounded(client, timeout_ms, cancel)?)?;
            let rows: Vec<_> = tunnels.iter().map(Tunnel::json).collect();
            guard::give(answer, AnswerHandle::new(format!("[{}]", rows.join(",")))?);
            Ok(())
        })
    }
}

/// Opens a tunnel from a port of an agent's machine.
///
/// client, tunnel: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// opened: gets the tunnel with its real port, which the caller frees with acclient_tunnel_free(), and
///   closes with acclient_client_tunnel_close(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT (also for a remote port of 0 and a tunnel of an agent to itself),
/// ACCLIENT_JOB_FAILED where the agent cannot open it, which does not say why, and where it is to
/// choose the port of a tunnel that it has in its list already, which it opens no second time; those of
/// acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_open(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    opened: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        open(client, tunnel, timeout_ms, cancel, opened, error, |client, tunnel| {
            let (gid, nid) = (text::agent_number("gid", gid)?, text::agent_number("nid", nid)?);
            client.tunnel_open(gid, nid, tunnel)
        })
    }
}

/// Closes a tunnel: the one that acclient_client_tunnel_open() gave, or one made from a row of
/// acclient_client_tunnel_list(). One that is not open is no error. An agent goes on listing a tunnel
/// whose port it chose.
///
/// client, tunnel: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_close(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        close(client, tunnel, timeout_ms, cancel, error, |client, tunnel| {
            let (gid, nid) = (text::agent_number("gid", gid)?, text::agent_number("nid", nid)?);
            client.tunnel_close(gid, nid, tunnel)
        })
    }
}

/// The tunnels from an agent's machine: a row each, with the fields "local", "gateway", "ip" and
/// "remote".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_tunnel_list(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        list(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = (text::agent_number("gid", gid)?, text::agent_number("nid", nid)?);
            client.tunnel_list(gid, nid)
        })
    }
}

/// Opens a tunnel from a port of the controller's machine. Parameters and errors as
/// acclient_client_tunnel_open(), and ACCLIENT_UNSUPPORTED from a controller that does not offer it,
/// like the original one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_open(
    client: *const acclient_client,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    opened: *mut *mut acclient_tunnel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { open(client, tunnel, timeout_ms, cancel, opened, error, Client::reverse_tunnel_open) }
}

/// Closes a tunnel from a port of the controller's machine. Parameters and errors as
/// acclient_client_tunnel_close(), and ACCLIENT_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_close(
    client: *const acclient_client,
    tunnel: *const acclient_tunnel,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { close(client, tunnel, timeout_ms, cancel, error, Client::reverse_tunnel_close) }
}

/// The tunnels from the controller's machine. Parameters and errors as acclient_client_tunnel_list(),
/// and ACCLIENT_UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_reverse_tunnel_list(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { list(client, timeout_ms, cancel, answer, error, Client::reverse_tunnel_list) }
}
