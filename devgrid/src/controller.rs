//! Controller: takes commands, routes them to agents and stores results.

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

/// Instance of the controller, from its start until it is stopped or dies.
pub(crate) struct Controller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) scheduler: Scheduler,
    running: AtomicBool,
    /// Read-locked by agent threads while they store a result, write-locked by the end of the controller.
    gate: RwLock<()>,
    workers: Mutex<Vec<Arc<Worker>>>,
    pollers: Mutex<HashMap<AgentId, Arc<Worker>>>,
    stopping: Flag,
}

/// Task of a controller thread for one Redis list.
enum Task {
    /// `cmds.queue`
    Commands,
    /// The original writes logs to these lists and pops them at once.
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

    /// The original exits on any error except a timeout.
    fn failed(&mut self) -> Flow {
        self.controller.die();
        Flow::End
    }
}

/// Fetches commands for one agent.
struct Polling {
    controller: Arc<Controller>,
    agent: Arc<Agent>,
    /// Whether the agent has registered with this controller.
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

    /// The agent polls again.
    fn failed(&mut self) -> Flow {
        Flow::Continue
    }
}

impl Controller {
    /// Starts a controller, with which the agents register after `delay`. Returns when it takes commands.
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
            // Locked so that a controller that dies of its first command finds all workers to stop.
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

    /// Dies of a malformed command, a Redis error or an injected crash. A supervisor starts a new one.
    pub(crate) fn die(self: &Arc<Self>) {
        if !self.running.swap(false, Ordering::AcqRel) || self.stopping.is_set() {
            return;
        }
        let own = Arc::clone(self);
        // On a new thread: this one may be a worker, which cannot stop itself.
        std::thread::spawn(move || {
            own.stop();
            own.shared.supervise(&own);
        });
    }

    /// Stops the controller and waits until none of its threads uses Redis. Threads finish their current command,
    /// including the immediate answer of an agent. Results of jobs that end later are lost.
    pub(crate) fn stop(&self) {
        self.stopping.set();
        self.scheduler.stop();
        let mut workers = lock(&self.workers).clone();
        workers.extend(lock(&self.pollers).values().cloned());
        let all: Vec<&Worker> = workers.iter().map(|w| &**w).collect();
        Worker::stop_all(&all, &self.shared.endpoint);
        self.running.store(false, Ordering::Release);
        // All tunnels pass through the controller.
        self.shared.live_agents().iter().for_each(|agent| agent.tunnels.disconnect());
        self.shared.links.end(|_| true);
        self.close_gate();
    }

    /// Waits for results being stored, but at most 2 seconds: Redis may not answer.
    fn close_gate(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.gate.try_write().is_err() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Registers an agent after `delay` and starts to fetch for it.
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

    /// Stops polling for an agent and waits until nothing more is popped for it.
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

    /// Handles a command popped from `cmds.queue`.
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

    /// Handles a command popped from `cmds:<gid>:<nid>`.
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

    /// Stored script for an agent.
    pub(crate) fn script(&self, hash: &str) -> Option<String> {
        let mut conn = self.shared.endpoint.connect(false).ok()?;
        let key = wire::script_key(hash);
        let found = redis::cmd("GET").arg(key).query::<Option<Vec<u8>>>(&mut conn).ok()?;
        found.map(|bytes| gojson::lossy(&bytes))
    }

    /// Stores a terminal result posted by an agent, through the agent's connection. Writes rejected by Redis are lost
    /// silently.
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
            // The original exits if it cannot connect.
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

/// Whether a command is pushed back to the tail of the agent's list, behind later ones. The original does so if the
/// agent is not ready to receive it: in a measurement, for 24 of 900 commands pushed 300 at a time.
fn puts_back(agent: AgentId, conn: &mut Conn) -> bool {
    const BACKLOG: usize = 20;
    const ONE_IN: u32 = 38;
    fastrand::u32(..ONE_IN) == 0
        && redis::cmd("LLEN")
            .arg(wire::agent_key(agent))
            .query::<usize>(conn)
            .is_ok_and(|length| length >= BACKLOG)
}

/// An injected crash.
struct Crash;

/// Pipeline of Redis commands, in the number and order that the original sends.
struct Batch<'a> {
    conn: &'a mut Conn,
    shared: &'a Shared,
    pipe: Pipeline,
}

impl<'a> Batch<'a> {
    fn new(conn: &'a mut Conn, shared: &'a Shared) -> Self {
        Batch { conn, shared, pipe: redis::pipe() }
    }

    /// Sends the pipeline. The original ignores the replies: rejected writes are lost.
    fn send(&mut self) {
        if !self.pipe.is_empty() {
            let _ = self.pipe.exec(self.conn);
        }
        self.pipe.clear();
    }

    /// Crashes the controller if a test requested it for this step.
    fn step(&mut self, step: Step) -> Result<(), Crash> {
        if !self.shared.faults.crashes(step) {
            return Ok(());
        }
        self.send();
        Err(Crash)
    }

    /// Writes the state QUEUED or RUNNING.
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

    /// Writes an answer of the controller, under the address in the command.
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

    /// Writes a terminal result.
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
