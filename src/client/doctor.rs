//! [`Diagnosis`]: what is wrong with a grid, checked along the way of a command.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Client, upkeep};
use crate::engine::{Session, Timeout};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Outcome, outcomes_of};
use crate::node::agents;
use crate::protocol::{AgentId, Contents, keys};
use crate::transport::{self, Connection, Tracking, Until, bulk, clock, field, integer};

/// An agent that takes longer than this to answer a ping is behind.
const SLOW: Duration = Duration::from_secs(1);

/// Verdict of a [`Check`].
///
/// ```
/// assert_eq!(acclient::Verdict::Good.to_string(), "good");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Works as it should.
    Good,
    /// Works, but slower or with fewer features than possible.
    Weak,
    /// Broken.
    Bad,
    /// Could not be found out: Redis does not tell, or the user may not ask.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What was checked: `redis`, `login`, `resp3`, `tracking`, `scripts`, `memory`, `eviction`,
    /// `persistence`, `settings` for each setting of Redis that does harm or cannot be read, `queue`,
    /// `controller`, `agent 1:2`, or `agents` where none could be asked. Later versions may check more.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; empty where nothing has to be done.
    pub advice: String,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The checks, in the order in which a command depends on them.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Whether nothing is [`Verdict::Bad`].
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Bad)
    }

    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        verdict: Verdict,
        found: impl Into<String>,
        advice: &str,
    ) {
        let (name, found, advice) = (name.into(), found.into(), advice.to_owned());
        self.checks.push(Check { name, verdict, found, advice });
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            write!(f, "{:4}  {:<12} {}", check.verdict, check.name, check.found)?;
            if !check.advice.is_empty() {
                write!(f, ": {}", check.advice)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Client {
    /// Checks everything that a command depends on: whether Redis can be reached, accepts the login, and
    /// what it supports; whether it may run out of memory, evict keys or refuse writes; whether a controller drains the queue; which agents answer, and how far behind
    /// they are. Sends the commands `list_agents` and `ping`. Blocks at most for `timeout`.
    ///
    /// ```no_run
    /// # let client = acclient::Client::builder().build()?;
    /// let diagnosis = client.doctor(std::time::Duration::from_secs(10))?;
    /// print!("{diagnosis}");
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a wait of zero, [`ErrorKind::Cancelled`],
    /// [`ErrorKind::Closed`]. Everything else is a check. To look at a Redis that cannot be reached,
    /// take a client from [`ClientBuilder::build`](crate::ClientBuilder::build).
    pub fn doctor(&self, timeout: impl Into<Timeout>) -> Result<Diagnosis> {
        let timeout = timeout.into();
        let begun = clock::now();
        let mut diagnosis = Diagnosis { checks: Vec::new() };
        let asked = || format!("checking {}", self.address());
        let session = self.session();
        let looked = session.bounded(&part(&timeout, begun, 1, 3), asked, |until| {
            look_at_redis(session, &mut diagnosis, until)
        });
        if let Err(error) = looked {
            end_if_ended(&error)?;
            let advice = advice_on(&error);
            diagnosis.add(name_of(&error), Verdict::Bad, error.to_string(), advice);
            return Ok(diagnosis);
        }
        let asked_at = clock::now();
        match agents::list(&session.for_a_step(&part(&timeout, begun, 1, 2))) {
            Ok(agents) => {
                let found = format!(
                    "answered in {:.1} ms and knows {} agents",
                    clock::since(asked_at).as_secs_f64() * 1000.0,
                    agents.len()
                );
                let (verdict, advice) = if agents.is_empty() {
                    (
                        Verdict::Bad,
                        "start an agent, and check that it can reach the controller; agents need up to 4 s \
                         after a start of the controller, and one that runs 100 jobs is forgotten until some end",
                    )
                } else {
                    (Verdict::Good, "")
                };
                diagnosis.add("controller", verdict, found, advice);
                let agents: Vec<AgentId> = agents.into_keys().collect();
                let looked = look_at_agents(session, &mut diagnosis, &agents, &timeout, begun);
                if let Err(error) = looked {
                    end_if_ended(&error)?;
                    let advice = "Redis was reachable a moment ago: try again";
                    let advice = on_refusal(&error).unwrap_or(advice);
                    diagnosis.add("agents", Verdict::Bad, error.to_string(), advice);
                }
            }
            Err(error) => {
                end_if_ended(&error)?;
                let advice = "commands wait in the queue: check that the controller is running and uses this Redis \
                              and this database; it exits on errors of Redis, so it needs a supervisor";
                let advice = on_refusal(&error).unwrap_or(advice);
                diagnosis.add("controller", Verdict::Bad, error.to_string(), advice);
            }
        }
        Ok(diagnosis)
    }
}

/// A part of what is left of a wait: no step may take the time of those behind it.
fn part(timeout: &Timeout, begun: Instant, count: u32, of: u32) -> Timeout {
    if timeout.duration == Some(Duration::ZERO) {
        return timeout.clone();
    }
    let left = timeout.clone().since(begun);
    Timeout { duration: left.duration.map(|left| left * count / of), ..left }
}

/// What ends the call is no finding.
fn end_if_ended(error: &Error) -> Result<()> {
    match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::ForkedHandle => Err(error.clone()),
        ErrorKind::InvalidArgument => Err(error.clone()),
        _ => Ok(()),
    }
}

fn name_of(error: &Error) -> &'static str {
    if error.kind() == ErrorKind::Authentication { "login" } else { "redis" }
}

fn advice_on(error: &Error) -> &'static str {
    if let Some(advice) = on_refusal(error) {
        return advice;
    }
    match error.kind() {
        ErrorKind::Authentication => "give the right user and password",
        ErrorKind::Unsupported => "name the one Redis that the controller uses",
        ErrorKind::Timeout => "no connection or no reply: check address, firewall and load",
        ErrorKind::PoolExhausted => "other calls use all connections of this client",
        ErrorKind::Protocol => "is this a Redis server?",
        _ => "is Redis running there, and is the address right?",
    }
}

/// What to do about an error that Redis itself has answered with, also one that a wait ended after.
fn on_refusal(error: &Error) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 8] = [
        ("OOM", "Redis is at its maxmemory: raise it, or remove keys"),
        (
            "MISCONF",
            "Redis cannot save to its disk and refuses writes: free space there or mend it",
        ),
        ("NOREPLICAS", "Redis misses replicas and refuses writes: set min-replicas-to-write 0"),
        ("READONLY", "it is a replica, which takes no commands: name the master, or the Sentinels"),
        ("LOADING", "Redis is loading its data: try again when it is done"),
        ("BUSY", "a script keeps Redis busy: wait, or end it with SCRIPT KILL"),
        ("WRONGTYPE", "another program uses this key: give the grid a database of its own"),
        ("NOPERM", "the user needs the rights that the documentation lists"),
    ];
    let last = error.last_failure().unwrap_or_default();
    let has = |code: &str| {
        error.server_code() == Some(code) || last.split([' ', ':']).any(|word| word == code)
    };
    ADVICE.iter().find(|(code, _)| has(code)).map(|(_, advice)| *advice)
}

fn look_at_redis(session: &Session, diagnosis: &mut Diagnosis, until: &Until) -> Result<()> {
    let begun = clock::now();
    session.query(until, |connection| {
        // Anew on a second try.
        diagnosis.checks.clear();
        connection.command(&[b"PING"]);
        match connection.reply(until) {
            // Redis refuses even PING while it cannot save; what follows tells.
            Ok(_) | Err(transport::Error::Server(_)) => {}
            Err(error) => return Err(error),
        }
        let took = clock::since(begun);
        look_at_server(session, connection, diagnosis, took, until)?;
        look_at_abilities(connection, diagnosis, until)?;
        upkeep::look(connection, diagnosis, until)?;
        look_at_queue(connection, diagnosis, until)
    })?;
    Ok(())
}

fn look_at_server(
    session: &Session,
    connection: &mut Connection,
    diagnosis: &mut Diagnosis,
    took: Duration,
    until: &Until,
) -> transport::Result<()> {
    let info = connection.info(b"server", until)?.unwrap_or_default();
    let version = field(&info, "valkey_version").map(|version| format!("Valkey {version}"));
    let version =
        version.or(field(&info, "redis_version").map(|version| format!("Redis {version}")));
    let version = version.unwrap_or_else(|| "Redis of an unknown version".to_owned());
    let milliseconds = took.as_secs_f64() * 1000.0;
    let found = format!("{version} at {}, reached in {milliseconds:.1} ms", session.address());
    let replication = connection.info(b"replication", until)?.unwrap_or_default();
    let (verdict, advice) = if field(&replication, "role").is_some_and(|role| role != "master") {
        (
            Verdict::Bad,
            "it is a replica, which takes no commands: name the master, or the Sentinels",
        )
    } else {
        (Verdict::Good, "")
    };
    diagnosis.add("redis", verdict, found, advice);
    let user = connection.ask_if_allowed(&[b"ACL", b"WHOAMI"], until)?;
    let user = user.and_then(|user| bulk(user).ok().flatten());
    let found = match user {
        Some(user) => format!("as the user {:?}", String::from_utf8_lossy(&user)),
        None => "taken".to_owned(),
    };
    diagnosis.add("login", Verdict::Good, found, "");
    Ok(())
}

fn look_at_abilities(
    connection: &mut Connection,
    diagnosis: &mut Diagnosis,
    until: &Until,
) -> transport::Result<()> {
    let slower = "results of many agents are polled every 40 ms instead of pushed";
    if connection.server.resp3 {
        diagnosis.add("resp3", Verdict::Good, "spoken", "");
    } else {
        let advice = format!("{slower}: push notifications need Redis 6 and the right to HELLO");
        diagnosis.add("resp3", Verdict::Weak, "not spoken", &advice);
    }
    if connection.track(Tracking::Read, until)? {
        connection.untrack(until)?;
        diagnosis.add("tracking", Verdict::Good, "push notifications are available", "");
    } else {
        let advice =
            format!("{slower}: push notifications need RESP3 and the right to CLIENT TRACKING");
        diagnosis.add("tracking", Verdict::Weak, "no push notifications", &advice);
    }
    connection.command(&[b"EVAL", b"return 1", b"0"]);
    match connection.reply(until) {
        Ok(_) => diagnosis.add("scripts", Verdict::Good, "allowed", ""),
        Err(transport::Error::Server(error)) if error.is_passing() => {
            let advice = on_refusal(&transport::Error::Server(error).into()).unwrap_or_default();
            diagnosis.add("scripts", Verdict::Unknown, "refused at this moment", advice);
        }
        Err(transport::Error::Server(_)) => {
            let advice =
                "submitting once and retracting use transactions, which take more round trips";
            diagnosis.add("scripts", Verdict::Weak, "not allowed", advice);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn commands_wait(count: i64) -> String {
    match count {
        1 => "1 command waits".to_owned(),
        count => format!("{count} commands wait"),
    }
}

fn look_at_queue(
    connection: &mut Connection,
    diagnosis: &mut Diagnosis,
    until: &Until,
) -> transport::Result<()> {
    connection.command(&[b"LLEN", keys::QUEUE.as_bytes()]);
    match connection.reply(until) {
        Ok(length) => {
            let length = integer(&length).unwrap_or_default();
            let (verdict, advice) = match length {
                0 => (Verdict::Good, ""),
                _ => (Verdict::Weak, "whether a controller takes them is seen below"),
            };
            let found = format!("{} in {}", commands_wait(length), keys::QUEUE);
            diagnosis.add("queue", verdict, found, advice);
            Ok(())
        }
        Err(transport::Error::Server(error)) if !error.is_passing() => {
            let found = format!("{}: {error}", keys::QUEUE);
            let advice = on_refusal(&transport::Error::Server(error).into());
            let advice = advice.unwrap_or("the user needs the rights that the documentation lists");
            diagnosis.add("queue", Verdict::Bad, found, advice);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn look_at_agents(
    session: &Session,
    diagnosis: &mut Diagnosis,
    agents: &[AgentId],
    timeout: &Timeout,
    begun: Instant,
) -> Result<()> {
    let behind = waiting(session, agents, &part(timeout, begun, 1, 4))?;
    let asked_at = clock::now();
    let orders = agents.iter().map(|agent| (*agent, Contents::of("ping", ""))).collect();
    let left = timeout.clone().since(begun);
    let took = |_: &_| Ok(clock::since(asked_at));
    for (agent, answer) in outcomes_of(&session.for_a_step(&left), orders, &left, took)? {
        let waiting = match behind.iter().find(|(other, _)| *other == agent) {
            Some((_, Some(count))) if *count > 0 => format!(", {} for it", commands_wait(*count)),
            _ => String::new(),
        };
        let (verdict, found, advice) = match answer {
            Outcome::Done(took) => {
                let found = format!("answered in {:.1} ms{waiting}", took.as_secs_f64() * 1000.0);
                if took > SLOW {
                    (Verdict::Weak, found, "it is slow: its machine is busy, or it is far away")
                } else {
                    (Verdict::Good, found, "")
                }
            }
            Outcome::Over(job) => (Verdict::Good, job.state().to_string(), ""),
            Outcome::Failed(error) => {
                end_if_ended(&error)?;
                let advice = on_silence(error.is_fetched());
                (Verdict::Bad, format!("{error}{waiting}"), advice)
            }
        };
        diagnosis.add(format!("agent {agent}"), verdict, found, advice);
    }
    Ok(())
}

/// What to do about an agent that does not answer, by whether it has fetched the question.
fn on_silence(fetched: Option<bool>) -> &'static str {
    match fetched {
        Some(true) => {
            "if it runs 100 jobs, wait until some end or restart the agent, since no kill reaches it; if its \
             process is stopped, continue it"
        }
        Some(false) => {
            "start or continue the agent; one that runs 100 jobs fetches again when some end. The controller \
             forgets an agent that does not fetch 30 to 45 s after it last did; until then commands wait for it"
        }
        None => "Redis or the controller did not keep up: try again with more time",
    }
}

/// How many commands the controller holds for each agent; `None` where the user may not look.
pub(super) fn waiting(
    session: &Session,
    agents: &[AgentId],
    timeout: &Timeout,
) -> Result<Vec<(AgentId, Option<i64>)>> {
    let asked = || "what waits for the agents".to_owned();
    session.bounded(timeout, asked, |until| {
        let lengths = session.query(until, |connection| {
            for agent in agents {
                connection.command(&[b"LLEN", keys::for_agent(*agent).as_bytes()]);
            }
            let length = |_: &AgentId| match connection.reply(until) {
                Ok(length) => Ok(integer(&length).ok()),
                Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
                Err(error) => Err(error),
            };
            agents.iter().map(length).collect::<transport::Result<Vec<_>>>()
        })?;
        Ok(agents.iter().copied().zip(lengths).collect())
    })
}
