//! Watching many result lists at a time, and reading each as it fills.
//!
//! A server with RESP3 sends push notifications for lists that change: plain tracking for a few hundred
//! lists, one broadcast prefix for a fan-out. Elsewhere the lists are polled. What is notified or seen is a
//! hint: a list is then read, and its content counts.
//!
//! Only the numbers of agents are kept, never their results: lists that have filled are read a few
//! at a time, as the caller takes them.

mod event_loop;
mod link;
mod lost;
mod routing;
mod timeout_report;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use self::event_loop::Polled;
use self::link::{Link, ParkedLink};
use super::Session;
use super::loss::Loss;
use super::result;
use super::retry::{Purpose, Retrier, waits_out};
use super::rounds::{Rounds, Seen};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Before, Envelope, ResultDocument, Sent, keys};
use crate::transport::{self, Deadline, Process, Until, clock, items};

/// How many lists are asked for before the first of them is taken.
const AHEAD: usize = 64;

/// How long the end of a watch may take to leave nothing behind, since the caller has all results.
const FINISH: Duration = Duration::from_millis(50);

/// The log target of everything about waits for results.
const LOG: &str = "acclient::wait";

/// How results are waited for; see [`Results::method`](crate::Results::method).
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let mut results = client.get_by_id("x").results(std::time::Duration::from_secs(10))?;
/// results.next();
/// if results.method() == Some(WaitMethod::Polling) {
///     eprintln!("this server has no push notifications");
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitMethod {
    /// A blocking command on the one list that is left.
    Blocking,
    /// Push notifications for the lists that were read (client-side tracking).
    Tracking,
    /// Push notifications for all lists of the command (client-side tracking in broadcast mode).
    Broadcast,
    /// Polling of all lists, with an interval of 40 ms: a server older than 6, a user without the
    /// right to `HELLO 3` or `CLIENT TRACKING`, or more than 16 broadcasts in one client.
    Polling,
}

/// Result list: index of the command, and the agent.
type List = (u32, AgentId);

/// A command whose results are wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) id: String,
    /// The agents that it went to, `None` where the controller is still to say who they are.
    pub(crate) agents: Option<Vec<AgentId>>,
    /// Those whose results are not wanted any more.
    pub(crate) returned: Vec<AgentId>,
    /// What the id may hold of an earlier command.
    pub(crate) before: Option<Arc<OnceLock<Before>>>,
    /// What was sent, where this program has sent it.
    pub(crate) sent: Option<Arc<Sent>>,
}

impl Wanted {
    /// The results of some agents.
    pub(crate) fn of(command: &Envelope, agents: Vec<AgentId>) -> Self {
        Wanted {
            id: command.id.clone(),
            agents: Some(agents),
            returned: Vec::new(),
            before: command.before.clone(),
            sent: command.sent.clone(),
        }
    }
}

/// What was found in one list.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) command: usize,
    pub(crate) agent: AgentId,
    /// A document that cannot be read is the failure of this agent only.
    pub(crate) document: Result<ResultDocument>,
}

/// Commands whose results are still to come.
#[derive(Debug)]
pub(crate) struct Watch {
    session: Session,
    ids: Vec<String>,
    by_id: HashMap<String, u32>,
    /// Earlier commands under the id of a later one.
    namesakes: HashMap<u32, u32>,
    /// What ids that were used before held then.
    before: HashMap<u32, Arc<OnceLock<Before>>>,
    sent: Vec<Option<Arc<Sent>>>,
    loss: Loss,
    /// Commands not known to be routed: they may have more agents.
    unrouted: BTreeSet<u32>,
    /// Agents of such commands whose results were returned.
    returned: BTreeSet<List>,
    pending: BTreeSet<List>,
    /// Commands that may have more agents than are known, according to a notification.
    routed: BTreeSet<u32>,
    /// When commands under ids that were used before were first seen to be routed.
    seen_routed: HashMap<u32, Instant>,
    /// When such commands are polled next.
    routing_due: Instant,
    /// Lists that were added later and are not polled yet.
    added: Vec<List>,
    /// Whether Redis has said whom commands went to.
    is_routing_read: bool,
    /// Lists that hold something.
    filled: VecDeque<List>,
    /// Lists that were asked for; their replies come in this order.
    asked: VecDeque<List>,
    /// What the hash said of jobs that have not ended.
    seen: BTreeMap<List, Seen>,
    /// Results that were found in the hash.
    hashed: VecDeque<Found>,
    /// Commands whose keys are still to be left behind, and by which process, after the deadline.
    left: Option<(Process, BTreeSet<u32>)>,
    /// Where the next round goes on in the hashes.
    hashed_to: Option<List>,
    /// Whether the hashes are asked about one agent at a time, since the reply about several was too large.
    singly: bool,
    /// Whether a list held only refusals of an id in use, or Redis refuses to block.
    disputed: bool,
    /// The code with which Redis has refused to write meanwhile.
    refusal: Option<String>,
    link: Option<Link>,
    parked: Option<ParkedLink>,
    /// How long the last poll of all lists took.
    last_poll: Duration,
    rounds: Option<Rounds>,
    /// For a caller with an event loop of its own.
    polled: Option<Polled>,
}

/// What ended a step: a failure of the link, which may pass, or of something else.
enum Failure {
    Link(transport::Error),
    Other(Error),
}

impl From<transport::Error> for Failure {
    fn from(error: transport::Error) -> Self {
        Failure::Link(error)
    }
}

impl<E: Into<Error>> From<Wrapped<E>> for Failure {
    fn from(error: Wrapped<E>) -> Self {
        Failure::Other(error.0.into())
    }
}

/// Marks an error that is not of the link.
struct Wrapped<E>(E);

type Step<T> = std::result::Result<T, Failure>;

impl Watch {
    pub(crate) fn new(session: Session, commands: Vec<Wanted>) -> Self {
        let mut watch = Watch {
            session,
            ids: Vec::with_capacity(commands.len()),
            by_id: HashMap::with_capacity(commands.len()),
            namesakes: HashMap::new(),
            before: HashMap::new(),
            sent: Vec::with_capacity(commands.len()),
            loss: Loss::none(),
            unrouted: BTreeSet::new(),
            returned: BTreeSet::new(),
            pending: BTreeSet::new(),
            routed: BTreeSet::new(),
            seen_routed: HashMap::new(),
            routing_due: clock::now(),
            added: Vec::new(),
            is_routing_read: false,
            filled: VecDeque::new(),
            asked: VecDeque::new(),
            seen: BTreeMap::new(),
            hashed: VecDeque::new(),
            left: None,
            hashed_to: None,
            singly: false,
            disputed: false,
            refusal: None,
            link: None,
            parked: None,
            last_poll: Duration::ZERO,
            rounds: None,
            polled: None,
        };
        commands.into_iter().for_each(|wanted| watch.insert(wanted));
        watch
    }

    fn insert(&mut self, wanted: Wanted) {
        let index = self.ids.len() as u32;
        let lists = |agents: Vec<AgentId>| agents.into_iter().map(move |agent| (index, agent));
        match wanted.agents {
            Some(agents) => {
                self.pending.extend(lists(agents));
                lists(wanted.returned).for_each(|list| {
                    self.pending.remove(&list);
                });
            }
            None => {
                self.unrouted.insert(index);
                self.returned.extend(lists(wanted.returned));
            }
        }
        let is_used = |before: &OnceLock<Before>| before.get().is_some_and(|it| !it.is_empty());
        if let Some(before) = wanted.before.filter(|before| is_used(before)) {
            self.before.insert(index, before);
        }
        self.sent.push(wanted.sent);
        if let Some(earlier) = self.by_id.insert(wanted.id.clone(), index) {
            self.namesakes.insert(index, earlier);
        }
        self.ids.push(wanted.id);
    }

    /// Waits for results of more commands, each for one agent, beside those that are still to come.
    pub(crate) fn add(&mut self, commands: Vec<(Wanted, AgentId)>) {
        let first = self.ids.len() as u32;
        let lists = (first..).zip(&commands).map(|(index, (_, agent))| (index, *agent));
        match self.method() {
            Some(WaitMethod::Tracking) => self.added.extend(lists),
            // For one list or one command only: there is a better way to wait now.
            Some(WaitMethod::Blocking | WaitMethod::Broadcast) => self.unlink(),
            // All lists are polled next.
            Some(WaitMethod::Polling) | None => {}
        }
        commands.into_iter().for_each(|(wanted, _)| self.insert(wanted));
    }

    pub(crate) fn method(&self) -> Option<WaitMethod> {
        self.link.as_ref().map(|link| link.method)
    }

    /// Lists that are still to be read.
    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = (usize, AgentId)> + '_ {
        self.pending.iter().map(|(command, agent)| (*command as usize, *agent))
    }

    /// Whether there is nothing left to wait for.
    fn is_done(&self) -> bool {
        self.pending.is_empty() && self.unrouted.is_empty() && self.hashed.is_empty()
    }

    /// Whether there is something to read already.
    fn has_work(&self) -> bool {
        let has_lists = !(self.asked.is_empty() && self.filled.is_empty());
        has_lists || !self.hashed.is_empty() || self.is_routing_due()
    }

    /// Commands that no controller has routed, as far as is known.
    pub(crate) fn unrouted(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.unrouted.iter().map(|command| *command as usize)
    }

    /// Whether Redis has lost a command.
    pub(crate) fn has_lost(&self, command: usize) -> bool {
        self.loss.has(command as u32)
    }

    /// Waits for the next result; `None` when there is none left.
    pub(crate) fn next(&mut self, until: &Until) -> Result<Option<Found>> {
        let until = &until.impatient();
        self.rounds.get_or_insert_with(|| Rounds::begin(until)).renew(until);
        self.unpark();
        let mut retrier = Retrier::new(Purpose::Wait);
        loop {
            if self.is_done() {
                self.finish(until);
                return Ok(None);
            }
            match self.step(until) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(Failure::Link(error)) => {
                    self.unlink();
                    self.hurry();
                    retrier.again(error, until).map_err(|error| self.leave(error.into()))?;
                }
                Err(Failure::Other(error)) => return Err(self.leave(error)),
            }
        }
    }

    /// The next of the results that are there already; for a caller who comes after the deadline.
    pub(crate) fn next_there(&mut self, until: &Until) -> Result<Option<Found>> {
        let mut polled = self.link.is_none(); // linking up polls every list
        loop {
            if self.is_done() {
                return Ok(None);
            }
            let nothing_left = !self.has_work();
            let step = match &self.link {
                Some(_) if nothing_left && polled => return Ok(None),
                Some(_) if nothing_left => {
                    polled = true;
                    self.poll_all(until).map(|()| None)
                }
                _ => self.step(until),
            };
            match step {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(Failure::Link(error)) => return Err(error.into()),
                Err(Failure::Other(error)) => return Err(error),
            }
        }
    }

    /// One step towards the next result.
    fn step(&mut self, until: &Until) -> Step<Option<Found>> {
        until.check_cancelled()?;
        if let Some(found) = self.hashed.pop_front() {
            return Ok(Some(found));
        }
        if self.link.is_none() {
            self.link_up(until)?;
            return Ok(None);
        }
        if let Some(list) = self.asked.pop_front() {
            return self.take(list, until);
        }
        if !self.added.is_empty() {
            let added = std::mem::take(&mut self.added);
            self.poll_lists(&added, until)?;
        } else if self.rounds.as_ref().is_some_and(Rounds::is_due) {
            self.round(until)?;
        } else if self.is_routing_due() {
            self.learn_routing(until)?;
        } else if !self.filled.is_empty() {
            self.ask_ahead();
        } else if self.loss.is_due() {
            self.ask_agents(until)?;
        } else if self.link.as_ref().is_some_and(|link| link.connection.is_stale()) {
            self.confirm(until)?;
        } else {
            self.wait(until)?;
        }
        Ok(None)
    }

    /// Asks for some of the lists that hold something; their replies are read one by one.
    fn ask_ahead(&mut self) {
        let Some(link) = &mut self.link else { return };
        for list in self.filled.drain(..AHEAD.min(self.filled.len())) {
            let key = keys::result(&self.ids[list.0 as usize], list.1);
            link.connection.command(&[b"LRANGE", key.as_bytes(), b"0", b"-1"]);
            self.asked.push_back(list);
        }
    }

    /// Reads the list that was asked for first.
    fn take(&mut self, list: List, until: &Until) -> Step<Option<Found>> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let (command, agent) = (list.0 as usize, list.1);
        let key = keys::result(&self.ids[command], agent);
        let before = self.before.get(&list.0).and_then(|before| before.get());
        let document = match link.connection.reply(until) {
            Err(error @ transport::Error::Server(_)) if !waits_out(&error, Purpose::Wait) => {
                Err(result::about_key(error, &key))
            }
            // Too large, most likely. It is the failure of this agent; the others are read on
            // another connection.
            Err(error @ transport::Error::Protocol { .. }) => {
                self.unlink();
                Err(result::about_key(error, &key))
            }
            reply => {
                let entries = items(reply?).map_err(Error::from);
                entries.and_then(|entries| result::new_answer(&key, entries, agent, before))
            }
        };
        let document = match document {
            Ok(None) => {
                self.disputed = true; // refusals only, or gone: it is read again
                return Ok(None);
            }
            Ok(Some(document)) => Ok(document),
            Err(error) => Err(error),
        };
        Ok(self.found(list, document))
    }

    /// A result as it is returned, once.
    fn found(&mut self, list: List, document: Result<ResultDocument>) -> Option<Found> {
        if !self.pending.remove(&list) {
            return None; // notified twice, and read already
        }
        self.seen.remove(&list);
        if self.unrouted.contains(&list.0) {
            self.returned.insert(list);
        } else {
            self.expire_queued(list.0);
        }
        Some(Found { command: list.0 as usize, agent: list.1, document })
    }

    /// The end: the connection is of use to others again.
    fn finish(&mut self, until: &Until) {
        if let Some(mut link) = self.link.take() {
            // If it fails, the connection is closed instead.
            let until = until.within(FINISH);
            let _ = link.connection.untrack(&until).and_then(|()| link.connection.settle(&until));
        }
    }

    /// A wait that ends without results: keys that are still to be expired are the client's. After a deadline
    /// they are left one by one with [`Watch::leave_key`], so that the first verdict does not wait for all of them.
    pub(crate) fn leave(&mut self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Timeout => self.left = Some((Process::current(), self.unanswered())),
            ErrorKind::Cancelled => self.leave_keys(&self.unanswered()),
            _ => {}
        }
        self.unlink();
        error
    }

    /// Leaves the key of a command whose wait has timed out.
    pub(crate) fn leave_key(&mut self, command: usize) {
        if let Some((process, commands)) = &mut self.left
            && process.is_current()
            && commands.remove(&(command as u32))
        {
            result::owe_queued(&self.session, &self.ids[command]);
        }
    }

    fn leave_keys(&self, commands: &BTreeSet<u32>) {
        for command in commands {
            result::owe_queued(&self.session, &self.ids[*command as usize]);
        }
    }

    /// Commands that have not been answered by all of their agents.
    fn unanswered(&self) -> BTreeSet<u32> {
        let mut commands: BTreeSet<u32> =
            self.pending.iter().map(|(command, _)| *command).collect();
        commands.extend(&self.unrouted);
        commands
    }

    /// Lets go of the connection, and forgets what it was asked.
    fn unlink(&mut self) {
        self.link = None;
        self.added.clear();
        self.asked.clear();
        self.filled.clear();
        self.routed.clear();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In a forked child nothing is the child's to expire.
        let is_linked = self.link.as_ref().is_some_and(|link| link.connection.is_ours());
        if is_linked || self.parked.as_ref().is_some_and(ParkedLink::is_ours) {
            self.leave_keys(&self.unanswered());
        }
        if let Some((_, commands)) = self.left.take_if(|(process, _)| process.is_current()) {
            self.leave_keys(&commands);
        }
        // Nothing may follow on this connection for long.
        if let Some(link) = self.link.as_mut().filter(|link| link.connection.is_ours()) {
            let until = Until::new(Deadline::after(Some(FINISH)));
            let _ = link.connection.settle(&until);
        }
    }
}
