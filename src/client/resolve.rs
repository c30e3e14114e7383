//! Which agents an expression or a target means at this moment.

use std::collections::BTreeMap;

use super::{Client, doctor};
#[cfg(doc)]
use crate::command::Request;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::agents;
use crate::protocol::{AgentId, Selection, Target};

/// Agents chosen by expressions.
impl Client {
    /// Parses an expression, which may name the groups of this client, like `@web and not 1:4`. Sends
    /// nothing.
    ///
    /// Groups are those of the named instance that the client was made from: see [`Client::instance`]. A
    /// client made in another way has none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a syntax error, and for a group that does not exist, is invalid
    /// or contains itself.
    pub fn selection(&self, expression: &str) -> Result<Selection> {
        Ok(Selection::with_groups(expression, self.known_groups())?)
    }

    /// The valid groups of the named instance that this client was made from, and their expressions; an expression
    /// is parsed when it is used.
    pub fn groups(&self) -> &BTreeMap<String, String> {
        &self.known_groups().texts
    }

    /// The target that an expression means at this moment: see [`Selection`] for the syntax, and
    /// [`Client::selection`] for groups.
    ///
    /// Agents that are written out, and roles that all have to be there, become a target without asking anybody.
    /// For all else this asks the controller for its agents, as [`Client::list_agents`] does, and gives a list
    /// of agents. Blocks for the client's timeout at most.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let target = client.resolve("1:1-20 and not role=gpu")?;
    /// let command = client.execute(target, "uptime").submit()?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Client::selection`] and [`Client::list_agents`]; [`ErrorKind::NoSuchAgent`] where the
    /// expression means nobody.
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

    /// The agents that a target means at this moment, and their roles: of those that the controller knows. Agents
    /// that the target lists and the controller does not know are left out, so that the result may be empty. For
    /// [`Target::any`], all agents that the controller would choose from. Blocks for the client's timeout at most.
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

    /// How many commands wait for each of these agents: the controller has routed them, and the agent has not
    /// fetched them. Reads them from Redis without asking the controller or an agent. Agents of which the user of
    /// Redis may not read the key `cmds:<gid>:<nid>` are left out. Blocks for the client's timeout at most.
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
