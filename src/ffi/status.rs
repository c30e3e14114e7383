//! `acclient_status`: the numbers of errors.

use std::ffi::c_char;

/// Status of a call: ACCLIENT_OK, or the kind of failure. The numbers are stable. Later versions
/// may add more; treat an unknown one as a failure.
pub type acclient_status = i32;

/// Success.
pub const ACCLIENT_OK: i32 = 0;
/// Invalid argument: NULL where it is not allowed, a number out of range, or text that is not UTF-8
/// or contains a NUL. Nothing was sent.
pub const ACCLIENT_INVALID_ARGUMENT: i32 = 1;
/// Redis could not be reached, or the connection was lost.
pub const ACCLIENT_CONNECT: i32 = 2;
/// Redis rejected the user or the password, or requires one. Retrying does not help.
pub const ACCLIENT_AUTHENTICATION: i32 = 3;
/// The deadline of the call was exceeded.
pub const ACCLIENT_TIMEOUT: i32 = 4;
/// The call was cancelled by a cancel token.
pub const ACCLIENT_CANCELLED: i32 = 5;
/// Redis replied with an error.
pub const ACCLIENT_SERVER: i32 = 6;
/// A reply, or a document in Redis, cannot be decoded.
pub const ACCLIENT_PROTOCOL: i32 = 7;
/// The controller currently knows no agent for the target. Agents register up to 4 seconds after
/// their controller has started. Not retriable, since the number may be wrong.
pub const ACCLIENT_NO_SUCH_AGENT: i32 = 8;
/// A job ended in a state other than SUCCESS.
pub const ACCLIENT_JOB_FAILED: i32 = 9;
/// The agent or the controller does not know the command.
pub const ACCLIENT_UNKNOWN_COMMAND: i32 = 10;
/// Unsupported by the server, the controller or this version of the library.
pub const ACCLIENT_UNSUPPORTED: i32 = 11;
/// The whole command was sent but Redis did not confirm it: it may or may not run.
pub const ACCLIENT_MAYBE_SENT: i32 = 12;
/// All connections of the client were in use until the deadline.
pub const ACCLIENT_POOL_EXHAUSTED: i32 = 13;
/// The client was closed.
pub const ACCLIENT_CLOSED: i32 = 14;
/// The handle was created in another process, before a fork, and works only there.
pub const ACCLIENT_FORKED_HANDLE: i32 = 15;
/// A panic was caught inside the library. The handles passed to that call fail from then on.
pub const ACCLIENT_PANIC: i32 = 16;
/// The operating system refused a descriptor, a thread or a file.
pub const ACCLIENT_SYSTEM: i32 = 17;
/// The agent or the controller does not list the tunnel: it was never opened, it was closed, or the
/// agent has restarted.
pub const ACCLIENT_NO_SUCH_TUNNEL: i32 = 18;
/// The agent or the controller already lists the tunnel, open or not. Nothing was opened.
pub const ACCLIENT_TUNNEL_EXISTS: i32 = 19;
/// The agent is not running the job, so a kill cannot reach it: the job waits in a queue of the
/// agent, has not started, or is lost; acclient_command_progress() tells which.
pub const ACCLIENT_NOT_RUNNING: i32 = 20;
/// The job is lost: it was submitted, no agent has it, and no result can follow. It may have run.
pub const ACCLIENT_LOST: i32 = 21;
/// Messages may be missing from a followed log; see acclient_error_gap(). The log continues.
pub const ACCLIENT_GAP: i32 = 22;
/// acclient_request_submit_once() has used the id for another command: another target, command, run
/// arguments, data or tags. Nothing was sent.
pub const ACCLIENT_ID_IN_USE: i32 = 23;

macro_rules! name_of {
    ($status:ident, $($name:ident)*) => {
        match $status {
            $($name => concat!(stringify!($name), "\0"),)*
            _ => "unknown status\0",
        }
    };
}

/// Returns the name of a status, like "ACCLIENT_TIMEOUT"; "unknown status" for any other number.
/// Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_status_name(status: acclient_status) -> *const c_char {
    let name = name_of!(status, ACCLIENT_OK ACCLIENT_INVALID_ARGUMENT ACCLIENT_CONNECT
        ACCLIENT_AUTHENTICATION ACCLIENT_TIMEOUT ACCLIENT_CANCELLED ACCLIENT_SERVER
        ACCLIENT_PROTOCOL ACCLIENT_NO_SUCH_AGENT ACCLIENT_JOB_FAILED ACCLIENT_UNKNOWN_COMMAND
        ACCLIENT_UNSUPPORTED ACCLIENT_MAYBE_SENT ACCLIENT_POOL_EXHAUSTED ACCLIENT_CLOSED
        ACCLIENT_FORKED_HANDLE ACCLIENT_PANIC ACCLIENT_SYSTEM ACCLIENT_NO_SUCH_TUNNEL
        ACCLIENT_TUNNEL_EXISTS ACCLIENT_NOT_RUNNING ACCLIENT_LOST ACCLIENT_GAP
        ACCLIENT_ID_IN_USE);
    name.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::ErrorKind;

    /// Numbers of the ABI: lines may be added, never changed.
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
        (18, ErrorKind::NoSuchTunnel),
        (19, ErrorKind::TunnelExists),
        (20, ErrorKind::NotRunning),
        (21, ErrorKind::Lost),
        (22, ErrorKind::Gap),
        (23, ErrorKind::IdInUse),
    ];

    #[test]
    fn statuses_keep_their_numbers_and_names() {
        for (number, kind) in TABLE {
            assert_eq!(*number, *kind as i32);
            // SAFETY: a NUL-terminated static text.
            let name = unsafe { CStr::from_ptr(acclient_status_name(*number)) }.to_str().unwrap();
            let plain = |text: &str| text.replace('_', "").to_lowercase();
            assert_eq!(plain(name), plain(&format!("acclient{kind:?}")));
        }
        let beyond = TABLE.last().unwrap().0 + 1;
        // SAFETY: as above.
        let name = unsafe { CStr::from_ptr(acclient_status_name(beyond)) };
        assert_eq!(name, c"unknown status");
    }
}
