//! Worker threads that block in BLPOP and can be stopped without losing a popped element.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;

use crate::conn::{Closer, Conn, Endpoint};
use crate::lock;

/// Flag that other threads can wait for.
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

    /// Waits up to `time`. Returns whether the flag is set.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.set), time, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Whether a worker continues after handling an element or an error.
#[derive(PartialEq)]
pub(crate) enum Flow {
    Continue,
    End,
}

/// Pause between attempts of a worker that survives an error.
const RETRY: Duration = Duration::from_millis(10);
/// Timeout for unblocking a BLPOP, after which its connection is closed.
const WITHDRAW: Duration = Duration::from_secs(2);
/// Timeout of a BLPOP in seconds, as in the original, which notices errors only when it polls again.
const BLOCK: u32 = 15;

/// Work of a worker thread.
pub(crate) trait Work: Send + 'static {
    /// Called before each pop. May wait until `stop` is set.
    fn before(&mut self, stop: &Flag) {
        let _ = stop;
    }

    /// Handles a popped element.
    fn handle(&mut self, conn: &mut Conn, payload: Vec<u8>) -> Flow;

    /// Handles a connection error or a rejected pop.
    fn failed(&mut self) -> Flow;
}

#[derive(Default)]
pub(crate) struct Worker {
    stop: Flag,
    /// Set once the thread is about to block for the first time.
    ready: Flag,
    done: Flag,
    /// Client id of the blocked connection; 0 if there is none.
    client: AtomicI64,
    closer: Mutex<Option<Closer>>,
}

impl Worker {
    /// Starts a thread that waits for `delay` and then pops from the list `key`.
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

    /// Pops until the worker ends. `None` on a Redis error.
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
                // Popped while being stopped: push it back.
                let _ = redis::cmd("LPUSH").arg(key).arg(payload).exec(conn);
                return Some(());
            }
            if work.handle(conn, payload) == Flow::End {
                return Some(());
            }
        }
    }

    /// Waits until the thread pops for the first time, up to 10 seconds.
    pub(crate) fn wait_ready(&self) {
        self.ready.wait(Duration::from_secs(10));
    }

    pub(crate) fn stop_one(&self, endpoint: &Endpoint) {
        Worker::stop_all(&[self], endpoint);
    }

    /// Stops workers and waits until none uses Redis. A worker must not stop itself.
    pub(crate) fn stop_all(workers: &[&Self], endpoint: &Endpoint) {
        workers.iter().for_each(|w| w.stop.set());
        let mut admin: Option<Conn> = None;
        let deadline = Instant::now() + WITHDRAW;
        for worker in workers {
            while !worker.done.is_set() {
                // Repeatedly, because CLIENT UNBLOCK has no effect before the BLPOP.
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
