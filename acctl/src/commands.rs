//! `acctl wait`, `kill`, `retract` and `stats`: commands that were already sent.

use acclient::{AgentId, Error, ErrorKind, KillResult, Outcome as Answered, ProcessStats};
use serde_json::json;
use unit_prefix::NumberPrefix;

use crate::exit::{Failure, Outcome, Status, brief};
use crate::json;
use crate::report::Report;
use crate::sending::Waiting;
use crate::session::Session;
use crate::stages;

/// Waits for the results of commands that were sent
///
/// By their handles, from whatever machine and language, for 24 hours.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl wait 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Wait {
    /// Command handles, or ids
    #[arg(required = true)]
    command: Vec<String>,
    #[command(flatten)]
    pub waiting: Waiting,
}

impl Wait {
    pub fn perform(&self, session: &Session) -> Outcome {
        let commands = self.command.iter().map(|text| session.command(text));
        let commands = commands.collect::<Result<Vec<_>, Failure>>()?;
        // Whom a command was for is not known from its id.
        let is_many = commands.iter().any(|command| {
            command.target().is_fanout() || command.to_string().ends_with(":unknown")
        });
        Report::new(session, &self.waiting, is_many)?.commands(commands)
    }
}

/// Kills the jobs of a command, wherever they run
///
/// The agent kills the process that it started, and nothing else: children go on, and so does a script of
/// acctl bash, unless it was sent with --killable. Says for each agent: "ended"; "ordered", when something
/// still holds the output of the job; or "over", when the job was over before. Status 4: an agent did not
/// answer. Status 8: an agent does not run the job, so no kill reaches it: it waits in a queue of the agent,
/// was not started yet, or is lost; see acctl job.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl kill 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all'")]
pub struct Kill {
    /// Command handle, or id
    command: String,
}

impl Kill {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let command = session.command(&self.command)?;
        let outcomes = match command.kill() {
            Ok(outcomes) => outcomes,
            Err(error) => return stages::unless_unknown(session, &command, error),
        };
        let is_idle = |outcome: &Answered<KillResult>| matches!(outcome, Answered::Failed(error) if error.kind() == ErrorKind::NotRunning);
        if outcomes.values().any(is_idle)
            && stages::of(session, &command).is_ok_and(|found| stages::is_unknown(&found))
        {
            return stages::tell_unknown(session, &command);
        }
        let mut worst = Worst::default();
        for (agent, outcome) in outcomes {
            let (name, said) = match outcome {
                Answered::Done(kill) => (kill.name(), killed(kill)),
                Answered::Over(job) => ("over", format!("over: {}", job.state())),
                Answered::Failed(error) => {
                    worst.tell(session, agent, &error)?;
                    continue;
                }
            };
            match output.is_json() {
                true => output.document(
                    json!({ "type": "kill", "agent": agent.to_string(), "outcome": name }),
                )?,
                false => output.line(format!("{agent}: {said}"))?,
            }
        }
        Ok(worst.status())
    }
}

/// What the result of a kill means.
pub fn killed(kill: KillResult) -> String {
    match kill {
        KillResult::Ordered => {
            "ordered: the process was killed, but something still holds the output of the job"
                .into()
        }
        kill => kill.to_string(),
    }
}

/// Takes back a command that no controller has taken yet
///
/// Then it never runs. Status 1: it is not in the queue, and may run or have run.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl retract 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Retract {
    /// Command handle, or id
    command: String,
}

impl Retract {
    pub fn perform(&self, session: &Session) -> Outcome {
        let (output, command) = (session.output, session.command(&self.command)?);
        let taken = command.retract()?;
        if !taken && stages::of(session, &command).is_ok_and(|found| stages::is_unknown(&found)) {
            return stages::tell_unknown(session, &command);
        }
        let handle = command.to_string();
        output.document(json!({ "type": "retracted", "command": handle, "retracted": taken }))?;
        if !taken {
            output.problem("it is not in the queue: it may run or have run; see acctl job");
        } else if !output.is_json() {
            output.line("taken back: it never runs")?;
        }
        Ok(if taken { Status::Success } else { Status::SomeFailed })
    }
}

/// Shows how much CPU and memory the jobs of a command use
///
/// For acctl bash that is the shell that runs the script, without the script.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl stats 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Stats {
    /// Command handle, or id
    command: String,
}

impl Stats {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let command = session.command(&self.command)?;
        let outcomes = match command.get_stats() {
            Ok(outcomes) => outcomes,
            Err(error) => return stages::unless_unknown(session, &command, error),
        };
        let is_idle = |outcome: &Answered<ProcessStats>| matches!(outcome, Answered::Failed(error) if error.kind() == ErrorKind::JobFailed);
        // Agents do not say why: the job may wait, be lost, or be over by now.
        let found = match outcomes.values().any(is_idle) {
            true => stages::of(session, &command).ok(),
            false => None,
        };
        if found.as_ref().is_some_and(stages::is_unknown) {
            return stages::tell_unknown(session, &command);
        }
        let (mut rows, mut worst) = (Vec::new(), Worst::default());
        for (agent, outcome) in outcomes {
            let stats = match &outcome {
                Answered::Failed(error) if error.kind() == ErrorKind::JobFailed => {
                    let stage = found.as_ref().and_then(|found| found.agents.get(&agent));
                    worst.add(stages::tell_idle(session, &command, agent, stage.copied())?);
                    continue;
                }
                Answered::Failed(error) => {
                    worst.tell(session, agent, error)?;
                    continue;
                }
                Answered::Done(stats) => Some(stats),
                Answered::Over(job) => {
                    if !output.is_json() {
                        output.note(format!("{agent}: over: {}", job.state()));
                    }
                    None
                }
            };
            let over = match &outcome {
                Answered::Over(job) => Some(job.state()),
                _ => None,
            };
            output.document(json!({
                "type": "stats", "agent": agent.to_string(), "stats": stats, "over": over,
            }))?;
            rows.extend(stats.map(|stats| [vec![agent.to_string()], usage(stats)].concat()));
        }
        if !rows.is_empty() && !output.is_json() {
            output.table(&[&["AGENT"], &USAGE[..]].concat(), &rows)?;
        }
        Ok(worst.status())
    }
}

/// Headings of [`usage`].
pub const USAGE: [&str; 4] = ["CPU%", "RSS", "VIRTUAL", "SWAP"];

/// What a process uses, in cells of a table.
pub fn usage(stats: &ProcessStats) -> Vec<String> {
    vec![format!("{:.1}", stats.cpu), bytes(stats.rss), bytes(stats.vms), bytes(stats.swap)]
}

/// A number of bytes with a binary prefix, like 1.5 MiB.
pub fn bytes(count: u64) -> String {
    match NumberPrefix::binary(count as f64) {
        NumberPrefix::Standalone(count) => format!("{count} B"),
        NumberPrefix::Prefixed(prefix, count) => format!("{count:.1} {prefix}B"),
    }
}

/// What is told of agents that gave an error, and the status that it makes.
#[derive(Default)]
pub struct Worst(Option<Status>);

impl Worst {
    pub fn tell(
        &mut self,
        session: &Session,
        agent: AgentId,
        error: &Error,
    ) -> Result<(), Failure> {
        let status = Status::of(error);
        self.add(status);
        // Which is said once, at the end.
        if status == Status::Interrupted {
            return Ok(());
        }
        session.output.problem(&format!("{agent}: {}", brief(error)));
        let mut document = json::error(error);
        document["agent"] = agent.to_string().into();
        Ok(session.output.document(document)?)
    }

    pub fn add(&mut self, status: Status) {
        self.0 = Some(self.status().and(status));
    }

    /// The one that counts.
    pub fn status(&self) -> Status {
        self.0.unwrap_or(Status::Success)
    }
}
