//! Pushes a command and waits for its single result, in one round trip if the agent is known.

use super::one::One;
use super::result;
use super::rounds::Rounds;
use super::targets;
use super::verdict::{delivered, tell_how_far};
use super::watch::{Wanted, Watch};
use super::{Session, Timeout, push};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Documents, Envelope, JobResult, ResultDocument};
use crate::transport::Until;

/// Pushes the command and waits for its result.
pub(crate) fn run(session: &Session, command: &Envelope, timeout: &Timeout) -> Result<JobResult> {
    let asked = || command.in_words();
    let documents = command.documents()?;
    let (agent, document) =
        session.bounded(timeout, asked, |until| match command.target.answering() {
            Some(&[agent]) => Ok((agent, run_on(session, command, agent, &documents, until)?)),
            _ => run_on_any(session, command, &documents, until),
        })?;
    log::debug!(target: push::LOG, "ran {command}");
    delivered(command, JobResult::new(&command.id, agent, document))
}

/// Waits for the result of one agent; a timeout of zero reads once.
pub(crate) fn wait_for(
    session: &Session,
    command: &Envelope,
    agent: AgentId,
    timeout: &Timeout,
) -> Result<JobResult> {
    command.check_id()?;
    let id = &command.id;
    let document = if timeout.is_zero() {
        let there = |until: &Until| result::poll_all(session, command, &[agent], until);
        let there = session.bounded(&session.look(timeout), || command.in_words(), there)?;
        let found = there.into_iter().find_map(|(_, document)| document);
        found.ok_or_else(|| no_result_yet(command))?
    } else {
        let waited = |until: &Until| {
            let document = final_document(session, command, agent, until);
            document.map_err(|error| tell_how_far(command, error))
        };
        session.bounded(timeout, || command.in_words(), waited)?
    };
    delivered(command, JobResult::new(id, agent, document))
}

/// Waits for the final result of a command on an agent.
pub(crate) fn final_document(
    session: &Session,
    command: &Envelope,
    agent: AgentId,
    until: &Until,
) -> Result<ResultDocument> {
    One::begin(session, &command.id, agent, until).of(command).finish(None)
}

/// Returns the error of a wait with a timeout of zero that found nothing.
pub(crate) fn no_result_yet(command: &Envelope) -> Error {
    let none = Error::new(ErrorKind::Timeout, "no result yet");
    tell_how_far(command, none.asked(|| command.in_words()))
}

fn run_on(
    session: &Session,
    command: &Envelope,
    agent: AgentId,
    documents: &Documents,
    until: &Until,
) -> Result<ResultDocument> {
    let id = &command.id;
    let wait = One::begin(session, id, agent, until).of(command);
    let ask = |connection: &mut _| wait.ask(connection);
    let mut connection = push::push(session, command, documents, (session.class(), until), ask)?;
    // Redis has the command from here on, so later failures affect only the wait.
    let first = wait.read(&mut connection);
    drop(connection);
    wait.finish(Some(first)).map_err(|error| after_the_push(command, error))
}

/// Runs a command whose agent the controller chooses and records in the hash.
fn run_on_any(
    session: &Session,
    command: &Envelope,
    documents: &Documents,
    until: &Until,
) -> Result<(AgentId, ResultDocument)> {
    let id = &command.id;
    let rounds = Rounds::begin(until);
    let ask = |connection: &mut _| targets::ask_targets(connection, id, &rounds);
    let mut connection = push::push(session, command, documents, (session.class(), until), ask)?;
    let first = targets::read_targets(&mut connection, id, &until.impatient(), &rounds);
    drop(connection);
    let wait = || {
        if command.before().is_some() {
            return first_new(session, command, until);
        }
        let agents = targets::more_targets(session, command, until, true, rounds, Some(first))?;
        let [agent] = agents[..] else {
            let several = format!("the controller sent it to {} agents", agents.len());
            return Err(Error::new(ErrorKind::Protocol, several));
        };
        Ok((agent, final_document(session, command, agent, until)?))
    };
    wait().map_err(|error| after_the_push(command, error))
}

/// Returns the first result that does not belong to an earlier command under the same id.
fn first_new(
    session: &Session,
    command: &Envelope,
    until: &Until,
) -> Result<(AgentId, ResultDocument)> {
    let wanted = Wanted { agents: None, ..Wanted::of(command, Vec::new()) };
    let mut watch = Watch::new(session.clone(), vec![wanted]);
    let found = watch.next(until).map_err(|error| watch.explained(error))?;
    let gone = || Error::new(ErrorKind::Protocol, "the controller sent it to no agent");
    let found = found.ok_or_else(gone)?;
    Ok((found.agent, found.document?))
}

/// Adds to an error of the wait that Redis has the command, and that repeating the call would run it again.
fn after_the_push(command: &Envelope, error: Error) -> Error {
    tell_how_far(command, error).once_only()
}
