//! [`Follow`]: the log of a job as it grows.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::msgs::{MOST, Message, MsgQuery};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::transport::{Until, clock, sleep};

/// How often the agent is asked for what is new.
const PAUSE: Duration = Duration::from_millis(250);
/// The log of an agent runs behind its results; a log that has brought nothing new for so long
/// after the end of the job has settled.
const SETTLED: Duration = Duration::from_millis(500);

/// Messages of a job as it logs them, each once, oldest first, until the job is over and its log has
/// settled, or until the deadline; from [`Job::follow`].
///
/// Each item blocks until there is one. An error ends the iterator, unless it says that messages were
/// missed ([`ErrorKind::Protocol`], not [`Error::is_final`]): an agent returns its newest thousand, and a
/// job that logs more between two polls outruns them.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for job in client.get_by_id("x").jobs()?.values() {
///     for message in job.follow(&MsgQuery::new(), None)? {
///         println!("{}: {}", job.agent(), message?.data);
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
pub struct Follow {
    job: Job,
    query: MsgQuery,
    until: Until,
    ready: VecDeque<Result<Message>>,
    /// The number of the last message that was given.
    last: Option<i64>,
    /// Since when the job is over and nothing new has come.
    quiet: Option<Instant>,
    is_over: bool,
}

impl Follow {
    pub(crate) fn new(job: Job, query: MsgQuery, until: Until) -> Self {
        let query = query.limit(MOST);
        Follow {
            job,
            query,
            until,
            ready: VecDeque::new(),
            last: None,
            quiet: None,
            is_over: false,
        }
    }

    /// The job as it was last seen.
    pub fn job(&self) -> &Job {
        &self.job
    }

    fn item(&mut self) -> Result<Option<Message>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return message.map(Some);
            }
            if self.is_over {
                return Ok(None);
            }
            if self.look()? {
                continue;
            }
            if self.quiet.is_some_and(|since| clock::since(since) >= SETTLED) {
                self.is_over = true;
                return Ok(None);
            }
            sleep(PAUSE, &self.until)?;
        }
    }

    /// Asks the agent for what is new; whether there is anything.
    fn look(&mut self) -> Result<bool> {
        self.until.check()?;
        self.job.hurry(self.until.deadline.remaining());
        if !self.job.is_over() {
            self.job.refresh()?;
        }
        let was_over = self.job.is_over();
        let mut newest_first = self.job.get_msgs(&self.query)?;
        let is_full = newest_first.len() as u32 == MOST;
        newest_first.retain(|message| self.last.is_none_or(|last| message.id > last));
        if is_full && newest_first.len() as u32 == MOST && self.last.is_some() {
            let missed = "messages were missed: the job logs more between two polls than the agent returns at a time";
            self.ready.push_back(Err(Error::new(ErrorKind::Protocol, missed).not_final()));
        }
        if newest_first.is_empty() {
            if was_over {
                self.quiet.get_or_insert_with(Instant::now);
            }
            return Ok(false);
        }
        self.quiet = None;
        self.last = newest_first.iter().map(|message| message.id).max();
        newest_first.sort_by_key(|message| message.id);
        self.ready.extend(newest_first.into_iter().map(Ok));
        Ok(true)
    }
}

impl Iterator for Follow {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        match self.item() {
            Ok(message) => message.map(Ok),
            Err(error) => {
                self.is_over |= error.is_final();
                Some(Err(error.asked(|| {
                    format!("the log of job {} on agent {}", self.job.id(), self.job.agent())
                })))
            }
        }
    }
}

impl FusedIterator for Follow {}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("job", &self.job).finish_non_exhaustive()
    }
}
