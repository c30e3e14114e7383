//! [`Command`]: the handle of a command that was sent, and the way to its results.

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

/// The handle of a command that was sent, by this program or another: the way to its results.
///
/// From [`Request::submit`](crate::Request::submit), from
/// [`Client::get_by_id`](crate::Client::get_by_id) by id, and from
/// [`Client::get_by_handle`](crate::Client::get_by_handle) by its handle string. The handle string
/// (`Display`), `acclient:1:<id>:<target>`, followed by `:queue=<name>` for a command with a queue
/// ([`RunArgs::queue`]), finds the command again from any process, in any language,
/// for as long as Redis keeps its results: 24 hours.
///
/// What was sent ([`Command::cmd`], [`Command::args`], [`Command::data`], [`Command::tags`],
/// [`Command::dump`]) is known where this program sent it, or found it in a history; a handle by id or
/// handle string does not know it.
///
/// Reading results removes nothing: any number of readers get them all, each once per `Command`.
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
    /// Whom it went to, once the controller has said it.
    routed: Option<Vec<AgentId>>,
    /// Those whose results were returned.
    returned: BTreeSet<AgentId>,
    /// How [`Command::next_result`] waits.
    waiting: Waiting,
}

/// The watch of a command from one call of [`Command::next_result`] to the next, so that each costs no more than its
/// result. A clone of the command makes its own.
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

    /// The id of the command.
    pub fn id(&self) -> &str {
        &self.envelope.id
    }

    /// Whom it was sent to, as far as this knows.
    pub fn target(&self) -> &Target {
        &self.envelope.target
    }

    /// The name of the command: `execute`, `ping`, …; `None` where it is not known what was sent.
    pub fn cmd(&self) -> Option<&str> {
        self.contents().map(|contents| &*contents.cmd)
    }

    /// The run arguments that were sent; `None` where they are not known.
    pub fn args(&self) -> Option<&RunArgs> {
        self.contents().map(|contents| &contents.args)
    }

    /// The data that was sent; `None` where it is not known.
    pub fn data(&self) -> Option<&str> {
        self.contents().map(|contents| &*contents.data)
    }

    /// The tags that were sent; `None` where there were none, or they are not known.
    pub fn tags(&self) -> Option<&str> {
        self.contents()?.tags.as_deref()
    }

    /// The JSON that was pushed to the queue, or that was found in a history; a line for each agent of a
    /// target that lists several. `None` where it is not known what was sent.
    pub fn dump(&self) -> Option<String> {
        let pushed = self.envelope.pushed()?;
        let documents: Vec<_> = pushed.iter().map(mended).collect();
        Some(documents.join("\n"))
    }

    /// The handle string, `acclient:1:<id>:<target>`, by which
    /// [`Client::get_by_handle`](crate::Client::get_by_handle) finds the command again from any process,
    /// in any language. The `Display` form is the same.
    pub fn handle(&self) -> String {
        self.envelope.to_string()
    }

    fn contents(&self) -> Option<&Contents> {
        self.envelope.sent.as_ref().map(|sent| &sent.contents)
    }
}

/// Results.
impl Command {
    /// Waits for the next result: that of an agent whose result this `Command` has not
    /// returned yet. `None`: all are returned. Blocks; reconnects and goes on where a connection is
    /// lost.
    ///
    /// A job that failed is a result like any other. A wait of zero reads once. Between two calls the
    /// `Command` keeps its connection, as long as no other call needs the place; the next call then costs no
    /// more than an item of [`Command::results`].
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Cancelled`]; [`ErrorKind::NoSuchAgent`] where the
    /// controller knew no agent for the target, which is returned once, like a result;
    /// [`ErrorKind::Protocol`] for a result that cannot be read, which one of several agents returns once;
    /// [`ErrorKind::InvalidArgument`] for a wait for ever on a recurring command, which has no
    /// result until it is killed; and those of the connection.
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

    /// The next result if there is one now. `None`: there is no new one, or all are returned. Asks
    /// Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// As [`Command::next_result`].
    pub fn try_next_result(&mut self) -> Result<Option<Job>> {
        self.envelope.check_id()?;
        self.look_once(self.session.quick())
    }

    /// The results that this `Command` has not returned, in order of completion, within one
    /// deadline for all: an iterator that owns what it uses. See [`Results`].
    ///
    /// It counts on its own: what it gives is not counted here.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a wait for ever on a recurring command and for a wait of
    /// zero; [`ErrorKind::Closed`], [`ErrorKind::Cancelled`]. Everything else is an item of it.
    pub fn results(&self, timeout: impl Into<Timeout>) -> Result<Results> {
        let timeout = timeout.into();
        self.check_results(&timeout)?;
        self.results_within(&timeout)
    }

    /// The same where part of the wait is over: none of it may be left.
    pub(crate) fn results_within(&self, timeout: &Timeout) -> Result<Results> {
        Results::new(self.session.clone(), std::slice::from_ref(self), timeout)
    }

    /// Fails for a wait in which there could be no result, before anything is asked.
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

    /// A result that was found. One of several that cannot be read counts as returned, so that it hides no
    /// other.
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

    /// A result as the caller gets it, which counts as returned.
    fn deliver(&mut self, agent: AgentId, document: ResultDocument) -> Result<Job> {
        self.returned.insert(agent);
        let result = JobResult::new(self.id(), agent, document);
        Ok(Job::new(self.session.clone(), verdict::delivered(&self.envelope, result)?))
    }
}

/// What else can be asked of it.
impl Command {
    /// The job of every agent that the command went to, as Redis has it now: queued, running or over.
    /// Empty while no controller has routed it. Asks Redis, for the client's timeout at most.
    ///
    /// A job counts as `RUNNING` from the moment its agent has fetched it, even while it waits in a queue
    /// of the agent; [`Command::progress`] asks the agent. Agents of a list that the controller does not
    /// know have no job and are left out.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] where the controller knew no agent for the target;
    /// [`ErrorKind::Protocol`] where no result can be read (where some can, the others are left out and
    /// logged), and those of the connection.
    pub fn jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        self.envelope.check_id()?;
        let latest = self.bounded(|until| result::latest(&self.session, &self.envelope, until))?;
        Ok(self.jobs_of(self.known_agents(latest)?))
    }

    /// The job of one of the agents that the command went to, as Redis has it now; see [`Command::jobs`]. Costs
    /// the same however many agents there are. Asks Redis, for the client's timeout at most.
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
    /// [`ErrorKind::Protocol`] where Redis has no such job, or it cannot be read;
    /// [`ErrorKind::NoSuchAgent`] where the controller did not know the agent; those of the connection.
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
    /// [`ErrorKind::NoSuchAgent`] where it knew none of those that the command was for.
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

    /// Takes the command back if no controller has taken it yet, and returns whether it was still in
    /// the queue: then it never ran and never will. `false`: it may run or have run. Removes exactly
    /// what was pushed; where that is not known, searches the queue for the id. Blocks for the client's
    /// timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::MaybeSent`] where the connection broke meanwhile, so that the command may have been
    /// taken back or not; those of the connection.
    pub fn retract(&self) -> Result<bool> {
        self.envelope.check_id()?;
        let (session, asked) = (&self.session, || format!("taking back {}", self.in_words()));
        let take = |until: &Until| retract::take_back(session, &self.envelope, until);
        let taken = session.bounded(&session.quick(), asked, take);
        taken.map_err(|error| error.about_command(self))
    }

    /// How far the command got, on each agent, as well as can be found out: reads what Redis has, searches
    /// the queue, and asks the agents that have fetched it whether they run it. Blocks for `timeout` at
    /// most; agents that do not answer within that are [`Stage::Unknown`].
    ///
    /// A job that its agent does not run may wait in a queue of the agent ([`RunArgs::queue`]), where nobody
    /// sees it. If the command has a queue, this sends a `ping` through the same queue where the agent shows
    /// no job of it. A handle by id alone does not know the queue: [`Stage::Unknown`]. Agents of a
    /// list that the controller does not know are left out.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] where the controller knew no agent for the target;
    /// [`ErrorKind::InvalidArgument`] for a timeout of zero, and those of the connection.
    pub fn progress(&self, timeout: impl Into<Timeout>) -> Result<Progress> {
        self.envelope.check_id()?;
        progress::of(self, timeout.into())
    }

    /// Kills the job on every agent that runs it, and returns the outcome for each agent: [`KillResult::Ended`]
    /// once the result is there, [`KillResult::Ordered`] if the job goes on a second after the kill. Blocks for
    /// the client's timeout at most.
    ///
    /// An agent sends SIGKILL to the process that it started, and to nothing else:
    /// - Children of the process go on. `KILLED` is reported when the last of them has closed the job's
    ///   output; until then the job is running. What is written after the kill is dropped.
    /// - A script of `bash` is such a child, so it runs to its end; see
    ///   [`Request::killable`](crate::Request::killable).
    /// - A job that waits in a queue of the agent, or for a full agent, cannot be reached:
    ///   [`ErrorKind::NotRunning`], or [`ErrorKind::Timeout`].
    ///
    /// The agent never answers a second kill of a job that is still ending, and that kill takes one of its
    /// 100 places until it restarts. So this asks the agent first, and leaves a mark
    /// (`cmd.<id>.killed.<gid>.<nid>`, for 24 hours) by which later calls know, in any process. Where a
    /// job of a handle without contents was killed by another client, or is over its limit, a kill may
    /// still be sent in vain.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`] where the controller knew no agent for the target;
    /// [`ErrorKind::Timeout`] where no controller has routed the command, so that its agents are not
    /// known; those of [`Command::jobs`]. What is about one agent is in its [`Outcome`].
    pub fn kill(&self) -> Result<Outcomes<KillResult>> {
        everywhere::kill(self)
    }

    /// What the job uses at this moment, on each agent. For `bash` that is the shell that runs the script,
    /// without the script. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// As [`Command::kill`]. [`ErrorKind::JobFailed`] in the [`Outcome`] of an agent that does not run the
    /// job, or not yet.
    pub fn get_stats(&self) -> Result<Outcomes<ProcessStats>> {
        let outcomes = everywhere::ask(self, Ask::Running, questions::stats(self.id()), read_one)?;
        let told = |outcome| match outcome {
            Outcome::Failed(error) => Outcome::Failed(questions::no_stats(error)),
            outcome => outcome,
        };
        Ok(outcomes.into_iter().map(|(agent, outcome)| (agent, told(outcome))).collect())
    }

    /// What the job has logged, on each agent. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; as [`Command::kill`].
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

    /// The same command by another session of the same client.
    #[cfg(feature = "capi")]
    pub(crate) fn by(&self, session: Session) -> Command {
        Command { session, ..self.clone() }
    }

    /// Whether it is known what was sent, so that Redis has had it.
    pub(crate) fn was_sent(&self) -> bool {
        self.envelope.sent.is_some()
    }

    /// Counts a result as returned that was returned elsewhere.
    pub(crate) fn note_returned(&mut self, agent: AgentId) {
        self.waiting = Waiting(None);
        self.returned.insert(agent);
    }

    /// Whom it went to, where that is known.
    pub(super) fn agents(&self) -> Option<&[AgentId]> {
        self.routed.as_deref().or(self.target().answering())
    }

    /// The results that are still to be returned.
    pub(crate) fn wanted(&self) -> Wanted {
        let agents = self.agents().map(<[AgentId]>::to_vec);
        let returned = self.returned.iter().copied().collect();
        Wanted { agents, returned, ..Wanted::of(&self.envelope, Vec::new()) }
    }

    /// Agents whose results are still to be returned, where it is known who they are.
    pub(crate) fn pending(&self) -> Option<Vec<AgentId>> {
        let agents = self.agents()?.iter().copied();
        Some(agents.filter(|agent| !self.returned.contains(agent)).collect())
    }

    fn is_exhausted(&self) -> bool {
        self.pending().is_some_and(|pending| pending.is_empty())
    }

    /// A quick call about it.
    pub(super) fn bounded<T>(&self, call: impl FnOnce(&Until) -> Result<T>) -> Result<T> {
        let begun = clock::now();
        let result = self.session.until(&self.session.quick()).and_then(|until| call(&until));
        result.map_err(|error| self.explained(error, begun))
    }

    /// An error of a call about it.
    fn explained(&self, error: Error, begun: Instant) -> Error {
        let error = error.asked(|| self.in_words()).about_command(self);
        error.waited_if_it_did(clock::since(begun))
    }

    /// A recurring job has no result until it is killed, so that a wait without a timeout would not
    /// end.
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

/// The handle string, by which [`Client::get_by_handle`](crate::Client::get_by_handle) finds the command
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
