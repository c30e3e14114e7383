use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::command::CommandBuilder;
use crate::engine::Wait;
use crate::engine::waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Follow;
use crate::job::{Message, MsgQuery};
use crate::node::ProcessStats;
use crate::protocol::Target;
use crate::protocol::{AgentId, JobState, LEVEL_JSON, ResultDocument};

/// What one agent has said of a command: usually its result.
///
/// From [`CommandBuilder::run`](crate::CommandBuilder::run),
/// [`CommandRef::next_result`](crate::CommandRef::next_result) and
/// [`CommandRef::jobs`](crate::CommandRef::jobs). Its values are those of the moment it was read;
/// [`Job::refresh`] and [`Job::wait`] read again.
#[derive(Clone)]
pub struct Job {
    client: Client,
    id: String,
    agent: AgentId,
    document: Box<ResultDocument>,
}

impl Job {
    pub(crate) fn new(client: Client, id: &str, agent: AgentId, document: ResultDocument) -> Self {
        Job { client, id: id.to_owned(), agent, document: Box::new(document) }
    }

    /// The id of the command.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The agent that runs it. `0:0` where the controller itself answered.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// The state.
    pub fn state(&self) -> &JobState {
        self.document.state.value().unwrap_or(&JobState::Queued)
    }

    /// Whether it ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.state() == &JobState::Success
    }

    /// The name of the command. Empty before the job has ended, and where the controller answered.
    pub fn cmd(&self) -> &str {
        text(self.document.cmd.value())
    }

    /// The run arguments as the agent understood them, which is not quite as they were sent: it
    /// adds its own defaults. `null` before the job has ended, and where the controller answered.
    pub fn args(&self) -> serde_json::Value {
        let args = self.document.args.value();
        args.and_then(|args| serde_json::from_str(args.get()).ok()).unwrap_or_default()
    }

    /// The result proper: what the job printed as its last message of level 20 to 23 or 30, or
    /// what an agent's own command answered. What went wrong, for some errors. Often empty.
    pub fn data(&self) -> &str {
        text(self.document.data.value())
    }

    /// The level of [`Job::data`]: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    pub fn level(&self) -> i64 {
        self.document.level.value().copied().unwrap_or_default()
    }

    /// Reads [`Job::data`], which has to be JSON, as a type of yours or as
    /// [`serde_json::Value`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] where it is not JSON, or not of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let unreadable = |message: String| {
            Error::new(ErrorKind::Protocol, message).asked(|| format!("the data of {self:?}"))
        };
        if self.level() != LEVEL_JSON {
            return Err(unreadable(format!(
                "it is of level {} and not {LEVEL_JSON} (JSON)",
                self.level()
            )));
        }
        serde_json::from_str(self.data())
            .map_err(|error| unreadable(format!("not of the shape asked for: {error}")))
    }

    /// What it wrote to stdout: the last 1000 lines without a level of their own, blank lines
    /// left out. Empty too where the program could not be started.
    pub fn stdout(&self) -> &str {
        self.stream(0)
    }

    /// What it wrote to stderr, likewise.
    pub fn stderr(&self) -> &str {
        self.stream(1)
    }

    /// Stdout and stderr, `None` where there are none: where the controller answered, for an
    /// unknown command, and where the program could not be started.
    pub fn streams(&self) -> Option<(&str, &str)> {
        self.document.streams.value().map(|_| (self.stdout(), self.stderr()))
    }

    /// Its last message of level 9, `None` where there was none.
    pub fn critical(&self) -> Option<&str> {
        self.document.critical.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The tags that the command was sent with.
    pub fn tags(&self) -> Option<&str> {
        self.document.tags.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// When it started, by the clock of the agent; `None` where it did not.
    pub fn starttime(&self) -> Option<SystemTime> {
        let milliseconds = self.document.starttime.value().and_then(|&ms| u64::try_from(ms).ok());
        milliseconds
            .filter(|&ms| ms > 0)
            .and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
    }

    /// How long it ran, to the millisecond.
    pub fn time(&self) -> Duration {
        let milliseconds = self.document.time.value().copied().unwrap_or_default();
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
    }

    /// The document as JSON, with fields that this version does not know.
    pub fn dump(&self) -> String {
        // Strings, numbers and JSON that was read before: nothing of it can fail.
        serde_json::to_string(&*self.document).unwrap_or_default()
    }

    /// The document byte for byte, where it held something that is no text: bytes that are no UTF-8,
    /// or an escape that is half of a surrogate pair. Each stands as U+FFFD in what the other
    /// methods give. `None` for all other documents; for those see [`Job::dump`].
    ///
    /// The original agents write no such documents, but anything may write to Redis.
    pub fn raw(&self) -> Option<&[u8]> {
        self.document.raw.as_deref()
    }

    /// This job if it ended with `SUCCESS`, else an error that holds it.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownCommand`] for `UNKNOWN_CMD`, [`ErrorKind::JobFailed`] for every other
    /// state. [`Error::job`] gives the job.
    pub fn into_success(self) -> Result<Job> {
        let kind = match self.state() {
            JobState::Success => return Ok(self),
            JobState::UnknownCmd => ErrorKind::UnknownCommand,
            _ => ErrorKind::JobFailed,
        };
        let said = [self.data(), self.stderr(), self.critical().unwrap_or_default()];
        // A failing command of the agent's own says no more than "{}".
        let said =
            said.iter().find(|text| !text.is_empty() && **text != "{}").map(|text| text.trim_end());
        let message = match said {
            Some(said) => format!("{}: {}", self.state(), shortened(said)),
            None => format!("{}, without a word about why", self.state()),
        };
        let what = if self.cmd().is_empty() { "command" } else { self.cmd() };
        let asked = format!("{what} ({}) on {}", self.id, Target::from(self.agent).in_words());
        Err(Error::new(kind, message).asked(|| asked).with_job(self))
    }

    /// Reads again how it stands. Asks Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] where it cannot be read or is gone, and those of the connection.
    pub fn refresh(&mut self) -> Result<()> {
        let client = self.client.clone();
        let latest = client.bounded(
            client.quick(),
            || format!("{self:?}"),
            |until| waiting::latest(&client, &self.id, until),
        )?;
        match latest.into_iter().find(|(agent, _)| *agent == self.agent) {
            Some((_, document)) => *self.document = document,
            None => {
                let gone = "Redis has no word of it any more; it keeps results for 24 hours";
                return Err(Error::new(ErrorKind::Protocol, gone).asked(|| format!("{self:?}")));
            }
        }
        Ok(())
    }

    /// Waits until it is over and reads its result. Blocks. Returns at once when it is over
    /// already.
    ///
    /// # Errors
    /// As [`CommandRef::next_result`](crate::CommandRef::next_result).
    pub fn wait(&mut self, wait: impl Into<Wait>) -> Result<()> {
        if self.is_over() {
            return Ok(());
        }
        let command =
            crate::CommandRef::new(self.client.clone(), self.id.clone(), self.agent.into());
        if let Some(job) = { command }.next_result(wait)? {
            *self = job;
        }
        Ok(())
    }

    /// Kills it, with all its processes, and returns once the agent has taken the order; its
    /// result, usually `KILLED`, follows. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] for an agent that is away, or busy with an earlier kill of the same
    /// job; those of [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn kill(&self) -> Result<()> {
        self.kill_order().run(self.client.quick())?.into_success()?;
        Ok(())
    }

    /// What it uses at this moment. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::JobFailed`] where it does not run any more, or not yet; those of
    /// [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn get_stats(&self) -> Result<ProcessStats> {
        let answer = self.stats_order().ask();
        // The agent says no more than "{}".
        let answer = answer.map_err(|error| match error.kind() {
            ErrorKind::JobFailed => error.noting("a job is measured only while it runs"),
            _ => error,
        });
        answer?.json()
    }

    /// What it has logged, newest first. The agent logs a little behind: right after the result
    /// some messages may be missing. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; those of
    /// [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn get_msgs(&self, query: &MsgQuery) -> Result<Vec<Message>> {
        query.check()?;
        query.read(self.msgs_order(query).ask()?)
    }

    /// Its messages as it logs them, oldest first, until it is over and its log has settled: an
    /// iterator within one deadline. See [`Follow`]. The limit of the query does not count.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range and for a wait of zero;
    /// [`ErrorKind::Closed`], [`ErrorKind::Cancelled`]. Everything else is an item of it.
    pub fn follow(&self, query: &MsgQuery, wait: impl Into<Wait>) -> Result<Follow> {
        query.check()?;
        let wait = wait.into();
        let until = self.client.until(&wait)?;
        let mut job = self.clone();
        job.client = job.client.for_a_step(&wait);
        Ok(Follow::new(job, query.clone(), until))
    }

    /// Lets no question about it take longer than what is left of a wait.
    pub(crate) fn hurry(&mut self, left: Option<Duration>) {
        let quick = self.client.timeout();
        if let Some(left) = left.filter(|left| quick.is_none_or(|quick| *left < quick)) {
            self.client = self.client.with_timeout(left.max(Duration::from_millis(1)));
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The same by another handle of the client.
    pub(crate) fn by(&self, client: Client) -> Job {
        Job { client, ..self.clone() }
    }

    /// Whether its final result is known.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_final() && !self.document.is_duplicate()
    }

    pub(crate) fn kill_order(&self) -> CommandBuilder {
        self.order("kill", serde_json::json!({ "id": self.id }))
    }

    pub(crate) fn stats_order(&self) -> CommandBuilder {
        self.order("get_process_stats", serde_json::json!({ "id": self.id }))
    }

    pub(crate) fn msgs_order(&self, query: &MsgQuery) -> CommandBuilder {
        self.order("get_msgs", query.to_json(&self.id))
    }

    /// A command about this job for its agent.
    fn order(&self, cmd: &str, data: serde_json::Value) -> CommandBuilder {
        self.client.cmd(self.agent, cmd).data(data.to_string())
    }

    fn stream(&self, index: usize) -> &str {
        text(self.document.streams.value().and_then(|streams| streams.get(index)))
    }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("", String::as_str)
}

/// For an error message; the whole is in the job.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job {} of agent {} ({})", self.id, self.agent, self.state())
    }
}
