//! Connection pool: limits, checkout, reuse and fork handling.

mod loans;
mod parked;

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use self::loans::Class;
pub(crate) use self::parked::Parked;

use self::loans::Loans;
use self::parked::Lot;
use super::address::Config;
use super::clock;
use super::condition::Condition;
use super::connection::Connection;
use super::counters::{Connections, Counters};
use super::deadline::{Deadline, Until};
use super::error::{Error, Result};
use super::fork::{self, Process};
use super::pending_ttl::{Pending, TtlUpdate};
use super::poll::{self, Interest};
use super::sentinel;
use super::sweep::Leftovers;
use super::tls::Connector;
use super::wake::Wake;

/// Maximum number of broadcast prefixes per client; each one costs every writer on the server.
const BROADCASTS: usize = 16;
/// How long closing may take to send the pending TTL updates.
const CLOSING: Duration = Duration::from_millis(500);
/// The part of [`CLOSING`] that may be spent on keys that do not exist yet.
const ABOUT_TO_BE: Duration = Duration::from_millis(100);
/// Keys sent per batch while closing.
const SETTLED_AT_ONCE: usize = 1000;

/// Pool of connections to one server, shared by all handles of a client and all threads.
///
/// Each call in flight has its own connection, up to `max_connections` plus a few reserved for
/// calls that do not wait for results. Further calls queue within their deadlines. The queue is
/// first come, first served among the calls that may use the connection that becomes free.
#[derive(Debug)]
pub(crate) struct Pool {
    config: Config,
    tls: Option<Connector>,
    counters: Counters,
    leftovers: Option<Leftovers>,
    closed: AtomicBool,
    /// State of the process that last used the pool. A forked child finds the state of its parent
    /// here and replaces it with its own. It does not touch the state of the parent, whose locks
    /// may be held by threads that do not exist in the child.
    state: AtomicPtr<State>,
}

#[derive(Debug)]
struct State {
    process: Process,
    closing: Arc<Wake>,
    broadcasts: AtomicUsize,
    pending: Arc<Pending>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The most recently used connection is last and is reused first.
    idle: Vec<Connection>,
    /// Connections parked between two calls of a wait.
    lot: Lot,
    loans: Loans,
}

impl Pool {
    /// Creates a pool whose connections also search for `leftovers`.
    pub(crate) fn new(config: Config, leftovers: Option<Leftovers>) -> Result<Arc<Self>> {
        let tls = config.tls.as_ref().map(Connector::new).transpose()?;
        let state = AtomicPtr::new(Box::into_raw(State::new(&config, leftovers)?));
        let (closed, counters) = (AtomicBool::new(false), Counters::default());
        Ok(Arc::new(Pool { config, tls, counters, leftovers, closed, state }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the current number of connections of this process.
    pub(crate) fn connections(&self) -> Connections {
        let Some(state) = self.existing_state() else { return Connections::default() };
        let inner = state.lock();
        let (idle, waiting) = (inner.idle.len() + inner.parked(), inner.loans.waiting());
        Connections { open: idle + inner.loans.total(), idle, waiting }
    }

    /// Returns the call context: `deadline`, `cancels` and the closing of this pool.
    pub(crate) fn until(
        &self,
        deadline: Deadline,
        cancels: [Option<Arc<Wake>>; 3],
    ) -> Result<Until> {
        let state = self.state()?;
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        let closing = Some(state.closing.clone());
        let until = Until { deadline, cancels, closing, silence: None };
        until.check_cancelled()?;
        Ok(until)
    }

    /// Takes a live idle connection, or opens a new one. Waits until the class of the call may have
    /// another connection.
    pub(crate) fn get(self: &Arc<Self>, class: Class, until: &Until) -> Result<Pooled> {
        let state = self.state()?;
        let mut inner = state.lock();
        if !inner.loans.take(class) {
            self.counters.pool_waits.add(1);
            state.wait_for_turn(inner, class, until)?;
            inner = state.lock();
        }
        while let Some(mut connection) = inner.idle.pop() {
            // A server that restarted has closed the connection, and a command sent into it would
            // be lost silently.
            if connection.is_reusable() && !connection.has_input() {
                if !connection.is_stale() {
                    return Ok(self.pooled(state, class, connection));
                }
                drop(inner);
                let confirmed = self.confirm(&mut connection, until);
                inner = state.lock();
                match confirmed {
                    Ok(true) => {
                        inner.confirm(&connection);
                        return Ok(self.pooled(state, class, connection));
                    }
                    Ok(false) => {}
                    Err(error) => {
                        inner.discard(connection);
                        inner.loans.give_back(class);
                        return Err(error);
                    }
                }
            }
            inner.discard(connection);
        }
        inner.make_room();
        drop(inner);
        let made = Connection::open(&self.config, self.tls.as_ref(), until);
        let mut inner = state.lock();
        match made {
            Ok(connection) => {
                self.counters.connected.add(1);
                Ok(self.pooled(state, class, connection))
            }
            Err(error) => {
                inner.loans.give_back(class);
                Err(error)
            }
        }
    }

    /// Returns whether the server of a connection is still the master, according to the Sentinels
    /// and to the server itself. Must only be called between replies.
    pub(crate) fn confirm(&self, connection: &mut Connection, until: &Until) -> Result<bool> {
        sentinel::confirm(connection, &self.config, self.tls.as_ref(), until)
    }

    /// Runs a step on a connection and returns the connection before the caller takes another one,
    /// as the pool may have only one.
    pub(crate) fn once<T>(
        self: &Arc<Self>,
        class: Class,
        until: &Until,
        step: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.get(class, until)?;
        let result = step(&mut connection);
        if let Err(error) = &result {
            self.note_failure(&mut connection, error);
        }
        result
    }

    /// Discards the idle connections if the error means that none of them leads to the master any
    /// more.
    pub(crate) fn note_failure(&self, connection: &mut Connection, error: &Error) {
        let Error::Server(server) = error else { return };
        if server.condition() != Condition::NotReady {
            return;
        }
        connection.retire();
        if let Some(state) = self.existing_state() {
            let mut inner = state.lock();
            while let Some(idle) = inner.idle.pop() {
                inner.discard(idle);
            }
            inner.clear_lot();
        }
    }

    /// Reserves one of the broadcast prefixes; `None` if all are in use.
    pub(crate) fn broadcast(self: &Arc<Self>) -> Option<Broadcast> {
        let state = self.existing_state()?;
        if state.broadcasts.fetch_add(1, Ordering::SeqCst) < BROADCASTS {
            return Some(Broadcast { pool: self.clone(), process: state.process });
        }
        state.broadcasts.fetch_sub(1, Ordering::SeqCst);
        None
    }

    /// Adds the update of a key that did not exist when its call returned.
    pub(crate) fn add_ttl_update(&self, update: TtlUpdate) {
        if let Ok(state) = self.state() {
            state.pending.add(update);
        }
    }

    /// Removes the pending TTL update of a key that will never exist.
    pub(crate) fn forget(&self, key: &[u8]) {
        if let Some(state) = self.existing_state() {
            state.pending.forget(key);
        }
    }

    /// Ends all calls in flight with [`Error::Closed`] and closes the idle connections. Sends the
    /// pending TTL updates first, which may block for up to half a second.
    pub(crate) fn close(self: &Arc<Self>) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // Right after a fork this process has no connections to close.
        let Some(state) = self.existing_state() else {
            return;
        };
        state.closing.set();
        state.settle(&self.config, self.tls.as_ref());
    }

    fn pooled(self: &Arc<Self>, state: &State, class: Class, mut connection: Connection) -> Pooled {
        connection.lend(&state.pending);
        Pooled { pool: self.clone(), process: state.process, class, connection: Some(connection) }
    }

    /// Returns the state of this process; creates it after a fork.
    fn state(&self) -> Result<&State> {
        if let Some(state) = self.existing_state() {
            return Ok(state);
        }
        let inherited = self.state.load(Ordering::SeqCst);
        let fresh = Box::into_raw(State::new(&self.config, self.leftovers)?);
        match self.state.compare_exchange(inherited, fresh, Ordering::SeqCst, Ordering::SeqCst) {
            // SAFETY: just allocated, and owned by `self.state` from now on. The inherited state is
            // left as it is.
            Ok(_) => Ok(unsafe { &*fresh }),
            Err(others) => {
                // SAFETY: `fresh` was never shared. Another thread of the child was faster, and
                // `others` is the state of this process, which lives as long as the pool.
                unsafe {
                    drop(Box::from_raw(fresh));
                    Ok(&*others)
                }
            }
        }
    }

    /// Returns the state if it belongs to this process.
    fn existing_state(&self) -> Option<&State> {
        // SAFETY: never null, and freed only by Drop of the pool.
        let state = unsafe { &*self.state.load(Ordering::SeqCst) };
        state.process.is_current().then_some(state)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = *self.state.get_mut();
        // SAFETY: allocated with Box::into_raw, and `&mut self` is the only reference to the pool.
        if !unsafe { (*state).process.is_current() } {
            // A child that never used the client has the state of its parent. It is leaked, since
            // its locks may be held by threads that do not exist in the child.
            fork::close_inherited();
            return;
        }
        // SAFETY: as above; this process allocated it and frees it here only.
        let state = unsafe { Box::from_raw(state) };
        // Needed after `close` too: calls in flight at that time have added keys since.
        state.settle(&self.config, self.tls.as_ref());
    }
}

impl State {
    fn new(config: &Config, leftovers: Option<Leftovers>) -> Result<Box<Self>> {
        fork::close_inherited();
        let closing = Wake::new().map_err(|source| Error::System {
            what: "cannot create a pipe for a client",
            source,
        })?;
        let inner = Inner {
            idle: Vec::new(),
            lot: Lot::default(),
            loans: Loans::new(config.max_connections),
        };
        Ok(Box::new(State {
            process: Process::current(),
            closing: Arc::new(closing),
            broadcasts: AtomicUsize::new(0),
            pending: Pending::new(leftovers),
            inner: Mutex::new(inner),
        }))
    }

    /// Locks the state. The lock is never held across a wait or a blocking system call.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code under the lock panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the call has a loan.
    fn wait_for_turn(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        class: Class,
        until: &Until,
    ) -> Result<()> {
        let wake = Wake::new().map_err(|source| Error::System {
            what: "cannot create a pipe for a connection",
            source,
        })?;
        let wake = Arc::new(wake);
        inner.loans.wait(class, wake.clone());
        drop(inner);
        let Err(error) = poll::wait(wake.fd(), Interest::Read, until) else { return Ok(()) };
        let mut inner = self.lock();
        let max = inner.loans.max();
        inner.loans.leave(class, &wake);
        Err(if matches!(error, Error::Timeout) { Error::PoolExhausted { max } } else { error })
    }

    /// Sends the pending TTL updates at the end, within [`CLOSING`]. A later client finds the keys
    /// that remain.
    fn settle(&self, config: &Config, tls: Option<&Connector>) {
        let mut inner = self.lock();
        inner.clear_lot();
        let mut usable = None;
        while let Some(mut connection) = inner.idle.pop() {
            let is_first = usable.is_none();
            if is_first && connection.is_reusable() && !connection.has_input() {
                connection.give_back_own();
                usable = Some(connection);
            } else {
                inner.discard(connection);
            }
        }
        drop(inner);
        let updates = self.pending.drain();
        if !updates.is_empty() {
            let until = Until::new(Deadline::after(Some(CLOSING)));
            let settled = usable.map(|mut idle| apply_ttl_updates(&mut idle, &updates, &until));
            // An idle connection may have broken since its last call. Closing reports no error.
            if !matches!(settled, Some(Ok(()))) {
                let _ = Connection::open(config, tls, &until).and_then(|mut connection| {
                    apply_ttl_updates(&mut connection, &updates, &until)
                });
            }
        }
    }
}

/// Retries the updates until every key existed once, for a limited time.
fn apply_ttl_updates(
    connection: &mut Connection,
    updates: &[TtlUpdate],
    until: &Until,
) -> Result<()> {
    let begun = clock::now();
    let mut updates = updates.to_vec();
    let mut pause = Duration::from_millis(1);
    loop {
        let mut left = Vec::new();
        for some in updates.chunks(SETTLED_AT_ONCE) {
            for one in some {
                connection.command(&[b"EXPIRE", &one.key, one.seconds.to_string().as_bytes()]);
            }
            for one in some {
                match connection.reply(until) {
                    Ok(redis::Value::Int(1)) => {}
                    Ok(_) | Err(Error::Server(_)) => left.push(one.clone()),
                    Err(error) => return Err(error),
                }
            }
        }
        if left.is_empty() || clock::since(begun) >= ABOUT_TO_BE {
            return Ok(());
        }
        updates = left;
        poll::sleep(pause, until)?;
        pause *= 2;
    }
}

impl Inner {
    /// Applies the answer of the Sentinels for one connection to the others to the same server.
    fn confirm(&mut self, confirmed: &Connection) {
        for idle in self.idle.iter_mut().filter(|idle| idle.address() == confirmed.address()) {
            idle.named = confirmed.named;
        }
    }

    /// Closes a connection and returns its keys to the pool.
    fn discard(&mut self, mut connection: Connection) {
        connection.give_back_own();
    }
}

/// Connection on loan from the pool. Dropping it returns the connection, or closes it if it is in
/// the middle of a command or reply.
#[derive(Debug)]
pub(crate) struct Pooled {
    pool: Arc<Pool>,
    process: Process,
    class: Class,
    connection: Option<Connection>,
}

impl Deref for Pooled {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("taken by drop only")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("taken by drop only")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // In a child the connection belongs to the parent; dropping it only closes the descriptor.
        let Some(state) = self.pool.existing_state().filter(|state| state.process == self.process)
        else {
            return;
        };
        let mut inner = state.lock();
        if connection.is_reusable() && !self.pool.closed.load(Ordering::SeqCst) {
            inner.idle.push(connection);
        } else {
            inner.discard(connection);
        }
        inner.loans.give_back(self.class);
    }
}

impl Pooled {
    /// Returns whether the connection was opened by this process and not inherited in a fork.
    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }
}

/// Reservation of one of the broadcast prefixes of a client, released on drop.
#[derive(Debug)]
pub(crate) struct Broadcast {
    pool: Arc<Pool>,
    process: Process,
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        if let Some(state) =
            self.pool.existing_state().filter(|state| state.process == self.process)
        {
            state.broadcasts.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state is behind a raw pointer, which hides it from the auto traits.
    #[test]
    fn a_pool_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<State>();
        shared::<Pool>();
    }
}
