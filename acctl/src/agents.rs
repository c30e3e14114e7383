//! `acctl agents`: registered agents and their liveness.

use std::collections::BTreeMap;
use std::time::Duration;

use acclient::{AgentId, ErrorKind};
use serde_json::Value;

use crate::exit::{Failure, Outcome, Status};
use crate::json;
use crate::session::Session;
use crate::target::Whom;
use crate::target_documents;

/// List registered agents and their roles
///
/// A dead agent stays registered for 30 to 45 seconds. An agent that runs 100 jobs is full: it leaves the list after 30
/// seconds, until some of its jobs end.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl agents [OPTIONS] [TARGET]",
    after_help = "\
Examples:
  acctl agents
  acctl agents --ping --timeout 3
  acctl agents 1:1-20 -x role=gpu"
)]
pub struct Agents {
    /// Agents to list: 1:1, 1:1-20, 1:*, role=cpu and not 1:4, @group; see acctl help targets [default: all]
    target: Vec<String>,
    /// Ping each agent and show the number of commands queued for it
    ///
    /// ANSWERED is the response time without the round trip to Redis. Pings that no agent fetched are removed. Exit
    /// status 4: an agent did not answer within --timeout.
    #[arg(long)]
    ping: bool,
    #[command(flatten)]
    whom: Whom,
}

/// Result of a ping.
struct Pinged {
    answered_in: Option<Duration>,
    waiting: Option<u64>,
}

impl Agents {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.whom.read().map(|()| Vec::new())
    }

    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let chosen = self.whom.choose(session, &self.target, Some("all"))?;
        let agents = chosen.agents(session)?;
        if agents.is_empty() && self.target.is_empty() {
            let text = "no agent is registered with the controller";
            output.problem(text);
            output.document(json::failure(ErrorKind::NoSuchAgent, &text, None))?;
            return Ok(Status::Nobody);
        }
        if agents.iter().all(|(_, roles)| roles.is_none()) {
            return chosen.nobody(session);
        }
        let pinged = match self.ping {
            true => Some(ping(session, agents.iter().map(|(agent, _)| *agent).collect())?),
            false => None,
        };
        let mut rows = Vec::new();
        for (agent, roles) in &agents {
            let pinged = pinged.as_ref().map(|pinged| &pinged[agent]);
            if output.is_json() {
                output.document(document(*agent, roles.as_deref(), pinged))?;
                continue;
            }
            rows.push(
                [row(*agent, roles.as_deref()), pinged.map(cells).unwrap_or_default()].concat(),
            );
        }
        if !output.is_json() {
            let headings = ["AGENT", "ROLES", "ALIVE", "ANSWERED", "WAITING"];
            output.table(&headings[..if self.ping { 5 } else { 2 }], &rows)?;
        }
        let is_missing = agents.iter().any(|(_, roles)| roles.is_none());
        let is_silent = |pinged: &Pinged| pinged.answered_in.is_none();
        Ok(match pinged {
            _ if is_missing => Status::Nobody,
            Some(pinged) if pinged.values().any(is_silent) => Status::TimedOut,
            _ => Status::Success,
        })
    }
}

/// Agent and its roles as table cells.
pub fn row(agent: AgentId, roles: Option<&[String]>) -> Vec<String> {
    let roles = roles.map_or_else(|| "(not registered)".to_owned(), |roles| roles.join(","));
    vec![agent.to_string(), roles]
}

fn document(agent: AgentId, roles: Option<&[String]>, pinged: Option<&Pinged>) -> Value {
    let mut document = target_documents::agent(agent, roles);
    if let Some(Pinged { answered_in, waiting }) = pinged {
        document["alive"] = answered_in.is_some().into();
        document["answered_in"] = answered_in.map(|time| time.as_secs_f64() * 1000.0).into();
        document["waiting"] = (*waiting).into();
    }
    document
}

fn cells(pinged: &Pinged) -> Vec<String> {
    let (alive, time) = match pinged.answered_in {
        Some(time) => ("yes", format!("{:.1} ms", time.as_secs_f64() * 1000.0)),
        None => ("no", "-".to_owned()),
    };
    let waiting = pinged.waiting.map_or_else(|| "?".to_owned(), |count| count.to_string());
    vec![alive.to_owned(), time, waiting]
}

/// Pings agents concurrently. The queue lengths are read first, so that they do not count the pings.
fn ping(session: &Session, agents: Vec<AgentId>) -> Result<BTreeMap<AgentId, Pinged>, Failure> {
    let client = &session.client;
    let waiting = client.waiting_commands(agents.iter().copied())?;
    let pinged = |(agent, answer): (AgentId, acclient::Result<Duration>)| {
        // The table shows only that the agent is not alive.
        let answered_in = answer.ok();
        (agent, Pinged { answered_in, waiting: waiting.get(&agent).copied() })
    };
    Ok(client.ping_agents(agents)?.into_iter().map(pinged).collect())
}
