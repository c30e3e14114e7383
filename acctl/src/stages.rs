//! How far commands got, in words and for exit statuses.

use std::time::Duration;

use acclient::{AgentId, Command, Error, ErrorKind, Progress, Stage};

use crate::exit::{Outcome, Status};
use crate::json;
use crate::session::Session;

/// Timeout for the stages of agents in a report about something else.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is wrong with an agent that the controller does not know.
pub const NO_SUCH_AGENT: &str =
    "no such agent: it was down, full or not registered, or the number is wrong";

/// Progress of a command for a report about something else, within a short timeout.
pub fn of(session: &Session, command: &Command) -> acclient::Result<Progress> {
    let usual = session.client.timeout().unwrap_or(PATIENCE);
    command.progress(usual.min(PATIENCE))
}

/// Whether Redis has no trace of the command.
pub fn is_unknown(progress: &Progress) -> bool {
    progress.stage == Stage::Unknown && progress.agents.is_empty() && !progress.redis_lost_data
}

/// The stage of agents that are not known, where a controller has not routed the command to all.
pub fn of_the_rest(progress: &Progress) -> Option<Stage> {
    let is_known = progress.agents.values().any(|stage| *stage == progress.stage);
    (!progress.agents.is_empty() && !is_known).then_some(progress.stage)
}

/// Says that there is no trace of the command.
pub fn tell_unknown(session: &Session, command: &Command) -> Outcome {
    let why =
        "the id is wrong, it was sent more than 24 hours ago, or a controller took it and stopped";
    let text = format!("no trace of command {}: {why}", command.id());
    session.output.problem(&text);
    let mut document = json::failure(ErrorKind::NoSuchAgent, &text, Some(command));
    document["error"]["stage"] = json::stage(Stage::Unknown).into();
    session.output.document(document)?;
    Ok(Status::Nobody)
}

/// An error of a question about a command, unless there is no trace of that.
pub fn unless_unknown(session: &Session, command: &Command, error: Error) -> Outcome {
    if error.is_timeout() && of(session, command).is_ok_and(|found| is_unknown(&found)) {
        return tell_unknown(session, command);
    }
    Err(error.into())
}

/// Says that an agent does not run the job, and why.
pub fn tell_idle(
    session: &Session,
    command: &Command,
    agent: AgentId,
    stage: Option<Stage>,
) -> Outcome {
    let stage = stage.unwrap_or(Stage::Unknown);
    let text = format!("the agent is not running the job; {}", in_words(stage));
    session.output.problem(&format!("{agent}: {text}"));
    let mut document = json::failure(ErrorKind::NotRunning, &text, Some(command));
    document["agent"] = agent.to_string().into();
    document["error"]["stage"] = json::stage(stage).into();
    session.output.document(document)?;
    Ok(Status::NotRunning)
}

/// Agents of a list that the controller does not know: they are left out of progress and jobs.
pub fn unreached(command: &Command, progress: &Progress) -> Vec<AgentId> {
    // No controller has answered which agents it knows.
    if progress.agents.is_empty() {
        return Vec::new();
    }
    let listed = command.target().agent_ids().iter();
    listed.filter(|agent| !progress.agents.contains_key(agent)).copied().collect()
}

/// Says that the command did not go to the agent that was asked about.
pub fn tell_no_agent(session: &Session, command: &Command, agent: AgentId) -> Outcome {
    let text = format!("it did not go to {agent}");
    session.output.problem(&text);
    let mut document = json::failure(ErrorKind::NoSuchAgent, &text, Some(command));
    document["agent"] = agent.to_string().into();
    session.output.document(document)?;
    Ok(Status::Nobody)
}

/// Says which agents the controller does not know.
pub fn tell_unreached(session: &Session, command: &Command, agents: &[AgentId]) -> Outcome {
    for agent in agents {
        session.output.problem(&format!("{agent}: {NO_SUCH_AGENT}"));
        let mut document = json::failure(ErrorKind::NoSuchAgent, &NO_SUCH_AGENT, Some(command));
        document["agent"] = agent.to_string().into();
        session.output.document(document)?;
    }
    Ok(if agents.is_empty() { Status::Success } else { Status::Nobody })
}

pub fn in_words(stage: Stage) -> &'static str {
    match stage {
        Stage::InQueue => "in the queue: no controller has taken it; acctl retract takes it back",
        Stage::Routed => "routed: the agent has not fetched it; it is down, stopped or full",
        Stage::QueuedOnAgent => {
            "queued on the agent: it waits behind another job of its queue, and no kill reaches it"
        }
        Stage::Running => "running",
        Stage::Done => "done",
        Stage::Lost => "lost: it was submitted, and its result cannot come any more",
        _ => {
            "unknown: the agent or the controller does not answer, or the job may wait in a queue of the \
             agent, which an id alone does not tell"
        }
    }
}
