//! [`Command`]: the handle of a command that was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

#[cfg(doc)]
use super::Stage;
use super::everywhere::{self, Ask};
use super::lost::is_lost;
use super::{Progress, Results, progress};
use crate::engine::watch::{Wanted, Watch};
use crate::engine::{Session, Timeout, result, retract, run, targets, verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Job, KillResult, Message, MsgQuery, Origin, Outcome, Outcomes, questions};
use crate::node::ProcessStats;
use crate::node::answer::read_one;
use crate::protocol::{
    AgentId, Contents, Envelope, JobResult, ResultDocument, RunArgs, Target, mended,
};
use crate::transport::{Until, clock};

/// Handle of a command that this or another program sent. Gives access to its results.
///
/// Returned by [`Request::submit`](crate::Request::submit), by
/// [`Client::get_by_id`](crate::Client::get_by_id) for an id, and by
/// [`Client::get_by_handle`](crate::Client::get_by_handle) for a handle string. The handle string
/// (`Display`), `acclient:1:<id>:<target>`, followed by `:queue=<name>` for a command with a queue
/// ([`RunArgs::queue`]), finds the command again from any process and language
/// for as long as Redis keeps its results: 24 hours.
///
/// The contents of the command ([`Command::cmd`], [`Command::args`], [`Command::data`], [`Command::tags`],
/// [`Command::dump`]) are known only if this program sent it or read it from a history. A handle created from
/// an id or a handle string does not have them.
///
/// Reading results removes nothing: any number of readers get all of them, each once per `Command`.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let mut command = client.bash(Target::agent((1, 1)), "apt-get -y upgrade").submit()?;
/// println!("to be found again by {}", command.handle());
/// if let Some(job) = command.next_result(std::time::Duration::from_secs(600))? {
///     println!("{} on {}", job.state(), job.agent());
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct Command {
    session: Session,
    envelope: Envelope,
    /// Agents that the command was routed to, once the controller has reported them.
    routed: Option<Vec<AgentId>>,
    /// Agents whose results were returned.
    returned: BTreeSet<AgentId>,
    /// State of [`Command::next_result`] between two calls.
    waiting: Waiting,
}

/// The watch of a command, kept between calls of [`Command::next_result`], so that each call costs no more than its
/// result. A clone of the command creates its own.
#[derive(Default)]
struct Waiting(Option<Box<Watch>>);

impl Clone for Waiting {
    fn clone(&self) -> Self {
        Waiting(None)
    }
}

impl Command {
    pub(crate) fn new(session: Session, envelope: Envelope) -> Self {
        Command {
            session,
            envelope,
            routed: None,
            returned: BTreeSet::new(),
            waiting: Waiting(None),
        }
    }

    /// Returns the id of the command.
    pub fn id(&self) -> &str {
        &self.envelope.id
    }

    /// Returns the target, as far as this handle knows it.
    pub fn target(&self) -> &Target {
        &self.envelope.target
    }

    /// Returns the name of the command (`execute`, `ping`, …), or `None` if the contents are not known.
    pub fn cmd(&self) -> Option<&str> {
        self.contents().map(|contents| &*contents.cmd)
    }

    /// Returns the run arguments that were sent, or `None` if they are not known.
    pub fn args(&self) -> Option<&RunArgs> {
        self.contents().map(|contents| &contents.args)
    }

    /// Returns the data that was sent, or `None` if it is not known.
    pub fn data(&self) -> Option<&str> {
        self.contents().map(|contents| &*contents.data)
    }

    /// Returns the tags that were sent, or `None` if there were none or they are not known.
    pub fn tags(&self) -> Option<&str> {
        self.contents()?.tags.as_deref()
    }

    /// Returns the JSON that was pushed to the queue or found in a history, with one line per agent for a target
    /// that lists several. `None` if the contents are not known.
    pub fn dump(&self) -> Option<String> {
        let pushed = self.envelope.pushed()?;
        let documents: Vec<_> = pushed.iter().map(mended).collect();
        Some(documents.join("\n"))
    }

    /// Returns the handle string, `acclient:1:<id>:<target>`, with which
    /// [`Client::get_by_handle`](crate::Client::get_by_handle) finds the command again from any process and
    /// language. The `Display` form is the same.
    pub fn handle(&self) -> String {
        self.envelope.to_string()
    }

    fn contents(&self) -> Option<&Contents> {
        self.envelope.sent.as_ref().map(|sent| &sent.contents)
    }
}

/// Results.
impl Command {
    /// Waits for the next result that this `Command` has not returned yet. Returns `None` once all results were
    /// returned. Blocks; reconnects after a lost connection and continues.
    ///
    /// A failed job is returned as a result. A timeout of zero reads once. Between two calls the `Command` keeps
    /// its connection unless another call needs the place in the pool. The next call then costs no more than an
    /// item of [`Command::results`].
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Cancelled`]; [`ErrorKind::NoSuchAgent`] if the controller knew no agent
    /// for the target, returned once, like a result; [`ErrorKind::Protocol`] for an unreadable result, returned once
    /// for each of several agents; [`ErrorKind::InvalidArgument`] for a wait without a timeout on a recurring
    /// command, which has no result until it is killed; connection errors.
    pub fn next_result(&mut self, timeout: impl Into<Timeout>) -> Result<Option<Job>> {
        let timeout = timeout.into();
        self.envelope.check_id()?;
        self.refuse_endless(&timeout)?;
        if self.waiting.0.is_none() && self.is_exhausted() {
            return Ok(None);
        }
        if timeout.is_zero() {
            return match self.look_once(self.session.look(&timeout))? {
                Some(job) => Ok(Some(job)),
                None if self.is_exhausted() => Ok(None),
                None => Err(run::no_result_yet(&self.envelope)),
            };
        }
        let begun = clock::now();
        let found = self.session.until(&timeout).and_then(|until| self.first_of_pending(&until));
        let found = found
            .map_err(|error| self.explained(verdict::tell_how_far(&self.envelope, error), begun))?;
        let Some((agent, document)) = found else { return Ok(None) };
        self.deliver(agent, document).map(Some)
    }

    /// Returns the next result if Redis has one. Returns `None` if there is no new result or all were returned.
    /// Asks Redis and blocks for at most the client's timeout.
    ///
    /// # Errors
    /// Same as [`Command::next_result`].
    pub fn try_next_result(&mut self) -> Result<Option<Job>> {
        self.envelope.check_id()?;
        self.look_once(self.session.quick())
    }

    /// Returns an iterator over the results that this `Command` has not returned, in order of completion, within
    /// one deadline for all. The iterator is independent of this handle. See [`Results`].
    ///
    /// Results returned by the iterator do not count as returned by this `Command`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a wait without a timeout on a recurring command and for a timeout of
    /// zero; [`ErrorKind::Closed`]; [`ErrorKind::Cancelled`]. All other errors are items of the iterator.
    pub fn results(&self, timeout: impl Into<Timeout>) -> Result<Results> {
        let timeout = timeout.into();
        self.check_results(&timeout)?;
        self.results_within(&timeout)
    }

    /// Like [`Command::results`], for a timeout that may be used up already.
    pub(crate) fn results_within(&self, timeout: &Timeout) -> Result<Results> {
        Results::new(self.session.clone(), std::slice::from_ref(self), timeout)
    }

    /// Rejects a wait that could never return a result, before anything is sent.
    pub(crate) fn check_results(&self, timeout: &Timeout) -> Result<()> {
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        self.envelope.check_id()?;
        self.refuse_endless(timeout)
    }

    fn look_once(&mut self, timeout: Timeout) -> Result<Option<Job>> {
        let begun = clock::now();
        let found = self.session.until(&timeout).and_then(|until| {
            if self.envelope.before().is_some() {
                let mut watch = Watch::new(self.session.clone(), vec![self.wanted()]);
                let found = watch.next_there(&until)?;
                return found.map(|found| self.readable(found.agent, found.document)).transpose();
            }
            if self.agents().is_none() {
                self.routed = targets::targets_now(&self.session, self.id(), &until)?;
            }
            let pending = self.pending().unwrap_or_default();
            let answers = result::answers(&self.session, &self.envelope, &pending, &until)?;
            let mut there = answers.into_iter();
            let found = there.find_map(|(agent, document)| Some((agent, document.transpose()?)));
            found.map(|(agent, document)| self.readable(agent, document)).transpose()
        });
        let found = found.map_err(|error| self.explained(error, begun))?;
        let Some((agent, document)) = found else { return Ok(None) };
        self.waiting = Waiting(None); // it would find that result too
        self.deliver(agent, document).map(Some)
    }

    fn first_of_pending(&mut self, until: &Until) -> Result<Option<(AgentId, ResultDocument)>> {
        let mut watch = match self.waiting.0.take() {
            Some(watch) => watch,
            None => match self.pending().as_deref() {
                Some([agent]) => {
                    let document =
                        run::final_document(&self.session, &self.envelope, *agent, until);
                    return self.readable(*agent, document).map(Some);
                }
                _ => Box::new(Watch::new(self.session.clone(), vec![self.wanted()])),
            },
        };
        let next = watch.next(until).map_err(|error| watch.explained(error));
        let Some(found) = next? else {
            self.routed = Some(self.returned.iter().copied().collect());
            return Ok(None);
        };
        watch.park();
        self.waiting = Waiting(Some(watch));
        self.readable(found.agent, found.document).map(Some)
    }

    /// Checks a result that was found. An unreadable result of one of several agents counts as returned, so that it
    /// does not hide the others.
    fn readable(
        &mut self,
        agent: AgentId,
        document: Result<ResultDocument>,
    ) -> Result<(AgentId, ResultDocument)> {
        let is_only_one = self.agents().is_some_and(|agents| agents.len() == 1);
        match document {
            Err(error) if error.kind() == ErrorKind::Protocol && !is_only_one => {
                self.returned.insert(agent);
                Err(error.about_agent(agent))
            }
            document => Ok((agent, document.map_err(|error| error.about_agent(agent))?)),
        }
    }

    /// Turns a result into a job and counts it as returned.
    fn deliver(&mut self, agent: AgentId, document: ResultDocument) -> Result<Job> {
        self.returned.insert(agent);
        let result = JobResult::new(self.id(), agent, document);
        Ok(Job::new(self.session.clone(), verdict::delivered(&self.envelope, result)?))
    }
}

/// Jobs, progress, kill, statistics and messages.
impl Command {
    /// Returns the current job of every agent that the command was routed to: queued, running or completed. Empty
    /// until a controller has routed the command. Asks Redis and blocks for at most the client's timeout.
    ///
    /// A job counts as `RUNNING` once its agent has fetched it, even while it waits in a queue of the agent;
    /// [`Command::progress`] asks the agent. Listed agents that the controller does not know have no job and are
    /// left out.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] if the controller knew no agent for the target; [`ErrorKind::Protocol`] if no
    /// result can be read (if some can, the others are left out and logged); connection errors.
    pub fn jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        self.envelope.check_id()?;
        let latest = self.bounded(|until| result::latest(&self.session, &self.envelope, until))?;
        Ok(self.jobs_of(self.known_agents(latest)?))
    }

    /// Returns the current job of one agent that the command was routed to; see [`Command::jobs`]. The cost does not
    /// depend on the number of agents. Asks Redis and blocks for at most the client's timeout.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let job = client.get_by_id("x").job((1, 2))?;
    /// println!("{}", job.state());
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if Redis has no such job or it cannot be read; [`ErrorKind::NoSuchAgent`] if the
    /// controller did not know the agent; connection errors.
    pub fn job(&self, agent: impl Into<AgentId>) -> Result<Job> {
        let agent = agent.into();
        self.envelope.check_id()?;
        let latest = |until: &Until| result::latest_of(&self.session, &self.envelope, agent, until);
        let job = self.bounded(|until| {
            let none = || {
                let message = format!("no job of agent {agent}; Redis keeps results for 24 hours");
                Error::new(ErrorKind::Protocol, message)
            };
            let result = JobResult::new(self.id(), agent, latest(until)?.ok_or_else(none)?);
            verdict::delivered(&self.envelope, result)
        })?;
        Ok(self.job_of(Arc::new(self.envelope.clone()), job))
    }

    /// Leaves out agents that the controller did not know.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] if the controller knew none of the agents of the target.
    pub(super) fn known_agents(
        &self,
        documents: Vec<(AgentId, ResultDocument)>,
    ) -> Result<Vec<(AgentId, ResultDocument)>> {
        let (unknown, known): (Vec<_>, Vec<_>) =
            documents.into_iter().partition(|(_, document)| document.is_no_such_agent());
        let is_nobody = unknown.len() >= self.target().agent_ids().len();
        match unknown.into_iter().next() {
            Some((agent, document)) if known.is_empty() && is_nobody => {
                let result = JobResult::new(self.id(), agent, document);
                Err(verdict::no_such_agent(&self.envelope, result))
            }
            _ => Ok(known),
        }
    }

    /// Removes the command from the queue if no controller has taken it yet, and returns whether it did. `true`: the
    /// command never ran and never will. `false`: it may run or have run. Removes exactly what was pushed; if the
    /// contents are not known, searches the queue for the id. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::MaybeSent`] if the connection broke during the call, so that the command may or may not have
    /// been removed; connection errors.
    pub fn retract(&self) -> Result<bool> {
        self.envelope.check_id()?;
        let (session, asked) = (&self.session, || format!("taking back {}", self.in_words()));
        let take = |until: &Until| retract::take_back(session, &self.envelope, until);
        let taken = session.bounded(&session.quick(), asked, take);
        taken.map_err(|error| error.about_command(self))
    }

    /// Returns the stage that the command has reached on each agent, as far as it can be determined. Reads the state
    /// in Redis, searches the queue, and asks the agents that have fetched the command whether they run it. Blocks
    /// for at most `timeout`; agents that do not answer within it are [`Stage::Unknown`].
    ///
    /// A job that its agent does not run may wait in a queue of the agent ([`RunArgs::queue`]), which cannot be
    /// read. If the command has a queue and the agent shows no job of it, this sends a `ping` through the same
    /// queue. A handle created from an id does not know the queue: [`Stage::Unknown`]. Listed agents that the
    /// controller does not know are left out.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] if the controller knew no agent for the target; [`ErrorKind::InvalidArgument`] for
    /// a timeout of zero; connection errors.
    pub fn progress(&self, timeout: impl Into<Timeout>) -> Result<Progress> {
        self.envelope.check_id()?;
        progress::of(self, timeout.into())
    }

    /// Kills the job on every agent that runs it, and returns the outcome for each agent: [`KillResult::Ended`]
    /// once the result is available, [`KillResult::Ordered`] if the job is still running one second after the kill.
    /// Blocks for at most the client's timeout.
    ///
    /// An agent sends SIGKILL only to the process that it started:
    /// - Children of the process keep running. `KILLED` is reported when the last of them has closed the job's
    ///   output; until then the job is running. Output written after the kill is dropped.
    /// - A script of `bash` is a child of that process, so it runs to its end; see
    ///   [`Request::killable`](crate::Request::killable).
    /// - A job that waits in a queue of the agent, or for a full agent, cannot be reached:
    ///   [`ErrorKind::NotRunning`] or [`ErrorKind::Timeout`].
    ///
    /// The agent never answers a second kill of a job that is still ending, and that kill occupies one of its
    /// 100 slots until it restarts. To avoid this, the call asks the agent first and stores a marker
    /// (`cmd.<id>.killed.<gid>.<nid>`, for 24 hours) that later calls check, in any process. A kill may still be
    /// sent in vain if another client killed the job of a handle without contents, or if the job is over its limit.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] if the controller knew no agent for the target; [`ErrorKind::Timeout`] if no
    /// controller has routed the command, so that its agents are not known; those of [`Command::jobs`]. Errors of
    /// a single agent are in its [`Outcome`].
    pub fn kill(&self) -> Result<Outcomes<KillResult>> {
        everywhere::kill(self)
    }

    /// Returns the current resource usage of the job on each agent. For `bash` this covers the shell that runs the
    /// script, without the script. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// Same as [`Command::kill`]. [`ErrorKind::JobFailed`] in the [`Outcome`] of an agent that does not run the job.
    pub fn get_stats(&self) -> Result<Outcomes<ProcessStats>> {
        let outcomes = everywhere::ask(self, Ask::Running, questions::stats(self.id()), read_one)?;
        let told = |outcome| match outcome {
            Outcome::Failed(error) => Outcome::Failed(questions::no_stats(error)),
            outcome => outcome,
        };
        Ok(outcomes.into_iter().map(|(agent, outcome)| (agent, told(outcome))).collect())
    }

    /// Returns the messages that the job has logged, on each agent. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; those of [`Command::kill`].
    pub fn get_msgs(&self, query: &MsgQuery) -> Result<Outcomes<Vec<Message>>> {
        query.check()?;
        let question = questions::msgs(self.id(), query);
        everywhere::ask(self, Ask::Everyone, question, |answer| query.read(answer))
    }

    pub(super) fn jobs_of(
        &self,
        documents: impl IntoIterator<Item = (AgentId, ResultDocument)>,
    ) -> BTreeMap<AgentId, Job> {
        let command = Arc::new(self.envelope.clone());
        let job = |(agent, document)| {
            (agent, self.job_of(command.clone(), JobResult::new(self.id(), agent, document)))
        };
        documents.into_iter().map(job).collect()
    }

    fn job_of(&self, command: Arc<Envelope>, result: JobResult) -> Job {
        Job::new(self.session.clone(), result).with_origin(Origin { command, is_lost })
    }
}

impl Command {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Returns the same command on another session of the same client.
    #[cfg(feature = "capi")]
    pub(crate) fn by(&self, session: Session) -> Command {
        Command { session, ..self.clone() }
    }

    /// Returns whether the contents are known, which implies that the command reached Redis.
    pub(crate) fn was_sent(&self) -> bool {
        self.envelope.sent.is_some()
    }

    /// Marks a result as returned that another call returned.
    pub(crate) fn note_returned(&mut self, agent: AgentId) {
        self.waiting = Waiting(None);
        self.returned.insert(agent);
    }

    /// Returns the agents that the command was routed to, if known.
    pub(super) fn agents(&self) -> Option<&[AgentId]> {
        self.routed.as_deref().or(self.target().answering())
    }

    /// Returns the results that are still to be returned.
    pub(crate) fn wanted(&self) -> Wanted {
        let agents = self.agents().map(<[AgentId]>::to_vec);
        let returned = self.returned.iter().copied().collect();
        Wanted { agents, returned, ..Wanted::of(&self.envelope, Vec::new()) }
    }

    /// Returns the agents whose results are still to be returned, if known.
    pub(crate) fn pending(&self) -> Option<Vec<AgentId>> {
        let agents = self.agents()?.iter().copied();
        Some(agents.filter(|agent| !self.returned.contains(agent)).collect())
    }

    fn is_exhausted(&self) -> bool {
        self.pending().is_some_and(|pending| pending.is_empty())
    }

    /// Runs a call within the client's timeout.
    pub(super) fn bounded<T>(&self, call: impl FnOnce(&Until) -> Result<T>) -> Result<T> {
        let begun = clock::now();
        let result = self.session.until(&self.session.quick()).and_then(|until| call(&until));
        result.map_err(|error| self.explained(error, begun))
    }

    /// Adds the command and the waiting time to an error.
    fn explained(&self, error: Error, begun: Instant) -> Error {
        let error = error.asked(|| self.in_words()).about_command(self);
        error.waited_if_it_did(clock::since(begun))
    }

    /// Rejects a wait without a timeout on a recurring job, which has no result until it is killed.
    pub(crate) fn refuse_endless(&self, timeout: &Timeout) -> Result<()> {
        if self.envelope.is_recurring() && timeout.duration.is_none() {
            return Err(Error::invalid(
                "a recurring command has no result until it is killed: set a timeout",
            ));
        }
        Ok(())
    }

    pub(crate) fn in_words(&self) -> String {
        self.envelope.in_words()
    }
}

/// Writes the handle string, with which [`Client::get_by_handle`](crate::Client::get_by_handle) finds the command
/// again.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.envelope.fmt(f)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Command");
        shown.field("handle", &self.to_string()).field("returned", &self.returned.len());
        shown.finish_non_exhaustive()
    }
}

impl AsRef<Envelope> for Command {
    fn as_ref(&self) -> &Envelope {
        &self.envelope
    }
}

impl From<&Command> for Command {
    fn from(command: &Command) -> Self {
        command.clone()
    }
}
