//! [`CancelToken`]: a token that ends calls.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::transport::Wake;

/// A token that ends calls before their time, from any thread and from a signal handler.
///
/// Give it to a wait with [`Timeout::or_cancelled`](crate::Timeout::or_cancelled), or to a client handle
/// with [`Client::with_cancel`](crate::Client::with_cancel); it may serve many calls at a time.
/// Once cancelled it stays so: the calls under way end at once with
/// [`ErrorKind::Cancelled`], and later ones before they
/// start. Nothing is asked of the server, and the command goes on: come back to it by its printed
/// form.
///
/// Clones are the same token. In a forked child a token of the parent is of no use: calls answer
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
    /// A token that is not cancelled. It takes two descriptors; without any left, the error is
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

    /// Ends the calls that have this token. Safe from any thread and in a signal handler: one
    /// atomic exchange, `getpid`, `fstat` and `write`, no lock, no allocation, `errno` kept.
    ///
    /// Returns `false`, and does nothing, in a process other than the one that made the token.
    pub fn cancel(&self) -> bool {
        self.0.set()
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_set()
    }

    pub(crate) fn wake(&self) -> Arc<Wake> {
        self.0.clone()
    }
}
