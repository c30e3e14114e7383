//! Whether a job is lost, for a log that is followed.

use std::collections::BTreeMap;

use super::{Command, Stage, progress};
use crate::engine::{Session, Timeout, retry};
use crate::error::Result;
use crate::protocol::{AgentId, AgentQueue, Envelope};
use crate::transport::clock;

/// Whether a job that its agent has fetched is lost, by what [`Command::progress`] goes by. `false` also where
/// that cannot be found out at this moment.
pub(super) fn is_lost(
    session: &Session,
    command: &Envelope,
    agent: AgentId,
    has_begun: bool,
    timeout: &Timeout,
) -> Result<bool> {
    let mut command = command.clone();
    if has_begun {
        // It does not wait in a queue of its agent any more.
        command.queue = AgentQueue::None;
    }
    let command = Command::new(session.clone(), command);
    let fetched = BTreeMap::from([(agent, Stage::Running)]);
    match progress::asked_of(&command, fetched, timeout, clock::now()) {
        Ok(stages) => Ok(stages.get(&agent) == Some(&Stage::Lost)),
        Err(error) if retry::outlasts(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
