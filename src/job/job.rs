//! [`Job`]: the job of a command on one agent.

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
/// Returned by [`Request::run`](crate::Request::run),
/// [`Command::next_result`](crate::Command::next_result) and
/// [`Command::jobs`](crate::Command::jobs). Its values are a snapshot; [`Job::refresh`] and [`Job::wait`]
/// update it.
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
    /// Set for a job that had not ended when it was read.
    origin: Option<Origin>,
}

/// The command that a job belongs to, and the check for a lost job.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) command: Arc<Envelope>,
    pub(crate) is_lost: IsLost,
}

/// Returns whether the job of a command that an agent has fetched is lost, or `false` if that cannot be
/// determined now. The flag tells whether the job is known to have begun.
type IsLost = fn(&Session, &Envelope, AgentId, bool, &Timeout) -> Result<bool>;

/// Reported values; each is described at the method of [`JobResult`] with the same name.
impl Job {
    /// Returns the reported result, which holds no connection.
    pub fn result(&self) -> &JobResult {
        &self.result
    }

    /// Returns the id of the command.
    pub fn id(&self) -> &str {
        self.result.id()
    }

    /// Returns the agent that runs the job, or `0:0` if the controller itself answered.
    pub fn agent(&self) -> AgentId {
        self.result.agent()
    }

    /// Returns the state.
    pub fn state(&self) -> &JobState {
        self.result.state()
    }

    /// Returns whether the job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.result.is_success()
    }

    /// Returns the name of the command.
    pub fn cmd(&self) -> &str {
        self.result.cmd()
    }

    /// Returns the run arguments as the agent interpreted them.
    pub fn args(&self) -> serde_json::Value {
        self.result.args()
    }

    /// Returns the result data; see [`JobResult::data`].
    pub fn data(&self) -> &str {
        self.result.data()
    }

    /// Returns the level of [`Job::data`]: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    pub fn level(&self) -> i64 {
        self.result.level()
    }

    /// Parses [`Job::data`], which must be JSON, into a type of your own or [`serde_json::Value`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it is not JSON or does not match the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.result.json()
    }

    /// Returns the last 1000 lines of stdout; see [`JobResult::stdout`].
    pub fn stdout(&self) -> &str {
        self.result.stdout()
    }

    /// Returns the last 1000 lines of stderr.
    pub fn stderr(&self) -> &str {
        self.result.stderr()
    }

    /// Returns stdout and stderr, or `None` if there are none.
    pub fn streams(&self) -> Option<(&str, &str)> {
        self.result.streams()
    }

    /// Returns the last message of level 9, or `None` if there was none.
    pub fn critical(&self) -> Option<&str> {
        self.result.critical()
    }

    /// Returns the tags that the command was sent with.
    pub fn tags(&self) -> Option<&str> {
        self.result.tags()
    }

    /// Returns the start time by the clock of the agent, or `None` if the job did not start.
    pub fn starttime(&self) -> Option<SystemTime> {
        self.result.starttime()
    }

    /// Returns the run time, with millisecond resolution.
    pub fn time(&self) -> Duration {
        self.result.time()
    }

    /// Returns the document as JSON, including fields unknown to this version.
    pub fn dump(&self) -> String {
        self.result.dump()
    }

    /// Returns the bytes of the document, if the other methods do not represent it exactly; see
    /// [`JobResult::raw`].
    pub fn raw(&self) -> Option<&[u8]> {
        self.result.raw()
    }

    /// Returns the names of the fields that could not be read; see [`JobResult::dropped_fields`].
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

    /// Returns this job if it ended with `SUCCESS`, and otherwise an error that holds its result.
    ///
    /// # Errors
    /// Those of [`JobResult::into_success`].
    pub fn into_success(self) -> Result<Job> {
        Ok(Job { result: self.result.into_success()?, ..self })
    }

    /// Updates this job with its current state. Asks Redis and blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if the job cannot be read or Redis no longer has it, [`ErrorKind::NoSuchAgent`] if
    /// the controller did not know the agent, and connection errors.
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

    /// Waits until the job has ended and reads its result. Blocks. Returns immediately if the job has already ended.
    ///
    /// # Errors
    /// Same as [`Command::next_result`](crate::Command::next_result).
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        let sent = self.origin.as_ref().and_then(|origin| origin.command.sent.clone());
        let command = Envelope { sent, ..self.command() };
        self.result = run::wait_for(&self.session, &command, self.agent(), &timeout.into())?;
        Ok(())
    }

    /// Kills the job: the agent sends SIGKILL to the process that it started. Returns [`KillResult::Ended`] once
    /// the result is available, or if the job had already ended, and [`KillResult::Ordered`] if a process still
    /// holds the job's output open one second after the kill. Blocks for at most the client's timeout.
    ///
    /// See [`Command::kill`](crate::Command::kill) for what a kill does not reach.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] if the agent does not run the job, so that a kill cannot reach it;
    /// [`ErrorKind::Timeout`] for an agent that is down, stopped or full;
    /// [`ErrorKind::NoSuchAgent`]; those of [`Request::run`](crate::Request::run).
    pub fn kill(&self) -> Result<KillResult> {
        if self.is_over() && !self.result.is_no_such_agent() {
            return Ok(KillResult::Ended);
        }
        kill::kill_one(&self.session, &self.command(), &self.result)
    }

    /// Returns the current resource usage of the job. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::JobFailed`] if the job has ended or has not started; those of
    /// [`Request::run`](crate::Request::run).
    pub fn get_stats(&self) -> Result<ProcessStats> {
        let question = questions::stats(self.id());
        let answer = ask::ask(&self.session, self.agent().into(), question);
        read_one(&answer.map_err(questions::no_stats)?)
    }

    /// Returns the messages that the job has logged, newest first. The log lags slightly: right after the result
    /// some messages may be missing. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; those of
    /// [`Request::run`](crate::Request::run).
    pub fn get_msgs(&self, query: &MsgQuery) -> Result<Vec<Message>> {
        read_msgs(&self.session, self.agent(), self.id(), query)
    }

    /// Returns an iterator over the messages of the job as it logs them, within one deadline, until the job has
    /// ended and its log is complete. See [`Follow`]. Ignores the limit of the query. Sends nothing and does not
    /// block.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range and for a timeout of zero;
    /// [`ErrorKind::Closed`], [`ErrorKind::Cancelled`]. All other errors are items of the iterator.
    pub fn follow(&self, query: &MsgQuery, timeout: impl Into<Timeout>) -> Result<Follow> {
        query.check()?;
        let timeout = timeout.into();
        let until = self.session.until(&timeout)?;
        let job = self.by(self.session.for_a_step(&timeout));
        Ok(Follow::new(job, query.clone(), until))
    }

    /// Returns the command on this one agent, with the earlier results of its id.
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

    /// Returns the same job on another session of the same client.
    pub(crate) fn by(&self, session: Session) -> Job {
        Job { session, ..self.clone() }
    }

    /// Returns whether the final result is known.
    pub(crate) fn is_over(&self) -> bool {
        self.result.is_over()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.result.fmt(f)
    }
}
