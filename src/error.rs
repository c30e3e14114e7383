use std::fmt;
use std::time::Duration;

use crate::job::Job;
use crate::protocol::{AgentId, DocumentError, Invalid};
use crate::transport;

/// Result of most calls.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure an [`Error`] is.
///
/// Each kind has a number, the same in every language and never given to another kind; it is the
/// `acclient_status` of C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum ErrorKind {
    /// Something the caller passed cannot be used. Nothing was sent.
    InvalidArgument = 1,
    /// Redis could not be reached, or the connection was lost.
    Connect = 2,
    /// Redis refused the user or the password, or wants one. Trying again will not help.
    Authentication = 3,
    /// The call's time is over. Says how far the command got, as far as the client knows.
    Timeout = 4,
    /// A [`Cancel`](crate::Cancel) token ended the call.
    Cancelled = 5,
    /// Redis answered with an error.
    Server = 6,
    /// Something was received that cannot be read: a reply, or a document in Redis.
    Protocol = 7,
    /// The controller knows no agent for the target at this moment.
    NoSuchAgent = 8,
    /// A job ended in another state than `SUCCESS`; see [`Error::job`].
    JobFailed = 9,
    /// The agent or the controller does not know the command.
    UnknownCommand = 10,
    /// The server, the controller or this version of the library does not offer it.
    Unsupported = 11,
    /// The command went out whole, but Redis did not confirm it: it may run, or not.
    /// Questions that change nothing, like [`Client::list_agents`](crate::Client::list_agents), never end in it.
    MaybeSent = 12,
    /// All connections of the client stayed in use until the call's time was over.
    PoolExhausted = 13,
    /// The client was closed.
    Closed = 14,
    /// The handle was made in another process, before a fork, and works only there.
    ForkedHandle = 15,
    /// A panic was caught at the C boundary; the handle that it happened in refuses further use.
    Panic = 16,
    /// The operating system refused a descriptor, a thread or a file.
    System = 17,
}

/// Why a call failed: what was asked of whom, how long it waited, how far it got.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// match client.execute(Target::agent(1, 1), "true").run(std::time::Duration::from_secs(5)) {
///     Ok(job) => println!("{}", job.state()),
///     Err(error) if error.is_timeout() => println!("later, perhaps: {error}"),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

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
    maybe_sent: bool,
    /// Why a command was not confirmed: the kind, the message, and whether it is worth another try.
    unconfirmed: Option<(ErrorKind, String, bool)>,
    job: Option<Job>,
    agent: Option<AgentId>,
    server_code: Option<String>,
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
                ErrorKind::Timeout | ErrorKind::Connect | ErrorKind::PoolExhausted
            ),
            timeout: kind == ErrorKind::Timeout,
            maybe_sent: kind == ErrorKind::MaybeSent,
            unconfirmed: None,
            job: None,
            agent: None,
            server_code: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// What was asked of whom; the innermost word counts.
    pub(crate) fn asked(mut self, what: impl FnOnce() -> String) -> Self {
        self.0.asked.get_or_insert_with(what);
        self
    }

    pub(crate) fn waited(mut self, span: Duration) -> Self {
        self.0.waited.get_or_insert(span);
        self
    }

    /// For kinds that come of waiting; the others come at once.
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

    pub(crate) fn about_command(mut self, reference: impl fmt::Display) -> Self {
        self.0.command.get_or_insert_with(|| reference.to_string());
        self
    }

    pub(crate) fn about_agent(mut self, agent: AgentId) -> Self {
        self.0.agent.get_or_insert(agent);
        self
    }

    pub(crate) fn with_job(mut self, job: Job) -> Self {
        self.0.job = Some(job);
        self
    }

    /// For a call that would do something a second time if it were made again.
    pub(crate) fn once_only(mut self) -> Self {
        self.0.retriable = false;
        self
    }

    /// What a timeout is down to beyond mere slowness, for the message of another.
    pub(crate) fn cause_of_timeout(&self) -> Option<String> {
        self.0.message.split_once("at last: ").map(|(_, cause)| format!("at last: {cause}"))
    }

    /// Adds to the message.
    pub(crate) fn noting(mut self, note: &str) -> Self {
        self.0.message = format!("{}; {note}", self.0.message);
        self
    }

    /// For a command that went out whole and was not confirmed. A cancelled or closed call keeps
    /// its kind, since that is what its caller did.
    pub(crate) fn with_command_maybe_sent(mut self) -> Self {
        self.0.unconfirmed = Some((self.0.kind, self.0.message.clone(), self.0.retriable));
        if !matches!(self.0.kind, ErrorKind::Cancelled | ErrorKind::Closed) {
            self.0.kind = ErrorKind::MaybeSent;
        }
        self.0.message = format!(
            "Redis did not confirm the command ({}): it may run or not; look for its result before sending it again",
            self.0.message
        );
        self.0.retriable = false;
        self.0.maybe_sent = true;
        self
    }

    /// Says it of the whole call, of which what failed was a part.
    pub(crate) fn of_the_whole(mut self, what: String, waited: Duration) -> Self {
        self.0.asked = Some(what);
        self.0.waited = self.0.waited.map(|_| waited);
        self
    }

    /// For a question, which does no harm where it is asked twice.
    pub(crate) fn of_a_question(mut self) -> Self {
        if let Some((kind, message, retriable)) = self.0.unconfirmed.take() {
            (self.0.kind, self.0.message, self.0.retriable) = (kind, message, retriable);
            self.0.maybe_sent = false;
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
        self.0.maybe_sent
    }

    /// How long the call had been under way, where it waited at all.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.waited
    }

    /// The printed form of the command that the call was about, for
    /// [`Client::command_from`](crate::Client::command_from).
    pub fn command(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// The code of Redis's own error, like `NOPERM` or `OOM`, where Redis answered with one.
    pub fn server_code(&self) -> Option<&str> {
        self.0.server_code.as_deref()
    }

    /// The agent that the error is about, where it is about one of several.
    pub fn agent(&self) -> Option<AgentId> {
        self.0.agent
    }

    /// The job that failed, with its state, data and streams: for [`ErrorKind::JobFailed`],
    /// [`ErrorKind::UnknownCommand`] and [`ErrorKind::NoSuchAgent`].
    pub fn job(&self) -> Option<&Job> {
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

impl std::error::Error for Error {}

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Self {
        use transport::Error as Transport;
        let kind = match &error {
            Transport::Connect { .. }
            | Transport::Lost { .. }
            | Transport::NoMaster { .. }
            | Transport::Tls { .. } => ErrorKind::Connect,
            Transport::Authentication { .. } => ErrorKind::Authentication,
            Transport::Timeout | Transport::TimeoutAfter(_) => ErrorKind::Timeout,
            Transport::Cancelled => ErrorKind::Cancelled,
            Transport::Closed => ErrorKind::Closed,
            Transport::PoolExhausted { .. } => ErrorKind::PoolExhausted,
            Transport::Forked => ErrorKind::ForkedHandle,
            Transport::Server(error) if error.is_authentication() => ErrorKind::Authentication,
            Transport::Server(error) if error.is_of_a_cluster() => ErrorKind::Unsupported,
            Transport::Server(_) => ErrorKind::Server,
            Transport::Unsupported { .. } => ErrorKind::Unsupported,
            Transport::Setting(_) => ErrorKind::InvalidArgument,
            Transport::Protocol { .. } => ErrorKind::Protocol,
            Transport::System { .. } => ErrorKind::System,
        };
        let mut ours = Error::new(kind, error.to_string());
        ours.0.retriable |= error.is_passing();
        ours.0.retriable &= !matches!(error, Transport::Tls { .. });
        if let Transport::Server(server) | Transport::Authentication { error: server, .. } = &error
        {
            ours.0.server_code = Some(server.code.clone());
            if server.is_of_a_cluster() {
                ours = ours.noting(transport::NO_CLUSTER);
            }
        }
        ours
    }
}

impl From<transport::Unexpected> for Error {
    fn from(error: transport::Unexpected) -> Self {
        Error::new(ErrorKind::Protocol, error.to_string())
    }
}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        Error::invalid(error.to_string())
    }
}

impl Error {
    /// A document in Redis that cannot be read.
    pub(crate) fn document(what: &str, error: &DocumentError) -> Self {
        Error::new(ErrorKind::Protocol, format!("{what} cannot be read: {error}"))
    }
}
