//! [`RolloutPlan`]: a command sent to many agents, some at a time, within one deadline.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::time::Instant;

use super::{Command, Request, Results};
#[cfg(doc)]
use crate::client::Client;
use crate::engine::retry::Backoff;
use crate::engine::{Timeout, ids, push_many};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::node::agents;
#[cfg(doc)]
use crate::protocol::Target;
use crate::protocol::{AgentId, Envelope};
use crate::transport::{Until, clock};

/// Plan of a rollout over many agents: see [`Request::rollout`].
///
/// ```
/// use acclient::RolloutPlan;
/// let careful = RolloutPlan::percent(10).stop_after(3);
/// let canary = RolloutPlan::agents(1).sample(5);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RolloutPlan {
    batch: Batch,
    is_sliding: bool,
    stop_after: Option<usize>,
    sample: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Batch {
    Agents(usize),
    Percent(u8),
}

impl RolloutPlan {
    /// Batches of `count` agents: the next batch is sent when all agents of the last have answered.
    pub fn agents(count: usize) -> Self {
        RolloutPlan::of(Batch::Agents(count))
    }

    /// Batches of `percent` per cent of the agents (of the sample, where there is one), 1 to 100; at least
    /// one agent.
    pub fn percent(percent: u8) -> Self {
        RolloutPlan::of(Batch::Percent(percent))
    }

    fn of(batch: Batch) -> Self {
        RolloutPlan { batch, is_sliding: false, stop_after: None, sample: None }
    }

    /// Enables a sliding window of the size of a batch: the command is sent to the next agent as soon as one has
    /// answered, so that a slow agent does not delay the others. Default: the next batch is sent when all agents of
    /// the last have answered.
    ///
    /// ```
    /// # use acclient::RolloutPlan;
    /// let fifty_at_a_time = RolloutPlan::agents(50).sliding();
    /// ```
    pub fn sliding(mut self) -> Self {
        self.is_sliding = true;
        self
    }

    /// Sends no further command after this many failures: jobs that end in a state other than `SUCCESS`,
    /// and errors. Default: never stops.
    pub fn stop_after(mut self, failures: usize) -> Self {
        self.stop_after = Some(failures);
        self
    }

    /// Sends the command only to `count` of the agents, chosen at random. Default: to all of them, in the
    /// order of their numbers.
    pub fn sample(mut self, count: usize) -> Self {
        self.sample = Some(count);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(what));
        match self.batch {
            Batch::Agents(0) => {
                return wrong("invalid batch of 0 agents: expected a number above zero");
            }
            Batch::Percent(percent) if !(1..=100).contains(&percent) => {
                return wrong("invalid batch percentage: expected 1 to 100");
            }
            _ => {}
        }
        if self.stop_after == Some(0) {
            return wrong("invalid number of failures 0: expected a number above zero");
        }
        if self.sample == Some(0) {
            return wrong("invalid sample of 0 agents: expected a number above zero");
        }
        Ok(())
    }

    fn size_of_batch(&self, agents: usize) -> usize {
        match self.batch {
            Batch::Agents(count) => count,
            Batch::Percent(percent) => (agents * usize::from(percent)).div_ceil(100).max(1),
        }
    }
}

impl Request {
    /// Sends the command to all agents of its target, some at a time, and gives the results in order of
    /// completion: an iterator within one deadline. Stops where too many have failed. Blocks until the
    /// controller has said which agents there are; each item blocks too.
    ///
    /// Each agent gets a command of its own: [`Job::id`] tells it. A target with roles means the
    /// agents that have them now.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # use std::time::Duration;
    /// # let client = Client::connect("redis://localhost")?;
    /// let upgrade = client.bash(Target::all().role("cpu"), "apt-get -y upgrade");
    /// let mut rollout = upgrade.rollout(RolloutPlan::percent(10).stop_after(3), Duration::from_secs(3600))?;
    /// for result in &mut rollout {
    ///     match result {
    ///         Ok(job) => println!("{} {}", job.agent(), job.state()),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// if rollout.is_stopped() {
    ///     eprintln!("stopped; {} agents are as they were", rollout.not_started().len());
    /// }
    /// for command in rollout.in_flight() {
    ///     eprintln!("not answered: {command}");
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for a batch, a sample or
    /// a number of failures of 0, for a percentage that is none, for [`Target::any`], for a command with
    /// an id (each batch needs a new one), for a timeout of zero, and for no timeout on a recurring command;
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent) where no agent matches; those of
    /// [`Client::list_agents`]. Everything else is an item: see [`Results`].
    pub fn rollout(self, rollout: RolloutPlan, timeout: impl Into<Timeout>) -> Result<Rollout> {
        let timeout = timeout.into();
        let begun = clock::now();
        rollout.check()?;
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        if self.has_id() {
            return Err(Error::invalid(
                "a rollout sends many commands, which cannot share one id: do not set an id",
            ));
        }
        let until = self.until(&timeout)?;
        let for_one = self.clone().for_agent(AgentId { gid: 1, nid: 1 });
        for_one.start()?.refuse_endless(&timeout)?; // before anybody gets it
        let left = timeout.clone().since(begun);
        self.target().each_address(|_| Ok(()))?; // an empty list means nobody, and not everybody
        if self.target().is_any() {
            return Err(Error::invalid(
                "a rollout needs a target of all matching agents, not of any one",
            ));
        }
        let mut agents = agents::meant(&self.session().for_a_step(&left), self.target())?;
        if let Some(count) = rollout.sample {
            agents = sample(agents, count)?;
        }
        let batch = rollout.size_of_batch(agents.len()).min(agents.len());
        Ok(Rollout {
            command: self,
            chosen: agents.clone(),
            left: agents.into(),
            batch,
            is_sliding: rollout.is_sliding,
            stop_after: rollout.stop_after,
            failures: 0,
            results: None,
            in_flight: BTreeMap::new(),
            unconfirmed: VecDeque::new(),
            is_over: false,
            ended: None,
            until,
            timeout,
            begun,
        })
    }
}

/// Picks `count` agents uniformly at random and returns them in the order of their numbers.
fn sample(agents: Vec<AgentId>, count: usize) -> Result<Vec<AgentId>> {
    let mut left = agents;
    let mut chosen = Vec::new();
    while chosen.len() < count && !left.is_empty() {
        chosen.push(left.swap_remove(ids::random_below(left.len())?));
    }
    chosen.sort_unstable();
    Ok(chosen)
}

/// A rollout: an iterator over its results in order of completion; from [`Request::rollout`].
///
/// Items are those of [`Results`]. Taking one may send the next batch, or the next command of a sliding
/// window; while Redis is unreachable, this is retried until the deadline. An error that ends the rollout
/// earlier, like a command that Redis rejects, names no agent and is the last item. After an error about a
/// command that Redis did not confirm, which may run or not ([`Error::is_maybe_sent`]), nothing more is sent.
///
/// For one thread at a time; in a forked child it sends nothing and returns
/// [`ErrorKind::ForkedHandle`](crate::ErrorKind::ForkedHandle).
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let upgrade = client.bash(Target::all(), "apt-get -y upgrade");
/// let plan = RolloutPlan::percent(10).stop_after(3);
/// let mut rollout = upgrade.rollout(plan, std::time::Duration::from_secs(3600))?;
/// for job in &mut rollout {
///     println!("{}", job?.agent());
/// }
/// println!("{} agents are left", rollout.not_started().len());
/// # Ok::<(), acclient::Error>(())
/// ```
pub struct Rollout {
    command: Request,
    chosen: Vec<AgentId>,
    left: VecDeque<AgentId>,
    batch: usize,
    is_sliding: bool,
    stop_after: Option<usize>,
    failures: usize,
    results: Option<Results>,
    in_flight: BTreeMap<AgentId, Command>,
    /// What is to be said of commands that Redis did not confirm.
    unconfirmed: VecDeque<Error>,
    is_over: bool,
    /// What has ended it, until it is told, as the last item.
    ended: Option<Error>,
    until: Until,
    timeout: Timeout,
    begun: Instant,
}

impl Rollout {
    /// All agents that it is for.
    pub fn agents(&self) -> &[AgentId] {
        &self.chosen
    }

    /// How many agents get the command at a time, the size of a batch or of the sliding window; the last batch may have
    /// fewer.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// Returns the agents to which nothing was sent. Nothing is sent to them unless another item is taken.
    pub fn not_started(&self) -> impl ExactSizeIterator<Item = AgentId> + '_ {
        self.left.iter().copied()
    }

    /// Commands that were sent and have no result yet among the items that were taken, in the order of
    /// their agents. None before the first item, and none once all have answered.
    ///
    /// After the end of the rollout it still returns them, so that they can be killed or read later. An agent
    /// that did not answer by the deadline may still run the command, and so may one whose
    /// command Redis did not confirm ([`Error::is_maybe_sent`]). A command that was certainly not sent is
    /// not included, nor is one whose result cannot be read. Their calls use the timeout and
    /// the token of the client that made the rollout, not those of its wait.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # fn stop(rollout: &Rollout) -> Result<()> {
    /// for command in rollout.in_flight() {
    ///     if !command.retract()? {
    ///         println!("{command}: {:?}", command.kill()?);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_flight(&self) -> impl ExactSizeIterator<Item = &Command> + '_ {
        self.in_flight.values()
    }

    /// How many have failed so far, among the items that were taken.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// Returns whether no other batch begins, although agents are left: because too many have failed, the
    /// deadline has passed, or the rollout was ended.
    pub fn is_stopped(&self) -> bool {
        let has_ended = self.is_over || self.has_failed() || self.until.check().is_err();
        has_ended && !self.left.is_empty()
    }

    fn has_failed(&self) -> bool {
        self.stop_after.is_some_and(|most| self.failures >= most)
    }

    /// Whether agents are left that may get the command.
    fn goes_on(&self) -> bool {
        !(self.left.is_empty() || self.is_over || self.has_failed())
    }

    /// Returns how many agents may get the command while others are pending.
    fn room(&self) -> usize {
        match self.is_sliding && self.goes_on() && !self.until.deadline.has_passed() {
            true => self.batch.saturating_sub(self.in_flight.len()),
            false => 0,
        }
    }

    /// Sends the command to up to `count` of the agents that are left. What was certainly not sent is retried until
    /// the deadline, and stays among the agents not started if that fails. `Err`: what ends the rollout, once the
    /// agents in flight have answered.
    fn send_to(&mut self, count: usize) -> Result<()> {
        let check = self.until.check_cancelled().map_err(Error::from);
        check.map_err(|error| error.asked(|| self.command.in_words()))?;
        let mut batch: Vec<AgentId> = self.left.drain(..count.min(self.left.len())).collect();
        let mut sent = BTreeMap::new();
        let mut backoff = Backoff::new();
        let ended = loop {
            let Some(error) = self.try_to_send(&mut batch, &mut sent) else { break Ok(()) };
            if !error.is_retriable() {
                break Err(error);
            }
            if let Err(ended) = backoff.pause(&self.until) {
                let ended = Error::from(ended).asked(|| self.command.in_words());
                break Err(ended.noting(&error.to_string()).waited(clock::since(self.begun)));
            }
        };
        batch.into_iter().rev().for_each(|agent| self.left.push_front(agent));
        match &mut self.results {
            Some(results) => results.add(&sent),
            None => {
                let left = self.timeout.clone().since(self.begun);
                let sent = sent.into_values();
                self.results = Some(Results::of(self.command.session(), sent, &left)?);
            }
        }
        ended
    }

    /// Leaves in the batch those to whom it was surely not sent and might be; gives why.
    fn try_to_send(
        &mut self,
        batch: &mut Vec<AgentId>,
        sent: &mut BTreeMap<AgentId, Command>,
    ) -> Option<Error> {
        let session = self.command.session();
        let agents = std::mem::take(batch);
        let commands = agents.iter().map(|agent| self.command.clone().for_agent(*agent).start());
        let left = self.timeout.clone().since(self.begun);
        let outcomes = push_many::push_many(&session.for_a_step(&left), commands);
        let mut failed = None;
        for (agent, outcome) in agents.iter().zip(outcomes) {
            match outcome {
                Ok(command) => {
                    self.in_flight.insert(*agent, command.clone());
                    sent.insert(*agent, command);
                }
                Err(error) if error.is_maybe_sent() => {
                    let envelope =
                        error.command_handle().and_then(|it| it.parse::<Envelope>().ok());
                    let command = envelope.map(|it| Command::new(session.clone(), it));
                    self.in_flight.extend(command.map(|command| (*agent, command)));
                    self.unconfirmed.push_back(error.about_agent(*agent).not_final());
                    // It may run beside another batch for an unknown time.
                    self.is_over = true;
                }
                Err(error) => {
                    batch.push(*agent);
                    failed = Some(error);
                }
            }
        }
        failed.filter(|_| !self.is_over)
    }

    /// Sends it, or keeps what has ended it.
    fn send(&mut self, count: usize) {
        if let Err(error) = self.send_to(count) {
            self.is_over = true;
            self.ended = Some(error);
        }
    }

    fn note<T>(&mut self, item: Result<T>, failed: bool) -> Option<Result<T>> {
        self.failures += usize::from(failed);
        Some(item)
    }
}

impl Iterator for Rollout {
    type Item = Result<Job>;

    fn next(&mut self) -> Option<Result<Job>> {
        loop {
            if let Some(error) = self.unconfirmed.pop_front() {
                return self.note(Err(error), true);
            }
            let room = self.room();
            if room > 0 {
                self.send(room);
                continue;
            }
            match self.results.as_mut().and_then(Results::next) {
                Some(Ok(job)) => {
                    self.in_flight.remove(&job.agent());
                    let failed = !job.is_success();
                    return self.note(Ok(job), failed);
                }
                Some(Err(mut error)) => {
                    if error.is_final() {
                        self.is_over = true;
                        self.ended = None; // this is the last item
                        let asked = self.command.in_words();
                        error = error.of_the_whole(asked, clock::since(self.begun));
                    } else if let (Some(agent), false) = (error.agent(), error.is_timeout()) {
                        // After a timeout its command goes on.
                        self.in_flight.remove(&agent);
                    }
                    return self.note(Err(error), true);
                }
                None => self.results = None,
            }
            if let Some(error) = self.ended.take() {
                return self.note(Err(error), true);
            }
            if !self.goes_on() {
                return None;
            }
            if self.until.deadline.has_passed() {
                self.is_over = true;
                return None;
            }
            self.send(self.batch);
        }
    }
}

impl FusedIterator for Rollout {}

impl fmt::Debug for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Rollout");
        shown.field("agents", &self.chosen.len()).field("not_started", &self.left.len());
        shown.field("in_flight", &self.in_flight.len());
        shown.field("failures", &self.failures).finish_non_exhaustive()
    }
}
