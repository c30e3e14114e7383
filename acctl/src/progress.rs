//! Progress bar of a fan-out, drawn on terminals only.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use acclient::{Command, JobState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often Redis is asked which agents have begun.
const LOOK: Duration = Duration::from_secs(1);
/// All jobs are read for that, with their results: too much above so many agents.
const MOST: usize = 1000;
const TICK: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: usize,
    succeeded: usize,
    failed: usize,
    /// Those that have not begun.
    waiting: usize,
}

/// Counts agents, and draws a bar of them.
pub struct Progress {
    bar: ProgressBar,
    counts: Mutex<Counts>,
}

impl Progress {
    /// Draws with this bar, which is hidden where stderr is no terminal.
    pub fn new(bar: &ProgressBar) -> Self {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if !bar.is_hidden() {
            let style = ProgressStyle::with_template("{elapsed:>4} [{bar:20}] {msg}");
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "),
            );
            bar.enable_steady_tick(TICK);
        }
        let progress = Progress { bar: bar.clone(), counts: Mutex::default() };
        progress.begin(0, 0);
        progress
    }

    pub fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// One agent more has answered, or will not. Of how many, and how many have not begun, is told where
    /// it is known.
    pub fn done(&self, succeeded: bool, all: usize, waiting: Option<usize>) {
        self.change(|counts| {
            let count = if succeeded { &mut counts.succeeded } else { &mut counts.failed };
            *count += 1;
            counts.all = counts.all.max(all);
            counts.waiting = waiting.unwrap_or(counts.waiting);
        });
    }

    /// What is known before the first has answered.
    pub fn begin(&self, all: usize, waiting: usize) {
        self.change(|counts| (counts.all, counts.waiting) = (all, waiting));
    }

    /// Looks which agents have begun, until the sender is gone.
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

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        let Counts { all, succeeded, failed, waiting } = *counts;
        let over = succeeded + failed;
        let waiting = waiting.min(all.saturating_sub(over));
        let running = all.saturating_sub(over + waiting);
        self.bar.set_length(all as u64);
        self.bar.set_position(over as u64);
        self.bar.set_message(format!(
            "{succeeded} done, {failed} failed, {running} running, {waiting} waiting"
        ));
    }
}
