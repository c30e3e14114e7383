//! `acclient_options`.

use std::ffi::c_char;

use super::cancel_token::acclient_cancel_token;
use super::client::{acclient_client, connected};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::lock::Shared;
use super::scope::Scope;
use super::status::acclient_status;
use crate::client::{Client, ClientBuilder};
use crate::error::{Error, Result};
use crate::transport::SENTINEL_PORT;

/// Options for a new client. Values out of range and unusable files are reported when the client is
/// created.
pub struct acclient_options(Handle<Shared<ClientBuilder>>);

opaque!(acclient_options: Shared<ClientBuilder>);

fn set<'a>(
    scope: &Scope<'a>,
    options: *mut acclient_options,
    change: impl FnOnce(ClientBuilder) -> Result<ClientBuilder>,
) -> Result<()> {
    scope.borrow_mut("options", options)?.change(change)
}

/// Creates options for a Redis at 127.0.0.1:6379 without a password.
///
/// options: [out] receives the options; free with acclient_options_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_new(
    options: *mut *mut acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, options, |_| Ok(Shared::new(Client::builder())))
}

/// Sets address, user, password and database from a URL in a form of acclient_client_connect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_url(
    options: *mut acclient_options,
    url: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| it.url(scope.name("url", url)?)))
}

/// Sets the host: a host name or an IP address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_host(
    options: *mut acclient_options,
    host: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.host(scope.name("host", host)?))))
}

/// Sets the path of a Unix socket, which replaces host and port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_unix_socket(
    options: *mut acclient_options,
    unix_socket: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, options, |it| Ok(it.unix_socket(scope.name("unix_socket", unix_socket)?)))
    })
}

/// Sets Sentinels, which report the address of a named master for each new connection, in place of
/// host and port. They are asked in order. A Sentinel that requires a password gets the one of the
/// master.
///
/// name: the name of the master, not empty.
/// sentinels, count: "host", "host:port" or "[address]:port" each; the default port is 26379. With
///   a count of 0, acclient_client_open() fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_sentinels(
    options: *mut acclient_options,
    name: *const c_char,
    sentinels: *const *const c_char,
    count: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| {
        let name = scope.filled_name("name", name)?;
        let read = |(index, text)| {
            // Not quoted, since it may contain a misplaced password.
            let wrong =
                || Error::invalid(format!("invalid sentinels[{index}]: expected host:port"));
            sentinel(text).ok_or_else(wrong)
        };
        let sentinels = scope.names("sentinels", sentinels, count)?.into_iter().enumerate();
        Ok(it.sentinels(name, sentinels.map(read).collect::<Result<Vec<_>>>()?))
    }))
}

/// Host and port of a Sentinel: "host", "host:port" or "[address]:port".
fn sentinel(text: &str) -> Option<(&str, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        // Otherwise all of it is an IPv6 address.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok()?)
        }
        _ => (text, SENTINEL_PORT),
    };
    let number = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some((number.unwrap_or(host), port)).filter(|(host, _)| !host.is_empty())
}

/// Enables TLS 1.2 and 1.3, as rediss:// does. The server's certificate must match the host and be
/// issued by an authority that this machine trusts. Default: no TLS. A Unix socket does not use
/// TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls(
    options: *mut acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.tls())))
}

/// Enables TLS and trusts the authorities in a PEM file instead of those of the machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_ca_file(
    options: *mut acclient_options,
    path: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.tls_ca_file(scope.name("path", path)?))))
}

/// Enables TLS with a client certificate.
///
/// certificates: PEM file of the certificate chain.
/// key: PEM file of the private key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_client_cert(
    options: *mut acclient_options,
    certificates: *const c_char,
    key: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| {
        let certificates = scope.name("certificates", certificates)?;
        Ok(it.tls_client_cert(certificates, scope.name("key", key)?))
    }))
}

/// Enables TLS and disables certificate verification. Anyone on the network path can then read and
/// change all traffic; use it for testing only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_insecure(
    options: *mut acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.tls_insecure())))
}

/// Sets the user name, for servers with ACLs. Default: the server's default user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_user(
    options: *mut acclient_options,
    user: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.user(scope.name("user", user)?))))
}

/// Sets the password. Default: none. Errors never contain it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_password(
    options: *mut acclient_options,
    password: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, options, |it| Ok(it.password(scope.name("password", password)?)))
    })
}

/// Sets the port. Default: 6379.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_port(
    options: *mut acclient_options,
    port: u16,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.port(port))))
}

/// Sets the database number. Default: 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_db(
    options: *mut acclient_options,
    db: u32,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.db(db))))
}

/// Sets the maximum number of connections, 1 to 10000. Default: 64. Each wait for results uses one;
/// further waits queue in order, until their deadline.
///
/// Waits do not delay other calls. Another eighth of the maximum, at least one connection, is
/// reserved for calls that only talk to Redis, and the same again for requests to agents and the
/// controller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_max_connections(
    options: *mut acclient_options,
    max_connections: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.max_connections(max_connections))))
}

/// Sets the maximum size of a reply in bytes. Default: 64 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_max_reply(
    options: *mut acclient_options,
    max_reply: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, options, |it| Ok(it.max_reply(max_reply))))
}

/// Connects with these options and logs in. Parameters and errors as acclient_client_connect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_open(
    options: Option<&acclient_options>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, client, |scope| {
        let until = (timeout_ms, cancel);
        let builder = scope.borrow("options", options)?.get();
        connected(scope, builder.timeout(scope.wait_above_zero(until)?.duration), until)
    })
}

/// Creates a client with these options without connecting; calls connect as needed. Reads the TLS
/// files but does not block otherwise.
///
/// client: [out] receives the new client; free with acclient_client_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT for a value out of range or an unusable TLS file,
/// ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_build(
    options: Option<&acclient_options>,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, client, |scope| scope.borrow("options", options)?.get().build())
}

/// Frees the options; clients created with them are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_options_free(options: Option<Box<acclient_options>>) {
    guard::free(options);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinel_addresses_are_parsed() {
        for (text, place) in [
            ("a", ("a", 26379)),
            ("a:1", ("a", 1)),
            ("10.0.0.1:2", ("10.0.0.1", 2)),
            ("::1", ("::1", 26379)),
            ("[::1]", ("::1", 26379)),
            ("[::1]:3", ("::1", 3)),
            // The client reads the zone.
            ("[fe80::1%25lo]:3", ("fe80::1%25lo", 3)),
            ("fe80::1%lo", ("fe80::1%lo", 26379)),
        ] {
            assert_eq!(sentinel(text), Some(place));
        }
        for wrong in ["", ":1", "a:", "a:x", "a:65536", "a:-1", "[]:1", "[::1]:"] {
            assert_eq!(sentinel(wrong), None, "{wrong}");
        }
    }
}
