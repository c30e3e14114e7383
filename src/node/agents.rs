//! The agents that the controller knows, and a sign of life of one.

use std::collections::BTreeMap;

use crate::engine::{Session, ask};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Target};

/// The agents that the controller knows at this moment, and their roles.
pub(crate) fn list(session: &Session) -> Result<BTreeMap<AgentId, Vec<String>>> {
    let question = Contents::of_controller("list_agents", "");
    let answer = ask::ask(session, Target::controller(), question)?;
    let unreadable =
        |message| Error::new(ErrorKind::Protocol, message).asked(|| "list_agents".to_owned());
    let agents: BTreeMap<String, Vec<String>> = answer.json()?;
    let agent = |(agent, roles): (String, Vec<String>)| match agent.parse() {
        Ok(agent) => Ok((agent, roles)),
        Err(error) => Err(unreadable(format!("{error}"))),
    };
    agents.into_iter().map(agent).collect()
}

/// Asks an agent for `pong`.
pub(crate) fn ping(session: &Session, agent: AgentId) -> Result<()> {
    let answer = ask::ask(session, agent.into(), Contents::of("ping", ""))?;
    match answer.json::<String>()?.as_str() {
        "pong" => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            format!("unexpected answer of agent {agent} to ping: expected \"pong\""),
        )),
    }
}
