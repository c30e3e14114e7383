//! [`KillResult`]: what a kill led to, and how a job is killed so that no agent is asked a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Job, Outcome, Outcomes, questions};
use crate::engine::arrivals::Arrivals;
use crate::engine::ask::{self, Order};
use crate::engine::watch::Wanted;
use crate::engine::{Session, Timeout, kills, result, verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::node::ProcessStats;
use crate::node::answer::read_one;
use crate::protocol::{AgentId, Envelope, JobResult};
use crate::transport::clock;

/// How long the result of a job that was killed is waited for, and that of a job which its agent does not
/// run. Milliseconds, when nothing holds it up.
const MOMENT: Duration = Duration::from_secs(1);
/// How long a job without a process is given to end or to start its process.
const INSTANT: Duration = Duration::from_millis(100);
/// How long agents may take to answer before those that have answered are sent the kill; and from then on.
const FIRST: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
/// With less time a kill is not sent any more.
const LEAST: Duration = Duration::from_millis(300);

/// Result of a kill that an agent has accepted.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for (agent, outcome) in client.get_by_id("x").kill()? {
///     match outcome {
///         Outcome::Done(KillResult::Ordered) => println!("{agent}: something still holds the output"),
///         _ => println!("{agent}: {}", outcome.name()),
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KillResult {
    /// The job has ended: its result is there. Its state is `KILLED`, or another one where the job ended
    /// by itself before the kill reached it.
    Ended,
    /// The agent has killed the process, now or by an earlier kill, but the job goes on: something that the
    /// process started still holds its output. The result follows when that ends. Another kill changes
    /// nothing, and is not sent.
    Ordered,
}

impl KillResult {
    /// Name of the variant: `ended` or `ordered`.
    pub fn name(self) -> &'static str {
        match self {
            KillResult::Ended => "ended",
            KillResult::Ordered => "ordered",
        }
    }
}

/// The name.
impl fmt::Display for KillResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an agent says of a job that has no result.
enum Seen {
    /// It runs a process, which a kill ends.
    Process,
    /// It has the job, but no process: the job is ending, or waits for its next run.
    NoProcess,
    /// It does not have the job.
    Nothing,
    Failed(Error),
}

/// Agents by what they say of the job; those that are missing have an outcome.
struct Sorted {
    /// They run a process of it.
    running: Vec<AgentId>,
    /// They do not, and may end it or start it at any moment.
    unclear: Vec<(AgentId, Seen)>,
}

/// Kills the job of a command on some agents where it is not known to be over, all at once.
pub(crate) fn kill_each(
    session: &Session,
    command: &Envelope,
    agents: Vec<AgentId>,
    timeout: &Timeout,
) -> Result<Outcomes<KillResult>> {
    let (outcomes, session) = (BTreeMap::new(), &session.asking());
    let mut killing = Killing { session, command, timeout, begun: clock::now(), outcomes };
    let killed = killing.kill(&agents);
    let mut outcomes = killing.outcomes;
    if let Err(error) = killed {
        if outcomes.is_empty() {
            return Err(error);
        }
        for (agent, ended) in ask::ended_for(agents.into_iter(), &error) {
            outcomes.entry(agent).or_insert_with(|| ended.into());
        }
    }
    Ok(outcomes.into_iter().collect())
}

/// A kill of one job on some agents, within one deadline.
struct Killing<'a> {
    session: &'a Session,
    command: &'a Envelope,
    timeout: &'a Timeout,
    begun: Instant,
    outcomes: BTreeMap<AgentId, Outcome<KillResult>>,
}

/// What sending a kill led to.
#[derive(Default)]
struct Ordered {
    /// Agents that have accepted it.
    accepted: BTreeSet<AgentId>,
    /// Agents whose job has ended meanwhile.
    over: BTreeSet<AgentId>,
    failed: BTreeMap<AgentId, Error>,
    /// What ended the wait for the others.
    ended: Option<Error>,
}

impl Killing<'_> {
    /// Kills the job. What is known of agents when an error ends it is in the outcomes.
    fn kill(&mut self, agents: &[AgentId]) -> Result<()> {
        let mut unanswered = self.ask(agents.iter().copied());
        // Agents that answer are not kept waiting for those that do not.
        let mut slice = FIRST;
        while !unanswered.is_empty() {
            let time = self.left().duration.map_or(slice, |left| slice.min(left / 2));
            let (sorted, late) = self.listen(unanswered, time)?;
            self.settle(sorted)?;
            if self.left().duration.is_some_and(|left| left < LEAST) {
                return self.give_up(late);
            }
            (unanswered, slice) = (late, LATER);
        }
        Ok(())
    }

    fn left(&self) -> Timeout {
        self.timeout.clone().since(self.begun)
    }

    /// The session for a step within the deadline.
    fn step(&self) -> Session {
        self.session.for_a_step(&self.left())
    }

    /// Asks the agents what they run.
    fn ask(&mut self, agents: impl Iterator<Item = AgentId>) -> Vec<Order> {
        let question = questions::stats(&self.command.id);
        let questions = agents.map(|agent| (agent, question.clone())).collect();
        let (sent, failed) = ask::send_each::<()>(&self.step(), questions);
        for (agent, unsent) in failed {
            if let Err(error) = unsent {
                self.fail(agent, error.of_a_question());
            }
        }
        sent
    }

    /// Sorts the agents that answer in time. Returns the questions to the others too.
    fn listen(&mut self, asked: Vec<Order>, time: Duration) -> Result<(Sorted, Vec<Order>)> {
        let (mut running, mut unclear, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        // Zero would not be a time to wait.
        let time = time.max(Duration::from_nanos(1));
        let wait = Timeout { duration: Some(time), ..self.left() };
        let late = ask::take(self.session, asked, &wait, &mut |agent, answer| match seen(answer) {
            Seen::Process => running.push(agent),
            Seen::Failed(error) => failed.push((agent, error)),
            seen => unclear.push((agent, seen)),
        });
        failed.into_iter().for_each(|(agent, error)| self.fail(agent, error));
        late.ended.map_or(Ok(()), Err)?;
        Ok((Sorted { running, unclear }, late.orders))
    }

    /// Waits for the agents that have not answered until the end, which leaves no time to kill anything.
    fn give_up(&mut self, asked: Vec<Order>) -> Result<()> {
        let answers = ask::answers(self.session, asked, &self.left(), self.begun, |_| Ok(()))?;
        for (agent, answer) in answers {
            let late = || Error::new(ErrorKind::Timeout, "no time was left for the kill");
            let error = answer.err().unwrap_or_else(|| late().asked(|| self.in_words()));
            self.fail(agent, error.of_a_question());
        }
        Ok(())
    }

    /// Kills the job on agents that have answered, and waits for what comes of it.
    fn settle(&mut self, sorted: Sorted) -> Result<()> {
        let Sorted { running: mut orders, unclear } = sorted;
        let (again, mut pending) = self.sort_again(unclear)?;
        orders.extend(again);
        let Ordered { accepted, mut over, failed, mut ended } = self.order(&orders);
        pending.extend(&orders);
        if ended.is_none() {
            let (there, error) = self.results(&pending, MOMENT);
            over.extend(there.into_keys());
            ended = error;
        }
        for agent in pending {
            if self.outcomes.contains_key(&agent) {
                continue; // its result cannot be read
            }
            let outcome = match (over.contains(&agent), failed.get(&agent), &ended) {
                (true, _, _) => Outcome::Done(KillResult::Ended),
                (false, Some(error), _) => Outcome::Failed(error.clone()),
                (false, None, None) => Outcome::Done(KillResult::Ordered),
                (false, None, Some(error)) => {
                    let note = match (accepted.contains(&agent), orders.contains(&agent)) {
                        (true, _) => "the agent has accepted the kill",
                        (false, true) => "the kill was sent, and the agent may have accepted it",
                        (false, false) => "the job was ending already",
                    };
                    let error = error.clone().noting(note).about_agent(agent);
                    Outcome::Failed(error.not_final().once_only())
                }
            };
            self.outcomes.insert(agent, outcome);
        }
        ended.map_or(Ok(()), Err)
    }

    fn fail(&mut self, agent: AgentId, error: Error) {
        self.outcomes.insert(agent, Outcome::Failed(error.about_agent(agent)));
    }

    /// Looks again at agents that showed no process. Returns those that are to be sent a kill, and those
    /// on which the job is ending already.
    fn sort_again(
        &mut self,
        unclear: Vec<(AgentId, Seen)>,
    ) -> Result<(Vec<AgentId>, Vec<AgentId>)> {
        if unclear.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let is_missing = unclear.iter().any(|(_, seen)| matches!(seen, Seen::Nothing));
        let agents: Vec<AgentId> = unclear.iter().map(|(agent, _)| *agent).collect();
        let (ended, error) = self.results(&agents, if is_missing { MOMENT } else { INSTANT });
        for (agent, seen) in unclear {
            let Some(result) = ended.get(&agent) else { continue };
            let job = Job::new(self.session.clone(), result.clone());
            let outcome = match seen {
                Seen::Nothing => Outcome::Over(job),
                _ => Outcome::Done(KillResult::Ended),
            };
            self.outcomes.insert(agent, outcome);
        }
        error.map_or(Ok(()), Err)?;
        let left = agents.into_iter().filter(|agent| !self.outcomes.contains_key(agent));
        let asked = self.ask(left.collect::<Vec<_>>().into_iter());
        let time = self.left().duration.map_or(LATER, |left| LATER.min(left / 2));
        let (Sorted { running: mut orders, unclear }, late) = self.listen(asked, time)?;
        self.give_up(late)?;
        let mut idle = Vec::new();
        for (agent, seen) in unclear {
            match seen {
                Seen::NoProcess => idle.push(agent),
                _ => self.fail(agent, self.not_running(agent)),
            }
        }
        let (more, pending) = self.sort_idle(idle)?;
        orders.extend(more);
        Ok((orders, pending))
    }

    /// Splits agents whose job has no process into those that wait for its next run, as far as can be
    /// known, and those on which it is ending after a kill or its limit.
    fn sort_idle(&self, agents: Vec<AgentId>) -> Result<(Vec<AgentId>, Vec<AgentId>)> {
        if agents.is_empty() || self.command.repeats() == Some(false) {
            return Ok((Vec::new(), agents));
        }
        let asked = || self.in_words();
        let marked = self.session.bounded(&self.left(), asked, |until| {
            kills::are_marked(self.session, &self.command.id, &agents, until)
        })?;
        let (ending, waiting): (Vec<_>, Vec<_>) =
            agents.into_iter().zip(marked).partition(|(_, marked)| *marked);
        let agents = |list: Vec<(AgentId, bool)>| list.into_iter().map(|(agent, _)| agent);
        Ok((agents(waiting).collect(), agents(ending).collect()))
    }

    /// Sends the kill to agents, and waits until each has accepted it or its job has ended: a kill that
    /// meets the end of the job may never be answered.
    fn order(&mut self, agents: &[AgentId]) -> Ordered {
        let mut ordered = Ordered::default();
        if agents.is_empty() {
            return ordered;
        }
        let kill = questions::kill(&self.command.id);
        let orders = agents.iter().map(|agent| (*agent, kill.clone())).collect();
        let (sent, unsent) = ask::send_each::<()>(&self.step(), orders);
        let unsent = unsent.into_iter().filter_map(|(agent, sent)| Some((agent, sent.err()?)));
        ordered.failed.extend(unsent);
        if let Err(error) = self.await_kills(sent, &mut ordered) {
            ordered.ended = Some(error);
        }
        let asked = || self.in_words();
        let accepted: Vec<AgentId> = ordered.accepted.iter().copied().collect();
        let marked = self.session.bounded(&self.left(), asked, |until| {
            kills::mark(self.session, &self.command.id, &accepted, until)
        });
        if let Err(error) = marked {
            ordered.ended.get_or_insert(error);
        }
        ordered
    }

    /// Takes what comes of kills that were sent. `Err`: what ended the wait for all of them.
    fn await_kills(&self, sent: Vec<Order>, ordered: &mut Ordered) -> Result<()> {
        let mut open: BTreeSet<AgentId> = sent.iter().map(|(_, agent)| *agent).collect();
        let wanted = |command: Envelope, agents| (command.clone(), Wanted::of(&command, agents));
        let job = wanted(self.command.clone(), open.iter().copied().collect());
        let kills = sent.into_iter().map(|(command, agent)| wanted(command, vec![agent]));
        let watched = std::iter::once(job).chain(kills).collect();
        // Some time is left to read the results.
        let left = self.left();
        let spare = left.duration.map(|left| left - MOMENT.min(left / 4));
        let wait = Timeout { duration: spare, ..left };
        for (index, arrived) in Arrivals::new(self.session, watched, &wait)? {
            // The first is the job, whose result counts in whatever state; its errors come again.
            let agent = match arrived {
                Ok(result) if index == 0 => {
                    ordered.over.insert(result.agent());
                    result.agent()
                }
                Ok(result) => {
                    let agent = result.agent();
                    match result.into_success() {
                        Ok(_) => _ = ordered.accepted.insert(agent),
                        Err(error) => _ = ordered.failed.insert(agent, error.about_agent(agent)),
                    }
                    agent
                }
                Err(error) => {
                    let Some(agent) = error.agent() else { return Err(error) };
                    if index > 0 {
                        ordered.failed.insert(agent, error);
                    }
                    continue;
                }
            };
            if open.remove(&agent) && open.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The results of the job that are there, or come within `moment`, and what ended the wait for them
    /// earlier.
    fn results(
        &mut self,
        agents: &[AgentId],
        moment: Duration,
    ) -> (BTreeMap<AgentId, JobResult>, Option<Error>) {
        let mut there = BTreeMap::new();
        if agents.is_empty() {
            return (there, None);
        }
        let left = self.left();
        let time = left.duration.map_or(moment, |left| left.min(moment));
        let wait = Timeout { duration: Some(time), ..left };
        let watched = vec![(self.command.clone(), Wanted::of(self.command, agents.to_vec()))];
        let arrivals = match Arrivals::new(self.session, watched, &wait) {
            Ok(arrivals) => arrivals,
            Err(error) => return (there, Some(error)),
        };
        for (_, arrived) in arrivals {
            match arrived {
                Ok(result) => _ = there.insert(result.agent(), result),
                Err(error) => match error.agent() {
                    Some(_) if error.is_timeout() => {}
                    Some(agent) => _ = self.outcomes.insert(agent, Outcome::Failed(error)),
                    None => return (there, Some(error)),
                },
            }
        }
        (there, None)
    }

    fn in_words(&self) -> String {
        format!("kill of {}", self.command.in_words())
    }

    fn not_running(&self, agent: AgentId) -> Error {
        let message = "the agent is not running the job: it waits in a queue of the agent, was not started \
                       yet, or is lost";
        let error = Error::new(ErrorKind::NotRunning, message).asked(|| self.in_words());
        error.about_agent(agent).about_command(self.command)
    }
}

fn seen(answer: Result<JobResult>) -> Seen {
    let stats = answer.and_then(JobResult::into_success);
    match stats.and_then(|answer| read_one::<ProcessStats>(&answer)) {
        Ok(stats) if stats.cmd.is_null() => Seen::NoProcess,
        Ok(_) => Seen::Process,
        Err(error) => match error.kind() {
            ErrorKind::JobFailed => Seen::Nothing,
            // An agent that cannot be asked.
            ErrorKind::UnknownCommand => Seen::Process,
            _ => Seen::Failed(error.of_a_question()),
        },
    }
}

/// Kills one job.
pub(super) fn kill_one(
    session: &Session,
    command: &Envelope,
    job: &JobResult,
) -> Result<KillResult> {
    if job.is_no_such_agent() {
        return Err(verdict::no_such_agent(command, job.clone()));
    }
    let (quick, agents, begun) = (session.quick(), [job.agent()], clock::now());
    let asked = || format!("kill of {}", command.in_words());
    let there = session
        .bounded(&quick, asked, |until| result::poll_all(session, command, &agents, until))?;
    if there.iter().any(|(_, document)| document.is_some()) {
        return Ok(KillResult::Ended);
    }
    let outcomes = kill_each(session, command, agents.to_vec(), &quick.since(begun))?;
    match outcomes.into_iter().next() {
        Some((_, Outcome::Done(kill))) => Ok(kill),
        Some((_, Outcome::Failed(error))) => Err(error),
        Some((_, Outcome::Over(_))) | None => Ok(KillResult::Ended),
    }
}
