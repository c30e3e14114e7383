//! The connection of a watch: how it waits for changes, and what it reads at regular intervals.

use std::collections::BTreeSet;

use super::{Failure, LOG, List, Step, WaitMethod, Watch, Wrapped};
use crate::engine::result::{self, HASHED, SOON, Unread};
use crate::engine::retry::{Purpose, waits_out};
use crate::engine::rounds::{EVERY, Rounds, refusal_of_writes};
use crate::protocol::{AgentId, keys};
use crate::transport::{
    self, Broadcast, Changes, Counters, POLLING_INTERVAL, Parked, Pooled, Tracking, TtlUpdate,
    Until, bulk, clock, integer,
};

/// How many lists are tracked one by one, each armed by reading it; more are tracked by their prefix.
const PLAIN_TRACKING: usize = 256;
/// The shortest pause between two polls, as a multiple of the time that a poll takes.
pub(super) const IDLE: u32 = 4;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Pooled,
    pub(super) method: WaitMethod,
    /// One of the broadcasts that a client may have.
    broadcast: Option<Broadcast>,
}

/// The link of a watch that rests between two calls.
#[derive(Debug)]
pub(super) struct ParkedLink {
    connection: Parked,
    method: WaitMethod,
    broadcast: Option<Broadcast>,
}

impl ParkedLink {
    pub(super) fn is_ours(&self) -> bool {
        self.connection.is_ours()
    }
}

impl Link {
    /// Whether the server sends push notifications.
    pub(super) fn is_notified(&self) -> bool {
        matches!(self.method, WaitMethod::Tracking | WaitMethod::Broadcast)
    }
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

impl Watch {
    /// Puts the connection aside until the owner asks for the next result; other calls may need its place
    /// meanwhile.
    pub(crate) fn park(&mut self) {
        if let Some(Link { connection, method, broadcast }) = self.link.take() {
            let parked = connection.park();
            self.parked = parked.map(|connection| ParkedLink { connection, method, broadcast });
        }
    }

    /// Goes on with the connection that was put aside, if it is still there.
    pub(super) fn unpark(&mut self) {
        let Some(ParkedLink { connection, method, broadcast }) = self.parked.take() else { return };
        match connection.take(self.session.class()) {
            Some(connection) => self.link = Some(Link { connection, method, broadcast }),
            None => self.unlink(),
        }
    }

    /// Takes a connection, chooses how to wait, and looks at everything once.
    pub(super) fn link_up(&mut self, until: &Until) -> Step<()> {
        let pool = self.session.pool().clone();
        let mut connection = pool.get(self.session.class(), until)?;
        let mut broadcast = None;
        let method = match self.wanted_method() {
            WaitMethod::Broadcast => {
                broadcast = pool.broadcast();
                let prefix = keys::lists(&self.ids[0]);
                let is_given = match broadcast {
                    Some(_) => connection.track(Tracking::Prefix(&prefix), until)?,
                    None => false,
                };
                if is_given { WaitMethod::Broadcast } else { WaitMethod::Polling }
            }
            WaitMethod::Tracking if connection.track(Tracking::Read, until)? => {
                WaitMethod::Tracking
            }
            WaitMethod::Blocking => WaitMethod::Blocking,
            _ => WaitMethod::Polling,
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
        self.link = Some(Link { connection, method, broadcast });
        if method != WaitMethod::Blocking {
            self.poll_all(until)?;
        }
        Ok(())
    }

    /// Asks the Sentinels whether this still is the master; if not, the next step finds the new one.
    pub(super) fn confirm(&mut self, until: &Until) -> Step<()> {
        let pool = self.session.pool().clone();
        let Some(link) = &mut self.link else { return Ok(()) };
        if !pool.confirm(&mut link.connection, until)? {
            self.unlink();
        }
        Ok(())
    }

    /// How to wait, if the server has it.
    fn wanted_method(&self) -> WaitMethod {
        let is_one_list =
            self.pending.len() == 1 && self.unrouted.is_empty() && self.before.is_empty();
        if is_one_list && self.polled.is_none() {
            return WaitMethod::Blocking;
        }
        let is_large = !self.unrouted.is_empty() || self.pending.len() > PLAIN_TRACKING;
        if self.ids.len() == 1 && is_large { WaitMethod::Broadcast } else { WaitMethod::Tracking }
    }

    /// Asks whom commands went to, and of every list how long it is, which arms plain tracking.
    pub(super) fn poll_all(&mut self, until: &Until) -> Step<()> {
        if !self.unrouted.is_empty() {
            self.routed = self.unrouted.clone();
            self.read_routing(until)?;
            // Now that the agents are known there may be a better way to wait than polling.
            let is_polled = self.method() == Some(WaitMethod::Polling);
            let has_pushes = self.link.as_ref().is_some_and(|link| link.connection.server.resp3);
            if is_polled && has_pushes && self.unrouted.is_empty() {
                self.unlink();
                return Ok(());
            }
        }
        let lists: Vec<List> = self.pending.iter().copied().collect();
        self.added.clear();
        self.filled.clear();
        self.poll_lists(&lists, until)
    }

    /// Asks of some lists how long they are.
    pub(super) fn poll_lists(&mut self, lists: &[List], until: &Until) -> Step<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let connection = &mut link.connection;
        for (command, agent) in lists {
            let key = keys::result(&self.ids[*command as usize], *agent);
            connection.command(&[b"LLEN", key.as_bytes()]);
        }
        for list in lists {
            let length = match connection.reply(until) {
                // Of another type: reading it will say so, for this agent only.
                Err(error @ transport::Error::Server(_)) if !waits_out(&error, Purpose::Wait) => 1,
                reply => integer(&reply?).map_err(Wrapped)?,
            };
            if length > 0 {
                self.filled.push_back(*list);
            }
        }
        Ok(())
    }

    /// After the last result of a command: its `queued` gets a time to live.
    pub(super) fn expire_queued(&mut self, command: u32) {
        let first = AgentId { gid: 0, nid: 0 };
        let last = AgentId { gid: u32::MAX, nid: u32::MAX };
        let is_done = self.pending.range((command, first)..=(command, last)).next().is_none();
        if let Some(link) = self.link.as_mut().filter(|_| is_done) {
            let key = keys::queued(&self.ids[command as usize]).into_bytes();
            link.connection.add_ttl_update(TtlUpdate::new(key, keys::TTL, SOON));
        }
    }

    /// Waits until something may have changed.
    pub(super) fn wait(&mut self, until: &Until) -> Step<()> {
        let pause = self.rounds.as_ref().map_or(EVERY, Rounds::pause).min(self.routing_pause());
        let Some(link) = &mut self.link else { return Ok(()) };
        if link.is_notified() {
            let changes = link.connection.changes(pause, until)?;
            until.check()?;
            return self.note(changes, until);
        }
        let is_one_list = self.pending.len() == 1 && self.unrouted.is_empty();
        let alone = is_one_list && !self.disputed && self.before.is_empty();
        if let Some(list) = self.pending.first().filter(|_| alone).copied() {
            return self.block(list, until);
        }
        // Never most of the time: many such waits would keep a server from all else.
        link.connection.pause(POLLING_INTERVAL.max(self.last_poll * IDLE).min(pause), until)?;
        let begun = clock::now();
        let polled = self.poll_all(until);
        self.last_poll = clock::since(begun);
        polled
    }

    /// Blocks on the one list that is left, until the next round.
    fn block(&mut self, list: List, until: &Until) -> Step<()> {
        let (Some(link), Some(rounds)) = (&mut self.link, &self.rounds) else { return Ok(()) };
        let key = keys::result(&self.ids[list.0 as usize], list.1);
        result::queue_move(&mut link.connection, &key, rounds);
        let moved = match link.connection.moved(&rounds.bound(until)) {
            // The server is late; its connection is closed.
            Err(transport::Error::Timeout) if !until.deadline.has_passed() => {
                self.unlink();
                return Ok(());
            }
            // Too large, most likely: reading it on another connection will say so, for this agent.
            Err(transport::Error::Protocol { .. }) => {
                self.unlink();
                self.disputed = true;
                return Ok(());
            }
            // The list may be read all the same.
            Err(transport::Error::Server(error)) => {
                self.refusal = refusal_of_writes(error).or(self.refusal.take());
                self.disputed = true;
                true
            }
            reply => bulk(reply?).map_err(Wrapped)?.is_some(),
        };
        if moved {
            self.filled.push_back(list);
        } else if !rounds.is_due() {
            let pause = POLLING_INTERVAL.min(rounds.pause());
            link.connection.pause(pause, until)?; // the server does not block
        }
        Ok(())
    }

    /// What is done at regular intervals: the lists are polled, in case a notification was lost, and the
    /// hashes are asked about lists that are gone.
    pub(super) fn round(&mut self, until: &Until) -> Step<()> {
        let is_notified = self.link.as_ref().is_some_and(Link::is_notified);
        let is_last = self.rounds.as_ref().is_some_and(Rounds::is_last);
        if is_notified && !is_last {
            self.poll_all(until)?;
        }
        self.ask_hashes(until)?;
        self.check_for_loss(until)?;
        // Where a reply was too large, the round is repeated on another connection.
        if let (Some(rounds), true) = (&mut self.rounds, self.link.is_some()) {
            rounds.done();
        }
        Ok(())
    }

    /// Asks the hashes about some of the lists that are empty, in turn.
    fn ask_hashes(&mut self, until: &Until) -> Step<()> {
        let filled: BTreeSet<List> = self.filled.iter().copied().collect();
        let empty = || self.pending.iter().filter(|list| !filled.contains(list)).copied();
        let is_later = |list: &List| self.hashed_to.is_none_or(|last| *list > last);
        let mut lists: Vec<List> = empty().filter(is_later).take(HASHED).collect();
        if lists.len() < HASHED {
            let more = empty().take_while(|list| !is_later(list));
            lists.extend(more.take(HASHED - lists.len()));
        }
        self.hashed_to = lists.last().copied();
        self.ask_hashes_about(&lists, until)
    }

    pub(super) fn ask_hashes_about(&mut self, lists: &[List], until: &Until) -> Step<()> {
        for of_one in lists.chunk_by(|one, other| one.0 == other.0) {
            self.ask_hash(of_one, until)?;
        }
        Ok(())
    }

    /// Asks the hash of one command about some of its agents.
    fn ask_hash(&mut self, lists: &[List], until: &Until) -> Step<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let (command, id) = (lists[0].0, &self.ids[lists[0].0 as usize]);
        let agents: Vec<AgentId> = lists.iter().map(|(_, agent)| *agent).collect();
        let before = self.before.get(&command).and_then(|before| before.get());
        let connection = &mut link.connection;
        let states = &mut self.seen;
        let seen = |agent, seen| _ = states.insert((command, agent), seen);
        let ended = match result::hashed(connection, id, &agents, until, before, self.singly, seen)
        {
            Ok(ended) => ended,
            Err(Unread::Link(error)) => return Err(error.into()),
            // From now on one agent at a time.
            Err(Unread::Reply(cause, error)) => {
                self.unlink();
                self.singly = true;
                cause.map(|agent| (agent, Err(error))).into_iter().collect()
            }
        };
        for (agent, document) in ended {
            let found = self.found((command, agent), document);
            self.hashed.extend(found);
        }
        Ok(())
    }

    /// Takes note of changes that the server has sent notifications of.
    pub(super) fn note(&mut self, changes: Changes, until: &Until) -> Result<(), Failure> {
        if changes.all {
            return self.poll_all(until);
        }
        for key in changes.keys {
            // `None`: of another command.
            let mut next = self.list_of(&key);
            while let Some((command, agent)) = next {
                match agent {
                    Some(agent) => self.note_list((command, agent)),
                    None => self.note_routing(command, key.ends_with(b".queued")),
                }
                next = self.namesakes.get(&command).map(|earlier| (*earlier, agent));
            }
        }
        Ok(())
    }

    /// A list has changed: that of an agent, who may have been unknown so far.
    fn note_list(&mut self, list: List) {
        if self.unrouted.contains(&list.0) && !self.returned.contains(&list) {
            self.pending.insert(list);
        }
        if self.pending.contains(&list) {
            self.filled.push_back(list);
        }
    }

    /// Which list a key names: that of an agent, or what tells whom a command went to.
    fn list_of(&self, key: &[u8]) -> Option<(u32, Option<AgentId>)> {
        let key = std::str::from_utf8(key).ok()?;
        let (id, agent) = keys::parse_results(key)
            .map_or_else(|| keys::parse_list(key), |id| Some((id, None)))?;
        Some((*self.by_id.get(id)?, agent))
    }
}
