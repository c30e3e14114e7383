//! Progress of a command across its agents, drawn as a bar.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use acclient::{Command, JobState};

use crate::bar::Bar;

/// Polling interval for jobs that have started.
const LOOK: Duration = Duration::from_secs(1);
/// Maximum number of agents for polling: each poll reads all jobs with their results.
const MOST: usize = 1000;
const TICK: Duration = Duration::from_millis(200);
const WIDTH: usize = 20;

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: usize,
    succeeded: usize,
    failed: usize,
    /// Agents that have not started.
    waiting: usize,
}

/// Counts of agents, and the bar that shows them.
pub struct Progress<'a> {
    bar: &'a Bar,
    begun: Instant,
    counts: Mutex<Counts>,
}

impl<'a> Progress<'a> {
    pub fn new(bar: &'a Bar) -> Self {
        Progress { bar, begun: Instant::now(), counts: Mutex::default() }
    }

    pub fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// Counts one more agent with an outcome. `all` is the number of agents, `waiting` the number that have not started,
    /// if known.
    pub fn done(&self, succeeded: bool, all: usize, waiting: Option<usize>) {
        self.change(|counts| {
            let count = if succeeded { &mut counts.succeeded } else { &mut counts.failed };
            *count += 1;
            counts.all = counts.all.max(all);
            counts.waiting = waiting.unwrap_or(counts.waiting);
        });
    }

    /// Sets the counts before the first result.
    pub fn begin(&self, all: usize, waiting: usize) {
        self.change(|counts| (counts.all, counts.waiting) = (all, waiting));
    }

    /// Draws the bar until the sender is dropped.
    pub fn draw(&self, ended: &Receiver<()>) {
        while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            self.bar.draw(&self.line());
        }
    }

    /// Polls which agents have started, until the sender is dropped.
    pub fn look_at(&self, command: &Command, ended: &Receiver<()>) {
        let mut pause = TICK;
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = LOOK;
            let Ok(jobs) = command.jobs() else { return };
            if jobs.len() > MOST {
                return self.begin(jobs.len(), 0);
            }
            let waiting = jobs.values().filter(|job| job.state() == &JobState::Queued).count();
            self.change(|counts| (counts.all, counts.waiting) = (jobs.len(), waiting));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn line(&self) -> String {
        let Counts { all, succeeded, failed, waiting } =
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let over = succeeded + failed;
        let waiting = waiting.min(all.saturating_sub(over));
        let running = all.saturating_sub(over + waiting);
        let full = "=".repeat((WIDTH * over).checked_div(all).unwrap_or_default().min(WIDTH));
        let seconds = self.begun.elapsed().as_secs();
        format!(
            "{seconds:>3}s [{full:WIDTH$}] {succeeded} done, {failed} failed, {running} running, {waiting} waiting"
        )
    }
}
