//! Agent: takes commands from the controller, runs them and posts their results.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::builtin;
use crate::conn::Conn;
use crate::controller::Stored;
use crate::fault::Fault;
use crate::grid::Shared;
use crate::job::{self, Job, Outcome, Program};
use crate::logs::Logs;
use crate::tunnel::Tunnels;
use crate::wire::{AgentId, Command};
use crate::{jumpscript, lock, stats, sys};

/// A result waits this long for a Redis that is gone.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(20);

/// What was posted while the agent was paused: the command's id and the result.
type Held = VecDeque<(String, String)>;

/// A job, and its command as it came, for those that are to survive a restart.
type Entry = (Arc<Job>, Vec<u8>);

/// The way of results to the controller; locked while one is on it.
struct Post {
    alive: bool,
    paused: bool,
    held: Held,
    conn: Option<Conn>,
}

/// One life of an agent.
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) roles: Vec<String>,
    pub(crate) home: PathBuf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) logs: Logs,
    pub(crate) tunnels: Tunnels,
    /// Processes under way.
    pub(crate) processes: AtomicUsize,
    /// Whether there ever was one.
    pub(crate) has_run: AtomicBool,
    pub(crate) restarting: AtomicBool,
    post: Mutex<Post>,
    /// Those under way, in the order they came.
    jobs: Mutex<Vec<Entry>>,
    job_ended: Condvar,
    /// Jobs waiting behind one of the same queue; a queue that is there has one under way.
    queues: Mutex<HashMap<String, VecDeque<Entry>>>,
    /// Process groups whose leader has ended but which still have members.
    lingering: Mutex<Vec<u32>>,
}

impl Agent {
    pub(crate) fn new(shared: &Arc<Shared>, id: AgentId, roles: &[String]) -> Arc<Self> {
        let home = shared.dir.join(format!("{}.{}", id.0, id.1));
        // Where it can't be made, jobs fail with the reason.
        let _ = std::fs::create_dir_all(&home);
        Arc::new(Agent {
            id,
            roles: roles.to_vec(),
            home,
            shared: Arc::clone(shared),
            logs: Logs::default(),
            tunnels: Tunnels::default(),
            processes: AtomicUsize::new(0),
            has_run: AtomicBool::new(false),
            restarting: AtomicBool::new(false),
            post: Mutex::new(Post { alive: true, paused: false, held: Held::new(), conn: None }),
            jobs: Mutex::default(),
            job_ended: Condvar::new(),
            queues: Mutex::default(),
            lingering: Mutex::default(),
        })
    }

    /// As tunnels call it: `gid.nid`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.id.0, self.id.1)
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
        lock(&self.jobs).iter().map(|(job, _)| Arc::clone(job)).collect()
    }

    pub(crate) fn job(&self, id: &str) -> Option<Arc<Job>> {
        lock(&self.jobs)
            .iter()
            .find(|(job, _)| job.command.id == id)
            .map(|(job, _)| Arc::clone(job))
    }

    /// Takes a command, on the thread that fetched it.
    pub(crate) fn submit(self: &Arc<Self>, command: Command, raw: &[u8]) {
        let queue = command.arg_text("queue").to_string();
        let job = Job::new(command);
        if queue.is_empty() {
            return self.launch(job, raw.to_vec(), None);
        }
        match lock(&self.queues).entry(queue.clone()) {
            std::collections::hash_map::Entry::Occupied(mut waiting) => {
                return waiting.get_mut().push_back((job, raw.to_vec()));
            }
            std::collections::hash_map::Entry::Vacant(queue) => queue.insert(VecDeque::new()),
        };
        self.launch(job, raw.to_vec(), Some(queue));
    }

    fn launch(self: &Arc<Self>, job: Arc<Job>, raw: Vec<u8>, queue: Option<String>) {
        let Some(refusal) = self.enter(&job, raw) else {
            let quick = builtin::find(&job.command.cmd).is_some()
                && job.command.arg_int("recurring_period") == 0;
            if quick && queue.is_none() {
                return self.carry_out(&job);
            }
            let own = Arc::clone(self);
            std::thread::spawn(move || {
                own.carry_out(&job);
                own.next(queue);
            });
            return;
        };
        self.post(&job.command.id, job.result(self, &refusal));
        self.next(queue);
    }

    /// Enters a job into the list of those under way, or says why not.
    fn enter(&self, job: &Arc<Job>, raw: Vec<u8>) -> Option<Outcome> {
        let command = &job.command;
        let known = match &*command.cmd {
            "execute" | "bash" => true,
            "jumpscript" | "jumpscript_content" => jumpscript::available(self),
            other => builtin::find(other).is_some(),
        };
        if !known {
            return Some(Outcome { state: "UNKNOWN_CMD", ..Outcome::default() });
        }
        let mut jobs = lock(&self.jobs);
        if jobs.iter().any(|(other, _)| other.command.id == command.id) {
            let data = "A job exists with the same ID".into();
            return Some(Outcome { state: "DUPILICATE_ID", data, ..Outcome::default() });
        }
        jobs.push((Arc::clone(job), raw));
        None
    }

    fn carry_out(self: &Arc<Self>, job: &Arc<Job>) {
        let outcome = match builtin::find(&job.command.cmd) {
            Some(builtin) => job.run(self, |agent, job| builtin::run(builtin, agent, job)),
            None => job.run(self, run_extension),
        };
        let json = job.result(self, &outcome);
        // First, because whoever has the result may use the id again.
        lock(&self.jobs).retain(|(other, _)| !Arc::ptr_eq(other, job));
        self.post(&job.command.id, json);
        self.job_ended.notify_all();
        if self.restarting.swap(false, Ordering::AcqRel) {
            let own = Arc::clone(self);
            // Not on this thread, which may be the one that polls.
            std::thread::spawn(move || own.shared.restart_agent(&own));
        }
    }

    /// Starts the next job of a queue.
    fn next(self: &Arc<Self>, queue: Option<String>) {
        let Some(queue) = queue else { return };
        let next = {
            let mut queues = lock(&self.queues);
            let next = queues.get_mut(&queue).and_then(VecDeque::pop_front);
            if next.is_none() {
                queues.remove(&queue);
            }
            next
        };
        if let Some((job, raw)) = next {
            self.launch(job, raw, Some(queue));
        }
    }

    /// Hands a result to the controller.
    fn post(self: &Arc<Self>, id: &str, json: String) {
        let delay = |f: &Fault| {
            if let Fault::DelayResults(time) = f { Some(*time) } else { None }
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
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut post = lock(&self.post);
            let silent = Fault::NeverAnswer { gid: self.id.0, nid: self.id.1 };
            if !post.alive || self.shared.faults.is_set(&silent) {
                return;
            }
            if post.paused {
                post.held.push_back((id.into(), json.into()));
                return;
            }
            // With the controller down a result is lost for good.
            let Some(controller) = self.shared.controller() else {
                return;
            };
            if controller.store(&mut post.conn, self.id, id, json.as_bytes()) != Stored::NoRedis {
                return;
            }
            drop(post);
            if Instant::now() > deadline || controller.stopping() {
                return;
            }
            std::thread::sleep(RETRY);
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

    /// Waits, for a bounded time, until the jobs that were killed have posted their results.
    pub(crate) fn wait_killed(&self, time: Duration) {
        let under_way = |jobs: &mut Vec<Entry>| jobs.iter().any(|(job, _)| job.killed());
        let waited = self.job_ended.wait_timeout_while(lock(&self.jobs), time, under_way);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Dies with all its jobs, of which no result is ever posted. Gives the commands that are to
    /// run when it returns.
    pub(crate) fn die(&self) -> Vec<Vec<u8>> {
        lock(&self.post).alive = false;
        lock(&self.queues).clear();
        self.tunnels.end();
        let name = self.name();
        self.shared.links.end(|link| link.touches(&name));
        let jobs = lock(&self.jobs);
        jobs.iter().for_each(|(job, _)| job.kill());
        let again =
            |(job, raw): &Entry| (job.command.arg_int("max_time") == -1).then(|| raw.clone());
        let again = jobs.iter().filter_map(again).collect();
        drop(jobs);
        for group in lock(&self.lingering).drain(..) {
            sys::kill_group(group);
            self.shared.watchdog.remove(group);
        }
        if self.has_run.load(Ordering::Acquire) {
            // A job's process that made itself a group or session of its own still carries our
            // environment.
            stats::kill_all_with(&format!("AGENT_HOME={}", self.home.display()));
        }
        self.wait_killed(Duration::from_secs(5));
        self.shared.links.wait_gone(|link| link.touches(&name), Duration::from_secs(2));
        again
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

/// Runs what isn't built in.
fn run_extension(agent: &Arc<Agent>, job: &Arc<Job>) -> Outcome {
    match &*job.command.cmd {
        "jumpscript" | "jumpscript_content" => jumpscript::run(agent, job),
        _ => job::run_process(agent, job, program(&job.command)),
    }
}

fn program(command: &Command) -> Program {
    let stdin = command.data.clone().into_bytes();
    if command.cmd == "bash" {
        // Read whole before it runs, so that nothing in the script can eat the rest of it.
        let args = vec!["-c".into(), "eval \"$(</dev/stdin)\"".into()];
        return Program { name: "bash".into(), args, stdin };
    }
    Program { name: command.arg_text("name").into(), args: command.arg_texts("args"), stdin }
}
