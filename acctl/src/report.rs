//! Prints results as they complete, and sums them up in a line and an exit status.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::sync::mpsc;
use std::thread;

use acclient::{Command, Error, ErrorKind, Job, Outcome as Answered, Results, Rollout};
use serde_json::json;

use crate::commands::killed;
use crate::exit::{Failure, Outcome, Status};
use crate::json;
use crate::output::{BAD, GOOD, Output};
use crate::progress::Progress;
use crate::sending::Waiting;
use crate::session::Session;

/// Where results come from.
trait Source {
    fn next(&mut self) -> Option<acclient::Result<Job>>;
    /// How many agents it is for, when so many have been told of.
    fn total(&self, told: usize) -> usize;
    /// How many of them get nothing before others are done, where that is known.
    fn waiting(&self, told: usize) -> Option<usize>;
}

impl Source for Results {
    fn next(&mut self) -> Option<acclient::Result<Job>> {
        Iterator::next(self)
    }

    fn total(&self, told: usize) -> usize {
        told + self.remaining()
    }

    fn waiting(&self, _told: usize) -> Option<usize> {
        None
    }
}

impl Source for Rollout {
    fn next(&mut self) -> Option<acclient::Result<Job>> {
        Iterator::next(self)
    }

    fn total(&self, _told: usize) -> usize {
        self.agents().len()
    }

    fn waiting(&self, told: usize) -> Option<usize> {
        let left = self.not_started().len();
        let none_runs = self.total(told) == told + left;
        // The next batch begins with the next look.
        Some(if none_runs { left.saturating_sub(self.batch_size()) } else { left })
    }
}

/// What has been told so far.
#[derive(Debug, Default)]
struct Tally {
    succeeded: usize,
    failed: usize,
    silent: usize,
    maybe_sent: usize,
    unreadable: usize,
    nobody: usize,
    timed_out: bool,
    /// Of errors of other kinds, the first.
    other: Option<Status>,
    interrupted: bool,
    /// Printed commands that are still to be waited for.
    pending: BTreeSet<String>,
}

impl Tally {
    fn told(&self) -> usize {
        self.counts().iter().map(|(count, _)| count).sum()
    }

    fn counts(&self) -> [(usize, &'static str); 6] {
        [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.silent, "did not answer"),
            (self.maybe_sent, "maybe sent"),
            (self.unreadable, "answered what cannot be read"),
            (self.nobody, "not known to the controller"),
        ]
    }

    fn error(&mut self, error: &Error) {
        match Status::of(error) {
            // It says nothing of the agent that it may name: what was sent is in flight.
            Status::Interrupted => return self.interrupted = true,
            Status::TimedOut => self.timed_out = true,
            // These are known by their counts.
            Status::Nobody | Status::MaybeSent => {}
            status => {
                self.other.get_or_insert(status);
            }
        }
        match Status::of(error) {
            _ if error.is_maybe_sent() => self.maybe_sent += 1,
            Status::Nobody => self.nobody += 1,
            // It has ended the wait, for how many is not known.
            _ if error.is_final() => {}
            Status::TimedOut => self.silent += 1,
            _ => self.unreadable += 1,
        }
        if error.is_timeout() || error.is_maybe_sent() {
            self.pending.extend(error.command_handle().map(str::to_owned));
        }
    }

    /// The first that is true of one agent, in the order that the help names.
    fn status(&self) -> Status {
        match self {
            Tally { interrupted: true, .. } => Status::Interrupted,
            Tally { failed: 1.., .. } => Status::SomeFailed,
            Tally { nobody: 1.., .. } => Status::Nobody,
            Tally { timed_out: true, .. } => Status::TimedOut,
            Tally { maybe_sent: 1.., .. } => Status::MaybeSent,
            Tally { other: Some(status), .. } => *status,
            Tally { succeeded: 0, .. } => Status::Nobody,
            _ => Status::Success,
        }
    }

    fn in_words(&self) -> String {
        let counts = self.counts();
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = told.map(|(count, what)| format!("{count} {what}")).collect();
        if words.is_empty() { "nobody has answered".into() } else { words.join(", ") }
    }
}

/// Prints results, and says at the end how it went.
pub struct Report<'a> {
    session: &'a Session<'a>,
    output: &'a Output,
    waiting: &'a Waiting,
    /// Whether there may be results of several agents, so that each needs a heading.
    is_many: bool,
}

impl<'a> Report<'a> {
    pub fn new(session: &'a Session<'a>, waiting: &'a Waiting, is_many: bool) -> Self {
        Report { session, output: session.output, waiting, is_many }
    }

    /// Waits for commands that were sent.
    pub fn commands(mut self, commands: Vec<Command>) -> Outcome {
        let mut results = match self.session.client.wait_any(&commands, self.waiting.time()) {
            // Before it began: what was sent is sent.
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                return self.interrupted(&commands);
            }
            results => results?,
        };
        self.is_many |= commands.len() > 1;
        let mut tally = Tally::default();
        let progress = self.is_many.then(|| Progress::new(&self.output.bar));
        // Several commands would have to be looked at one by one.
        let watched = match (&progress, commands.as_slice()) {
            (Some(progress), [command]) if !progress.is_hidden() => Some((progress, command)),
            _ => None,
        };
        let (end, ended) = mpsc::channel();
        let taken = thread::scope(|scope| {
            if let Some((progress, command)) = watched {
                scope.spawn(move || progress.look_at(command, &ended));
            }
            let taken = self.take(&mut results, &mut tally, progress.as_ref());
            drop(end);
            taken
        });
        self.close(&tally, progress.as_ref(), &tally.pending);
        taken?;
        if tally.interrupted {
            return self.interrupted(&commands);
        }
        Ok(tally.status())
    }

    /// Takes the results of a rollout.
    pub fn rollout(mut self, mut results: Rollout) -> Outcome {
        self.is_many |= results.agents().len() > 1;
        let mut tally = Tally::default();
        let progress = Progress::new(&self.output.bar);
        progress.begin(results.total(0), results.waiting(0).unwrap_or_default());
        let taken = self.take(&mut results, &mut tally, Some(&progress));
        let in_flight: Vec<Command> = results.in_flight().cloned().collect();
        self.close(&tally, Some(&progress), &in_flight);
        taken?;
        let left: Vec<String> = results.not_started().map(|agent| agent.to_string()).collect();
        if !left.is_empty() {
            let why = if tally.interrupted { "interrupted" } else { "stopped" };
            self.output.problem(&format!("{why}: nothing was sent to {}", left.join(", ")));
            self.output.document(json!({ "stopped": true, "not_started": left }))?;
        }
        if tally.interrupted {
            return self.interrupted(&in_flight);
        }
        match tally.status() {
            // Nobody failed, and still there was no time for all.
            Status::Success if !left.is_empty() => Ok(Status::TimedOut),
            status => Ok(status),
        }
    }

    fn take(
        &self,
        results: &mut impl Source,
        tally: &mut Tally,
        progress: Option<&Progress>,
    ) -> Result<(), Failure> {
        while let Some(result) = results.next() {
            let succeeded = result.as_ref().is_ok_and(Job::is_success);
            match result {
                Ok(job) => {
                    *(if succeeded { &mut tally.succeeded } else { &mut tally.failed }) += 1;
                    self.job(&job)?;
                }
                Err(error) => {
                    tally.error(&error);
                    if tally.interrupted {
                        return Ok(());
                    }
                    self.output.problem(&error.to_string());
                    self.output.document(json::error(&error))?;
                }
            }
            if let Some(progress) = progress {
                let told = tally.told();
                progress.done(succeeded, results.total(told), results.waiting(told));
            }
        }
        Ok(())
    }

    /// What one agent returned.
    fn job(&self, job: &Job) -> Result<(), Failure> {
        let output = self.output;
        if output.is_json() {
            return Ok(output.document(json::job(job))?);
        }
        let (agent, state) = (job.agent(), job.state());
        if self.is_many {
            let style = if job.is_success() { GOOD } else { BAD };
            let heading = format!("== {agent} {state} ({:.3} s)", job.time().as_secs_f64());
            output.line(output.styled(&heading, style))?;
        }
        output.text(job.stdout())?;
        if self.is_many {
            for line in job.stderr().lines() {
                output.note(format!("{agent}: {line}"));
            }
        } else {
            output.bar.suspend(|| {
                let _ = std::io::stderr().write_all(job.stderr().as_bytes());
            });
        }
        // An agent's own command that failed says no more than "{}".
        let data = Some(job.data()).filter(|data| !data.is_empty());
        match data {
            Some(data) if job.is_success() => output.text(data)?,
            Some(data) if data != "{}" => {
                output.problem(&format!("agent {agent}: {state}: {}", data.trim_end()));
            }
            _ if job.is_success() || self.is_many => {}
            _ => output.problem(&format!("agent {agent}: {state}")),
        }
        if let Some(critical) = job.critical() {
            output.note(format!("{agent}: {}", critical.trim_end()));
        }
        Ok(())
    }

    /// Ends the bar, and says how several agents fared, and how to come back to those that are left.
    fn close(
        &self,
        tally: &Tally,
        progress: Option<&Progress>,
        left: impl IntoIterator<Item = impl Display>,
    ) {
        if let Some(progress) = progress {
            progress.end();
        }
        if self.is_many {
            self.output.note(tally.in_words());
        }
        if !tally.interrupted {
            self.come_back(left);
        }
    }

    /// A command of which it is not known whether Redis has it.
    pub fn doubtful(&self, error: Error) -> Outcome {
        if error.kind() == ErrorKind::Cancelled {
            let command =
                error.command_handle().map(|printed| self.session.unending.get_by_handle(printed));
            return self.interrupted(command.transpose()?.as_slice());
        }
        self.come_back(error.command_handle());
        Err(error.into())
    }

    /// Says how to wait again.
    fn come_back(&self, commands: impl IntoIterator<Item = impl Display>) {
        let quoted: Vec<String> =
            commands.into_iter().map(|command| format!(" '{command}'")).collect();
        if !quoted.is_empty() {
            self.output.note(format!("come back with: acctl wait{}", quoted.concat()));
        }
    }

    /// After Ctrl-C: says how to come back, or kills.
    fn interrupted(&self, commands: &[Command]) -> Outcome {
        let printed: Vec<String> = commands.iter().map(Command::to_string).collect();
        self.output.document(json!({ "interrupted": true, "commands": printed }))?;
        let kills = self.waiting.kill_on_interrupt;
        let then = if kills { "killing what was sent" } else { "what was sent goes on" };
        self.output.note(format!("interrupted; {then}"));
        // Before the killing: a second Ctrl-C ends that, and what is left has to be known then.
        self.come_back(&printed);
        if !kills {
            return Ok(Status::Interrupted);
        }
        for printed in &printed {
            self.kill(&self.session.unending.get_by_handle(printed)?);
        }
        Ok(Status::Interrupted)
    }

    fn kill(&self, command: &Command) {
        match command.retract() {
            Ok(true) => return self.output.note("taken back before it ran"),
            Err(error) if error.kind() == ErrorKind::Connect => {
                return self.output.problem(&error.to_string());
            }
            _ => {}
        }
        let outcomes = match command.kill() {
            Ok(outcomes) => outcomes,
            Err(error) => return self.output.problem(&error.to_string()),
        };
        for (agent, outcome) in outcomes {
            match outcome {
                Answered::Done(kill) => self.output.note(format!("{agent}: {}", killed(kill))),
                Answered::Over(job) => self.output.note(format!("{agent}: over: {}", job.state())),
                Answered::Failed(error) => self.output.problem(&error.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_first_that_is_true_of_one_agent() {
        let status = |tally: Tally| tally.status();
        let tally = || Tally { succeeded: 1, ..Tally::default() };
        assert_eq!(status(tally()), Status::Success);
        assert_eq!(status(Tally { nobody: 1, ..tally() }), Status::Nobody);
        assert_eq!(status(Tally { nobody: 1, timed_out: true, ..tally() }), Status::Nobody);
        assert_eq!(status(Tally { nobody: 1, failed: 1, ..tally() }), Status::SomeFailed);
        assert_eq!(status(Tally { maybe_sent: 1, timed_out: true, ..tally() }), Status::TimedOut);
    }

    #[test]
    fn without_a_result_nobody_was_reached() {
        assert_eq!(Tally::default().status(), Status::Nobody);
    }
}
