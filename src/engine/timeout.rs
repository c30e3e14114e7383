//! [`Timeout`]: how long a call may take, and what cancels it earlier.

use std::time::{Duration, Instant};

use super::CancelToken;
use crate::transport::clock;

/// Timeout of a call, with an optional [`CancelToken`].
///
/// Most calls are given a [`Duration`], or `None` for no timeout:
///
/// ```
/// use acclient::{CancelToken, Timeout};
/// use std::time::Duration;
/// let five_seconds: Timeout = Duration::from_secs(5).into();
/// let no_timeout: Timeout = None.into();
/// let token = CancelToken::new()?;
/// let until_ctrl_c = Timeout::none().or_cancelled(&token);
/// # Ok::<(), acclient::Error>(())
/// ```
///
/// A timeout of zero polls once and does not wait. (The Python client took 0 for "no timeout".)
#[derive(Debug, Clone, Default)]
pub struct Timeout {
    pub(crate) duration: Option<Duration>,
    pub(crate) cancel: Option<CancelToken>,
}

impl Timeout {
    /// No timeout: the call ends with its result, with an error that retrying cannot resolve, or when it is
    /// cancelled.
    pub fn none() -> Self {
        Timeout::default()
    }

    /// A timeout of `duration`: one deadline for everything the call does, including connecting and
    /// reconnecting.
    pub fn after(duration: Duration) -> Self {
        Timeout { duration: Some(duration), cancel: None }
    }

    /// Also ends the call when `token` is cancelled.
    pub fn or_cancelled(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Returns the remaining timeout of a call that began at `begun`. Zero only if the timeout itself is zero,
    /// which means to poll once.
    pub(crate) fn since(self, begun: Instant) -> Timeout {
        let left = |duration: Duration| match duration {
            Duration::ZERO => Duration::ZERO,
            _ => duration.saturating_sub(clock::since(begun)).max(Duration::from_nanos(1)),
        };
        Timeout { duration: self.duration.map(left), ..self }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.duration == Some(Duration::ZERO)
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Timeout::after(duration)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Self {
        Timeout { duration, cancel: None }
    }
}
