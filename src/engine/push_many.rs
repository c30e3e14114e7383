//! Pushing many commands in one pipeline, with an outcome for each.

use std::time::Duration;

use redis::Value;

use super::push::{ALONG, LOG, connection, maybe_sent, queue};
use super::retry::{Purpose, Retrier, waits_out};
use super::{Session, before, result};
use crate::error::{Error, Result};
use crate::protocol::{Documents, Envelope};
use crate::transport::{self, Connection, Until, clock, integer};

/// How many commands of a pipeline are sent before the first replies are read, and how many bytes: what
/// is not sent yet is in memory, and the deadline is checked between two of these parts.
const PIPELINE: usize = 1000;
const PIPELINE_BYTES: usize = 1024 * 1024;
/// How long commands are taken from a slow iterator before those that are there are sent.
const GATHERING: Duration = Duration::from_millis(5);

/// Sends many commands in pipelines, with an outcome for each, in their order.
pub(crate) fn push_many<C: AsRef<Envelope>>(
    session: &Session,
    commands: impl Iterator<Item = Result<C>>,
) -> Vec<Result<C>> {
    push(session, commands, session.until(&session.quick()))
}

/// The same within a call that has a deadline.
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
        // What ended it is said of all that come after.
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

/// What came of many commands, by their places. A command that is on its way counts as sent until
/// something else is known.
struct Many<'a, C> {
    session: &'a Session,
    outcomes: Vec<Result<C>>,
    /// Those of the command that is sent now.
    documents: Documents,
}

/// Commands that a server has refused since it is not ready, by their places, and why.
#[derive(Default)]
struct Refused {
    places: Vec<usize>,
    why: Option<transport::Error>,
}

/// Commands that are sent before their replies are read, by their places, each with what has to be sent
/// for it to have left.
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

/// The error of a command that did not leave.
fn not_sent(error: &Error) -> Error {
    error.clone().noting("this command was not sent")
}

impl<C: AsRef<Envelope>> Many<'_, C> {
    /// Sends all, and those again that a server refuses which is not ready. `Err`: what ended it before
    /// all were made.
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
                    // What ended it is said of each.
                    let _ = self.send(&left, until, &mut refused);
                }
                // They were refused.
                Err(error) => {
                    let error = not_sent(&error);
                    left.iter().for_each(|place| self.fail(*place, &error));
                }
            }
        }
        sent
    }

    /// Takes commands from the caller's iterator, a part at a time, and sends each part. The iterator may use
    /// the client, or be slow, so that no connection is held while it runs.
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

    /// Sends the commands of some places. `Err`: what ended it; those that did not leave say so.
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

    /// Queues the command of a place, if there is one.
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

    /// Reads the replies to a part. `Err`: what broke the connection, which is said of all whose replies
    /// did not come.
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

    /// It has left, and was not confirmed.
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
