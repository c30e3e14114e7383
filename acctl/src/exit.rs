//! Exit statuses, and how errors are reported.

use std::io;

use acclient::{Error, ErrorKind};

use crate::json;
use crate::output::Output;

/// What the long help says of [`Status`].
pub const HELP: &str = "\
Exit status:
    0  all succeeded
    1  some failed: a job ended in another state than SUCCESS, or is lost
    2  bad usage: an option, a target, a printed command, a file of instances
    3  nobody reached: the controller knows no such agent
    4  timed out: agents, or Redis, did not answer in time
    5  could not connect to Redis, or it refused the login
    6  maybe sent: Redis did not confirm the command, which may run or not
    7  anything else, such as a gap in a log
    8  not running: a kill reached no job, which waits on its agent or is lost
  130  interrupted; what was sent goes on, unless --kill-on-interrupt
  141  nobody reads the output any more

Where agents fare differently, the first of 130, 1, 3, 4, 6, 8 that is true of one counts.";

/// The exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Success = 0,
    SomeFailed = 1,
    Usage = 2,
    Nobody = 3,
    TimedOut = 4,
    NoConnection = 5,
    MaybeSent = 6,
    Other = 7,
    NotRunning = 8,
    Interrupted = 130,
    /// What a shell says of a program that SIGPIPE has ended.
    BrokenPipe = 141,
}

impl Status {
    pub fn of(error: &Error) -> Status {
        match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::IdInUse => Status::Usage,
            ErrorKind::Connect | ErrorKind::Authentication => Status::NoConnection,
            ErrorKind::Timeout | ErrorKind::PoolExhausted => Status::TimedOut,
            ErrorKind::Cancelled => Status::Interrupted,
            ErrorKind::NoSuchAgent => Status::Nobody,
            ErrorKind::JobFailed
            | ErrorKind::UnknownCommand
            | ErrorKind::NoSuchTunnel
            | ErrorKind::TunnelExists
            | ErrorKind::Lost => Status::SomeFailed,
            ErrorKind::MaybeSent => Status::MaybeSent,
            ErrorKind::NotRunning => Status::NotRunning,
            _ => Status::Other,
        }
    }
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Failure {
    /// What clap cannot see is wrong with the arguments.
    Usage(String),
    /// There is no connection, whatever kind of error says so.
    NoConnection(Error),
    Error(Error),
    Io(io::Error),
}

pub type Outcome = Result<Status, Failure>;

impl Failure {
    /// Says it on stderr, in JSON on stdout too, and what status it is.
    pub fn tell(self, output: &Output) -> Status {
        let refused = matches!(&self, Failure::NoConnection(error) | Failure::Error(error)
            if error.kind() == ErrorKind::Authentication);
        let (status, document, text) = match self {
            Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Status::BrokenPipe;
            }
            Failure::Io(error) => {
                (Status::Other, json::failure("System", &error), error.to_string())
            }
            Failure::Usage(text) => (Status::Usage, json::failure("InvalidArgument", &text), text),
            Failure::NoConnection(error) => {
                (Status::NoConnection, json::error(&error), error.to_string())
            }
            Failure::Error(error) => (Status::of(&error), json::error(&error), error.to_string()),
        };
        output.problem(&text);
        if refused {
            output.note("name the user with --user, and the password with ACCLIENT_PASSWORD or --password-file");
        }
        match output.document(document) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::BrokenPipe,
            _ => status,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}
