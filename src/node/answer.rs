//! [`Answer`]: what an agent or the controller answered, as a type and as JSON.

use std::ops::Deref;

use crate::engine::{Session, ask};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, DocumentError, Fields, JobResult, Record, rows};

const LOG: &str = "acclient::command";

/// Answer of an agent or the controller, decoded and as the JSON that was received.
///
/// Dereferences to the decoded value. A field that cannot be read is zero or empty, and a row that is not an
/// object is left out, so that neither hides the others; [`Answer::json`] has both, and fields that a later
/// version of the agent may have added. Whole numbers may be written in any form.
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

impl<T> Answer<T> {
    pub(crate) fn new(value: T, answer: &JobResult) -> Self {
        Answer { value, json: answer.data().to_owned() }
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

/// The rows of a list in an answer. Those that are not objects are left out.
pub(crate) fn read_rows<T: Record>(answer: &JobResult) -> Result<Vec<T>> {
    let found = rows(&answer.json_text()?).map_err(|error| unreadable(answer, &error))?;
    left_out(answer, found.left_out);
    Ok(found.rows)
}

/// The only row of an answer.
pub(crate) fn read_one<T: Record>(answer: &JobResult) -> Result<T> {
    let text = answer.json_text()?;
    Fields::parse(&text).map(T::take).map_err(|error| unreadable(answer, &error))
}

/// Logs how many rows of an answer could not be read.
pub(super) fn left_out(answer: &JobResult, count: usize) {
    if count > 0 {
        let rows = if count == 1 { "row" } else { "rows" };
        log::warn!(target: LOG, "left out {count} {rows} of {answer:?} that cannot be read");
    }
}

fn unreadable(answer: &JobResult, error: &DocumentError) -> Error {
    let error = Error::new(ErrorKind::Protocol, format!("unexpected JSON: {error}"));
    error.asked(|| format!("the data of {answer:?}"))
}

/// Asks an agent for a list, by a builtin command that changes nothing, within the default timeout.
pub(super) fn ask_rows<T: Record>(
    session: &Session,
    agent: AgentId,
    cmd: &'static str,
    data: &str,
) -> Result<Answer<Vec<T>>> {
    let answer = ask::ask(session, agent.into(), Contents::of(cmd, data))?;
    Ok(Answer::new(read_rows(&answer)?, &answer))
}

/// The same for one object.
pub(super) fn ask_one<T: Record>(
    session: &Session,
    agent: AgentId,
    cmd: &'static str,
    data: &str,
) -> Result<Answer<T>> {
    let answer = ask::ask(session, agent.into(), Contents::of(cmd, data))?;
    Ok(Answer::new(read_one(&answer)?, &answer))
}
