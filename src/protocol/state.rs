//! Job states.

use std::fmt;

/// State of a job, as reported by its agent or the controller.
///
/// ```
/// use acclient::JobState;
/// assert_eq!(JobState::from("SUCCESS"), JobState::Success);
/// assert_eq!(JobState::UnknownCmd.to_string(), "UNKNOWN_CMD");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// Waiting for the agent to fetch the job.
    Queued,
    /// Fetched by the agent: running, waiting in a queue of the agent, or waiting for a full agent.
    Running,
    /// Succeeded.
    Success,
    /// Failed or could not be started, or the controller knew no agent for the target.
    Error,
    /// Ran longer than its `max_time`. Reported once its output is closed.
    Timeout,
    /// Killed. Reported once its output is closed.
    Killed,
    /// The agent or the controller does not know the command.
    UnknownCmd,
    /// The agent rejected the job because one with the same id was running (`DUPILICATE_ID` on the wire).
    DuplicateId,
    /// A state unknown to this version; agents may write any text. Counts as final.
    Other(String),
}

impl JobState {
    /// Returns the state as sent on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            JobState::Queued => "QUEUED",
            JobState::Running => "RUNNING",
            JobState::Success => "SUCCESS",
            JobState::Error => "ERROR",
            JobState::Timeout => "TIMEOUT",
            JobState::Killed => "KILLED",
            JobState::UnknownCmd => "UNKNOWN_CMD",
            JobState::DuplicateId => "DUPILICATE_ID",
            JobState::Other(state) => state,
        }
    }

    /// Returns whether the job has ended: true for every state but `QUEUED` and `RUNNING`.
    pub fn is_final(&self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }
}

impl From<&str> for JobState {
    fn from(state: &str) -> Self {
        match state {
            "QUEUED" => JobState::Queued,
            "RUNNING" => JobState::Running,
            "SUCCESS" => JobState::Success,
            "ERROR" => JobState::Error,
            "TIMEOUT" => JobState::Timeout,
            "KILLED" => JobState::Killed,
            "UNKNOWN_CMD" => JobState::UnknownCmd,
            "DUPILICATE_ID" => JobState::DuplicateId,
            other => JobState::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for JobState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for JobState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(JobState::from(&*text))
    }
}
