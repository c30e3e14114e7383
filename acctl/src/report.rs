//! Prints results as they complete, then a summary, and determines the exit status.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use acclient::{
    AgentId, Command, Error, ErrorKind, Job, Outcome as Answered, Progress as Stages, Results,
    Rollout, Stage,
};

use crate::commands::killed;
use crate::exit::{self, Failure, Outcome, brief};
use crate::fold::fold;
use crate::json;
use crate::output::Output;
use crate::output_dir::OutputDir;
use crate::progress::Progress;
use crate::render::{Fault, Renderer};
use crate::retry::Missing;
use crate::sending::Waiting;
use crate::session::Session;
use crate::signals;
use crate::stages;
use crate::tally::Tally;

/// Source of results.
trait Source {
    fn next(&mut self) -> Option<acclient::Result<Job>>;
    /// Number of agents, `told` of which have been reported.
    fn total(&self, told: usize) -> usize;
    /// Number of agents that wait for others to complete, if known.
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
        // The next call to `next` starts the next batch.
        Some(if none_runs { left.saturating_sub(self.batch_size()) } else { left })
    }
}

/// Prints results and the summary.
pub struct Report<'a> {
    session: &'a Session<'a>,
    output: &'a Output,
    waiting: &'a Waiting,
    /// Whether results may come from several agents, so that each needs a heading.
    is_many: bool,
    /// Whether this process sent the command: it exists even if Redis has no trace of it.
    is_sent: bool,
    directory: Option<OutputDir>,
    /// Missing results of earlier commands that are not retried.
    missing: Missing,
}

/// Commands and agents without a result when the wait ends.
#[derive(Default)]
struct Left {
    in_flight: Vec<Command>,
    not_started: Vec<AgentId>,
}

/// State of the report.
struct Told<'a> {
    tally: Tally,
    renderer: Renderer<'a>,
}

impl<'a> Report<'a> {
    /// Creates a report. Call it before sending: opening `--output-dir` may fail.
    pub fn new(
        session: &'a Session<'a>,
        waiting: &'a Waiting,
        is_many: bool,
    ) -> Result<Self, Failure> {
        let directory = waiting.shown.open(session.output)?;
        let is_many = is_many || !waiting.shown.is_plain();
        Ok(Report {
            session,
            output: session.output,
            waiting,
            is_many,
            is_sent: false,
            directory,
            missing: Missing::default(),
        })
    }

    /// Counts these agents as silent.
    pub fn without(mut self, missing: Missing) -> Self {
        self.is_many |= !missing.commands.is_empty();
        self.missing = missing;
        self
    }

    /// Reports when nothing was sent.
    pub fn nothing(mut self) -> Outcome {
        let told = self.told();
        self.finish(told, Ok(()), Left::default())
    }

    /// Prints the handle of a command that this process sent and waits for its results.
    pub fn sent(mut self, command: Command) -> Outcome {
        self.is_sent = true;
        self.note(format!("sent as {command}"));
        match self.output.document(json::sent(&command)) {
            Ok(()) => self.commands(vec![command]),
            failed => {
                let left = Left { in_flight: vec![command], ..Left::default() };
                self.end(&Tally::new(), failed.map_err(Failure::from), left)
            }
        }
    }

    fn told(&mut self) -> Told<'a> {
        let (shown, directory) = (&self.waiting.shown, self.directory.take());
        let renderer = Renderer::new(self.output, shown, self.is_many, directory);
        let mut tally = Tally::new();
        tally.missing(std::mem::take(&mut self.missing));
        Told { tally, renderer }
    }

    /// Waits for the results of submitted commands.
    pub fn commands(mut self, commands: Vec<Command>) -> Outcome {
        self.is_many |= commands.len() > 1;
        let mut told = self.told();
        let mut results = match self.session.client.wait_any(&commands, self.waiting.time()) {
            Ok(results) => results,
            // The wait did not start; the commands are in flight.
            Err(error) => {
                let left = Left { in_flight: commands, ..Left::default() };
                return self.end(&told.tally, Err(error.into()), left);
            }
        };
        let mut late = Vec::new();
        let taken = self.watched(self.is_many, commands.as_slice(), |progress| {
            self.take(&mut results, &mut told, progress, Some(&mut late))
        });
        let is_over = match (&taken, commands.as_slice()) {
            (Ok(()), _) => true,
            // The agents of a role or an id may not be known until the wait ends.
            (Err(_), [command]) if !self.is_many || !command.target().agent_ids().is_empty() => {
                told.tally.told() > 0 && results.remaining() == 0
            }
            _ => false,
        };
        let taken = taken.and_then(|()| self.late(&commands, &late, &mut told));
        let in_flight = if is_over { Vec::new() } else { commands };
        self.finish(told, taken, Left { in_flight, ..Left::default() })
    }

    /// Takes the results of a rollout.
    pub fn rollout(mut self, mut results: Rollout) -> Outcome {
        self.is_many |= results.agents().len() > 1;
        let mut told = self.told();
        let taken = self.watched(true, &[], |progress| {
            let waiting = results.waiting(0).unwrap_or_default();
            progress.iter().for_each(|it| it.begin(results.total(0), waiting));
            self.take(&mut results, &mut told, progress, None)
        });
        let left = Left {
            in_flight: results.in_flight().cloned().collect(),
            not_started: results.not_started().collect(),
        };
        left.in_flight.iter().for_each(|command| told.tally.pend(command.to_string()));
        self.finish(told, taken, left)
    }

    /// Takes results while drawing the progress bar, if it is shown.
    fn watched(
        &self,
        has_bar: bool,
        commands: &[Command],
        take: impl FnOnce(Option<&Progress>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let progress = Progress::new(&self.output.bar);
        if !has_bar || self.waiting.shown.quiet || progress.is_hidden() {
            return take(None);
        }
        let progress = &progress;
        let ((end, ended), (end_looks, looks_ended)) = (mpsc::channel(), mpsc::channel());
        let taken = thread::scope(|scope| {
            scope.spawn(move || progress.draw(&ended));
            // Several commands would need a request each.
            if let [command] = commands {
                scope.spawn(move || progress.look_at(command, &looks_ended));
            }
            let taken = take(Some(progress));
            drop((end, end_looks));
            taken
        });
        self.output.bar.suspend(|| ());
        taken
    }

    /// Takes results. Collects timeouts of agents in `late`, to be reported together.
    fn take(
        &self,
        results: &mut impl Source,
        told: &mut Told,
        progress: Option<&Progress>,
        mut late: Option<&mut Vec<Error>>,
    ) -> Result<(), Failure> {
        let mut count = 0;
        while let Some(result) = results.next() {
            let succeeded = result.as_ref().is_ok_and(Job::is_success);
            match result {
                Ok(job) => {
                    told.tally.job(&job);
                    told.renderer.job(&job)?;
                }
                // Not an outcome of the agent: the command is still in flight.
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
                Err(error) => match late.as_mut() {
                    Some(late) if error.kind() == ErrorKind::Timeout => late.push(error),
                    _ => self.error(&error, None, told)?,
                },
            }
            count += 1;
            if let Some(progress) = progress {
                progress.done(succeeded, results.total(count), results.waiting(count));
            }
        }
        Ok(())
    }

    /// Reports agents that did not answer, each with its stage.
    fn late(&self, commands: &[Command], late: &[Error], told: &mut Told) -> Result<(), Failure> {
        let mut stages: BTreeMap<&str, Option<Stages>> = BTreeMap::new();
        for error in late {
            let Some(handle) = error.command_handle() else {
                self.error(error, None, told)?;
                continue;
            };
            let command = commands.iter().find(|command| command.handle() == handle);
            let found = stages.entry(handle).or_insert_with(|| {
                command.and_then(|command| stages::of(self.session, command).ok())
            });
            match (command, found) {
                (Some(command), Some(found)) if !self.is_sent && stages::is_unknown(found) => {
                    told.tally.unknown();
                    stages::tell_unknown(self.session, command)?;
                }
                (_, found) => self.error(error, found.as_ref(), told)?,
            }
        }
        Ok(())
    }

    fn error(
        &self,
        error: &Error,
        stages: Option<&Stages>,
        told: &mut Told,
    ) -> Result<(), Failure> {
        let stage = stages.map(|found| match error.agent() {
            Some(agent) => found.agents.get(&agent).copied().unwrap_or(found.stage),
            None => found.stage,
        });
        let fate = told.tally.error(error, stage);
        let after = error.elapsed().map(|elapsed| format!(" after {:.3} s", elapsed.as_secs_f64()));
        let after = after.unwrap_or_default();
        let why = match stage.map(stages::in_words) {
            Some(stage) => stage.to_owned(),
            // The library's message would repeat the list of all agents.
            None if self.is_many
                && error.kind() == ErrorKind::NoSuchAgent
                && error.agent().is_some() =>
            {
                stages::NO_SUCH_AGENT.to_owned()
            }
            None => brief(error),
        };
        let text = match (error.agent(), stage) {
            (Some(agent), Some(_)) if stages.is_some_and(|found| found.redis_lost_data) => {
                format!("{agent}: no result{after}, and Redis lost its data; {why}")
            }
            (Some(agent), Some(_)) => format!("{agent}: no result{after}; {why}"),
            (None, Some(_)) => format!("{}; {why}", brief(error)),
            (Some(agent), None) if why == stages::NO_SUCH_AGENT => format!("{agent}: {why}"),
            (_, None) => why.clone(),
        };
        let mut document = json::error(error);
        document["error"]["stage"] = stage.map(json::stage).into();
        if stage == Some(Stage::Lost) {
            document["error"]["kind"] = format!("{:?}", ErrorKind::Lost).into();
            document["error"]["code"] = (ErrorKind::Lost as i32).into();
        }
        told.renderer.error(error, fate, &Fault { why, text, document })
    }

    /// Prints the groups, if any, and ends the report.
    fn finish(&self, told: Told, taken: Result<(), Failure>, left: Left) -> Outcome {
        let Told { mut tally, mut renderer } = told;
        let shown = renderer.end();
        tally.unwritten(renderer.unwritten());
        self.end(&tally, taken.and(shown), left)
    }

    /// Prints the summary and the command that resumes the wait. After a signal or on a closed stdout, also lists the
    /// commands in flight, or kills them.
    fn end(&self, tally: &Tally, taken: Result<(), Failure>, left: Left) -> Outcome {
        let Left { in_flight, not_started } = left;
        if self.is_many && (taken.is_ok() || tally.told() > 0) {
            self.note(tally.in_words());
            tally.names().iter().for_each(|line| self.output.problem(line));
        }
        let is_interrupted = taken.as_ref().is_err_and(Failure::is_interruption);
        if let Some(line) = tally.unwritten_in_words() {
            self.output.problem(&line);
        }
        if !not_started.is_empty() {
            let why = if is_interrupted { "interrupted" } else { "stopped" };
            let left = fold(not_started.iter().copied());
            self.output.problem(&format!("{why}: not sent to {left}"));
        }
        let handles: Vec<String> = in_flight.iter().map(Command::to_string).collect();
        // Pending are the commands in flight or, after the wait, those with late results.
        let pending = if handles.is_empty() { &tally.pending } else { &handles };
        let status = match taken {
            Err(_) if is_interrupted => self.interrupted(&handles, &not_started)?,
            Err(failure) => {
                self.resume(pending);
                failure.tell(self.output)
            }
            Ok(()) => {
                self.resume(pending);
                tally.status(not_started.is_empty())
            }
        };
        let summary = tally.summary(&not_started, pending, status);
        match self.output.document(summary) {
            // The commands in flight were already reported.
            Err(_) if is_interrupted => Ok(status),
            written => written.map(|()| status).map_err(Failure::from),
        }
    }

    /// Reports a command that Redis did not confirm.
    pub fn doubtful(&self, error: Error) -> Outcome {
        let handle = error.command_handle();
        let command = handle.map(|handle| self.session.unending.get_by_handle(handle));
        let in_flight = command.transpose()?.into_iter().collect();
        self.end(&Tally::new(), Err(error.into()), Left { in_flight, ..Left::default() })
    }

    /// Prints a line that `--quiet` suppresses.
    fn note(&self, line: String) {
        if !self.waiting.shown.quiet {
            self.output.note(line);
        }
    }

    /// Prints the command that resumes the wait.
    fn resume(&self, handles: &[String]) {
        let quoted: String = handles.iter().map(|handle| format!(" '{handle}'")).collect();
        if !quoted.is_empty() {
            self.output.note(format!("resume with: acctl wait{quoted}"));
        }
    }

    /// Reports a signal or a closed stdout; kills the commands in flight if requested.
    fn interrupted(&self, handles: &[String], not_started: &[AgentId]) -> Outcome {
        let status = exit::interrupted(self.output, handles, not_started);
        if handles.is_empty() {
            return Ok(status);
        }
        if signals::is_stdout_closed() {
            self.output.note("interrupted: stdout was closed");
        }
        let kills = self.waiting.kill_on_interrupt;
        self.output.note(if kills {
            "killing commands in flight"
        } else {
            "commands in flight continue"
        });
        // Printed before the kills: a second Ctrl-C ends them, and the handles are needed then.
        self.resume(handles);
        if kills {
            for handle in handles {
                self.kill(&self.session.unending.get_by_handle(handle)?);
            }
        }
        Ok(status)
    }

    fn kill(&self, command: &Command) {
        match command.retract() {
            Ok(true) => return self.output.note("retracted before it ran"),
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
                Answered::Failed(error) => {
                    self.output.problem(&format!("{agent}: {}", brief(&error)))
                }
            }
        }
    }
}
