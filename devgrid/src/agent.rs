//! Agent: receives commands from the controller, runs them and posts results.

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

/// Maximum number of jobs of an agent, including kills that are never answered.
const MAX_JOBS: usize = 100;

/// Results held back while the agent is paused, with their command ids.
type Held = VecDeque<(String, String)>;

/// Path of results to the controller; locked while a result is posted.
struct Post {
    alive: bool,
    paused: bool,
    held: Held,
    /// Connection, and the controller it belongs to.
    conn: (Weak<Controller>, Option<Conn>),
}

/// Jobs of an agent, in order of arrival.
#[derive(Default)]
struct Jobs {
    under_way: Vec<Arc<Job>>,
    /// Jobs fetched by a full agent, with the names of their queues. They are invisible and cannot be killed.
    without_room: VecDeque<(Arc<Job>, Option<String>)>,
    /// Jobs waiting behind a running job of the same queue. They are invisible and cannot be killed either.
    queues: HashMap<String, VecDeque<Arc<Job>>>,
}

/// Instance of an agent, from its start until it exits or is killed.
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) roles: Vec<String>,
    pub(crate) home: PathBuf,
    pub(crate) shared: Arc<Shared>,
    /// Logs, which outlive the instance.
    pub(crate) logs: Arc<Logs>,
    pub(crate) tunnels: Tunnels,
    /// Number of running processes.
    pub(crate) processes: AtomicUsize,
    /// Whether this or an earlier instance ever started a process.
    pub(crate) has_run: AtomicBool,
    /// Whether aggregated statistics were requested before.
    pub(crate) measured: AtomicBool,
    post: Mutex<Post>,
    jobs: Mutex<Jobs>,
    job_ended: Condvar,
    /// Process groups whose leader has ended but which still have members.
    lingering: Mutex<Vec<u32>>,
}

impl Agent {
    /// Creates an instance; `before` is the previous one with this id.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        id: AgentId,
        roles: &[String],
        before: Option<&Agent>,
    ) -> Arc<Self> {
        let home = shared.dir.join(format!("{}.{}", id.0, id.1));
        // If this fails, jobs report the reason.
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

    /// Name in tunnels, `gid.nid`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.id.0, self.id.1)
    }

    /// Environment variable that identifies all processes of its jobs.
    pub(crate) fn mark(&self) -> String {
        format!("AGENT_HOME={}", self.home.display())
    }

    /// Complete environment of a job.
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

    /// Accepts a command, on the thread that fetched it.
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

    /// Whether it holds a command that it cannot start, and therefore fetches no others.
    pub(crate) fn is_full(&self) -> bool {
        !lock(&self.jobs).without_room.is_empty()
    }

    /// Waits until it can fetch again or `stop` is set.
    pub(crate) fn wait_for_room(self: &Arc<Self>, stop: &Flag) {
        while self.is_full() && !stop.wait(Duration::from_millis(10)) {
            self.fill_up();
        }
    }

    /// Starts waiting jobs up to the limit.
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
            // As in the original, a rejected command blocks its queue.
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
        // Like the original, post before removing the job: in between, reusing the id yields DUPILICATE_ID, and a kill
        // gets no answer.
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

    /// Posts a result, possibly delayed by a fault.
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
        // Results are posted once; without a controller they are lost.
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

    /// Posts the results held back.
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

    /// Ends the instance: it posts nothing more, and nothing waits for it.
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

    /// Exits as for the command `restart`: processes of jobs keep running.
    pub(crate) fn exit(&self) {
        self.end(Job::orphan);
    }

    /// Dies with all its jobs, without posting results.
    pub(crate) fn die(&self) {
        self.end(Job::abandon);
        for group in lock(&self.lingering).drain(..) {
            sys::kill_group(group);
            self.shared.watchdog.remove(group);
        }
        if self.has_run.load(Ordering::Acquire) {
            // Processes in their own group or session are identified by their environment.
            stats::kill_all_with(&self.mark());
        }
        let under_way = |jobs: &mut Jobs| !jobs.under_way.is_empty();
        let time = Duration::from_secs(5);
        let waited = self.job_ended.wait_timeout_while(lock(&self.jobs), time, under_way);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        let name = self.name();
        self.shared.links.wait_gone(|link| link.touches(&name), Duration::from_secs(2));
    }

    /// Records that the leader of a process group has ended.
    pub(crate) fn ended(&self, group: u32) {
        let mut lingering = lock(&self.lingering);
        lingering.push(group);
        // The id of a group cannot be reused while it has members; after that it must be forgotten.
        lingering.retain(|group| {
            let members = sys::has_members(*group);
            if !members {
                self.shared.watchdog.remove(*group);
            }
            members
        });
    }
}
