//! [`Progress`]: how far a command got, on each agent.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::{Command, queued};
use crate::engine::{Session, Timeout, loss, once, result, retract, retry, targets};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Outcome, outcomes_of, questions};
use crate::node::agents;
use crate::protocol::{AgentId, AgentQueue, JobState, ResultDocument, keys};
use crate::transport::{self, Until, clock, sleep};

/// How long a controller may take from taking a command to saying whom it went to, and an agent from
/// the end of a job to its result. Milliseconds, when nothing is wrong.
const MOMENT: Duration = Duration::from_secs(1);
/// Pause between two reads.
const PAUSE: Duration = Duration::from_millis(50);

/// Stage of a command; see [`Command::progress`].
///
/// ```
/// assert_eq!(acclient::Stage::InQueue.to_string(), "in queue");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// In the queue: no controller has taken it. [`Command::retract`] takes it back.
    InQueue,
    /// Routed to the agent, which has not fetched it: the agent is down, stopped or full (100 jobs).
    Routed,
    /// Fetched by the agent, where it waits behind another job of the same queue
    /// ([`RunArgs::queue`](crate::RunArgs::queue)). No kill reaches it there, and it is lost if the agent
    /// dies.
    QueuedOnAgent,
    /// Running on the agent, waiting for its next run, or ending after a kill.
    Running,
    /// There is a result.
    Done,
    /// It was submitted and its result cannot come any more: a controller took it and ended before it was
    /// routed, the job ended while the controller was down, or the agent was restarted meanwhile.
    Lost,
    /// Nothing is known of it, not even whether it was ever submitted. Or no controller answers that may have
    /// taken it from the queue. Or the agent has fetched it and does not answer: it is down, stopped or
    /// full (100 jobs), or Redis refuses writes. Or the agent does not run it, and the handle does not tell
    /// whether it waits in a queue of the agent: a handle by id alone does not.
    Unknown,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::InQueue => "in queue",
            Stage::Routed => "routed",
            Stage::QueuedOnAgent => "queued on agent",
            Stage::Running => "running",
            Stage::Done => "done",
            Stage::Lost => "lost",
            Stage::Unknown => "unknown",
        })
    }
}

/// Progress of a command, as a whole and on each agent; from [`Command::progress`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let progress = client.get_by_id("x").progress(std::time::Duration::from_secs(5))?;
/// for (agent, stage) in &progress.agents {
///     println!("{agent}: {stage}");
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The stage of the agent that is least far. While no agent is known: [`Stage::InQueue`],
    /// [`Stage::Lost`] or [`Stage::Unknown`]. Where a controller ended, or is slow, before it had routed the
    /// command to all agents with its roles, [`Stage::Lost`] or [`Stage::Unknown`] of the rest counts too.
    pub stage: Stage,
    /// Each agent that the command went to. Agents of a list that the controller does not know are left
    /// out.
    pub agents: BTreeMap<AgentId, Stage>,
    /// Whether Redis has lost its data since it confirmed the command. The command may still run: agents that the
    /// target names are asked, any other stage is [`Stage::Unknown`]. Always `false` if the user may not run
    /// `INFO server`, and for a command that was found by its id or handle string.
    pub redis_lost_data: bool,
}

impl Progress {
    fn without_agents(stage: Stage, redis_lost_data: bool) -> Self {
        Progress { stage, agents: BTreeMap::new(), redis_lost_data }
    }

    fn of_agents(
        agents: BTreeMap<AgentId, Stage>,
        rest: Option<Stage>,
        redis_lost_data: bool,
    ) -> Self {
        let order = [
            Stage::InQueue,
            Stage::Routed,
            Stage::QueuedOnAgent,
            Stage::Running,
            Stage::Unknown,
            Stage::Lost,
            Stage::Done,
        ];
        let stages = || agents.values().chain(&rest);
        let least = order.into_iter().find(|stage| stages().any(|other| other == stage));
        Progress { stage: least.unwrap_or(Stage::Unknown), agents, redis_lost_data }
    }
}

pub(crate) fn of(command: &Command, timeout: Timeout) -> Result<Progress> {
    let begun = clock::now();
    let session = command.session();
    let asked = || format!("the progress of {}", command.in_words());
    let found = session.bounded(&timeout, asked, |until| look(command, until));
    let found = found.map_err(|error| error.about_command(command))?;
    let (agents, rest, is_forgotten) = match found {
        Found::Stage(stage) => return Ok(Progress::without_agents(stage, false)),
        Found::Agents(agents, rest) => (agents, rest, false),
        Found::Forgotten => {
            let agents = command.agents().unwrap_or_default().iter();
            let agents = agents.filter(|agent| agent.is_real());
            (agents.map(|agent| (*agent, Stage::Running)).collect(), None, true)
        }
    };
    Ok(match agents {
        agents if agents.is_empty() => Progress::without_agents(Stage::Unknown, is_forgotten),
        agents => {
            Progress::of_agents(asked_of(command, agents, &timeout, begun)?, rest, is_forgotten)
        }
    })
}

/// The stages of agents after those that are said to run the job were asked, in a call that began at `begun`.
pub(super) fn asked_of(
    command: &Command,
    mut agents: BTreeMap<AgentId, Stage>,
    timeout: &Timeout,
    begun: Instant,
) -> Result<BTreeMap<AgentId, Stage>> {
    let session = command.session();
    let asked = || format!("the progress of {}", command.in_words());
    let running = agents.iter().filter(|(_, stage)| **stage == Stage::Running);
    let running = running.map(|(agent, _)| *agent).collect();
    let (stages, mut missing) = ask(command, running, &patience(session, timeout, begun))?;
    agents.extend(stages);
    let left = || timeout.clone().since(begun);
    let read = |missing: &[AgentId], span: Duration| {
        session.bounded(&left(), asked, |until| results_of(command, missing, span, until))
    };
    let span = left().duration.map_or(MOMENT, |left| MOMENT.min(left / 3));
    let there = read(&missing, span)?;
    missing.retain(|agent| !there.contains(agent));
    agents.extend(there.into_iter().map(|agent| (agent, Stage::Done)));
    let stages = match &command.envelope().queue {
        AgentQueue::None => missing.iter().map(|agent| (*agent, Stage::Lost)).collect(),
        AgentQueue::Unknown => missing.iter().map(|agent| (*agent, Stage::Unknown)).collect(),
        AgentQueue::Named(name) => queued::stages(session, name, &missing, &left())?,
    };
    agents.extend(stages);
    // The job or its agent may have ended during the requests; a result counts even if no agent answers.
    let open = |stage: Stage| match stage {
        Stage::Unknown => true,
        Stage::Lost => matches!(command.envelope().queue, AgentQueue::Named(_)),
        _ => false,
    };
    let open: Vec<AgentId> =
        agents.iter().filter(|(_, stage)| open(**stage)).map(|(agent, _)| *agent).collect();
    let there = read(&open, Duration::ZERO)?;
    agents.extend(there.into_iter().map(|agent| (agent, Stage::Done)));
    Ok(agents)
}

/// Asks agents whether they run the job. Returns the stages of those that say so or do not answer, and
/// the agents that do not run it.
fn ask(
    command: &Command,
    agents: Vec<AgentId>,
    patience: &Timeout,
) -> Result<(BTreeMap<AgentId, Stage>, Vec<AgentId>)> {
    let question = questions::stats(command.id());
    let orders = agents.into_iter().map(|agent| (agent, question.clone())).collect();
    let session = command.session().for_a_step(patience);
    let (mut stages, mut missing) = (BTreeMap::new(), Vec::new());
    for (agent, answer) in outcomes_of(&session, orders, patience, |_| Ok(()))? {
        let stage = match answer {
            Outcome::Done(_) | Outcome::Over(_) => Stage::Running,
            Outcome::Failed(error) if error.kind() == ErrorKind::JobFailed => {
                missing.push(agent);
                continue;
            }
            // An agent that cannot be asked: what it said last counts.
            Outcome::Failed(error) if error.kind() == ErrorKind::UnknownCommand => Stage::Running,
            Outcome::Failed(error) if is_no_answer(&error) => Stage::Unknown,
            Outcome::Failed(error) => return Err(error),
        };
        stages.insert(agent, stage);
    }
    Ok((stages, missing))
}

/// How long agents may take to answer: not all of the time that is left, since the results of those
/// that do not run the job are read then. Without a timeout an agent that is away has the default one.
fn patience(session: &Session, timeout: &Timeout, begun: Instant) -> Timeout {
    let quick = session.timeout().unwrap_or(Duration::from_secs(10));
    let left = timeout.clone().since(begun).duration.map(|left| left - MOMENT.min(left / 4));
    Timeout { duration: Some(left.unwrap_or(quick)), cancel: timeout.cancel.clone() }
}

/// Returns whether a request was not answered, or may not even have been sent.
pub(super) fn is_no_answer(error: &Error) -> bool {
    use ErrorKind::{MaybeSent, NoSuchAgent, Protocol, Timeout};
    matches!(error.kind(), Timeout | NoSuchAgent | Protocol | MaybeSent)
        || retry::is_refused_write(error)
}

enum Found {
    Stage(Stage),
    /// Also what is known of those of its agents that are not known.
    Agents(BTreeMap<AgentId, Stage>, Option<Stage>),
    /// Redis has lost the command.
    Forgotten,
}

/// What Redis knows at one moment.
struct Seen {
    /// Whether it is in the queue, unrouted.
    is_in_queue: bool,
    /// Whether it is known whom it went to, to the last agent.
    is_complete: bool,
    agents: BTreeMap<AgentId, Stage>,
    /// Agents of a list that the controller does not know.
    nobody: Vec<AgentId>,
}

fn see(command: &Command, until: &Until) -> Result<Seen> {
    let (session, envelope) = (command.session(), command.envelope());
    let listed = command.target().agent_ids();
    let queued = retract::queued(session, envelope, until)?;
    let is_list = listed.len() > 1;
    let mut agents: BTreeMap<AgentId, Stage> =
        queued.iter().filter_map(|it| Some((it.agent()?, Stage::InQueue))).collect();
    // After the queue: a command goes from there to here.
    let is_closed =
        !command.target().may_be_fanout() || targets::is_routed(session, envelope, until)?;
    let latest = result::latest(session, envelope, until)?;
    let is_there = |agent: &AgentId| latest.iter().any(|(other, _)| other == agent);
    let are_there = listed.iter().all(|agent| agents.contains_key(agent) || is_there(agent));
    let unknown = latest.iter().filter(|(_, document)| document.is_no_such_agent());
    let nobody = unknown.map(|(agent, _)| *agent).collect();
    let is_routed = is_closed || latest.iter().any(|(_, document)| is_old(document));
    let latest = command.known_agents(latest)?;
    agents.extend(latest.iter().map(|(agent, document)| (*agent, stage_of(document))));
    if !command.was_sent() {
        // The results may be those of an earlier command under the id.
        let done = agents.iter().filter(|(_, stage)| **stage == Stage::Done);
        let done: Vec<AgentId> = done.map(|(agent, _)| *agent).collect();
        let (disputed, _) = result::disputed(session, command.id(), &done, until)?;
        agents.extend(disputed.iter().map(|(agent, document)| (*agent, stage_of(document))));
        // What is in the queue was sent after the job that has ended.
        let again = queued.iter().filter_map(|it| it.agent());
        let again = again.filter(|agent| agents.get(agent) == Some(&Stage::Done));
        let again: Vec<AgentId> = again.collect();
        agents.extend(again.into_iter().map(|agent| (agent, Stage::InQueue)));
    }
    let is_in_queue = !queued.is_empty() && !is_list;
    let is_complete = !agents.is_empty() && is_routed && are_there;
    Ok(Seen { is_in_queue, is_complete, agents, nobody })
}

/// Whether a job began so long ago that `queued`, which closes the set of agents, has expired.
fn is_old(document: &ResultDocument) -> bool {
    const OLD: Duration = Duration::from_secs(keys::TTL as u64 - 3600);
    let started = document.starttime.value().copied().and_then(|it| u64::try_from(it).ok());
    let started = started.filter(|it| *it > 0);
    let started = started.and_then(|it| UNIX_EPOCH.checked_add(Duration::from_millis(it)));
    started.and_then(|it| it.elapsed().ok()).is_some_and(|age| age > OLD)
}

/// Reads the state in Redis. Reads again for a moment, and asks the controller, before it reports that the
/// command is lost: a slow or stopped controller may have taken it.
fn look(command: &Command, until: &Until) -> Result<Found> {
    let (session, envelope) = (command.session(), command.envelope());
    let moment = until.deadline.remaining().map_or(MOMENT, |left| MOMENT.min(left / 4));
    let last = clock::now() + moment;
    let mut seen = see(command, until)?;
    while !seen.is_in_queue && !seen.is_complete && clock::now() < last {
        sleep(PAUSE, until)?;
        seen = see(command, until)?;
    }
    let is_found = |seen: &Seen| seen.is_in_queue || seen.is_complete;
    if !is_found(&seen) && seen.agents.is_empty() && loss::is_forgotten(session, envelope, until)? {
        return Ok(Found::Forgotten);
    }
    let mut rest = Stage::Unknown;
    if !is_found(&seen) && was_submitted(command, &seen, until)? {
        let is_over = envelope.is_taken_back() || controller_is_through(session, until);
        if is_over {
            seen = see(command, until)?;
            rest = Stage::Lost;
        }
    }
    Ok(match seen {
        Seen { is_in_queue: true, .. } => Found::Stage(Stage::InQueue),
        Seen { agents, .. } if agents.is_empty() => Found::Stage(rest),
        Seen { is_complete: true, agents, .. } => Found::Agents(agents, None),
        Seen { mut agents, nobody, .. } => {
            let listed = command.target().agent_ids();
            for agent in listed.iter().filter(|agent| !nobody.contains(agent)) {
                agents.entry(*agent).or_insert(rest);
            }
            Found::Agents(agents, listed.is_empty().then_some(rest))
        }
    })
}

fn was_submitted(command: &Command, seen: &Seen, until: &Until) -> Result<bool> {
    let is_known = command.was_sent() || !seen.agents.is_empty();
    Ok(is_known || once::is_marked(command.session(), command.id(), until)?)
}

/// Whether the controller has routed all that it took before this moment: it takes one command after the other,
/// and answers none before it has routed those ahead of it.
fn controller_is_through(session: &Session, until: &Until) -> bool {
    const LONGEST: Duration = Duration::from_secs(10);
    let left = until.deadline.remaining().unwrap_or(LONGEST);
    let patience = session.timeout().unwrap_or(LONGEST).min(left / 2);
    let session = session.with_timeout(Some(patience.max(Duration::from_millis(1))));
    agents::list(&session).is_ok()
}

fn stage_of(document: &ResultDocument) -> Stage {
    match document.state.value() {
        Some(state) if state.is_final() && !document.is_duplicate() => Stage::Done,
        None | Some(JobState::Queued) => Stage::Routed,
        Some(_) => Stage::Running,
    }
}

/// Those of the agents whose results are there, or come within `span`.
fn results_of(
    command: &Command,
    agents: &[AgentId],
    span: Duration,
    until: &Until,
) -> Result<Vec<AgentId>> {
    let (session, command) = (command.session(), command.envelope());
    let (mut agents, mut there) = (agents.to_vec(), Vec::new());
    let last = clock::now() + span;
    while !agents.is_empty() {
        let answers = match result::poll_all(session, command, &agents, until) {
            Err(error) if error.is_timeout() => break,
            answers => answers?,
        };
        let found = answers.into_iter().filter(|(_, document)| document.is_some());
        there.extend(found.map(|(agent, _)| agent));
        agents.retain(|agent| !there.contains(agent));
        if agents.is_empty() || clock::now() >= last {
            break;
        }
        match sleep(PAUSE, until) {
            Err(transport::Error::Timeout) => break,
            slept => slept?,
        }
    }
    Ok(there)
}
