//! Asking agents and the controller: builtin commands whose answers are all that matters.

use std::time::Instant;

use super::arrivals::Arrivals;
use super::{Session, Timeout, ids, push_many, run};
use crate::error::{Error, Result};
use crate::protocol::{AgentId, Contents, Envelope, JobResult, Target};
use crate::transport::clock;

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
