//! Job: one command that an agent runs, and its process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::gojson::{self, Object};
use crate::output::{self, Message, Output, Splitter};
use crate::wire::{Command, now_ms};
use crate::{lock, sys};

/// What fits into an empty pipe everywhere; more of it needs a thread.
const PIPE: usize = 4096;
/// Read at a time.
const CHUNK: usize = 64 * 1024;

#[derive(Default)]
struct State {
    /// The process under way, which leads a group of its own.
    pid: Option<u32>,
    killed: bool,
    timed_out: bool,
}

/// A command under way.
pub(crate) struct Job {
    pub(crate) command: Command,
    /// As they come back: they change when the first message is logged.
    args: Mutex<Map<String, Value>>,
    logged: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

/// How a run ended.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) state: &'static str,
    pub(crate) data: String,
    pub(crate) level: i64,
    /// `None` where no process could be started.
    pub(crate) streams: Option<[String; 2]>,
    pub(crate) critical: String,
    pub(crate) start: i64,
    pub(crate) time: i64,
}

impl Job {
    pub(crate) fn new(command: Command) -> Arc<Self> {
        let mut args = command.args.clone();
        args.entry("stats_interval").or_insert_with(|| Value::from(60_000));
        Arc::new(Job {
            command,
            args: Mutex::new(args),
            logged: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        lock(&self.state).pid
    }

    pub(crate) fn killed(&self) -> bool {
        lock(&self.state).killed
    }

    /// Kills the process with all it started, or ends the wait for the next run.
    pub(crate) fn kill(&self) {
        let mut state = lock(&self.state);
        state.killed = true;
        if let Some(pid) = state.pid {
            sys::kill_group(pid);
        }
        self.changed.notify_all();
    }

    fn time_out(&self) {
        let mut state = lock(&self.state);
        if let Some(pid) = state.pid {
            state.timed_out = true;
            sys::kill_group(pid);
        }
    }

    /// The command as it stands in the statistics.
    pub(crate) fn to_json(&self, agent: &Agent) -> String {
        let roles = self.command.roles.clone().map_or(Value::Null, Value::from);
        Object::new()
            .text("id", &self.command.id)
            .int("gid", agent.id.0.into())
            .int("nid", agent.id.1.into())
            .value("roles", &roles)
            .text("cmd", &self.command.cmd)
            .value("args", &Value::Object(lock(&self.args).clone()))
            .text("data", &self.command.data)
            .text("tags", &self.command.tags)
            .end()
    }

    /// The result as an agent posts it.
    pub(crate) fn result(&self, agent: &Agent, outcome: &Outcome) -> String {
        let mut object = Object::new()
            .text("id", &self.command.id)
            .int("gid", agent.id.0.into())
            .int("nid", agent.id.1.into())
            .text("cmd", &self.command.cmd)
            .value("args", &Value::Object(lock(&self.args).clone()))
            .text("data", &outcome.data);
        if let Some([out, err]) = &outcome.streams {
            object =
                object.raw("streams", &gojson::array(&[gojson::string(out), gojson::string(err)]));
        }
        if !outcome.critical.is_empty() {
            object = object.text("critical", &outcome.critical);
        }
        object
            .int("level", outcome.level)
            .text("state", outcome.state)
            .int("starttime", outcome.start)
            .int("time", outcome.time)
            .text("tags", &self.command.tags)
            .end()
    }

    /// Passes a message to the log, by the levels the command asks for. The original spells those
    /// out in the arguments when it needs them first, so that a job that said nothing gets them
    /// back as they came.
    pub(crate) fn log(&self, agent: &Agent, message: &Message) {
        let mut args = lock(&self.args);
        if !self.logged.swap(true, Ordering::Relaxed) {
            for name in ["loglevels", "loglevels_db", "loglevels_ac"] {
                if let Some(value) = args.get_mut(name)
                    && let Some(levels) = output::parse_levels(value)
                {
                    *value = Value::from(levels);
                }
            }
        }
        let levels =
            |name: &str| args.get(name).and_then(output::parse_levels).filter(|l| !l.is_empty());
        let passes = |levels: Option<Vec<i64>>| levels.is_none_or(|l| l.contains(&message.level));
        if passes(levels("loglevels")) {
            let stored = passes(levels("loglevels_db"));
            agent.logs.add(&self.command.id, message.level, &message.text, stored);
        }
    }

    /// Runs until there is a result: again after failures, or again and again until it is killed.
    pub(crate) fn run(
        self: &Arc<Self>,
        agent: &Arc<Agent>,
        once: impl Fn(&Arc<Agent>, &Arc<Job>) -> Outcome,
    ) -> Outcome {
        let mut restarts = self.command.arg_int("max_restart");
        let period = Duration::from_secs(self.command.arg_int("recurring_period").max(0) as u64);
        loop {
            let mut outcome = once(agent, self);
            if self.killed() {
                outcome.state = "KILLED";
                return outcome;
            }
            if !period.is_zero() {
                if self.wait_killed(period) {
                    outcome.state = "KILLED";
                    return outcome;
                }
            } else if outcome.state == "ERROR" && restarts > 0 {
                restarts -= 1;
            } else {
                return outcome;
            }
        }
    }

    fn wait_killed(&self, time: Duration) -> bool {
        let waited =
            self.changed.wait_timeout_while(lock(&self.state), time, |state| !state.killed);
        waited.unwrap_or_else(PoisonError::into_inner).0.killed
    }
}

/// What is to be started.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) stdin: Vec<u8>,
}

/// Starts the process and stays with it to its end.
pub(crate) fn run_process(agent: &Arc<Agent>, job: &Arc<Job>, program: Program) -> Outcome {
    let start = now_ms();
    let began = Instant::now();
    let mut child = match spawn(agent, job, &program) {
        Ok(Some(child)) => child,
        Ok(None) => {
            return Outcome { state: "KILLED", start, ..Outcome::default() };
        }
        Err(text) => {
            return Outcome { state: "ERROR", data: text, start, ..Outcome::default() };
        }
    };
    let limit = job.command.arg_int("max_time");
    let ticket = (limit > 0).then(|| {
        let job = Arc::downgrade(job);
        agent.shared.timer.after(Duration::from_secs(limit as u64), move || {
            if let Some(job) = job.upgrade() {
                job.time_out();
            }
        })
    });
    feed(&mut child, program.stdin);
    let output = read(agent, job, &mut child);
    let status = reap(agent, job, child);
    if let Some(ticket) = ticket {
        agent.shared.timer.cancel(ticket);
    }
    let timed_out = std::mem::take(&mut lock(&job.state).timed_out);
    let succeeded = status.is_some_and(|s| s.success());
    Outcome {
        state: if timed_out {
            "TIMEOUT"
        } else if succeeded {
            "SUCCESS"
        } else {
            "ERROR"
        },
        streams: Some(output.streams()),
        critical: output.critical,
        data: output.data,
        level: output.level,
        start,
        time: began.elapsed().as_millis() as i64,
    }
}

/// `None` when the job was killed before it started. The state is locked meanwhile, so that no kill
/// falls between.
fn spawn(agent: &Agent, job: &Job, program: &Program) -> Result<Option<Child>, String> {
    let dir = job.command.arg_text("working_dir");
    let dir = if dir.is_empty() { agent.home.clone() } else { PathBuf::from(dir) };
    let path = sys::look_path(&program.name)
        .ok_or_else(|| format!("exec: \"{}\": executable file not found in $PATH", program.name))?;
    let mut command = std::process::Command::new(&path);
    command
        .arg0(&program.name)
        .args(&program.args)
        .current_dir(&dir)
        .env_clear()
        .envs(agent.environment());
    for pair in job.command.arg_texts("env") {
        if let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut state = lock(&job.state);
    if state.killed {
        return Ok(None);
    }
    let child = command.spawn().map_err(|error| {
        if dir.is_dir() {
            go_error("fork/exec", &program.name, &error)
        } else {
            go_error("chdir", &dir.to_string_lossy(), &error)
        }
    })?;
    agent.shared.watchdog.add(child.id());
    agent.processes.fetch_add(1, Ordering::AcqRel);
    agent.has_run.store(true, Ordering::Release);
    state.pid = Some(child.id());
    Ok(Some(child))
}

/// An error of the system as Go words it.
fn go_error(what: &str, name: &str, error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("{what} {name}: {text}")
}

fn feed(child: &mut Child, data: Vec<u8>) {
    let Some(mut stdin) = child.stdin.take() else {
        return;
    };
    // A process that doesn't want its input is no error.
    if data.len() <= PIPE {
        let _ = stdin.write_all(&data);
    } else {
        std::thread::spawn(move || stdin.write_all(&data));
    }
}

/// Reads both streams until everybody who could write to them is gone.
fn read(agent: &Agent, job: &Job, child: &mut Child) -> Output {
    let mut output = Output::default();
    let mut emit = |message: Message| {
        job.log(agent, &message);
        output.add(message);
    };
    let out = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), output::STDOUT));
    let err = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), output::STDERR));
    let mut pipes: Vec<(File, Splitter)> = { [out, err].into_iter().flatten() }
        .map(|(pipe, level)| (File::from(pipe), Splitter::new(level)))
        .collect();
    let mut buffer = vec![0; CHUNK];
    while !pipes.is_empty() {
        let fds: Vec<_> = pipes.iter().map(|(file, _)| file.as_fd()).collect();
        let mut ready = sys::wait_readable(&fds, None).into_iter();
        pipes.retain_mut(|(file, splitter)| {
            if ready.next() != Some(true) {
                return true;
            }
            match file.read(&mut buffer) {
                Ok(0) => {
                    splitter.finish(&mut emit);
                    false
                }
                Ok(count) => {
                    splitter.feed(&buffer[..count], &mut emit);
                    true
                }
                Err(error) => error.kind() == io::ErrorKind::Interrupted,
            }
        });
    }
    output
}

fn reap(agent: &Agent, job: &Job, mut child: Child) -> Option<ExitStatus> {
    let pid = child.id();
    // Until it is reaped its number is its own, so that a kill can't hit somebody else.
    sys::wait_ended(pid);
    lock(&job.state).pid = None;
    let status = child.wait().ok();
    agent.processes.fetch_sub(1, Ordering::AcqRel);
    agent.ended(pid);
    status
}
