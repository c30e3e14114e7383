//! Driving a [`Watch`] from a caller's own event loop: a step that does not wait, a descriptor to poll,
//! and the time at which to take the next step at the latest.

use std::os::fd::BorrowedFd;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Failure, Found, Link, Watch};
use crate::engine::retry::{Backoff, Purpose, waits_out};
use crate::engine::rounds::Rounds;
use crate::error::Result;
use crate::transport::{self, POLLING_INTERVAL, Until, clock};

/// How long one step may block at most: for a reply of Redis, or for a new connection.
const STEP: Duration = Duration::from_secs(1);

/// When the next step is due, whatever the descriptor says.
#[derive(Debug)]
pub(super) struct Polled {
    due: Instant,
    backoff: Backoff,
}

impl Watch {
    /// The next result that is there. `Pending`: none is there now. Blocks for a round trip to Redis at
    /// most, and to connect.
    pub(crate) fn poll_next(&mut self, until: &Until) -> Poll<Result<Option<Found>>> {
        let step = until.within(STEP);
        let polled = Polled { due: clock::now(), backoff: Backoff::new() };
        self.polled.get_or_insert(polled);
        self.rounds.get_or_insert_with(|| Rounds::begin(until)).renew(until);
        loop {
            if self.is_done() {
                self.finish(until);
                return Poll::Ready(Ok(None));
            }
            match self.poll_step(&step) {
                Ok(Step::Found(found)) => return Poll::Ready(Ok(Some(*found))),
                Ok(Step::Progress) => {}
                Ok(Step::Idle) => return Poll::Pending,
                Err(Failure::Link(error)) if passes(&error, until) => {
                    self.unlink();
                    self.hurry();
                    let polled = self.polled.as_mut().expect("set above");
                    polled.due = clock::now() + polled.backoff.next_pause();
                    return Poll::Pending;
                }
                Err(Failure::Link(error)) => return Poll::Ready(Err(self.leave(error.into()))),
                Err(Failure::Other(error)) => return Poll::Ready(Err(self.leave(error))),
            }
        }
    }

    fn poll_step(&mut self, until: &Until) -> std::result::Result<Step, Failure> {
        until.check_cancelled()?;
        let is_due = self.polled.as_ref().is_none_or(|polled| polled.due <= clock::now());
        if self.link.is_none() && !is_due {
            return Ok(Step::Idle); // until it is time for another try to connect
        }
        if self.link.is_none() || self.has_work() {
            let is_new = self.link.is_none();
            let found = self.step(until)?;
            if is_new {
                self.polled = Some(Polled { due: self.next_look(), backoff: Backoff::new() });
            }
            return Ok(found.map_or(Step::Progress, |found| Step::Found(Box::new(found))));
        }
        let is_notified = self.link.as_ref().is_some_and(Link::is_notified);
        if let Some(link) = self.link.as_mut().filter(|_| is_notified) {
            let changes = link.connection.changes(Duration::ZERO, until)?;
            if changes.all || !changes.keys.is_empty() {
                self.note(changes, until)?;
                return Ok(if self.has_work() { Step::Progress } else { Step::Idle });
            }
        }
        if !is_due {
            return Ok(Step::Idle);
        }
        if !is_notified {
            self.poll_all(until)?;
        }
        if self.rounds.as_ref().is_some_and(Rounds::is_due) {
            self.round(until)?;
            if self.loss.is_due() {
                self.ask_agents(until)?;
            }
        }
        let due = self.next_look();
        self.polled.as_mut().expect("set by the caller").due = due;
        Ok(if self.has_work() { Step::Progress } else { Step::Idle })
    }

    fn next_look(&self) -> Instant {
        let round = self.rounds.as_ref().map_or(POLLING_INTERVAL, Rounds::pause);
        let is_notified = self.link.as_ref().is_some_and(Link::is_notified);
        let pause = if is_notified { round } else { POLLING_INTERVAL.min(round) };
        clock::now() + pause.min(self.routing_pause())
    }

    /// The descriptor that gets readable when there may be a result; `None` without a connection, and in
    /// a forked child, which has closed its copy or may do so.
    pub(crate) fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        let link = self.link.as_ref().filter(|link| link.connection.is_ours())?;
        Some(link.connection.fd())
    }

    /// When to take the next step at the latest.
    pub(crate) fn poll_at(&self) -> Instant {
        let due = self.polled.as_ref().map(|polled| polled.due);
        due.filter(|_| !self.has_work()).unwrap_or_else(clock::now)
    }
}

/// Whether a failure is waited out: one that time may mend, or a step that took too long.
fn passes(error: &transport::Error, until: &Until) -> bool {
    use transport::Error::{PoolExhausted, Timeout};
    let is_of_step = matches!(error, Timeout | PoolExhausted { .. });
    waits_out(error, Purpose::Wait) || (is_of_step && !until.deadline.has_passed())
}

enum Step {
    Found(Box<Found>),
    /// Something was done, and there may be more to do.
    Progress,
    Idle,
}
