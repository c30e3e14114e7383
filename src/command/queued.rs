//! Whether a job that its agent has fetched and does not run waits in a queue of the agent.

use std::time::Duration;

use super::Stage;
use super::progress::is_no_answer;
use crate::engine::{Session, Timeout};
use crate::error::Result;
use crate::job::{Outcome, outcomes_of};
use crate::node::answer::read_rows;
use crate::node::{ProcessQuery, ProcessStats, processes};
use crate::protocol::{AgentId, Contents, JobResult, RunArgs};
use crate::transport::clock;

/// How long an agent may take to answer a ping in a queue that is free.
const FREE: Duration = Duration::from_secs(1);
/// With less time an agent that does not answer proves nothing.
const LEAST: Duration = Duration::from_millis(100);

/// The stage of a job of a queue on agents that do not run it and gave no result: waiting in the queue where
/// the agent runs another job of it, or does not answer a ping in it. Otherwise everything before that ping
/// has run: lost, unless the result is there by now.
pub(super) fn stages(
    session: &Session,
    queue: &str,
    agents: &[AgentId],
    timeout: &Timeout,
) -> Result<Vec<(AgentId, Stage)>> {
    let mut stages = Vec::with_capacity(agents.len());
    if agents.is_empty() {
        return Ok(stages);
    }
    let begun = clock::now();
    let question = processes::question(&ProcessQuery::new());
    let orders = agents.iter().map(|agent| (*agent, question.clone())).collect();
    let is_shown = |answer: &JobResult| {
        let jobs: Vec<ProcessStats> = read_rows(answer)?;
        Ok(jobs.iter().any(|job| job.cmd["args"]["queue"] == queue))
    };
    let mut free = Vec::new();
    for (agent, shown) in outcomes_of(&session.for_a_step(timeout), orders, timeout, is_shown)? {
        match shown {
            Outcome::Done(true) => stages.push((agent, Stage::QueuedOnAgent)),
            // The job at its head may be ending, which no agent shows.
            Outcome::Done(false) => free.push(agent),
            Outcome::Failed(error) if !is_no_answer(&error) => return Err(error),
            Outcome::Failed(_) | Outcome::Over(_) => stages.push((agent, Stage::Unknown)),
        }
    }
    stages.extend(probe(session, queue, free, &timeout.clone().since(begun))?);
    Ok(stages)
}

/// Sends a ping through the queue of agents that show no job of it.
fn probe(
    session: &Session,
    queue: &str,
    agents: Vec<AgentId>,
    left: &Timeout,
) -> Result<Vec<(AgentId, Stage)>> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let time = left.duration.map_or(FREE, |left| FREE.min(left / 2));
    if time < LEAST {
        return Ok(agents.into_iter().map(|agent| (agent, Stage::Unknown)).collect());
    }
    let wait = Timeout { duration: Some(time), ..left.clone() };
    let args = RunArgs::new().queue(queue);
    let ping = |agent| (agent, Contents { args: args.clone(), ..Contents::of("ping", "") });
    let orders = agents.into_iter().map(ping).collect();
    let answers = outcomes_of(&session.for_a_step(&wait), orders, &wait, |_| Ok(()))?;
    let stage = |answer| match answer {
        Outcome::Done(()) => Stage::Lost,
        Outcome::Failed(error) if error.is_timeout() => Stage::QueuedOnAgent,
        Outcome::Failed(_) | Outcome::Over(_) => Stage::Unknown,
    };
    Ok(answers.into_iter().map(|(agent, answer)| (agent, stage(answer))).collect())
}
