//! Reference model: the known facts and the possible states of each command of a schedule.

use acclient::{Command, Error, ErrorKind};

use super::schedule::{Fault, Schedule};
use super::world::Seen;

/// What the calls reported about sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    No,
    Maybe,
    Yes,
}

#[derive(Debug)]
pub struct Record {
    pub id: String,
    /// It is sent by `submit_once`.
    pub once: bool,
    pub to_all: bool,
    pub sent: Sent,
    pub command: Option<Command>,
    /// A result was returned, so it ran.
    pub ran: bool,
    /// What the calls reported about retracting it.
    pub retracted: Option<Sent>,
    /// Its client was closed before the end of the schedule, and perhaps before it was routed.
    pub left: bool,
    /// Number of times that Redis has lost its data since the command was first sent.
    pub losses: usize,
}

impl Record {
    pub fn new(id: String, once: bool, to_all: bool) -> Self {
        let (sent, command) = (Sent::No, None);
        Record {
            id,
            once,
            to_all,
            sent,
            command,
            ran: false,
            retracted: None,
            left: false,
            losses: 0,
        }
    }

    /// `waits` for a call that waits for the result too: its timeout tells nothing of the sending.
    pub fn sending(&mut self, outcome: &Result<(), Error>, waits: bool) {
        let sent = match outcome {
            Ok(()) => Sent::Yes,
            Err(error) if error.is_maybe_sent() || waits && error.is_timeout() => Sent::Maybe,
            Err(_) => Sent::No,
        };
        self.sent = self.sent.max(sent);
    }

    pub fn retracting(&mut self, outcome: &Result<bool, Error>) {
        let now = match outcome {
            Ok(true) => Sent::Yes,
            Ok(false) => return,
            Err(error) if error.is_maybe_sent() => Sent::Maybe,
            Err(_) => return,
        };
        self.retracted = Some(self.retracted.unwrap_or(Sent::No).max(now));
    }

    /// Checks that the controller may have seen it this many times.
    pub fn check(&self, seen: Seen) -> Result<(), String> {
        let most = match self.sent {
            Sent::No => 0,
            // A server that lost the mark of a command takes the command again.
            _ if self.once => 1 + self.losses,
            _ => 1,
        };
        let certain = self.sent == Sent::Yes && self.losses == 0 && self.retracted.is_none();
        let least = usize::from(certain || self.ran);
        let taken_back = self.retracted == Some(Sent::Yes) && !self.once;
        let most = if taken_back { 0 } else { most };
        if (least..=most).contains(&seen.documents) {
            return Ok(());
        }
        Err(format!(
            "the controller saw {} documents of it; from {least} to {most} are possible: {self:?}",
            seen.documents
        ))
    }
}

/// Returns whether the faults of a schedule account for an error.
pub fn explains(schedule: &Schedule, error: &Error, is_wait: bool) -> bool {
    let has = |matches: fn(&Fault) -> bool| schedule.faults().any(matches);
    let breaks = has(|fault| {
        matches!(fault, Fault::Broken { .. } | Fault::Killed | Fault::Down { .. } | Fault::Replica)
    });
    match error.kind() {
        ErrorKind::Timeout => true,
        ErrorKind::MaybeSent => breaks || has(|fault| matches!(fault, Fault::Frozen)) || !is_wait,
        ErrorKind::Connect => !is_wait && breaks,
        ErrorKind::Cancelled => is_wait,
        ErrorKind::UnknownCommand => true,
        ErrorKind::Lost => has(|fault| matches!(fault, Fault::Down { keeps_data: false })),
        ErrorKind::Server => {
            !is_wait
                && match error.server_code() {
                    Some("OOM") => has(|fault| matches!(fault, Fault::OutOfMemory)),
                    Some("NOREPLICAS") => has(|fault| matches!(fault, Fault::TooFewReplicas)),
                    _ => false,
                }
        }
        _ => false,
    }
}
