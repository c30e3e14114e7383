//! [`Diagnosis`]: checks of everything that a command depends on.
//!
//! The network is measured first. A component that has not answered is not judged unless the remaining time
//! allowed a few round trips. Response times exclude the network.

mod advice;
mod agents;
mod ping;
mod redis;
mod upkeep;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeStruct, Serializer};

use self::advice::{on_refusal, on_silent_controller, on_unreachable};
pub(super) use self::agents::waiting;
use self::redis::{Queue, Reached, Redis, milliseconds};
use super::Client;
use crate::engine::probe::{Place, Probe, Probed};
use crate::engine::{Session, Timeout, ids};
use crate::error::{Error, ErrorKind, Result};
use crate::node::agents as known;
use crate::protocol::{AgentId, Contents, Envelope, Target};
use crate::transport::clock;

/// A controller or an agent that takes longer than this to answer is considered slow.
const SLOW: Duration = Duration::from_secs(1);
/// Maximum duration of a diagnosis without a timeout, unless its round trips take longer.
const LONGEST: Duration = Duration::from_secs(60);
const LONGEST_ROUND_TRIPS: u32 = 100;
/// Twice the round trips of a request: no verdict is given after a shorter wait.
const PATIENCE: u32 = 4;

/// Verdict of a [`Check`].
///
/// ```
/// assert_eq!(acclient::Verdict::Good.to_string(), "good");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Works as it should.
    Good,
    /// Works, but slower or with fewer features than possible.
    Weak,
    /// Broken.
    Bad,
    /// Could not be determined: Redis does not report it, the user lacks the permission, or the time was too
    /// short.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Good => "good",
            Verdict::Weak => "weak",
            Verdict::Bad => "bad",
            Verdict::Unknown => "unknown",
        })
    }
}

/// One check of [`Client::doctor`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for check in client.doctor(std::time::Duration::from_secs(10))?.checks {
///     if check.verdict == Verdict::Bad {
///         eprintln!("{}: {}; {}", check.name, check.found, check.advice);
///     }
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// Name of the check, unique in a diagnosis: `redis`, `login`, `resp3`, `tracking`, `scripts`, `memory`,
    /// `eviction`, `persistence`, `setting timeout` and `setting min-replicas-to-write` if they are harmful
    /// or cannot be read, `queue`, `controller`, `agent 1:2`, or `agents` if there are none or none could be
    /// asked. Later versions may add checks.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if nothing needs to be done.
    pub advice: String,
    /// Kind of the resulting error of commands, such as [`ErrorKind::Timeout`] if something does not answer,
    /// or did not within the given time; `None` if no command has to fail.
    pub kind: Option<ErrorKind>,
}

impl Check {
    fn new(name: impl Into<String>, verdict: Verdict, found: impl Into<String>) -> Self {
        let (name, found, advice) = (name.into(), found.into(), String::new());
        Check { name, verdict, found, advice, kind: None }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Check { advice: advice.into(), ..self }
    }

    fn of_kind(self, kind: ErrorKind) -> Self {
        Check { kind: Some(kind), ..self }
    }

    fn bad(self, kind: ErrorKind) -> Self {
        Check { verdict: Verdict::Bad, kind: Some(kind), ..self }
    }
}

/// With `kind` as its name and `code` as its number.
impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Check { name, verdict, found, advice, kind } = self;
        let mut shown = serializer.serialize_struct("Check", 6)?;
        shown.serialize_field("name", name)?;
        shown.serialize_field("verdict", verdict)?;
        shown.serialize_field("found", found)?;
        shown.serialize_field("advice", advice)?;
        shown.serialize_field("kind", &kind.map(|kind| format!("{kind:?}")))?;
        shown.serialize_field("code", &kind.map(|kind| kind as i32))?;
        shown.end()
    }
}

/// Findings of [`Client::doctor`]. Displays as one line for each check.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let diagnosis = client.doctor(std::time::Duration::from_secs(10))?;
/// print!("{diagnosis}");
/// std::process::exit(if diagnosis.is_healthy() { 0 } else { 1 });
/// # #[allow(unreachable_code)]
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The checks, in the order in which a command depends on them.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Returns whether nothing is [`Verdict::Bad`] and Redis, the controller and every agent have answered:
    /// no check has a [`kind`](Check::kind).
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Bad && check.kind.is_none())
    }

    fn add(&mut self, check: Check) {
        self.checks.push(check);
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
        for check in &self.checks {
            write!(f, "{:7}  {:<width$}  {}", check.verdict, check.name, check.found)?;
            if !check.advice.is_empty() {
                write!(f, ": {}", check.advice)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Client {
    /// Checks everything that a command depends on: whether Redis is reachable, accepts the login, and what
    /// it supports; whether it may run out of memory, evict keys or reject writes; whether a controller
    /// drains the queue; which agents answer, and how far behind they are. Blocks for at most `timeout`;
    /// without one, for at most a minute or a hundred round trips, whichever is longer.
    ///
    /// The round trip to Redis is measured first and subtracted from the response times of the controller and
    /// the agents. A check that cannot be completed within the timeout is [`Verdict::Unknown`], with
    /// [`ErrorKind::Timeout`].
    ///
    /// Sends the commands `list_agents` and `ping`. Commands that were not fetched are removed from Redis at
    /// the end, even if the call is cancelled, in which case it returns up to 100 ms and four round trips
    /// later. Their other keys expire within ten seconds. An agent that has already fetched its ping may
    /// still answer it; Redis keeps that answer for a day.
    ///
    /// ```no_run
    /// # let client = acclient::Client::builder().build()?;
    /// let diagnosis = client.doctor(std::time::Duration::from_secs(10))?;
    /// print!("{diagnosis}");
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a timeout of zero, [`ErrorKind::Cancelled`], [`ErrorKind::Closed`].
    /// Everything else is reported as a check. To examine a Redis that cannot be reached, use a client from
    /// [`ClientBuilder::build`](crate::ClientBuilder::build).
    pub fn doctor(&self, timeout: impl Into<Timeout>) -> Result<Diagnosis> {
        let mut examination = Examination {
            session: self.session().with_timeout(None),
            timeout: timeout.into(),
            begun: clock::now(),
            network: Duration::ZERO,
            diagnosis: Diagnosis { checks: Vec::new() },
        };
        examination.look()?;
        Ok(examination.diagnosis)
    }
}

/// A diagnosis in progress.
struct Examination {
    session: Session,
    timeout: Timeout,
    begun: Instant,
    /// The round trip to Redis.
    network: Duration,
    diagnosis: Diagnosis,
}

impl Examination {
    fn look(&mut self) -> Result<()> {
        let Some(reached) = self.reach()? else { return Ok(()) };
        self.network = reached.network;
        let Some((redis, takes)) = self.inspect(&reached)? else { return Ok(()) };
        if !takes {
            if redis.queue.length.is_ok() {
                self.add_queue(&redis.queue, None, &redis.queue);
            }
            let found = "not asked, since Redis takes no commands";
            self.add(Check::new("controller", Verdict::Unknown, found).advise("see redis"));
            return Ok(());
        }
        let mut probe = Probe::new(&self.session, self.network);
        let looked = self.look_at_controller(&mut probe, &redis.queue);
        probe.finish();
        looked
    }

    fn add(&mut self, check: Check) {
        self.diagnosis.add(check);
    }

    /// The remaining time.
    fn left(&self) -> Timeout {
        limited(&self.timeout, self.network).since(self.begun)
    }

    fn reach(&mut self) -> Result<Option<Reached>> {
        let asked = || format!("checking {}", self.session.address());
        let reached =
            self.session.bounded(&self.left(), asked, |until| redis::reach(&self.session, until));
        match reached {
            Ok(reached) => Ok(Some(reached)),
            Err(error) => {
                end_if_ended(&error)?;
                let name =
                    if error.kind() == ErrorKind::Authentication { "login" } else { "redis" };
                let check = Check::new(name, Verdict::Bad, error.to_string()).bad(error.kind());
                self.add(check.advise(on_unreachable(&error)));
                Ok(None)
            }
        }
    }

    /// Adds the checks of Redis. Returns its replies, and whether Redis may accept commands.
    fn inspect(&mut self, reached: &Reached) -> Result<Option<(Redis, bool)>> {
        let asked = || format!("checking {}", self.session.address());
        let told = self.session.bounded(&self.left(), asked, |until| {
            Ok(self.session.query(until, |connection| Redis::ask(connection, until))?)
        });
        match told {
            Ok(redis) => {
                let address = self.session.address();
                let takes = redis.tell(reached, &address, &mut self.diagnosis);
                Ok(Some((redis, takes)))
            }
            Err(error) => {
                end_if_ended(&error)?;
                let network = milliseconds(self.network);
                let found = format!("answered PING in {network}, then: {error}");
                let waited = clock::since(self.begun);
                let check = match error.kind() {
                    ErrorKind::Timeout => {
                        silence("redis", found, waited, self.network, on_unreachable(&error))
                    }
                    kind => Check::new("redis", Verdict::Bad, found)
                        .bad(kind)
                        .advise(on_unreachable(&error)),
                };
                self.add(check);
                Ok(None)
            }
        }
    }

    fn look_at_controller(&mut self, probe: &mut Probe, before: &Queue) -> Result<()> {
        let nobody = AgentId { gid: 0, nid: 0 };
        let question = Contents::of_controller("list_agents", "");
        let mut left = self.left();
        // The rest of the time is reserved for the agents.
        left.duration = left.duration.map(|left| left * 2 / 3);
        let question = Envelope::new(ids::new_id()?, Target::controller(), question)?;
        let probed = probe.ask(vec![(question, nobody)], &left)?.pop().map(|(_, probed)| probed);
        let agents = match &probed {
            Some(Probed::Answered(answer, took)) => Some((known::read(answer), *took)),
            _ => None,
        };
        let ids: Vec<AgentId> = match &agents {
            Some((Ok(agents), _)) => agents.keys().copied().collect(),
            _ => Vec::new(),
        };
        let after = self.look_again(&ids, agents.is_none());
        let after = match after {
            Err(error) => {
                end_if_ended(&error)?;
                Err(error)
            }
            after => after,
        };
        let queue = after.as_ref().map_or(before, |after| &after.queue);
        self.add_queue(before, probed.as_ref(), queue);
        match (agents, probed) {
            (Some((Ok(agents), took)), _) => {
                self.add_controller(agents.len(), took);
                let waiting = after.map(|after| after.waiting).unwrap_or_default();
                self.look_at_agents(probe, &ids, &waiting)
            }
            (Some((Err(error), _)), _) => {
                let check = Check::new("controller", Verdict::Bad, error.message());
                self.add(check.bad(error.kind()).advise("is it an AgentController?"));
                Ok(())
            }
            (None, Some(Probed::Silent(place, waited))) => {
                self.add_silent_controller(place, waited, before, queue);
                self.add_agents_without_controller(after.ok());
                Ok(())
            }
            (None, Some(Probed::Failed(error, waited))) => {
                self.add_unasked_controller(&error, waited);
                self.add_agents_without_controller(after.ok());
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    /// Reads the queue again, and how many commands wait for agents: for these, or for any if they are
    /// unknown.
    fn look_again(&self, agents: &[AgentId], are_unknown: bool) -> Result<Again> {
        let asked = || "what waits in the queue and for the agents".to_owned();
        self.session.bounded(&self.left(), asked, |until| {
            let again = self.session.query(until, |connection| {
                Queue::ask(connection);
                let queue = Queue::read(connection, until)?;
                let waiting = match are_unknown {
                    true => agents::find_waiting(connection, until)?,
                    false => {
                        let lengths = agents::lengths(connection, agents, until)?;
                        let lengths = agents.iter().copied().zip(lengths);
                        lengths.filter_map(|(agent, length)| Some((agent, length?))).collect()
                    }
                };
                Ok(Again { queue, waiting })
            })?;
            Ok(again)
        })
    }

    fn add_queue(&mut self, before: &Queue, probed: Option<&Probed>, after: &Queue) {
        let refusal = match (&before.length, probed) {
            (Err(error), _) => Some(error),
            // An error reply of Redis to a push, or the last one before the wait for it ended.
            (_, Some(Probed::Failed(error, _))) => {
                Some(error).filter(|error| on_refusal(error).is_some())
            }
            _ => None,
        };
        if let Some(error) = refusal {
            let found = format!("Redis refuses commands: {}", error.message());
            let advice = on_refusal(error);
            let advice = advice.unwrap_or("the user needs the rights that the documentation lists");
            let check = Check::new("queue", Verdict::Bad, found).bad(error.kind());
            return self.add(check.advise(advice));
        }
        let length = after.length.as_ref().or(before.length.as_ref()).copied().unwrap_or_default();
        let found = match length {
            0 => "no command waits in cmds.queue".to_owned(),
            count => format!("{} in cmds.queue", commands_wait(count)),
        };
        let is_answered = matches!(probed, Some(Probed::Answered(..)));
        self.add(match length {
            0 => Check::new("queue", Verdict::Good, found),
            _ if is_answered => Check::new(
                "queue",
                Verdict::Good,
                format!("{found}, and the controller takes them"),
            ),
            _ => Check::new("queue", Verdict::Weak, found).advise("see controller"),
        });
    }

    fn add_controller(&mut self, agents: usize, took: Duration) {
        let agents_known = match agents {
            0 => "no agents".to_owned(),
            1 => "1 agent".to_owned(),
            count => format!("{count} agents"),
        };
        let found = format!("answered in {} and knows {agents_known}", milliseconds(took));
        self.add(match took > SLOW {
            true => Check::new("controller", Verdict::Weak, found)
                .advise("it is slow: its machine is busy, or far from Redis"),
            false => Check::new("controller", Verdict::Good, found),
        });
        if agents == 0 {
            let check = Check::new("agents", Verdict::Bad, "none is registered");
            self.add(check.bad(ErrorKind::NoSuchAgent).advise(
                "start an agent, and check that it can reach the controller; agents need up to 10 s after a start of \
                 the controller, and one that runs 100 jobs is forgotten until some end",
            ));
        }
    }

    fn add_silent_controller(
        &mut self,
        place: Place,
        waited: Duration,
        before: &Queue,
        after: &Queue,
    ) {
        let (how_far, advice) = match place {
            Place::Queue if after.stands_still_since(before) || before.is_empty() => {
                ("; nobody takes commands from the queue", on_silent_controller(place))
            }
            Place::Queue => (
                "; it takes commands, and has not reached the question",
                "it is behind: wait until the queue is shorter, and see what fills it",
            ),
            Place::Controller => {
                ("; it has taken the question from the queue", on_silent_controller(place))
            }
            Place::Agent | Place::Fetched | Place::Unknown => ("", on_silent_controller(place)),
        };
        let found = format!("no answer in {:.1} s{how_far}", waited.as_secs_f64());
        self.add(silence("controller", found, waited, self.network, advice));
    }

    /// Adds the check of a controller that the request did not reach.
    fn add_unasked_controller(&mut self, error: &Error, waited: Duration) {
        let name = "controller";
        self.add(match (on_refusal(error), error.kind()) {
            (Some(_), _) => Check::new(name, Verdict::Unknown, "not asked").advise("see queue"),
            (None, ErrorKind::Timeout) => {
                let found = format!("Redis did not take the question: {}", error.message());
                silence(name, found, waited, self.network, on_unreachable(error))
            }
            (None, kind) => Check::new(name, Verdict::Bad, error.message())
                .bad(kind)
                .advise(on_unreachable(error)),
        });
    }

    fn add_agents_without_controller(&mut self, again: Option<Again>) {
        let waiting = again.map(|again| again.waiting).unwrap_or_default();
        self.diagnosis.checks.extend(agents::without_controller(&waiting));
    }

    fn look_at_agents(
        &mut self,
        probe: &mut Probe,
        agents: &[AgentId],
        waiting: &BTreeMap<AgentId, i64>,
    ) -> Result<()> {
        let pings = ping::pings(agents.iter().copied())?;
        for (agent, probed) in probe.ask(pings, &self.left())? {
            let waiting = waiting.get(&agent).copied();
            self.add(agents::check(agent, &probed, waiting, self.network));
        }
        Ok(())
    }
}

/// The timeout of a call that probes for answers, with a default if the caller set none.
fn limited(timeout: &Timeout, network: Duration) -> Timeout {
    let longest = LONGEST.max(network * LONGEST_ROUND_TRIPS);
    Timeout { duration: Some(timeout.duration.unwrap_or(longest)), ..timeout.clone() }
}

/// Findings after the request to the controller.
struct Again {
    queue: Queue,
    waiting: BTreeMap<AgentId, i64>,
}

/// Check of something that did not answer: bad, or unknown if the wait was too short.
fn silence(
    name: impl Into<String>,
    found: String,
    waited: Duration,
    network: Duration,
    advice: &'static str,
) -> Check {
    if waited < network * PATIENCE {
        let found =
            format!("{found}, over a network with a round trip of {}", milliseconds(network));
        let check = Check::new(name, Verdict::Unknown, found).of_kind(ErrorKind::Timeout);
        return check.advise("try again with a longer timeout");
    }
    Check::new(name, Verdict::Bad, found).bad(ErrorKind::Timeout).advise(advice)
}

/// Returns the errors that end the call instead of becoming a check.
fn end_if_ended(error: &Error) -> Result<()> {
    match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::ForkedHandle => Err(error.clone()),
        ErrorKind::InvalidArgument => Err(error.clone()),
        _ => Ok(()),
    }
}

fn commands_wait(count: i64) -> String {
    match count {
        1 => "1 command waits".to_owned(),
        count => format!("{count} commands wait"),
    }
}
