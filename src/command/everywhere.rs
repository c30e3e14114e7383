//! Asking every agent that a command went to about its job.

use super::Command;
use crate::error::Result;
use crate::job::{Outcome, Outcomes, outcomes_of};
use crate::protocol::{Contents, JobResult};
use crate::transport::clock;

/// Whom a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Agents on which the job is not over.
    Running,
    /// All agents that the command went to.
    Everyone,
}

/// Asks the agents of a command, all at once, and waits for their answers.
pub(super) fn ask<T>(
    command: &Command,
    ask: Ask,
    question: Contents,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Outcomes<T>> {
    // One deadline for all steps.
    let quick = command.session().quick();
    let begun = clock::now();
    let (mut over, mut questions) = (Vec::new(), Vec::new());
    for (agent, job) in command.routed_jobs()? {
        if ask == Ask::Running && job.is_over() {
            over.push((agent, Outcome::Over(job)));
        } else {
            questions.push((agent, question.clone()));
        }
    }
    let left = quick.since(begun);
    let session = command.session().with_timeout(left.duration);
    let mut outcomes = outcomes_of(&session, questions, &left, read)?;
    over.into_iter().for_each(|(agent, outcome)| outcomes.insert(agent, outcome));
    Ok(outcomes)
}
