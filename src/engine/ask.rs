//! Asking agents and the controller: builtin commands whose answers are all that matters.

use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::retry::{Backoff, LOG, outlasts};
use super::{Session, Timeout, ids, push_many, result, retract, run};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Envelope, JobResult, Target, keys};
use crate::transport::{Owed, Until, clock};

/// How long taking back a question that was not answered may take.
const RETRACT: Duration = Duration::from_secs(1);
/// How long Redis keeps the answer to a question that is asked again and again, in seconds.
const ANSWER_TTL: u32 = 10;

/// Runs a builtin command within the default timeout, and returns its successful result.
pub(crate) fn order(session: &Session, target: Target, contents: Contents) -> Result<JobResult> {
    let command = Envelope::new(ids::new_id()?, target, contents)?;
    run::run(session, &command, &session.quick())?.into_success()
}

/// The same for a question, which changes nothing: whether it went out matters to nobody.
pub(crate) fn ask(session: &Session, target: Target, contents: Contents) -> Result<JobResult> {
    order(session, target, contents).map_err(Error::of_a_question)
}

/// Several orders and questions of one call, which share its deadline.
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

    /// [`order`] within what is left of the timeout.
    pub(crate) fn order(&self, target: Target, contents: Contents) -> Result<JobResult> {
        order(&self.session(), target, contents)
    }

    /// [`ask`] within what is left of the timeout.
    pub(crate) fn ask(&self, target: Target, contents: Contents) -> Result<JobResult> {
        ask(&self.session(), target, contents)
    }
}

/// Asks an agent again and again until it answers or the call ends: it outlasts what a wait for a result
/// outlasts. The keys of the answer expire soon.
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
            // So that no pile of questions waits for a controller that is down. One that cannot be taken
            // back does no harm.
            let _ = retract::take_back(&session, &command, &until.within(RETRACT));
        }
        if let Err(ended) = backoff.pause(until) {
            return Err(unanswered(ended.into(), error, clock::since(begun)));
        }
    }
}

/// Lets the answer to a question expire, which nobody else reads and which may be long.
fn forget(session: &Session, id: &str, agent: AgentId) {
    for key in [keys::results(id), keys::result(id, agent)] {
        session.pool().owe(Owed::new(key.into_bytes(), ANSWER_TTL, result::SOON));
    }
}

/// The error of a call that ended before an agent answered.
fn unanswered(ended: Error, last: Error, waited: Duration) -> Error {
    if ended.kind() != ErrorKind::Timeout {
        return ended;
    }
    let text = format!("the agent has not answered for {:.1} s", waited.as_secs_f64());
    let ended = ended.noting(&text);
    if last.is_timeout() { ended } else { ended.after_failure(last) }
}

/// Runs a builtin command on each of some agents, all at once, and reads their successful results, each
/// as it arrives. `Err`: what ended the wait for all of them.
pub(crate) fn order_each<T>(
    session: &Session,
    orders: Vec<(AgentId, Contents)>,
    timeout: &Timeout,
    read: impl Fn(&JobResult) -> Result<T>,
) -> Result<Vec<(AgentId, Result<T>)>> {
    let mut outcomes = Vec::with_capacity(orders.len());
    let (agents, orders): (Vec<AgentId>, Vec<Contents>) = orders.into_iter().unzip();
    let commands = agents
        .iter()
        .zip(orders)
        .map(|(agent, contents)| Ok(Envelope::new(ids::new_id()?, (*agent).into(), contents)?));
    let mut sent = Vec::new();
    for (agent, pushed) in agents.iter().zip(push_many::push_many(session, commands)) {
        match pushed {
            Ok(command) => sent.push((command, Some(vec![*agent]))),
            Err(error) => outcomes.push((*agent, Err(error))),
        }
    }
    for (_, arrived) in Arrivals::new(session, sent, timeout)? {
        match arrived {
            Ok(result) => {
                let agent = result.agent();
                outcomes.push((agent, result.into_success().and_then(|result| read(&result))));
            }
            Err(error) => match error.agent() {
                Some(agent) => outcomes.push((agent, Err(error))),
                None => return Err(error),
            },
        }
    }
    Ok(outcomes)
}
