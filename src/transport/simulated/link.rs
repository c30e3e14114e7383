//! One connection of the simulated network: bytes in flight in both directions, and their faults.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use super::plan::{Flaw, Plan};
use super::server::Session;
use super::{Event, World};
use crate::transport::clock;

/// One connection. The client's end is named by a descriptor.
pub(super) struct Link {
    plan: Plan,
    is_connected: bool,
    /// Error of a refused connection.
    refusal: Option<ErrorKind>,
    inbox: VecDeque<u8>,
    /// End of the connection, behind `inbox`.
    end: Option<ErrorKind>,
    /// The client has noticed the end.
    end_seen: bool,
    closed: bool,
    /// Nothing passes in either direction.
    dead: bool,
    /// Nothing more is sent to the client.
    is_cut: bool,
    /// Bytes of the client in flight.
    under_way: usize,
    /// Bytes that the client has sent, and that have reached the server.
    sent: usize,
    arrived: usize,
    /// Ends of the records in flight.
    records: VecDeque<usize>,
    /// Bytes that the client has sent, up to the end of a record.
    whole: usize,
    /// Bytes of records that are not whole.
    partial: Vec<u8>,
    /// Bytes and replies of the server.
    answered: usize,
    replies: usize,
    /// When the last piece of each direction arrives.
    up_at: Instant,
    down_at: Instant,
    /// Bytes that the client has received, and how many of them precede the end of the garbage.
    received: usize,
    garbage_end: Option<usize>,
    pub(super) session: Session,
}

impl Link {
    fn new(plan: Plan) -> Self {
        let now = clock::now();
        Link {
            is_connected: false,
            refusal: None,
            inbox: VecDeque::new(),
            end: None,
            end_seen: false,
            closed: false,
            dead: false,
            is_cut: false,
            under_way: 0,
            sent: 0,
            arrived: 0,
            records: VecDeque::new(),
            whole: 0,
            partial: Vec::new(),
            answered: 0,
            replies: 0,
            up_at: now,
            down_at: now,
            received: 0,
            garbage_end: None,
            session: Session::new(),
            plan,
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.is_connected && (!self.inbox.is_empty() || self.end.is_some())
    }

    pub(super) fn is_writable(&self) -> bool {
        // As in a kernel: a few free bytes do not make a socket writable.
        let room = self.room() > self.plan.window / 3;
        self.is_connected && (room || self.end.is_some())
    }

    pub(super) fn has_failed(&self) -> bool {
        self.refusal.is_some() || self.end == Some(ErrorKind::ConnectionReset)
    }

    fn room(&self) -> usize {
        self.plan.window.saturating_sub(self.under_way)
    }

    fn note_whole(&mut self) {
        let sent = self.sent;
        let end = self.records.iter().rev().find(|end| **end <= sent).copied();
        self.whole = if self.plan.records { end.unwrap_or(self.whole) } else { sent };
    }

    /// Returns whether the client has received all of the garbage.
    fn is_poisoned(&self) -> bool {
        self.garbage_end.is_some_and(|end| self.received >= end)
    }
}

impl World {
    /// Starts a connection; returns its number and whether it sends in records.
    pub(super) fn connect(&mut self, fd: RawFd) -> (usize, bool) {
        self.count();
        let now = clock::now();
        let plan = self.plans.pop_front().unwrap_or_default();
        let (number, records) = (self.links.len() + 1, plan.records);
        let mut refusal =
            matches!(plan.flaw, Some(Flaw::Refused)).then_some(ErrorKind::ConnectionRefused);
        let mut pause = self.latency(&plan);
        if let Some(Flaw::Hangs(span)) = plan.flaw {
            pause += span;
        }
        if self.is_down() {
            refusal = Some(ErrorKind::ConnectionRefused);
        }
        let link = Link::new(plan);
        self.note(|| format!("#{number} connects: {:?}", link.plan.flaw));
        if refusal.is_some() || pause > Duration::from_secs(1) {
            self.flawed = Some(now + pause);
        }
        self.links.insert(number, link);
        self.by_fd.insert(fd, number);
        match refusal {
            Some(kind) => self.after(pause, move |world| world.refuse(number, kind)),
            // Packets to an unreachable host are lost.
            None if self.is_away() => self.note(|| format!("#{number} nothing answers")),
            None => self.schedule(now + pause, Event::Connected(number)),
        }
        (number, records)
    }

    fn refuse(&mut self, number: usize, kind: ErrorKind) {
        self.flaw(|| format!("#{number} is refused"));
        self.link(number).refusal = Some(kind);
    }

    pub(super) fn connected(&mut self, number: usize) {
        if self.is_down() {
            return self.refuse(number, ErrorKind::ConnectionRefused);
        }
        let link = self.link(number);
        link.is_connected = true;
        if matches!(link.plan.flaw, Some(Flaw::Full)) {
            self.flaw(|| format!("#{number} is one too many"));
            self.answer_bytes(number, b"-ERR max number of clients reached\r\n".to_vec());
            self.end_later(number, ErrorKind::UnexpectedEof);
            self.link(number).dead = true;
        }
    }

    /// Returns why a connection failed.
    pub(super) fn refusal(&mut self, number: usize) -> Option<ErrorKind> {
        self.link(number).refusal
    }

    pub(super) fn link(&mut self, number: usize) -> &mut Link {
        self.links.get_mut(&number).expect("a link")
    }

    fn latency(&mut self, plan: &Plan) -> Duration {
        plan.latency.mul_f64(self.rng.f64())
    }

    /// Accepts bytes of the client, sometimes fewer than would fit.
    pub(super) fn send(&mut self, number: usize, bytes: &[u8]) -> io::Result<usize> {
        self.count();
        let now = clock::now();
        let link = self.links.get_mut(&number).expect("a link");
        assert!(!link.closed && link.is_connected, "#{number} is used after its end");
        match link.end {
            Some(ErrorKind::ConnectionReset) => {
                let kind =
                    if link.end_seen { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset };
                link.end_seen = true;
                return Err(kind.into());
            }
            // A server that has closed replies to further bytes with a reset.
            Some(_) if link.end_seen => return Err(ErrorKind::BrokenPipe.into()),
            Some(_) => {
                link.end_seen = true;
                link.sent += bytes.len();
                link.note_whole();
                return Ok(bytes.len());
            }
            None => {}
        }
        if link.dead {
            self.flawed = Some(now);
        }
        let most = bytes.len().min(link.room());
        if most == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = if self.rng.u8(..4) == 0 { self.rng.usize(1..=most) } else { most };
        self.idle = 0;
        link.sent += count;
        link.note_whole();
        link.under_way += count;
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            let link = self.link(number);
            let piece = link.plan.piece_of(count).min(rest.len());
            let latency = link.plan.latency;
            let size = self.rng.usize(1..=piece);
            let span = latency.mul_f64(self.rng.f64());
            let (some, left) = rest.split_at(size);
            let link = self.link(number);
            link.up_at = link.up_at.max(now + span);
            let at = link.up_at;
            self.schedule(at, Event::Arrive(number, some.to_vec()));
            rest = left;
        }
        Ok(count)
    }

    /// Marks the next bytes as one record, which the server reads once it is complete.
    pub(super) fn begin_record(&mut self, number: usize, length: usize) {
        let link = self.link(number);
        let end = link.sent + length;
        link.records.push_back(end);
    }

    pub(super) fn receive(&mut self, number: usize, into: &mut [u8]) -> io::Result<usize> {
        self.count();
        let link = self.links.get_mut(&number).expect("a link");
        assert!(!link.closed, "#{number} is used after its end");
        let there = link.inbox.len().min(into.len());
        if there == 0 {
            return match link.end {
                _ if into.is_empty() => panic!("a receive into no room"),
                None => Err(ErrorKind::WouldBlock.into()),
                Some(ErrorKind::UnexpectedEof) => Ok(0),
                Some(kind) => Err(kind.into()),
            };
        }
        let count = if self.rng.u8(..4) == 0 { self.rng.usize(1..=there) } else { there };
        self.idle = 0;
        link.inbox.drain(..count).zip(into).for_each(|(byte, place)| *place = byte);
        link.received += count;
        Ok(count)
    }

    pub(super) fn has_input(&mut self, number: usize) -> bool {
        self.count();
        self.link(number).is_readable()
    }

    /// Closes the client's end. What it has sent arrives, unless unread replies turn the close into
    /// a reset.
    pub(super) fn close(&mut self, number: usize, fd: RawFd) {
        self.note(|| format!("#{number} is closed"));
        self.by_fd.remove(&fd);
        let is_reset = self.rng.bool();
        let link = self.links.get_mut(&number).expect("a link");
        link.closed = true;
        if is_reset && !link.inbox.is_empty() {
            link.dead = true;
        }
        let at = link.up_at.max(clock::now());
        self.schedule(at, Event::Gone(number));
    }

    /// Bytes of the client reach the server.
    pub(super) fn arrive(&mut self, number: usize, bytes: &[u8]) {
        let is_away = self.is_away();
        let link = self.links.get_mut(&number).expect("a link");
        if link.dead {
            return; // the room is not given back: nothing acknowledges them
        }
        if is_away {
            link.dead = true;
            return;
        }
        let left = match link.plan.flaw {
            Some(Flaw::CutUp { after, .. } | Flaw::StallUp { after }) => {
                after.saturating_sub(link.arrived)
            }
            _ => usize::MAX,
        };
        let passes = &bytes[..bytes.len().min(left)];
        link.arrived += passes.len();
        link.under_way -= passes.len();
        link.partial.extend_from_slice(passes);
        let mut whole = link.partial.len();
        if link.plan.records {
            let begin = link.arrived - link.partial.len();
            whole = 0;
            while link.records.front().is_some_and(|end| *end <= link.arrived) {
                whole = link.records.pop_front().unwrap_or_default() - begin;
            }
        }
        let ready: Vec<u8> = link.partial.drain(..whole).collect();
        link.session.input.extend_from_slice(&ready);
        let flaw = link.plan.flaw.clone();
        self.process(number);
        if passes.len() == bytes.len() {
            return;
        }
        self.link(number).dead = true;
        match flaw {
            Some(Flaw::CutUp { reset, .. }) => {
                self.flaw(|| format!("#{number} is cut on the way up"));
                self.end_later(number, ended(reset));
                self.schedule(clock::now(), Event::Gone(number));
            }
            _ => self.flaw(|| format!("#{number} stalls on the way up")),
        }
    }

    /// Sends a reply, with the fault that is due with it.
    pub(super) fn answer(&mut self, number: usize, reply: Vec<u8>) {
        let link = self.link(number);
        link.replies += 1;
        let count = link.replies;
        match link.plan.flaw {
            Some(Flaw::Garbage { reply: at, bytes }) if at == count => {
                self.flaw(|| format!("#{number} sends garbage: {bytes:?}"));
                let garbage = bytes.bytes();
                let link = self.link(number);
                link.garbage_end = Some(link.answered + garbage.len());
                self.answer_bytes(number, garbage);
            }
            Some(Flaw::Late { reply: at, by }) if at == count => {
                self.flaw(|| format!("#{number} is late by {by:?}"));
                self.flawed = Some(clock::now() + by);
                let link = self.link(number);
                link.down_at = link.down_at.max(clock::now() + by);
            }
            _ => {}
        }
        self.answer_bytes(number, reply);
    }

    fn answer_bytes(&mut self, number: usize, bytes: Vec<u8>) {
        let now = clock::now();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let link = self.link(number);
            if link.dead || link.is_cut {
                return;
            }
            let left = match link.plan.flaw {
                Some(Flaw::CutDown { after, .. } | Flaw::StallDown { after }) => {
                    after.saturating_sub(link.answered)
                }
                _ => usize::MAX,
            };
            if left == 0 {
                return self.cut_down(number);
            }
            let (piece, latency) =
                (link.plan.piece_of(bytes.len()).min(rest.len()).min(left), link.plan.latency);
            let size = self.rng.usize(1..=piece);
            let span = latency.mul_f64(self.rng.f64());
            let link = self.link(number);
            link.down_at = link.down_at.max(now + span);
            link.answered += size;
            let at = link.down_at;
            let (some, others) = rest.split_at(size);
            self.schedule(at, Event::Deliver(number, some.to_vec()));
            rest = others;
        }
    }

    /// Closes the direction to the client. Commands of the client are still executed.
    fn cut_down(&mut self, number: usize) {
        let link = self.link(number);
        match link.plan.flaw {
            Some(Flaw::CutDown { reset, .. }) => {
                link.is_cut = true;
                self.flaw(|| format!("#{number} is cut on the way down"));
                self.end_later(number, ended(reset));
            }
            _ => self.flaw(|| format!("#{number} stalls on the way down")),
        }
    }

    /// The server closes the connection.
    pub(super) fn end_by_server(&mut self, number: usize) {
        self.end_later(number, ErrorKind::UnexpectedEof);
    }

    /// Ends the connection for the client, behind the bytes in flight.
    fn end_later(&mut self, number: usize, kind: ErrorKind) {
        let link = self.link(number);
        let at = link.down_at.max(clock::now());
        self.schedule(at, Event::End(number, kind));
    }

    pub(super) fn deliver(&mut self, number: usize, bytes: Vec<u8>) {
        let link = self.link(number);
        if !link.closed && link.end.is_none() {
            link.inbox.extend(bytes);
        }
    }

    pub(super) fn end(&mut self, number: usize, kind: ErrorKind) {
        self.note(|| format!("#{number} ends: {kind:?}"));
        self.link(number).end.get_or_insert(kind);
    }

    /// Ends every connection; without `end` they fall silent.
    pub(super) fn break_all(&mut self, end: Option<ErrorKind>) {
        for link in self.links.values_mut() {
            link.dead = true;
            link.session.close();
            if link.is_connected && link.end.is_none() {
                link.end = end;
            }
        }
    }

    /// Drops all planned faults.
    pub(crate) fn heal(&mut self) {
        self.plans.clear();
        self.links.values_mut().for_each(|link| link.plan.flaw = None);
        self.spells.clear();
    }

    /// Returns the number of connections whose client end is open.
    pub(crate) fn open(&self) -> usize {
        self.links.values().filter(|link| !link.closed && link.is_connected).count()
    }

    /// Returns the bytes sent on the latest connection, up to the end of a record.
    pub(crate) fn sent(&self) -> usize {
        self.links.values().next_back().map_or(0, |link| link.whole)
    }

    /// Returns the connections that are still open although garbage was received on them.
    pub(crate) fn poisoned(&self) -> Vec<usize> {
        let links = self.links.iter().filter(|(_, link)| link.is_poisoned() && !link.closed);
        links.map(|(number, _)| *number).collect()
    }
}

fn ended(reset: bool) -> ErrorKind {
    if reset { ErrorKind::ConnectionReset } else { ErrorKind::UnexpectedEof }
}
