//! Timer thread for time limits of jobs and delayed results.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lock;

type Task = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Tasks {
    /// The number distinguishes and orders tasks with the same instant.
    waiting: BTreeMap<(Instant, u64), Task>,
    next: u64,
    ended: bool,
}

#[derive(Default)]
struct Inner {
    tasks: Mutex<Tasks>,
    changed: Condvar,
}

/// Thread that runs tasks at their time.
pub(crate) struct Timer(Arc<Inner>);

/// Handle for cancelling a task.
pub(crate) struct Ticket((Instant, u64));

impl Timer {
    pub(crate) fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let theirs = Arc::clone(&inner);
        std::thread::spawn(move || run(&theirs));
        Timer(inner)
    }

    pub(crate) fn after(&self, time: Duration, task: impl FnOnce() + Send + 'static) -> Ticket {
        let mut tasks = lock(&self.0.tasks);
        let key = (Instant::now() + time, tasks.next);
        tasks.next += 1;
        tasks.waiting.insert(key, Box::new(task));
        self.0.changed.notify_all();
        Ticket(key)
    }

    pub(crate) fn cancel(&self, ticket: Ticket) {
        let task = lock(&self.0.tasks).waiting.remove(&ticket.0);
        // Dropped after the lock is released: the task may own a user of the timer.
        drop(task);
    }

    pub(crate) fn stop(&self) {
        let mut tasks = lock(&self.0.tasks);
        tasks.ended = true;
        let waiting = std::mem::take(&mut tasks.waiting);
        drop(tasks);
        drop(waiting);
        self.0.changed.notify_all();
    }
}

fn run(inner: &Inner) {
    let mut tasks = lock(&inner.tasks);
    loop {
        if tasks.ended {
            return;
        }
        let now = Instant::now();
        let first = tasks.waiting.keys().next().copied();
        tasks = match first {
            Some(key) if key.0 <= now => {
                let task = tasks.waiting.remove(&key);
                drop(tasks);
                if let Some(task) = task {
                    task();
                }
                lock(&inner.tasks)
            }
            Some(key) => {
                let waited = inner.changed.wait_timeout(tasks, key.0 - now);
                waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
            }
            None => inner.changed.wait(tasks).unwrap_or_else(std::sync::PoisonError::into_inner),
        };
    }
}
