//! Grid: Redis, controller and agents as one value, started by its builder and stopped on drop.

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

/// How long agents take to register with a controller that was started again.
const REGISTRATION: Duration = Duration::from_secs(2);
/// How long an agent that exited on request is gone.
const AGENT_RESTART: Duration = Duration::from_secs(1);

/// What the parts of a grid share.
pub(crate) struct Shared {
    pub(crate) endpoint: Endpoint,
    pub(crate) dir: PathBuf,
    pub(crate) faults: Faults,
    pub(crate) timer: Timer,
    pub(crate) watchdog: Arc<Watchdog>,
    pub(crate) observer: Observer,
    pub(crate) registration_delay: Duration,
    /// Where the scripts of an agent are; one that isn't in it has no such extension.
    pub(crate) jumpscripts: HashMap<AgentId, PathBuf>,
    pub(crate) joblog: bool,
    /// Connections through the tunnels of all agents.
    pub(crate) links: Links,
    pub(crate) routable_for: Duration,
    /// Delay before a dead controller is started again; `None` without a supervisor.
    supervised: Option<Duration>,
    agents: Mutex<BTreeMap<AgentId, Arc<Agent>>>,
    /// The latest controller, dead or alive.
    controller: Mutex<Option<Arc<Controller>>>,
    /// One change of agents or controller at a time.
    changing: Mutex<()>,
    ending: Flag,
}

impl Shared {
    /// The controller, if it runs.
    pub(crate) fn controller(&self) -> Option<Arc<Controller>> {
        lock(&self.controller).clone().filter(|c| c.running())
    }

    /// Lets the agents know a new controller; before it takes commands, or their first results
    /// would be lost.
    pub(crate) fn publish(&self, controller: &Arc<Controller>) {
        *lock(&self.controller) = Some(Arc::clone(controller));
    }

    /// Agents that poll.
    pub(crate) fn live_agents(&self) -> Vec<Arc<Agent>> {
        let agents = lock(&self.agents);
        agents.values().filter(|agent| agent.alive() && !agent.paused()).cloned().collect()
    }

    fn agent(&self, id: AgentId) -> Option<Arc<Agent>> {
        lock(&self.agents).get(&id).cloned()
    }

    /// Whether a tunnel can lead there now: to an agent, as `gid.nid`, or the controller.
    pub(crate) fn reachable(&self, gateway: &str) -> bool {
        let agent = || {
            let (gid, nid) = gateway.split_once('.')?;
            self.agent((gid.parse().ok()?, nid.parse().ok()?)).filter(|agent| agent.alive())
        };
        self.controller().is_some() && (gateway == tunnel::CONTROLLER || agent().is_some())
    }

    /// The agent is fetched for no longer, and stays routable for a while.
    fn detach(&self, id: AgentId) {
        if let Some(controller) = self.controller() {
            controller.detach(id);
            // What is being asked of Redis for the agent at this moment goes on for a while first.
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

    /// Starts an agent again that exited on request.
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

    /// Restarts the controller after it died, if the grid is supervised.
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

/// What a [`Grid`] shall be like.
#[derive(Clone, Debug)]
pub struct GridBuilder {
    agents: Vec<(AgentId, Vec<String>)>,
    redis: RedisServerBuilder,
    routable_for: Duration,
    registration_delay: Duration,
    supervised: Option<Duration>,
    /// `None` for the built-in ones.
    jumpscripts: HashMap<AgentId, Option<PathBuf>>,
    joblog: bool,
}

impl GridBuilder {
    /// One more agent.
    #[must_use]
    pub fn agent(mut self, gid: u32, nid: u32, roles: &[&str]) -> Self {
        self.agents.push(((gid, nid), owned(roles)));
        self
    }

    /// The Redis to start.
    #[must_use]
    pub fn redis(mut self, redis: RedisServerBuilder) -> Self {
        self.redis = redis;
        self
    }

    /// How long commands are still routed to an agent that died, and up to half as long again; 30 seconds
    /// unless said otherwise.
    #[must_use]
    pub fn routable_for(mut self, time: Duration) -> Self {
        self.routable_for = time;
        self
    }

    /// How long the agents take to register with a controller that was started again, until when they
    /// are not there for it; 2 seconds unless said otherwise.
    #[must_use]
    pub fn registration_delay(mut self, time: Duration) -> Self {
        self.registration_delay = time;
        self
    }

    /// Starts a controller again that died, after `delay`, as a supervisor of the original would. A
    /// controller dies of a malformed command and of every error of Redis: when it is gone, restarts, or
    /// refuses a BLPOP (READONLY, LOADING, MISCONF, NOREPLICAS, BUSY, a failover).
    #[must_use]
    pub fn supervise(mut self, delay: Duration) -> Self {
        self.supervised = Some(delay);
        self
    }

    /// Gives an agent, whenever it is started, the extension that runs jumpscripts: those in
    /// `<dir>/<domain>/<name>.py`, and those that are sent along. They are run by the `python3` on
    /// PATH; without one the agent doesn't know these commands.
    #[must_use]
    pub fn jumpscripts(mut self, gid: u32, nid: u32, dir: impl Into<PathBuf>) -> Self {
        self.jumpscripts.insert((gid, nid), Some(dir.into()));
        self
    }

    /// Makes the controller keep all commands, as older ones did: it pushes each, as it came, to the
    /// front of the list `joblog`.
    #[must_use]
    pub fn joblog(mut self) -> Self {
        self.joblog = true;
        self
    }

    /// Starts everything; returns when the agents are registered (or their delay runs).
    ///
    /// # Errors
    /// See [`RedisServerBuilder::start`]; or the current directory is gone, against which a relative
    /// one of jumpscripts is to be taken.
    pub fn start(self) -> Result<Grid, Error> {
        let redis = self.redis.start()?;
        let mut jumpscripts = HashMap::new();
        for (id, dir) in self.jumpscripts {
            let dir = match dir {
                None => jumpscript::write_builtin(redis.dir())?,
                // Jobs have a directory of their own.
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

/// A running grid. Dropping it stops all of it: controller, agents, their jobs with all they
/// started, Redis.
pub struct Grid {
    shared: Arc<Shared>,
    redis: RedisServer,
    /// Who started it: a forked child must leave it alone.
    owner: u32,
}

impl Grid {
    /// The grid of the recordings: agents 1:1 (cpu), 2:1 (cpu, storage) and 1:2 (storage). The last
    /// of them runs jumpscripts and has one, `test/echo`.
    ///
    /// # Errors
    /// See [`GridBuilder::start`].
    pub fn demo() -> Result<Self, Error> {
        Grid::demo_builder().start()
    }

    /// The settings of [`demo`](Self::demo), to be changed.
    #[must_use]
    pub fn demo_builder() -> GridBuilder {
        let mut builder = Grid::builder()
            .agent(1, 1, &["cpu"])
            .agent(2, 1, &["cpu", "storage"])
            .agent(1, 2, &["storage"]);
        builder.jumpscripts.insert((1, 2), None);
        builder
    }

    /// Settings for a grid, which has no agents to begin with.
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

    /// What a client connects to, see [`RedisServer::url`].
    #[must_use]
    pub fn url(&self) -> String {
        self.redis.url()
    }

    /// Its Redis.
    #[must_use]
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// The agent dies with all its jobs, at once, and no result is ever posted for them. It stays
    /// routable for a while: commands wait for it, and run when it returns. Those it had taken are lost.
    pub fn kill_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        self.shared.kill_agent((gid, nid));
    }

    /// Starts a new agent, or one that returns; one that still runs is killed first.
    pub fn start_agent(&self, gid: u32, nid: u32, roles: &[&str]) {
        let _one = lock(&self.shared.changing);
        self.shared.start_agent((gid, nid), &owned(roles));
    }

    /// The agent fetches nothing and posts nothing, though its jobs run on. Like a dead one it
    /// stays routable for a while.
    pub fn pause_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        if let Some(agent) =
            self.shared.agent((gid, nid)).filter(|agent| agent.alive() && !agent.paused())
        {
            self.shared.detach(agent.id);
            agent.pause();
        }
    }

    /// Ends [`pause_agent`](Self::pause_agent): what was held back is posted.
    pub fn resume_agent(&self, gid: u32, nid: u32) {
        let _one = lock(&self.shared.changing);
        if let Some(agent) =
            self.shared.agent((gid, nid)).filter(|agent| agent.alive() && agent.paused())
        {
            agent.resume();
            self.shared.attach(&agent);
        }
    }

    /// Processes of jobs that run now, over all agents.
    #[must_use]
    pub fn running_jobs(&self) -> usize {
        let agents = lock(&self.shared.agents);
        agents.values().map(|agent| agent.processes.load(Ordering::Acquire)).sum()
    }

    /// Connections that go through tunnels now, over all agents.
    #[must_use]
    pub fn tunnelled_connections(&self) -> usize {
        self.shared.links.count()
    }

    /// Stops the controller. When this returns no thread of it touches Redis any more; a command it
    /// had just taken is either dealt with or back at the front of the queue. Results that end
    /// meanwhile are lost.
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

    /// Starts the controller (again); returns when it drains the queue. The agents register a little
    /// later, see [`GridBuilder::registration_delay`]. One that runs is stopped first.
    pub fn start_controller(&self) {
        let _one = lock(&self.shared.changing);
        self.end_controller();
        Controller::start(&self.shared, self.shared.registration_delay);
    }

    /// Whether the controller runs. It doesn't after a malformed command or an error of Redis, which end
    /// it as they end the original, until it is started again; see [`GridBuilder::supervise`].
    #[must_use]
    pub fn controller_running(&self) -> bool {
        self.shared.controller().is_some()
    }

    /// Once: the controller stops right after this step of the next command that comes to it.
    pub fn crash_controller_after(&self, step: Step) {
        self.shared.faults.crash_after(step);
    }

    /// Makes something go wrong; faults add up.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.inject(fault);
    }

    /// Whether a fault is set that has not been used up.
    #[must_use]
    pub fn is_injected(&self, fault: &Fault) -> bool {
        self.shared.faults.is_set(fault)
    }

    /// Takes back all faults, and a crash that has not happened yet.
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
        // A frozen Redis would hold up the rest.
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
