//! [`Results`]: an iterator over the results of many agents, in order of completion.

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

/// Iterator over the results of one or more commands, in order of completion; returned by
/// [`Command::results`] and [`Client::wait_any`].
///
/// Each item blocks until the next result is available, within the one deadline of the iterator. Slow or dead
/// agents do not delay the others. A failed job is returned as a result. An error for which
/// [`Error::is_final`] is true ends the iterator: cancelled, closed, no connection free until the deadline, or
/// rejected by Redis. Any other error concerns one agent, named by [`Error::agent`], or one command, and the
/// iterator continues:
///
/// - [`ErrorKind::Timeout`]: after the deadline, one for each agent that did not answer, and one
///   for each command that no controller has routed;
/// - [`ErrorKind::Protocol`]: a result cannot be decoded;
/// - [`ErrorKind::NoSuchAgent`]: the controller knew no agent for the target.
///
/// The deadline is a point in time and also passes while the caller processes a result. Results available by
/// then are still returned, before the timeout errors.
///
/// The iterator owns its resources, including a connection of the client, until it is exhausted or dropped. One
/// thread uses it at a time. In a forked child it returns [`ErrorKind::ForkedHandle`].
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

    /// Returns the next result without waiting for one, for programs with their own event loop. `Pending`: none is
    /// available; call again when [`Results::poll_fd`] is readable, and after [`Results::poll_timeout`] at the
    /// latest. `Ready(None)`: all results have been returned.
    ///
    /// Blocks for a round trip to Redis and for connecting, up to one second each.
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

    /// Returns the descriptor that becomes readable when a result may be available, or `None` without a connection.
    /// It may change after each call of [`Results::poll_next`]. Only poll it for reading.
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.arrivals.poll_fd()
    }

    /// Returns how long to wait for [`Results::poll_fd`] before calling [`Results::poll_next`] anyway, to poll,
    /// to reconnect or to handle the deadline.
    pub fn poll_timeout(&self) -> Duration {
        self.arrivals.poll_within()
    }

    fn job(&self, result: Result<JobResult>) -> Result<Job> {
        result.map(|result| Job::new(self.session.clone(), result))
    }

    /// Returns the number of agents that have not answered, as far as the agents of the commands are known.
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
