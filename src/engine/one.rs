//! Waits for the result of a command on one agent.
//!
//! The wait moves the tail of the result list onto its own head. The move blocks until there is an entry and
//! removes nothing; it only wakes the wait. An id used twice can leave several entries, and each move rotates
//! the list for all readers. Where there is more than one entry, the wait therefore reads all of them.

use super::Session;
use super::loss::{self, Confirmed, Loss};
use super::result::{
    about_agent, about_key, leave, new_answer, parse, queue_expire, queue_move, read_expire,
};
use super::retry::{Purpose, waits_out};
use super::rounds::{Rounds, Seen, final_in_hash, noting_refusal, refusal_of_writes};
use crate::error::{Error, Result};
use crate::protocol::{AgentId, Before, Envelope, ResultDocument, keys};
use crate::transport::{
    self, Condition, Connection, POLLING_INTERVAL, Reply, ServerError, Until, bulk, integer, items,
};

/// Wait for one result. It starts before the command is pushed.
#[derive(Debug)]
pub(super) struct One<'a> {
    session: &'a Session,
    id: &'a str,
    agent: AgentId,
    /// The command, if this program has sent it.
    command: Option<&'a Envelope>,
    key: String,
    until: Until,
    rounds: Rounds,
    /// Content of the hash when it was last read.
    seen: Seen,
    /// Whether the list held only refusals of an id in use.
    is_in_use: bool,
    /// The error code with which Redis refused to write during the wait.
    refusal: Option<String>,
    /// Whether a connection was lost.
    is_back: bool,
    loss: Loss,
}

/// Outcome of a blocking move of the list.
#[derive(Debug)]
pub(super) enum Look {
    /// The tail, null on timeout, and the length of the list.
    Tail(Reply, Reply),
    /// The server did not reply in time; its connection is closed.
    Late,
    /// Redis refuses the move but may still accept reads.
    Refused(ServerError),
    /// The entries, read while Redis temporarily refuses the move.
    Entries(Reply),
}

impl<'a> One<'a> {
    pub(super) fn begin(session: &'a Session, id: &'a str, agent: AgentId, until: &Until) -> Self {
        session.counters().blocking_waits.add(1);
        One {
            session,
            id,
            agent,
            command: None,
            key: keys::result(id, agent),
            until: until.impatient(),
            rounds: Rounds::begin(until),
            seen: Seen::Unread,
            is_in_use: false,
            refusal: None,
            is_back: false,
            loss: Loss::none(),
        }
    }

    /// Waits for a command that this program sends, under an id that may have been used before.
    pub(super) fn of(self, command: &'a Envelope) -> Self {
        One { command: Some(command), ..self }
    }

    /// What an earlier command may have left in the list.
    fn before(&self) -> Option<&'a Before> {
        self.command?.before().filter(|before| before.has(self.agent))
    }

    /// The command, if the wait has to detect that Redis lost it.
    fn confirmed(&self) -> Option<Confirmed<'a>> {
        Confirmed::of(self.session, 0, self.id, self.command?.sent.as_deref())
    }

    /// Queues the move and the commands that follow it: the number of entries, and the TTL of `queued`, which
    /// the controller does not set.
    pub(super) fn ask(&self, connection: &mut Connection) {
        queue_move(connection, &self.key, &self.rounds);
        connection.command(&[b"LLEN", self.key.as_bytes()]);
        queue_expire(connection, self.id);
    }

    /// Reads what [`One::ask`] queued.
    pub(super) fn read(&self, connection: &mut Connection) -> transport::Result<Look> {
        let until = self.rounds.bound(&self.until);
        let moved = match connection.moved(&until) {
            // The pool closes this connection because the move is still running on it.
            Err(transport::Error::Timeout) if !self.until.deadline.has_passed() => {
                return Ok(Look::Late);
            }
            Err(transport::Error::Server(error)) => Err(error),
            moved => Ok(moved?),
        };
        let length = connection.reply(&self.until)?;
        read_expire(connection, self.id, &self.until)?;
        match moved {
            Ok(tail) => Ok(Look::Tail(tail, length)),
            // Another server may take over, so the next attempt uses another connection.
            Err(error) if error.condition() == Condition::NotReady => {
                match read_list(connection, &self.key, &self.until)? {
                    Reply::Array(entries) if entries.is_empty() => {
                        Err(transport::Error::Server(error))
                    }
                    entries => Ok(Look::Entries(entries)),
                }
            }
            Err(error) => Ok(Look::Refused(error)),
        }
    }

    /// Waits for the result. `first` is the outcome of the move that was sent along with the command.
    pub(super) fn finish(
        mut self,
        first: Option<transport::Result<Look>>,
    ) -> Result<ResultDocument> {
        let waited = self.wait(first).map_err(|error| self.explained(error));
        waited.inspect_err(|error| leave(self.session, self.id, error))
    }

    fn wait(&mut self, first: Option<transport::Result<Look>>) -> Result<ResultDocument> {
        let is_lost = matches!(first, Some(Err(_)));
        let mut look = match first {
            Some(Err(error)) if !waits_out(&error, Purpose::Wait) => {
                return Err(about_key(error, &self.key));
            }
            Some(look) => look.ok(),
            None => None,
        };
        if let Some(Look::Tail(tail, length)) = &look
            && let Some(document) = self.only_entry(tail, length)?
        {
            return Ok(document);
        }
        let (session, until) = (self.session, self.until.clone());
        self.is_back = is_lost;
        loop {
            let waited = session.wait(&until, |connection, _| self.on(connection, look.take()));
            if let Some(document) = waited.map_err(|error| about_key(error, &self.key))?? {
                return Ok(document);
            }
            if self.loss.is_due() {
                let job = ((0, self.agent), self.id);
                self.loss.ask(session, std::iter::once(job), &until)?;
            }
        }
    }

    /// Waits on one connection and keeps it; `None` if a move on it takes too long.
    fn on(
        &mut self,
        connection: &mut Connection,
        mut first: Option<Look>,
    ) -> transport::Result<Result<Option<ResultDocument>>> {
        if std::mem::replace(&mut self.is_back, true) {
            self.rounds.hurry();
        }
        loop {
            let look = match first.take() {
                Some(look) => look,
                None => {
                    self.ask(connection);
                    self.read(connection)?
                }
            };
            let is_late = matches!(look, Look::Late);
            let document = match look {
                Look::Tail(tail, length) => match self.only_entry(&tail, &length) {
                    Ok(None) if tail != Reply::Nil => self.poll(connection)?,
                    Ok(None) if !self.rounds.is_due() => {
                        // The server does not block.
                        connection.pause(POLLING_INTERVAL.min(self.rounds.pause()), &self.until)?;
                        Ok(None)
                    }
                    document => document,
                },
                Look::Refused(error) => {
                    self.refusal = refusal_of_writes(error).or(self.refusal.take());
                    self.poll(connection)?
                }
                Look::Entries(entries) => self.answer(entries),
                Look::Late => Ok(None),
            };
            match document {
                Ok(None) if is_late => return Ok(Ok(None)),
                Ok(None) if self.rounds.is_due() => match self.ask_hash(connection)? {
                    Ok(None) if self.loss.is_due() => return Ok(Ok(None)),
                    Ok(None) => {}
                    document => return Ok(document),
                },
                Ok(None) => {}
                document => return Ok(document),
            }
        }
    }

    /// Returns the result if the only entry of the list is not the refusal of an id in use.
    fn only_entry(&self, tail: &Reply, length: &Reply) -> Result<Option<ResultDocument>> {
        let Some(entry) = bulk(tail.clone())? else { return Ok(None) };
        if integer(length)? != 1 || self.before().is_some() {
            return Ok(None);
        }
        let document = parse(&self.key, &entry)?;
        Ok((!document.is_duplicate()).then_some(document))
    }

    fn answer(&mut self, entries: Reply) -> Result<Option<ResultDocument>> {
        let entries = items(entries)?;
        let before = self.before();
        self.is_in_use = match before {
            None => !entries.is_empty(),
            Some(before) => {
                let mut is_new = before.sieve(self.agent);
                entries.iter().map(text).any(|entry| is_new(&entry) && is_refusal(&entry))
            }
        };
        new_answer(&self.key, entries, self.agent, before)
    }

    /// Polls the list until the next round, where a blocking move would return at once because the list holds
    /// more than one entry or only refusals of an id in use, or where Redis refuses the move.
    fn poll(
        &mut self,
        connection: &mut Connection,
    ) -> transport::Result<Result<Option<ResultDocument>>> {
        loop {
            let entries = read_list(connection, &self.key, &self.until)?;
            match self.answer(entries) {
                Ok(None) if !self.rounds.is_due() => {
                    connection.pause(POLLING_INTERVAL, &self.until)?
                }
                document => return Ok(document),
            }
        }
    }

    /// Reads from the hash whether the job has ended, and then the list once more.
    fn ask_hash(
        &mut self,
        connection: &mut Connection,
    ) -> transport::Result<Result<Option<ResultDocument>>> {
        let (field, hash) = (self.agent.to_string(), keys::results(self.id));
        connection.command(&[b"HGET", hash.as_bytes(), field.as_bytes()]);
        connection.command(&[b"LRANGE", self.key.as_bytes(), b"0", b"-1"]);
        let field = match connection.reply(&self.until) {
            // The list takes precedence, and reading it reports the server's error.
            Err(transport::Error::Server(_)) => None,
            field => bulk(field?).ok().map(Option::unwrap_or_default),
        };
        let entries = connection.reply(&self.until)?;
        self.rounds.done();
        let is_read = field.is_some();
        let field = field.unwrap_or_default();
        let is_gone = matches!(&entries, Reply::Array(entries) if entries.is_empty());
        if let Some(confirmed) = self.confirmed() {
            self.loss.look(connection, std::iter::once(confirmed), &self.until)?;
        }
        let before = self.before();
        let is_new = before.is_none_or(|it| it.is_new_field(self.agent, &field));
        self.seen = match is_read {
            true => Seen::in_field(if is_new { &field } else { b"" }),
            false => Seen::Unread,
        };
        Ok(match self.answer(entries) {
            Ok(None) if !self.loss.lost().is_empty() => Err(loss::lost()),
            Ok(None) if is_gone && before.is_none() => Ok(final_in_hash(&field, false)),
            Ok(None) if before.is_some() && is_new => {
                let refusal_counts = before.is_some_and(|it| it.had_ended(self.agent));
                Ok(final_in_hash(&field, refusal_counts))
            }
            answer => answer,
        })
    }

    /// Adds what is known about the job to a timeout.
    fn explained(&self, error: Error) -> Error {
        if !error.is_timeout() {
            return about_agent(error, self.agent);
        }
        if self.loss.has(0) {
            return error.of_lost_data();
        }
        if self.is_in_use {
            return error
                .explained("the agent rejected the id because a job with the same id was running");
        }
        let error = match self.rounds.in_words(&self.seen) {
            Some(words) if matches!(self.seen, Seen::State(_)) => error.explained(&words),
            Some(words) => error.noting(&words),
            None => error,
        };
        noting_refusal(error, self.refusal.as_deref())
    }
}

fn text(entry: &Reply) -> Vec<u8> {
    bulk(entry.clone()).ok().flatten().unwrap_or_default()
}

/// Whether an entry of the list is the refusal of an id in use.
fn is_refusal(entry: &[u8]) -> bool {
    ResultDocument::parse(entry).is_ok_and(|document| document.is_duplicate())
}

fn read_list(connection: &mut Connection, key: &str, until: &Until) -> transport::Result<Reply> {
    connection.command(&[b"LRANGE", key.as_bytes(), b"0", b"-1"]);
    connection.reply(until)
}
