//! Pushes many commands in one pipeline, with an outcome for each.

use std::time::Duration;

use redis::Value;

use super::push::{ALONG, LOG, connection, maybe_sent, queue};
use super::retry::{Purpose, Retrier, waits_out};
use super::{Session, before, result};
use crate::error::{Error, Result};
use crate::protocol::{Documents, Envelope};
use crate::transport::{self, Connection, Until, clock, integer};

/// How many commands, and bytes, of a pipeline are sent before the first replies are read. Unsent data stays in
/// memory, and the deadline is checked between two of these parts.
const PIPELINE: usize = 1000;
const PIPELINE_BYTES: usize = 1024 * 1024;
/// How long to collect commands from a slow iterator before sending those received.
const GATHERING: Duration = Duration::from_millis(5);

/// Sends many commands in pipelines and returns the outcome of each, in order.
pub(crate) fn push_many<C: AsRef<Envelope>>(
    session: &Session,
    commands: impl Iterator<Item = Result<C>>,
) -> Vec<Result<C>> {
    push(session, commands, session.until(&session.quick()))
}

/// Like [`push_many`], within a call that has a deadline.
pub(super) fn within<C: AsRef<Envelope>>(
    session: &Session,
    commands: impl Iterator<Item = Result<C>>,
    until: &Until,
) -> Vec<Result<C>> {
    push(session, commands, Ok(until.clone()))
}

fn push<C: AsRef<Envelope>>(
    session: &Session,
    commands: impl Iterator<Item = Result<C>>,
    until: Result<Until>,
) -> Vec<Result<C>> {
    let begun = clock::now();
    let outcomes = Vec::with_capacity(commands.size_hint().0);
    let mut many = Many { session, outcomes, documents: Documents::default() };
    let mut commands = commands.fuse();
    let sent = until.and_then(|until| many.send_all(&mut commands, &until));
    if let Err(error) = sent {
        // The error that ended the call applies to all remaining commands.
        let told = |command: C| Err(not_sent(&error).asked(|| command.as_ref().in_words()));
        many.outcomes.extend(commands.map(|command| command.and_then(told)));
    }
    let waited = |outcome: Result<C>| match outcome {
        Err(error) => Err(error.waited_if_it_did(clock::since(begun))),
        sent => sent,
    };
    let outcomes: Vec<_> = many.outcomes.into_iter().map(waited).collect();
    let count = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    log::debug!(target: LOG, "submitted {count} of {} commands", outcomes.len());
    outcomes
}

/// Outcomes of many commands by index. A command in flight counts as sent until its reply says otherwise.
struct Many<'a, C> {
    session: &'a Session,
    outcomes: Vec<Result<C>>,
    /// Documents of the command being sent.
    documents: Documents,
}

/// Commands refused by a server that is not ready, by index, with the reason.
#[derive(Default)]
struct Refused {
    places: Vec<usize>,
    why: Option<transport::Error>,
}

/// Commands sent before their replies are read, by index, each with the mark that tells whether it was sent.
#[derive(Default)]
struct Part {
    commands: Vec<(usize, u64)>,
    bytes: usize,
}

impl Part {
    fn clear(&mut self) {
        self.commands.clear();
        self.bytes = 0;
    }

    fn is_full(&self) -> bool {
        self.commands.len() >= PIPELINE || self.bytes >= PIPELINE_BYTES
    }
}

/// Returns the error of a command that was not sent.
fn not_sent(error: &Error) -> Error {
    error.clone().noting("this command was not sent")
}

impl<C: AsRef<Envelope>> Many<'_, C> {
    /// Sends all commands, and resends those refused by a server that is not ready. `Err` is the failure that
    /// ended the call before all commands were created.
    fn send_all(
        &mut self,
        rest: &mut impl Iterator<Item = Result<C>>,
        until: &Until,
    ) -> Result<()> {
        let mut refused = Refused::default();
        let sent = self.send_new(rest, until, &mut refused);
        let mut retrier = Retrier::new(Purpose::Push);
        while let Some(why) = refused.why.take() {
            let left = std::mem::take(&mut refused.places);
            let ended = match &sent {
                Err(error) => Err(error.clone()),
                Ok(()) => retrier.again(why, until).map_err(Error::from),
            };
            match ended {
                Ok(()) => {
                    // `send` records a failure for each command.
                    let _ = self.send(&left, until, &mut refused);
                }
                // These commands were refused.
                Err(error) => {
                    let error = not_sent(&error);
                    left.iter().for_each(|place| self.fail(*place, &error));
                }
            }
        }
        sent
    }

    /// Takes commands from the caller's iterator and sends them part by part. The iterator may use the client or
    /// be slow, so no connection is held while it runs.
    fn send_new(
        &mut self,
        rest: &mut impl Iterator<Item = Result<C>>,
        until: &Until,
        refused: &mut Refused,
    ) -> Result<()> {
        loop {
            until.check()?;
            let first = self.outcomes.len();
            let begun = clock::now();
            let mut is_last = false;
            while self.outcomes.len() - first < PIPELINE && clock::since(begun) < GATHERING {
                match rest.next() {
                    Some(one) => self.outcomes.push(one),
                    None => {
                        is_last = true;
                        break;
                    }
                }
            }
            let places: Vec<usize> = (first..self.outcomes.len()).collect();
            self.send(&places, until, refused)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Sends the commands at some indices. `Err` is the failure that ended it; commands that were not sent
    /// record it.
    fn send(&mut self, places: &[usize], until: &Until, refused: &mut Refused) -> Result<()> {
        let mut left = places.iter();
        if left.as_slice().is_empty() {
            return Ok(());
        }
        let sent = connection(self.session, until).and_then(|mut connection| {
            let commands = || places.iter().filter_map(|place| self.outcomes[*place].as_ref().ok());
            before::find_new(&mut connection, commands().map(AsRef::as_ref), until)?;
            for command in commands() {
                before::find(&mut connection, command.as_ref(), until)?;
            }
            let mut part = Part::default();
            while !left.as_slice().is_empty() {
                until.check()?;
                part.clear();
                connection.take_along(ALONG * left.len().min(PIPELINE));
                while !part.is_full() {
                    let Some(place) = left.next() else { break };
                    self.queue(&mut connection, *place, &mut part);
                }
                self.read(&mut connection, &part.commands, until, refused)?;
            }
            Ok(())
        });
        sent.inspect_err(|error| left.for_each(|place| self.fail(*place, &not_sent(error))))
    }

    /// Queues the command at an index, if there is one.
    fn queue(&mut self, connection: &mut Connection, place: usize, part: &mut Part) {
        let Ok(command) = &self.outcomes[place] else { return };
        match command.as_ref().write(&mut self.documents) {
            Ok(()) => {
                before::ask(connection, command.as_ref());
                part.commands.push((place, queue(connection, &self.documents)));
                part.bytes += self.documents.size();
            }
            Err(error) => self.outcomes[place] = Err(error.into()),
        }
    }

    /// Reads the replies to a part. `Err` is the failure that broke the connection; it applies to every missing
    /// reply.
    fn read(
        &mut self,
        connection: &mut Connection,
        part: &[(usize, u64)],
        until: &Until,
        refused: &mut Refused,
    ) -> Result<()> {
        for (number, (place, _)) in part.iter().enumerate() {
            let before = match &self.outcomes[*place] {
                Ok(command) => before::read(connection, command.as_ref(), until),
                Err(_) => Ok(()),
            };
            match before.and_then(|()| connection.reply(until)) {
                Ok(Value::Int(_)) => self.pushed(*place, connection),
                Ok(reply) => {
                    if let Err(error) = integer(&reply) {
                        self.doubt(*place, error.into());
                    }
                }
                Err(error) if waits_out(&error, Purpose::Push) => {
                    self.session.pool().note_failure(connection, &error);
                    refused.places.push(*place);
                    refused.why = Some(error);
                }
                Err(error @ transport::Error::Server(_)) => self.fail(*place, &error.into()),
                Err(error) => {
                    let error = Error::from(error);
                    for (place, mark) in &part[number..] {
                        if connection.was_sent(*mark) {
                            self.doubt(*place, error.clone());
                        } else {
                            self.fail(*place, &not_sent(&error));
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn pushed(&mut self, place: usize, connection: &Connection) {
        self.session.counters().pushed.add(1);
        if let Ok(command) = &self.outcomes[place] {
            command.as_ref().confirmed_by(connection.run());
            result::owe_queued(self.session, &command.as_ref().id);
        }
    }

    fn fail(&mut self, place: usize, error: &Error) {
        self.replace(place, |command| error.clone().asked(|| command.in_words()));
    }

    /// Records that a command was sent but not confirmed.
    fn doubt(&mut self, place: usize, error: Error) {
        if let Ok(command) = &self.outcomes[place] {
            result::owe_queued(self.session, &command.as_ref().id);
        }
        self.replace(place, |command| maybe_sent(command, error).asked(|| command.in_words()));
    }

    fn replace(&mut self, place: usize, told: impl FnOnce(&Envelope) -> Error) {
        if let Ok(command) = &self.outcomes[place] {
            self.outcomes[place] = Err(told(command.as_ref()));
        }
    }
}
