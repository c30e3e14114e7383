//! The session: what every call needs from its client, shared by clients, commands and jobs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::retry::{Purpose, Retrier};
use super::{CancelToken, Timeout};
use crate::error::{Error, Result};
use crate::protocol::keys;
use crate::transport::{
    self, Class, Config, Connection, Counters, Deadline, Leftovers, Pool, Until, clock,
};

/// Keys that any process may leave behind for a command, and that have no other owner to expire them.
const LEFTOVERS: Leftovers =
    Leftovers { pattern: keys::ALL_QUEUED, entry: keys::QUEUED, seconds: keys::TTL };

/// Connections, default timeout and cancel tokens. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Session {
    pool: Arc<Pool>,
    timeout: Option<Duration>,
    cancel: Option<CancelToken>,
    /// Token of the call that this session serves a step of: see [`Session::for_a_step`].
    call: Option<CancelToken>,
    /// Class of connection that its waits use.
    class: Class,
}

impl Session {
    pub(crate) fn new(config: Config, timeout: Option<Duration>) -> Result<Self> {
        let pool = Pool::new(config, Some(LEFTOVERS))?;
        Ok(Session { pool, timeout, cancel: None, call: None, class: Class::Wait })
    }

    /// Returns a session on the same connections with another default timeout; `None` means no timeout.
    pub(crate) fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Session { timeout, ..self.clone() }
    }

    /// Returns a session on the same connections with a token that ends every call.
    pub(crate) fn with_cancel(&self, cancel: &CancelToken) -> Self {
        Session { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// Returns a session on the same connections for requests, whose waits are short.
    pub(crate) fn asking(&self) -> Self {
        Session { class: Class::Question, ..self.clone() }
    }

    /// Returns the class of connection that waits of this session use.
    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn counters(&self) -> &Counters {
        self.pool.counters()
    }

    pub(crate) fn address(&self) -> String {
        self.pool.config().endpoint.to_string()
    }

    /// Returns the timeout of a call that takes none of its own.
    pub(crate) fn quick(&self) -> Timeout {
        self.timeout.into()
    }

    /// Returns the timeout of a call with a timeout of zero: it reads once, within the default timeout, and its
    /// token still ends it.
    pub(crate) fn look(&self, timeout: &Timeout) -> Timeout {
        Timeout { cancel: timeout.cancel.clone(), ..self.quick() }
    }

    /// Returns deadline and cancellation of a call that starts now.
    pub(crate) fn until(&self, timeout: &Timeout) -> Result<Until> {
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        let cancels = [&self.cancel, &self.call, &timeout.cancel];
        let cancels = cancels.map(|cancel| cancel.as_ref().map(CancelToken::wake));
        Ok(self.pool.until(Deadline::after(timeout.duration), cancels)?)
    }

    /// Returns a session for a step of a call: with the default timeout, limited to the time the call has left,
    /// and with the token of the call in addition to its own. Use it for this step only; objects that the caller
    /// keeps must not end with that token.
    pub(crate) fn for_a_step(&self, left: &Timeout) -> Self {
        let times = [self.timeout, left.duration];
        let timeout = times.into_iter().flatten().min();
        Session { timeout, call: left.cancel.clone(), ..self.clone() }
    }

    /// Returns a session on the same connections without any token, for cleanup after a call was cancelled.
    pub(crate) fn uncancelled(&self) -> Self {
        Session { cancel: None, call: None, ..self.clone() }
    }

    /// Returns a session for one of several attempts of a call: with the default timeout, or a usual one if
    /// there is none, limited to the time the call has left.
    pub(crate) fn for_a_try(&self, until: &Until) -> Self {
        const USUAL: Duration = Duration::from_secs(10);
        const LEAST: Duration = Duration::from_millis(1);
        let longest = self.timeout.unwrap_or(USUAL);
        let left = until.deadline.remaining().map_or(longest, |left| left.max(LEAST));
        self.with_timeout(Some(longest.min(left)))
    }

    /// Runs one public call: sets its deadline and cancellation, and adds the request, its target and the
    /// elapsed time to its errors.
    pub(crate) fn bounded<T>(
        &self,
        timeout: &Timeout,
        asked: impl FnOnce() -> String,
        call: impl FnOnce(&Until) -> Result<T>,
    ) -> Result<T> {
        let begun = clock::now();
        let result = self.until(timeout).and_then(|until| call(&until));
        result.map_err(|error| error.asked(asked).waited_if_it_did(clock::since(begun)))
    }

    /// Runs a repeatable step of a quick call.
    pub(crate) fn query<T>(
        &self,
        until: &Until,
        mut step: impl FnMut(&mut Connection) -> transport::Result<T>,
    ) -> transport::Result<T> {
        self.steps(Purpose::Question, Class::Quick, until, |connection, _| step(connection))
    }

    /// Repeats a step of a call until it succeeds, fails permanently, or the call ends. Replaces a connection
    /// that stops responding. The step must wait for Redis only.
    pub(crate) fn repeat<T>(
        &self,
        until: &Until,
        step: impl FnMut(&mut Connection, &Until) -> transport::Result<T>,
    ) -> transport::Result<T> {
        self.steps(Purpose::Wait, Class::Quick, &until.impatient(), step)
    }

    /// Like [`Session::repeat`], for a step that waits for an agent or the controller.
    pub(super) fn wait<T>(
        &self,
        until: &Until,
        step: impl FnMut(&mut Connection, &Until) -> transport::Result<T>,
    ) -> transport::Result<T> {
        self.steps(Purpose::Wait, self.class, &until.impatient(), step)
    }

    fn steps<T>(
        &self,
        purpose: Purpose,
        class: Class,
        until: &Until,
        mut step: impl FnMut(&mut Connection, &Until) -> transport::Result<T>,
    ) -> transport::Result<T> {
        let mut retrier = Retrier::new(purpose);
        loop {
            match self.pool.once(class, until, |connection| step(connection, until)) {
                Err(error) => retrier.again(error, until)?,
                done => return done,
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        shown.field("address", &self.address()).field("db", &self.pool.config().db);
        shown.field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
