use std::ops::Deref;

use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Result;
use crate::job::Job;
use crate::protocol::Target;

/// What an agent or the controller answered, as a type and as the JSON that it was.
///
/// It can be used as the type; [`Answer::json`] has what a later version of the agent may have
/// added.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    value: T,
    json: String,
}

impl<T: DeserializeOwned> Answer<T> {
    pub(crate) fn of(job: &Job) -> Result<Self> {
        Ok(Answer { value: job.json()?, json: job.data().to_owned() })
    }
}

impl<T> Answer<T> {
    /// The JSON, letter for letter.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The value alone.
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

impl Client {
    /// Asks an agent one of its own commands, one that changes nothing, within the client's timeout.
    pub(crate) fn ask_agent<T: DeserializeOwned>(
        &self,
        gid: u32,
        nid: u32,
        cmd: &str,
        data: &str,
    ) -> Result<Answer<T>> {
        Answer::of(&self.cmd(Target::agent(gid, nid), cmd).data(data).ask()?)
    }
}
