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
use crate::worker::{Flag, Flow, Worker};
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

/// What became of a result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Yes,
    /// There was no controller to take it, or it lost it.
    Lost,
    /// Redis can't be reached; worth another try.
    NoRedis,
}

impl Controller {
    /// Starts one; returns when it drains its queue.
    pub(crate) fn start(shared: &Arc<Shared>) {
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
            controller.attach(&agent, shared.registration_delay);
        }
        let workers = {
            // Held so that one that dies of its very first command still finds all that has to be
            // stopped.
            let mut workers = lock(&controller.workers);
            workers
                .extend([controller.drain(wire::COMMAND_LOG), controller.drain(wire::RESULT_LOG)]);
            let own = Arc::clone(&controller);
            let take = move |conn: &mut Conn, payload: Vec<u8>| own.take(conn, &payload);
            workers.push(controller.work("controller", wire::COMMANDS.into(), take));
            workers.clone()
        };
        workers.iter().for_each(|w| w.wait_ready());
        if shared.registration_delay.is_zero() {
            let pollers: Vec<_> = lock(&controller.pollers).values().cloned().collect();
            pollers.iter().for_each(|w| w.wait_ready());
        }
        Scheduler::start(&controller);
    }

    fn work(
        &self,
        name: &str,
        key: String,
        handle: impl FnMut(&mut Conn, Vec<u8>) -> Flow + Send + 'static,
    ) -> Arc<Worker> {
        Worker::start(name.into(), self.shared.endpoint.clone(), key, Duration::ZERO, handle, || ())
    }

    /// The original writes logs into these lists and takes them out again at once.
    fn drain(&self, key: &str) -> Arc<Worker> {
        self.work(key, key.into(), |_, _| Flow::Continue)
    }

    pub(crate) fn running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Whether it is being stopped, though it may still take results.
    pub(crate) fn stopping(&self) -> bool {
        self.stopping.is_set()
    }

    /// Dies on its own account: of a malformed command, or because a test wants it.
    pub(crate) fn die(self: &Arc<Self>) {
        self.running.store(false, Ordering::Release);
        let own = Arc::clone(self);
        // Not on this thread, which is one of those to be stopped.
        std::thread::spawn(move || own.stop());
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
        let register = {
            let (own, agent) = (Arc::clone(self), Arc::clone(agent));
            move || lock(&own.registry).register(agent.id, &agent.roles)
        };
        if delay.is_zero() {
            register();
        }
        let fetch = {
            let (own, agent) = (Arc::clone(self), Arc::clone(agent));
            move |conn: &mut Conn, payload: Vec<u8>| own.fetch(&agent, conn, &payload)
        };
        let begin = move || {
            if !delay.is_zero() {
                register();
            }
        };
        let name = format!("poll {}:{}", agent.id.0, agent.id.1);
        let key = wire::agent_key(agent.id);
        let worker = Worker::start(name, self.shared.endpoint.clone(), key, delay, fetch, begin);
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
        if !self.running() {
            let _ = redis::cmd("LPUSH").arg(wire::agent_key(agent.id)).arg(payload).exec(conn);
            return Flow::End;
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
        agent.submit(command, payload);
        Flow::Continue
    }

    /// A script it keeps, for an agent that is to run it.
    pub(crate) fn script(&self, hash: &str) -> Option<String> {
        let mut conn = self.shared.endpoint.connect(false).ok()?;
        let key = wire::script_key(hash);
        let found = redis::cmd("GET").arg(key).query::<Option<Vec<u8>>>(&mut conn).ok()?;
        found.map(|bytes| gojson::lossy(&bytes))
    }

    /// Files a terminal result an agent posts, through the agent's connection.
    pub(crate) fn store(
        self: &Arc<Self>,
        slot: &mut Option<Conn>,
        agent: AgentId,
        id: &str,
        json: &[u8],
    ) -> Stored {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if !self.running() {
            return Stored::Lost;
        }
        if slot.is_none() {
            *slot = self.shared.endpoint.connect(false).ok();
        }
        let Some(conn) = slot else {
            return Stored::NoRedis;
        };
        let faults = &self.shared.faults;
        if faults.take(|f| *f == Fault::DropResult).is_some() {
            return Stored::Lost;
        }
        let raw = faults.take(|f| matches!(f, Fault::RawResult(_)));
        let json = if let Some(Fault::RawResult(bytes)) = &raw { bytes } else { json };
        let mut batch = Batch::new(conn, &self.shared);
        let Ok(filed) = batch.result(agent, id, json) else {
            self.die();
            return Stored::Lost;
        };
        if filed {
            return Stored::Yes;
        }
        *slot = None;
        Stored::NoRedis
    }
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

    /// Sends what has gathered; `false` when Redis is gone, which the next BLPOP notices too, or not back
    /// yet. What else Redis refuses, a test has brought about: it is not tried again.
    fn send(&mut self) -> bool {
        let is_lost = |error: redis::RedisError, conn: &Conn| {
            !conn.is_open() || error.code() == Some("LOADING")
        };
        let sent = self.pipe.is_empty()
            || self.pipe.exec(self.conn).map_or_else(|error| !is_lost(error, self.conn), |()| true);
        self.pipe.clear();
        sent
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

    /// A terminal result; `false` when Redis is gone.
    fn result(&mut self, agent: AgentId, id: &str, json: &[u8]) -> Result<bool, Crash> {
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
        Ok(self.send())
    }
}

fn field(agent: AgentId) -> String {
    format!("{}:{}", agent.0, agent.1)
}
