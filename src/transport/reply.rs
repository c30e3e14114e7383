//! Replies as values, and conversions into the shapes that callers expect.

use redis::Value;

use super::error::{Error, Result, ServerError};
use super::resolve::with_signals_blocked;

/// Maximum nesting depth for parsing on the caller's own stack. In an unoptimized build the parser
/// takes some 20 KiB per level, and callers may have little stack (a thread of 128 KiB, the signal
/// stack of a goroutine).
const SHALLOW: usize = 2;
/// Stack size of the thread that parses deeper replies, which only `HELLO` of a server with modules
/// or a hostile server sends.
const DEEP_STACK: usize = 1024 * 1024;

/// A reply other than an error, which is returned as [`Error::Server`].
pub(crate) type Reply = Value;

/// Decodes a complete frame. `Err` describes an invalid one.
pub(super) fn decode(frame: &[u8], depth: usize) -> std::result::Result<Value, String> {
    let line = |from: usize| &frame[from..frame.len() - 2];
    match frame[0] {
        // The parser is not needed: the framer has validated the number and the line end.
        b':' => {
            let number = std::str::from_utf8(line(1)).ok().and_then(|text| text.parse().ok());
            number.map(Value::Int).ok_or_else(|| "an invalid number".to_owned())
        }
        b'$' if frame[1] != b'-' => {
            let start = frame.iter().position(|&byte| byte == b'\n').map_or(1, |at| at + 1);
            Ok(Value::BulkString(line(start).to_vec()))
        }
        _ if depth <= SHALLOW => parse(frame),
        _ => on_a_deep_stack(|| parse(frame))?,
    }
}

/// Runs `f` on a short-lived thread with sufficient stack.
fn on_a_deep_stack<T: Send>(f: impl FnOnce() -> T + Send) -> std::result::Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK);
        match with_signals_blocked(|| thread.spawn_scoped(scope, f)) {
            Ok(thread) => thread.join().map_err(|_| "the parser failed".to_owned()),
            Err(error) => Err(format!("cannot start a thread for a nested reply: {error}")),
        }
    })
}

fn parse(frame: &[u8]) -> std::result::Result<Value, String> {
    redis::parse_redis_value(frame).map_err(|error| error.to_string())
}

/// Turns a top-level error reply into an `Err`, and strips an attribute from its data.
pub(super) fn into_result(value: Value) -> Result<Value> {
    match value {
        Value::ServerError(error) => Err(Error::Server(ServerError::from(&error))),
        Value::Attribute { data, .. } => into_result(*data),
        value => Ok(value),
    }
}

/// Returns the error if this reply of a transaction is one.
pub(crate) fn error_in(reply: &Reply) -> Option<Error> {
    match reply {
        Value::ServerError(error) => Some(Error::Server(ServerError::from(error))),
        _ => None,
    }
}

/// Returns the bytes of a string reply; `None` for a null.
pub(crate) fn bulk(reply: Reply) -> std::result::Result<Option<Vec<u8>>, Unexpected> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
            Ok(Some(text.into_bytes()))
        }
        Value::Okay => Ok(Some(b"OK".to_vec())),
        other => Err(Unexpected::new("a string", &other)),
    }
}

/// Returns the number of an integer reply.
pub(crate) fn integer(reply: &Reply) -> std::result::Result<i64, Unexpected> {
    match reply {
        Value::Int(number) => Ok(*number),
        other => Err(Unexpected::new("a number", other)),
    }
}

/// Returns the elements of an array, or of a map as alternating keys and values, the way RESP2
/// sends it.
pub(crate) fn items(reply: Reply) -> std::result::Result<Vec<Reply>, Unexpected> {
    match reply {
        Value::Nil => Ok(Vec::new()),
        Value::Array(items) | Value::Set(items) => Ok(items),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        other => Err(Unexpected::new("a list", &other)),
    }
}

/// A reply of unexpected shape. It names only the shapes, never the content.
#[derive(Debug, thiserror::Error)]
#[error("Redis answered with {got} where {wanted} was expected")]
pub(crate) struct Unexpected {
    wanted: &'static str,
    got: &'static str,
}

impl Unexpected {
    fn new(wanted: &'static str, got: &Value) -> Self {
        let got = match got {
            Value::Nil => "a null",
            Value::Int(_) => "a number",
            Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a string",
            Value::Array(_) | Value::Set(_) => "a list",
            Value::Map(_) => "a map",
            Value::ServerError(_) => "an error",
            _ => "something else",
        };
        Unexpected { wanted, got }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no signal masks, which its thread blocks")]
    fn the_deepest_reply_parses_on_a_small_stack() {
        let reply = [b"*1\r\n".repeat(16), b"$2\r\nab\r\n".to_vec()].concat();
        let parser = std::thread::Builder::new().stack_size(128 * 1024);
        let parser = parser.spawn(move || decode(&reply, 16).is_ok()).unwrap();
        assert!(parser.join().unwrap());
    }

    /// A signal handler of the host program may need more stack than this thread has, or a thread
    /// that the program knows.
    #[test]
    #[cfg_attr(miri, ignore = "Miri has no signal masks, which its thread blocks")]
    fn the_thread_of_a_deep_reply_takes_no_signals() {
        let blocked = on_a_deep_stack(|| {
            let mut mask = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: with a null set pthread_sigmask() only fills `mask`.
            unsafe {
                let get = libc::SIG_BLOCK;
                assert_eq!(libc::pthread_sigmask(get, std::ptr::null(), mask.as_mut_ptr()), 0);
                let mask = mask.assume_init();
                [libc::SIGALRM, libc::SIGUSR1, libc::SIGCHLD, libc::SIGTERM]
                    .map(|signal| libc::sigismember(&mask, signal))
            }
        });
        assert_eq!(blocked, Ok([1; 4]));
    }

    #[test]
    fn the_short_cuts_give_what_the_parser_gives() {
        for reply in [&b":-5\r\n"[..], b"$0\r\n\r\n", b"$3\r\na\nb\r\n", b"$-1\r\n"] {
            assert_eq!(decode(reply, 0).unwrap(), redis::parse_redis_value(reply).unwrap());
        }
    }

    #[test]
    fn a_wrong_shape_is_named_without_its_content() {
        let error = bulk(Value::Int(42)).unwrap_err().to_string();
        assert!(error.contains("a number") && !error.contains("42"), "{error}");
    }
}
