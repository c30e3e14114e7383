//! Retry policy: which failures are retried, in which kind of call, and after what pause.

use std::time::Duration;

use crate::error::{self, ErrorKind};
use crate::transport::{Condition, Error, Result, Until, sleep};

/// Kind of call that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A wait for results, or another step that is safe to repeat until the deadline.
    Wait,
    /// The push of a command none of which has been sent.
    Push,
    /// An idempotent push.
    PushOnce,
    /// A quick request to Redis, which fails early rather than waits.
    Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Never,
    /// Once, without a pause: the server may close an idle connection just as a call takes it.
    Once,
    /// Until the deadline, with growing pauses.
    AfterPause,
}

/// The policy. Every retry loop of the library uses it.
///
/// |           | unreachable | lost        | not ready   | full        | refuses writes | unknown     | final |
/// |-----------|-------------|-------------|-------------|----------------|-------------|-------|
/// | wait      | after pause | after pause | after pause | after pause | after pause    | after pause | never |
/// | push once | after pause | after pause | after pause | after pause | never          | never       | never |
/// | push      | never       | once        | after pause | never       | never          | never       | never |
/// | question  | never       | once        | after pause | never       | never          | never       | never |
///
/// "Unknown" is an error code that neither Redis nor Valkey has: a proxy may temporarily be without its server,
/// and a wait outlasts that. A server that refuses writes may need an administrator, so a push fails at once; a
/// wait continues with reads.
fn policy(condition: Condition, purpose: Purpose) -> Retry {
    use Condition::{Final, Full, Lost, NotReady, RefusesWrites, Unknown, Unreachable};
    match (purpose, condition) {
        (_, Final) => Retry::Never,
        (Purpose::Wait, _) | (_, NotReady) => Retry::AfterPause,
        (_, RefusesWrites | Unknown) => Retry::Never,
        (Purpose::PushOnce, Unreachable | Lost | Full) => Retry::AfterPause,
        (_, Lost) => Retry::Once,
        (_, Unreachable | Full) => Retry::Never,
    }
}

/// Returns whether a call retries this failure until the deadline.
pub(crate) fn waits_out(error: &Error, purpose: Purpose) -> bool {
    policy(error.condition(), purpose) == Retry::AfterPause
}

/// Returns whether a wait repeats a request to an agent after this failure. Agents register a few seconds after
/// their controller has restarted, and are unknown until then.
pub(crate) fn outlasts(error: &error::Error) -> bool {
    let waits_out = |condition| policy(condition, Purpose::Wait) == Retry::AfterPause;
    error.is_retriable()
        || error.kind() == ErrorKind::NoSuchAgent
        || refusal(error).is_some_and(waits_out)
}

/// Returns whether a request could not be sent because Redis refuses writes.
pub(crate) fn is_refused_write(error: &error::Error) -> bool {
    refusal(error) == Some(Condition::RefusesWrites)
}

/// Returns the condition of the server that a refused command indicates.
fn refusal(error: &error::Error) -> Option<Condition> {
    let is_of_server = error.kind() == ErrorKind::Server;
    error.server_code().filter(|_| is_of_server).map(Condition::of_code)
}

/// Decides after each failure whether the steps of one call are retried.
#[derive(Debug)]
pub(crate) struct Retrier {
    purpose: Purpose,
    backoff: Backoff,
    repeated: bool,
    /// Why the last attempt failed, if another one followed.
    last: Option<Error>,
}

impl Retrier {
    pub(crate) fn new(purpose: Purpose) -> Self {
        Retrier { purpose, backoff: Backoff::new(), repeated: false, last: None }
    }

    /// Pauses, and returns `Ok` when the next attempt is due. `Err` if there is none or the call ended
    /// meanwhile.
    pub(crate) fn again(&mut self, error: Error, until: &Until) -> Result<()> {
        // The deadline may pass during an attempt. Other steps are short, so the last failure is the cause. A
        // wait may have recovered since its last failure.
        if matches!(error, Error::Timeout) && !self.is_patient() {
            let cause = self.last.take().map(|last| Error::TimeoutAfter(Box::new(last)));
            return Err(cause.unwrap_or(error));
        }
        match policy(error.condition(), self.purpose) {
            Retry::AfterPause => match self.pause(&error, until) {
                Err(Error::Timeout) => Err(Error::TimeoutAfter(Box::new(error))),
                other => {
                    self.last = Some(error);
                    other
                }
            },
            Retry::Once if !self.repeated => {
                self.repeated = true;
                log::debug!(target: LOG, "retrying at once: {error}");
                Ok(())
            }
            Retry::Once | Retry::Never => Err(error),
        }
    }

    /// Returns whether retries continue until the deadline after any transient failure.
    fn is_patient(&self) -> bool {
        matches!(self.purpose, Purpose::Wait | Purpose::PushOnce)
    }

    /// Logs the first failure of a call as a warning, because the call may now block for long, and later ones at
    /// debug level.
    fn pause(&mut self, error: &Error, until: &Until) -> Result<()> {
        let level = if self.last.is_none() { log::Level::Warn } else { log::Level::Debug };
        log::log!(target: LOG, level, "retrying until the deadline: {error}");
        self.backoff.pause(until)
    }
}

/// Log target for retries.
pub(super) const LOG: &str = "acclient::retry";

/// Pauses between attempts: none at first, then doubling from 10 ms to 1 s. Each pause is shortened by a random
/// part so that a fleet of clients does not reconnect in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(crate) fn new() -> Self {
        Backoff { next: Duration::ZERO }
    }

    /// Sleeps before the next attempt; fails when the call ends.
    pub(crate) fn pause(&mut self, until: &Until) -> Result<()> {
        sleep(self.next_pause(), until)
    }

    /// Returns the pause before the next attempt.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).clamp(Self::FIRST, Self::LONGEST);
        let mut random = [0u8; 4];
        let _ = getrandom::fill(&mut random); // on failure the pauses are only less random
        #[cfg(test)]
        crate::transport::simulated::fill(&mut random);
        let part = f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX);
        pause.mul_f64(1.0 - part / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Deadline, clock};

    fn lost() -> Error {
        let source = std::io::ErrorKind::ConnectionReset.into();
        Error::Lost { address: "a:1".to_owned(), source }
    }

    fn refused(code: &str) -> Error {
        Error::Server(crate::transport::ServerError { code: code.to_owned(), text: "x".to_owned() })
    }

    #[test]
    fn a_wait_is_repeated_until_its_deadline_with_growing_pauses() {
        let _clock = clock::simulated::Clock::start();
        let begun = clock::now();
        let until = Until::new(Deadline::after(Some(Duration::from_secs(60))));
        let mut retrier = Retrier::new(Purpose::Wait);
        let mut tries = 0;
        let ended = loop {
            tries += 1;
            match retrier.again(lost(), &until) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(
            matches!(ended, Error::TimeoutAfter(cause) if matches!(*cause, Error::Lost { .. }))
        );
        assert_eq!(clock::since(begun), Duration::from_secs(60));
        // Pauses of half a second to a second, once they have grown.
        assert!((60..=140).contains(&tries), "{tries} tries in a minute");
    }

    #[test]
    fn a_push_is_repeated_once_after_a_lost_connection_and_never_after_a_refusal() {
        let until = Until::new(Deadline::after(None));
        let mut retrier = Retrier::new(Purpose::Push);
        assert!(retrier.again(lost(), &until).is_ok());
        assert!(matches!(retrier.again(lost(), &until), Err(Error::Lost { .. })));
        let mut retrier = Retrier::new(Purpose::Push);
        assert!(retrier.again(refused("OOM"), &until).is_err());
        assert!(retrier.again(refused("LOADING"), &until).is_ok());
    }

    #[test]
    fn a_wait_outlasts_every_code_but_those_that_time_does_not_mend() {
        let until = Until::new(Deadline::after(None));
        let goes_on =
            |code: &str, purpose| Retrier::new(purpose).again(refused(code), &until).is_ok();
        for code in ["LOADING", "READONLY", "BUSY", "NOREPLICAS", "MISCONF", "OOM", "upstream"] {
            assert!(goes_on(code, Purpose::Wait), "{code}");
        }
        for code in ["WRONGTYPE", "NOPERM", "NOAUTH", "ERR", "MOVED"] {
            assert!(!goes_on(code, Purpose::Wait), "{code}");
        }
        for purpose in [Purpose::Push, Purpose::PushOnce, Purpose::Question] {
            assert!(goes_on("BUSY", purpose) && goes_on("REDIRECT", purpose), "{purpose:?}");
            for code in ["NOREPLICAS", "MISCONF", "OOM", "upstream", "ERR"] {
                assert!(!goes_on(code, purpose), "{code} {purpose:?}");
            }
        }
        assert!(Retrier::new(Purpose::PushOnce).again(lost(), &until).is_ok());
    }

    #[test]
    fn a_deadline_in_the_middle_of_a_try_keeps_the_cause_of_the_last() {
        let until = Until::new(Deadline::after(None));
        let mut retrier = Retrier::new(Purpose::Question);
        assert!(retrier.again(refused("LOADING"), &until).is_ok());
        let ended = retrier.again(Error::Timeout, &until);
        assert!(matches!(ended, Err(Error::TimeoutAfter(_))), "{ended:?}");
        let mut retrier = Retrier::new(Purpose::Wait);
        assert!(retrier.again(lost(), &until).is_ok());
        assert!(matches!(retrier.again(Error::Timeout, &until), Err(Error::Timeout)));
    }

    #[test]
    fn a_question_does_not_wait_for_a_server_that_is_away() {
        let until = Until::new(Deadline::after(None));
        let source = std::io::ErrorKind::ConnectionRefused.into();
        let away = Error::Connect { address: "a:1".to_owned(), source };
        assert!(Retrier::new(Purpose::Question).again(away, &until).is_err());
    }
}
