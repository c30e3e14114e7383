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

/// What a worker does after it handled what it popped.
#[derive(PartialEq)]
pub(crate) enum Flow {
    Continue,
    End,
}

/// How long between tries to reach a Redis that is gone.
const RETRY: Duration = Duration::from_millis(10);
/// How long a Redis may take to withdraw a blocking pop before its connection is cut.
const WITHDRAW: Duration = Duration::from_secs(2);

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
    /// Starts a thread that waits `delay`, calls `begin`, and then hands what arrives in the list
    /// `key` to `handle`.
    pub(crate) fn start(
        name: String,
        endpoint: Endpoint,
        key: String,
        delay: Duration,
        mut handle: impl FnMut(&mut Conn, Vec<u8>) -> Flow + Send + 'static,
        begin: impl FnOnce() + Send + 'static,
    ) -> Arc<Self> {
        let worker = Arc::new(Worker::default());
        let mine = Arc::clone(&worker);
        let body = move || {
            if delay.is_zero() || !mine.stop.wait(delay) {
                begin();
                mine.run(&endpoint, &key, &mut handle);
            }
            drop(handle);
            mine.ready.set();
            mine.done.set();
        };
        if std::thread::Builder::new().name(name).spawn(body).is_err() {
            worker.ready.set();
            worker.done.set();
        }
        worker
    }

    fn run(
        &self,
        endpoint: &Endpoint,
        key: &str,
        handle: &mut dyn FnMut(&mut Conn, Vec<u8>) -> Flow,
    ) {
        while !self.stop.is_set() {
            let Ok(mut conn) = endpoint.connect(true) else {
                self.stop.wait(RETRY);
                continue;
            };
            let Ok(client) = redis::cmd("CLIENT").arg("ID").query::<i64>(&mut conn) else {
                self.stop.wait(RETRY);
                continue;
            };
            *lock(&self.closer) = Some(conn.closer());
            self.client.store(client, Ordering::Release);
            self.ready.set();
            let flow = self.serve(&mut conn, key, handle);
            self.client.store(0, Ordering::Release);
            lock(&self.closer).take();
            if flow == Flow::End {
                return;
            }
            self.stop.wait(RETRY);
        }
    }

    fn serve(
        &self,
        conn: &mut Conn,
        key: &str,
        handle: &mut dyn FnMut(&mut Conn, Vec<u8>) -> Flow,
    ) -> Flow {
        while !self.stop.is_set() {
            let pop = redis::cmd("BLPOP").arg(key).arg(0).query::<Value>(conn);
            let Ok(answer) = pop else {
                return Flow::Continue;
            };
            // Nil: somebody woke us to have a look at the flag.
            let Ok(Some((_, payload))) =
                redis::from_redis_value::<Option<(Vec<u8>, Vec<u8>)>>(answer)
            else {
                continue;
            };
            if self.stop.is_set() {
                // It came just while we were being stopped: it goes back to where it was.
                let _ = redis::cmd("LPUSH").arg(key).arg(payload).exec(conn);
                return Flow::End;
            }
            if handle(conn, payload) == Flow::End {
                return Flow::End;
            }
        }
        Flow::End
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
