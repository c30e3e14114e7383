//! [`Collected`]: all that a command led to, in one value.

use super::Command;
use crate::engine::{Timeout, push};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::transport::clock;

/// All that came of a command; from
/// [`Request::run_all`](crate::Request::run_all) and
/// [`Request::run_until_failure`](crate::Request::run_until_failure).
#[derive(Debug)]
pub struct Collected {
    /// The command, by which what is missing here can be waited for: it does not return again what
    /// stands in [`Collected::jobs`].
    pub command: Command,
    /// What the agents returned, in order of completion.
    pub jobs: Vec<Job>,
    /// What is to be said of agents that returned nothing, one for each: see
    /// [`Results`](crate::Results). What ended the wait for everybody is the last, without an agent.
    pub errors: Vec<Error>,
    /// Whether it stopped at a failure, or was ended, before all agents had answered.
    pub stopped: bool,
}

impl Collected {
    /// Sends a command and takes all results.
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

    /// Takes a result; whether it is a failure.
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

    /// Whether every agent has answered, and every job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.errors.is_empty() && !self.stopped && self.jobs.iter().all(Job::is_success)
    }

    /// The jobs that ended in another state than `SUCCESS`.
    pub fn failed(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.is_success())
    }
}
