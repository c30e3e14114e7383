//! Grid: Redis, controller and agents, started by a builder and stopped on drop.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::agent::Agent;
use crate::conn::Endpoint;
use crate::controller::Controller;
use crate::fault::{Fault, Faults, Step};
use crate::link::Links;
use crate::redis_server::{RedisServer, RedisServerBuilder};
use crate::stats::Observer;
use crate::timer::Timer;
use crate::watchdog::Watchdog;
use crate::wire::AgentId;
use crate::worker::Flag;
use crate::{Error, jumpscript, lock, tunnel};

/// Default delay of the agents' registration with a restarted controller.
const REGISTRATION: Duration = Duration::from_secs(2);
/// Downtime of an agent after the command `restart`.
const AGENT_RESTART: Duration = Duration::from_secs(1);

/// State shared by the parts of a grid.
pub(crate) struct Shared {
    pub(crate) endpoint: Endpoint,
    pub(crate) dir: PathBuf,
    pub(crate) faults: Faults,
    pub(crate) timer: Timer,
    pub(crate) watchdog: Arc<Watchdog>,
    pub(crate) observer: Observer,
    pub(crate) registration_delay: Duration,
    /// Script directories of the agents that have the jumpscript extension.
    pub(crate) jumpscripts: HashMap<AgentId, PathBuf>,
    pub(crate) joblog: bool,
    /// Connections through the tunnels of all agents.
    pub(crate) links: Links,
    pub(crate) routable_for: Duration,
    /// Delay before a dead controller is restarted; `None` without a supervisor.
    supervised: Option<Duration>,
    agents: Mutex<BTreeMap<AgentId, Arc<Agent>>>,
    /// The latest controller, dead or alive.
    controller: Mutex<Option<Arc<Controller>>>,
    /// Serializes changes of agents and controller.
    changing: Mutex<()>,
    ending: Flag,
}

impl Shared {
    /// The controller, if it is running.
    pub(crate) fn controller(&self) -> Option<Arc<Controller>> {
        lock(&self.controller).clone().filter(|c| c.running())
    }

    /// Makes a new controller known to the agents. Must precede its first command: results would be lost otherwise.
    pub(crate) fn publish(&self, controller: &Arc<Controller>) {
        *lock(&self.controller) = Some(Arc::clone(controller));
    }

    /// Agents that are alive and not paused.
    pub(crate) fn live_agents(&self) -> Vec<Arc<Agent>> {
        let agents = lock(&self.agents);
        agents.values().filter(|agent| agent.alive() && !agent.paused()).cloned().collect()
    }

    fn agent(&self, id: AgentId) -> Option<Arc<Agent>> {
        lock(&self.agents).get(&id).cloned()
    }

    /// Whether a gateway, `gid.nid` or the controller, is reachable for tunnels.
    pub(crate) fn reachable(&self, gateway: &str) -> bool {
        let agent = || {
            let (gid, nid) = gateway.split_once('.')?;
            self.agent((gid.parse().ok()?, nid.parse().ok()?)).filter(|agent| agent.alive())
        };
        self.controller().is_some() && (gateway == tunnel::CONTROLLER || agent().is_some())
    }

    /// Stops fetching for an agent, which stays routable for a while.
    fn detach(&self, id: AgentId) {
        if let Some(controller) = self.controller() {
            controller.detach(id);
            // The agent's current poll lasts for up to half that time longer.
            let on_the_way = self.routable_for.mul_f64(fastrand::f64() / 2.0);
            lock(&controller.registry).lost(id, self.routable_for + on_the_way);
        }
    }

    fn attach(&self, agent: &Arc<Agent>) {
        if let Some(controller) = self.controller() {
            controller.attach(agent, Duration::ZERO);
            controller.wait_attached(agent.id);
        }
    }

    fn kill_agent(&self, id: AgentId) {
        self.detach(id);
        if let Some(agent) = self.agent(id).filter(|agent| agent.alive()) {
            agent.die();
        }
    }

    fn start_agent(self: &Arc<Self>, id: AgentId, roles: &[String]) {
        self.kill_agent(id);
        let agent = Agent::new(self, id, roles, self.agent(id).as_deref());
        lock(&self.agents).insert(id, Arc::clone(&agent));
        self.attach(&agent);
    }

    /// Restarts an agent after the command `restart`.
    pub(crate) fn restart_agent(self: &Arc<Self>, agent: &Arc<Agent>) {
        self.detach(agent.id);
        if self.ending.wait(AGENT_RESTART) {
            return;
        }
        let _one = lock(&self.changing);
        let is_last = self.agent(agent.id).is_some_and(|last| Arc::ptr_eq(&last, agent));
        if !self.ending.is_set() && is_last {
            self.start_agent(agent.id, &agent.roles.clone());
        }
    }

    /// Restarts a dead controller if the grid is supervised.
    pub(crate) fn supervise(self: &Arc<Self>, dead: &Arc<Controller>) {
        let Some(delay) = self.supervised else { return };
        if self.ending.wait(delay) {
            return;
        }
        let _one = lock(&self.changing);
        let is_last = lock(&self.controller).as_ref().is_some_and(|last| Arc::ptr_eq(last, dead));
        if !self.ending.is_set() && is_last {
            Controller::start(self, self.registration_delay);
        }
    }
}

/// Builder of a [`Grid`].
#[derive(Clone, Debug)]
pub struct GridBuilder {
    agents: Vec<(AgentId, Vec<String>)>,
    redis: RedisServerBuilder,
    routable_for: Duration,
    registration_delay: Duration,
    supervised: Option<Duration>,
    /// `None` for the built-in scripts.
    jumpscripts: HashMap<AgentId, Option<PathBuf>>,
    joblog: bool,
}

impl GridBuilder {
    /// Adds an agent.
    #[must_use]
    pub fn agent(mut self, gid: u32, nid: u32, roles: &[&str]) -> Self {
        self.agents.push(((gid, nid), owned(roles)));
        self
    }

    /// Sets the Redis to start.
    #[must_use]
    pub fn redis(mut self, redis: RedisServerBuilder) -> Self {
        self.redis = redis;
        self
    }

    /// Time for which commands are routed to a dead agent, plus up to 50%. Default: 30 seconds.
    #[must_use]
    pub fn routable_for(mut self, time: Duration) -> Self {
        self.routable_for = time;
        self
    }

    /// Delay of the agents' registration with a restarted controller, for which they do not exist until then. Default:
    /// 2 seconds.
    #[must_use]
    pub fn registration_delay(mut self, time: Duration) -> Self {
        self.registration_delay = time;
        self
    }

    /// Restarts a dead controller after `delay`, like a supervisor. A controller dies of a malformed command and of any
    /// Redis error: a lost connection, a restart, or a rejected BLPOP (READONLY, LOADING, MISCONF, NOREPLICAS, BUSY,
    /// failover). Default: no restart.
    #[must_use]
    pub fn supervise(mut self, delay: Duration) -> Self {
        self.supervised = Some(delay);
        self
    }

    /// Gives an agent the jumpscript extension, which runs `<dir>/<domain>/<name>.py` and scripts sent with a command.
    /// It needs `python3` on PATH; without it, these commands are unknown to the agent.
    #[must_use]
    pub fn jumpscripts(mut self, gid: u32, nid: u32, dir: impl Into<PathBuf>) -> Self {
        self.jumpscripts.insert((gid, nid), Some(dir.into()));
        self
    }

    /// Makes the controller keep a history like older ones: it pushes every command, unmodified, to the head of the list
    /// `joblog`.
    #[must_use]
    pub fn joblog(mut self) -> Self {
        self.joblog = true;
        self
    }

    /// Starts the grid and returns when the agents are registered.
    ///
    /// # Errors
    /// See [`RedisServerBuilder::start`]. Also fails if a relative directory of jumpscripts cannot be resolved.
    pub fn start(self) -> Result<Grid, Error> {
        let redis = self.redis.start()?;
        let mut jumpscripts = HashMap::new();
        for (id, dir) in self.jumpscripts {
            let dir = match dir {
                None => jumpscript::write_builtin(redis.dir())?,
                // Jobs run in a different directory.
                Some(dir) => std::path::absolute(&dir)
                    .map_err(|e| Error::new(format!("{}: {e}", dir.display())))?,
            };
            jumpscripts.insert(id, dir);
        }
        let shared = Arc::new(Shared {
            endpoint: redis.endpoint().clone(),
            dir: redis.dir().to_path_buf(),
            faults: Faults::default(),
            timer: Timer::start(),
            watchdog: Arc::clone(redis.watchdog()),
            observer: Observer::new(),
            registration_delay: self.registration_delay,
            jumpscripts,
            joblog: self.joblog,
            links: Links::default(),
            routable_for: self.routable_for,
            supervised: self.supervised,
            agents: Mutex::default(),
            controller: Mutex::default(),
            changing: Mutex::default(),
            ending: Flag::default(),
        });
        for (id, roles) in &self.agents {
            lock(&shared.agents).insert(*id, Agent::new(&shared, *id, roles, None));
        }
        let grid = Grid { shared, redis, owner: std::process::id() };
        Controller::start(&grid.shared, Duration::ZERO);
        Ok(grid)
    }
}

fn owned(roles: &[&str]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

/// Running grid. Dropping it stops the controller, the agents, their jobs with all child processes, and Redis.
pub struct Grid {
    shared: Arc<Shared>,
    redis: RedisServer,
    /// Process that started the grid: a forked child must not stop it.
    owner: u32,
}

impl Grid {
    /// Starts the grid of the recordings: agents 1:1 (cpu), 2:1 (cpu, storage) and 1:2 (storage). Agent 1:2 runs
    /// jumpscripts and has one, `test/echo`.
    ///
    /// # Errors
    /// See [`GridBuilder::start`].
    pub fn demo() -> Result<Self, Error> {
        Grid::demo_builder().start()
    }

    /// Returns a builder with the settings of [`demo`](Self::demo).
    #[must_use]
    pub fn demo_builder() -> GridBuilder {
        let mut builder = Grid::builder()
            .agent(1, 1, &["cpu"])
            .agent(2, 1, &["cpu", "storage"])
            .agent(1, 2, &["storage"]);
        builder.jumpscripts.insert((1, 2), None);
        builder
    }

    /// Returns a builder of a grid without agents.
    #[must_use]
    pub fn builder() -> GridBuilder {
        GridBuilder {
            agents: Vec::new(),
            redis: RedisServer::builder(),
            routable_for: Duration::from_secs(30),
            registration_delay: REGISTRATION,
            supervised: None,
            jumpscripts: HashMap::new(),
            joblog: false,
        }
    }

    /// URL for clients, see [`RedisServer::url`].
    #[must_use]
    pub fn url(&self) -> String {
        self.redis.url()
    }

    /// The Redis of the grid.
    #[must_use]
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// Kills an agent and all its jobs, for which no result is ever posted. The agent stays routable for a while:
    /// commands wait for it and run when it is started again. Commands it had fetched are lost.
    pub fn kill_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        self.shared.kill_agent((gid, nid));
    }

    /// Starts an agent, new or killed before. A running one is killed first.
    pub fn start_agent(&self, gid: u32, nid: u32, roles: &[&str]) {
        let _one = lock(&self.shared.changing);
        self.shared.start_agent((gid, nid), &owned(roles));
    }

    /// Pauses an agent: it fetches and posts nothing, but its jobs keep running. Like a dead agent it stays routable for
    /// a while.
    pub fn pause_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        if let Some(agent) =
            self.shared.agent((gid, nid)).filter(|agent| agent.alive() && !agent.paused())
        {
            self.shared.detach(agent.id);
            agent.pause();
        }
    }

    /// Ends [`pause_agent`](Self::pause_agent) and posts the results held back.
    pub fn resume_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        if let Some(agent) =
            self.shared.agent((gid, nid)).filter(|agent| agent.alive() && agent.paused())
        {
            agent.resume();
            self.shared.attach(&agent);
        }
    }

    /// Number of running job processes of all agents.
    #[must_use]
    pub fn running_jobs(&self) -> usize {
        let agents = lock(&self.shared.agents);
        agents.values().map(|agent| agent.processes.load(Ordering::Acquire)).sum()
    }

    /// Number of open connections through tunnels of all agents.
    #[must_use]
    pub fn tunnelled_connections(&self) -> usize {
        self.shared.links.count()
    }

    /// Stops the controller and waits until none of its threads uses Redis. A command it had just taken is either
    /// processed or back at the head of the queue. Results that arrive while no controller runs are lost.
    pub fn stop_controller(&self) {
        let _one = lock(&self.shared.changing);
        self.end_controller();
    }

    fn end_controller(&self) {
        let controller = lock(&self.shared.controller).clone();
        if let Some(controller) = controller {
            controller.stop();
            lock(&self.shared.controller).take();
        }
    }

    /// Starts the controller and returns when it takes commands. A running one is stopped first. The agents register
    /// after [`GridBuilder::registration_delay`].
    pub fn start_controller(&self) {
        let _one = lock(&self.shared.changing);
        self.end_controller();
        Controller::start(&self.shared, self.shared.registration_delay);
    }

    /// Whether the controller is running. Like the original it exits on a malformed command or a Redis error; see
    /// [`GridBuilder::supervise`].
    #[must_use]
    pub fn controller_running(&self) -> bool {
        self.shared.controller().is_some()
    }

    /// Crashes the controller once, right after this step of the next command.
    pub fn crash_controller_after(&self, step: Step) {
        self.shared.faults.crash_after(step);
    }

    /// Injects a fault, in addition to earlier ones.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.inject(fault);
    }

    /// Whether a fault is set and not used up.
    #[must_use]
    pub fn is_injected(&self, fault: &Fault) -> bool {
        self.shared.faults.is_set(fault)
    }

    /// Clears all faults and a pending crash.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
        let agents: Vec<_> = lock(&self.shared.agents).values().cloned().collect();
        agents.iter().for_each(|agent| agent.fill_up());
    }
}

impl std::fmt::Debug for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let agents: Vec<AgentId> = lock(&self.shared.agents).keys().copied().collect();
        f.debug_struct("Grid")
            .field("redis", &self.redis)
            .field("agents", &agents)
            .finish_non_exhaustive()
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        if std::process::id() != self.owner {
            return;
        }
        let _one = lock(&self.shared.changing);
        self.shared.ending.set();
        // A paused Redis would block the shutdown.
        self.redis.resume();
        self.end_controller();
        let agents: Vec<_> =
            std::mem::take(&mut *lock(&self.shared.agents)).into_values().collect();
        for agent in agents {
            agent.die();
        }
        self.shared.timer.stop();
    }
}
