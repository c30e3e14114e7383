//! The marks by which any process knows that an agent has accepted the kill of a job.
//!
//! An agent never answers a second kill of a job that is still ending, and counts that kill among its jobs
//! until it restarts. A mark holds a digest of what the hash says of the job, by which it is no mark of a later
//! job under the same id.

use super::Session;
use super::result::unless_refused;
use crate::error::Result;
use crate::protocol::{AgentId, digest, keys};
use crate::transport::{self, Connection, Until, bulk};

/// Which of the agents have accepted a kill of the job, as far as the marks may be read.
pub(crate) fn are_marked(
    session: &Session,
    id: &str,
    agents: &[AgentId],
    until: &Until,
) -> Result<Vec<bool>> {
    let marked = session.repeat(until, |connection, until| {
        for agent in agents {
            connection.command(&[b"GET", keys::killed(id, *agent).as_bytes()]);
            queue_field(connection, id, *agent);
        }
        let marked = |_: &AgentId| {
            let mark = text(connection, until)?;
            let field = text(connection, until)?.unwrap_or_default();
            Ok(mark.is_some_and(|mark| mark == digest(&field).as_bytes()))
        };
        agents.iter().map(marked).collect()
    })?;
    Ok(marked)
}

/// Records that the agents have accepted a kill of the job. A user without that right records nothing.
pub(crate) fn mark(session: &Session, id: &str, agents: &[AgentId], until: &Until) -> Result<()> {
    session.repeat(until, |connection, until| {
        agents.iter().for_each(|agent| queue_field(connection, id, *agent));
        let fields = agents.iter().map(|_| text(connection, until));
        let fields = fields.collect::<transport::Result<Vec<_>>>()?;
        let ttl = keys::TTL.to_string();
        for (agent, field) in agents.iter().zip(fields) {
            let (key, mark) = (keys::killed(id, *agent), digest(&field.unwrap_or_default()));
            connection.command(&[b"SET", key.as_bytes(), mark.as_bytes(), b"EX", ttl.as_bytes()]);
        }
        agents.iter().try_for_each(|_| text(connection, until).map(|_| ()))
    })?;
    Ok(())
}

/// Asks for what the hash says of a job.
fn queue_field(connection: &mut Connection, id: &str, agent: AgentId) {
    connection.command(&[b"HGET", keys::results(id).as_bytes(), agent.to_string().as_bytes()]);
}

/// A text; `None` where there is none, and where Redis refuses the command for good.
fn text(connection: &mut Connection, until: &Until) -> transport::Result<Option<Vec<u8>>> {
    Ok(unless_refused(connection, until)?.and_then(|reply| bulk(reply).ok().flatten()))
}
