//! Requests to agents and the controller: builtin commands of which only the answer matters.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::fetched::fetched;
use super::retry::{Backoff, LOG, outlasts};
use super::verdict::tell_how_far;
use super::watch::Wanted;
use super::{Session, Timeout, ids, push_many, result, retract, run};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Envelope, JobResult, Target, keys};
use crate::transport::{TtlUpdate, Until, clock};

/// Maximum time for taking back an unanswered request.
const RETRACT: Duration = Duration::from_secs(1);
/// TTL in seconds of the answer to a repeated request.
const ANSWER_TTL: u32 = 10;
/// How long before the deadline Redis is asked how far an unanswered request got.
const LAST: Duration = Duration::from_millis(200);

/// Returns the timeout without its last part, in which Redis is asked how far an unanswered request got.
fn early(timeout: &Timeout) -> Timeout {
    let duration = timeout.duration.map(|whole| whole - LAST.min(whole / 4));
    Timeout { duration, ..timeout.clone() }
}

/// Runs a builtin command within the default timeout, and returns its successful result.
pub(crate) fn order(session: &Session, target: Target, contents: Contents) -> Result<JobResult> {
    let command = Envelope::new(ids::new_id()?, target, contents)?;
    let session = &session.asking();
    let result = match command.target.answering() {
        Some(&[agent]) => order_one(session, &command, agent)?,
        _ => run::run(session, &command, &session.quick())?,
    };
    result.into_success()
}

fn order_one(session: &Session, command: &Envelope, agent: AgentId) -> Result<JobResult> {
    let (timeout, begun) = (session.quick(), clock::now());
    match run::run(session, command, &early(&timeout)) {
        // The command was sent; Redis has not confirmed it yet.
        Err(unconfirmed) if unconfirmed.is_maybe_sent() && unconfirmed.is_timeout() => {
            let waited = run::wait_for(session, command, agent, &timeout.since(begun));
            waited.map_err(|late| match late.is_timeout() {
                true => unconfirmed.waited_in_all(clock::since(begun)),
                false => late.once_only(),
            })
        }
        // Without a handle string the command was not sent.
        Err(error) if error.kind() == ErrorKind::Timeout && error.command_handle().is_some() => {
            let found = find(session, &[(command, agent)], &timeout.clone().since(begun));
            if found[0] == Some(None) && withdraw(session, command, &timeout.clone().since(begun)) {
                return Err(silent(command, found[0], begun).taken_back());
            }
            let waited = run::wait_for(session, command, agent, &timeout.since(begun));
            waited.map_err(|error| match error.kind() {
                ErrorKind::Timeout if error.last_failure().is_none() => {
                    silent(command, found[0], begun).once_only()
                }
                _ => error.waited_if_it_did(clock::since(begun)),
            })
        }
        // Not sent yet; it may still be sent in the remaining time.
        Err(error) if error.kind() == ErrorKind::Timeout => {
            run::run(session, command, &timeout.since(begun))
                .map_err(|error| error.waited(clock::since(begun)))
        }
        answered => answered,
    }
}

/// Returns whether agents have fetched requests that they did not answer. Respects the deadline.
fn find(
    session: &Session,
    asked: &[(&Envelope, AgentId)],
    timeout: &Timeout,
) -> Vec<Option<Option<bool>>> {
    let commands: Vec<_> = asked.iter().map(|(command, agent)| (&*command.id, *agent)).collect();
    let found = session.until(timeout).and_then(|until| fetched(session, &commands, &until));
    match found {
        Ok(found) => found.into_iter().map(Some).collect(),
        Err(_) => vec![None; asked.len()],
    }
}

/// Takes a command that no controller has routed back out of the queue, and returns whether it was there.
/// Without this it would run later, after its caller has given up.
fn withdraw(session: &Session, command: &Envelope, timeout: &Timeout) -> bool {
    let taken =
        session.until(timeout).and_then(|until| retract::take_back(session, command, &until));
    taken.unwrap_or(false)
}

/// Returns the error of a command that its agent did not answer. `found` is whether the agent has fetched it, if
/// Redis could be asked.
fn silent(command: &Envelope, found: Option<Option<bool>>, begun: Instant) -> Error {
    let passed = Error::new(ErrorKind::Timeout, "deadline exceeded");
    let silent = match found {
        Some(fetched) if command.target != Target::controller() => passed.unanswered(fetched),
        _ => tell_how_far(command, passed),
    };
    let silent = silent.asked(|| command.in_words()).about_command(command);
    silent.waited(clock::since(begun))
}

/// Like [`order`], for a request that changes nothing: its errors do not say whether it was sent.
pub(crate) fn ask(session: &Session, target: Target, contents: Contents) -> Result<JobResult> {
    order(session, target, contents).map_err(Error::of_a_question)
}

/// Several requests of one call, which share its deadline.
pub(crate) struct Steps<'a> {
    session: &'a Session,
    begun: Instant,
}

impl<'a> Steps<'a> {
    /// Starts the default timeout of the session.
    pub(crate) fn begin(session: &'a Session) -> Self {
        Steps { session, begun: clock::now() }
    }

    fn session(&self) -> Session {
        self.session.with_timeout(self.session.quick().since(self.begun).duration)
    }

    /// Calls [`order`] within the remaining time.
    pub(crate) fn order(&self, target: Target, contents: Contents) -> Result<JobResult> {
        order(&self.session(), target, contents)
    }

    /// Calls [`ask`] within the remaining time.
    pub(crate) fn ask(&self, target: Target, contents: Contents) -> Result<JobResult> {
        ask(&self.session(), target, contents)
    }
}

/// Repeats a request to an agent until the agent answers or the call ends. Outlasts the same failures as a wait
/// for a result. The keys of the answer get a short TTL.
pub(crate) fn persist(
    session: &Session,
    agent: AgentId,
    contents: &Contents,
    until: &Until,
) -> Result<JobResult> {
    let begun = clock::now();
    let mut backoff = Backoff::new();
    let mut is_first = true;
    loop {
        until.check()?;
        let command = Envelope::new(ids::new_id()?, agent.into(), contents.clone())?;
        let session = session.for_a_try(until);
        let answer =
            run::run(&session, &command, &session.quick()).and_then(JobResult::into_success);
        let error = match answer.map_err(Error::of_a_question) {
            Ok(answer) => {
                forget(&session, &command.id, agent);
                return Ok(answer);
            }
            Err(error) if outlasts(&error) => error,
            Err(error) => return Err(error),
        };
        if is_first {
            log::warn!(target: LOG, "asking again until the deadline: {error}");
            is_first = false;
        }
        if error.is_timeout() {
            // Keeps unanswered requests from piling up for a controller that is down. One that cannot be taken
            // back is harmless.
            let _ = retract::take_back(&session, &command, &until.within(RETRACT));
        }
        if let Err(ended) = backoff.pause(until) {
            return Err(unanswered(ended.into(), error, clock::since(begun)));
        }
    }
}

/// Expires the answer to a request, which has no other reader and may be long.
fn forget(session: &Session, id: &str, agent: AgentId) {
    for key in [keys::results(id), keys::result(id, agent)] {
        session.pool().add_ttl_update(TtlUpdate::new(key.into_bytes(), ANSWER_TTL, result::SOON));
    }
}

/// Returns the error of a call that ended before an agent answered.
fn unanswered(ended: Error, last: Error, waited: Duration) -> Error {
    if ended.kind() != ErrorKind::Timeout {
        return ended;
    }
    let text = format!("the agent has not answered for {:.1} s", waited.as_secs_f64());
    let ended = ended.noting(&text);
    // The error of a request that was not sent contains the reason.
    let is_late = last.is_timeout() && last.last_failure().is_none();
    if is_late { ended } else { ended.after_failure(last) }
}

/// Runs a builtin command on each of some agents concurrently, and reads their successful results as they
/// arrive. An error that ends the wait for all of them becomes the outcome of each agent without an answer;
/// `Err` if nothing arrived before it.
pub(crate) fn order_each<T>(
    session: &Session,
    orders: Vec<(AgentId, Contents)>,
    timeout: &Timeout,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Answers<T>> {
    let begun = clock::now();
    let (sent, mut outcomes) = send_each(session, orders);
    outcomes.extend(answers(session, sent, &timeout.clone().since(begun), begun, read)?);
    Ok(outcomes)
}

/// Reads the successful results of orders sent at `begun` as they arrive. The error of an agent that does not
/// answer says how far the order got. Errors are those of [`order_each`].
pub(crate) fn answers<T>(
    session: &Session,
    orders: Vec<Order>,
    timeout: &Timeout,
    begun: Instant,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Answers<T>> {
    let started = clock::now();
    let mut outcomes = Vec::with_capacity(orders.len());
    let read = |result: JobResult| result.into_success().and_then(|result| read(&result));
    let mut answered = |agent, arrived: Result<JobResult>| {
        outcomes.push((agent, arrived.and_then(read)));
    };
    let late = take(session, orders, &early(timeout), &mut answered);
    let (mut asked, mut found, mut taken_back) = (Vec::new(), Vec::new(), HashSet::new());
    let mut unanswered = late;
    if unanswered.ended.is_none() && !unanswered.orders.is_empty() {
        let left = || timeout.clone().since(started);
        asked = unanswered.orders;
        let orders: Vec<_> = asked.iter().map(|(command, agent)| (command, *agent)).collect();
        found = find(session, &orders, &left());
        let unrouted = asked.iter().zip(&found).filter(|(_, found)| **found == Some(None));
        let withdrawn = unrouted.filter(|((command, _), _)| withdraw(session, command, &left()));
        taken_back = withdrawn.map(|((command, _), _)| command.id.clone()).collect();
        unanswered = take(session, asked.clone(), &left(), &mut answered);
    }
    let Unanswered { orders, ended } = unanswered;
    if let Some(error) = ended {
        if outcomes.is_empty() {
            return Err(error);
        }
        outcomes.extend(ended_for(orders.iter().map(|(_, agent)| *agent), &error));
        return Ok(outcomes);
    }
    for (command, agent) in orders {
        let place = asked.iter().position(|(_, other)| *other == agent);
        let found = place.and_then(|place| found[place]);
        let error = silent(&command, found, begun).about_agent(agent).not_final();
        let is_taken_back = taken_back.contains(&command.id);
        outcomes.push((agent, Err(if is_taken_back { error.taken_back() } else { error })));
    }
    Ok(outcomes)
}

/// Command for one agent.
pub(crate) type Order = (Envelope, AgentId);
/// Outcomes of a request to several agents.
type Answers<T> = Vec<(AgentId, Result<T>)>;

/// Orders without a result.
pub(crate) struct Unanswered {
    pub(crate) orders: Vec<Order>,
    /// The failure that ended the wait for all of them before the deadline.
    pub(crate) ended: Option<Error>,
}

/// Returns the error that ended the wait as the outcome of each agent.
pub(crate) fn ended_for<T>(agents: impl Iterator<Item = AgentId>, error: &Error) -> Answers<T> {
    agents.map(|agent| (agent, Err(error.clone().about_agent(agent).not_final()))).collect()
}

/// Sends a command to each of some agents. Returns the orders that were sent, and the error of each of the
/// others.
pub(crate) fn send_each<T>(
    session: &Session,
    orders: Vec<(AgentId, Contents)>,
) -> (Vec<Order>, Answers<T>) {
    let (agents, orders): (Vec<AgentId>, Vec<Contents>) = orders.into_iter().unzip();
    let commands = agents
        .iter()
        .zip(orders)
        .map(|(agent, contents)| Ok(Envelope::new(ids::new_id()?, (*agent).into(), contents)?));
    let (mut sent, mut failed) = (Vec::with_capacity(agents.len()), Vec::new());
    for (agent, pushed) in agents.iter().zip(push_many::push_many(session, commands)) {
        match pushed {
            Ok(command) => sent.push((command, *agent)),
            Err(error) => failed.push((*agent, Err(error))),
        }
    }
    (sent, failed)
}

/// Passes on the results of some orders as they arrive; returns the orders left without one.
pub(crate) fn take(
    session: &Session,
    orders: Vec<Order>,
    timeout: &Timeout,
    each: &mut impl FnMut(AgentId, Result<JobResult>),
) -> Unanswered {
    let agents: Vec<AgentId> = orders.iter().map(|(_, agent)| *agent).collect();
    match Arrivals::new(&session.asking(), wanted(&orders), timeout) {
        Ok(arrivals) => {
            hand_out(arrivals, orders, &mut |index, arrived| each(agents[index], arrived))
        }
        Err(error) => Unanswered { orders, ended: Some(error) },
    }
}

/// Converts orders to the form a watch expects.
pub(super) fn wanted(orders: &[Order]) -> Vec<(Envelope, Wanted)> {
    let wanted = |(command, agent): &Order| (command.clone(), Wanted::of(command, vec![*agent]));
    orders.iter().map(wanted).collect()
}

/// Like [`take`], with the index of each order.
pub(super) fn hand_out(
    arrivals: Arrivals,
    orders: Vec<Order>,
    each: &mut impl FnMut(usize, Result<JobResult>),
) -> Unanswered {
    let mut open: Vec<Option<Order>> = orders.into_iter().map(Some).collect();
    let mut ended = None;
    for (index, arrived) in arrivals {
        match arrived {
            Err(error) if error.is_final() => ended = Some(error),
            Err(error) if error.kind() == ErrorKind::Timeout => {}
            arrived => {
                if open[index].take().is_some() {
                    each(index, arrived);
                }
            }
        }
    }
    Unanswered { orders: open.into_iter().flatten().collect(), ended }
}
