//! Liveness check of several agents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{agents, limited, redis};
use crate::client::Client;
use crate::engine::ids;
use crate::engine::probe::{Probe, Probed};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Envelope};
use crate::transport::clock;

impl Client {
    /// Pings several agents at once and returns the response time of each, without the round trip to Redis.
    /// Blocks for at most the client's timeout; without one, for at most a minute or a hundred round trips,
    /// whichever is longer.
    ///
    /// The error of an agent is [`ErrorKind::Timeout`] if it has not answered, and [`ErrorKind::NoSuchAgent`]
    /// if the controller does not know it. The commands left in Redis are removed as by [`Client::doctor`].
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// for (agent, answer) in client.ping_agents(client.list_agents()?.into_keys())? {
    ///     match answer {
    ///         Ok(took) => println!("{agent}: {took:?}"),
    ///         Err(error) => println!("{agent}: {error}"),
    ///     }
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Closed`], and those of the connection.
    pub fn ping_agents<A: Into<AgentId>>(
        &self,
        agents: impl IntoIterator<Item = A>,
    ) -> Result<BTreeMap<AgentId, Result<Duration>>> {
        let agents: BTreeSet<AgentId> = agents.into_iter().map(Into::into).collect();
        let session = self.session();
        let (timeout, begun) = (session.quick(), clock::now());
        let asked = || format!("PING to Redis at {}", self.address());
        let network = session
            .bounded(&limited(&timeout, Duration::ZERO), asked, |until| {
                redis::reach(session, until)
            })?
            .network;
        let mut probe = Probe::new(session, network);
        let left = limited(&timeout, network).since(begun);
        let answers = pings(agents).and_then(|pings| probe.ask(pings, &left));
        probe.finish();
        let answer = |(agent, probed): (AgentId, Probed)| (agent, answer(agent, probed));
        Ok(answers?.into_iter().map(answer).collect())
    }
}

/// A ping for each agent.
pub(super) fn pings(agents: impl IntoIterator<Item = AgentId>) -> Result<Vec<(Envelope, AgentId)>> {
    let ping = |agent: AgentId| {
        let contents = Contents::of("ping", "");
        Ok((Envelope::new(ids::new_id()?, agent.into(), contents)?, agent))
    };
    agents.into_iter().map(ping).collect()
}

fn answer(agent: AgentId, probed: Probed) -> Result<Duration> {
    match probed {
        Probed::Answered(_, took) => Ok(took),
        Probed::Failed(error, _) => Err(error.about_agent(agent)),
        Probed::Silent(place, waited) => {
            let message = format!("no answer{}", agents::how_far(place));
            let error = Error::new(ErrorKind::Timeout, message);
            Err(error.asked(|| format!("ping on agent {agent}")).waited(waited).about_agent(agent))
        }
    }
}
