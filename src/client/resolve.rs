//! Resolution of expressions and targets to agents.

use std::collections::BTreeMap;

use super::{Client, doctor};
#[cfg(doc)]
use crate::command::Request;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::agents;
use crate::protocol::{AgentId, Selection, Target};

/// Selection of agents by expressions.
impl Client {
    /// Parses an expression, which may name the groups of this client, like `@web and not 1:4`. Sends
    /// nothing.
    ///
    /// Groups come from the named instance that the client was created from; see [`Client::instance`]. Any
    /// other client has none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a syntax error, and for a group that does not exist, is invalid
    /// or contains itself.
    pub fn selection(&self, expression: &str) -> Result<Selection> {
        Ok(Selection::with_groups(expression, self.known_groups())?)
    }

    /// Returns the valid groups of the named instance that this client was created from, with their
    /// expressions. An expression is parsed when it is used.
    pub fn groups(&self) -> &BTreeMap<String, String> {
        &self.known_groups().texts
    }

    /// Returns the target that an expression selects at this moment: see [`Selection`] for the syntax, and
    /// [`Client::selection`] for groups.
    ///
    /// Explicit agents, and roles that are all required, become a target without any request. Everything else
    /// needs the controller's agents, as from [`Client::list_agents`], and becomes a list of agents. Blocks
    /// for at most the client's timeout.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let target = client.resolve("1:1-20 and not role=gpu")?;
    /// let command = client.execute(target, "uptime").submit()?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Client::selection`] and [`Client::list_agents`]; [`ErrorKind::NoSuchAgent`] if the
    /// expression selects no agent.
    pub fn resolve(&self, expression: &str) -> Result<Target> {
        let selection = self.selection(expression)?;
        if let Some(target) = selection.target() {
            return Ok(target);
        }
        let target = selection.choose(&self.list_agents()?);
        match target.agent_ids().is_empty() {
            true => Err(agents::nobody(&selection.to_string())),
            false => Ok(target),
        }
    }

    /// Returns the registered agents that a target selects at this moment, and their roles. Agents that the
    /// target lists but the controller does not know are left out, so the result may be empty. For
    /// [`Target::any`], the result is all agents that the controller would choose from. Blocks for at most
    /// the client's timeout.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let target = Target::from(Target::all().role("cpu"));
    /// for (agent, roles) in client.matching_agents(&target)? {
    ///     println!("{agent} {roles:?}");
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Client::list_agents`].
    pub fn matching_agents(&self, target: &Target) -> Result<BTreeMap<AgentId, Vec<String>>> {
        agents::matching(self.session(), target)
    }

    /// Returns the number of commands waiting for each of these agents: those that the controller has routed
    /// and the agent has not fetched. Reads them from Redis without a request to the controller or an agent.
    /// Agents whose key `cmds:<gid>:<nid>` the Redis user may not read are left out. Blocks for at most the
    /// client's timeout.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let waiting = client.waiting_commands(client.list_agents()?.into_keys())?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Client::ping`].
    pub fn waiting_commands<A: Into<AgentId>>(
        &self,
        agents: impl IntoIterator<Item = A>,
    ) -> Result<BTreeMap<AgentId, u64>> {
        let agents: Vec<AgentId> = agents.into_iter().map(Into::into).collect();
        let waiting = doctor::waiting(self.session(), &agents, &self.session().quick())?;
        let read = waiting
            .into_iter()
            .filter_map(|(agent, count)| Some((agent, u64::try_from(count?).ok()?)));
        Ok(read.collect())
    }
}
