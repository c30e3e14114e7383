//! Clock behind every deadline and pause: the system clock, or a simulated one in unit tests.

use std::time::{Duration, Instant};

/// Returns the current time.
#[cfg(not(test))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
pub(crate) use simulated::now;

/// Returns the time since a moment.
pub(crate) fn since(moment: Instant) -> Duration {
    now().saturating_duration_since(moment)
}

/// A clock that advances when a thread waits, so that a schedule of minutes runs instantly.
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

    /// Returns whether the clock of this thread is simulated.
    pub(crate) fn is_running() -> bool {
        NOW.get().is_some()
    }

    /// Simulates the clock of this thread until it is dropped.
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

    /// Advances the clock of this thread if it is simulated.
    pub(crate) fn advance(span: Duration) {
        NOW.set(NOW.get().map(|now| now + span));
    }
}
