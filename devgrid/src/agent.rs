//! Agent: takes commands from the controller, runs them and posts their results.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::conn::Conn;
use crate::controller::Controller;
use crate::fault::Fault;
use crate::grid::Shared;
use crate::job::{Job, Outcome};
use crate::logs::Logs;
use crate::tunnel::Tunnels;
use crate::wire::{AgentId, Command};
use crate::worker::Flag;
use crate::{builtin, extension, lock, stats, sys};

/// Limit of jobs on an agent, including kills that are never answered.
const MAX_JOBS: usize = 100;

/// What was posted while the agent was paused: the command's id and the result.
type Held = VecDeque<(String, String)>;

/// The way of results to the controller; locked while one is on it.
struct Post {
    alive: bool,
    paused: bool,
    held: Held,
    /// The connection of the controller it belongs to.
    conn: (Weak<Controller>, Option<Conn>),
}

/// The jobs of an agent, in the order they came.
#[derive(Default)]
struct Jobs {
    under_way: Vec<Arc<Job>>,
    /// Fetched by an agent that is full, with the names of their queues. Nobody can see or kill them.
    without_room: VecDeque<(Arc<Job>, Option<String>)>,
    /// Jobs waiting behind one of the same queue; a queue that is there has one under way. Nobody can
    /// see or kill them either.
    queues: HashMap<String, VecDeque<Arc<Job>>>,
}

/// One life of an agent.
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) roles: Vec<String>,
    pub(crate) home: PathBuf,
    pub(crate) shared: Arc<Shared>,
    /// They outlive the agent.
    pub(crate) logs: Arc<Logs>,
    pub(crate) tunnels: Tunnels,
    /// Processes under way.
    pub(crate) processes: AtomicUsize,
    /// Whether there ever was one, in this life or an earlier one.
    pub(crate) has_run: AtomicBool,
    /// Whether it was asked for its use of the machine before.
    pub(crate) measured: AtomicBool,
    post: Mutex<Post>,
    jobs: Mutex<Jobs>,
    job_ended: Condvar,
    /// Process groups whose leader has ended but which still have members.
    lingering: Mutex<Vec<u32>>,
}

impl Agent {
    /// A new life of the agent with this id; `before` is its last one.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        id: AgentId,
        roles: &[String],
        before: Option<&Agent>,
    ) -> Arc<Self> {
        let home = shared.dir.join(format!("{}.{}", id.0, id.1));
        // Where it can't be made, jobs fail with the reason.
        let _ = std::fs::create_dir_all(&home);
        let has_run = before.is_some_and(|agent| agent.has_run.load(Ordering::Acquire));
        Arc::new(Agent {
            id,
            roles: roles.to_vec(),
            home,
            shared: Arc::clone(shared),
            logs: before.map(|agent| Arc::clone(&agent.logs)).unwrap_or_default(),
            tunnels: Tunnels::default(),
            processes: AtomicUsize::new(0),
            has_run: AtomicBool::new(has_run),
            measured: AtomicBool::new(false),
            post: Mutex::new(Post {
                alive: true,
                paused: false,
                held: Held::new(),
                conn: Default::default(),
            }),
            jobs: Mutex::default(),
            job_ended: Condvar::new(),
            lingering: Mutex::default(),
        })
    }

    /// As tunnels call it: `gid.nid`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.id.0, self.id.1)
    }

    /// What all processes of its jobs have in their environment.
    pub(crate) fn mark(&self) -> String {
        format!("AGENT_HOME={}", self.home.display())
    }

    /// All a job finds in its environment.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let home = std::env::var("HOME").unwrap_or_else(|_| "/".into());
        vec![
            ("HOME", home),
            ("AGENT_HOME", self.home.to_string_lossy().into_owned()),
            ("AGENT_GID", self.id.0.to_string()),
            ("AGENT_NID", self.id.1.to_string()),
            ("AGENT_CONTROLLER_URL", "http://127.0.0.1:8966".into()),
            ("AGENT_CONTROLLER_NAME", "main".into()),
            ("AGENT_CONTROLLER_CA", String::new()),
            ("AGENT_CONTROLLER_CLIENT_CERT", String::new()),
            ("AGENT_CONTROLLER_CLIENT_CERT_KEY", String::new()),
        ]
    }

    pub(crate) fn jobs(&self) -> Vec<Arc<Job>> {
        lock(&self.jobs).under_way.clone()
    }

    pub(crate) fn job(&self, id: &str) -> Option<Arc<Job>> {
        lock(&self.jobs).under_way.iter().find(|job| job.command.id == id).cloned()
    }

    /// Takes a command, on the thread that fetched it.
    pub(crate) fn submit(self: &Arc<Self>, command: Command) {
        let queue = command.arg_text("queue").to_string();
        let job = Job::new(command, self);
        if queue.is_empty() {
            return self.launch(job, None);
        }
        match lock(&self.jobs).queues.entry(queue.clone()) {
            std::collections::hash_map::Entry::Occupied(mut waiting) => {
                return waiting.get_mut().push_back(job);
            }
            std::collections::hash_map::Entry::Vacant(queue) => queue.insert(VecDeque::new()),
        };
        self.launch(job, Some(queue));
    }

    /// Whether it holds a command that it cannot start: it fetches no further ones.
    pub(crate) fn is_full(&self) -> bool {
        !lock(&self.jobs).without_room.is_empty()
    }

    /// Waits until it can fetch again, or until `stop`.
    pub(crate) fn wait_for_room(self: &Arc<Self>, stop: &Flag) {
        while self.is_full() && !stop.wait(Duration::from_millis(10)) {
            self.fill_up();
        }
    }

    /// Starts what waits for room, as far as there is some.
    pub(crate) fn fill_up(self: &Arc<Self>) {
        loop {
            let mut jobs = lock(&self.jobs);
            if !self.has_room(&jobs) {
                return;
            }
            let Some((job, queue)) = jobs.without_room.pop_front() else { return };
            drop(jobs);
            self.launch(job, queue);
        }
    }

    fn has_room(&self, jobs: &MutexGuard<'_, Jobs>) -> bool {
        let full = Fault::FullAgent { gid: self.id.0, nid: self.id.1 };
        jobs.under_way.len() < MAX_JOBS && !self.shared.faults.is_set(&full)
    }

    fn launch(self: &Arc<Self>, job: Arc<Job>, queue: Option<String>) {
        let mut jobs = lock(&self.jobs);
        if !self.has_room(&jobs) {
            return jobs.without_room.push_back((job, queue));
        }
        if let Some(refusal) = self.refuse(&jobs, &job) {
            drop(jobs);
            // Nothing starts the next one of a queue after that, in the original either.
            return self.post(&job.command.id, job.result(self, &refusal));
        }
        jobs.under_way.push(Arc::clone(&job));
        drop(jobs);
        let cmd = &*job.command.cmd;
        // A kill may never return, and a recurring job returns only when it is killed.
        let is_quick = cmd != "kill" && job.command.arg_int("recurring_period") == 0;
        if builtin::find(cmd).is_some() && is_quick && queue.is_none() {
            return self.carry_out(&job);
        }
        let own = Arc::clone(self);
        std::thread::spawn(move || {
            own.carry_out(&job);
            own.next(queue);
        });
    }

    fn refuse(&self, jobs: &Jobs, job: &Job) -> Option<Outcome> {
        let command = &job.command;
        if builtin::find(&command.cmd).is_none() && !extension::knows(self, command) {
            return Some(Outcome { state: "UNKNOWN_CMD", ..Outcome::default() });
        }
        jobs.under_way.iter().any(|other| other.command.id == command.id).then(|| Outcome {
            state: "DUPILICATE_ID",
            data: "A job exists with the same ID".into(),
            ..Outcome::default()
        })
    }

    fn carry_out(self: &Arc<Self>, job: &Arc<Job>) {
        let outcome = match builtin::find(&job.command.cmd) {
            Some(builtin) => job.run(self, |agent, job| builtin::run(builtin, agent, job)),
            None => job.run(self, extension::run),
        };
        // First, as the original does it: for a moment the job is there though its result is, too. Who
        // uses the id again or kills the job in that moment gets DUPILICATE_ID, or no answer.
        self.post(&job.command.id, job.result(self, &outcome));
        lock(&self.jobs).under_way.retain(|other| !Arc::ptr_eq(other, job));
        self.job_ended.notify_all();
        self.fill_up();
    }

    /// Starts the next job of a queue.
    fn next(self: &Arc<Self>, queue: Option<String>) {
        let Some(queue) = queue else { return };
        let mut jobs = lock(&self.jobs);
        let next = jobs.queues.get_mut(&queue).and_then(VecDeque::pop_front);
        if next.is_none() {
            jobs.queues.remove(&queue);
        }
        drop(jobs);
        if let Some(job) = next {
            self.launch(job, Some(queue));
        }
    }

    /// Hands a result to the controller.
    fn post(self: &Arc<Self>, id: &str, json: String) {
        let own = self.id;
        let delay = |f: &Fault| match f {
            Fault::DelayResults(time) => Some(*time),
            Fault::SlowAgent { gid, nid, delay } if (*gid, *nid) == own => Some(*delay),
            _ => None,
        };
        match self.shared.faults.find(delay) {
            None => self.file(id, &json),
            Some(time) => {
                let (own, id) = (Arc::clone(self), id.to_string());
                self.shared.timer.after(time, move || own.file(&id, &json));
            }
        }
    }

    fn file(&self, id: &str, json: &str) {
        let mut post = lock(&self.post);
        let silent = Fault::NeverAnswer { gid: self.id.0, nid: self.id.1 };
        if !post.alive || self.shared.faults.is_set(&silent) {
            return;
        }
        if post.paused {
            post.held.push_back((id.into(), json.into()));
            return;
        }
        // A result is posted once: while the controller is down it is lost.
        if let Some(controller) = self.shared.controller() {
            if post.conn.0.as_ptr() != Arc::as_ptr(&controller) {
                post.conn = (Arc::downgrade(&controller), None);
            }
            controller.store(&mut post.conn.1, self.id, id, json.as_bytes());
        }
    }

    pub(crate) fn alive(&self) -> bool {
        lock(&self.post).alive
    }

    pub(crate) fn paused(&self) -> bool {
        lock(&self.post).paused
    }

    pub(crate) fn pause(&self) {
        lock(&self.post).paused = true;
    }

    /// Posts what was held back.
    pub(crate) fn resume(&self) {
        let held = {
            let mut post = lock(&self.post);
            post.paused = false;
            std::mem::take(&mut post.held)
        };
        for (id, json) in held {
            self.file(&id, &json);
        }
    }

    /// The end of the agent itself, after which it posts nothing, and nothing waits for it.
    fn end(&self, each: impl Fn(&Job)) {
        lock(&self.post).alive = false;
        let mut jobs = lock(&self.jobs);
        jobs.queues.clear();
        jobs.without_room.clear();
        jobs.under_way.iter().for_each(|job| each(job));
        drop(jobs);
        self.logs.lose_unwritten();
        self.tunnels.end();
        let name = self.name();
        self.shared.links.end(|link| link.touches(&name));
    }

    /// Its process exits, as it does for the command `restart`. Processes of jobs are left alone.
    pub(crate) fn exit(&self) {
        self.end(Job::orphan);
    }

    /// Dies with all its jobs, of which no result is ever posted.
    pub(crate) fn die(&self) {
        self.end(Job::abandon);
        for group in lock(&self.lingering).drain(..) {
            sys::kill_group(group);
            self.shared.watchdog.remove(group);
        }
        if self.has_run.load(Ordering::Acquire) {
            // A job's process that made itself a group or session of its own still carries our
            // environment.
            stats::kill_all_with(&self.mark());
        }
        let under_way = |jobs: &mut Jobs| !jobs.under_way.is_empty();
        let time = Duration::from_secs(5);
        let waited = self.job_ended.wait_timeout_while(lock(&self.jobs), time, under_way);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        let name = self.name();
        self.shared.links.wait_gone(|link| link.touches(&name), Duration::from_secs(2));
    }

    /// The leader of a process group has ended.
    pub(crate) fn ended(&self, group: u32) {
        let mut lingering = lock(&self.lingering);
        lingering.push(group);
        // While a group has members its number can't be used again; after that it must be
        // forgotten.
        lingering.retain(|group| {
            let members = sys::has_members(*group);
            if !members {
                self.shared.watchdog.remove(*group);
            }
            members
        });
    }
}
