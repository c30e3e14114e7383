//! Plays a schedule and compares the outcome with the reference model.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::controller::{self, AGENTS, NOBODY, Shared};
use super::reference::{Kind, Record, Sent, explains};
use super::schedule::{Aim, Call, Schedule, Step};
use super::scripts::eval;
use crate::engine::arrivals::Arrivals;
use crate::engine::watch::Wanted;
use crate::engine::{CancelToken, Session, Timeout, once, push, retract, run};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{AgentId, Contents, Envelope, JobResult, Target, keys};
use crate::transport::clock;
use crate::transport::simulated::seeds::{Report, Tally};
use crate::transport::simulated::{Network, Offers, World, drain, with};
use crate::transport::{Config, Endpoint};

/// After this time everything has arrived and all outages have ended.
const AFTERWARDS: Duration = Duration::from_secs(200);
/// Time after the last fault by which a wait has recovered: a connection counts as lost after 8 s, pauses are up to
/// 1 s, and the hash is read every second.
const RECOVERED: Duration = Duration::from_secs(12);
/// Longest time that a wait spends on one connection without traffic, or on connecting.
const SILENT: Duration = Duration::from_secs(10);
/// Longest duration of a call without faults.
const UNDISTURBED: Duration = Duration::from_secs(2);

struct Player<'a> {
    schedule: &'a Schedule,
    session: Session,
    known: Shared,
    records: Vec<Record>,
    tally: &'a mut Tally,
}

pub(super) fn play(seed: u64, tally: &mut Tally) {
    let (network, schedule) = start(seed);
    let _report = Report::new(seed, &schedule);
    played(&schedule, tally);
    drop(network);
}

/// The trace of a run.
pub(super) fn traced(seed: u64) -> Vec<String> {
    let (_network, schedule) = start(seed);
    played(&schedule, &mut Tally::default());
    with(|world| std::mem::take(&mut world.trace))
}

fn start(seed: u64) -> (Network, Schedule) {
    let schedule = Schedule::new(seed);
    let (unknown, closes) = (schedule.unknown, schedule.closes);
    let offers = Offers { unknown, closes, eval: Some(eval) };
    (Network::start(seed, offers, schedule.plans.clone()), schedule)
}

fn session(max_connections: usize, timeout: Duration) -> Session {
    let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 6379 };
    let config = Config { max_connections, ..Config::new(endpoint) };
    Session::new(config, Some(timeout)).expect("a session")
}

fn played(schedule: &Schedule, tally: &mut Tally) {
    let known = with(|world| {
        let known = controller::start(world, schedule.routing, schedule.running);
        for spell in &schedule.outages {
            world.plan_outage(spell.clone());
        }
        for (after, lasts) in &schedule.held {
            controller::hold(world, &known, *after, *lasts);
        }
        for after in &schedule.evictions {
            let known = known.clone();
            world.after(*after, move |world| controller::evict(world, &known));
        }
        known
    });
    let session = session(schedule.max_connections, Duration::from_secs(10));
    let mut player = Player { schedule, session, known, records: Vec::new(), tally };
    schedule.steps.iter().for_each(|step| player.step(step));
    player.finish();
}

/// A call in progress.
struct Begun {
    kind: Kind,
    at: Instant,
    deadline: Instant,
    cancelled: Option<Instant>,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) {
        drain(step.pause);
        with(|world| world.note(|| format!("{step:?}")));
        with(World::begin_call);
        let mut timeout = Timeout::after(step.timeout);
        let now = clock::now();
        if let Some(after) = step.cancelled_after {
            let token = CancelToken::new().expect("a token");
            timeout = timeout.or_cancelled(&token);
            with(|world| world.after(after, move |_| assert!(token.cancel())));
        }
        let begun = |kind| Begun {
            kind,
            at: now,
            deadline: now + step.timeout,
            cancelled: step.cancelled_after.map(|after| now + after),
        };
        match step.call {
            Call::Submit(aim) => {
                let at = self.add(aim, 0);
                let done = push::submit(&self.session, &self.records[at].command, &timeout);
                self.records[at].sending(done.as_ref().map(drop), Kind::Push);
                self.judge(done.as_ref().err(), &begun(Kind::Push), "submit");
            }
            Call::SubmitOnce(aim) => {
                let at = self.add(aim, 1);
                self.submit_once(at, &timeout, &begun(Kind::Push));
            }
            Call::Again(which) => {
                let Some(at) = self.chosen(which, |record| record.once > 0) else { return };
                self.records[at].once += 1;
                self.submit_once(at, &timeout, &begun(Kind::Push));
            }
            Call::Run(aim) => {
                let at = self.add(aim, 0);
                let done = run::run(&self.session, &self.records[at].command, &timeout);
                self.records[at].sending(done.as_ref().map(drop), Kind::Run);
                self.result(at, done, &begun(Kind::Run), "run");
            }
            Call::Wait(which) => self.wait(which, &timeout, &begun(Kind::Wait)),
            Call::Read(which) => {
                let zero = Timeout { duration: Some(Duration::ZERO), ..timeout };
                let deadline = now + Duration::from_secs(10);
                self.wait(which, &zero, &Begun { deadline, ..begun(Kind::Question) });
            }
            Call::Results { first, count } => {
                self.results(first, count, &timeout, &begun(Kind::Wait));
            }
            Call::Retract(which) => self.retract(which, &timeout, &begun(Kind::Push)),
        }
    }

    fn add(&mut self, aim: Aim, once: usize) -> usize {
        let target = match aim {
            Aim::One => Target::agent(AGENTS[0]),
            Aim::Nobody => Target::agent(NOBODY),
            Aim::Any => Target::any().into(),
            Aim::All => Target::all().into(),
        };
        let number = self.records.len();
        let command = Envelope::new(format!("c{number}"), target, Contents::of("ping", ""));
        let command = command.expect("a command");
        let command =
            if with(|world| world.rng.bool()) { command.with_chosen_id() } else { command };
        let losses = with(|world| world.losses);
        let (sent, retracted, retracting) = (Sent::No, false, false);
        self.records.push(Record { command, aim, once, sent, retracted, retracting, losses });
        number
    }

    fn chosen(&self, which: usize, may: impl Fn(&Record) -> bool) -> Option<usize> {
        let all: Vec<usize> =
            (0..self.records.len()).filter(|at| may(&self.records[*at])).collect();
        (!all.is_empty()).then(|| all[which % all.len()])
    }

    fn submit_once(&mut self, at: usize, timeout: &Timeout, begun: &Begun) {
        let done = once::submit_once(&self.session, &self.records[at].command, timeout);
        self.records[at].sending(done.as_ref().map(drop), Kind::Push);
        self.judge(done.as_ref().err(), begun, "submit once");
    }

    fn wait(&mut self, which: usize, timeout: &Timeout, begun: &Begun) {
        let is_for_one = |record: &Record| matches!(record.aim, Aim::One | Aim::Nobody);
        let Some(at) = self.chosen(which, is_for_one) else { return };
        let command = self.records[at].command.clone();
        let agent = command.target.answering().expect("one agent")[0];
        let done = run::wait_for(&self.session, &command, agent, timeout);
        let name = if begun.kind == Kind::Wait { "wait" } else { "read" };
        self.result(at, done, begun, name);
    }

    /// Checks the result or the error of a call for one result.
    fn result(&mut self, at: usize, done: Result<JobResult>, begun: &Begun, name: &'static str) {
        let record = &self.records[at];
        match &done {
            Ok(result) => self.is_one_of(record, result),
            Err(error) if error.kind() == ErrorKind::NoSuchAgent => {
                assert_eq!(record.aim, Aim::Nobody, "{error}");
                self.is_one_of(record, error.job().expect("what the controller says"));
                return self.tally.add(name, "no such agent");
            }
            Err(error) if error.is_timeout() && begun.kind != Kind::Question => {
                self.is_not_missed(at, error, begun);
            }
            Err(_) => {}
        }
        self.judge(done.as_ref().err(), begun, name);
    }

    /// Checks that the result is one that an agent has written for the command.
    fn is_one_of(&self, record: &Record, result: &JobResult) {
        assert_eq!(result.id(), record.command.id);
        let known = self.known.borrow();
        let answers = known.answers.get(&(result.id().to_owned(), result.agent()));
        let is_known = answers.into_iter().flatten().any(|answer| answer.says == result.data());
        assert!(is_known, "a result of another command: {result:?}");
    }

    /// Checks that a wait that timed out could not have found the result after the last fault.
    fn is_not_missed(&mut self, at: usize, error: &Error, begun: &Begun) {
        let record = &self.records[at];
        let (flawed, losses) = with(|world| (world.flawed, world.losses));
        if with(|world| world.is_disturbed()) {
            return;
        }
        let calm = flawed.map_or(begun.at, |flawed| flawed + RECOVERED).max(begun.at);
        let known = self.known.borrow();
        for answer in known.answers.iter().filter(|((id, _), _)| *id == record.command.id) {
            if !is_there(&answer.0.0, answer.0.1) {
                continue;
            }
            let there = answer.1.iter().filter(|answer| answer.losses == losses);
            let Some(first) = there.map(|answer| answer.at).min() else { continue };
            assert!(
                calm.max(first) + UNDISTURBED > begun.deadline,
                "it is there and was not found: {answer:?}, {error}"
            );
        }
    }

    fn results(&mut self, first: usize, count: usize, timeout: &Timeout, begun: &Begun) {
        if self.records.is_empty() {
            return;
        }
        let numbers: Vec<usize> = (first..first + count.min(self.records.len()))
            .map(|at| at % self.records.len())
            .collect();
        let wanted = numbers.iter().map(|at| {
            let command = self.records[*at].command.clone();
            let agents = command.target.answering().map(<[_]>::to_vec);
            let wanted = Wanted { agents, ..Wanted::of(&command, Vec::new()) };
            (command, wanted)
        });
        let arrivals = Arrivals::new(&self.session, wanted.collect(), timeout).expect("no end yet");
        let mut found = BTreeMap::new();
        for (which, item) in arrivals {
            let at = numbers[which];
            match item {
                Ok(result) => {
                    self.is_one_of(&self.records[at], &result);
                    let again = found.insert((at, result.agent()), ());
                    assert!(again.is_none(), "a result is returned twice: {result:?}");
                    self.tally.add("results", "found");
                }
                Err(error) if error.kind() == ErrorKind::NoSuchAgent => {
                    assert_eq!(self.records[at].aim, Aim::Nobody, "{error}");
                }
                Err(error) => {
                    if error.is_timeout() {
                        // A loss of data may have left a result without `queued`.
                        let record = &self.records[at];
                        let queued = keys::queued(&record.command.id);
                        let is_routed = with(|world| world.store.length(queued.as_bytes()) > 0);
                        let is_known = is_routed || error.agent().is_some();
                        if record.aim != Aim::All && is_known {
                            self.is_not_missed(at, &error, begun);
                        }
                        assert!(!error.is_final());
                    }
                    self.judge(Some(&error), begun, "results");
                }
            }
        }
        let now = clock::now();
        assert!(now <= begun.deadline, "{:?} after the deadline", now - begun.deadline);
    }

    fn retract(&mut self, which: usize, timeout: &Timeout, begun: &Begun) {
        let Some(at) = self.chosen(which, |record| record.once == 0) else { return };
        let command = self.records[at].command.clone();
        let done = self.session.bounded(timeout, String::new, |until| {
            retract::take_back(&self.session, &command, until)
        });
        match &done {
            Ok(true) => self.records[at].retracted = true,
            Ok(false) => {}
            Err(error) => self.records[at].retracting |= error.is_maybe_sent(),
        }
        if let Ok(true) = done {
            assert!(self.records[at].sent > Sent::No, "what was not sent is taken back");
        }
        self.judge(done.as_ref().err(), begun, "retract");
    }

    /// Checks when a call ended, and that the schedule accounts for its error.
    fn judge(&mut self, error: Option<&Error>, begun: &Begun, name: &'static str) {
        let now = clock::now();
        with(|world| world.note(|| format!("{name} returns {error:?}")));
        let deadline = begun.cancelled.map_or(begun.deadline, |at| at.min(begun.deadline));
        assert!(now <= deadline, "{name}: {:?} after the deadline: {error:?}", now - deadline);
        assert_eq!(with(|world| world.poisoned()), [0; 0], "used after garbage");
        let gap = with(|world| world.longest_gap());
        assert!(
            begun.kind != Kind::Wait || gap <= SILENT,
            "a silent server is awaited for {gap:?}"
        );
        let Some(error) = error else { return self.tally.add(name, "done") };
        let is_over = now == begun.deadline;
        let is_cancelled = begun.cancelled == Some(now);
        let losses = with(|world| world.losses);
        // Faults that ended before the call must not affect it.
        let meanwhile = with(|world| {
            world.is_disturbed() || world.flawed.is_some_and(|flawed| flawed >= begun.at)
        });
        let accounted = match error.kind() {
            ErrorKind::Cancelled => is_cancelled,
            ErrorKind::Timeout if begun.kind == Kind::Question => true,
            ErrorKind::Timeout => is_over,
            ErrorKind::MaybeSent => meanwhile || is_over || is_cancelled,
            _ => meanwhile && explains(self.schedule, error, begun.kind, losses),
        };
        assert!(accounted, "{name}: nothing explains {:?}: {error}", error.kind());
        if self.schedule.is_calm() && begun.kind == Kind::Push && begun.cancelled.is_none() {
            let timeout = begun.deadline - begun.at;
            assert!(timeout < UNDISTURBED, "{name}: nothing went wrong: {error}");
        }
        let what = match error.kind() {
            ErrorKind::MaybeSent => "unconfirmed",
            ErrorKind::Timeout => "timed out",
            ErrorKind::Connect => "no connection",
            ErrorKind::Protocol => "garbage",
            ErrorKind::Server => "refused",
            ErrorKind::Cancelled => "cancelled",
            _ => "other",
        };
        self.tally.add(name, what);
    }

    /// Checks the final state, after all faults.
    fn finish(mut self) {
        drain(AFTERWARDS);
        self.check();
        with(|world| world.heal());
        let patient = session(64, Duration::from_secs(20));
        self.results_are_there(&patient);
        for at in 0..self.records.len() {
            let record = &mut self.records[at];
            if record.once > 0 && record.aim != Aim::Nobody {
                record.once += 1;
                let again = once::submit_once(&patient, &record.command, &patient.quick());
                again.unwrap_or_else(|error| panic!("it cannot be repeated: {error}"));
                record.sent = Sent::Yes;
            }
        }
        drain(AFTERWARDS);
        self.check();
        drop((self.session, patient));
        assert_eq!(with(|world| world.open()), 0, "a connection is not closed");
        let endless: Vec<String> =
            with(|world| world.store.endless().map(|key| key.escape_ascii().to_string()).collect());
        assert_eq!(endless, [""; 0], "no time to live");
    }

    /// Compares the server's log and the agents' runs with what the calls have reported.
    fn check(&self) {
        let mut documents = BTreeMap::<String, usize>::new();
        let losses = with(|world| {
            for command in world.log.iter().filter(|command| command.words[0] == b"RPUSH") {
                let document: serde_json::Value =
                    serde_json::from_slice(&command.words[2]).expect("a command");
                let id = document["id"].as_str().expect("an id");
                *documents.entry(id.to_owned()).or_default() += 1;
            }
            world.losses
        });
        let known = self.known.borrow();
        for record in &self.records {
            let id = &record.command.id;
            let runs = known.runs.iter().filter(|((of, _), _)| of == id).map(|(_, runs)| *runs);
            let documents = documents.get(id).copied().unwrap_or_default();
            record.check(documents, runs.max().unwrap_or_default(), losses);
        }
    }

    /// Checks that a later wait finds every result.
    fn results_are_there(&self, patient: &Session) {
        let losses = with(|world| world.losses);
        let there: Vec<(String, AgentId)> = {
            let known = self.known.borrow();
            let answers = known
                .answers
                .iter()
                .filter(|(_, answers)| answers.iter().any(|answer| answer.losses == losses));
            answers.map(|(of, _)| of.clone()).filter(|(id, agent)| is_there(id, *agent)).collect()
        };
        for (id, agent) in there {
            let command = Envelope::known(id.clone(), Target::agent(agent));
            let found = run::wait_for(patient, &command, agent, &Timeout::after(UNDISTURBED));
            match found {
                Err(error) if error.kind() == ErrorKind::NoSuchAgent => {}
                found => drop(found.unwrap_or_else(|error| panic!("{id}: {error}"))),
            }
        }
    }
}

/// Whether a result can be found: its list, or a final state in the hash where the list was evicted.
fn is_there(id: &str, agent: AgentId) -> bool {
    with(|world| {
        let field = world.store.field(keys::results(id).as_bytes(), agent.to_string().as_bytes());
        let is_final = |field: &[u8]| {
            let states = [&b"SUCCESS"[..], b"ERROR"];
            states.iter().any(|state| field.windows(state.len()).any(|part| part == *state))
        };
        world.store.length(keys::result(id, agent).as_bytes()) > 0 || field.is_some_and(is_final)
    })
}
