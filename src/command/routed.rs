//! The jobs of all agents that a command went to, as soon as it is known who they are.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Command;
use crate::engine::{push, result, targets, verdict};
use crate::error::{ErrorKind, Result};
use crate::job::Job;
use crate::protocol::{AgentId, ResultDocument};
use crate::transport::Until;

/// How long a controller may take to hand a command to all agents before a question goes to those that it has
/// named so far.
const ROUTING: Duration = Duration::from_secs(2);

impl Command {
    /// The jobs of all agents that it went to; waits until the controller has said who they are.
    pub(crate) fn routed_jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        let session = self.session();
        let latest = self.bounded(|until| {
            let agents = match self.agents() {
                Some(agents) => agents.to_vec(),
                None => self.targets(until)?,
            };
            // An agent that has said nothing yet is asked all the same.
            let unknown = |agent| (agent, ResultDocument::default());
            let mut jobs: BTreeMap<_, _> = agents.into_iter().map(unknown).collect();
            jobs.extend(result::latest(session, self.envelope(), until)?);
            Ok(jobs)
        })?;
        Ok(self.jobs_of(latest))
    }

    /// Whom it went to, once the controller has said so. A controller that ended while it routed the command says
    /// it of some agents only: those count after a while.
    fn targets(&self, until: &Until) -> Result<Vec<AgentId>> {
        let session = self.session().asking();
        let left = until.deadline.remaining();
        let early = until.within(left.map_or(ROUTING, |left| ROUTING.min(left / 2)));
        match targets::targets(&session, self.envelope(), &early) {
            Err(error) if error.is_timeout() && !until.deadline.has_passed() => {
                let known = result::latest(&session, self.envelope(), until)?;
                if !known.is_empty() {
                    log::warn!(target: push::LOG, "the controller has not routed {self} to all of its agents");
                    return Ok(known.into_iter().map(|(agent, _)| agent).collect());
                }
            }
            targets => return targets,
        }
        targets::targets(&session, self.envelope(), until).map_err(|error| {
            let is_known = error.is_explained() || error.last_failure().is_some();
            match error.kind() == ErrorKind::Timeout && !is_known {
                true => error.noting(verdict::unrouted(self.was_sent())),
                false => error,
            }
        })
    }
}
