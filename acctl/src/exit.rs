//! Exit statuses and error reporting.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use acclient::{AgentId, Error, ErrorKind};

use crate::json;
use crate::output::Output;
use crate::signals;

/// Text of `acctl help statuses`, which describes [`Status`].
pub const HELP: &str = "\
Exit status:
    0  all succeeded
    1  some failed: a job ended in a state other than SUCCESS, or is lost
    2  bad usage: option, target, command handle or instances file
    3  no agent reached: an agent is unknown to the controller, or Redis has
       no trace of the command
    4  timed out: an agent or Redis did not answer in time
    5  could not connect to Redis, or Redis rejected the login
    6  maybe sent: Redis did not confirm the command, which may run
    7  other error, such as a gap in a log
    8  not running: the job is queued on the agent, not started or lost
  129  ended by SIGHUP; commands in flight continue, unless --kill-on-interrupt
  130  ended by SIGINT (Ctrl-C)
  141  stdout was closed by its reader, or ended by SIGPIPE
  143  ended by SIGTERM

If agents have different outcomes, a signal takes precedence, then the lowest
status that applies to any agent.";

/// Exit status, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Takes precedence over all others.
    Interrupted,
    SomeFailed,
    Usage,
    Nobody,
    TimedOut,
    NoConnection,
    MaybeSent,
    Other,
    NotRunning,
    Success,
}

impl Status {
    pub fn of(error: &Error) -> Status {
        Status::of_kind(error.kind())
    }

    pub fn of_kind(kind: ErrorKind) -> Status {
        match kind {
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

    /// Exit code of the process.
    pub fn code(self) -> i32 {
        match self {
            Status::Success => 0,
            Status::SomeFailed => 1,
            Status::Usage => 2,
            Status::Nobody => 3,
            Status::TimedOut => 4,
            Status::NoConnection => 5,
            Status::MaybeSent => 6,
            Status::Other => 7,
            Status::NotRunning => 8,
            // The convention of shells for a process killed by a signal.
            Status::Interrupted => 128 + signals::cause(),
        }
    }

    /// The status that takes precedence over the other.
    pub fn and(self, other: Status) -> Status {
        self.min(other)
    }
}

/// Reason for which a command failed as a whole.
#[derive(Debug)]
pub enum Failure {
    /// Invalid arguments that clap cannot detect.
    Usage(String),
    /// Connection failure, whatever the kind of the error.
    NoConnection(Error),
    Error(Error),
    /// Write error on stdout.
    Io(io::Error),
    /// Any other operating system error.
    System(io::Error),
}

pub type Outcome = Result<Status, Failure>;

impl Failure {
    /// Whether a signal or a closed stdout is the reason.
    pub fn is_interruption(&self) -> bool {
        match self {
            Failure::Error(error) | Failure::NoConnection(error) => {
                error.kind() == ErrorKind::Cancelled
            }
            Failure::Io(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Failure::Usage(_) | Failure::System(_) => false,
        }
    }

    /// Reports the failure on stderr, and on stdout as JSON if requested. Returns the exit status.
    pub fn tell(self, output: &Output) -> Status {
        if self.is_interruption() {
            let command = match &self {
                Failure::Error(error) => error.command_handle().map(str::to_owned),
                _ => None,
            };
            return interrupted(output, command.as_slice(), &[]);
        }
        let refused = matches!(&self, Failure::NoConnection(error) | Failure::Error(error)
            if error.kind() == ErrorKind::Authentication);
        let (status, document, text) = match self {
            Failure::Io(error) => {
                let text = format!("cannot write to stdout: {error}");
                (Status::Other, json::failure(ErrorKind::System, &text, None), text)
            }
            Failure::System(error) => {
                let text = error.to_string();
                (Status::Other, json::failure(ErrorKind::System, &text, None), text)
            }
            Failure::Usage(text) => {
                (Status::Usage, json::failure(ErrorKind::InvalidArgument, &text, None), text)
            }
            Failure::NoConnection(error) => {
                (Status::NoConnection, json::error(&error), error.to_string())
            }
            Failure::Error(error) => (Status::of(&error), json::error(&error), error.to_string()),
        };
        output.problem(&text);
        if refused {
            output.note(
                "set the user with --user and the password with ACCLIENT_PASSWORD or --password-file",
            );
        }
        match output.document(document) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                signals::stdout_is_closed();
                Status::Interrupted
            }
            _ => status,
        }
    }
}

/// Message of an error without the command handle, for reports that print the handle once for all agents.
pub fn brief(error: &Error) -> String {
    let mut text = error.to_string();
    let handle = error.command_handle().map(|handle| format!(" [{handle}]"));
    let without = handle.and_then(|handle| text.strip_suffix(&handle).map(str::len));
    text.truncate(without.unwrap_or(text.len()));
    text
}

/// Whether [`interrupted`] was called.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Reports once that a signal ends the process. A closed stdout is mentioned on stderr only by the caller, and only
/// if commands are in flight.
pub fn interrupted(output: &Output, commands: &[String], not_started: &[AgentId]) -> Status {
    if signals::cause() == 0 {
        signals::stdout_is_closed();
    }
    if !TOLD.swap(true, Relaxed) {
        if !signals::is_stdout_closed() {
            output.note(format!("interrupted by {}", signals::name()));
        }
        // stdout may be closed; the exit status says why acctl ended.
        let _ = output.document(json::interrupted(commands, not_started));
    }
    Status::Interrupted
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All codes except interruptions. The exhaustive match forces a new status to be added here.
    fn codes() -> BTreeSet<i32> {
        let mut codes = BTreeSet::new();
        let mut next = Some(Status::Success);
        while let Some(status) = next {
            codes.insert(status.code());
            next = match status {
                Status::Success => Some(Status::SomeFailed),
                Status::SomeFailed => Some(Status::Usage),
                Status::Usage => Some(Status::Nobody),
                Status::Nobody => Some(Status::TimedOut),
                Status::TimedOut => Some(Status::NoConnection),
                Status::NoConnection => Some(Status::MaybeSent),
                Status::MaybeSent => Some(Status::Other),
                Status::Other => Some(Status::NotRunning),
                Status::NotRunning | Status::Interrupted => None,
            };
        }
        codes
    }

    #[test]
    fn help_lists_every_status() {
        let numbers = HELP.lines().filter_map(|line| line.get(..5)?.trim().parse::<i32>().ok());
        let caught = signals::CAUGHT.iter().map(|signal| 128 + signal);
        assert_eq!(
            numbers.collect::<Vec<_>>(),
            codes().into_iter().chain(caught).collect::<Vec<_>>()
        );
    }
}
