//! [`Follow`]: the log of a job as it grows.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::msgs::{Message, MsgQuery};
use super::pages::Pages;
use super::window::{WINDOW, Window};
use super::{Job, questions};
use crate::engine::{ask, result, retry, verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::node::answer::read_rows;
use crate::protocol::{JobResult, JobState};
use crate::transport::{Until, clock, sleep};

/// How often the agent is asked for what is new.
const PAUSE: Duration = Duration::from_millis(250);
/// The same while the job logs more than an agent returns at a time.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
/// How long a job may log nothing before it is checked for being lost, and the interval of further checks.
const SILENCE: Duration = Duration::from_secs(3);

/// Messages of a job as it logs them, until the job is over and its log is complete; from [`Job::follow`].
///
/// Each item blocks until there is one. While it waits it asks the agent every 250 ms, each time with a
/// command.
///
/// **Order and completeness.** Agents write their logs in batches, so that messages become visible late,
/// and some after later ones. A message is returned as soon as it is visible, and once. Messages that
/// become visible together are ordered by [`Message::id`]; one that comes late has a smaller id than its
/// predecessor. Nothing is missed that becomes visible within one second of a message with a greater id,
/// which is five times the longest delay measured on the original agent. One second after the result of
/// the job, or after its last message, the log ends.
///
/// **Gaps.** An agent returns the newest 1000 messages of a level at a time. Where a job logs more between
/// two polls, or has logged more before the first, the next item is an [`ErrorKind::Gap`] that says where
/// messages may be missing ([`Error::gap`]). It is not [`Error::is_final`], and the log goes on. Since messages
/// become visible late, two polls have to overlap by 400 ms to rule that out: of a job that logs more than 2000
/// messages a second there may be gaps in which nothing is missing. Messages of the last 100 ms before an agent
/// dies are never written and not told of.
///
/// **Outages.** It goes on where a wait for the result would: after a lost connection, and while the
/// controller starts again or the agent is away, until the deadline. Without a deadline it waits without
/// end for an agent that never comes back, as a wait does.
///
/// Any other error is the last item: [`ErrorKind::Lost`] for a job that is lost, found within a few
/// seconds of the agent being there; [`ErrorKind::Timeout`], which says how long the agent has not answered;
/// [`ErrorKind::Cancelled`]; [`ErrorKind::NoSuchAgent`] for the job of a command that matched no agent; those
/// of [`Request::run`](crate::Request::run).
///
/// It keeps the ids of up to 3000 messages.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for job in client.get_by_id("x").jobs()?.values() {
///     for message in job.follow(&MsgQuery::new(), None)? {
///         match message {
///             Ok(message) => println!("{}: {}", job.agent(), message.data),
///             Err(error) if error.is_final() => return Err(error),
///             Err(gap) => eprintln!("{}: {gap}", job.agent()),
///         }
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
pub struct Follow {
    job: Job,
    pages: Pages,
    window: Window,
    until: Until,
    begun: Instant,
    ready: VecDeque<Result<Message>>,
    /// When the last message was read, or when the job was found to be over.
    changed: Instant,
    /// When it was last made sure that the job is not lost.
    checked: Instant,
    is_over: bool,
}

impl Follow {
    pub(crate) fn new(job: Job, query: MsgQuery, until: Until) -> Self {
        let now = clock::now();
        Follow {
            job,
            pages: Pages::new(query),
            window: Window::default(),
            until,
            begun: now,
            ready: VecDeque::new(),
            changed: now,
            checked: now,
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
            self.poll()?;
            if self.ready.is_empty() && !self.is_over {
                sleep(if self.pages.is_busy { SHORT_PAUSE } else { PAUSE }, &self.until)?;
            }
        }
    }

    /// Reads how the job stands and what it has logged since.
    fn poll(&mut self) -> Result<()> {
        self.until.check()?;
        self.read_result()?;
        let asked = clock::now();
        let (job, until) = (&self.job, &self.until);
        let page = self.pages.read(&self.window, |query| {
            let question = questions::msgs(job.id(), query);
            read_rows(&ask::persist(job.session(), job.agent(), &question, until)?)
        })?;
        let (gap, mut fresh) = self.window.take(page, asked, clock::now());
        let is_quiet = fresh.is_empty();
        fresh.retain(|message| self.pages.is_wanted(message));
        self.ready.extend(gap.map(|gap| Err(Error::of_gap(gap))));
        self.ready.extend(fresh.into_iter().map(Ok));
        if !is_quiet {
            self.changed = clock::now();
        } else if self.job.is_over() {
            self.is_over = asked.saturating_duration_since(self.changed) >= WINDOW;
        } else {
            self.check_whether_lost()?;
        }
        Ok(())
    }

    /// Reads the result if there is one.
    fn read_result(&mut self) -> Result<()> {
        let (id, agent) = (self.job.id(), self.job.agent());
        if !self.job.is_over() {
            let (session, command) = (self.job.session(), self.job.command());
            let there = result::poll_all(session, &command, &[agent], &self.until)?;
            let Some(document) = there.into_iter().find_map(|(_, document)| document) else {
                return Ok(());
            };
            let result = JobResult::new(id, agent, document);
            self.job.set_result(result);
            self.changed = clock::now();
        }
        if self.job.result().is_no_such_agent() {
            verdict::delivered(&self.job.command(), self.job.result().clone())?;
        }
        Ok(())
    }

    /// Fails if the job is lost. Checked at intervals while it logs nothing.
    fn check_whether_lost(&mut self) -> Result<()> {
        let Some(origin) = self.job.origin().cloned() else { return Ok(()) };
        if clock::since(self.changed.max(self.checked)) < SILENCE {
            return Ok(());
        }
        let (session, agent) = (self.job.session().for_a_try(&self.until), self.job.agent());
        let has_begun = !self.window.is_empty();
        let is_queued = self.job.state() == &JobState::Queued;
        // What the agent has not fetched it does not know.
        let is_lost = (!is_queued || has_begun)
            && (origin.is_lost)(&session, &origin.command, agent, has_begun, &session.quick())?;
        self.checked = clock::now();
        let was_read = (is_queued || is_lost) && self.read_hash()?;
        if is_lost && was_read && !self.job.is_over() {
            let message =
                "the job is lost: its agent does not run it, and its result was not stored";
            return Err(Error::new(ErrorKind::Lost, message).about_command(&*origin.command));
        }
        Ok(())
    }

    /// Looks whether the hash has a final result: the list may have lost it. Returns whether it could be read.
    fn read_hash(&mut self) -> Result<bool> {
        let mut job = self.job.by(self.job.session().for_a_try(&self.until));
        match job.refresh() {
            Ok(()) => {
                let is_over = job.is_over();
                self.job.set_result(job.result().clone());
                if is_over {
                    self.changed = clock::now();
                }
                Ok(true)
            }
            Err(error) if retry::outlasts(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Iterator for Follow {
    type Item = Result<Message>;

    fn next(&mut self) -> Option<Result<Message>> {
        match self.item() {
            Ok(message) => message.map(Ok),
            Err(error) => {
                self.is_over |= error.is_final();
                let (id, agent) = (self.job.id(), self.job.agent());
                let error = error.asked(|| format!("the log of job {id} on agent {agent}"));
                Some(Err(error.about_agent(agent).waited_if_it_did(clock::since(self.begun))))
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
