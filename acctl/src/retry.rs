//! `--retry`: selects the agents that a command is sent to again.

use std::collections::{BTreeMap, BTreeSet};

use acclient::{AgentId, Command, ErrorKind, JobState, Stage, Target};

use crate::exit::Failure;
use crate::fold::fold;
use crate::session::Session;
use crate::stages;

/// Options for sending a command again.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct Retry {
    /// Instead of TARGET, send to the agents of this command that failed or were not reached; repeatable. The program
    /// or script must be given again, because Redis does not keep it
    #[arg(long, value_name = "HANDLE", conflicts_with = "target_file")]
    retry: Vec<String>,
    /// With --retry, also send to agents without a result, where the command may run twice
    #[arg(long, requires = "retry")]
    retry_silent: bool,
}

/// Agents of earlier commands that have no result and are not retried.
#[derive(Default)]
pub struct Missing {
    pub agents: Vec<AgentId>,
    /// Handles of the commands that may still have results.
    pub commands: Vec<String>,
}

/// Agents to retry, and agents left out.
pub struct Again {
    /// Targets whose union is retried; empty if there is no agent to retry.
    pub targets: Vec<String>,
    pub missing: Missing,
}

impl Retry {
    pub fn is_given(&self) -> bool {
        !self.retry.is_empty()
    }

    /// Determines the outcome of each agent and reports missing results. `None` if Redis has no trace of one of the
    /// commands.
    pub fn find(&self, session: &Session) -> Result<Option<Again>, Failure> {
        let (mut fates, mut targets) = (BTreeMap::new(), Vec::new());
        let mut open = BTreeSet::new();
        let commands = self.retry.iter().map(|text| session.command(text));
        let commands = commands.collect::<Result<Vec<Command>, Failure>>()?;
        for (place, command) in commands.iter().enumerate() {
            match Found::of(session, command)? {
                Found::Nothing => {
                    stages::tell_unknown(session, command)?;
                    return Ok(None);
                }
                Found::Unrouted => targets.push(whole(command)?),
                Found::Open(_) if self.retry_silent => targets.push(whole(command)?),
                Found::Open(stage) => {
                    let stage = stages::in_words(stage);
                    session.output.problem(&format!("not sent again: {command} is {stage}"));
                    open.insert(place);
                }
                // The outcome of a later command overrides that of an earlier one.
                Found::Agents(found) => {
                    fates.extend(found.into_iter().map(|(agent, fate)| (agent, (fate, place))));
                }
            }
        }
        let with = |wanted: Fate| fates.iter().filter(move |(_, (fate, _))| *fate == wanted);
        let mut again: Vec<AgentId> = with(Fate::Again).map(|(agent, _)| *agent).collect();
        let agents: Vec<AgentId> = with(Fate::Missing).map(|(agent, _)| *agent).collect();
        let missing = with(Fate::Missing).map(|(_, (_, place))| *place);
        let places: BTreeSet<usize> = missing.chain(open).collect();
        let mut missing = Missing {
            agents,
            commands: places.into_iter().map(|place| commands[place].to_string()).collect(),
        };
        if !missing.agents.is_empty() {
            let agents = fold(missing.agents.iter().copied());
            if self.retry_silent {
                session.output.note(format!("the command may run twice on {agents}"));
                again.extend(std::mem::take(&mut missing).agents);
            } else {
                session.output.problem(&format!(
                    "not sent again to {agents}: no result, the command may be running or done; \
                     use --retry-silent to include them"
                ));
            }
        }
        if !again.is_empty() {
            targets.push(Target::agents(again).to_string());
        }
        Ok(Some(Again { targets, missing }))
    }
}

/// Target of a command, in text form.
fn whole(command: &Command) -> Result<String, Failure> {
    if command.to_string().ends_with(":unknown") {
        return Err(Failure::Usage(format!(
            "command {}: no agent was reached, and an id does not contain the target; give the handle",
            command.id()
        )));
    }
    Ok(command.target().to_string())
}

/// Whether an agent is retried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeeded,
    /// The job failed, or the agent was not reached.
    Again,
    /// The job may be running or done.
    Missing,
}

/// State of an earlier command.
enum Found {
    /// Redis has no trace of it.
    Nothing,
    /// Routed to no agent.
    Unrouted,
    /// Not routed yet, to agents that are still unknown.
    Open(Stage),
    Agents(BTreeMap<AgentId, Fate>),
}

impl Found {
    fn of(session: &Session, command: &Command) -> Result<Self, Failure> {
        // Progress first, then results: a result that arrives in between counts.
        let progress = match command.progress(session.client.timeout()) {
            Err(error) if error.kind() == ErrorKind::NoSuchAgent => {
                let again = |agent| Found::Agents(BTreeMap::from([(agent, Fate::Again)]));
                return Ok(error.agent().map_or(Found::Unrouted, again));
            }
            progress => progress?,
        };
        if stages::is_unknown(&progress) {
            return Ok(Found::Nothing);
        }
        if progress.agents.is_empty() {
            let listed = command.target().agent_ids();
            return Ok(match progress.stage {
                Stage::Lost => Found::Unrouted,
                stage if listed.is_empty() => Found::Open(stage),
                _ => Found::Agents(listed.iter().map(|agent| (*agent, Fate::Missing)).collect()),
            });
        }
        let mut found = BTreeMap::new();
        for (agent, stage) in &progress.agents {
            // The controller records a job before it hands it to the agent: a lost agent without a job has not run it.
            let is_lost = *stage == Stage::Lost;
            found.insert(*agent, if is_lost { Fate::Again } else { Fate::Missing });
        }
        for (agent, job) in command.jobs()? {
            let fate = match job.state() {
                JobState::Success => Fate::Succeeded,
                // Another job with the same id may be running.
                JobState::DuplicateId => Fate::Missing,
                state if state.is_final() => Fate::Again,
                _ => Fate::Missing,
            };
            found.insert(agent, fate);
        }
        for agent in stages::unreached(command, &progress) {
            let is_unknown =
                command.job(agent).is_err_and(|it| it.kind() == ErrorKind::NoSuchAgent);
            // Otherwise there is an entry that cannot be parsed.
            found.insert(agent, if is_unknown { Fate::Again } else { Fate::Missing });
        }
        if let Some(rest) = stages::of_the_rest(&progress) {
            session.output.note(format!("remaining agents: {}", stages::in_words(rest)));
        }
        Ok(Found::Agents(found))
    }
}
