//! `acctl jobs` and `acctl job`: jobs of a command and their progress.

use std::time::Duration;

use acclient::{AgentId, Command, Job, Progress, Stage};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::commands::Worst;
use crate::exit::{Failure, Outcome, Status};
use crate::json;
use crate::output::HEADING;
use crate::session::Session;
use crate::stages::{self, in_words};
use crate::table::beginning;
use crate::target;

/// List the jobs of a command, one per agent
///
/// Shows the state recorded in Redis. A job is RUNNING once its agent has fetched it, even while it is queued on the
/// agent; acctl job distinguishes the two. Exit status 1: a job is lost.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl jobs 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all'")]
pub struct Jobs {
    /// Command handle or id
    command: String,
}

impl Jobs {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let command = session.command(&self.command)?;
        let jobs = command.jobs()?;
        let listed = command.target().agent_ids();
        let is_settled = !jobs.is_empty()
            && jobs.values().all(|job| job.state().is_final())
            && listed.iter().all(|agent| jobs.contains_key(agent));
        let progress = match is_settled {
            true => None,
            false => match stages::of(session, &command) {
                Err(error) if error.is_timeout() && !jobs.is_empty() => None,
                progress => Some(progress?),
            },
        };
        if progress.as_ref().is_some_and(stages::is_unknown) {
            return stages::tell_unknown(session, &command);
        }
        if output.is_json() {
            jobs.values().try_for_each(|job| output.document(json::job(job)))?;
        } else if !jobs.is_empty() {
            let row = |(agent, job): (&AgentId, &Job)| {
                let state = job.state().to_string();
                vec![agent.to_string(), state, when(job), time(job), first_line(job)]
            };
            let rows: Vec<_> = jobs.iter().map(row).collect();
            output.table(&["AGENT", "STATE", "STARTED", "TIME", "OUTPUT"], &rows)?;
        }
        let Some(progress) = progress else { return Ok(Status::Success) };
        if progress.agents.is_empty() {
            return tell_stage(session, &command, None, progress.stage);
        }
        let mut worst = Worst::default();
        for (agent, stage) in &progress.agents {
            // The table already shows the others.
            if *stage == Stage::Lost || !jobs.contains_key(agent) {
                worst.add(tell_stage(session, &command, Some(*agent), *stage)?);
            }
        }
        if let Some(rest) = stages::of_the_rest(&progress) {
            if !output.is_json() {
                output.line(format!("remaining agents: {}", in_words(rest)))?;
            }
            output.document(document(&command, None, rest, None))?;
            worst.add(status(rest));
        }
        let unreached = stages::unreached(&command, &progress);
        worst.add(stages::tell_unreached(session, &command, &unreached)?);
        Ok(worst.status())
    }
}

/// Prints the stage of a command, or of one of its agents without a job. Returns the exit status.
fn tell_stage(
    session: &Session,
    command: &Command,
    agent: Option<AgentId>,
    stage: Stage,
) -> Outcome {
    let output = session.output;
    if output.is_json() {
        output.document(document(command, agent, stage, None))?;
    } else {
        let whose = agent.map(|agent| format!("{agent}: ")).unwrap_or_default();
        output.line(format!("{whose}{}", in_words(stage)))?;
    }
    Ok(status(stage))
}

fn status(stage: Stage) -> Status {
    if stage == Stage::Lost { Status::SomeFailed } else { Status::Success }
}

fn document(command: &Command, agent: Option<AgentId>, stage: Stage, job: Option<&Job>) -> Value {
    json!({
        "type": "stage",
        "command": command.to_string(),
        "agent": agent.map(|agent| agent.to_string()),
        "stage": json::stage(stage),
        "job": job.map(json::job),
    })
}

/// Run time in seconds; `-` for a job that is not over.
fn time(job: &Job) -> String {
    let is_over = job.state().is_final();
    if is_over { format!("{:.3} s", job.time().as_secs_f64()) } else { "-".into() }
}

fn when(job: &Job) -> String {
    let seconds = job.starttime().map(|time| json::milliseconds(time) / 1000);
    seconds.map_or_else(|| "-".into(), utc)
}

/// Formats seconds since 1970 as an RFC 3339 date; `-` if out of range.
pub fn utc(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.map_or_else(|| "-".into(), |date| date.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// First line of the output, cut for a table cell.
fn first_line(job: &Job) -> String {
    const LONGEST: usize = 40;
    beginning(job).chars().take(LONGEST).collect()
}

/// Show the progress of a command and the result of each agent
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl job 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'
  acctl job 0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e --agent 1:2")]
pub struct Show {
    /// Command handle or id
    command: String,
    /// Show only this agent
    #[arg(long, value_name = "GID:NID", value_parser = target::agent)]
    agent: Option<AgentId>,
}

impl Show {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let command = session.command(&self.command)?;
        let progress = command.progress(session.client.timeout())?;
        if stages::is_unknown(&progress) {
            return stages::tell_unknown(session, &command);
        }
        let mut jobs = command.jobs()?;
        let mut unreached = stages::unreached(&command, &progress);
        let rest = stages::of_the_rest(&progress);
        let Progress { stage, agents: mut found, .. } = progress;
        if let Some(wanted) = self.agent {
            jobs.retain(|agent, _| *agent == wanted);
            found.retain(|agent, _| *agent == wanted);
            unreached.retain(|agent| *agent == wanted);
            if found.is_empty() && unreached.is_empty() {
                return stages::tell_no_agent(session, &command, wanted);
            }
        } else if output.is_json() {
            output.document(document(&command, None, stage, None))?;
        } else if found.is_empty() {
            output.line(in_words(stage))?;
        } else if let Some(rest) = rest {
            output.line(format!("remaining agents: {}", in_words(rest)))?;
        }
        let mut worst = Worst::default();
        worst.add(status(stage));
        for (agent, stage) in found {
            worst.add(status(stage));
            let job = jobs.get(&agent);
            if output.is_json() {
                output.document(document(&command, Some(agent), stage, job))?;
                continue;
            }
            output.line(output.styled(&format!("== {agent}: {}", in_words(stage)), HEADING))?;
            if let Some(job) = job {
                self.describe(session, job, stage)?;
            }
        }
        worst.add(stages::tell_unreached(session, &command, &unreached)?);
        Ok(worst.status())
    }

    fn describe(&self, session: &Session, job: &Job, stage: Stage) -> Result<(), Failure> {
        let output = session.output;
        let is_over = job.state().is_final();
        // Redis records a job as running, with a start time, as soon as the agent has fetched it.
        let has_begun = is_over || !matches!(stage, Stage::QueuedOnAgent | Stage::Lost);
        let if_begun = |text: String| if has_begun { text } else { String::new() };
        let fields = [
            ("id", job.id().to_owned()),
            ("state", if_begun(job.state().to_string())),
            ("command", job.cmd().to_owned()),
            ("started", if_begun(job.starttime().map(|_| when(job)).unwrap_or_default())),
            (
                "time",
                if is_over && job.time() > Duration::ZERO { time(job) } else { String::new() },
            ),
            ("tags", job.tags().unwrap_or_default().to_owned()),
        ];
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            output.line(format!("{name:8} {}", value.replace('\n', "\n         ")))?;
        }
        let texts = [
            ("stdout", job.stdout()),
            ("stderr", job.stderr()),
            ("data", job.data()),
            ("critical", job.critical().unwrap_or_default()),
        ];
        for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            output.line(format!("{name}:"))?;
            text.lines().try_for_each(|line| output.line(format!("  {line}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn utc_formats_rfc_3339() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "-"),
        ] {
            assert_eq!(utc(seconds), date);
        }
    }
}
