//! The marks by which any process knows that an agent has accepted the kill of a job.
//!
//! An agent never answers a second kill of a job that is still ending, and counts that kill among its jobs
//! until it restarts.

use redis::Value;

use super::Session;
use crate::error::Result;
use crate::protocol::{AgentId, keys};
use crate::transport::{self, Connection, Until};

/// Which of the agents have accepted a kill of the job, as far as the marks may be read.
pub(crate) fn are_marked(
    session: &Session,
    id: &str,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<bool>> {
    let marked = session.repeat(until, |connection, until| {
        for agent in agents {
            connection.command(&[b"EXISTS", keys::killed(id, *agent).as_bytes()]);
        }
        let marked = |_: &AgentId| Ok(allowed(connection, until)? == Some(Value::Int(1)));
        agents.iter().map(marked).collect()
    })?;
    Ok(marked)
}

/// Records that the agents have accepted a kill of the job. A user without that right records nothing.
pub(crate) fn mark(session: &Session, id: &str, agents: &[AgentId], until: &Until) -> Result<()> {
    session.repeat(until, |connection, until| {
        let ttl = keys::TTL.to_string();
        for agent in agents {
            let key = keys::killed(id, *agent);
            connection.command(&[b"SET", key.as_bytes(), b"1", b"EX", ttl.as_bytes()]);
        }
        agents.iter().try_for_each(|_| allowed(connection, until).map(|_| ()))
    })?;
    Ok(())
}

/// A reply; `None` where Redis refuses the command for good.
fn allowed(connection: &mut Connection, until: &Until) -> transport::Result<Option<Value>> {
    match connection.reply(until) {
        Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
        reply => reply.map(Some),
    }
}
