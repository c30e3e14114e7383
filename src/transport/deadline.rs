//! What ends a call.

use std::time::{Duration, Instant};

use super::clock;
use super::error::{Error, Result};
use super::wake::Wake;
use std::sync::Arc;

/// How long a server may take to answer what does not block for long: a stopped machine, or one that
/// a cable no longer leads to, looks like a slow one. Blocking commands come back well before.
const SILENCE: Duration = Duration::from_secs(8);

/// A point in monotonic time, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `None` is never; so is a span too long for the clock.
    pub(crate) fn after(span: Option<Duration>) -> Self {
        Deadline(span.and_then(|span| clock::now().checked_add(span)))
    }

    /// Returns the time left; `None` means no deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(clock::now()))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= clock::now())
    }

    /// The earlier of this deadline and a span from now.
    pub(crate) fn within(self, span: Duration) -> Deadline {
        let other = Deadline::after(Some(span));
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (Some(a), None) => Deadline(Some(a)),
            (None, b) => Deadline(b),
        }
    }
}

/// What ends a call: its deadline, its cancel tokens, the closing of its client.
///
/// Made once per call and handed down through every step of it, so that resolving, connecting,
/// submitting and waiting share one deadline.
#[derive(Debug, Clone)]
pub(crate) struct Until {
    pub(crate) deadline: Deadline,
    /// Up to three tokens: of the client handle, of the call, and of the call that this is a step of.
    pub(crate) cancels: [Option<Arc<Wake>>; 3],
    /// Set by [`Pool::get`](super::Pool::get): the wake-up of the closing client.
    pub(crate) closing: Option<Arc<Wake>>,
    /// Maximum silence while a reply is awaited, before the connection counts as lost.
    pub(crate) silence: Option<Duration>,
}

impl Until {
    pub(crate) fn new(deadline: Deadline) -> Self {
        Until { deadline, cancels: [None, None, None], closing: None, silence: None }
    }

    /// The same call with an earlier deadline for one of its steps.
    pub(crate) fn within(&self, span: Duration) -> Until {
        Until { deadline: self.deadline.within(span), ..self.clone() }
    }

    /// The same for what can go on over another connection: one that falls silent is given up.
    pub(crate) fn impatient(&self) -> Until {
        Until { silence: Some(SILENCE), ..self.clone() }
    }

    /// Whether the call has ended for a reason other than its deadline.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        for token in self.cancels.iter().flatten() {
            if token.is_foreign() {
                return Err(Error::Forked);
            }
            if token.is_set() {
                return Err(Error::Cancelled);
            }
        }
        match &self.closing {
            Some(closing) if closing.is_foreign() => Err(Error::Forked),
            Some(closing) if closing.is_set() => Err(Error::Closed),
            _ => Ok(()),
        }
    }

    /// Whether the call has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_cancelled()?;
        if self.deadline.has_passed() { Err(Error::Timeout) } else { Ok(()) }
    }
}
