//! The session: what every call needs of its client, below clients, commands and jobs alike.

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

/// Keys of commands that any process may leave behind without a TTL.
const LEFTOVERS: Leftovers =
    Leftovers { pattern: keys::ALL_QUEUED, entry: keys::QUEUED, seconds: keys::TTL };

/// Connections, default timeout and cancel tokens. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Session {
    pool: Arc<Pool>,
    timeout: Option<Duration>,
    cancel: Option<CancelToken>,
    /// The token of the call that this session serves a step of: see [`Session::for_a_step`].
    call: Option<CancelToken>,
    /// What its waits need a connection for.
    class: Class,
}

impl Session {
    pub(crate) fn new(config: Config, timeout: Option<Duration>) -> Result<Self> {
        let pool = Pool::new(config, Some(LEFTOVERS))?;
        Ok(Session { pool, timeout, cancel: None, call: None, class: Class::Wait })
    }

    /// The same connections with another default timeout; `None` is no timeout.
    pub(crate) fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Session { timeout, ..self.clone() }
    }

    /// The same connections with a token that ends every call.
    pub(crate) fn with_cancel(&self, cancel: &CancelToken) -> Self {
        Session { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// The same connections for a question, whose wait for an answer is a short one.
    pub(crate) fn asking(&self) -> Self {
        Session { class: Class::Question, ..self.clone() }
    }

    /// What a wait of this session needs a connection for.
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

    /// The wait of a call that takes none of its own.
    pub(crate) fn quick(&self) -> Timeout {
        self.timeout.into()
    }

    /// The wait of a call that was given a wait of zero: it reads once, within the default timeout, and
    /// its token ends it all the same.
    pub(crate) fn look(&self, timeout: &Timeout) -> Timeout {
        Timeout { cancel: timeout.cancel.clone(), ..self.quick() }
    }

    /// What bounds a call that begins now.
    pub(crate) fn until(&self, timeout: &Timeout) -> Result<Until> {
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        let cancels = [&self.cancel, &self.call, &timeout.cancel];
        let cancels = cancels.map(|cancel| cancel.as_ref().map(CancelToken::wake));
        Ok(self.pool.until(Deadline::after(timeout.duration), cancels)?)
    }

    /// The session for a step of a call: with the default timeout, but no more than the call has
    /// left, and with the token of the call beside its own. It is for this step only: what the caller
    /// keeps must not end with that token.
    pub(crate) fn for_a_step(&self, left: &Timeout) -> Self {
        let times = [self.timeout, left.duration];
        let timeout = times.into_iter().flatten().min();
        Session { timeout, call: left.cancel.clone(), ..self.clone() }
    }

    /// The same connections without any token: for what is to be done after a call was cancelled.
    pub(crate) fn uncancelled(&self) -> Self {
        Session { cancel: None, call: None, ..self.clone() }
    }

    /// The session for one try of several that a call may make: with the default timeout, or a usual one where
    /// there is none, but no more than the call has left.
    pub(crate) fn for_a_try(&self, until: &Until) -> Self {
        const USUAL: Duration = Duration::from_secs(10);
        const LEAST: Duration = Duration::from_millis(1);
        let longest = self.timeout.unwrap_or(USUAL);
        let left = until.deadline.remaining().map_or(longest, |left| left.max(LEAST));
        self.with_timeout(Some(longest.min(left)))
    }

    /// One public call: makes what bounds it, and tells its errors what was asked of whom and how
    /// long it took.
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

    /// Runs a step of a quick call, which may be repeated.
    pub(crate) fn query<T>(
        &self,
        until: &Until,
        mut step: impl FnMut(&mut Connection) -> transport::Result<T>,
    ) -> transport::Result<T> {
        self.steps(Purpose::Question, Class::Quick, until, |connection, _| step(connection))
    }

    /// Runs a step of a call again and again, until it succeeds, fails for good, or the call ends.
    /// A connection that falls silent is replaced. The step must not wait for anything but Redis.
    pub(crate) fn repeat<T>(
        &self,
        until: &Until,
        step: impl FnMut(&mut Connection, &Until) -> transport::Result<T>,
    ) -> transport::Result<T> {
        self.steps(Purpose::Wait, Class::Quick, &until.impatient(), step)
    }

    /// The same for a step that waits for an agent or the controller.
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
