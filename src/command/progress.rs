//! [`Progress`]: how far a command got, on each agent.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::Command;
use crate::engine::{Session, Wait, push, result, retract};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Outcome, outcomes_of, questions};
use crate::protocol::{AgentId, JobState, ResultDocument};
use crate::transport::{self, Until, clock, sleep};

/// How long a controller may take from taking a command to saying whom it went to, and an agent from
/// the end of a job to its result. Milliseconds, when nothing is wrong.
const MOMENT: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// How far a command got; see [`Command::progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// In the queue: no controller has taken it. It can be taken back, see [`Command::retract`].
    InQueue,
    /// Routed to the agent, which has not fetched it: it is away, or has enough to do.
    Routed,
    /// The agent runs it.
    Running,
    /// There is a result.
    Done,
    /// It was submitted, and nobody has it any more: a controller took it and ended before it was
    /// routed, or the job ended while the controller was down, which loses its result for good.
    Lost,
    /// Nothing is known of it, and it is not known whether it was ever submitted; or the agent that
    /// was running it does not answer.
    Unknown,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::InQueue => "in queue",
            Stage::Routed => "routed",
            Stage::Running => "running",
            Stage::Done => "done",
            Stage::Lost => "lost",
            Stage::Unknown => "unknown",
        })
    }
}

/// How far a command got, as a whole and agent by agent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// As long as no agent is known: [`Stage::InQueue`], [`Stage::Lost`] or [`Stage::Unknown`]. Then
    /// that of the agent that is least far.
    pub stage: Stage,
    /// Each agent that the command went to. The agent 0:0, where no agent matched a target.
    pub agents: BTreeMap<AgentId, Stage>,
}

impl Progress {
    fn without_agents(stage: Stage) -> Self {
        Progress { stage, agents: BTreeMap::new() }
    }

    fn of_agents(agents: BTreeMap<AgentId, Stage>) -> Self {
        let order = [Stage::Routed, Stage::Running, Stage::Unknown, Stage::Lost, Stage::Done];
        let least = order.into_iter().find(|stage| agents.values().any(|other| other == stage));
        Progress { stage: least.unwrap_or(Stage::Unknown), agents }
    }
}

pub(crate) fn of(command: &Command, wait: Wait) -> Result<Progress> {
    let begun = clock::now();
    let session = command.session();
    let asked = || format!("the progress of {}", command.in_words());
    let found = session.bounded(&wait, asked, |until| look(command, until));
    let found = found.map_err(|error| error.about_command(command))?;
    let mut agents = match found {
        Found::Stage(stage) => return Ok(Progress::without_agents(stage)),
        Found::Agents(agents) => agents,
    };
    let running = agents.iter().filter(|(_, stage)| **stage == Stage::Running);
    let question = questions::stats(command.id());
    let orders = running.map(|(agent, _)| (*agent, question.clone())).collect();
    let patience = patience(session, &wait, begun);
    let answers = outcomes_of(&session.for_a_step(&patience), orders, &patience, |_| Ok(()))?;
    let mut ended = Vec::new();
    for (agent, answer) in answers {
        let stage = match answer {
            Outcome::Done(_) | Outcome::Over(_) => Stage::Running,
            // It does not run there, so there is or was a result.
            Outcome::Failed(error) if error.kind() == ErrorKind::JobFailed => {
                ended.push(agent);
                Stage::Lost
            }
            // An agent that cannot be asked: what it said last counts.
            Outcome::Failed(error) if error.kind() == ErrorKind::UnknownCommand => Stage::Running,
            Outcome::Failed(error) if is_no_answer(&error) => Stage::Unknown,
            Outcome::Failed(error) => return Err(error),
        };
        agents.insert(agent, stage);
    }
    let last = wait.since(begun);
    for agent in session.bounded(&last, asked, |until| results_of(command, ended, until))? {
        agents.insert(agent, Stage::Done);
    }
    Ok(Progress::of_agents(agents))
}

/// How long agents may take to answer: not all of the time that is left, since the results of those
/// who say that it has ended are to be read then. Nobody waits for ever for an agent that is away.
fn patience(session: &Session, wait: &Wait, begun: Instant) -> Wait {
    let quick = session.timeout().unwrap_or(Duration::from_secs(10));
    let left = wait.clone().since(begun).timeout.map(|left| left - MOMENT.min(left / 4));
    Wait { timeout: Some(left.unwrap_or(quick)), cancel: wait.cancel.clone() }
}

/// Whether a question has found nobody to answer it, or may not even have been asked.
fn is_no_answer(error: &Error) -> bool {
    use ErrorKind::{MaybeSent, NoSuchAgent, Protocol, Timeout};
    matches!(error.kind(), Timeout | NoSuchAgent | Protocol | MaybeSent)
}

enum Found {
    Stage(Stage),
    Agents(BTreeMap<AgentId, Stage>),
}

/// What Redis knows. Looks again for a moment before it says that nobody has the command: a
/// controller may have it in its hands.
fn look(command: &Command, until: &Until) -> Result<Found> {
    let (session, id) = (command.session(), command.id());
    let moment = until.deadline.remaining().map_or(MOMENT, |left| MOMENT.min(left / 2));
    let last = clock::now() + moment;
    loop {
        if retract::is_queued(session, id, until)? {
            return Ok(Found::Stage(Stage::InQueue));
        }
        // After the queue: a command goes from there to here.
        let latest = result::latest(session, id, until)?;
        if !latest.is_empty() {
            let stages = latest.iter().map(|(agent, document)| (*agent, stage_of(document)));
            return Ok(Found::Agents(stages.collect()));
        }
        if clock::now() >= last {
            break;
        }
        sleep(LOOK, until)?;
    }
    let was_submitted = push::is_marked(session, id, until)? || command.was_sent();
    Ok(Found::Stage(if was_submitted { Stage::Lost } else { Stage::Unknown }))
}

fn stage_of(document: &ResultDocument) -> Stage {
    match document.state.value() {
        Some(state) if state.is_final() && !document.is_duplicate() => Stage::Done,
        None | Some(JobState::Queued) => Stage::Routed,
        Some(_) => Stage::Running,
    }
}

/// Those of the agents whose results are there, or come within the time.
fn results_of(command: &Command, mut agents: Vec<AgentId>, until: &Until) -> Result<Vec<AgentId>> {
    let (session, id) = (command.session(), command.id());
    let mut there = Vec::new();
    let last = clock::now() + MOMENT;
    while !agents.is_empty() {
        let answers = match result::look_at_all(session, id, &agents, until) {
            Err(error) if error.is_timeout() => break,
            answers => answers?,
        };
        let found = answers.into_iter().filter(|(_, document)| document.is_some());
        there.extend(found.map(|(agent, _)| agent));
        agents.retain(|agent| !there.contains(agent));
        if agents.is_empty() || clock::now() >= last {
            break;
        }
        match sleep(LOOK, until) {
            Err(transport::Error::Timeout) => break,
            slept => slept?,
        }
    }
    Ok(there)
}
