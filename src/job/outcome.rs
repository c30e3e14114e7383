//! [`Outcome`] and [`Outcomes`]: what asking each agent of a command led to.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::Job;
use crate::engine::{Session, Timeout, ask};
use crate::error::{Error, Result};
use crate::protocol::{AgentId, Contents, JobResult};

/// Outcome of a kill, stats or messages request on one agent.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for (agent, outcome) in client.get_by_id("x").kill()? {
///     match &outcome {
///         Outcome::Failed(error) => eprintln!("{agent}: {}: {error}", outcome.name()),
///         _ => println!("{agent}: {}", outcome.name()),
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Outcome<T> {
    /// The agent has answered. For a kill, [`KillResult`](crate::KillResult) tells whether the job has ended.
    Done(T),
    /// The job was over already; the agent was not asked.
    Over(Job),
    /// The agent gave no answer in time ([`ErrorKind::Timeout`](crate::ErrorKind::Timeout)), refused, or
    /// does not run the job ([`ErrorKind::NotRunning`](crate::ErrorKind::NotRunning)); or there is no such
    /// agent ([`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent)).
    Failed(Error),
}

impl<T> Outcome<T> {
    /// Name of the variant: `done`, `over` or `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Done(_) => "done",
            Outcome::Over(_) => "over",
            Outcome::Failed(_) => "failed",
        }
    }
}

/// Outcomes of a kill, stats or messages request on each agent of a command; from
/// [`Command::kill`](crate::Command::kill), [`Command::get_stats`](crate::Command::get_stats) and
/// [`Command::get_msgs`](crate::Command::get_msgs).
///
/// Dereferences to a map from agents to outcomes; [`Outcomes::into_result`] turns the first failure into
/// an error.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// client.get_by_id("x").kill()?.into_result()?;
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "an agent may have failed"]
pub struct Outcomes<T>(BTreeMap<AgentId, Outcome<T>>);

impl<T> Outcomes<T> {
    /// Returns the outcomes if no agent failed, otherwise the first failure.
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
    timeout: &Timeout,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Outcomes<T>> {
    let answers = ask::order_each(session, questions, timeout, read)?.into_iter();
    Ok(answers.map(|(agent, answer)| (agent, answer.into())).collect())
}
