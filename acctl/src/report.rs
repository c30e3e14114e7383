//! Prints results as they complete, and sums them up in a line and an exit status.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use acclient::{
    AgentId, Command, Error, ErrorKind, Job, Outcome as Answered, Progress as Stages, Results,
    Rollout, Stage,
};

use crate::commands::killed;
use crate::exit::{self, Failure, Outcome, brief};
use crate::json;
use crate::output::{BAD, GOOD, Output};
use crate::progress::Progress;
use crate::sending::Waiting;
use crate::session::Session;
use crate::signals;
use crate::stages;
use crate::tally::Tally;

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

/// Prints results, and says at the end how it went.
pub struct Report<'a> {
    session: &'a Session<'a>,
    output: &'a Output,
    waiting: &'a Waiting,
    /// Whether there may be results of several agents, so that each needs a heading.
    is_many: bool,
    /// Whether this process has sent the command, so that it is known without a trace.
    is_sent: bool,
}

/// What is left of a command when no more results are taken.
#[derive(Default)]
struct Left {
    in_flight: Vec<Command>,
    not_started: Vec<AgentId>,
}

impl<'a> Report<'a> {
    pub fn new(session: &'a Session<'a>, waiting: &'a Waiting, is_many: bool) -> Self {
        Report { session, output: session.output, waiting, is_many, is_sent: false }
    }

    /// Prints the handle of a command that was just sent, and waits for its results.
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

    /// Waits for commands that were sent.
    pub fn commands(mut self, commands: Vec<Command>) -> Outcome {
        self.is_many |= commands.len() > 1;
        let mut tally = Tally::new();
        let mut results = match self.session.client.wait_any(&commands, self.waiting.time()) {
            Ok(results) => results,
            // Before it began: what was sent is sent.
            Err(error) => {
                let left = Left { in_flight: commands, ..Left::default() };
                return self.end(&tally, Err(error.into()), left);
            }
        };
        let mut late = Vec::new();
        let taken = self.watched(self.is_many, commands.as_slice(), |progress| {
            self.take(&mut results, &mut tally, progress, Some(&mut late))
        });
        let is_over = match (&taken, commands.as_slice()) {
            (Ok(()), _) => true,
            // The agents of a role or an id may not all be known before the end.
            (Err(_), [command]) if !self.is_many || !command.target().agent_ids().is_empty() => {
                tally.told() > 0 && results.remaining() == 0
            }
            _ => false,
        };
        let told = taken.and_then(|()| self.late(&commands, &late, &mut tally));
        let in_flight = if is_over { Vec::new() } else { commands };
        self.end(&tally, told, Left { in_flight, ..Left::default() })
    }

    /// Takes the results of a rollout.
    pub fn rollout(mut self, mut results: Rollout) -> Outcome {
        self.is_many |= results.agents().len() > 1;
        let mut tally = Tally::new();
        let taken = self.watched(true, &[], |progress| {
            let waiting = results.waiting(0).unwrap_or_default();
            progress.iter().for_each(|it| it.begin(results.total(0), waiting));
            self.take(&mut results, &mut tally, progress, None)
        });
        let left = Left {
            in_flight: results.in_flight().cloned().collect(),
            not_started: results.not_started().collect(),
        };
        tally.pending = left.in_flight.iter().map(Command::to_string).collect();
        self.end(&tally, taken, left)
    }

    /// Takes results while a bar is drawn, if there is one to be drawn.
    fn watched(
        &self,
        has_bar: bool,
        commands: &[Command],
        take: impl FnOnce(Option<&Progress>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let progress = Progress::new(&self.output.bar);
        if !has_bar || self.waiting.quiet || progress.is_hidden() {
            return take(None);
        }
        let progress = &progress;
        let ((end, ended), (end_looks, looks_ended)) = (mpsc::channel(), mpsc::channel());
        let taken = thread::scope(|scope| {
            scope.spawn(move || progress.draw(&ended));
            // Several commands would take a request each.
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

    /// Keeps the errors of agents that did not answer, to report them together.
    fn take(
        &self,
        results: &mut impl Source,
        tally: &mut Tally,
        progress: Option<&Progress>,
        mut late: Option<&mut Vec<Error>>,
    ) -> Result<(), Failure> {
        let mut told = 0;
        while let Some(result) = results.next() {
            let succeeded = result.as_ref().is_ok_and(Job::is_success);
            match result {
                Ok(job) => {
                    tally.job(&job);
                    self.job(&job)?;
                }
                // It says nothing about the agent: the command is still in flight.
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
                Err(error) => match late.as_mut() {
                    Some(late) if error.kind() == ErrorKind::Timeout => late.push(error),
                    _ => self.error(&error, None, tally)?,
                },
            }
            told += 1;
            if let Some(progress) = progress {
                progress.done(succeeded, results.total(told), results.waiting(told));
            }
        }
        Ok(())
    }

    /// Reports the agents that did not answer, and the stage of each.
    fn late(&self, commands: &[Command], late: &[Error], tally: &mut Tally) -> Result<(), Failure> {
        let mut stages: BTreeMap<&str, Option<Stages>> = BTreeMap::new();
        for error in late {
            let Some(handle) = error.command_handle() else {
                self.error(error, None, tally)?;
                continue;
            };
            let command = commands.iter().find(|command| command.handle() == handle);
            let found = stages.entry(handle).or_insert_with(|| {
                command.and_then(|command| stages::of(self.session, command).ok())
            });
            match (command, found) {
                (Some(command), Some(found)) if !self.is_sent && stages::is_unknown(found) => {
                    tally.unknown();
                    stages::tell_unknown(self.session, command)?;
                }
                (_, found) => self.error(error, found.as_ref(), tally)?,
            }
        }
        Ok(())
    }

    fn error(
        &self,
        error: &Error,
        stages: Option<&Stages>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let stage = stages.map(|found| match error.agent() {
            Some(agent) => found.agents.get(&agent).copied().unwrap_or(found.stage),
            None => found.stage,
        });
        tally.error(error, stage);
        let after = error.elapsed().map(|elapsed| format!(" after {:.3} s", elapsed.as_secs_f64()));
        let after = after.unwrap_or_default();
        self.output.problem(&match (error.agent(), stage.map(stages::in_words)) {
            (Some(agent), Some(stage)) if stages.is_some_and(|found| found.redis_lost_data) => {
                format!("{agent}: no result{after}, and Redis has lost its data; {stage}")
            }
            (Some(agent), Some(stage)) => format!("{agent}: no result{after}; {stage}"),
            (_, Some(stage)) => format!("{}; {stage}", brief(error)),
            (_, None) => brief(error),
        });
        let mut document = json::error(error);
        document["error"]["stage"] = stage.map(json::stage).into();
        if stage == Some(Stage::Lost) {
            document["error"]["kind"] = format!("{:?}", ErrorKind::Lost).into();
            document["error"]["code"] = (ErrorKind::Lost as i32).into();
        }
        Ok(self.output.document(document)?)
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
            output.text_below_heading(job.stdout())?;
            job.stderr().lines().for_each(|line| output.note(format!("{agent}: {line}")));
        } else {
            output.text(job.stdout())?;
            output.error_text(job.stderr());
        }
        // An agent's own command that failed says no more than "{}".
        let data = Some(job.data()).filter(|data| !data.is_empty());
        match data {
            Some(data) if job.is_success() && self.is_many => output.text_below_heading(data)?,
            Some(data) if job.is_success() => output.text(data)?,
            Some(data) if data != "{}" => {
                let data = data.trim_end().replace('\n', "\n  ");
                output.problem(&format!("agent {agent}: {state}: {data}"));
            }
            _ if job.is_success() || self.is_many => {}
            _ => output.problem(&format!("agent {agent}: {state}")),
        }
        let critical = job.critical().unwrap_or_default();
        critical.trim_end().lines().for_each(|line| output.note(format!("{agent}: {line}")));
        for (name, text) in [("stdout", job.stdout()), ("stderr", job.stderr())] {
            if json::is_cut(text) {
                output.problem(&format!(
                    "agent {agent}: {name} may be cut: an agent keeps the last {} lines",
                    json::KEPT_LINES
                ));
            }
        }
        Ok(())
    }

    /// Says how several agents fared, and how to come back to those that are left. After a signal, and where
    /// stdout is closed, names what is in flight too, or kills it.
    fn end(&self, tally: &Tally, taken: Result<(), Failure>, left: Left) -> Outcome {
        let Left { in_flight, not_started } = left;
        if self.is_many && (taken.is_ok() || tally.told() > 0) {
            self.note(tally.in_words());
        }
        let is_interrupted = taken.as_ref().is_err_and(Failure::is_interruption);
        if !not_started.is_empty() {
            let why = if is_interrupted { "interrupted" } else { "stopped" };
            let left: Vec<String> = not_started.iter().map(AgentId::to_string).collect();
            self.output.problem(&format!("{why}: nothing was sent to {}", left.join(", ")));
        }
        let handles: Vec<String> = in_flight.iter().map(Command::to_string).collect();
        // What is in flight is pending; after the end, what is late.
        let pending = if handles.is_empty() { &tally.pending } else { &handles };
        let status = match taken {
            Err(_) if is_interrupted => self.interrupted(&handles, &not_started)?,
            Err(failure) => {
                self.come_back(pending);
                failure.tell(self.output)
            }
            Ok(()) => {
                self.come_back(pending);
                tally.status(not_started.is_empty())
            }
        };
        let summary = tally.summary(&not_started, pending, status);
        match self.output.document(summary) {
            // What is in flight was reported already.
            Err(_) if is_interrupted => Ok(status),
            written => written.map(|()| status).map_err(Failure::from),
        }
    }

    /// A command of which it is not known whether Redis has it.
    pub fn doubtful(&self, error: Error) -> Outcome {
        let handle = error.command_handle();
        let command = handle.map(|handle| self.session.unending.get_by_handle(handle));
        let in_flight = command.transpose()?.into_iter().collect();
        self.end(&Tally::new(), Err(error.into()), Left { in_flight, ..Left::default() })
    }

    /// What is not wanted with --quiet.
    fn note(&self, line: String) {
        if !self.waiting.quiet {
            self.output.note(line);
        }
    }

    /// Says how to wait again.
    fn come_back(&self, handles: &[String]) {
        let quoted: String = handles.iter().map(|handle| format!(" '{handle}'")).collect();
        if !quoted.is_empty() {
            self.output.note(format!("come back with: acctl wait{quoted}"));
        }
    }

    /// After a signal: says how to come back, or kills.
    fn interrupted(&self, handles: &[String], not_started: &[AgentId]) -> Outcome {
        let status = exit::interrupted(self.output, handles, not_started);
        if handles.is_empty() {
            return Ok(status);
        }
        if signals::is_stdout_closed() {
            self.output.note("interrupted: stdout was closed");
        }
        let kills = self.waiting.kill_on_interrupt;
        self.output.note(if kills { "killing what was sent" } else { "what was sent goes on" });
        // Before the killing: a second Ctrl-C ends that, and what is left has to be known then.
        self.come_back(handles);
        if kills {
            for handle in handles {
                self.kill(&self.session.unending.get_by_handle(handle)?);
            }
        }
        Ok(status)
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
                Answered::Failed(error) => {
                    self.output.problem(&format!("{agent}: {}", brief(&error)))
                }
            }
        }
    }
}
