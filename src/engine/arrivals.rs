//! Results of many commands as they arrive, within one deadline, and what is said of those that do not.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::verdict::delivered;
use super::watch::{Found, WaitMethod, Wanted, Watch};
use super::{Session, Timeout};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Envelope, JobResult};
use crate::transport::{Deadline, Until, clock};

/// How long results that are there already may take after the deadline.
const LATE: Duration = Duration::from_millis(250);

/// An iterator over the results of some commands, in order of completion, with the index of each
/// command. An error that is about one agent or one command does not end it.
pub(crate) struct Arrivals {
    commands: Vec<Envelope>,
    watch: Watch,
    until: Until,
    /// What is still to be said of agents that did not answer.
    verdicts: VecDeque<(usize, Option<AgentId>)>,
    is_over: bool,
    begun: Instant,
    /// The last failure before the deadline, where it was not only slow agents.
    cause: Option<String>,
}

impl Arrivals {
    pub(crate) fn new(
        session: &Session,
        commands: Vec<(Envelope, Wanted)>,
        timeout: &Timeout,
    ) -> Result<Self> {
        let begun = clock::now();
        let until = session.until(timeout).map_err(|error| {
            let commands: Vec<Envelope> = commands.iter().map(|(it, _)| it.clone()).collect();
            explained(error, &commands, begun)
        })?;
        Ok(Arrivals::within(session, commands, until))
    }

    /// The same within a call that has a deadline.
    pub(super) fn within(
        session: &Session,
        commands: Vec<(Envelope, Wanted)>,
        until: Until,
    ) -> Self {
        let (commands, wanted): (Vec<Envelope>, Vec<Wanted>) = commands.into_iter().unzip();
        Arrivals {
            commands,
            watch: Watch::new(session.clone(), wanted),
            until,
            verdicts: VecDeque::new(),
            is_over: false,
            begun: clock::now(),
            cause: None,
        }
    }

    /// Waits for results of more commands, each for one agent, within the same deadline. Not after the last item.
    pub(crate) fn add(&mut self, commands: Vec<(Envelope, Wanted, AgentId)>) {
        let (commands, wanted): (Vec<Envelope>, Vec<(Wanted, AgentId)>) =
            commands.into_iter().map(|(command, wanted, agent)| (command, (wanted, agent))).unzip();
        self.commands.extend(commands);
        self.watch.add(wanted);
    }

    /// How it waits; `None` before the first result was asked for, and after the last.
    pub(crate) fn method(&self) -> Option<WaitMethod> {
        self.watch.method()
    }

    /// How many agents have not answered, as far as it is known which agents the commands went to.
    pub(crate) fn remaining(&self) -> usize {
        self.watch.pending().len()
    }

    /// Agents that have not answered, as far as it is known which agents the commands went to.
    pub(crate) fn pending(&self) -> Vec<AgentId> {
        self.watch.pending().map(|(_, agent)| agent).collect()
    }

    fn item(&mut self) -> Option<(usize, Result<JobResult>)> {
        if let Some(verdict) = self.verdicts.pop_front() {
            return Some(self.verdict(verdict));
        }
        if self.is_over {
            return None;
        }
        let found = self.next_found();
        self.returned(found)
    }

    /// The next result that is there, or is to be said; does not wait for one.
    pub(crate) fn poll_next(&mut self) -> Poll<Option<(usize, Result<JobResult>)>> {
        if !self.verdicts.is_empty() || self.is_over || self.until.deadline.has_passed() {
            return Poll::Ready(self.item());
        }
        match self.watch.poll_next(&self.until) {
            Poll::Ready(found) => Poll::Ready(self.returned(found)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The descriptor that gets readable when there may be a result.
    pub(crate) fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.poll_fd()
    }

    /// How long until [`Arrivals::poll_next`] is to be called at the latest.
    pub(crate) fn poll_within(&self) -> Duration {
        if self.is_over {
            return Duration::ZERO;
        }
        let due = self.watch.poll_at().saturating_duration_since(clock::now());
        self.until.deadline.remaining().map_or(due, |left| left.min(due))
    }

    /// Converts what the watch found to what the caller receives.
    fn returned(&mut self, found: Result<Option<Found>>) -> Option<(usize, Result<JobResult>)> {
        match found {
            Ok(Some(found)) => {
                let command = &self.commands[found.command];
                let result = found.document.and_then(|document| {
                    delivered(command, JobResult::new(&command.id, found.agent, document))
                });
                let about = |error: Error| {
                    error.about_agent(found.agent).about_command(command).not_final()
                };
                Some((found.command, result.map_err(about)))
            }
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(error) => self.ended(error),
        }
    }

    fn next_found(&mut self) -> Result<Option<Found>> {
        if !self.until.deadline.has_passed() {
            return self.watch.next(&self.until);
        }
        // The deadline passed while the caller processed a result. Results that exist by now are taken,
        // within a moment.
        let mut late = self.until.clone();
        late.deadline = Deadline::after(Some(LATE));
        match self.watch.next_there(&late)? {
            Some(found) => Ok(Some(found)),
            None if self.remaining() == 0 && self.watch.unrouted().len() == 0 => Ok(None),
            None => {
                let passed = Error::new(ErrorKind::Timeout, "deadline exceeded");
                Err(self.watch.leave(passed)) // its connection is of use to others now
            }
        }
    }

    /// Ends the watch. A deadline is reported for every agent and command without a result,
    /// an error for all of them.
    fn ended(&mut self, error: Error) -> Option<(usize, Result<JobResult>)> {
        self.is_over = true;
        if error.kind() != ErrorKind::Timeout {
            return Some((0, Err(explained(error, &self.commands, self.begun))));
        }
        self.cause = error.last_failure().map(str::to_owned);
        let agents = self.watch.pending().map(|(command, agent)| (command, Some(agent)));
        self.verdicts = agents.collect();
        self.verdicts.extend(self.watch.unrouted().map(|command| (command, None)));
        let first = self.verdicts.pop_front()?;
        Some(self.verdict(first))
    }

    fn verdict(&mut self, (index, agent): (usize, Option<AgentId>)) -> (usize, Result<JobResult>) {
        self.watch.leave_key(index);
        let command = &self.commands[index];
        let error = Error::new(ErrorKind::Timeout, "deadline exceeded");
        let error = match agent {
            Some(agent) => {
                error.noting(&format!("no result from agent {agent}")).about_agent(agent)
            }
            // Redis cannot tell any more.
            None if self.watch.has_lost(index) => error,
            None => error.noting(self.watch.routing_in_words(index)),
        };
        let seen = agent.and_then(|agent| self.watch.last_seen(index, agent));
        let error = match seen {
            _ if self.watch.has_lost(index) => error.of_lost_data(),
            Some(words) => self.watch.noting_refusal(error.noting(&words)),
            None => self.watch.noting_refusal(error),
        };
        let error = match &self.cause {
            Some(cause) => error.noting(&format!("last error: {cause}")),
            None => error,
        };
        let error = error.asked(|| command.in_words()).about_command(command);
        (index, Err(error.waited(clock::since(self.begun)).not_final()))
    }
}

impl Iterator for Arrivals {
    type Item = (usize, Result<JobResult>);

    fn next(&mut self) -> Option<Self::Item> {
        self.item()
    }
}

/// An error that is about no agent of some commands.
fn explained(error: Error, commands: &[Envelope], begun: Instant) -> Error {
    let error = error.waited_if_it_did(clock::since(begun));
    match commands {
        [command] => error.asked(|| command.in_words()).about_command(command),
        commands => error.asked(|| format!("{} commands", commands.len())),
    }
}
