//! [`JobResult`]: report of one agent about a command.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::{AgentId, JobState, LEVEL_JSON, ResultDocument};

/// Report of one agent about a command: state, data and output at the time they were read.
///
/// A plain value, from [`Job::result`](crate::Job::result) and [`Error::job`](crate::Error::job): it holds no
/// connection, and dropping it never blocks.
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

    /// Returns the id of the command.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the agent that runs the job, or `0:0` if the controller itself replied.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// Returns the state of the job.
    pub fn state(&self) -> &JobState {
        self.document.state.value().unwrap_or(&JobState::Queued)
    }

    /// Returns whether the job ended with `SUCCESS`.
    pub fn is_success(&self) -> bool {
        self.state() == &JobState::Success
    }

    /// Returns the name of the command. Empty before the job has ended, and if the controller replied.
    pub fn cmd(&self) -> &str {
        text(self.document.cmd.value())
    }

    /// Returns the run arguments as the agent understood them. They differ from those sent, because the agent
    /// adds its own defaults. `null` before the job has ended, and if the controller replied.
    pub fn args(&self) -> serde_json::Value {
        let args = self.document.args.value();
        args.map(|args| super::value(args)).unwrap_or_default()
    }

    /// Returns the result data, which is often empty. It is one of the following:
    ///
    /// - the last message of level 20 to 23 or 30 that the job printed
    /// - why a program could not be started (the exit status of a program is not reported)
    /// - the answer of a builtin command of the agent
    /// - the reason for the failure, for some errors
    pub fn data(&self) -> &str {
        self.document.data.value().map_or("", |data| &data.0)
    }

    /// Returns the level of [`JobResult::data`]: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    pub fn level(&self) -> i64 {
        self.document.level.value().copied().unwrap_or_default()
    }

    /// Returns the last 1000 lines that the job wrote to stdout, without blank lines and lines with a level of
    /// their own. Also empty if the program could not be started.
    pub fn stdout(&self) -> &str {
        self.stream(0)
    }

    /// Returns the last 1000 lines that the job wrote to stderr, under the same rules as [`JobResult::stdout`].
    pub fn stderr(&self) -> &str {
        self.stream(1)
    }

    /// Returns stdout and stderr; `None` if the controller replied, if the command is unknown, or if the program
    /// could not be started.
    pub fn streams(&self) -> Option<(&str, &str)> {
        self.document.streams.value().map(|_| (self.stdout(), self.stderr()))
    }

    /// Returns the last message of level 9; `None` if there was none.
    pub fn critical(&self) -> Option<&str> {
        self.document.critical.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Returns the tags that the command was sent with.
    pub fn tags(&self) -> Option<&str> {
        self.document.tags.value().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Returns when the job started, by the agent's clock; `None` if it did not start.
    pub fn starttime(&self) -> Option<SystemTime> {
        let milliseconds = self.document.starttime.value().and_then(|&ms| u64::try_from(ms).ok());
        milliseconds
            .filter(|&ms| ms > 0)
            .and_then(|ms| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
    }

    /// Returns how long the job ran, with millisecond resolution.
    pub fn time(&self) -> Duration {
        let milliseconds = self.document.time.value().copied().unwrap_or_default();
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
    }

    /// Returns the document as JSON. Fields that this version does not know or could not read are included
    /// unchanged, except those nested deeper than 32 levels.
    pub fn dump(&self) -> String {
        // The document consists of strings, numbers and JSON that was parsed before, so this cannot fail.
        serde_json::to_string(&*self.document).unwrap_or_default()
    }

    /// Returns the document byte for byte if the other methods differ from it; `None` otherwise, in which case
    /// see [`JobResult::dump`]. They differ for:
    ///
    /// - numbers not written as plain digits
    /// - fields of the wrong type
    /// - duplicate names, or names in another case
    /// - invalid text, shown as U+FFFD: bytes that are not UTF-8, or an escape that is half of a surrogate pair
    ///
    /// The original agents do not write these documents, but any program can write to Redis.
    pub fn raw(&self) -> Option<&[u8]> {
        self.document.raw.as_deref()
    }

    /// Returns the names of the fields that could not be read, or only in part: of the wrong type, out of range,
    /// or nested deeper than 32 levels. They count as absent; [`JobResult::raw`] returns the document that
    /// contains them. The original agents do not send them.
    ///
    /// Only the state is required. Integers may be written in any form (`1795521098681.0`, `1e3`, `"12"`); a
    /// fraction is truncated. Data that is not a string is read as its JSON text. Of duplicate names the last
    /// readable one counts, and names may be in another case.
    pub fn dropped_fields(&self) -> Vec<&str> {
        self.document.dropped().collect()
    }

    /// Returns whether this is the final report, and not the refusal of an id in use.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_final() && !self.document.is_duplicate()
    }

    /// Returns whether the controller replied that no agent matches the target.
    pub(crate) fn is_no_such_agent(&self) -> bool {
        self.document.is_no_such_agent()
    }

    /// Returns whether [`JobResult::data`] is JSON, or may be JSON because the level cannot be read.
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
