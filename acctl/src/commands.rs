//! `acctl wait`, `kill`, `retract` and `stats`: operations on submitted commands.

use acclient::{AgentId, Error, ErrorKind, KillResult, Outcome as Answered, ProcessStats};
use serde_json::json;
use unit_prefix::NumberPrefix;

use crate::exit::{Failure, Outcome, Status, brief};
use crate::json;
use crate::report::Report;
use crate::sending::Waiting;
use crate::session::Session;
use crate::stages;

/// Wait for the results of submitted commands
///
/// Takes handles from any machine and any language. Redis keeps results for 24 hours; waiting does not consume them.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl wait 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Wait {
    /// Command handles or ids
    #[arg(required = true)]
    command: Vec<String>,
    #[command(flatten)]
    pub waiting: Waiting,
}

impl Wait {
    pub fn perform(&self, session: &Session) -> Outcome {
        let commands = self.command.iter().map(|text| session.command(text));
        let commands = commands.collect::<Result<Vec<_>, Failure>>()?;
        // An id alone does not contain the target.
        let is_many = commands.iter().any(|command| {
            command.target().is_fanout() || command.to_string().ends_with(":unknown")
        });
        Report::new(session, &self.waiting, is_many)?.commands(commands)
    }
}

/// Kill the jobs of a command
///
/// An agent kills only the process it started. Children keep running, and so does an acctl bash script without
/// --killable. Prints one outcome per agent: "ended"; "ordered" if another process still holds the job's output
/// open; "over" if the job had already completed.
///
/// Exit status 4: an agent did not answer. Exit status 8: an agent is not running the job, because it is queued on
/// the agent, not started or lost; see acctl job.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl kill 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all'")]
pub struct Kill {
    /// Command handle or id
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

/// Text for the outcome of a kill.
pub fn killed(kill: KillResult) -> String {
    match kill {
        KillResult::Ordered => {
            "ordered: the process was killed, but another process holds the job's output open"
                .into()
        }
        kill => kill.to_string(),
    }
}

/// Remove a command from the queue before a controller takes it
///
/// A retracted command never runs. Exit status 1: the command is no longer in the queue; it may be running or done.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl retract 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Retract {
    /// Command handle or id
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
            output.problem("not in the queue: the command may be running or done; see acctl job");
        } else if !output.is_json() {
            output.line("retracted: the command will not run")?;
        }
        Ok(if taken { Status::Success } else { Status::SomeFailed })
    }
}

/// Show CPU and memory usage of the jobs of a command
///
/// For acctl bash this is the shell that runs the script, without the processes of the script.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl stats 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'")]
pub struct Stats {
    /// Command handle or id
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
        // Agents give no reason: the job may be queued, lost or over.
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

/// Resource usage of a process as table cells.
pub fn usage(stats: &ProcessStats) -> Vec<String> {
    vec![format!("{:.1}", stats.cpu), bytes(stats.rss), bytes(stats.vms), bytes(stats.swap)]
}

/// Formats a byte count with a binary prefix, like 1.5 MiB.
pub fn bytes(count: u64) -> String {
    match NumberPrefix::binary(count as f64) {
        NumberPrefix::Standalone(count) => format!("{count} B"),
        NumberPrefix::Prefixed(prefix, count) => format!("{count:.1} {prefix}B"),
    }
}

/// Reports per-agent errors and accumulates the exit status.
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
        // Reported once, at the end.
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

    /// Exit status of everything added so far.
    pub fn status(&self) -> Status {
        self.0.unwrap_or(Status::Success)
    }
}
