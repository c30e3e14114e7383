//! Deadlines and call contexts.

use std::time::{Duration, Instant};

use super::clock;
use super::error::{Error, Result};
use super::wake::Wake;
use std::sync::Arc;

/// How long a server may take to reply to a command that does not block for long. An unreachable or
/// stopped machine is otherwise indistinguishable from a slow one. Blocking commands return well
/// before this.
const SILENCE: Duration = Duration::from_secs(8);

/// A point in monotonic time, or no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Returns the deadline `span` from now, or none for `None` or a span too long for the clock.
    pub(crate) fn after(span: Option<Duration>) -> Self {
        Deadline(span.and_then(|span| clock::now().checked_add(span)))
    }

    /// Returns the remaining time; `None` without a deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(clock::now()))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= clock::now())
    }

    /// Returns the earlier of this deadline and `span` from now.
    pub(crate) fn within(self, span: Duration) -> Deadline {
        let other = Deadline::after(Some(span));
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (Some(a), None) => Deadline(Some(a)),
            (None, b) => Deadline(b),
        }
    }
}

/// Call context: the deadline, the cancel tokens and the closing of the client.
///
/// Created once per call and passed through all of its steps, so that resolving, connecting,
/// submitting and waiting share one deadline.
#[derive(Debug, Clone)]
pub(crate) struct Until {
    pub(crate) deadline: Deadline,
    /// Up to three tokens: of the client handle, of the call, and of the enclosing call.
    pub(crate) cancels: [Option<Arc<Wake>>; 3],
    /// Wake-up of the closing client, set by [`Pool::until`](super::Pool::until).
    pub(crate) closing: Option<Arc<Wake>>,
    /// How long the server may send nothing while a reply is awaited before the connection counts
    /// as lost.
    pub(crate) silence: Option<Duration>,
}

impl Until {
    pub(crate) fn new(deadline: Deadline) -> Self {
        Until { deadline, cancels: [None, None, None], closing: None, silence: None }
    }

    /// Returns the same context with an earlier deadline, for one step of the call.
    pub(crate) fn within(&self, span: Duration) -> Until {
        Until { deadline: self.deadline.within(span), ..self.clone() }
    }

    /// Returns the same context for a step that another connection can take over: a silent
    /// connection is given up.
    pub(crate) fn impatient(&self) -> Until {
        Until { silence: Some(SILENCE), ..self.clone() }
    }

    /// Returns an error if the call has ended for a reason other than its deadline.
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

    /// Returns an error if the call has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_cancelled()?;
        if self.deadline.has_passed() { Err(Error::Timeout) } else { Ok(()) }
    }
}
