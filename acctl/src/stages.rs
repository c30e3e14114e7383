//! Stages of commands: texts and exit statuses.

use std::time::Duration;

use acclient::{AgentId, Command, Error, ErrorKind, Progress, Stage};

use crate::exit::{Outcome, Status};
use crate::json;
use crate::session::Session;

/// Timeout for progress requests that only add detail to a report.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reason given for an agent that is unknown to the controller.
pub const NO_SUCH_AGENT: &str = "no such agent: down, full, not registered, or a wrong number";

/// Requests the progress of a command with a short timeout, as detail for a report.
pub fn of(session: &Session, command: &Command) -> acclient::Result<Progress> {
    let usual = session.client.timeout().unwrap_or(PATIENCE);
    command.progress(usual.min(PATIENCE))
}

/// Whether Redis has no trace of the command.
pub fn is_unknown(progress: &Progress) -> bool {
    progress.stage == Stage::Unknown && progress.agents.is_empty() && !progress.redis_lost_data
}

/// Stage of the agents that are not known yet, if the command is not routed to all agents.
pub fn of_the_rest(progress: &Progress) -> Option<Stage> {
    let is_known = progress.agents.values().any(|stage| *stage == progress.stage);
    (!progress.agents.is_empty() && !is_known).then_some(progress.stage)
}

/// Reports that Redis has no trace of the command.
pub fn tell_unknown(session: &Session, command: &Command) -> Outcome {
    let why = "wrong id, sent more than 24 hours ago, or taken by a controller that then stopped";
    let text = format!("no trace of command {}: {why}", command.id());
    session.output.problem(&text);
    let mut document = json::failure(ErrorKind::NoSuchAgent, &text, Some(command));
    document["error"]["stage"] = json::stage(Stage::Unknown).into();
    session.output.document(document)?;
    Ok(Status::Nobody)
}

/// Returns the error of a request about a command, or reports that Redis has no trace of the command.
pub fn unless_unknown(session: &Session, command: &Command, error: Error) -> Outcome {
    if error.is_timeout() && of(session, command).is_ok_and(|found| is_unknown(&found)) {
        return tell_unknown(session, command);
    }
    Err(error.into())
}

/// Reports that an agent is not running the job, and the stage of the job.
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

/// Listed agents that are unknown to the controller: progress and jobs omit them.
pub fn unreached(command: &Command, progress: &Progress) -> Vec<AgentId> {
    // No controller has routed the command yet.
    if progress.agents.is_empty() {
        return Vec::new();
    }
    let listed = command.target().agent_ids().iter();
    listed.filter(|agent| !progress.agents.contains_key(agent)).copied().collect()
}

/// Reports that the command was not sent to the requested agent.
pub fn tell_no_agent(session: &Session, command: &Command, agent: AgentId) -> Outcome {
    let text = format!("the command was not sent to {agent}");
    session.output.problem(&text);
    let mut document = json::failure(ErrorKind::NoSuchAgent, &text, Some(command));
    document["agent"] = agent.to_string().into();
    session.output.document(document)?;
    Ok(Status::Nobody)
}

/// Reports agents that are unknown to the controller.
pub fn tell_unreached(session: &Session, command: &Command, agents: &[AgentId]) -> Outcome {
    for agent in agents {
        session.output.problem(&format!("{agent}: {NO_SUCH_AGENT}"));
        let mut document = json::failure(ErrorKind::NoSuchAgent, &NO_SUCH_AGENT, Some(command));
        document["agent"] = agent.to_string().into();
        session.output.document(document)?;
    }
    Ok(if agents.is_empty() { Status::Success } else { Status::Nobody })
}

/// Text for a stage.
pub fn in_words(stage: Stage) -> &'static str {
    match stage {
        Stage::InQueue => "in the queue: no controller has taken it; acctl retract removes it",
        Stage::Routed => "routed: not fetched by the agent, which is down, stopped or full",
        Stage::QueuedOnAgent => {
            "queued on the agent behind another job of its queue; it cannot be killed yet"
        }
        Stage::Running => "running",
        Stage::Done => "done",
        Stage::Lost => "lost: submitted, but no result will arrive",
        _ => {
            "unknown: the agent or the controller does not answer, or the job may be queued on the agent \
             (an id alone does not tell)"
        }
    }
}
