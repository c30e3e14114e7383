//! Converts a result for the caller: success, failure, or no matching agent.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Envelope, JobResult, JobState, Target, mended};

impl JobResult {
    /// Deserializes [`JobResult::data`] from JSON into a type of your own or a [`serde_json::Value`].
    ///
    /// # Errors
    /// Returns [`ErrorKind::Protocol`] if the data is not JSON or does not match the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.json_text()?)
            .map_err(|error| self.unreadable(format!("unexpected JSON: {error}")).caused_by(error))
    }

    /// Returns [`JobResult::data`] as JSON text.
    pub(crate) fn json_text(&self) -> Result<Cow<'_, str>> {
        if !self.is_json() {
            let level = self.level();
            return Err(self.unreadable(format!("not JSON: its level is {level}, not 20")));
        }
        Ok(mended(self.data().as_bytes()))
    }

    fn unreadable(&self, message: String) -> Error {
        Error::new(ErrorKind::Protocol, message).asked(|| format!("the data of {self:?}"))
    }

    /// Returns this result if the job ended with `SUCCESS`.
    ///
    /// # Errors
    /// Returns [`ErrorKind::UnknownCommand`] for `UNKNOWN_CMD` and [`ErrorKind::JobFailed`] for every other
    /// state. [`Error::job`] returns the result.
    pub fn into_success(self) -> Result<JobResult> {
        let kind = match self.state() {
            JobState::Success => return Ok(self),
            JobState::UnknownCmd => ErrorKind::UnknownCommand,
            _ => ErrorKind::JobFailed,
        };
        let said = [self.data(), self.stderr(), self.critical().unwrap_or_default()];
        // A failing builtin command of the agent returns only "{}".
        let said =
            said.iter().find(|text| !text.is_empty() && **text != "{}").map(|text| text.trim_end());
        let message = match said {
            Some(said) => format!("{}: {}", self.state(), shortened(said)),
            None => format!("{}, without a reason", self.state()),
        };
        let what = if self.cmd().is_empty() { "command" } else { self.cmd() };
        let asked = format!("{what} ({}) on {}", self.id(), Target::from(self.agent()).in_words());
        Err(Error::new(kind, message).asked(|| asked).with_job(self))
    }
}

/// Returns the result for the caller, or an error if the controller replied that no agent matches.
pub(crate) fn delivered(command: &Envelope, result: JobResult) -> Result<JobResult> {
    if !result.is_no_such_agent() {
        return Ok(result);
    }
    // The description of the command names all agents of a list.
    let name = match command.target.agent_ids() {
        [] | [_] => String::new(),
        _ => format!(" {}", result.agent()),
    };
    Err(unknown(command, result, &name))
}

/// Returns the error for a controller reply that no agent matches.
pub(crate) fn no_such_agent(command: &Envelope, result: JobResult) -> Error {
    unknown(command, result, "")
}

fn unknown(command: &Envelope, result: JobResult, name: &str) -> Error {
    // The controller names an agent by its numbers, and roles as 0:0 or gid:0.
    let message = if result.agent().is_real() {
        format!(
            "no such agent{name}: it may be down, full (100 jobs) or not registered yet, or the number is wrong"
        )
    } else {
        "no agent matches: those meant may be down, full (100 jobs) or not registered yet"
            .to_owned()
    };
    let error = Error::new(ErrorKind::NoSuchAgent, message).asked(|| command.in_words());
    error.about_agent(result.agent()).about_command(command).with_job(result)
}

/// Adds to the timeout of a wait how far the command got, as far as this process knows.
pub(crate) fn tell_how_far(command: &Envelope, error: Error) -> Error {
    let error = error.about_command(command);
    if error.kind() != ErrorKind::Timeout || error.is_explained() {
        return error;
    }
    if command.target == Target::controller() {
        return error.noting(
            "no controller has answered: check that one is running, with this Redis and this database",
        );
    }
    if command.is_taken_back() {
        return error.taken_back();
    }
    error.noting(if command.sent.is_some() {
        "it is waiting for the controller or its agent, still running, or lost"
    } else {
        "Redis may not know this command id"
    })
}

/// Describes a command whose agents the controller has not named.
pub(crate) fn unrouted(was_sent: bool) -> &'static str {
    match was_sent {
        true => "no controller has routed the command",
        false => "no controller has routed a command of this id",
    }
}

/// Shortens text for an error message; the result holds the whole text.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
