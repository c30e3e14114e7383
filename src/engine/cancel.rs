//! [`CancelToken`]: cancels calls.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::transport::Wake;

/// Token that cancels calls, from any thread and from a signal handler.
///
/// Pass it to a wait with [`Timeout::or_cancelled`](crate::Timeout::or_cancelled), or to a client handle with
/// [`Client::with_cancel`](crate::Client::with_cancel). One token can serve many calls at a time. A cancelled
/// token stays cancelled. Calls in progress return [`ErrorKind::Cancelled`] at once, and later calls fail before
/// they start. Cancelling sends nothing to the server, and the command continues; its handle string finds it
/// again.
///
/// Clones share the token. In a forked child, a token of the parent cannot be used: calls fail with
/// [`ErrorKind::ForkedHandle`], and [`CancelToken::cancel`] does nothing.
///
/// ```
/// use acclient::CancelToken;
/// let cancel = CancelToken::new()?;
/// let other = cancel.clone();
/// std::thread::spawn(move || other.cancel()).join().unwrap();
/// assert!(cancel.is_cancelled());
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CancelToken(Arc<Wake>);

impl CancelToken {
    /// Creates a token that is not cancelled. A token uses two file descriptors; if none are left, this returns
    /// [`ErrorKind::System`].
    pub fn new() -> Result<Self> {
        let wake = Wake::new().map_err(|error| {
            Error::new(
                ErrorKind::System,
                format!("cannot create a pipe for a cancel token: {error}"),
            )
        })?;
        Ok(CancelToken(Arc::new(wake)))
    }

    /// Cancels the calls that have this token. Safe from any thread and in a signal handler: it uses one atomic
    /// exchange, `getpid`, `fstat` and `write`, takes no lock, allocates nothing and preserves `errno`.
    ///
    /// Returns `false` and does nothing in any process other than the one that created the token.
    pub fn cancel(&self) -> bool {
        self.0.set()
    }

    /// Returns whether the token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_set()
    }

    pub(crate) fn wake(&self) -> Arc<Wake> {
        self.0.clone()
    }
}
