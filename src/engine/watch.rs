//! Watching many result lists at a time, and reading each as it fills.
//!
//! A server with RESP3 tells which lists have changed: plain tracking for a few hundred lists,
//! one broadcast prefix for a large fan-out. Elsewhere the lists are looked at every few
//! milliseconds. What is told or seen is a hint: a list is then read, and its content counts.
//!
//! Only the numbers of agents are kept, never their results: lists that have filled are read a few
//! at a time, as the caller takes them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::Session;
use super::event_loop::Polled;
use super::result::{self, LOOK, SOON};
use super::retry::{Purpose, Retrier};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, ResultDocument, keys};
use crate::transport::{
    self, Broadcast, Changes, Counters, Owed, Pooled, Tracking, Until, bulk, clock, integer, items,
};

/// Up to so many lists are watched by reading them, which arms each; more by their prefix.
const PLAIN_TRACKING: usize = 256;
/// All lists are looked at so often even where the server tells of changes: a safety net.
pub(super) const ANYWAY: Duration = Duration::from_secs(1);
/// How long the end of a watch may take to make its connection useful to others.
const FINISH: Duration = Duration::from_millis(50);
/// Between two looks there is so many times the time that a look takes, where that is longer than usual.
const IDLE: u32 = 4;
/// How many lists are asked for before the first of them is taken.
const AHEAD: usize = 64;

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

/// A result list: of which command, of which agent.
type List = (u32, AgentId);

/// What was found in one list.
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
    /// Commands that no controller has routed yet, as far as is known here.
    unrouted: BTreeSet<u32>,
    pending: BTreeSet<List>,
    /// Routed, and whom to is to be read.
    routed: VecDeque<u32>,
    /// Lists that hold something.
    filled: VecDeque<List>,
    /// Lists that were asked for; their replies come in this order.
    asked: VecDeque<List>,
    /// Whether a list held only refusals of an id in use: blocking on it would not block.
    disputed: bool,
    pub(super) link: Option<Link>,
    /// How long the last look at all lists took.
    last_look: Duration,
    /// For a caller with an event loop of its own.
    pub(super) polled: Option<Polled>,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Pooled,
    pub(super) method: WaitMethod,
    /// One of the broadcasts that a client may have.
    _broadcast: Option<Broadcast>,
}

/// What ended a step: a failure of the link, which may pass, or of something else.
pub(super) enum Failure {
    Link(transport::Error),
    Other(Error),
}

impl Counters {
    fn count_wait(&self, method: WaitMethod) {
        let counter = match method {
            WaitMethod::Blocking => &self.blocking_waits,
            WaitMethod::Tracking => &self.tracking_waits,
            WaitMethod::Broadcast => &self.broadcast_waits,
            WaitMethod::Polling => &self.polling_waits,
        };
        counter.add(1);
    }
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

impl Watch {
    /// `commands` are ids, each with the agents whose results are wanted, `None` where the
    /// controller is still to say who they are.
    pub(crate) fn new(session: Session, commands: Vec<(String, Option<Vec<AgentId>>)>) -> Self {
        let mut watch = Watch {
            session,
            ids: Vec::with_capacity(commands.len()),
            by_id: HashMap::with_capacity(commands.len()),
            unrouted: BTreeSet::new(),
            pending: BTreeSet::new(),
            routed: VecDeque::new(),
            filled: VecDeque::new(),
            asked: VecDeque::new(),
            disputed: false,
            link: None,
            last_look: Duration::ZERO,
            polled: None,
        };
        for (index, (id, agents)) in (0u32..).zip(commands) {
            match agents {
                Some(agents) => {
                    watch.pending.extend(agents.into_iter().map(|agent| (index, agent)))
                }
                None => {
                    watch.unrouted.insert(index);
                }
            }
            watch.by_id.insert(id.clone(), index);
            watch.ids.push(id);
        }
        watch
    }

    pub(crate) fn method(&self) -> Option<WaitMethod> {
        self.link.as_ref().map(|link| link.method)
    }

    /// Lists that are still to be read.
    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = (usize, AgentId)> + '_ {
        self.pending.iter().map(|(command, agent)| (*command as usize, *agent))
    }

    /// Whether there is nothing left to wait for.
    pub(super) fn is_done(&self) -> bool {
        self.pending.is_empty() && self.unrouted.is_empty()
    }

    /// Whether there is something to read already.
    pub(super) fn has_work(&self) -> bool {
        !(self.asked.is_empty() && self.filled.is_empty() && self.routed.is_empty())
    }

    /// Commands that no controller has routed, as far as is known.
    pub(crate) fn unrouted(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.unrouted.iter().map(|command| *command as usize)
    }

    /// Waits for the next result; `None` when there is none left.
    pub(crate) fn next(&mut self, until: &Until) -> Result<Option<Found>> {
        let until = &until.impatient();
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
                    retrier.again(error, until).map_err(|error| self.leave(error.into()))?;
                }
                Err(Failure::Other(error)) => return Err(self.leave(error)),
            }
        }
    }

    /// The next of the results that are there already; for a caller who comes after the deadline.
    pub(crate) fn next_there(&mut self, until: &Until) -> Result<Option<Found>> {
        let mut looked = self.link.is_none(); // linking up looks at everything
        loop {
            if self.is_done() {
                return Ok(None);
            }
            let nothing_left = !self.has_work();
            let step = match &self.link {
                Some(_) if nothing_left && looked => return Ok(None),
                Some(_) if nothing_left => {
                    looked = true;
                    self.look_at_all(until).map(|()| None)
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
    pub(super) fn step(&mut self, until: &Until) -> std::result::Result<Option<Found>, Failure> {
        until.check_cancelled()?;
        if self.link.is_none() {
            self.link_up(until)?;
            return Ok(None);
        }
        if let Some(list) = self.asked.pop_front() {
            return self.take(list, until);
        }
        if !self.routed.is_empty() {
            self.learn_targets(until)?;
        } else if !self.filled.is_empty() {
            self.ask_ahead();
        } else if self.link.as_ref().is_some_and(|link| link.connection.is_stale()) {
            self.unlink();
        } else {
            self.wait(until)?;
        }
        Ok(None)
    }

    /// Takes a connection, chooses how to wait, and looks at everything once.
    fn link_up(&mut self, until: &Until) -> std::result::Result<(), Failure> {
        let pool = self.session.pool().clone();
        let mut connection = pool.get(until)?;
        let mut broadcast = None;
        let alone = self.pending.len() == 1 && self.unrouted.is_empty() && self.polled.is_none();
        let large = self.ids.len() == 1 && self.pending.len() > PLAIN_TRACKING;
        let method = if alone {
            WaitMethod::Blocking
        } else if large {
            broadcast = pool.broadcast();
            let prefix = keys::lists(&self.ids[0]);
            match broadcast {
                Some(_) if connection.track(Tracking::Prefix(&prefix), until)? => {
                    WaitMethod::Broadcast
                }
                _ => WaitMethod::Polling,
            }
        } else if connection.track(Tracking::Read, until)? {
            WaitMethod::Tracking
        } else {
            WaitMethod::Polling
        };
        if method != WaitMethod::Broadcast {
            broadcast = None;
        }
        self.session.counters().count_wait(method);
        let (lists, unrouted) = (self.pending.len(), self.unrouted.len());
        log::debug!(
            target: LOG,
            "waiting for {lists} results and {unrouted} commands without known agents, method {method:?}"
        );
        self.link = Some(Link { connection, method, _broadcast: broadcast });
        if method != WaitMethod::Blocking {
            self.look_at_all(until)?;
        }
        Ok(())
    }

    /// Asks of every list how long it is, which arms plain tracking.
    pub(super) fn look_at_all(&mut self, until: &Until) -> std::result::Result<(), Failure> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let connection = &mut link.connection;
        for (command, agent) in &self.pending {
            let key = keys::result(&self.ids[*command as usize], *agent);
            connection.command(&[b"LLEN", key.as_bytes()]);
        }
        for command in &self.unrouted {
            connection.command(&[b"LLEN", keys::queued(&self.ids[*command as usize]).as_bytes()]);
        }
        self.filled.clear();
        self.routed.clear();
        for list in &self.pending {
            let length = match connection.reply(until) {
                // Of another type: reading it will say so, for this agent only.
                Err(transport::Error::Server(error)) if !error.is_passing() => 1,
                reply => integer(&reply?).map_err(Wrapped)?,
            };
            if length > 0 {
                self.filled.push_back(*list);
            }
        }
        for command in &self.unrouted {
            if integer(&connection.reply(until)?).map_err(Wrapped)? > 0 {
                self.routed.push_back(*command);
            }
        }
        Ok(())
    }

    /// Reads whom routed commands went to.
    fn learn_targets(&mut self, until: &Until) -> std::result::Result<(), Failure> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let connection = &mut link.connection;
        let routed: Vec<u32> = self.routed.drain(..).collect();
        for command in &routed {
            connection.command(&[b"HKEYS", keys::results(&self.ids[*command as usize]).as_bytes()]);
        }
        for command in &routed {
            let id = &self.ids[*command as usize];
            let mut agents = Ok(Vec::new());
            connection.each(until, |field| match (result::agent_of(id, field), &mut agents) {
                (Ok(agent), Ok(agents)) => agents.push(agent),
                (Err(error), Ok(_)) => agents = Err(error),
                (_, Err(_)) => {}
            })?;
            let agents = agents.and_then(|agents| result::not_gone(id, agents)).map_err(Wrapped)?;
            connection.owe(Owed::new(keys::queued(id).into_bytes(), keys::TTL, SOON));
            self.pending.extend(agents.into_iter().map(|agent| (*command, agent)));
            self.unrouted.remove(command);
        }
        // There is more to watch now, perhaps in another way. Looking again costs one round trip.
        let method = link.method;
        let large = self.ids.len() == 1 && self.pending.len() > PLAIN_TRACKING;
        if large && method == WaitMethod::Tracking {
            connection.untrack(until)?;
            self.link = None;
            return Ok(());
        }
        self.look_at_all(until)
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
    fn take(&mut self, list: List, until: &Until) -> std::result::Result<Option<Found>, Failure> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let (command, agent) = (list.0 as usize, list.1);
        let key = keys::result(&self.ids[command], agent);
        let document = match link.connection.reply(until) {
            Err(error @ transport::Error::Server(_)) if !error.is_passing() => {
                Err(result::about_key(error, &key))
            }
            // Too large, most likely. It is the failure of this agent; the others are read on
            // another connection.
            Err(error @ transport::Error::Protocol { .. }) => {
                self.unlink();
                Err(result::about_key(error, &key))
            }
            reply => {
                items(reply?).map_err(Error::from).and_then(|entries| result::answer(&key, entries))
            }
        };
        let document = match document {
            Ok(None) => {
                self.disputed = true; // refusals only, or gone: it is looked at again
                return Ok(None);
            }
            Ok(Some(document)) => Ok(document),
            Err(error) => Err(error),
        };
        if !self.pending.remove(&list) {
            return Ok(None); // told of twice, and read already
        }
        self.expire_queued(list.0);
        Ok(Some(Found { command, agent, document }))
    }

    /// After the last result of a command: its `queued` gets a time to live.
    fn expire_queued(&mut self, command: u32) {
        let first = AgentId { gid: 0, nid: 0 };
        let last = AgentId { gid: u32::MAX, nid: u32::MAX };
        let is_done = self.pending.range((command, first)..=(command, last)).next().is_none();
        if let Some(link) = self.link.as_mut().filter(|_| is_done) {
            let key = keys::queued(&self.ids[command as usize]).into_bytes();
            link.connection.owe(Owed::new(key, keys::TTL, SOON));
        }
    }

    /// Waits until something may have changed.
    fn wait(&mut self, until: &Until) -> std::result::Result<(), Failure> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let changes = match link.method {
            WaitMethod::Tracking | WaitMethod::Broadcast => {
                link.connection.changes(ANYWAY, until)?
            }
            _ => {
                let alone = self.pending.len() == 1 && self.unrouted.is_empty() && !self.disputed;
                return match self.pending.first().filter(|_| alone).copied() {
                    Some(list) => self.block(list, until),
                    None => {
                        // Never most of the time: many such waits would keep a server from all else.
                        link.connection.pause(LOOK.max(self.last_look * IDLE), until)?;
                        let begun = clock::now();
                        let looked = self.look_at_all(until);
                        self.last_look = clock::since(begun);
                        looked
                    }
                };
            }
        };
        until.check()?;
        self.note(changes, until)
    }

    /// Blocks on the one list that is left.
    fn block(&mut self, list: List, until: &Until) -> std::result::Result<(), Failure> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let key = keys::result(&self.ids[list.0 as usize], list.1);
        result::queue_move(&mut link.connection, &key);
        let moved = match link.connection.reply(until) {
            Err(transport::Error::Server(error)) if !error.is_passing() => true,
            reply => bulk(reply?).map_err(Wrapped)?.is_some(),
        };
        if moved {
            self.filled.push_back(list);
        }
        Ok(())
    }

    /// Takes note of changes that the server told of.
    pub(super) fn note(
        &mut self,
        changes: Changes,
        until: &Until,
    ) -> std::result::Result<(), Failure> {
        if changes.all || changes.keys.is_empty() {
            return self.look_at_all(until);
        }
        for key in changes.keys {
            match self.list_of(&key) {
                Some((command, Some(agent))) if self.pending.contains(&(command, agent)) => {
                    self.filled.push_back((command, agent));
                }
                Some((command, None)) if self.unrouted.contains(&command) => {
                    self.routed.push_back(command);
                }
                _ => {} // of another command, or read already
            }
        }
        Ok(())
    }

    /// Which list a key names: that of an agent, or `queued`.
    fn list_of(&self, key: &[u8]) -> Option<(u32, Option<AgentId>)> {
        let key = std::str::from_utf8(key).ok()?;
        let (id, agent) = keys::parse_list(key)?;
        Some((*self.by_id.get(id)?, agent))
    }

    /// The end: the connection is of use to others again.
    pub(super) fn finish(&mut self, until: &Until) {
        if let Some(mut link) = self.link.take() {
            // If it fails, the connection is closed instead: the caller has all results, and must not
            // wait for this.
            let _ = link.connection.untrack(&until.within(FINISH));
        }
    }

    /// A wait that ends without results: keys that are still to be expired are the client's.
    pub(super) fn leave(&mut self, error: Error) -> Error {
        if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Cancelled) {
            self.leave_keys();
        }
        self.unlink();
        error
    }

    fn leave_keys(&mut self) {
        let mut commands: BTreeSet<u32> = self.unrouted.iter().copied().collect();
        commands.extend(self.pending.iter().map(|(command, _)| *command));
        for command in commands {
            result::owe_queued(&self.session, &self.ids[command as usize]);
        }
    }

    /// Lets go of the connection, and forgets what it was asked.
    pub(super) fn unlink(&mut self) {
        self.link = None;
        self.asked.clear();
        self.filled.clear();
        self.routed.clear();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In a forked child nothing is the child's to expire.
        if self.link.is_some() && self.link.as_ref().is_some_and(|link| link.connection.is_ours()) {
            self.leave_keys();
        }
    }
}
