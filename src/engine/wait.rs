//! [`Wait`]: how long a call may take, and what ends it earlier.

use std::time::{Duration, Instant};

use super::Cancel;
use crate::transport::clock;

/// How long a call waits, and what may end it earlier.
///
/// A [`Duration`] says it in most calls, and `None` is for ever:
///
/// ```
/// use acclient::{Cancel, Wait};
/// use std::time::Duration;
/// let five_seconds: Wait = Duration::from_secs(5).into();
/// let for_ever: Wait = None.into();
/// let cancel = Cancel::new()?;
/// let until_ctrl_c = Wait::forever().or_cancelled(&cancel);
/// # Ok::<(), acclient::Error>(())
/// ```
///
/// A wait of zero looks once and does not wait. (The Python client took 0 for "for ever".)
#[derive(Debug, Clone, Default)]
pub struct Wait {
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel: Option<Cancel>,
}

impl Wait {
    /// Until there is an answer.
    pub fn forever() -> Self {
        Wait::default()
    }

    /// For so long at most: one deadline for all that the call does, connecting and reconnecting
    /// included.
    pub fn up_to(timeout: Duration) -> Self {
        Wait { timeout: Some(timeout), cancel: None }
    }

    /// Ends too when the token is cancelled.
    pub fn or_cancelled(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// What is left of a wait that began then; never quite nothing, which would be no wait.
    pub(crate) fn since(self, begun: Instant) -> Wait {
        let left = |timeout: Duration| {
            timeout.saturating_sub(clock::since(begun)).max(Duration::from_nanos(1))
        };
        Wait { timeout: self.timeout.map(left), ..self }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.timeout == Some(Duration::ZERO)
    }
}

impl From<Duration> for Wait {
    fn from(timeout: Duration) -> Self {
        Wait::up_to(timeout)
    }
}

impl From<Option<Duration>> for Wait {
    fn from(timeout: Option<Duration>) -> Self {
        Wait { timeout, cancel: None }
    }
}
