//! `acclient_options`.

use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};

use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text;
use crate::client::Client;
use crate::client::ClientBuilder;
use crate::error::{Error, Result};
use crate::transport::SENTINEL_PORT;

/// Settings of a client, piece by piece. Any number of threads may use them.
pub struct acclient_options {
    handle: Handle<Mutex<ClientBuilder>>,
}

opaque!(acclient_options: Mutex<ClientBuilder>);

/// Makes settings for a Redis at 127.0.0.1:6379 without a password.
///
/// options: gets them; the caller frees them with acclient_options_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_new(
    options: *mut *mut acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, both are NULL or writable.
    unsafe {
        guard::out(options);
        guard::call(error, |_| {
            guard::check_place("options", options)?;
            guard::give(options, Mutex::new(Client::builder()));
            Ok(())
        })
    }
}

/// # Safety
/// `options` is NULL or live, `error` NULL or writable.
unsafe fn change(
    options: *const acclient_options,
    error: *mut *mut acclient_error,
    change: impl FnOnce(ClientBuilder) -> Result<ClientBuilder>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::call(error, |scope| {
            let options = scope.borrow("options", options)?;
            let mut builder = options.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = change(builder.clone())?;
            *builder = changed;
            Ok(())
        })
    }
}

/// Address, user, password and database, in the forms that acclient_client_connect() takes.
///
/// options, url: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_url(
    options: *const acclient_options,
    url: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| builder.url(text::name("url", url)?)) }
}

/// Host name or number.
///
/// options, host: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_host(
    options: *const acclient_options,
    host: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.host(text::name("host", host)?))) }
}

/// A unix socket instead of host and port.
///
/// options, unix_socket: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_unix_socket(
    options: *const acclient_options,
    unix_socket: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(options, error, |builder| {
            Ok(builder.unix_socket(text::name("unix_socket", unix_socket)?))
        })
    }
}

/// The master of a name, wherever these Sentinels say that it is, instead of host and port. They are
/// asked in their order, for each new connection. A Sentinel that wants a password gets that of the
/// master.
///
/// options, name: not NULL; name not empty.
/// sentinels, count: "host", "host:port" or "[address]:port" each, with 26379 where there is no port;
///   none of them NULL. sentinels may be NULL if count is 0, which acclient_client_open() refuses.
/// error: gets the error; may be NULL.
/// Everything passed is copied. From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_sentinels(
    options: *const acclient_options,
    name: *const c_char,
    sentinels: *const *const c_char,
    count: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(options, error, |builder| {
            let name = match text::name("name", name)? {
                "" => return Err(Error::invalid("name is empty")),
                name => name,
            };
            let sentinels = text::names("sentinels", sentinels, count)?;
            let read = |(index, text)| {
                // Not quoted: somebody may have written a password there.
                let wrong = || Error::invalid(format!("sentinels[{index}] is no host:port"));
                sentinel(text).ok_or_else(wrong)
            };
            let sentinels: Vec<_> =
                sentinels.into_iter().enumerate().map(read).collect::<Result<_>>()?;
            Ok(builder.sentinels(name, sentinels))
        })
    }
}

/// Where a Sentinel is: "host", "host:port" or "[address]:port".
fn sentinel(text: &str) -> Option<(&str, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        // Otherwise all of it is a number of IPv6.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok()?)
        }
        _ => (text, SENTINEL_PORT),
    };
    let number = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some((number.unwrap_or(host), port)).filter(|(host, _)| !host.is_empty())
}

/// Speaks TLS 1.2 or 1.3 with the server, as rediss:// does. Its certificate has to be of the host that
/// was named, and of an authority that this machine trusts. Default: no TLS. A unix socket has none.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls(
    options: *const acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.tls())) }
}

/// Speaks TLS, and believes the authorities in this PEM file instead of those of the machine.
///
/// options, path: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. A file that cannot be used is told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_ca_file(
    options: *const acclient_options,
    path: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.tls_ca_file(text::name("path", path)?))) }
}

/// Speaks TLS, and shows the server the certificates in a PEM file, with the key in another.
///
/// options, certificates, key: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. Files that cannot be used are told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_client_cert(
    options: *const acclient_options,
    certificates: *const c_char,
    key: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(options, error, |builder| {
            let certificates = text::name("certificates", certificates)?;
            Ok(builder.tls_client_cert(certificates, text::name("key", key)?))
        })
    }
}

/// Speaks TLS, and believes any certificate: whoever is in between can read and change everything. For
/// trials only.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_tls_insecure(
    options: *const acclient_options,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.tls_insecure())) }
}

/// User name, for servers with ACLs. Default: the server's default user.
///
/// options, user: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_user(
    options: *const acclient_options,
    user: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.user(text::name("user", user)?))) }
}

/// Password. Default: none. It appears in no error.
///
/// options, password: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_password(
    options: *const acclient_options,
    password: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(options, error, |builder| Ok(builder.password(text::name("password", password)?)))
    }
}

/// Port. Default 6379.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. A value out of range is told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_port(
    options: *const acclient_options,
    port: u16,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.port(port))) }
}

/// Number of the database. Default 0.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. A value out of range is told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_db(
    options: *const acclient_options,
    db: u32,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.db(db))) }
}

/// How many connections the client may have at a time: each waiting call has one. 1 to 10000, default
/// 64.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. A value out of range is told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_max_connections(
    options: *const acclient_options,
    max_connections: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.max_connections(max_connections))) }
}

/// The largest reply, in bytes, that the client takes from Redis. Default 64 MiB.
///
/// options: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block. A value out of range is told by acclient_client_open().
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_set_max_reply(
    options: *const acclient_options,
    max_reply: usize,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(options, error, |builder| Ok(builder.max_reply(max_reply))) }
}

/// Connects by settings, and logs in. Parameters and errors as acclient_client_connect(), and:
///
/// options: not NULL; they are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_open(
    options: *const acclient_options,
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
            let options = scope.borrow("options", options)?;
            let builder = options.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let wait = text::wait_above_zero(timeout_ms, None)?;
            let made = builder.timeout(wait.timeout).build()?;
            bounded(&made, timeout_ms, cancel)?.ping()?;
            guard::give(client, made);
            Ok(())
        })
    }
}

/// Makes a client by settings, without a connection: each call makes what it needs.
///
/// options: not NULL; they are copied.
/// client: gets the client, which the caller frees with acclient_client_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block, but reads the files of TLS.
/// Errors: ACCLIENT_INVALID_ARGUMENT for a value out of range, and for files of TLS that cannot be read
/// or used; ACCLIENT_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_build(
    options: *const acclient_options,
    client: *mut *mut acclient_client,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(client);
        guard::call(error, |scope| {
            guard::check_place("client", client)?;
            let options = scope.borrow("options", options)?;
            let builder = options.lock().unwrap_or_else(PoisonError::into_inner).clone();
            guard::give(client, builder.build()?);
            Ok(())
        })
    }
}

/// Frees settings; clients made with them stay as they are. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_options_free(options: *mut acclient_options) {
    // SAFETY: NULL or settings that nobody uses any more, by contract with C.
    unsafe { guard::free(options) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_sentinels_are() {
        for (text, place) in [
            ("a", ("a", 26379)),
            ("a:1", ("a", 1)),
            ("10.0.0.1:2", ("10.0.0.1", 2)),
            ("::1", ("::1", 26379)),
            ("[::1]", ("::1", 26379)),
            ("[::1]:3", ("::1", 3)),
        ] {
            assert_eq!(sentinel(text), Some(place));
        }
        for wrong in ["", ":1", "a:", "a:x", "a:65536", "a:-1", "[]:1", "[::1]:"] {
            assert_eq!(sentinel(wrong), None, "{wrong}");
        }
    }
}
