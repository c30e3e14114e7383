//! Requests of a diagnosis: few round trips, times without the network, and no keys left in Redis.
//!
//! A call that asks once polls the lists for its answers. Over a slow network that takes one round trip less
//! than setting up a wait.

use std::time::{Duration, Instant};

use super::ask::Order;
use super::fetched::is_fetched;
use super::result::SOON;
use super::verdict::delivered;
use super::{Session, Timeout, push};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, CommandDocument, Documents, JobResult, ResultDocument, keys};
use crate::transport::{
    self, Class, Connection, TtlUpdate, Until, bulk, clock, integer, items, sleep,
};

/// TTL in seconds of the keys of a request.
const KEPT: u32 = 10;
/// Maximum time for removing the requests, in addition to the round trips.
const REMOVING: Duration = Duration::from_millis(100);
/// Maximum number of round trips for removing the requests over a new connection.
const ROUND_TRIPS: u32 = 4;
/// How many of the latest commands that wait for an agent are searched for a request.
const SEARCHED: &[u8] = b"-100";
/// Pauses between two rounds: the first, which doubles, and the longest, unless a round takes long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// Outcome of a request.
pub(crate) enum Probed {
    /// The answer, and the time the controller or the agent took for it.
    Answered(JobResult, Duration),
    /// The request was not sent, or was answered with an error, after this time.
    Failed(Error, Duration),
    /// No answer in this time.
    Silent(Place, Duration),
}

/// Where an unanswered request was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the controller's queue, from which it was removed.
    Queue,
    /// No longer in the queue, and not routed.
    Controller,
    /// Among the commands that wait for the agent, from which it was removed.
    Agent,
    /// Fetched by the agent, or lost by the controller while the agent was fetching it.
    Fetched,
    /// Redis could not be asked.
    Unknown,
}

/// Requests of one diagnosis.
pub(crate) struct Probe {
    session: Session,
    /// Round-trip time to Redis.
    network: Duration,
    /// Answered requests whose keys have no TTL yet.
    answered: Vec<Order>,
}

/// Requests that were sent.
struct Round {
    questions: Vec<Order>,
    outcomes: Vec<Option<Result<(JobResult, Duration)>>>,
    /// When Redis received them.
    sent_at: Instant,
}

impl Probe {
    pub(crate) fn new(session: &Session, network: Duration) -> Self {
        Probe { session: session.asking(), network, answered: Vec::new() }
    }

    /// Sends requests, each to one agent, and waits for the answers. Removes unanswered ones from Redis, also
    /// when the call is cancelled: documents not yet fetched immediately, keys within ten seconds.
    pub(crate) fn ask(
        &mut self,
        questions: Vec<Order>,
        timeout: &Timeout,
    ) -> Result<Vec<(AgentId, Probed)>> {
        let begun = clock::now();
        let outcomes = questions.iter().map(|_| None).collect();
        let mut round = Round { questions, outcomes, sent_at: begun };
        let removing = self.removing(timeout.duration);
        let waiting = Timeout {
            duration: timeout.duration.map(|whole| whole.saturating_sub(removing)),
            ..timeout.clone()
        };
        let asked = self.session.until(&waiting).and_then(|until| self.send(&mut round, &until));
        let waited = clock::since(begun);
        let Round { questions, outcomes, .. } = round;
        let (answered, open): (Vec<_>, Vec<_>) = questions
            .into_iter()
            .zip(outcomes)
            .partition(|(_, outcome)| matches!(outcome, Some(Ok(_))));
        self.answered.extend(answered.iter().map(|(order, _)| order.clone()));
        let (open, outcomes): (Vec<_>, Vec<_>) = open.into_iter().unzip();
        let places = match open.is_empty() {
            true => Vec::new(),
            false => self.remove(&open, removing),
        };
        let failed = match asked {
            Err(error) if error.kind() != ErrorKind::Timeout || error.last_failure().is_some() => {
                let error = error.of_a_question();
                if matches!(
                    error.kind(),
                    ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::ForkedHandle
                ) {
                    return Err(error);
                }
                Some(error)
            }
            // The agents that have not answered are silent.
            _ => None,
        };
        let answered = answered.into_iter().filter_map(|((_, agent), outcome)| {
            let (answer, took) = outcome?.ok()?;
            Some((agent, Probed::Answered(answer, took)))
        });
        let open = open.into_iter().zip(outcomes).zip(places);
        let open = open.map(|(((_, agent), outcome), place)| {
            let error = outcome.and_then(Result::err).or_else(|| failed.clone());
            let probed = match error {
                Some(error) => Probed::Failed(error, waited),
                None => Probed::Silent(place, waited),
            };
            (agent, probed)
        });
        let mut each: Vec<_> = answered.chain(open).collect();
        each.sort_by_key(|(agent, _)| *agent);
        Ok(each)
    }

    /// Expires the keys of answered requests.
    pub(crate) fn finish(mut self) {
        let answered = std::mem::take(&mut self.answered);
        let Ok(until) = self.until(self.removing(None)) else { return };
        let done = self.session.query(&until, |connection| {
            answered.iter().for_each(|order| expire(connection, order, true));
            answered.iter().try_for_each(|order| self.expired(connection, order, &until))
        });
        if let Err(error) = done {
            log::debug!(target: push::LOG, "keys of a diagnosis stay in Redis for a day: {error}");
        }
    }

    /// Returns the time reserved for removing requests.
    fn removing(&self, whole: Option<Duration>) -> Duration {
        let removing = REMOVING + self.network * ROUND_TRIPS;
        whole.map_or(removing, |whole| removing.min(whole / 2))
    }

    /// Returns the bound of a removal: its time only.
    fn until(&self, time: Duration) -> Result<Until> {
        self.session.uncancelled().until(&time.into())
    }

    /// Sends the requests, and reads answers until all have arrived or the call ends.
    fn send(&self, round: &mut Round, until: &Until) -> Result<()> {
        let documents = round.questions.iter().map(|(command, _)| command.documents());
        let documents = documents.collect::<Result<Vec<_>, _>>()?;
        let mut pause = FIRST_PAUSE;
        // Sent once only: an agent would refuse a duplicate.
        self.session.pool().once(Class::Question, until, |connection| {
            for documents in &documents {
                push::queue(connection, documents);
            }
            let asked = round.ask(connection);
            round.confirmed(connection, until)?;
            // The middle of the round trip that confirmed them.
            round.sent_at = before(clock::now(), self.network / 2);
            round.read(&asked, connection, self.network, until)
        })?;
        while round.outcomes.iter().any(Option::is_none) {
            sleep(pause, until)?;
            let begun = clock::now();
            self.session.repeat(until, |connection, until| {
                let asked = round.ask(connection);
                round.read(&asked, connection, self.network, until)
            })?;
            // Uses at most a fifth of the time of Redis.
            let busy = clock::since(begun).saturating_sub(self.network);
            pause = (pause * 2).min(LONGEST_PAUSE).max(busy * 4);
        }
        Ok(())
    }
}

/// Returns the instant `time` earlier.
fn before(instant: Instant, time: Duration) -> Instant {
    instant.checked_sub(time).unwrap_or(instant)
}

impl Round {
    /// Returns the indices without an outcome.
    fn open(&self) -> Vec<usize> {
        (0..self.outcomes.len()).filter(|place| self.outcomes[*place].is_none()).collect()
    }

    /// Queues reads of the missing answers and of their ages. Returns their indices.
    fn ask(&self, connection: &mut Connection) -> Vec<usize> {
        let open = self.open();
        for place in &open {
            let (command, agent) = &self.questions[*place];
            let list = keys::result(&command.id, *agent);
            connection.command(&[b"LRANGE", list.as_bytes(), b"-1", b"-1"]);
            connection.command(&[b"PTTL", list.as_bytes()]);
        }
        open
    }

    /// Reads the answers that have arrived.
    fn read(
        &mut self,
        asked: &[usize],
        connection: &mut Connection,
        network: Duration,
        until: &Until,
    ) -> transport::Result<()> {
        for place in asked {
            let entries = connection.reply(until);
            let left = connection.allowed(until)?.and_then(|left| integer(&left).ok());
            let entry = match entries {
                Ok(entries) => {
                    items(entries).ok().and_then(|mut entries| bulk(entries.pop()?).ok()?)
                }
                Err(error @ transport::Error::Server(_)) => {
                    self.outcomes[*place].get_or_insert(Err(error.into()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(entry) = entry else { continue };
            let arrived = clock::now();
            let took = arrived.saturating_duration_since(self.sent_at);
            // An answer of unknown age may have arrived right after the previous round.
            let took = match left.and_then(age) {
                Some(age) => {
                    let written = before(before(arrived, network / 2), age);
                    // Redis reports the age in milliseconds.
                    let least = Duration::from_millis(1);
                    took.min(written.saturating_duration_since(self.sent_at).max(least))
                }
                None => took.saturating_sub(network * 3 / 2),
            };
            let (command, agent) = &self.questions[*place];
            let answer = ResultDocument::parse(&entry)
                .map_err(|error| Error::document("the answer", &error))
                .and_then(|document| {
                    delivered(command, JobResult::new(&command.id, *agent, document))
                })
                .and_then(JobResult::into_success);
            self.outcomes[*place] = Some(answer.map(|answer| (answer, took)));
        }
        Ok(())
    }

    /// Reads whether Redis took each request.
    fn confirmed(&mut self, connection: &mut Connection, until: &Until) -> transport::Result<()> {
        for outcome in &mut self.outcomes {
            match connection.reply(until) {
                Ok(_) => {}
                Err(error @ transport::Error::Server(_)) => *outcome = Some(Err(error.into())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Probe {
    /// Removes requests that were not fetched, and expires the keys of all. Returns where each was.
    fn remove(&self, questions: &[Order], within: Duration) -> Vec<Place> {
        let mut places = vec![Place::Unknown; questions.len()];
        let Ok(until) = self.until(within) else { return places };
        let documents: Vec<Option<Documents>> =
            questions.iter().map(|(command, _)| command.pushed()).collect();
        let json = |place: usize| {
            documents[place].as_ref().and_then(Documents::single).unwrap_or_default()
        };
        let done = self.session.query(&until, |connection| {
            for (place, order) in questions.iter().enumerate() {
                let hash = keys::results(&order.0.id);
                let field = order.1.to_string();
                connection.command(&[b"LREM", keys::QUEUE.as_bytes(), b"0", json(place)]);
                connection.command(&[b"HGET", hash.as_bytes(), field.as_bytes()]);
                expire(connection, order, false);
            }
            for (place, order) in questions.iter().enumerate() {
                let taken_back = connection.allowed(&until)?;
                let state = connection.allowed(&until)?;
                places[place] = place_of(taken_back, state);
                self.expired(connection, order, &until)?;
            }
            let waiting =
                questions.iter().zip(&places).filter(|(_, place)| **place == Place::Agent);
            remove_from_agents(connection, waiting.map(|(order, _)| order), &until)
        });
        if let Err(error) = done {
            log::debug!(target: push::LOG, "questions of a diagnosis may stay in Redis: {error}");
        }
        places
    }

    /// Reads the replies to [`expire`].
    fn expired(
        &self,
        connection: &mut Connection,
        (command, _): &Order,
        until: &Until,
    ) -> transport::Result<()> {
        let mut done = || {
            let done = connection.allowed(until)?;
            Ok::<_, transport::Error>(
                done.is_some_and(|done| integer(&done).is_ok_and(|done| done > 0)),
            )
        };
        let (_, _, queued) = (done()?, done()?, done()?);
        if !queued {
            // The controller writes this key last.
            let key = keys::queued(&command.id).into_bytes();
            self.session.pool().add_ttl_update(TtlUpdate::new(key, KEPT, SOON));
        }
        Ok(())
    }
}

/// Gives the keys of a request a short TTL. The list of an answer is complete, and the controller may be about
/// to set its TTL to a day, so it is deleted.
fn expire(connection: &mut Connection, (command, agent): &Order, is_answered: bool) {
    let seconds = KEPT.to_string();
    let id = &command.id;
    let list = keys::result(id, *agent);
    match is_answered {
        true => connection.command(&[b"DEL", list.as_bytes()]),
        false => connection.command(&[b"EXPIRE", list.as_bytes(), seconds.as_bytes()]),
    };
    for key in [keys::results(id), keys::queued(id)] {
        connection.command(&[b"EXPIRE", key.as_bytes(), seconds.as_bytes()]);
    }
}

/// Returns the age of a result whose list Redis keeps for another `left` milliseconds.
fn age(left: i64) -> Option<Duration> {
    let whole = i64::from(keys::TTL) * 1000;
    u64::try_from(whole - left).ok().filter(|_| left >= 0).map(Duration::from_millis)
}

/// Returns where a request was, from the replies to its removal from the queue and to the read of its state.
fn place_of(taken_back: Option<transport::Reply>, state: Option<transport::Reply>) -> Place {
    let count = taken_back.and_then(|count| integer(&count).ok());
    if count.is_some_and(|count| count > 0) {
        return Place::Queue;
    }
    let state = state.map(|state| bulk(state).ok().flatten());
    match state {
        Some(Some(document)) => match is_fetched(&document) {
            Some(true) => Place::Fetched,
            Some(false) => Place::Agent,
            None => Place::Unknown,
        },
        Some(None) if count.is_some() => Place::Controller,
        _ => Place::Unknown,
    }
}

/// Removes requests from the commands that wait for their agents.
fn remove_from_agents<'a>(
    connection: &mut Connection,
    questions: impl Iterator<Item = &'a Order>,
    until: &Until,
) -> transport::Result<()> {
    let questions: Vec<&Order> = questions.collect();
    for (_, agent) in &questions {
        let key = keys::for_agent(*agent);
        connection.command(&[b"LRANGE", key.as_bytes(), SEARCHED, b"-1"]);
    }
    let mut entries = Vec::new();
    for (command, agent) in &questions {
        let waiting = connection.allowed(until)?.and_then(|waiting| items(waiting).ok());
        let waiting = waiting.into_iter().flatten().filter_map(|entry| bulk(entry).ok().flatten());
        let is_it = |entry: &Vec<u8>| {
            let document = CommandDocument::parse(entry);
            document.is_ok_and(|document| document.id.value() == Some(&command.id))
        };
        entries.extend(waiting.filter(is_it).map(|entry| (keys::for_agent(*agent), entry)));
    }
    for (key, entry) in &entries {
        connection.command(&[b"LREM", key.as_bytes(), b"-1", entry]);
    }
    entries.iter().try_for_each(|_| connection.allowed(until).map(|_| ()))
}
