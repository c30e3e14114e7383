//! The connections of a client: how many there may be, who has them, what a fork does to them.

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

/// How many broadcast prefixes a client may have at a time: each costs every writer of the server.
const BROADCASTS: usize = 16;
/// How long closing may take to give the last keys their time to live.
const CLOSING: Duration = Duration::from_millis(500);
/// How much of that may be spent on keys that are not there yet.
const ABOUT_TO_BE: Duration = Duration::from_millis(100);
/// How many keys are sent at a time then.
const SETTLED_AT_ONCE: usize = 1000;

/// A pool of connections to one server, shared by every handle of a client and every thread.
///
/// Each call that is under way has a connection of its own, up to `max_connections` and a few more for
/// calls that do not wait; a call past that waits its turn, first come first served among those that
/// may have the connection that gets free, within its deadline.
#[derive(Debug)]
pub(crate) struct Pool {
    config: Config,
    tls: Option<Connector>,
    counters: Counters,
    leftovers: Option<Leftovers>,
    closed: AtomicBool,
    /// The state of the process that last used the pool. A forked child finds its parent's here,
    /// puts one of its own in its place and lets the parent's be: its locks may be held by threads
    /// that the child does not have.
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
    /// Most recently used last, and reused first.
    idle: Vec<Connection>,
    /// Put aside between two calls of a wait.
    lot: Lot,
    loans: Loans,
}

impl Pool {
    /// A pool whose connections also look for `leftovers`.
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

    /// The connections of this process at this moment.
    pub(crate) fn connections(&self) -> Connections {
        let Some(state) = self.existing_state() else { return Connections::default() };
        let inner = state.lock();
        let (idle, waiting) = (inner.idle.len() + inner.parked(), inner.loans.waiting());
        Connections { open: idle + inner.loans.total(), idle, waiting }
    }

    /// What bounds a call on this pool.
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

    /// Takes an idle connection that is still alive, or makes one, once the class of the call may have
    /// one more.
    pub(crate) fn get(self: &Arc<Self>, class: Class, until: &Until) -> Result<Pooled> {
        let state = self.state()?;
        let mut inner = state.lock();
        if !inner.loans.take(class) {
            self.counters.pool_waits.add(1);
            state.wait_for_turn(inner, class, until)?;
            inner = state.lock();
        }
        while let Some(mut connection) = inner.idle.pop() {
            // A server that restarted has ended it; what is sent into such a connection is
            // lost without a word.
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

    /// Whether the server of a connection still is the master, by the Sentinels and by itself. Between
    /// replies only.
    pub(crate) fn confirm(&self, connection: &mut Connection, until: &Until) -> Result<bool> {
        sentinel::confirm(connection, &self.config, self.tls.as_ref(), until)
    }

    /// Runs a step on a connection, which goes back before another is taken: it may be the only one.
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

    /// What a failure means for other calls: after a failover, no connection leads to the master.
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

    /// Leave to have one broadcast prefix, while there are few enough.
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

    /// Drops the update of a key that will never exist.
    pub(crate) fn forget(&self, key: &[u8]) {
        if let Some(state) = self.existing_state() {
            state.pending.forget(key);
        }
    }

    /// Ends all pending calls with [`Error::Closed`] and closes the idle connections. Keys that
    /// have pending TTL updates get it now, for which this may block for up to half a second.
    pub(crate) fn close(self: &Arc<Self>) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        // After a fork in this very moment there is nothing of ours to close.
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

    /// The state of this process, made anew after a fork.
    fn state(&self) -> Result<&State> {
        if let Some(state) = self.existing_state() {
            return Ok(state);
        }
        let inherited = self.state.load(Ordering::SeqCst);
        let fresh = Box::into_raw(State::new(&self.config, self.leftovers)?);
        match self.state.compare_exchange(inherited, fresh, Ordering::SeqCst, Ordering::SeqCst) {
            // SAFETY: just made, and from now on owned by `self.state`. The inherited one is left as it is.
            Ok(_) => Ok(unsafe { &*fresh }),
            Err(others) => {
                // SAFETY: `fresh` was never shared; another thread of the child was faster, and
                // what it put there is its process's state, alive as long as the pool.
                unsafe {
                    drop(Box::from_raw(fresh));
                    Ok(&*others)
                }
            }
        }
    }

    /// The state, if it is this process's.
    fn existing_state(&self) -> Option<&State> {
        // SAFETY: never null, and freed only by Drop of the pool.
        let state = unsafe { &*self.state.load(Ordering::SeqCst) };
        state.process.is_current().then_some(state)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = *self.state.get_mut();
        // SAFETY: made by Box::into_raw, and nobody else has the pool any more.
        if !unsafe { (*state).process.is_current() } {
            // The parent's, in a child that never used the client: it is left as it is, since its locks
            // may be held by threads that the child does not have.
            fork::close_inherited();
            return;
        }
        // SAFETY: as above; this process made it and frees it.
        let state = unsafe { Box::from_raw(state) };
        // Also where the client was closed: calls that were under way then left keys since.
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

    /// The lock is held for moments only, never across a wait or a system call that can block.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code under the lock panics in between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the call is counted among the loans.
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

    /// At the end: keys without a time to live get it now, within a moment. What is left then is found by a
    /// later client.
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
            // An idle connection may have broken since its last call. Nobody is left to tell of the end.
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
    /// What the Sentinels said of one connection is good for the others to the same server.
    fn confirm(&mut self, confirmed: &Connection) {
        for idle in self.idle.iter_mut().filter(|idle| idle.address() == confirmed.address()) {
            idle.named = confirmed.named;
        }
    }

    /// Closes a connection that is of no more use.
    fn discard(&mut self, mut connection: Connection) {
        connection.give_back_own();
    }
}

/// A connection on loan. Dropping it gives it back, or closes it if it is in the middle of
/// anything.
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
        // In a child the connection is its parent's: dropping it is close(2) and nothing else.
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
    /// Whether this process made it, and is no forked child of the one that did.
    pub(crate) fn is_ours(&self) -> bool {
        self.process.is_current()
    }
}

/// One of the broadcast prefixes that a client may have, until it is dropped.
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

    /// The state hides behind a pointer, where the compiler does not look for what is in it.
    #[test]
    fn a_pool_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<State>();
        shared::<Pool>();
    }
}
