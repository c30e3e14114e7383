//! Schedule calls of a [`Client`].

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};

use super::Client;
use crate::command::Request;
use crate::engine::ask;
use crate::error::{Error, Result};
use crate::node::Answer;
use crate::node::answer::read_rows;
use crate::protocol::{
    Contents, JobResult, Target, check_cron, check_name, next_run, record, whole,
};

/// Entry of the controller's schedule, from [`Client::schedule_list`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for entry in client.schedule_list()?.iter() {
///     println!("{}: {} at {}", entry.id, entry.cmd["cmd"], entry.cron);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Scheduled {
    /// The id under which the entry was added.
    pub id: String,
    /// The cron expression that says when the command is sent.
    pub cron: String,
    /// The command as JSON.
    pub cmd: Value,
}

record!(Scheduled { id, cron, cmd });

impl Scheduled {
    /// Returns when the controller sends the command next after `after`, assuming that the controller's time
    /// zone is UTC. The controller uses its local time zone and does not report it. Returns `None` for
    /// `@every`, which counts from a moment known only to the controller, for a time more than five years
    /// ahead, and for an expression that cannot be parsed.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// for entry in client.schedule_list()?.iter() {
    ///     println!("{}: {:?}", entry.id, entry.next_run(std::time::SystemTime::now()));
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn next_run(&self, after: SystemTime) -> Option<SystemTime> {
        let after = after.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let next = next_run(&self.cron, i64::try_from(after.as_secs()).ok()?)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(next).ok()?))
    }
}

/// The schedule of the controller. Each call sends one request to the controller and blocks for at most the
/// client's timeout.
impl Client {
    /// Makes the controller send a command at certain times, each time with a new id. An entry with the same
    /// id is replaced.
    ///
    /// `cron` has five or six fields **starting with seconds**: second, minute, hour, day of the month,
    /// month, day of the week. Descriptors like `@hourly` and `@every 90m` are accepted too.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let nightly = client.bash(Target::all().role("storage"), "fstrim -a");
    /// client.schedule_add("trim", "0 30 3 * * *", nightly)?;
    /// assert!(client.schedule_remove("trim")?);
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// The node id, the grid id and the maximum time may have at most six digits: a controller built with Go
    /// before 1.8 stores a larger number in a form that it cannot read, and exits when the schedule fires.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for an entry that the controller
    /// cannot decode, or that would make it exit when the schedule fires (nothing was sent);
    /// [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed) if the controller rejects the entry; those of
    /// [`Request::run`].
    pub fn schedule_add(&self, id: &str, cron: &str, command: Request) -> Result<()> {
        if id.is_empty() {
            return Err(Error::invalid("the id of a schedule is empty"));
        }
        check_name("the id of a schedule", id)?;
        check_cron(cron)?;
        let command = command.start()?;
        // An entry holds one command, so lists of agents are rejected.
        command.target().address()?;
        let documents = command.as_ref().documents()?;
        let command: Value = serde_json::from_slice(documents.iter().next().unwrap_or_default())
            .map_err(|error| Error::invalid(format!("the command: {error}")))?;
        let entry = json!({ "id": id, "cron": cron, "cmd": command });
        self.scheduler("scheduler_add", &entry.to_string())?;
        Ok(())
    }

    /// Returns the schedule, in order of ids.
    ///
    /// # Errors
    /// Those of [`Request::run`].
    pub fn schedule_list(&self) -> Result<Answer<Vec<Scheduled>>> {
        let listed = self.scheduler("scheduler_list", "")?;
        let mut entries: Vec<Scheduled> = read_rows(&listed)?;
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Answer::new(entries, &listed))
    }

    /// Removes an entry from the schedule. Returns whether an entry with this id existed.
    ///
    /// # Errors
    /// Those of [`Request::run`].
    pub fn schedule_remove(&self, id: &str) -> Result<bool> {
        let removed = self.scheduler("scheduler_remove", &json!(id).to_string())?;
        Ok(whole(&removed.json_text()?).is_some_and(|count| count > 0))
    }

    /// Removes all entries whose ids start with a prefix. An empty prefix removes all entries.
    ///
    /// # Errors
    /// Those of [`Request::run`].
    pub fn schedule_remove_prefix(&self, prefix: &str) -> Result<()> {
        self.scheduler("scheduler_remove_prefix", &json!(prefix).to_string())?;
        Ok(())
    }

    fn scheduler(&self, name: &str, data: &str) -> Result<JobResult> {
        ask::order(self.session(), Target::controller(), Contents::of_controller(name, data))
    }
}
