//! [`Error`] and [`ErrorKind`]: plain values, with what was asked, of whom, and how far it got.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{
    AgentId, DocumentError, Invalid, JobResult, ParseAgentIdError, ParseTargetError,
};

/// Result of most calls. The error type is a parameter, so that a glob import of this crate does no harm
/// to a `Result<T, E>` of another one.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind of an [`Error`].
///
/// Each kind has a number, the same in every language and never reused: the `acclient_status` of C.
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
    /// Redis rejected the user or the password, or requires one. Retrying will not help.
    Authentication = 3,
    /// The deadline of the call was exceeded. The message says how far the command got, as far as the
    /// client knows.
    Timeout = 4,
    /// A [`CancelToken`](crate::CancelToken) ended the call.
    Cancelled = 5,
    /// Redis replied with an error.
    Server = 6,
    /// A reply, or a document in Redis, cannot be decoded.
    Protocol = 7,
    /// The controller knows no agent for the target at this moment. Agents register up to 4 seconds after
    /// their controller has started. Not retriable, since it may be a wrong number.
    NoSuchAgent = 8,
    /// A job ended in a state other than `SUCCESS`; see [`Error::job`].
    JobFailed = 9,
    /// The agent or the controller does not know the command.
    UnknownCommand = 10,
    /// Unsupported by the server, the controller or this version of the library.
    Unsupported = 11,
    /// The whole command was sent, but Redis did not confirm it: it may run or not. Requests that change
    /// nothing, like [`Client::list_agents`](crate::Client::list_agents), never return this kind.
    MaybeSent = 12,
    /// The connections that the call may have stayed in use until the deadline: see
    /// `ClientBuilder::max_connections`.
    PoolExhausted = 13,
    /// The client was closed.
    Closed = 14,
    /// The handle was made in another process, before a fork, and works only there.
    ForkedHandle = 15,
    /// A panic was caught at the C boundary; the handle that it happened in refuses further use.
    Panic = 16,
    /// The operating system refused a descriptor, a thread or a file.
    System = 17,
    /// The agent, or the controller, lists no such tunnel: it was never opened, it was closed, or the
    /// agent has restarted.
    NoSuchTunnel = 18,
    /// The agent, or the controller, lists the tunnel already, open or not, and opened nothing.
    TunnelExists = 19,
    /// The agent is not running the job, so a kill cannot reach it: the job waits in a queue of the agent,
    /// was not started yet, or is lost. [`Command::progress`](crate::Command::progress) tells which.
    NotRunning = 20,
    /// The job is lost: it was submitted, no agent has it, and its result cannot come any more. It may have run.
    Lost = 21,
    /// Messages of a job may be missing from the log that a [`Follow`](crate::Follow) returns, which goes
    /// on after it; see [`Error::gap`].
    Gap = 22,
    /// Another command was submitted under the id by [`Request::submit_once`](crate::Request::submit_once):
    /// another target, command, run arguments, data or tags. Nothing was sent.
    IdInUse = 23,
}

/// Part of the log of a job that a [`Follow`](crate::Follow) could not read; from [`Error::gap`].
///
/// An agent returns at most the newest 1000 messages of a level at a time, so that a job may log more
/// between two polls than can be read. Messages with ids between the two here may be missing; some of
/// them may have been returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The [`Message::id`](crate::Message::id) up to which every message was returned or is part of an
    /// earlier gap; `None` where the gap begins with the log.
    pub after: Option<i64>,
    /// The id from which on messages are returned again.
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

/// Error of a call: what was asked of whom, how long the call waited, how far it got.
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
/// An error is a value: it holds no client and no connection, and dropping it never blocks.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// Shared, since errors are cloned, and the errors of sockets, TLS and JSON are not.
type Source = Arc<dyn StdError + Send + Sync>;

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    /// What was asked of whom.
    asked: Option<String>,
    waited: Option<Duration>,
    command: Option<String>,
    retriable: bool,
    timeout: bool,
    /// Whether the call, or the iterator, that returned it is over.
    is_final: bool,
    /// The last failure before a deadline passed, where it was not mere slowness.
    last_failure: Option<String>,
    /// The kind, the message and whether it was worth another try, before an unconfirmed command
    /// changed them. There for every error of a command that may have been sent.
    unconfirmed: Option<(ErrorKind, String, bool)>,
    job: Option<JobResult>,
    agent: Option<AgentId>,
    server_code: Option<String>,
    gap: Option<Gap>,
    /// Whether it says how far the command got.
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

    /// An item of a log that is followed, which goes on after it.
    pub(crate) fn of_gap(gap: Gap) -> Self {
        let reason = "an agent returns at most the newest 1000 of a level at a time";
        let mut error = Error::new(ErrorKind::Gap, format!("{gap}: {reason}"));
        error.0.gap = Some(gap);
        error.not_final()
    }

    /// A document in Redis that cannot be read.
    pub(crate) fn document(what: &str, error: &DocumentError) -> Self {
        Error::new(ErrorKind::Protocol, format!("cannot decode {what}: {error}"))
    }

    /// The error of a socket, of TLS or of JSON that it comes from.
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

    /// What was asked of whom; the innermost description counts.
    pub(crate) fn asked(mut self, what: impl FnOnce() -> String) -> Self {
        self.0.asked.get_or_insert_with(what);
        self
    }

    /// Of several calls, one within the other, the longest counts: the one that the caller made.
    pub(crate) fn waited(mut self, span: Duration) -> Self {
        self.0.waited = self.0.waited.max(Some(span));
        self
    }

    /// The same, in place of what a part of the call has taken.
    pub(crate) fn waited_in_all(mut self, span: Duration) -> Self {
        self.0.waited = Some(span);
        self
    }

    /// Records how long it took, for kinds that come of waiting; the others come at once.
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

    /// The agent that it is about. What the controller answers itself is about none.
    pub(crate) fn about_agent(mut self, agent: AgentId) -> Self {
        if agent.is_real() {
            self.0.agent.get_or_insert(agent);
        }
        self
    }

    /// For an item about one agent or one command, after which an iterator goes on.
    pub(crate) fn not_final(mut self) -> Self {
        self.0.is_final = false;
        self
    }

    pub(crate) fn with_job(mut self, job: JobResult) -> Self {
        self.0.job = Some(job);
        self
    }

    /// For a call that would do something a second time if it were made again.
    pub(crate) fn once_only(mut self) -> Self {
        self.0.retriable = false;
        self
    }

    /// The last failure before a deadline passed, where it was not mere slowness.
    pub(crate) fn last_failure(&self) -> Option<&str> {
        self.0.last_failure.as_deref()
    }

    /// For a deadline that passed after a failure that more time might have mended.
    pub(crate) fn after_failure(mut self, failure: Error) -> Self {
        let Inner { message, last_failure, source, .. } = *failure.0;
        let message = last_failure.unwrap_or(message);
        self.0.message = format!("{}; last error: {message}", self.0.message);
        self.0.last_failure = Some(message);
        self.0.source = source;
        self
    }

    /// Says the same in other words.
    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// Adds to the message.
    pub(crate) fn noting(mut self, note: &str) -> Self {
        self.0.message = format!("{}; {note}", self.0.message);
        self
    }

    /// For a command that Redis had confirmed, and has lost.
    pub(crate) fn of_lost_data(self) -> Self {
        self.explained("Redis lost its data; the command may still run")
    }

    /// Adds how far the command got.
    pub(crate) fn explained(mut self, how_far: &str) -> Self {
        self.0.is_explained = true;
        self.noting(how_far)
    }

    /// Whether it says how far the command got.
    pub(crate) fn is_explained(&self) -> bool {
        self.0.is_explained
    }

    /// For a command that went out whole and was not confirmed. A cancelled or closed call keeps
    /// its kind, since that is what its caller did.
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

    /// For a command that was taken out of the queue again.
    pub(crate) fn taken_back(self) -> Self {
        self.noting("the command was taken back and will not run")
    }

    /// For a question that an agent did not answer: whether the agent has fetched it, as far as Redis
    /// tells.
    pub(crate) fn unanswered(self, fetched: Option<bool>) -> Self {
        self.noting(match fetched {
            Some(true) => {
                "the agent has fetched the command but not started it: it runs 100 jobs, its limit, or is stopped"
            }
            Some(false) => "the agent has not fetched the command: it may be down, stopped or full (100 jobs)",
            None => "no controller has routed the command",
        })
    }

    /// What went wrong, without what was asked of whom and for how long.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// For the failure of a part that is reported for the whole call.
    pub(crate) fn of_the_whole(mut self, what: String, waited: Duration) -> Self {
        self.0.asked = Some(what);
        self.0.waited = self.0.waited.map(|_| waited);
        self
    }

    /// For a question, which does no harm where it is asked twice.
    pub(crate) fn of_a_question(mut self) -> Self {
        self.0.retriable |= self.0.timeout;
        if let Some((kind, message, retriable)) = self.0.unconfirmed.take() {
            (self.0.kind, self.0.message, self.0.retriable) = (kind, message, retriable);
            self.0.command = None;
        }
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The number of the kind: the `acclient_status` of C.
    pub fn code(&self) -> i32 {
        self.0.kind as i32
    }

    /// Whether the same call, made again later, may succeed without anything being changed and
    /// without a command running twice. Never for a wrong password.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// Whether the call ended because its time was over.
    pub fn is_timeout(&self) -> bool {
        self.0.timeout
    }

    /// Whether a command went out whole without a confirmation. It is so for every
    /// [`ErrorKind::MaybeSent`], and for some calls that were cancelled or closed meanwhile.
    pub fn is_maybe_sent(&self) -> bool {
        self.0.unconfirmed.is_some() || self.0.kind == ErrorKind::MaybeSent
    }

    /// Whether the call or the iterator that returned it is over. `false` for an item of an iterator
    /// ([`Results`](crate::Results), [`Rollout`](crate::Rollout),
    /// [`Follow`](crate::Follow)) that is about one agent, one command or a gap in a log: the
    /// iterator goes on after it.
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

    /// How long the call had been under way, where it waited at all.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.waited
    }

    /// The handle string of the command that the error is about, for
    /// [`Client::get_by_handle`](crate::Client::get_by_handle).
    pub fn command_handle(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// The code of Redis's own error, like `NOPERM` or `OOM`, where Redis answered with one.
    pub fn server_code(&self) -> Option<&str> {
        self.0.server_code.as_deref()
    }

    /// Where messages may be missing, for [`ErrorKind::Gap`].
    pub fn gap(&self) -> Option<Gap> {
        self.0.gap
    }

    /// The agent that the error is about, where it is about one of several.
    pub fn agent(&self) -> Option<AgentId> {
        self.0.agent
    }

    /// What the failed job reported, with its state, data and streams: for
    /// [`ErrorKind::JobFailed`], [`ErrorKind::UnknownCommand`] and [`ErrorKind::NoSuchAgent`].
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
    /// The error of the socket, of TLS or of JSON that it comes from, where there is one.
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
