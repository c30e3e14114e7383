//! [`Error`] and [`ErrorKind`]: the error type of the crate.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{
    AgentId, DocumentError, Invalid, JobResult, ParseAgentIdError, ParseTargetError,
};

/// Result of most calls. The error type is a parameter, so that a glob import of this crate does not break
/// `Result<T, E>` in the importing module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind of an [`Error`].
///
/// Each kind has a number, which is the same in every language and never reused: the `acclient_status` of C.
///
/// ```
/// use acclient::{Client, ErrorKind};
/// let error = Client::connect("http://localhost").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum ErrorKind {
    /// An argument is invalid. Nothing was sent.
    InvalidArgument = 1,
    /// Redis could not be reached, or the connection was lost.
    Connect = 2,
    /// Redis rejected the user name or the password, or requires one. Retrying will not help.
    Authentication = 3,
    /// The deadline of the call was exceeded. The message says how far the command got, as far as the client
    /// knows.
    Timeout = 4,
    /// A [`CancelToken`](crate::CancelToken) ended the call.
    Cancelled = 5,
    /// Redis replied with an error.
    Server = 6,
    /// A reply or a document in Redis could not be decoded.
    Protocol = 7,
    /// The controller knows no agent for the target at this moment. Agents register up to 4 seconds after
    /// their controller has started. Not retriable, since the agent id may be wrong.
    NoSuchAgent = 8,
    /// A job ended in a state other than `SUCCESS`; see [`Error::job`].
    JobFailed = 9,
    /// The agent or the controller does not know the command.
    UnknownCommand = 10,
    /// The server, the controller or this version of the library does not support the call.
    Unsupported = 11,
    /// The whole command was sent, but Redis did not confirm it, so it may or may not run. Requests without
    /// side effects, like [`Client::list_agents`](crate::Client::list_agents), never return this kind.
    MaybeSent = 12,
    /// All connections available to the call were in use until the deadline; see
    /// `ClientBuilder::max_connections`.
    PoolExhausted = 13,
    /// The client was closed.
    Closed = 14,
    /// The handle was created in another process, before a fork, and works only there.
    ForkedHandle = 15,
    /// A panic was caught at the C boundary. The handle in use at that moment rejects every later call.
    Panic = 16,
    /// The operating system refused a descriptor, a thread or a file.
    System = 17,
    /// The agent or the controller lists no such tunnel: it was never opened, it was closed, or the agent has
    /// restarted.
    NoSuchTunnel = 18,
    /// The agent or the controller already lists the tunnel, open or not. Nothing was opened.
    TunnelExists = 19,
    /// The agent is not running the job, so a kill cannot reach it: the job is waiting in a queue of the
    /// agent, has not started yet, or is lost. [`Command::progress`](crate::Command::progress) tells which.
    NotRunning = 20,
    /// The job is lost: it was submitted, no agent has it, and its result can no longer arrive. It may have
    /// run.
    Lost = 21,
    /// Messages of a job may be missing from the log that a [`Follow`](crate::Follow) returns. The iterator
    /// continues; see [`Error::gap`].
    Gap = 22,
    /// [`Request::submit_once`](crate::Request::submit_once) found a different command under the same id:
    /// another target, command name, run arguments, data or tags. Nothing was sent.
    IdInUse = 23,
}

/// Range of a job's log that a [`Follow`](crate::Follow) could not read; from [`Error::gap`].
///
/// An agent returns at most the newest 1000 messages of a level per request, so a job can log more between
/// two polls than can be read. Messages with ids between the two bounds may be missing, although some of them
/// may have been returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The [`Message::id`](crate::Message::id) up to which every message was returned or belongs to an
    /// earlier gap; `None` if the gap starts at the beginning of the log.
    pub after: Option<i64>,
    /// The first id that is returned again.
    pub before: i64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(after) => {
                write!(f, "messages between ids {after} and {} may be missing", self.before)
            }
            None => write!(f, "messages before id {} may be missing", self.before),
        }
    }
}

/// Error of a call: what was requested from which target, how long the call waited, and how far it got.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// match client.execute(Target::agent((1, 1)), "true").run(std::time::Duration::from_secs(5)) {
///     Ok(job) => println!("{}", job.state()),
///     Err(error) if error.is_timeout() => println!("later, perhaps: {error}"),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
///
/// An error holds no client and no connection, and dropping it never blocks.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// Shared, since errors are cloned, while the errors of sockets, TLS and JSON cannot be.
type Source = Arc<dyn StdError + Send + Sync>;

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    /// What was requested from which target.
    asked: Option<String>,
    waited: Option<Duration>,
    command: Option<String>,
    retriable: bool,
    timeout: bool,
    /// Whether the call or iterator that returned the error has ended.
    is_final: bool,
    /// The last failure before the deadline, unless Redis or the agent was merely slow.
    last_failure: Option<String>,
    /// The kind, the message and the retriable flag before an unconfirmed command changed them. Set for every
    /// error of a command that may have been sent.
    unconfirmed: Option<(ErrorKind, String, bool)>,
    job: Option<JobResult>,
    agent: Option<AgentId>,
    server_code: Option<String>,
    gap: Option<Gap>,
    /// Whether the message says how far the command got.
    is_explained: bool,
    source: Option<Source>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            asked: None,
            waited: None,
            command: None,
            retriable: matches!(
                kind,
                ErrorKind::Timeout
                    | ErrorKind::Connect
                    | ErrorKind::PoolExhausted
                    | ErrorKind::NotRunning
            ),
            timeout: kind == ErrorKind::Timeout,
            is_final: true,
            last_failure: None,
            unconfirmed: None,
            job: None,
            agent: None,
            server_code: None,
            gap: None,
            is_explained: false,
            source: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// The item that a [`Follow`](crate::Follow) returns for a gap; the iterator continues.
    pub(crate) fn of_gap(gap: Gap) -> Self {
        let reason = "an agent returns at most the newest 1000 of a level at a time";
        let mut error = Error::new(ErrorKind::Gap, format!("{gap}: {reason}"));
        error.0.gap = Some(gap);
        error.not_final()
    }

    /// A document in Redis that cannot be decoded.
    pub(crate) fn document(what: &str, error: &DocumentError) -> Self {
        Error::new(ErrorKind::Protocol, format!("cannot decode {what}: {error}"))
    }

    /// Sets the source: the underlying error of a socket, TLS or JSON.
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn with_server_code(mut self, code: &str) -> Self {
        self.0.server_code = Some(code.to_owned());
        self
    }

    pub(crate) fn with_retriable(mut self, retriable: bool) -> Self {
        self.0.retriable = retriable;
        self
    }

    /// Sets the description of the request. The innermost description wins.
    pub(crate) fn asked(mut self, what: impl FnOnce() -> String) -> Self {
        self.0.asked.get_or_insert_with(what);
        self
    }

    /// Sets the time waited. Of nested calls the longest time wins, which is that of the outermost call.
    pub(crate) fn waited(mut self, span: Duration) -> Self {
        self.0.waited = self.0.waited.max(Some(span));
        self
    }

    /// Sets the time waited, replacing that of a part of the call.
    pub(crate) fn waited_in_all(mut self, span: Duration) -> Self {
        self.0.waited = Some(span);
        self
    }

    /// Sets the time waited for kinds that involve waiting; the others occur at once.
    pub(crate) fn waited_if_it_did(self, span: Duration) -> Self {
        match self.kind() {
            ErrorKind::Timeout
            | ErrorKind::Cancelled
            | ErrorKind::Closed
            | ErrorKind::Connect
            | ErrorKind::MaybeSent
            | ErrorKind::PoolExhausted => self.waited(span),
            _ => self,
        }
    }

    pub(crate) fn about_command(mut self, handle: impl fmt::Display) -> Self {
        self.0.command.get_or_insert_with(|| handle.to_string());
        self
    }

    /// Sets the agent. Replies of the controller itself belong to no agent.
    pub(crate) fn about_agent(mut self, agent: AgentId) -> Self {
        if agent.is_real() {
            self.0.agent.get_or_insert(agent);
        }
        self
    }

    /// For an item about one agent or one command; the iterator continues after it.
    pub(crate) fn not_final(mut self) -> Self {
        self.0.is_final = false;
        self
    }

    pub(crate) fn with_job(mut self, job: JobResult) -> Self {
        self.0.job = Some(job);
        self
    }

    /// For a call that would repeat a side effect if it were retried.
    pub(crate) fn once_only(mut self) -> Self {
        self.0.retriable = false;
        self
    }

    /// The last failure before the deadline, unless Redis or the agent was merely slow.
    pub(crate) fn last_failure(&self) -> Option<&str> {
        self.0.last_failure.as_deref()
    }

    /// For a deadline that passed while retrying after `failure`.
    pub(crate) fn after_failure(mut self, failure: Error) -> Self {
        let Inner { message, last_failure, source, .. } = *failure.0;
        let message = last_failure.unwrap_or(message);
        self.0.message = format!("{}; last error: {message}", self.0.message);
        self.0.last_failure = Some(message);
        self.0.source = source;
        self
    }

    /// Replaces the message.
    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// Appends a note to the message.
    pub(crate) fn noting(mut self, note: &str) -> Self {
        self.0.message = format!("{}; {note}", self.0.message);
        self
    }

    /// For a command that Redis confirmed and then lost.
    pub(crate) fn of_lost_data(self) -> Self {
        self.explained("Redis lost its data; the command may still run")
    }

    /// Appends how far the command got.
    pub(crate) fn explained(mut self, how_far: &str) -> Self {
        self.0.is_explained = true;
        self.noting(how_far)
    }

    /// Whether the message says how far the command got.
    pub(crate) fn is_explained(&self) -> bool {
        self.0.is_explained
    }

    /// For a command that was sent completely but not confirmed. A cancelled or closed call keeps its kind,
    /// since the caller ended it.
    pub(crate) fn with_command_maybe_sent(mut self) -> Self {
        self.0.unconfirmed = Some((self.0.kind, self.0.message.clone(), self.0.retriable));
        if !matches!(self.0.kind, ErrorKind::Cancelled | ErrorKind::Closed) {
            self.0.kind = ErrorKind::MaybeSent;
        }
        self.0.message = format!(
            "Redis did not confirm the command ({}): it may run or not; check for its result before sending it again",
            self.0.message
        );
        self.0.retriable = false;
        self
    }

    /// For a command that was removed from the queue again.
    pub(crate) fn taken_back(self) -> Self {
        self.noting("the command was taken back and will not run")
    }

    /// For a request that an agent did not answer. `fetched` tells whether the agent has fetched it, as far
    /// as Redis shows.
    pub(crate) fn unanswered(self, fetched: Option<bool>) -> Self {
        self.noting(match fetched {
            Some(true) => {
                "the agent has fetched the command but not started it: it runs 100 jobs, its limit, or is stopped"
            }
            Some(false) => "the agent has not fetched the command: it may be down, stopped or full (100 jobs)",
            None => "no controller has routed the command",
        })
    }

    /// Returns what went wrong, without the description of the request and the time waited.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// For the failure of a part that is reported as the failure of the whole call.
    pub(crate) fn of_the_whole(mut self, what: String, waited: Duration) -> Self {
        self.0.asked = Some(what);
        self.0.waited = self.0.waited.map(|_| waited);
        self
    }

    /// For a request without side effects, which is safe to repeat.
    pub(crate) fn of_a_question(mut self) -> Self {
        self.0.retriable |= self.0.timeout;
        if let Some((kind, message, retriable)) = self.0.unconfirmed.take() {
            (self.0.kind, self.0.message, self.0.retriable) = (kind, message, retriable);
            self.0.command = None;
        }
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the number of the kind: the `acclient_status` of C.
    pub fn code(&self) -> i32 {
        self.0.kind as i32
    }

    /// Returns whether retrying the same call later may succeed, with nothing else changed and without the
    /// risk of running a command twice. Always `false` for a wrong password.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// Returns whether the call timed out.
    pub fn is_timeout(&self) -> bool {
        self.0.timeout
    }

    /// Returns whether a command was sent completely but not confirmed: for every [`ErrorKind::MaybeSent`],
    /// and for some calls that were cancelled or closed in the meantime.
    pub fn is_maybe_sent(&self) -> bool {
        self.0.unconfirmed.is_some() || self.0.kind == ErrorKind::MaybeSent
    }

    /// Returns whether the call or iterator that returned the error has ended. `false` for an item of an
    /// iterator ([`Results`](crate::Results), [`Rollout`](crate::Rollout), [`Follow`](crate::Follow)) about
    /// one agent, one command or a gap in a log: the iterator continues after it.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # fn all(results: Results) -> Result<()> {
    /// for result in results {
    ///     match result {
    ///         Ok(job) => println!("{}: {}", job.agent(), job.state()),
    ///         Err(error) if error.is_final() => return Err(error),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_final(&self) -> bool {
        self.0.is_final
    }

    /// Returns how long the call waited, or `None` if it did not wait.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.waited
    }

    /// Returns the handle string of the command that the error is about, for
    /// [`Client::get_by_handle`](crate::Client::get_by_handle).
    pub fn command_handle(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// Returns the error code of Redis, like `NOPERM` or `OOM`, if Redis replied with an error.
    pub fn server_code(&self) -> Option<&str> {
        self.0.server_code.as_deref()
    }

    /// Returns the gap in the log, for [`ErrorKind::Gap`].
    pub fn gap(&self) -> Option<Gap> {
        self.0.gap
    }

    /// Returns the agent that the error is about, if it is about one of several.
    pub fn agent(&self) -> Option<AgentId> {
        self.0.agent
    }

    /// Returns the result of the failed job, with its state, data and streams: for [`ErrorKind::JobFailed`],
    /// [`ErrorKind::UnknownCommand`] and [`ErrorKind::NoSuchAgent`].
    pub fn job(&self) -> Option<&JobResult> {
        self.0.job.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.0.asked {
            write!(f, "{asked}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(waited) = self.0.waited {
            write!(f, " (after {:.3} s)", waited.as_secs_f64())?;
        }
        match &self.0.command {
            Some(command) => write!(f, " [{command}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl StdError for Error {
    /// Returns the underlying error of the socket, TLS or JSON, if there is one.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        Error::invalid(error.to_string())
    }
}

impl From<ParseAgentIdError> for Error {
    fn from(error: ParseAgentIdError) -> Self {
        Error::invalid(error.to_string())
    }
}

impl From<ParseTargetError> for Error {
    fn from(error: ParseTargetError) -> Self {
        Error::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_kept_as_the_source() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = Error::new(ErrorKind::Connect, "no connection").caused_by(refused);
        let copy = error.clone();
        drop(error);
        let source = copy.source().and_then(|it| it.downcast_ref::<std::io::Error>());
        let kind = source.map(std::io::Error::kind);
        assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
        assert!(Error::invalid("x").source().is_none());
    }

    #[test]
    fn a_question_forgets_that_it_may_have_been_sent() {
        let error = Error::new(ErrorKind::Connect, "lost").with_command_maybe_sent();
        assert!(error.is_maybe_sent() && !error.is_retriable());
        assert_eq!(error.kind(), ErrorKind::MaybeSent);
        let error = error.of_a_question();
        assert!(!error.is_maybe_sent() && error.is_retriable());
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Connect, "lost"));
    }
}
