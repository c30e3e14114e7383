//! What one agent reported about a command, as a value.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::{AgentId, JobState, LEVEL_JSON, ResultDocument};

/// Report of one agent about a command: state, data and output at the moment they were read.
///
/// A plain value, from [`Job::result`](crate::Job::result) and [`Error::job`](crate::Error::job):
/// it holds no connection, and dropping it never blocks.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let run = client.execute(Target::agent((1, 1)), "false").run(std::time::Duration::from_secs(10))?;
/// if let Err(error) = run.into_success() {
///     let result = error.job().expect("the job that failed");
///     eprintln!("{}: {}", result.state(), result.stderr());
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct JobResult {
    id: String,
    agent: AgentId,
    document: Box<ResultDocument>,
}

impl JobResult {
    pub(crate) fn new(id: &str, agent: AgentId, document: ResultDocument) -> Self {
        JobResult { id: id.to_owned(), agent, document: Box::new(document) }
    }

    /// The id of the command.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The agent that runs the job. `0:0` where the controller itself answered.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// The state.
    pub fn state(&self) -> &JobState {
        self.document.state.value().unwrap_or(&JobState::Queued)
    }

    /// Whether the job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.state() == &JobState::Success
    }

    /// The name of the command. Empty before the job has ended, and where the controller answered.
    pub fn cmd(&self) -> &str {
        text(self.document.cmd.value())
    }

    /// The run arguments as the agent understood them, which is not quite as they were sent: the
    /// agent adds its own defaults. `null` before the job has ended, and where the controller
    /// answered.
    pub fn args(&self) -> serde_json::Value {
        let args = self.document.args.value();
        args.map(|args| super::value(args)).unwrap_or_default()
    }

    /// The result data: the last message of level 20 to 23 or 30 that the job printed, or why a program
    /// could not be started (the exit status of a program is not reported), or the
    /// answer of an agent's builtin command. The reason for the failure, for some errors. Often
    /// empty.
    pub fn data(&self) -> &str {
        self.document.data.value().map_or("", |data| &data.0)
    }

    /// The level of [`JobResult::data`]: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    pub fn level(&self) -> i64 {
        self.document.level.value().copied().unwrap_or_default()
    }

    /// The last 1000 lines that the job wrote to stdout, without blank lines and lines that carry a
    /// level of their own. Empty too where the program could not be started.
    pub fn stdout(&self) -> &str {
        self.stream(0)
    }

    /// The same of stderr.
    pub fn stderr(&self) -> &str {
        self.stream(1)
    }

    /// Stdout and stderr; `None` where there are none: where the controller answered, for an
    /// unknown command, and where the program could not be started.
    pub fn streams(&self) -> Option<(&str, &str)> {
        self.document.streams.value().map(|_| (self.stdout(), self.stderr()))
    }

    /// The last message of level 9; `None` where there was none.
    pub fn critical(&self) -> Option<&str> {
        self.document.critical.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The tags that the command was sent with.
    pub fn tags(&self) -> Option<&str> {
        self.document.tags.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// When the job started, by the clock of the agent; `None` where it did not.
    pub fn starttime(&self) -> Option<SystemTime> {
        let milliseconds = self.document.starttime.value().and_then(|&ms| u64::try_from(ms).ok());
        milliseconds
            .filter(|&ms| ms > 0)
            .and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
    }

    /// How long the job ran, to the millisecond.
    pub fn time(&self) -> Duration {
        let milliseconds = self.document.time.value().copied().unwrap_or_default();
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
    }

    /// The document as JSON, with fields that this version does not know, and those that it could not read as
    /// they stand in the document. Without fields that nest deeper than 32 levels.
    pub fn dump(&self) -> String {
        // Strings, numbers and JSON that was read before: nothing of it can fail.
        serde_json::to_string(&*self.document).unwrap_or_default()
    }

    /// The document byte for byte, where the other methods say something else than it does: for numbers in
    /// another form than digits, fields of the wrong type, two fields of one name or a name in another case,
    /// and for what is not text: bytes that are not UTF-8, or an escape that is half of a surrogate pair,
    /// shown as U+FFFD. `None` for all other documents; for those see [`JobResult::dump`].
    ///
    /// The original agents write no such documents, but anything may write to Redis.
    pub fn raw(&self) -> Option<&[u8]> {
        self.document.raw.as_deref()
    }

    /// Names of the fields that could not be read, or only in part: of the wrong type, out of range, or nested
    /// deeper than 32 levels. Such a field counts as absent; [`JobResult::raw`] has the document with it.
    /// The original agents send no such field.
    ///
    /// Only a state is required. Whole numbers may be written in any form (`1795521098681.0`, `1e3`, `"12"`); a
    /// fraction is cut off. Data that is not a string is read as its JSON text. Of two fields of one name the
    /// last that can be read counts, and names may be in another case.
    pub fn dropped_fields(&self) -> Vec<&str> {
        self.document.dropped().collect()
    }

    /// Whether this is the final report, and not the refusal of an id that is in use.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_final() && !self.document.is_duplicate()
    }

    /// Whether the controller answered that no agent matches the target.
    pub(crate) fn is_no_such_agent(&self) -> bool {
        self.document.is_no_such_agent()
    }

    /// Whether [`JobResult::data`] is JSON, or may be since the level cannot be read.
    pub(crate) fn is_json(&self) -> bool {
        self.document.level.value().is_none_or(|level| *level == LEVEL_JSON)
    }

    fn stream(&self, index: usize) -> &str {
        text(self.document.streams.value().and_then(|streams| streams.get(index)))
    }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("", String::as_str)
}

impl fmt::Debug for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job {} of agent {} ({})", self.id, self.agent, self.state())
    }
}
