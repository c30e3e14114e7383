//! [`Job`]: what one agent made of a command, and what can be asked of it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::msgs::read_msgs;
use super::{Follow, KillResult, Message, MsgQuery, kill, questions};
use crate::engine::{Session, Timeout, ask, result, run, verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::node::ProcessStats;
use crate::node::answer::read_one;
use crate::protocol::{AgentId, Envelope, JobResult, JobState};
use crate::transport::Until;

/// Job of a command on one agent: its result, or its state so far.
///
/// From [`Request::run`](crate::Request::run),
/// [`Command::next_result`](crate::Command::next_result) and
/// [`Command::jobs`](crate::Command::jobs). Its values are those of the moment it was read;
/// [`Job::refresh`] and [`Job::wait`] read again.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let job = client.execute(Target::agent((1, 1)), "df").run(std::time::Duration::from_secs(10))?;
/// println!("{} after {} ms: {}", job.state(), job.time().as_millis(), job.stdout());
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct Job {
    session: Session,
    result: JobResult,
    /// Known for a job that was not over when it was read.
    origin: Option<Origin>,
}

/// The command that a job belongs to, and how to tell whether the job is lost.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) command: Arc<Envelope>,
    pub(crate) is_lost: IsLost,
}

/// Tells whether the job of a command that an agent has fetched is lost, and `false` where that cannot be
/// known at this moment. The flag says whether the job is known to have begun.
type IsLost = fn(&Session, &Envelope, AgentId, bool, &Timeout) -> Result<bool>;

/// What was reported; each is described at the method of the same name of [`JobResult`].
impl Job {
    /// What was reported, as a value of its own that holds no connection.
    pub fn result(&self) -> &JobResult {
        &self.result
    }

    /// The id of the command.
    pub fn id(&self) -> &str {
        self.result.id()
    }

    /// The agent that runs it. `0:0` where the controller itself answered.
    pub fn agent(&self) -> AgentId {
        self.result.agent()
    }

    /// The state.
    pub fn state(&self) -> &JobState {
        self.result.state()
    }

    /// Whether it ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.result.is_success()
    }

    /// The name of the command.
    pub fn cmd(&self) -> &str {
        self.result.cmd()
    }

    /// The run arguments as the agent understood them.
    pub fn args(&self) -> serde_json::Value {
        self.result.args()
    }

    /// The result proper; see [`JobResult::data`].
    pub fn data(&self) -> &str {
        self.result.data()
    }

    /// The level of [`Job::data`]: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    pub fn level(&self) -> i64 {
        self.result.level()
    }

    /// Reads [`Job::data`], which has to be JSON, as a type of yours or as
    /// [`serde_json::Value`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] where it is not JSON, or not of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.result.json()
    }

    /// The last 1000 lines of stdout; see [`JobResult::stdout`].
    pub fn stdout(&self) -> &str {
        self.result.stdout()
    }

    /// The last 1000 lines of stderr.
    pub fn stderr(&self) -> &str {
        self.result.stderr()
    }

    /// Stdout and stderr, `None` where there are none.
    pub fn streams(&self) -> Option<(&str, &str)> {
        self.result.streams()
    }

    /// Its last message of level 9, `None` where there was none.
    pub fn critical(&self) -> Option<&str> {
        self.result.critical()
    }

    /// The tags that the command was sent with.
    pub fn tags(&self) -> Option<&str> {
        self.result.tags()
    }

    /// When it started, by the clock of the agent; `None` where it did not.
    pub fn starttime(&self) -> Option<SystemTime> {
        self.result.starttime()
    }

    /// How long it ran, to the millisecond.
    pub fn time(&self) -> Duration {
        self.result.time()
    }

    /// The document as JSON, with fields that this version does not know.
    pub fn dump(&self) -> String {
        self.result.dump()
    }

    /// The document byte for byte, where the other methods say something else than it does; see
    /// [`JobResult::raw`].
    pub fn raw(&self) -> Option<&[u8]> {
        self.result.raw()
    }

    /// Names of the fields that could not be read; see [`JobResult::dropped_fields`].
    pub fn dropped_fields(&self) -> Vec<&str> {
        self.result.dropped_fields()
    }
}

impl Job {
    pub(crate) fn new(session: Session, result: JobResult) -> Self {
        Job { session, result, origin: None }
    }

    pub(crate) fn with_origin(self, origin: Origin) -> Self {
        Job { origin: Some(origin), ..self }
    }

    /// This job if it ended with `SUCCESS`, else an error that holds its result.
    ///
    /// # Errors
    /// Those of [`JobResult::into_success`].
    pub fn into_success(self) -> Result<Job> {
        Ok(Job { result: self.result.into_success()?, ..self })
    }

    /// Reads again how it stands. Asks Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] where it cannot be read or is gone, [`ErrorKind::NoSuchAgent`] where the
    /// controller knew no such agent, and those of the connection.
    pub fn refresh(&mut self) -> Result<()> {
        let (session, command, agent) = (&self.session, self.command(), self.agent());
        let read = |until: &Until| result::latest_of(session, &command, agent, until);
        match session.bounded(&session.quick(), || format!("{self:?}"), read)? {
            Some(document) => {
                let result = JobResult::new(&command.id, agent, document);
                self.result = verdict::delivered(&command, result)?;
            }
            None => {
                let gone = "the job is gone; Redis keeps results for 24 hours";
                return Err(Error::new(ErrorKind::Protocol, gone).asked(|| format!("{self:?}")));
            }
        }
        Ok(())
    }

    /// Waits until it is over and reads its result. Blocks. Returns at once when it is over
    /// already.
    ///
    /// # Errors
    /// As [`Command::next_result`](crate::Command::next_result).
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        let sent = self.origin.as_ref().and_then(|origin| origin.command.sent.clone());
        let command = Envelope { sent, ..self.command() };
        self.result = run::wait_for(&self.session, &command, self.agent(), &timeout.into())?;
        Ok(())
    }

    /// Kills the job: the agent sends SIGKILL to the process that it started. Returns
    /// [`KillResult::Ended`] once the result is there, also where the job was over before, and
    /// [`KillResult::Ordered`] if something still holds the job's output a second after the kill. Blocks for the
    /// client's timeout at most.
    ///
    /// See [`Command::kill`](crate::Command::kill) for what a kill does not reach.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] where the agent does not run the job, so that a kill cannot reach it;
    /// [`ErrorKind::Timeout`] for an agent that is down, stopped or full;
    /// [`ErrorKind::NoSuchAgent`]; those of [`Request::run`](crate::Request::run).
    pub fn kill(&self) -> Result<KillResult> {
        if self.is_over() && !self.result.is_no_such_agent() {
            return Ok(KillResult::Ended);
        }
        kill::kill_one(&self.session, &self.command(), &self.result)
    }

    /// What it uses at this moment. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::JobFailed`] where it does not run any more, or not yet; those of
    /// [`Request::run`](crate::Request::run).
    pub fn get_stats(&self) -> Result<ProcessStats> {
        let question = questions::stats(self.id());
        let answer = ask::ask(&self.session, self.agent().into(), question);
        read_one(&answer.map_err(questions::no_stats)?)
    }

    /// What it has logged, newest first. The agent logs a little behind: right after the result
    /// some messages may be missing. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; those of
    /// [`Request::run`](crate::Request::run).
    pub fn get_msgs(&self, query: &MsgQuery) -> Result<Vec<Message>> {
        read_msgs(&self.session, self.agent(), self.id(), query)
    }

    /// Follows its log: an iterator over its messages as it logs them, within one deadline, until it is over
    /// and its log is complete. See [`Follow`]. The limit of the query is ignored. Sends nothing and does
    /// not block.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range and for a timeout of zero;
    /// [`ErrorKind::Closed`], [`ErrorKind::Cancelled`]. Everything else is an item of it.
    pub fn follow(&self, query: &MsgQuery, timeout: impl Into<Timeout>) -> Result<Follow> {
        query.check()?;
        let timeout = timeout.into();
        let until = self.session.until(&timeout)?;
        let job = self.by(self.session.for_a_step(&timeout));
        Ok(Follow::new(job, query.clone(), until))
    }

    /// The command on this one agent, with what its id held before.
    pub(super) fn command(&self) -> Envelope {
        let known = Envelope::known(self.id().to_owned(), self.agent().into());
        let before = self.origin.as_ref().and_then(|origin| origin.command.before.clone());
        Envelope { before, ..known }
    }

    pub(super) fn set_result(&mut self, result: JobResult) {
        self.result = result;
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    #[cfg(feature = "capi")]
    pub(crate) fn into_parts(self) -> (Session, JobResult, Option<Origin>) {
        (self.session, self.result, self.origin)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The same job by another session of the same client.
    pub(crate) fn by(&self, session: Session) -> Job {
        Job { session, ..self.clone() }
    }

    /// Whether its final result is known.
    pub(crate) fn is_over(&self) -> bool {
        self.result.is_over()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.result.fmt(f)
    }
}
