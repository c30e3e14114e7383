//! [`Answer`]: what an agent or the controller answered, as a type and as JSON.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use crate::engine::{Session, ask};
use crate::error::Result;
use crate::protocol::{AgentId, Contents, JobResult};

/// Answer of an agent or the controller, decoded and as the JSON that was received.
///
/// Dereferences to the decoded value; [`Answer::json`] also has fields that a later version of the agent
/// may have added.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let memory = client.get_mem_info((1, 1))?;
/// println!("{} bytes, of {}", memory.available, memory.json());
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    value: T,
    json: String,
}

impl<T: DeserializeOwned> Answer<T> {
    pub(crate) fn of(answer: &JobResult) -> Result<Self> {
        Ok(Answer { value: answer.json()?, json: answer.data().to_owned() })
    }
}

impl<T> Answer<T> {
    /// The JSON text exactly as it was received.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the decoded value.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> std::ops::DerefMut for Answer<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Asks an agent one of its builtin commands, one that changes nothing, within the default timeout.
pub(super) fn ask_agent<T: DeserializeOwned>(
    session: &Session,
    agent: AgentId,
    cmd: &'static str,
    data: &str,
) -> Result<Answer<T>> {
    Answer::of(&ask::ask(session, agent.into(), Contents::of(cmd, data))?)
}
