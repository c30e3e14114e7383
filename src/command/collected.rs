//! [`Collected`]: all results and errors of a command in one value.

use super::Command;
use crate::engine::{Timeout, push};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::transport::clock;

/// Results and errors of all agents of a command; from
/// [`Request::run_all`](crate::Request::run_all) and
/// [`Request::run_until_failure`](crate::Request::run_until_failure).
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let all = client.bash(Target::all(), "uptime").run_all(std::time::Duration::from_secs(10))?;
/// for job in all.failed() {
///     eprintln!("{}: {}", job.agent(), job.stderr());
/// }
/// for error in &all.errors {
///     eprintln!("{error}");
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Collected {
    /// The command. Use it to wait for the missing results; it does not return those in
    /// [`Collected::jobs`] again.
    pub command: Command,
    /// The results, in order of completion.
    pub jobs: Vec<Job>,
    /// One error for each agent without a result: see [`Results`](crate::Results). An error that ended
    /// the wait for all agents is the last, and names no agent.
    pub errors: Vec<Error>,
    /// Whether the wait ended at a failure, or by an error, before the deadline and before all agents had
    /// answered.
    pub stopped: bool,
}

impl Collected {
    /// Sends a command and collects all results.
    pub(crate) fn of(command: Command, timeout: Timeout, stop_at_failure: bool) -> Result<Self> {
        let begun = clock::now();
        command.refuse_endless(&timeout)?;
        push::submit(command.session(), command.envelope(), &timeout)?;
        // One deadline for both steps.
        let results = command.results_within(&timeout.since(begun))?;
        let mut collected =
            Collected { command, jobs: Vec::new(), errors: Vec::new(), stopped: false };
        for result in results {
            if collected.take(result) && stop_at_failure {
                collected.stopped = true;
                break;
            }
        }
        Ok(collected)
    }

    /// Adds a result and returns whether it is a failure.
    fn take(&mut self, result: Result<Job>) -> bool {
        match result {
            Ok(job) => {
                let failed = !job.is_success();
                self.command.note_returned(job.agent());
                self.jobs.push(job);
                failed
            }
            Err(error) => {
                self.stopped |= error.is_final();
                self.errors.push(error);
                true
            }
        }
    }

    /// Returns whether every agent has answered and every job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.errors.is_empty() && !self.stopped && self.jobs.iter().all(Job::is_success)
    }

    /// Returns the jobs that ended in a state other than `SUCCESS`.
    pub fn failed(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.is_success())
    }
}
