//! The numbers of errors.

use std::ffi::{CStr, c_char};

/// What a call returns: ACCLIENT_OK, or the number of the kind of failure. Numbers are never given
/// to another kind; later versions may add some, so treat an unknown one as a failure.
pub type acclient_status = i32;

/// The call did what it says.
pub const ACCLIENT_OK: i32 = 0;
/// Something passed cannot be used: NULL where it is not allowed, a number out of range, text that
/// is not UTF-8 or holds a NUL. Nothing was sent.
pub const ACCLIENT_INVALID_ARGUMENT: i32 = 1;
/// Redis could not be reached, or the connection was lost.
pub const ACCLIENT_CONNECT: i32 = 2;
/// Redis refused the user or the password, or wants one. Trying again will not help.
pub const ACCLIENT_AUTHENTICATION: i32 = 3;
/// The call's time is over.
pub const ACCLIENT_TIMEOUT: i32 = 4;
/// A cancel token ended the call.
pub const ACCLIENT_CANCELLED: i32 = 5;
/// Redis answered with an error.
pub const ACCLIENT_SERVER: i32 = 6;
/// Something was received that cannot be read: a reply, or a document in Redis.
pub const ACCLIENT_PROTOCOL: i32 = 7;
/// The controller knows no agent for the target at this moment.
pub const ACCLIENT_NO_SUCH_AGENT: i32 = 8;
/// A job ended in another state than SUCCESS.
pub const ACCLIENT_JOB_FAILED: i32 = 9;
/// The agent or the controller does not know the command.
pub const ACCLIENT_UNKNOWN_COMMAND: i32 = 10;
/// The server, the controller or this version of the library does not offer it.
pub const ACCLIENT_UNSUPPORTED: i32 = 11;
/// The command went out whole, but Redis did not confirm it: it may run, or not.
pub const ACCLIENT_MAYBE_SENT: i32 = 12;
/// All connections of the client stayed in use until the call's time was over.
pub const ACCLIENT_POOL_EXHAUSTED: i32 = 13;
/// The client was closed.
pub const ACCLIENT_CLOSED: i32 = 14;
/// The handle was made in another process, before a fork, and works only there.
pub const ACCLIENT_FORKED_HANDLE: i32 = 15;
/// A panic was caught inside the library; the handles of that call refuse further use.
pub const ACCLIENT_PANIC: i32 = 16;
/// The operating system refused a descriptor, a thread or a file.
pub const ACCLIENT_SYSTEM: i32 = 17;

/// The name of a status, like "ACCLIENT_TIMEOUT"; "unknown status" for a number that is none.
/// Never NULL, valid for ever, from any thread. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_status_name(status: acclient_status) -> *const c_char {
    let name: &CStr = match status {
        ACCLIENT_OK => c"ACCLIENT_OK",
        ACCLIENT_INVALID_ARGUMENT => c"ACCLIENT_INVALID_ARGUMENT",
        ACCLIENT_CONNECT => c"ACCLIENT_CONNECT",
        ACCLIENT_AUTHENTICATION => c"ACCLIENT_AUTHENTICATION",
        ACCLIENT_TIMEOUT => c"ACCLIENT_TIMEOUT",
        ACCLIENT_CANCELLED => c"ACCLIENT_CANCELLED",
        ACCLIENT_SERVER => c"ACCLIENT_SERVER",
        ACCLIENT_PROTOCOL => c"ACCLIENT_PROTOCOL",
        ACCLIENT_NO_SUCH_AGENT => c"ACCLIENT_NO_SUCH_AGENT",
        ACCLIENT_JOB_FAILED => c"ACCLIENT_JOB_FAILED",
        ACCLIENT_UNKNOWN_COMMAND => c"ACCLIENT_UNKNOWN_COMMAND",
        ACCLIENT_UNSUPPORTED => c"ACCLIENT_UNSUPPORTED",
        ACCLIENT_MAYBE_SENT => c"ACCLIENT_MAYBE_SENT",
        ACCLIENT_POOL_EXHAUSTED => c"ACCLIENT_POOL_EXHAUSTED",
        ACCLIENT_CLOSED => c"ACCLIENT_CLOSED",
        ACCLIENT_FORKED_HANDLE => c"ACCLIENT_FORKED_HANDLE",
        ACCLIENT_PANIC => c"ACCLIENT_PANIC",
        ACCLIENT_SYSTEM => c"ACCLIENT_SYSTEM",
        _ => c"unknown status",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// The table of numbers. A line of it may be added, never changed.
    const TABLE: &[(i32, ErrorKind)] = &[
        (1, ErrorKind::InvalidArgument),
        (2, ErrorKind::Connect),
        (3, ErrorKind::Authentication),
        (4, ErrorKind::Timeout),
        (5, ErrorKind::Cancelled),
        (6, ErrorKind::Server),
        (7, ErrorKind::Protocol),
        (8, ErrorKind::NoSuchAgent),
        (9, ErrorKind::JobFailed),
        (10, ErrorKind::UnknownCommand),
        (11, ErrorKind::Unsupported),
        (12, ErrorKind::MaybeSent),
        (13, ErrorKind::PoolExhausted),
        (14, ErrorKind::Closed),
        (15, ErrorKind::ForkedHandle),
        (16, ErrorKind::Panic),
        (17, ErrorKind::System),
    ];

    #[test]
    fn numbers_are_those_of_the_table_and_named_alike() {
        for (number, kind) in TABLE {
            assert_eq!(*number, *kind as i32);
            // SAFETY: a NUL-terminated text that lives for ever.
            let name = unsafe { CStr::from_ptr(acclient_status_name(*number)) }.to_str().unwrap();
            let plain = |text: &str| text.replace('_', "").to_lowercase();
            assert_eq!(plain(name), plain(&format!("acclient{kind:?}")));
        }
        let beyond = TABLE.len() as i32 + 1;
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr(acclient_status_name(beyond)) };
        assert_eq!(name, c"unknown status");
    }
}
