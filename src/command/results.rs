use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::command::CommandRef;
use crate::engine::Wait;
use crate::engine::watch::{Found, WaitMethod, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::protocol::AgentId;
use crate::transport::{Deadline, Until};

/// How long results that are there already may take after the deadline.
const LATE: Duration = Duration::from_millis(250);

/// The results of one command or several, in order of completion; from
/// [`CommandRef::results`] and [`Client::wait_any`].
///
/// Each item blocks until the next result exists, within the one deadline that the iterator was
/// made with, however slow or dead other agents are. A job that failed is a result like any other.
/// An `Err` is about one agent, named by [`Error::agent`], and the iterator goes on:
///
/// - [`ErrorKind::Timeout`]: after the deadline, one for each agent that did not answer, and one
///   for each command that no controller has routed;
/// - [`ErrorKind::Protocol`]: its result cannot be read;
/// - [`ErrorKind::NoSuchAgent`]: the controller knew no agent for the target.
///
/// An `Err` without an agent, other than that timeout, ends it: cancelled, closed, no connection free
/// until the deadline, or Redis refused.
///
/// The deadline is a point in time: it passes too while the caller works on a result. Results that
/// are there by then are given all the same, and only then the verdicts.
///
/// It owns what it uses, a connection of the client's included, until it is done or dropped. One
/// thread uses it at a time; in a forked child it answers [`ErrorKind::ForkedHandle`].
///
/// ```no_run
/// # use acclient::*;
/// # use std::time::Duration;
/// # let client = Client::connect("redis://localhost")?;
/// let command = client.execute(Target::all().role("cpu"), "uptime").submit()?;
/// for result in command.results(Duration::from_secs(10))? {
///     match result {
///         Ok(job) => println!("{}: {}", job.agent(), job.stdout()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
pub struct Results {
    client: Client,
    commands: Vec<CommandRef>,
    watch: Watch,
    until: Until,
    /// What is still to be said of agents that did not answer.
    verdicts: VecDeque<(usize, Option<AgentId>)>,
    is_over: bool,
    begun: Instant,
    /// Why the deadline passed, where it was not only slow agents.
    cause: Option<String>,
}

impl Results {
    pub(crate) fn new(client: Client, commands: Vec<CommandRef>, wait: &Wait) -> Result<Self> {
        let begun = Instant::now();
        let until = client.until(wait).map_err(|error| explained(error, &commands, begun))?;
        let watched = commands.iter().map(|command| (command.id().to_owned(), command.pending()));
        let watch = Watch::new(client.clone(), watched.collect());
        Ok(Results {
            client,
            commands,
            watch,
            until,
            verdicts: VecDeque::new(),
            is_over: false,
            begun,
            cause: None,
        })
    }

    /// How it waits, chosen by what the server can do; `None` before the first result was asked
    /// for, and after the last.
    pub fn method(&self) -> Option<WaitMethod> {
        self.watch.method()
    }

    /// How many agents have not answered, as far as it is known yet whom the commands went to.
    pub fn remaining(&self) -> usize {
        self.watch.pending().len()
    }

    fn item(&mut self) -> Result<Option<Job>> {
        if let Some(verdict) = self.verdicts.pop_front() {
            return Err(self.verdict(verdict));
        }
        if self.is_over {
            return Ok(None);
        }
        let next = if self.until.deadline.has_passed() {
            // The caller was at work meanwhile. What is there by now is no agent's fault, so it is
            // taken, within a moment.
            let mut late = self.until.clone();
            late.deadline = Deadline::after(Some(LATE));
            self.watch
                .next_there(&late)
                .and_then(|found| found.map_or_else(|| self.none_there(), |it| Ok(Some(it))))
        } else {
            self.watch.next(&self.until)
        };
        match next {
            Ok(Some(found)) => {
                let command = &self.commands[found.command];
                let job =
                    found.document.and_then(|document| command.deliver(found.agent, document));
                job.map(Some).map_err(|error| error.about_agent(found.agent).about_command(command))
            }
            Ok(None) => {
                self.is_over = true;
                Ok(None)
            }
            Err(error) => {
                self.is_over = true;
                if error.kind() != ErrorKind::Timeout {
                    return Err(explained(error, &self.commands, self.begun));
                }
                self.cause = error.cause_of_timeout();
                let agents = self.watch.pending().map(|(command, agent)| (command, Some(agent)));
                self.verdicts = agents.collect();
                self.verdicts.extend(self.watch.unrouted().map(|command| (command, None)));
                match self.verdicts.pop_front() {
                    Some(verdict) => Err(self.verdict(verdict)),
                    None => Ok(None),
                }
            }
        }
    }

    fn verdict(&self, (command, agent): (usize, Option<AgentId>)) -> Error {
        let command = &self.commands[command];
        let error = match agent {
            Some(agent) => Error::new(
                ErrorKind::Timeout,
                format!("agent {agent} has not answered by the deadline"),
            )
            .about_agent(agent),
            None => Error::new(ErrorKind::Timeout, "by the deadline no controller has routed it"),
        };
        let error = match &self.cause {
            Some(cause) => error.noting(cause),
            None => error,
        };
        error.asked(|| command.in_words()).about_command(command).waited(self.begun.elapsed())
    }

    /// After the deadline, with nothing there: all are told so, or all have answered.
    fn none_there(&self) -> Result<Option<Found>> {
        match self.remaining() == 0 && self.watch.unrouted().len() == 0 {
            true => Ok(None),
            false => Err(Error::new(ErrorKind::Timeout, "the deadline has passed")),
        }
    }
}

/// An error that is about no agent of some commands.
fn explained(error: Error, commands: &[CommandRef], begun: Instant) -> Error {
    let error = error.waited_if_it_did(begun.elapsed());
    match commands {
        [command] => error.asked(|| command.in_words()).about_command(command),
        commands => error.asked(|| format!("{} commands", commands.len())),
    }
}

impl Iterator for Results {
    type Item = Result<Job>;

    fn next(&mut self) -> Option<Result<Job>> {
        self.item().transpose()
    }
}

impl FusedIterator for Results {}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Results");
        shown.field("client", &self.client).field("method", &self.method());
        shown.field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
