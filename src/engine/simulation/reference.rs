//! The reference model: what the calls have reported about each command, and which outcomes that permits.

use super::schedule::{Aim, Schedule};
use crate::error::{Error, ErrorKind};
use crate::protocol::Envelope;
use crate::transport::simulated::{Flaw, Outage};

/// Whether a command was sent, according to the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    No,
    Maybe,
    Yes,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) command: Envelope,
    pub(super) aim: Aim,
    /// Number of calls of `submit_once` for the command.
    pub(super) once: usize,
    pub(super) sent: Sent,
    /// The command was retracted.
    pub(super) retracted: bool,
    /// Perhaps.
    pub(super) retracting: bool,
    /// Number of times that the server had lost its data before the first call.
    pub(super) losses: usize,
}

/// Kind of a call, by the errors that it may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Push,
    /// Sends and waits.
    Run,
    Wait,
    /// A quick question.
    Question,
}

impl Record {
    pub(super) fn sending(&mut self, outcome: Result<(), &Error>, kind: Kind) {
        let sent = match outcome {
            Ok(()) => Sent::Yes,
            Err(error) if error.is_maybe_sent() => Sent::Maybe,
            // The agent or the controller has answered.
            Err(error) if error.job().is_some() => Sent::Yes,
            // A call that may be retried has sent nothing.
            Err(error) if kind == Kind::Run && !error.is_retriable() => Sent::Maybe,
            Err(_) => Sent::No,
        };
        self.sent = self.sent.max(sent);
    }

    /// Checks the number of documents that the server has taken, and of runs on an agent.
    pub(super) fn check(&self, documents: usize, runs: usize, losses: usize) {
        let losses = losses - self.losses;
        let most = match self.sent {
            Sent::No => 0,
            // A server that has lost the mark of a command accepts it again, in a later call.
            _ if self.once > 0 => 1 + losses.min(self.once - 1),
            _ => 1,
        };
        let least = usize::from(self.sent == Sent::Yes);
        let is_known = self.aim != Aim::Nobody || self.once == 0;
        let taken_back = usize::from(self.retracted);
        assert!(
            documents >= least && (documents <= most || !is_known && self.sent != Sent::No),
            "{documents} documents, of {least} to {most} that are possible: {self:?}"
        );
        let most = if self.aim == Aim::Nobody { 0 } else { most - taken_back.min(most) };
        assert!(runs <= most, "it ran {runs} times, and {most} are possible: {self:?}");
    }
}

/// Whether the schedule accounts for an error other than a timeout.
pub(super) fn explains(schedule: &Schedule, error: &Error, kind: Kind, losses: usize) -> bool {
    let flaw = |matches: fn(&Flaw) -> bool| {
        schedule.plans.iter().filter_map(|plan| plan.flaw.as_ref()).any(matches)
    };
    let outage = |matches: &dyn Fn(&Outage) -> bool| {
        schedule.outages.iter().any(|spell| matches(&spell.outage))
    };
    let breaks = flaw(|flaw| !matches!(flaw, Flaw::Full | Flaw::Late { .. }))
        || outage(&|outage| matches!(outage, Outage::Down { .. } | Outage::Away | Outage::Killed));
    let garbage = flaw(|flaw| matches!(flaw, Flaw::Garbage { .. }));
    let refuses = |error: &Error| {
        let code = error.server_code().unwrap_or("?").to_owned();
        let full = code == "ERR" && flaw(|flaw| matches!(flaw, Flaw::Full));
        full || code == "UNBLOCKED"
            || outage(&|outage| match outage {
                Outage::Refuses { error, .. } => error.starts_with(&code),
                _ => false,
            })
    };
    match error.kind() {
        // A deadline, a pause of the server, a connection that is cut.
        ErrorKind::MaybeSent => true,
        ErrorKind::Connect => kind != Kind::Wait && breaks,
        ErrorKind::Protocol => garbage || losses > 0,
        // A wait outlasts errors that pass.
        ErrorKind::Server if kind == Kind::Wait => {
            matches!(error.server_code(), Some("ERR" | "NOPERM")) && refuses(error)
        }
        ErrorKind::Server => refuses(error),
        ErrorKind::PoolExhausted => false,
        _ => false,
    }
}
