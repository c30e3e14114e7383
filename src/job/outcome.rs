//! [`Outcome`] and [`Outcomes`]: what asking each agent of a command led to.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::Job;
use crate::engine::{Session, Wait, ask};
use crate::error::{Error, Result};
use crate::protocol::{AgentId, Contents, JobResult};

/// What came of a question to one of the agents that a command went to.
#[derive(Debug, Clone)]
pub enum Outcome<T> {
    /// The agent has answered.
    Done(T),
    /// The job was over already; nothing was asked.
    Over(Job),
    /// The agent gave no answer in time
    /// ([`ErrorKind::Timeout`](crate::ErrorKind::Timeout)), or refused.
    Failed(Error),
}

/// What came of a question to every agent that a command went to, agent by agent; from
/// [`Command::kill`](crate::Command::kill), [`Command::get_stats`](crate::Command::get_stats) and
/// [`Command::get_msgs`](crate::Command::get_msgs).
///
/// It is a map; [`Outcomes::into_result`] is for those who want all or an error.
#[derive(Debug, Clone)]
#[must_use = "an agent may have failed"]
pub struct Outcomes<T>(BTreeMap<AgentId, Outcome<T>>);

impl<T> Outcomes<T> {
    /// The same if no agent failed, else the first failure.
    ///
    /// # Errors
    /// That of the first [`Outcome::Failed`].
    pub fn into_result(self) -> Result<BTreeMap<AgentId, Outcome<T>>> {
        let failures = self.0.values().filter_map(|outcome| match outcome {
            Outcome::Failed(error) => Some(error.clone()),
            Outcome::Done(_) | Outcome::Over(_) => None,
        });
        { failures }.next().map_or(Ok(self.0), Err)
    }
}

impl<T> From<Result<T>> for Outcome<T> {
    fn from(answer: Result<T>) -> Self {
        answer.map_or_else(Outcome::Failed, Outcome::Done)
    }
}

impl<T> Outcomes<T> {
    pub(crate) fn insert(&mut self, agent: AgentId, outcome: Outcome<T>) {
        self.0.insert(agent, outcome);
    }
}

impl<T> FromIterator<(AgentId, Outcome<T>)> for Outcomes<T> {
    fn from_iter<I: IntoIterator<Item = (AgentId, Outcome<T>)>>(outcomes: I) -> Self {
        Outcomes(outcomes.into_iter().collect())
    }
}

impl<T> Deref for Outcomes<T> {
    type Target = BTreeMap<AgentId, Outcome<T>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> IntoIterator for Outcomes<T> {
    type Item = (AgentId, Outcome<T>);
    type IntoIter = std::collections::btree_map::IntoIter<AgentId, Outcome<T>>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Asks some agents, all at once, and waits for their answers; `read` gets each as it arrives.
pub(crate) fn outcomes_of<T>(
    session: &Session,
    questions: Vec<(AgentId, Contents)>,
    wait: &Wait,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Outcomes<T>> {
    let answers = ask::order_each(session, questions, wait, read)?.into_iter();
    Ok(answers.map(|(agent, answer)| (agent, answer.into())).collect())
}
