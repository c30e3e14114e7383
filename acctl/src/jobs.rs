//! `acctl jobs` and `acctl job`: the jobs of a command and how far they got.

use std::time::Duration;

use acclient::{AgentId, Job, Stage};
use chrono::{DateTime, SecondsFormat};
use serde_json::json;

use crate::exit::{Failure, Outcome, Status};
use crate::json;
use crate::output::HEADING;
use crate::session::Session;
use crate::target;

/// Lists the jobs of a command, one for each agent
///
/// As Redis has them. A job is RUNNING once its agent has fetched it, even while it waits in a queue of the
/// agent: acctl job asks the agent.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl jobs 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all'")]
pub struct Jobs {
    /// The printed command, or its id
    command: String,
}

impl Jobs {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let jobs = session.command(&self.command)?.jobs()?;
        if jobs.is_empty() {
            output.problem("no controller has routed it; acctl job says where it is");
            return Ok(Status::Nobody);
        }
        if output.is_json() {
            jobs.values().try_for_each(|job| output.document(json::job(job)))?;
            return Ok(Status::Success);
        }
        let row = |(agent, job): (&AgentId, &Job)| {
            vec![agent.to_string(), job.state().to_string(), when(job), time(job), first_line(job)]
        };
        let rows: Vec<_> = jobs.iter().map(row).collect();
        output.table(&["AGENT", "STATE", "STARTED", "TIME", "OUTPUT"], &rows)?;
        Ok(Status::Success)
    }
}

/// Seconds that it ran; nothing before it is over.
fn time(job: &Job) -> String {
    let is_over = job.state().is_final();
    if is_over { format!("{:.3} s", job.time().as_secs_f64()) } else { "-".into() }
}

fn when(job: &Job) -> String {
    let seconds = job.starttime().map(|time| json::milliseconds(time) / 1000);
    seconds.map_or_else(|| "-".into(), utc)
}

/// Formats seconds since 1970 as an RFC 3339 date; `-` for what no calendar holds.
pub fn utc(seconds: u64) -> String {
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.map_or_else(|| "-".into(), |date| date.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// What it said first, for a table.
fn first_line(job: &Job) -> String {
    const LONGEST: usize = 40;
    let texts = [job.stdout(), job.data(), job.stderr()];
    let line = texts.iter().find_map(|text| text.lines().find(|line| !line.trim().is_empty()));
    line.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// Shows how far a command got, and all that its agents said
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl job 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'
  acctl job 0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e --agent 1:2")]
pub struct Show {
    /// The printed command, or its id
    command: String,
    /// Of this agent only
    #[arg(long, value_name = "GID:NID", value_parser = target::agent)]
    agent: Option<AgentId>,
}

impl Show {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let command = session.command(&self.command)?;
        let progress = command.progress(session.client.timeout())?;
        let mut jobs = command.jobs()?;
        let mut stages = progress.agents;
        if let Some(wanted) = self.agent {
            jobs.retain(|agent, _| *agent == wanted);
            stages.retain(|agent, _| *agent == wanted);
            if stages.is_empty() {
                output.problem(&format!("it did not go to {wanted}"));
                return Ok(Status::Nobody);
            }
        }
        if output.is_json() {
            let name = |stage: Stage| format!("{stage:?}");
            output.document(
                json!({ "command": command.to_string(), "stage": name(progress.stage) }),
            )?;
            for (agent, stage) in &stages {
                let job = jobs.get(agent).map(json::job);
                output.document(
                    json!({ "agent": agent.to_string(), "stage": name(*stage), "job": job }),
                )?;
            }
            return Ok(Status::Success);
        }
        if stages.is_empty() {
            let is_known = progress.stage != Stage::Unknown;
            let words = in_words(progress.stage);
            output.line(if is_known { words } else { "unknown: nothing tells of it" })?;
            return Ok(if is_known { Status::Success } else { Status::Nobody });
        }
        for (agent, stage) in stages {
            output.line(output.styled(&format!("== {agent}: {}", in_words(stage)), HEADING))?;
            if let Some(job) = jobs.get(&agent) {
                self.describe(session, job)?;
            }
        }
        Ok(Status::Success)
    }

    fn describe(&self, session: &Session, job: &Job) -> Result<(), Failure> {
        let output = session.output;
        let is_over = job.state().is_final();
        let fields = [
            ("id", job.id().to_owned()),
            ("state", job.state().to_string()),
            ("command", job.cmd().to_owned()),
            ("started", job.starttime().map(|_| when(job)).unwrap_or_default()),
            (
                "time",
                if is_over && job.time() > Duration::ZERO { time(job) } else { String::new() },
            ),
            ("tags", job.tags().unwrap_or_default().to_owned()),
        ];
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            output.line(format!("{name:8} {value}"))?;
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

fn in_words(stage: Stage) -> &'static str {
    match stage {
        Stage::InQueue => "in the queue: no controller has taken it; acctl retract takes it back",
        Stage::Routed => "routed: the agent has not fetched it; it is down, stopped or full",
        Stage::QueuedOnAgent => {
            "queued on the agent: it waits behind another job of its queue, and no kill reaches it"
        }
        Stage::Running => "running",
        Stage::Done => "done",
        Stage::Lost => "lost: it was submitted, and its result cannot come any more",
        _ => {
            "unknown: the agent does not answer, or the job may wait in a queue of the agent, which an id \
             alone does not tell"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates() {
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
