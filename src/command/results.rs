//! [`Results`]: the results of many agents, one by one, in order of completion.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::iter::FusedIterator;
use std::os::fd::BorrowedFd;
use std::task::Poll;
use std::time::Duration;

use super::Command;
#[cfg(doc)]
use crate::client::Client;
use crate::engine::arrivals::Arrivals;
use crate::engine::{Session, Timeout, WaitMethod};
#[cfg(doc)]
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::job::Job;
use crate::protocol::{AgentId, JobResult, Target};
use crate::transport::clock;

/// The results of one command or several, in order of completion; from
/// [`Command::results`] and [`Client::wait_any`].
///
/// Each item blocks until the next result exists, within the one deadline that the iterator was
/// made with, however slow or dead other agents are. A job that failed is a result like any other.
/// An error that [`Error::is_final`] ends the iterator: cancelled, closed, no connection free until the
/// deadline, or rejected by Redis. Any other is about one agent, named by [`Error::agent`], or about one
/// command, and the iterator goes on:
///
/// - [`ErrorKind::Timeout`]: after the deadline, one for each agent that did not answer, and one
///   for each command that no controller has routed;
/// - [`ErrorKind::Protocol`]: a result cannot be decoded;
/// - [`ErrorKind::NoSuchAgent`]: the controller knew no agent for the target.
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
    session: Session,
    arrivals: Arrivals,
}

impl Results {
    /// The results of several commands; of those with the same id and target one is waited for.
    pub(crate) fn of(
        session: &Session,
        commands: impl IntoIterator<Item = impl Into<Command>>,
        timeout: &Timeout,
    ) -> Result<Self> {
        let begun = clock::now();
        let mut known: HashSet<(String, Target)> = HashSet::new();
        let commands = commands.into_iter().map(Into::into);
        // Two commands may have one id and different agents.
        let is_new =
            |command: &Command| known.insert((command.id().to_owned(), command.target().clone()));
        let commands: Vec<Command> = commands.filter(is_new).collect();
        commands.iter().try_for_each(|command| command.check_results(timeout))?;
        // With very many commands, part of the time has passed.
        Results::new(session.clone(), &commands, &timeout.clone().since(begun))
    }

    pub(crate) fn new(session: Session, commands: &[Command], timeout: &Timeout) -> Result<Self> {
        let awaited = commands.iter().map(|command| (command.envelope().clone(), command.wanted()));
        let arrivals = Arrivals::new(&session, awaited.collect(), timeout)?;
        Ok(Results { session, arrivals })
    }

    /// Waits for the results of other commands too, each for one agent.
    pub(super) fn add(&mut self, commands: &BTreeMap<AgentId, Command>) {
        let awaited = commands
            .iter()
            .map(|(agent, command)| (command.envelope().clone(), command.wanted(), *agent));
        self.arrivals.add(awaited.collect());
    }

    /// How it waits, chosen by what the server can do; `None` before the first result was asked
    /// for, and after the last.
    pub fn method(&self) -> Option<WaitMethod> {
        self.arrivals.method()
    }

    /// The next result if there is one now, for a program with an event loop of its own. `Pending`: there
    /// is none now; call it again when [`Results::poll_fd`] is readable, and after
    /// [`Results::poll_timeout`] at the latest. `Ready(None)`: all results have been returned.
    ///
    /// Blocks for a round trip to Redis, and to connect, up to one second each.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// use std::task::Poll;
    /// # fn wait_for_readable(fd: Option<std::os::fd::BorrowedFd<'_>>, timeout: std::time::Duration) {}
    /// # let client = Client::connect("redis://localhost")?;
    /// # let mut results = client.get_by_id("x").results(None)?;
    /// loop {
    ///     match results.poll_next() {
    ///         Poll::Ready(Some(result)) => println!("{}", result?.agent()),
    ///         Poll::Ready(None) => break,
    ///         Poll::Pending => wait_for_readable(results.poll_fd(), results.poll_timeout()),
    ///     }
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn poll_next(&mut self) -> Poll<Option<Result<Job>>> {
        let next = self.arrivals.poll_next();
        next.map(|next| next.map(|(_, result)| self.job(result)))
    }

    /// The descriptor that becomes readable when there may be a result; `None` without a connection. It
    /// may be another one after each call of [`Results::poll_next`]. Only to be polled for reading.
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.arrivals.poll_fd()
    }

    /// How long to wait for [`Results::poll_fd`] before [`Results::poll_next`] is called all the same: to
    /// poll or to reconnect, and at the deadline.
    pub fn poll_timeout(&self) -> Duration {
        self.arrivals.poll_within()
    }

    fn job(&self, result: Result<JobResult>) -> Result<Job> {
        result.map(|result| Job::new(self.session.clone(), result))
    }

    /// How many agents have not answered, as far as it is known yet whom the commands went to.
    pub fn remaining(&self) -> usize {
        self.arrivals.remaining()
    }
}

impl Iterator for Results {
    type Item = Result<Job>;

    fn next(&mut self) -> Option<Result<Job>> {
        let (_, result) = self.arrivals.next()?;
        Some(self.job(result))
    }
}

impl FusedIterator for Results {}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Results");
        shown.field("address", &self.session.address()).field("method", &self.method());
        shown.field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
