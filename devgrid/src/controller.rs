//! Controller: takes commands, routes them to agents and stores their results.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::{ConnectionLike, Pipeline};

use crate::agent::Agent;
use crate::conn::Conn;
use crate::fault::{Fault, Step};
use crate::grid::Shared;
use crate::routing::Registry;
use crate::schedule::Scheduler;
use crate::wire::{self, AgentId, Command};
use crate::worker::{Flag, Flow, Work, Worker};
use crate::{gojson, internals, jumpscript, lock};

/// One life of the controller, from its start until it is stopped or dies.
pub(crate) struct Controller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) scheduler: Scheduler,
    running: AtomicBool,
    /// Held by agents' threads while they file a result; taken whole by the end of the controller.
    gate: RwLock<()>,
    workers: Mutex<Vec<Arc<Worker>>>,
    pollers: Mutex<HashMap<AgentId, Arc<Worker>>>,
    stopping: Flag,
}

/// What a controller's thread does for one list of Redis.
enum Task {
    /// `cmds.queue`
    Commands,
    /// The original writes logs into these lists and takes them out again at once.
    Drain,
}

struct Draining {
    controller: Arc<Controller>,
    task: Task,
}

impl Work for Draining {
    fn handle(&mut self, conn: &mut Conn, payload: Vec<u8>) -> Flow {
        match self.task {
            Task::Commands => self.controller.take(conn, &payload),
            Task::Drain => Flow::Continue,
        }
    }

    /// Any error but a timeout ends the original.
    fn failed(&mut self) -> Flow {
        self.controller.die();
        Flow::End
    }
}

/// Fetches commands for one agent.
struct Polling {
    controller: Arc<Controller>,
    agent: Arc<Agent>,
    /// Whether the agent has found this controller.
    connected: bool,
}

impl Polling {
    fn register(&self) {
        lock(&self.controller.registry).register(self.agent.id, &self.agent.roles);
    }

    fn connect(&mut self) {
        self.register();
        self.agent.tunnels.reopen(&self.agent.shared, &self.agent.name());
        self.connected = true;
    }
}

impl Work for Polling {
    fn before(&mut self, stop: &Flag) {
        if !self.connected {
            self.connect();
        }
        if self.agent.is_full() {
            let routable_for = self.controller.shared.routable_for;
            lock(&self.controller.registry).lost(self.agent.id, routable_for);
            self.agent.wait_for_room(stop);
            if !stop.is_set() {
                self.register();
            }
        }
    }

    fn handle(&mut self, conn: &mut Conn, payload: Vec<u8>) -> Flow {
        self.controller.fetch(&self.agent, conn, &payload)
    }

    /// The agent asks again.
    fn failed(&mut self) -> Flow {
        Flow::Continue
    }
}

impl Controller {
    /// Starts one, with which the agents register after `delay`; returns when it drains its queue.
    pub(crate) fn start(shared: &Arc<Shared>, delay: Duration) {
        let controller = Arc::new(Controller {
            shared: Arc::clone(shared),
            registry: Mutex::default(),
            scheduler: Scheduler::default(),
            running: AtomicBool::new(true),
            gate: RwLock::default(),
            workers: Mutex::default(),
            pollers: Mutex::default(),
            stopping: Flag::default(),
        });
        shared.publish(&controller);
        for agent in shared.live_agents() {
            controller.attach(&agent, delay);
        }
        let workers = {
            // Held so that one that dies of its very first command still finds all that has to be
            // stopped.
            let mut workers = lock(&controller.workers);
            workers.push(controller.drain(Task::Drain, wire::COMMAND_LOG));
            workers.push(controller.drain(Task::Drain, wire::RESULT_LOG));
            workers.push(controller.drain(Task::Commands, wire::COMMANDS));
            workers.clone()
        };
        workers.iter().for_each(|w| w.wait_ready());
        if delay.is_zero() {
            let pollers: Vec<_> = lock(&controller.pollers).values().cloned().collect();
            pollers.iter().for_each(|w| w.wait_ready());
        }
        Scheduler::start(&controller);
    }

    fn drain(self: &Arc<Self>, task: Task, key: &str) -> Arc<Worker> {
        let work = Draining { controller: Arc::clone(self), task };
        let endpoint = self.shared.endpoint.clone();
        Worker::start("controller".into(), endpoint, key.into(), Duration::ZERO, work)
    }

    pub(crate) fn running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Dies on its own account: of a malformed command, of an error of Redis, or because a test wants
    /// it. A supervisor starts another one.
    pub(crate) fn die(self: &Arc<Self>) {
        if !self.running.swap(false, Ordering::AcqRel) || self.stopping.is_set() {
            return;
        }
        let own = Arc::clone(self);
        // Not on this thread, which is one of those to be stopped.
        std::thread::spawn(move || {
            own.stop();
            own.shared.supervise(&own);
        });
    }

    /// Stops it; returns when no thread of it touches Redis any more. What its threads are at they
    /// end first, with the answer of an agent that comes at once; results of jobs that end later
    /// are lost.
    pub(crate) fn stop(&self) {
        self.stopping.set();
        self.scheduler.stop();
        let mut workers = lock(&self.workers).clone();
        workers.extend(lock(&self.pollers).values().cloned());
        let all: Vec<&Worker> = workers.iter().map(|w| &**w).collect();
        Worker::stop_all(&all, &self.shared.endpoint);
        self.running.store(false, Ordering::Release);
        // All tunnels lead through it.
        self.shared.live_agents().iter().for_each(|agent| agent.tunnels.disconnect());
        self.shared.links.end(|_| true);
        self.close_gate();
    }

    /// Waits for results being filed, but not for a Redis that doesn't answer: what was sent to
    /// that one can't be called back.
    fn close_gate(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.gate.try_write().is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Registers an agent after `delay` and begins to fetch for it.
    pub(crate) fn attach(self: &Arc<Self>, agent: &Arc<Agent>, delay: Duration) {
        let mut work =
            Polling { controller: Arc::clone(self), agent: Arc::clone(agent), connected: false };
        if delay.is_zero() {
            work.connect();
        }
        let name = format!("poll {}:{}", agent.id.0, agent.id.1);
        let key = wire::agent_key(agent.id);
        let worker = Worker::start(name, self.shared.endpoint.clone(), key, delay, work);
        lock(&self.pollers).insert(agent.id, Arc::clone(&worker));
        if self.stopping.is_set() {
            worker.stop_one(&self.shared.endpoint);
        }
    }

    /// Ends the polling for an agent; returns when nothing more is taken for it.
    pub(crate) fn detach(&self, agent: AgentId) {
        let worker = lock(&self.pollers).get(&agent).cloned();
        if let Some(worker) = worker {
            worker.stop_one(&self.shared.endpoint);
        }
    }

    pub(crate) fn wait_attached(&self, agent: AgentId) {
        let worker = lock(&self.pollers).get(&agent).cloned();
        if let Some(worker) = worker {
            worker.wait_ready();
        }
    }

    /// One command out of `cmds.queue`.
    fn take(self: &Arc<Self>, conn: &mut Conn, payload: &[u8]) -> Flow {
        if !self.running() {
            let _ = redis::cmd("LPUSH").arg(wire::COMMANDS).arg(payload).exec(conn);
            return Flow::End;
        }
        let died = if self.shared.faults.crashes(Step::Pop) {
            true
        } else {
            match Command::parse(payload) {
                Ok(command) => self.handle(conn, payload, &command).is_err(),
                Err(_) => true,
            }
        };
        if died {
            self.die();
            return Flow::End;
        }
        Flow::Continue
    }

    fn handle(
        self: &Arc<Self>,
        conn: &mut Conn,
        payload: &[u8],
        command: &Command,
    ) -> Result<(), Crash> {
        let mut batch = Batch::new(conn, &self.shared);
        batch.pipe.rpush(wire::COMMAND_LOG, payload).ignore();
        if self.shared.joblog {
            batch.pipe.lpush(wire::JOB_LOG, payload).ignore();
        }
        let sent = (command.cmd == "jumpscript_content")
            .then(|| jumpscript::take_content(payload, command))
            .flatten();
        if let Some(sent) = &sent {
            let key = wire::script_key(&sent.hash);
            batch.pipe.set(&key, &sent.content).ignore();
            batch.pipe.expire(&key, wire::KEPT).ignore();
        }
        let payload = sent.as_ref().map_or(payload, |sent| sent.payload.as_bytes());
        if command.cmd == "controller" {
            batch.send();
            let answer = internals::answer(self, batch.conn, command);
            batch.answer(command, &answer);
        } else {
            let targets = lock(&self.registry).targets(command);
            if targets.is_empty() {
                batch.answer(command, &internals::Answer::error(wire::NO_AGENT));
            }
            for target in targets {
                batch.route(payload, command, target)?;
            }
            let delay = |f: &Fault| {
                if let Fault::DelayQueued(time) = f { Some(*time) } else { None }
            };
            if let Some(time) = self.shared.faults.find(delay) {
                batch.send();
                self.stopping.wait(time);
            }
        }
        batch.pipe.rpush(wire::queued_key(&command.id), "queued").ignore();
        batch.step(Step::Announced)?;
        batch.send();
        Ok(())
    }

    /// One command out of `cmds:<gid>:<nid>`.
    fn fetch(self: &Arc<Self>, agent: &Arc<Agent>, conn: &mut Conn, payload: &[u8]) -> Flow {
        if !self.running() || !agent.alive() {
            let _ = redis::cmd("LPUSH").arg(wire::agent_key(agent.id)).arg(payload).exec(conn);
            return Flow::End;
        }
        if puts_back(agent.id, conn) {
            let _ = redis::cmd("RPUSH").arg(wire::agent_key(agent.id)).arg(payload).exec(conn);
            return Flow::Continue;
        }
        let Ok(command) = Command::parse(payload) else {
            return Flow::Continue;
        };
        let mut batch = Batch::new(conn, &self.shared);
        let running = batch.step(Step::Fetched).and_then(|()| {
            batch.state(&command, agent.id, "RUNNING");
            batch.step(Step::Running)
        });
        if running.is_err() {
            self.die();
            return Flow::End;
        }
        batch.send();
        agent.submit(command);
        Flow::Continue
    }

    /// A script it keeps, for an agent that is to run it.
    pub(crate) fn script(&self, hash: &str) -> Option<String> {
        let mut conn = self.shared.endpoint.connect(false).ok()?;
        let key = wire::script_key(hash);
        let found = redis::cmd("GET").arg(key).query::<Option<Vec<u8>>>(&mut conn).ok()?;
        found.map(|bytes| gojson::lossy(&bytes))
    }

    /// Files a terminal result an agent posts, through the agent's connection. What Redis refuses is
    /// lost, and the agent never hears of it.
    pub(crate) fn store(
        self: &Arc<Self>,
        slot: &mut Option<Conn>,
        agent: AgentId,
        id: &str,
        json: &[u8],
    ) {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let faults = &self.shared.faults;
        if !self.running() || faults.take(|f| *f == Fault::DropResult).is_some() {
            return;
        }
        if slot.is_none() {
            *slot = self.shared.endpoint.connect(false).ok();
        }
        let Some(conn) = slot else {
            // The original gives up where it can't connect.
            return self.die();
        };
        let raw = faults.take(|f| matches!(f, Fault::RawResult(_)));
        let json = if let Some(Fault::RawResult(bytes)) = &raw { bytes } else { json };
        if Batch::new(conn, &self.shared).result(agent, id, json).is_err() {
            self.die();
        }
        if !conn.is_open() {
            *slot = None;
        }
    }
}

/// Whether a command goes back to the end of the agent's list, behind those that came later. The original
/// does that to one whose agent is not yet there to take it: of 900 commands pushed 300 at a time to 24.
fn puts_back(agent: AgentId, conn: &mut Conn) -> bool {
    const BACKLOG: usize = 20;
    const ONE_IN: u32 = 38;
    fastrand::u32(..ONE_IN) == 0
        && redis::cmd("LLEN")
            .arg(wire::agent_key(agent))
            .query::<usize>(conn)
            .is_ok_and(|length| length >= BACKLOG)
}

/// The controller stops here.
struct Crash;

/// Commands to be written in one go. Redis sees them in the order and the number the original sends
/// them.
struct Batch<'a> {
    conn: &'a mut Conn,
    shared: &'a Shared,
    pipe: Pipeline,
}

impl<'a> Batch<'a> {
    fn new(conn: &'a mut Conn, shared: &'a Shared) -> Self {
        Batch { conn, shared, pipe: redis::pipe() }
    }

    /// Sends what has gathered. The original reads no reply to any of it: what Redis refuses is lost.
    fn send(&mut self) {
        if !self.pipe.is_empty() {
            let _ = self.pipe.exec(self.conn);
        }
        self.pipe.clear();
    }

    /// Ends the controller here if a test wants it.
    fn step(&mut self, step: Step) -> Result<(), Crash> {
        if !self.shared.faults.crashes(step) {
            return Ok(());
        }
        self.send();
        Err(Crash)
    }

    /// QUEUED or RUNNING.
    fn state(&mut self, command: &Command, agent: AgentId, state: &str) {
        let json =
            wire::controller_result(&command.id, agent.0.into(), agent.1.into(), state, "", 0);
        let hash = wire::hash_key(&command.id);
        self.pipe.hset(&hash, field(agent), &json).ignore();
        self.pipe.expire(&hash, wire::KEPT).ignore();
        self.pipe.rpush(wire::RESULT_LOG, json).ignore();
    }

    fn route(&mut self, payload: &[u8], command: &Command, agent: AgentId) -> Result<(), Crash> {
        self.state(command, agent, "QUEUED");
        self.step(Step::Queued)?;
        self.pipe.rpush(wire::agent_key(agent), payload).ignore();
        self.step(Step::Pushed)
    }

    /// The controller's own answer, under the address as asked.
    fn answer(&mut self, command: &Command, answer: &internals::Answer) {
        let (gid, nid) = (command.gid, command.nid);
        let json = wire::controller_result(
            &command.id,
            gid,
            nid,
            answer.state,
            &answer.data,
            answer.level,
        );
        let (hash, list) = (wire::hash_key(&command.id), wire::list_key(&command.id, gid, nid));
        self.pipe.hset(&hash, format!("{gid}:{nid}"), &json).ignore();
        self.pipe.expire(&hash, wire::KEPT).ignore();
        self.pipe.rpush(&list, &json).ignore();
        self.pipe.expire(&list, wire::KEPT).ignore();
        self.pipe.rpush(wire::RESULT_LOG, json).ignore();
    }

    /// A terminal result.
    fn result(&mut self, agent: AgentId, id: &str, json: &[u8]) -> Result<(), Crash> {
        let (hash, list) = (wire::hash_key(id), wire::list_key(id, agent.0.into(), agent.1.into()));
        self.pipe.hset(&hash, field(agent), json).ignore();
        self.pipe.expire(&hash, wire::KEPT).ignore();
        self.step(Step::ResultHash)?;
        if self.shared.faults.is_set(&Fault::RunningAfterTerminal) {
            let running =
                wire::controller_result(id, agent.0.into(), agent.1.into(), "RUNNING", "", 0);
            self.pipe.hset(&hash, field(agent), running).ignore();
        }
        self.pipe.rpush(&list, json).ignore();
        if self.shared.faults.take(|f| *f == Fault::DuplicateResult).is_some() {
            self.pipe.rpush(&list, json).ignore();
        }
        self.step(Step::ResultList)?;
        self.pipe.expire(&list, wire::KEPT).ignore();
        self.pipe.rpush(wire::RESULT_LOG, json).ignore();
        self.send();
        Ok(())
    }
}

fn field(agent: AgentId) -> String {
    format!("{}:{}", agent.0, agent.1)
}
