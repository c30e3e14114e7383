//! Worker threads that block in BLPOP and can be stopped without losing what they popped.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;

use crate::conn::{Closer, Conn, Endpoint};
use crate::lock;

/// A flag other threads can wait for.
#[derive(Default)]
pub(crate) struct Flag {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Flag {
    pub(crate) fn set(&self) {
        *lock(&self.set) = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *lock(&self.set)
    }

    /// Waits at most `time`; tells whether the flag is set.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.set), time, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What a worker does after it handled what it popped, or after Redis refused.
#[derive(PartialEq)]
pub(crate) enum Flow {
    Continue,
    End,
}

/// How long between tries of a worker that survives an error.
const RETRY: Duration = Duration::from_millis(10);
/// How long a Redis may take to withdraw a blocking pop before its connection is cut.
const WITHDRAW: Duration = Duration::from_secs(2);
/// Seconds of one BLPOP, after which the original asks again: what Redis refuses by now is noticed then.
const BLOCK: u32 = 15;

/// What a worker thread works for.
pub(crate) trait Work: Send + 'static {
    /// Called before each pop; may wait, but no longer than for `stop`.
    fn before(&mut self, stop: &Flag) {
        let _ = stop;
    }

    /// Handles what was popped.
    fn handle(&mut self, conn: &mut Conn, payload: Vec<u8>) -> Flow;

    /// Redis can't be reached, or refused the pop.
    fn failed(&mut self) -> Flow;
}

#[derive(Default)]
pub(crate) struct Worker {
    stop: Flag,
    /// Set once the thread is about to block for the first time.
    ready: Flag,
    done: Flag,
    /// Redis's number of the connection that blocks; 0 when there is none.
    client: AtomicI64,
    closer: Mutex<Option<Closer>>,
}

impl Worker {
    /// Starts a thread that waits `delay` and then works on what arrives in the list `key`.
    pub(crate) fn start(
        name: String,
        endpoint: Endpoint,
        key: String,
        delay: Duration,
        mut work: impl Work,
    ) -> Arc<Self> {
        let worker = Arc::new(Worker::default());
        let mine = Arc::clone(&worker);
        let body = move || {
            if delay.is_zero() || !mine.stop.wait(delay) {
                mine.run(&endpoint, &key, &mut work);
            }
            drop(work);
            mine.ready.set();
            mine.done.set();
        };
        if std::thread::Builder::new().name(name).spawn(body).is_err() {
            worker.ready.set();
            worker.done.set();
        }
        worker
    }

    fn run(&self, endpoint: &Endpoint, key: &str, work: &mut impl Work) {
        while !self.stop.is_set() {
            let served = match self.connect(endpoint) {
                Ok(mut conn) => self.serve(&mut conn, key, work),
                Err(_) => None,
            };
            self.client.store(0, Ordering::Release);
            lock(&self.closer).take();
            let ends = served.is_some() || self.stop.is_set();
            if ends || work.failed() == Flow::End {
                return;
            }
            self.stop.wait(RETRY);
        }
    }

    fn connect(&self, endpoint: &Endpoint) -> redis::RedisResult<Conn> {
        let mut conn = endpoint.connect(true)?;
        let client = redis::cmd("CLIENT").arg("ID").query::<i64>(&mut conn)?;
        *lock(&self.closer) = Some(conn.closer());
        self.client.store(client, Ordering::Release);
        Ok(conn)
    }

    /// Pops until the worker is to end; `None` when Redis refuses.
    fn serve(&self, conn: &mut Conn, key: &str, work: &mut impl Work) -> Option<()> {
        loop {
            work.before(&self.stop);
            if self.stop.is_set() {
                return Some(());
            }
            self.ready.set();
            let answer = redis::cmd("BLPOP").arg(key).arg(BLOCK).query::<Value>(conn).ok()?;
            // Nil: timed out, or unblocked to check the stop flag.
            let popped = redis::from_redis_value::<Option<(Vec<u8>, Vec<u8>)>>(answer);
            let Ok(Some((_, payload))) = popped else { continue };
            if self.stop.is_set() {
                // It came just while we were being stopped: it goes back to where it was.
                let _ = redis::cmd("LPUSH").arg(key).arg(payload).exec(conn);
                return Some(());
            }
            if work.handle(conn, payload) == Flow::End {
                return Some(());
            }
        }
    }

    /// Waits until the thread drains its list, for a bounded time.
    pub(crate) fn wait_ready(&self) {
        self.ready.wait(Duration::from_secs(10));
    }

    pub(crate) fn stop_one(&self, endpoint: &Endpoint) {
        Worker::stop_all(&[self], endpoint);
    }

    /// Stops all of them; returns when none touches Redis any more. A worker must not stop itself.
    pub(crate) fn stop_all(workers: &[&Self], endpoint: &Endpoint) {
        workers.iter().for_each(|w| w.stop.set());
        let mut admin: Option<Conn> = None;
        let deadline = Instant::now() + WITHDRAW;
        for worker in workers {
            while !worker.done.is_set() {
                // Again and again, because an UNBLOCK that comes before the BLPOP does nothing.
                worker.withdraw(&mut admin, endpoint, deadline);
                worker.done.wait(Duration::from_millis(1));
            }
        }
    }

    fn withdraw(&self, admin: &mut Option<Conn>, endpoint: &Endpoint, deadline: Instant) {
        let late = Instant::now() >= deadline;
        if late {
            if let Some(closer) = &*lock(&self.closer) {
                closer.close();
            }
            return;
        }
        let client = self.client.load(Ordering::Acquire);
        if client == 0 {
            return;
        }
        if admin.is_none() {
            *admin = endpoint.connect(false).ok();
        }
        if let Some(conn) = admin {
            conn.limit(deadline.saturating_duration_since(Instant::now()));
            if redis::cmd("CLIENT").arg("UNBLOCK").arg(client).exec(conn).is_err() {
                *admin = None;
            }
        }
    }
}
