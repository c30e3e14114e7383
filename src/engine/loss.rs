//! Detects that Redis has lost commands it had confirmed: it was restarted without its data, or replaced by a
//! replica that never had them.
//!
//! A job is not lost with its command, because the agent may have it. The wait therefore continues, and its
//! timeout reports what happened. It ends with `Lost` only if the agent itself reports that it does not run the
//! job, and no result follows shortly after.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::{Session, ask, ids, push_many, retract};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Envelope, Sent, keys};
use crate::transport::{self, Class, Connection, Until, clock, integer, sleep};

/// How long a controller may hold a command of which there is no trace in Redis meanwhile.
const IN_HAND: Duration = Duration::from_millis(100);
/// How long to wait for the result of a job that its agent no longer runs.
const MOMENT: Duration = Duration::from_secs(1);
/// How long agents are asked at a time, how many, and the pause between two requests. The first ones mostly
/// fail, because controller and agents have to reconnect.
const ASKING: Duration = Duration::from_secs(1);
const ASKED_AT_ONCE: usize = 100;
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_LAST: Duration = Duration::from_secs(15);

/// The log target, which is that of waits.
const LOG: &str = "acclient::wait";
const LOST_DATA: &str = "Redis lost its data";

/// A job by the place of its command in a wait.
type Place = (u32, AgentId);

/// Command whose loss matters to a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed<'a> {
    pub(super) place: u32,
    pub(super) id: &'a str,
    pub(super) sent: &'a Sent,
}

impl<'a> Confirmed<'a> {
    /// Returns a command that this program has sent. Requests are excluded, because they are repeated anyway.
    pub(super) fn of(
        session: &Session,
        place: u32,
        id: &'a str,
        sent: Option<&'a Sent>,
    ) -> Option<Self> {
        let sent = sent.filter(|_| session.class() != Class::Question)?;
        Some(Confirmed { place, id, sent })
    }
}

/// State of a wait regarding lost commands.
#[derive(Debug)]
pub(super) struct Loss {
    /// The run of the server that was last asked for traces.
    checked_run: Option<Arc<str>>,
    /// Commands without a trace, and whether their agents can tell that they do not run them: what waits in a queue
    /// of an agent is not known to it as a job.
    forgotten: BTreeMap<u32, bool>,
    next: Option<Instant>,
    pause: Duration,
    /// The job whose agent was asked last.
    asked_to: Option<Place>,
    /// Jobs whose agents have answered, and since when they do not run them.
    answered: BTreeMap<Place, Option<Instant>>,
}

impl Loss {
    pub(super) fn none() -> Self {
        Loss {
            checked_run: None,
            forgotten: BTreeMap::new(),
            next: None,
            pause: AGAIN,
            asked_to: None,
            answered: BTreeMap::new(),
        }
    }

    /// Looks for traces of commands that another run of the server has confirmed.
    pub(super) fn look<'a>(
        &mut self,
        connection: &mut Connection,
        commands: impl Iterator<Item = Confirmed<'a>>,
        until: &Until,
    ) -> transport::Result<()> {
        let Some(run) = connection.run().filter(|run| self.checked_run.as_ref() != Some(run))
        else {
            return Ok(());
        };
        let run = run.clone();
        let suspects: Vec<_> = commands.filter(|it| it.sent.is_of_another_run(&run)).collect();
        let ids: Vec<&str> = suspects.iter().map(|it| it.id).collect();
        let gone = without_trace(connection, &ids, until)?;
        let forgotten = suspects.iter().filter(|it| gone.contains(it.id));
        self.forgotten = forgotten.map(|it| (it.place, !it.sent.has_queue())).collect();
        self.checked_run = Some(run);
        self.answered.clear();
        if let Some(first) = suspects.iter().find(|it| self.has(it.place)) {
            (self.next, self.pause) = (Some(clock::now()), AGAIN);
            match self.forgotten.len() - 1 {
                0 => log::warn!(target: LOG, "{LOST_DATA}; command {} may still run", first.id),
                others => log::warn!(
                    target: LOG,
                    "{LOST_DATA}; command {} and {others} more may still run",
                    first.id
                ),
            }
        }
        Ok(())
    }

    /// Returns whether Redis has lost a command.
    pub(super) fn has(&self, place: u32) -> bool {
        self.forgotten.contains_key(&place)
    }

    /// Returns whether it is time to ask agents about jobs.
    pub(super) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| next <= clock::now())
    }

    /// Asks the agents of some jobs, in ascending order, whose commands are lost. Asks those that have not
    /// answered in turn.
    pub(super) fn ask<'a>(
        &mut self,
        session: &Session,
        jobs: impl Iterator<Item = (Place, &'a str)>,
        until: &Until,
    ) -> Result<()> {
        let is_open = |place: &Place| {
            let can_tell = self.forgotten.get(&place.0) == Some(&true) && place.1.is_real();
            can_tell && !self.answered.contains_key(place)
        };
        let open = jobs.filter(|(place, _)| is_open(place));
        let (mut open, first): (Vec<_>, Vec<_>) =
            open.partition(|(place, _)| self.asked_to.is_none_or(|last| *place > last));
        open.extend(first);
        open.truncate(ASKED_AT_ONCE);
        self.asked_to = open.last().map(|(place, _)| *place);
        if open.is_empty() {
            self.next = None;
            return Ok(());
        }
        let answers = answers(session, &open, until)?;
        let before = self.answered.len();
        self.answered.extend(open.into_iter().zip(answers).filter_map(|((place, _), runs)| {
            Some((place, if runs? { None } else { Some(clock::now()) }))
        }));
        if self.answered.len() > before {
            (self.next, self.pause) = (Some(clock::now()), AGAIN);
        } else {
            self.next = Some(clock::now() + self.pause);
            self.pause = (self.pause * 2).min(AGAIN_AT_LAST);
        }
        Ok(())
    }

    /// Returns jobs that their agents have not run for long enough that a result would have arrived.
    pub(super) fn lost(&self) -> Vec<Place> {
        let is_over = |since: &Option<Instant>| since.is_some_and(|it| clock::since(it) >= MOMENT);
        let lost = self.answered.iter().filter(|(_, since)| is_over(since));
        lost.map(|(place, _)| *place).collect()
    }
}

/// Returns the error of the wait for a lost job.
pub(super) fn lost() -> Error {
    let message = "the job is lost: Redis lost its data, and the agent does not run the job; \
         it may have run, so check what it did before sending it again";
    Error::new(ErrorKind::Lost, message)
}

/// Returns whether Redis has lost a command it had confirmed.
pub(crate) fn is_forgotten(session: &Session, command: &Envelope, until: &Until) -> Result<bool> {
    let Some(sent) = &command.sent else { return Ok(false) };
    Ok(session.repeat(until, |connection, until| {
        let mut loss = Loss::none();
        let confirmed = Confirmed { place: 0, id: &command.id, sent };
        loss.look(connection, std::iter::once(confirmed), until)?;
        Ok(loss.has(0))
    })?)
}

/// Returns the ids for which Redis has neither a hash, `queued`, the mark of an idempotent push, nor a queue
/// entry.
fn without_trace<'a>(
    connection: &mut Connection,
    ids: &[&'a str],
    until: &Until,
) -> transport::Result<HashSet<&'a str>> {
    let mut gone: HashSet<&str> = ids.iter().copied().collect();
    for look in 0..2 {
        if gone.is_empty() {
            break;
        }
        if look > 0 {
            sleep(IN_HAND, until)?;
        }
        let queued = retract::in_queue(connection, &gone, until)?;
        gone.retain(|id| !queued.contains(*id));
        // Checked after the queue, because a command moves from the queue to these keys.
        let left: Vec<&str> = gone.iter().copied().collect();
        for id in &left {
            let names = [keys::results(id), keys::queued(id), keys::submitted(id)];
            let names = names.iter().map(String::as_bytes);
            connection.command(&[&b"EXISTS"[..]].into_iter().chain(names).collect::<Vec<_>>());
        }
        for id in left {
            match connection.reply(until) {
                // A key that may not be read counts as a trace.
                Err(transport::Error::Server(error)) if !error.is_passing() => {
                    gone.remove(id);
                }
                count => {
                    if integer(&count?).is_ok_and(|count| count > 0) {
                        gone.remove(id);
                    }
                }
            }
        }
    }
    Ok(gone)
}

/// Returns whether agents run some jobs; `None` for an agent that does not answer.
fn answers(session: &Session, jobs: &[(Place, &str)], until: &Until) -> Result<Vec<Option<bool>>> {
    let asking = until.within(ASKING);
    let questions = jobs.iter().map(|((_, agent), id)| {
        Ok(Envelope::new(
            ids::new_id()?,
            (*agent).into(),
            Contents::about_job("get_process_stats", id),
        )?)
    });
    let mut places = Vec::new();
    let mut orders = Vec::new();
    for (place, pushed) in push_many::within(session, questions, &asking).into_iter().enumerate() {
        if let Ok(question) = pushed {
            places.push(place);
            orders.push((question, jobs[place].0.1));
        }
    }
    let mut answers = vec![None; jobs.len()];
    let arrivals = Arrivals::within(&session.asking(), ask::wanted(&orders), asking);
    let unanswered = ask::hand_out(arrivals, orders, &mut |index, answer| {
        answers[places[index]] = match answer.and_then(|answer| answer.into_success()) {
            Ok(_) => Some(true),
            Err(error) if error.kind() == ErrorKind::JobFailed => Some(false),
            Err(_) => None,
        };
    });
    // Keeps requests from piling up for a controller that is down.
    for (question, _) in unanswered.orders {
        let _ = retract::take_back(session, &question, &until.within(ASKING));
    }
    until.check()?;
    Ok(answers)
}
