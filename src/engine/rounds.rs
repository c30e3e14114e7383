//! Schedules when a wait reads the hash of its command, the second record of an ended job.
//!
//! Redis may evict a result list. When memory runs out, it may accept the hash of a result and refuse its list.
//! The list takes precedence: a final state in the hash counts only if the list, read after it, is empty,
//! because an agent's result reaches the hash first.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::protocol::{JobState, ResultDocument};
use crate::transport::{Condition, Deadline, ServerError, Until, clock};

/// Maximum time between two rounds.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How long before the deadline the last round begins, if the wait is at least four times as long.
const BEFORE: Duration = Duration::from_millis(200);

/// Last known content of the hash for a job that has not ended.
#[derive(Debug, Default)]
pub(super) enum Seen {
    /// The hash was not read, or cannot be read.
    #[default]
    Unread,
    /// The hash has no field for the agent.
    Nothing,
    State(JobState),
}

impl Seen {
    /// `field` is empty if this command has none.
    pub(super) fn in_field(field: &[u8]) -> Self {
        if field.is_empty() {
            return Seen::Nothing;
        }
        let document = ResultDocument::parse(field);
        let state = document.ok().and_then(|document| document.state.into_value());
        state.map_or(Seen::Unread, Seen::State)
    }
}

/// Rounds of one wait: every second, and once shortly before its deadline.
#[derive(Debug)]
pub(super) struct Rounds {
    deadline: Deadline,
    next: Option<Instant>,
    last: Option<Instant>,
    /// How long before the deadline the last round is.
    before: Duration,
    read: Option<Instant>,
}

impl Rounds {
    pub(super) fn begin(until: &Until) -> Self {
        let now = clock::now();
        let left = until.deadline.remaining();
        let before = left.map_or(BEFORE, |left| BEFORE.min(left / 4));
        let last = left.map(|left| now + (left - before));
        let mut rounds = Rounds { deadline: until.deadline, next: None, last, before, read: None };
        rounds.next = rounds.after(now);
        rounds
    }

    /// Switches to another deadline, if it differs.
    pub(super) fn renew(&mut self, until: &Until) {
        if self.deadline != until.deadline {
            *self = Rounds { read: self.read, ..Rounds::begin(until) };
        }
    }

    fn after(&self, now: Instant) -> Option<Instant> {
        match self.last {
            Some(last) if last <= now => None,
            Some(last) => Some(last.min(now + EVERY)),
            None => Some(now + EVERY),
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| next <= clock::now())
    }

    /// Returns whether the next round is the one before the deadline.
    pub(super) fn is_last(&self) -> bool {
        self.next.is_some() && self.next == self.last
    }

    /// Returns the time until the next round.
    pub(super) fn pause(&self) -> Duration {
        self.next.map_or(EVERY, |next| next.saturating_duration_since(clock::now()))
    }

    /// Returns the bound of a reply to a blocking command that returns in time for the next round. Does not wait
    /// for a late server if that round is the last.
    pub(super) fn bound(&self, until: &Until) -> Until {
        if self.is_last() { until.within(self.pause() + self.before / 2) } else { until.clone() }
    }

    /// Makes the next round due, after a lost connection.
    pub(super) fn hurry(&mut self) {
        let now = clock::now();
        self.next = self.next.map(|next| next.min(now));
    }

    /// Records that a round is complete.
    pub(super) fn done(&mut self) {
        let now = clock::now();
        self.read = Some(now);
        self.next = self.after(now);
    }

    /// Describes a job without a result, for the error of a wait that timed out.
    pub(super) fn in_words(&self, seen: &Seen) -> Option<String> {
        let ago = clock::since(self.read?).as_secs_f64();
        Some(match seen {
            Seen::State(JobState::Queued) => format!(
                "its agent had not fetched it {ago:.1} s before the deadline: it may be down, stopped or full"
            ),
            Seen::State(JobState::Running) => format!(
                "still running, or lost: state RUNNING in Redis {ago:.1} s before the deadline"
            ),
            Seen::State(state) => format!("state {state} in Redis {ago:.1} s before the deadline"),
            Seen::Nothing => format!("Redis had no state for it {ago:.1} s before the deadline"),
            Seen::Unread => "its state in Redis is not known".to_owned(),
        })
    }
}

/// Returns the error code if Redis has refused a blocking move because it refuses writes.
pub(super) fn refusal_of_writes(error: ServerError) -> Option<String> {
    (error.condition() == Condition::RefusesWrites).then_some(error.code)
}

/// Adds to a timeout that Redis has refused writes: the controller drops a result that it cannot store.
pub(super) fn noting_refusal(error: Error, code: Option<&str>) -> Error {
    match code {
        Some(code) => error
            .noting(&format!("Redis refused writes meanwhile ({code}), so the result may be lost")),
        None => error,
    }
}

/// Returns a document of the hash if it reports that the job has ended. The refusal of an id in use does not, as
/// long as a job of the id may still end.
pub(super) fn final_in_hash(document: &[u8], refusal_counts: bool) -> Option<ResultDocument> {
    let document = ResultDocument::parse(document).ok()?;
    let is_final = document.state.value().is_some_and(JobState::is_final);
    (is_final && (refusal_counts || !document.is_duplicate())).then_some(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_reads_every_second_and_before_its_deadline_and_not_after_it() {
        let _clock = clock::simulated::Clock::start();
        let until = Until::new(Deadline::after(Some(Duration::from_millis(2500))));
        let mut rounds = Rounds::begin(&until);
        let mut pauses = Vec::new();
        while rounds.next.is_some() {
            pauses.push((rounds.pause().as_millis(), rounds.is_last()));
            clock::simulated::advance(rounds.pause());
            assert!(rounds.is_due());
            rounds.done();
        }
        assert_eq!(pauses, [(1000, false), (1000, false), (300, true)]);
        clock::simulated::advance(Duration::from_secs(1));
        assert!(!rounds.is_due());
        assert_eq!(
            rounds.in_words(&Seen::Nothing).unwrap(),
            "Redis had no state for it 1.0 s before the deadline"
        );
        assert_eq!(rounds.in_words(&Seen::Unread).unwrap(), "its state in Redis is not known");
        let short = Until::new(Deadline::after(Some(Duration::from_millis(100))));
        assert_eq!(Rounds::begin(&short).pause().as_millis(), 75);
        let endless = Rounds::begin(&Until::new(Deadline::after(None)));
        assert!(endless.pause() == EVERY && !endless.is_last());
    }

    #[test]
    fn only_a_final_state_that_is_no_refusal_counts() {
        for (document, counts) in [
            (r#"{"state":"SUCCESS"}"#, true),
            (r#"{"state":"SOMETHING_NEW"}"#, true),
            (r#"{"state":"RUNNING"}"#, false),
            (r#"{"state":"QUEUED"}"#, false),
            (r#"{"state":"DUPILICATE_ID"}"#, false),
            (r#"{"data":"x"}"#, false),
            ("", false),
        ] {
            assert_eq!(final_in_hash(document.as_bytes(), false).is_some(), counts, "{document}");
            let is_refusal = document.contains("DUPILICATE");
            let counts = counts || is_refusal;
            assert_eq!(final_in_hash(document.as_bytes(), true).is_some(), counts, "{document}");
        }
    }
}
