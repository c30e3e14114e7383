//! `--retry`: which agents get a command again.

use std::collections::{BTreeMap, BTreeSet};

use acclient::{AgentId, Command, ErrorKind, JobState, Stage, Target};

use crate::exit::Failure;
use crate::fold::fold;
use crate::session::Session;
use crate::stages;

/// Options of commands that are sent again.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct Retry {
    /// Sends it again to the agents of this command that failed or were not reached, in the place of TARGET. The
    /// program or script has to be given again: Redis does not keep it
    #[arg(long, value_name = "HANDLE", conflicts_with = "target_file")]
    retry: Vec<String>,
    /// With --retry, also to agents whose result is missing: it may run there twice
    #[arg(long, requires = "retry")]
    retry_silent: bool,
}

/// Agents of earlier commands that have no result, and get nothing again.
#[derive(Default)]
pub struct Missing {
    pub agents: Vec<AgentId>,
    /// Handles of the commands that may still have results.
    pub commands: Vec<String>,
}

/// What is to be sent again, and to whom it is not.
pub struct Again {
    /// Targets, one of which an agent has to match. None where there is nobody.
    pub targets: Vec<String>,
    pub missing: Missing,
}

impl Retry {
    pub fn is_given(&self) -> bool {
        !self.retry.is_empty()
    }

    /// Finds out how the agents of the commands fared, and reports missing results. `None` if Redis has no trace of one
    /// of the commands.
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
                // A later command tells more of the same agents.
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
                session.output.note(format!("it may run twice on {agents}"));
                again.extend(std::mem::take(&mut missing).agents);
            } else {
                session.output.problem(&format!(
                    "not sent again to {agents}: the results are missing, and it may run there or have run; \
                     --retry-silent sends it there too"
                ));
            }
        }
        if !again.is_empty() {
            targets.push(Target::agents(again).to_string());
        }
        Ok(Some(Again { targets, missing }))
    }
}

/// All agents that a command was for.
fn whole(command: &Command) -> Result<String, Failure> {
    if command.to_string().ends_with(":unknown") {
        return Err(Failure::Usage(format!(
            "command {}: nobody was reached, and an id does not tell whom it was for; give its handle",
            command.id()
        )));
    }
    Ok(command.target().to_string())
}

/// Whether an agent gets a command again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeeded,
    /// It failed, or did not reach the agent.
    Again,
    /// It may run, or have run.
    Missing,
}

/// What became of a command.
enum Found {
    /// Redis has no trace of it.
    Nothing,
    /// It went to no agent.
    Unrouted,
    /// It may go to agents that nobody has named yet.
    Open(Stage),
    Agents(BTreeMap<AgentId, Fate>),
}

impl Found {
    fn of(session: &Session, command: &Command) -> Result<Self, Failure> {
        // First how far it got, then the results: one that comes in between counts.
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
            // The controller notes a job before it hands it to the agent: what is lost without a job has not run.
            let is_lost = *stage == Stage::Lost;
            found.insert(*agent, if is_lost { Fate::Again } else { Fate::Missing });
        }
        for (agent, job) in command.jobs()? {
            let fate = match job.state() {
                JobState::Success => Fate::Succeeded,
                // Of two jobs under the id, the other may run.
                JobState::DuplicateId => Fate::Missing,
                state if state.is_final() => Fate::Again,
                _ => Fate::Missing,
            };
            found.insert(agent, fate);
        }
        for agent in stages::unreached(command, &progress) {
            let is_unknown =
                command.job(agent).is_err_and(|it| it.kind() == ErrorKind::NoSuchAgent);
            // Otherwise there is something that cannot be read.
            found.insert(agent, if is_unknown { Fate::Again } else { Fate::Missing });
        }
        if let Some(rest) = stages::of_the_rest(&progress) {
            session.output.note(format!("agents that are not known: {}", stages::in_words(rest)));
        }
        Ok(Found::Agents(found))
    }
}
