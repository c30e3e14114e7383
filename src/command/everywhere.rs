//! Asking every agent that a command went to about its job.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Command;
use crate::engine::ask::ended_for;
use crate::engine::{Timeout, result, verdict};
use crate::error::{ErrorKind, Result};
use crate::job::{KillResult, Outcome, Outcomes, kill_each, outcomes_of};
use crate::protocol::{AgentId, Before, Contents, JobResult};
use crate::transport::{Until, clock};

/// Whom a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Agents on which the job is not over.
    Running,
    /// All agents that the command went to.
    Everyone,
}

/// The agents to ask, and what is known of the others already.
struct Asked<T> {
    agents: Vec<AgentId>,
    known: Vec<(AgentId, Outcome<T>)>,
    /// Those to ask whose results may belong to an earlier command, and what holds if their agents do not run
    /// the job.
    disputed: BTreeMap<AgentId, Outcome<T>>,
    /// What Redis has of the disputed ones.
    before: Before,
    /// What is left of the one deadline for all steps.
    left: Timeout,
}

fn agents<T>(command: &Command, ask: Ask) -> Result<Asked<T>> {
    let (quick, begun): (Timeout, Instant) = (command.session().quick(), clock::now());
    let (mut agents, mut known) = (Vec::new(), Vec::new());
    let jobs = command.routed_jobs()?;
    let is_one = jobs.len() == 1;
    for (agent, job) in jobs {
        if job.result().is_no_such_agent() {
            let error = verdict::no_such_agent(command.envelope(), job.result().clone());
            if is_one {
                return Err(error);
            }
            known.push((agent, Outcome::Failed(error)));
        } else if ask == Ask::Running && job.is_over() {
            known.push((agent, Outcome::Over(job)));
        } else {
            agents.push(agent);
        }
    }
    // A handle that does not know what was sent does not know what there was before.
    let over: Vec<AgentId> = match ask {
        Ask::Running if !command.was_sent() => over(&known),
        _ => Vec::new(),
    };
    let asked = || command.in_words();
    let read = |until: &Until| result::disputed(command.session(), command.id(), &over, until);
    let (_, before) = command.session().bounded(&quick.clone().since(begun), asked, read)?;
    let (disputed, known): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|(agent, _)| before.has(*agent));
    agents.extend(disputed.iter().map(|(agent, _)| *agent));
    let disputed = disputed.into_iter().collect();
    Ok(Asked { agents, known, disputed, before, left: quick.since(begun) })
}

fn over<T>(known: &[(AgentId, Outcome<T>)]) -> Vec<AgentId> {
    let over = known.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Over(_)));
    over.map(|(agent, _)| *agent).collect()
}

/// Asks the agents of a command, all at once, and waits for their answers.
pub(super) fn ask<T>(
    command: &Command,
    ask: Ask,
    question: Contents,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Outcomes<T>> {
    let Asked { agents, known, disputed, left, .. } = agents(command, ask)?;
    let questions = agents.iter().map(|agent| (*agent, question.clone())).collect();
    let session = command.session().with_timeout(left.duration);
    let answers = outcomes_of(&session, questions, &left, read);
    beside(known, agents, answers.map(|answers| settled(answers, disputed)))
}

/// What is known already and what the others have answered. An error that ended the question is the outcome
/// of each of them, unless nothing else is known.
fn beside<T>(
    known: Vec<(AgentId, Outcome<T>)>,
    agents: Vec<AgentId>,
    answers: Result<Outcomes<T>>,
) -> Result<Outcomes<T>> {
    let answers: Vec<_> = match answers {
        Ok(answers) => answers.into_iter().collect(),
        Err(error) if known.is_empty() => return Err(error),
        Err(error) => {
            let ended = ended_for(agents.into_iter(), &error).into_iter();
            ended.map(|(agent, error)| (agent, error.into())).collect()
        }
    };
    Ok(known.into_iter().chain(answers).collect())
}

/// The outcomes, where a disputed job that its agent does not run is over.
fn settled<T>(answers: Outcomes<T>, mut disputed: BTreeMap<AgentId, Outcome<T>>) -> Outcomes<T> {
    let denies = |outcome: &Outcome<T>| {
        use ErrorKind::{JobFailed, NotRunning};
        matches!(outcome, Outcome::Failed(error) if matches!(error.kind(), JobFailed | NotRunning))
    };
    let settled = |(agent, outcome)| match disputed.remove(&agent) {
        Some(over) if denies(&outcome) => (agent, over),
        _ => (agent, outcome),
    };
    answers.into_iter().map(settled).collect()
}

/// Kills the job on the agents where it is not over.
pub(super) fn kill(command: &Command) -> Result<Outcomes<KillResult>> {
    let Asked { agents, known, disputed, before, left } = agents(command, Ask::Running)?;
    let envelope = command.envelope().clone().after(before);
    let kills = kill_each(command.session(), &envelope, agents.clone(), &left);
    beside(known, agents, kills.map(|kills| settled(kills, disputed)))
}
