//! The schedule of the controller.

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
    /// The id that it was added under.
    pub id: String,
    /// When the command is sent: the cron expression.
    pub cron: String,
    /// The command as JSON.
    pub cmd: Value,
}

record!(Scheduled { id, cron, cmd });

impl Scheduled {
    /// When the controller sends the command next after a moment, if the time zone of the controller is UTC: it goes by
    /// its own, and does not tell which. `None` for `@every`, which counts from a moment that only the controller
    /// knows, for what does not come within five years, and for an expression that cannot be read.
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

/// The schedule of the controller. Each call asks it and blocks for the client's timeout at most.
impl Client {
    /// Has the controller send a command at certain times, each time with a new id. One of the same
    /// id is replaced.
    ///
    /// `cron` has five or six fields **beginning with seconds**: second, minute, hour, day of the
    /// month, month, day of the week. `@hourly` and its like, and `@every 90m`, are fine too.
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
    /// The numbers of the agent and of the grid, and the maximum time, may have six digits: a controller
    /// built with Go before 1.8 stores a larger one in a form that it cannot read, and exits when the
    /// schedule fires.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for what the controller
    /// would not understand, or would exit over when it fires: nothing was sent;
    /// [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed) where it refuses; those of
    /// [`Request::run`].
    pub fn schedule_add(&self, id: &str, cron: &str, command: Request) -> Result<()> {
        if id.is_empty() {
            return Err(Error::invalid("the id of a schedule is empty"));
        }
        check_name("the id of a schedule", id)?;
        check_cron(cron)?;
        let command = command.start()?;
        // A schedule holds one command.
        command.target().address()?;
        let documents = command.as_ref().documents()?;
        let command: Value = serde_json::from_slice(documents.iter().next().unwrap_or_default())
            .map_err(|error| Error::invalid(format!("the command: {error}")))?;
        let entry = json!({ "id": id, "cron": cron, "cmd": command });
        self.scheduler("scheduler_add", &entry.to_string())?;
        Ok(())
    }

    /// What is scheduled, in the order of ids.
    ///
    /// # Errors
    /// Those of [`Request::run`].
    pub fn schedule_list(&self) -> Result<Answer<Vec<Scheduled>>> {
        let listed = self.scheduler("scheduler_list", "")?;
        let mut entries: Vec<Scheduled> = read_rows(&listed)?;
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Answer::new(entries, &listed))
    }

    /// Takes a command off the schedule; whether there was one of that id.
    ///
    /// # Errors
    /// Those of [`Request::run`].
    pub fn schedule_remove(&self, id: &str) -> Result<bool> {
        let removed = self.scheduler("scheduler_remove", &json!(id).to_string())?;
        Ok(whole(&removed.json_text()?).is_some_and(|count| count > 0))
    }

    /// Takes all commands whose ids begin with a prefix off the schedule. An empty prefix is all.
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
