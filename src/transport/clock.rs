//! The clock that every deadline and pause goes by: the system's, or a simulated one in unit tests.

use std::time::{Duration, Instant};

/// This moment.
#[cfg(not(test))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
pub(crate) use simulated::now;

/// How long ago a moment was.
pub(crate) fn since(moment: Instant) -> Duration {
    now().saturating_duration_since(moment)
}

/// A clock that moves when somebody waits by it, so that a schedule of minutes takes no time.
#[cfg(test)]
pub(crate) mod simulated {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    pub(crate) fn now() -> Instant {
        NOW.get().unwrap_or_else(Instant::now)
    }

    /// Whether the clock of this thread is simulated.
    pub(crate) fn is_running() -> bool {
        NOW.get().is_some()
    }

    /// The simulated clock of this thread, until it is dropped.
    pub(crate) struct Clock(());

    impl Clock {
        pub(crate) fn start() -> Self {
            NOW.set(Some(Instant::now()));
            Clock(())
        }
    }

    impl Drop for Clock {
        fn drop(&mut self) {
            NOW.set(None);
        }
    }

    /// Moves the clock of this thread on, where it is simulated.
    pub(crate) fn advance(span: Duration) {
        NOW.set(NOW.get().map(|now| now + span));
    }
}
