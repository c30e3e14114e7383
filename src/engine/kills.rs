//! Marks that tell any process that an agent has accepted the kill of a job.
//!
//! An agent never answers a second kill of a job that is still ending, and counts that kill among its jobs until
//! it restarts. A mark holds a digest of the job's field in the hash, so that it does not apply to a later job
//! under the same id.

use super::Session;
use super::result::unless_refused;
use crate::error::Result;
use crate::protocol::{AgentId, digest, keys};
use crate::transport::{self, Connection, Until, bulk};

/// Returns for each agent whether it has accepted a kill of the job, as far as the marks may be read.
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

/// Records that the agents have accepted a kill of the job. Does nothing for a user without that right.
pub(crate) fn mark(session: &Session, id: &str, agents: &[AgentId], until: &Until) -> Result<()> {
    session.repeat(until, |connection, until| {
        agents.iter().for_each(|agent| queue_field(connection, id, *agent));
        let fields = agents.iter().map(|_| text(connection, until));
        let fields = fields.collect::<transport::Result<Vec<_>>>()?;
        for (agent, field) in agents.iter().zip(fields) {
            let (key, mark) = (keys::killed(id, *agent), digest(&field.unwrap_or_default()));
            connection.command(&[
                b"SET",
                key.as_bytes(),
                mark.as_bytes(),
                b"EX",
                keys::TTL_TEXT.as_bytes(),
            ]);
        }
        agents.iter().try_for_each(|_| text(connection, until).map(|_| ()))
    })?;
    Ok(())
}

/// Queues a read of the job's field in the hash.
fn queue_field(connection: &mut Connection, id: &str, agent: AgentId) {
    connection.command(&[b"HGET", keys::results(id).as_bytes(), agent.to_string().as_bytes()]);
}

/// Reads a string; `None` if there is none, and if Redis refuses the command permanently.
fn text(connection: &mut Connection, until: &Until) -> transport::Result<Option<Vec<u8>>> {
    Ok(unless_refused(connection, until)?.and_then(|reply| bulk(reply).ok().flatten()))
}
