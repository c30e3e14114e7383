use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::command::CommandRef;
use crate::engine::Wait;
use crate::engine::queue;
use crate::engine::waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::job::outcome::{self, Outcome};
use crate::protocol::{AgentId, JobState, ResultDocument, keys};
use crate::transport::{self, Until, integer, sleep};

/// How long a controller may take from taking a command to saying whom it went to, and an agent from
/// the end of a job to its result. Milliseconds, when nothing is wrong.
const MOMENT: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// How far a command got; see [`CommandRef::progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// In the queue: no controller has taken it. It can be taken back, see [`CommandRef::retract`].
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

pub(crate) fn of(command: &CommandRef, wait: Wait) -> Result<Progress> {
    let begun = Instant::now();
    let client = command.client();
    let asked = || format!("the progress of {}", command.in_words());
    let found = client.bounded(wait.clone(), asked, |until| look(command, until));
    let found = found.map_err(|error| error.about_command(command))?;
    let mut agents = match found {
        Found::Stage(stage) => return Ok(Progress::without_agents(stage)),
        Found::Agents(agents) => agents,
    };
    let orders: Vec<_> = agents
        .iter()
        .filter(|(_, (stage, _))| *stage == Stage::Running)
        .map(|(agent, (_, job))| (*agent, job.stats_order()))
        .collect();
    let patience = questions(client, &wait, begun);
    let answers = outcome::answers(&client.for_a_step(&patience), orders, patience, Ok)?;
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
        if let Some(entry) = agents.get_mut(&agent) {
            entry.0 = stage;
        }
    }
    let mut agents: BTreeMap<_, _> =
        agents.into_iter().map(|(agent, (stage, _))| (agent, stage)).collect();
    let last = wait.since(begun);
    for agent in client.bounded(last, asked, |until| results_of(command, ended, until))? {
        agents.insert(agent, Stage::Done);
    }
    Ok(Progress::of_agents(agents))
}

/// How long agents may take to answer: not all of the time that is left, since the results of those
/// who say that it has ended are to be read then. Nobody waits for ever for an agent that is away.
fn questions(client: &Client, wait: &Wait, begun: Instant) -> Wait {
    let quick = client.timeout().unwrap_or(Duration::from_secs(10));
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
    Agents(BTreeMap<AgentId, (Stage, Job)>),
}

/// What Redis knows. Looks again for a moment before it says that nobody has the command: a
/// controller may have it in its hands.
fn look(command: &CommandRef, until: &Until) -> Result<Found> {
    let (client, id) = (command.client(), command.id());
    let moment = until.deadline.remaining().map_or(MOMENT, |left| MOMENT.min(left / 2));
    let last = Instant::now() + moment;
    loop {
        let in_queue =
            client.pool().repeat(until, |connection, until| queue::find(connection, id, until))?;
        if in_queue.is_some() {
            return Ok(Found::Stage(Stage::InQueue));
        }
        // After the queue: a command goes from there to here.
        let latest = waiting::latest(client, id, until)?;
        if !latest.is_empty() {
            let agent = |(agent, document): (AgentId, ResultDocument)| {
                let stage = stage_of(&document);
                (agent, (stage, Job::new(client.clone(), id, agent, document)))
            };
            return Ok(Found::Agents(latest.into_iter().map(agent).collect()));
        }
        if Instant::now() >= last {
            break;
        }
        sleep(LOOK, until)?;
    }
    let marked = client.pool().repeat(until, |connection, until| {
        connection.command(&[b"EXISTS", keys::submitted(id).as_bytes()]);
        connection.reply(until)
    })?;
    let was_submitted = command.was_sent() || integer(&marked)? == 1;
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
fn results_of(
    command: &CommandRef,
    mut agents: Vec<AgentId>,
    until: &Until,
) -> Result<Vec<AgentId>> {
    let (client, id) = (command.client(), command.id());
    let mut there = Vec::new();
    let last = Instant::now() + MOMENT;
    while !agents.is_empty() {
        let answers = match waiting::look_at_all(client, id, &agents, until) {
            Err(error) if error.is_timeout() => break,
            answers => answers?,
        };
        let found = answers.into_iter().filter(|(_, document)| document.is_some());
        there.extend(found.map(|(agent, _)| agent));
        agents.retain(|agent| !there.contains(agent));
        if agents.is_empty() || Instant::now() >= last {
            break;
        }
        match sleep(LOOK, until) {
            Err(transport::Error::Timeout) => break,
            slept => slept?,
        }
    }
    Ok(there)
}
