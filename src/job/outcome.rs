use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Instant;

use crate::client::Client;
use crate::command::CommandBuilder;
use crate::command::{Command, CommandRef};
use crate::engine::Wait;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::protocol::AgentId;

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
/// [`CommandRef::kill`], [`CommandRef::get_stats`] and [`CommandRef::get_msgs`].
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

/// All that came of a command; from
/// [`CommandBuilder::run_all`](crate::CommandBuilder::run_all) and
/// [`CommandBuilder::run_until_failure`](crate::CommandBuilder::run_until_failure).
#[derive(Debug)]
pub struct Collected {
    /// The command, by which what is missing here can be waited for: it does not return again what
    /// stands in [`Collected::jobs`].
    pub command: Command,
    /// What the agents returned, in order of completion.
    pub jobs: Vec<Job>,
    /// What is to be said of agents that returned nothing, one for each: see
    /// [`Results`](crate::Results). What ended the wait for everybody is the last, without an agent.
    pub errors: Vec<Error>,
    /// Whether it stopped at a failure, or was ended, before all agents had answered.
    pub stopped: bool,
}

impl Collected {
    pub(crate) fn new(command: Command) -> Self {
        Collected { command, jobs: Vec::new(), errors: Vec::new(), stopped: false }
    }

    /// Whether every agent has answered, and every job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.errors.is_empty() && !self.stopped && self.jobs.iter().all(Job::is_success)
    }

    /// The jobs that ended in another state than `SUCCESS`.
    pub fn failed(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| !job.is_success())
    }
}

/// Whom a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Agents on which the job is not over.
    Running,
    /// All agents that the command went to.
    Everyone,
}

/// Asks the agents of a command, all at once, and waits for their answers.
pub(crate) fn everywhere<T>(
    command: &CommandRef,
    ask: Ask,
    order: impl Fn(&Job) -> CommandBuilder,
    read: impl Fn(Job) -> Result<T>,
) -> Result<Outcomes<T>> {
    // One deadline for all steps.
    let quick = command.client().quick();
    let begun = Instant::now();
    let client = || {
        let wait = quick.clone().since(begun);
        command.client().with_timeout(wait.timeout)
    };
    let mut outcomes = BTreeMap::new();
    let mut orders = Vec::new();
    for (agent, job) in command.routed_jobs()? {
        if ask == Ask::Running && job.is_over() {
            outcomes.insert(agent, Outcome::Over(job));
        } else {
            orders.push((agent, order(&job)));
        }
    }
    outcomes.extend(answers(&client(), orders, quick.clone().since(begun), read)?);
    Ok(Outcomes(outcomes))
}

/// Sends questions to agents, all at once, and waits for their answers.
pub(crate) fn answers<T>(
    client: &Client,
    orders: Vec<(AgentId, CommandBuilder)>,
    wait: Wait,
    read: impl Fn(Job) -> Result<T>,
) -> Result<BTreeMap<AgentId, Outcome<T>>> {
    let mut outcomes = BTreeMap::new();
    let (asked, orders): (Vec<AgentId>, Vec<CommandBuilder>) = orders.into_iter().unzip();
    let mut sent = Vec::new();
    for (agent, order) in asked.into_iter().zip(client.submit_many(orders)) {
        match order {
            Ok(order) => sent.push(order),
            Err(error) => {
                outcomes.insert(agent, Outcome::Failed(error));
            }
        }
    }
    for answer in client.wait_any(&sent, wait)? {
        match answer {
            Ok(job) => {
                let agent = job.agent();
                let outcome = job.into_success().and_then(&read);
                outcomes.insert(agent, outcome.map_or_else(Outcome::Failed, Outcome::Done));
            }
            Err(error) => match error.agent() {
                Some(agent) => {
                    outcomes.insert(agent, Outcome::Failed(error));
                }
                None => return Err(error),
            },
        }
    }
    Ok(outcomes)
}
