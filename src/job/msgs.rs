//! [`Message`] and [`MsgQuery`]: what a job has logged.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::questions;
use crate::engine::{Session, ask};
use crate::error::{Error, Result};
use crate::node::answer::read_rows;
use crate::protocol::{AgentId, JobResult, Text, check_levels, record, shown};

/// The most that an agent gives at a time.
pub(crate) const MOST: u32 = 1000;
/// What the original client asked for.
const DEFAULT_LIMIT: u32 = 20;

/// Message that a job has logged: a line of its output, or a message that it printed with a level.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for message in client.get_msgs((1, 1), "x", &MsgQuery::new())? {
///     println!("{} {}", message.level, message.data);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Message {
    /// The text; of a message that is not text, its JSON.
    pub data: String,
    /// Level: 1 stdout, 2 stderr, 3 public, 4 operator, 5 log, 6 structured log, 7 warning,
    /// 8 operations error, 9 critical, 10 statsd, 11 debug, 20 to 23 and 30 results.
    pub level: i64,
    /// When it was logged, in milliseconds since 1970, by the clock of the agent.
    pub epoch: i64,
    /// Number in the log of the agent; a later message has a greater one. Messages of other jobs and the
    /// agent's own answers take numbers too, so that those of one job have holes.
    pub id: i64,
    /// Fields unknown to this version, and those that could not be read, as they stand in the answer; their
    /// fields above are zero.
    pub extra: Map<String, Value>,
}

record!(Message { data as Text, level, epoch, id; extra });

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Message { data, level, epoch, id, extra } = self;
        let fields = [
            ("data", json!(data)),
            ("level", json!(level)),
            ("epoch", json!(epoch)),
            ("id", json!(id)),
        ];
        shown(fields, extra).serialize(serializer)
    }
}

impl Message {
    fn time(&self) -> SystemTime {
        let milliseconds = u64::try_from(self.epoch).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
    }
}

/// Query of the messages of a job; see [`Job::get_msgs`](crate::Job::get_msgs).
///
/// ```
/// use acclient::MsgQuery;
/// let errors = MsgQuery::new().levels("2,7-9").limit(100);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MsgQuery {
    levels: String,
    limit: u32,
    from: Option<SystemTime>,
    to: Option<SystemTime>,
}

impl Default for MsgQuery {
    fn default() -> Self {
        MsgQuery { levels: "*".to_owned(), limit: DEFAULT_LIMIT, from: None, to: None }
    }
}

/// What a job has logged on an agent, newest first, by its id alone.
pub(crate) fn read_msgs(
    session: &Session,
    agent: AgentId,
    id: &str,
    query: &MsgQuery,
) -> Result<Vec<Message>> {
    query.check()?;
    query.read(&ask::ask(session, agent.into(), questions::msgs(id, query))?)
}

impl MsgQuery {
    /// The newest 20 of all levels.
    pub fn new() -> Self {
        MsgQuery::default()
    }

    /// Of these levels: `"*"`, or numbers and ranges like `"1,2,6-9"`. Checked before it is sent.
    pub fn levels(mut self, levels: impl Into<String>) -> Self {
        self.levels = levels.into();
        self
    }

    /// Sets the maximum number of messages, 1 to 1000; default 20.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Logged at this time or later. Agents do not look at times: the newest up to the limit are
    /// asked for, and what is older is left out here.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.from = Some(time);
        self
    }

    /// Logged at this time or earlier; as for [`MsgQuery::from`].
    pub fn to(mut self, time: SystemTime) -> Self {
        self.to = Some(time);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.levels.is_empty() {
            return Err(Error::invalid("no levels"));
        }
        check_levels(&self.levels)?;
        if !(1..=MOST).contains(&self.limit) {
            return Err(Error::invalid(format!(
                "invalid limit {}: expected 1 to {MOST}",
                self.limit
            )));
        }
        Ok(())
    }

    pub(crate) fn to_json(&self, id: &str) -> Value {
        json!({ "jobid": id, "limit": self.limit, "levels": self.levels })
    }

    pub(crate) fn read(&self, answer: &JobResult) -> Result<Vec<Message>> {
        let mut messages: Vec<Message> = read_rows(answer)?;
        messages.retain(|message| self.is_wanted(message));
        Ok(messages)
    }

    pub(super) fn levels_asked(&self) -> &str {
        &self.levels
    }

    /// Whether a message was logged before the time that is asked for.
    pub(super) fn is_before(&self, message: &Message) -> bool {
        self.from.is_some_and(|from| message.time() < from)
    }

    /// Whether a message was logged in the time that is asked for.
    pub(super) fn is_wanted(&self, message: &Message) -> bool {
        !self.is_before(message) && self.to.is_none_or(|to| message.time() <= to)
    }
}
