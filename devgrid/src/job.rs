//! Job: a command that an agent runs, from start to result, modelled on the original's runner.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::gojson::{self, Object};
use crate::output::{self, Message};
use crate::wire::Command;
use crate::{extension, lock, stats, sys};

/// Pause before a failed job is retried.
const RESTART: Duration = Duration::from_secs(1);

/// Phase of a job. A kill is accepted in `Running` and `Waiting`; otherwise it blocks, like a send on the original's
/// unbuffered channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The process is started and its input is written.
    Starting,
    Running,
    /// Killed or timed out; another process still holds its output open.
    Draining,
    /// Between two runs.
    Waiting,
    Ended,
}

/// Reason for which a run was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Killed,
    TimedOut,
}

struct State {
    phase: Phase,
    stop: Option<Stop>,
    /// Running process, the leader of its own group.
    pid: Option<u32>,
    /// Processes tracked on request of the job (messages of level 101).
    tracked: Vec<u32>,
    /// Whether the agent has ended: all waits for this job end.
    abandoned: bool,
}

/// Running command.
pub(crate) struct Job {
    pub(crate) command: Command,
    /// Arguments as returned in the result: they change when the first message is logged.
    args: Mutex<Map<String, Value>>,
    logged: AtomicBool,
    /// Whether statistics were requested: CPU usage is measured between two requests, and the first reports 0.
    pub(crate) measured: AtomicBool,
    /// Environment variable that identifies all of its processes.
    mark: String,
    state: Mutex<State>,
    changed: Condvar,
}

/// Outcome of a run.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) state: &'static str,
    pub(crate) data: String,
    pub(crate) level: i64,
    /// `None` if no process could be started.
    pub(crate) streams: Option<[String; 2]>,
    pub(crate) critical: String,
    pub(crate) start: i64,
    pub(crate) time: i64,
}

impl Job {
    pub(crate) fn new(command: Command, agent: &Agent) -> Arc<Self> {
        let mut args = command.args.clone();
        args.entry("stats_interval").or_insert_with(|| Value::from(60_000));
        Arc::new(Job {
            command,
            args: Mutex::new(args),
            logged: AtomicBool::new(false),
            measured: AtomicBool::new(false),
            mark: agent.mark(),
            state: Mutex::new(State {
                phase: Phase::Starting,
                stop: None,
                pid: None,
                tracked: Vec::new(),
                abandoned: false,
            }),
            changed: Condvar::new(),
        })
    }

    fn enter(&self, phase: Phase) {
        lock(&self.state).phase = phase;
        self.changed.notify_all();
    }

    /// Processes counted in the statistics, that of the job first. `None` while the original has no process: between two
    /// runs, and while a stopped run drains.
    pub(crate) fn processes(&self) -> Option<Vec<u32>> {
        let state = lock(&self.state);
        let shown = matches!(state.phase, Phase::Starting | Phase::Running);
        shown.then(|| state.pid.into_iter().chain(state.tracked.iter().copied()).collect())
    }

    /// Waits until the job accepts a kill, and kills it. A draining job accepts one only if it runs again. Returns
    /// `false` if the job never accepts it.
    pub(crate) fn kill(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.abandoned && state.phase != Phase::Ended {
            if state.phase == Phase::Running {
                self.stop(state, Stop::Killed);
                return true;
            }
            if state.phase == Phase::Waiting && state.stop.is_none() {
                state.stop = Some(Stop::Killed);
                self.changed.notify_all();
                return true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        false
    }

    /// Waits for the end of the agent: the command is never answered.
    pub(crate) fn wait_abandoned(&self) {
        let wait = self.changed.wait_while(lock(&self.state), |state| !state.abandoned);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// Stops a run that exceeds its time limit.
    pub(crate) fn time_out(&self) {
        let state = lock(&self.state);
        if state.phase == Phase::Running {
            self.stop(state, Stop::TimedOut);
        }
    }

    /// Stops a run: kills its process and the tracked ones, but not their children.
    fn stop(&self, mut state: MutexGuard<'_, State>, why: Stop) {
        state.stop = Some(why);
        state.phase = Phase::Draining;
        if let Some(pid) = state.pid {
            sys::kill(pid, Signal::KILL);
        }
        // The id of a tracked process that has ended may have been reused.
        state.tracked.iter().for_each(|pid| stats::kill_with(*pid, &self.mark));
        self.changed.notify_all();
    }

    /// Ends the job with a dying agent: kills the process group and ends all waits for this job.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        state.stop = Some(Stop::Killed);
        if let Some(pid) = state.pid {
            sys::kill_group(pid);
        }
        self.changed.notify_all();
    }

    /// Ends the job with an exiting agent: the process keeps running.
    pub(crate) fn orphan(&self) {
        lock(&self.state).abandoned = true;
        self.changed.notify_all();
    }

    /// Starts a process under the lock, so that a dying agent kills it. `None` if the agent is dead.
    pub(crate) fn start<E>(&self, spawn: impl FnOnce() -> Result<u32, E>) -> Option<Result<(), E>> {
        let mut state = lock(&self.state);
        if state.abandoned {
            return None;
        }
        Some(spawn().map(|pid| state.pid = Some(pid)))
    }

    /// Marks the run as started: it can be stopped from now on.
    pub(crate) fn started(&self) {
        self.enter(Phase::Running);
    }

    /// Records that the process has ended and its output is closed.
    pub(crate) fn finished(&self) -> Option<Stop> {
        let mut state = lock(&self.state);
        state.pid = None;
        state.tracked.clear();
        state.phase = Phase::Draining;
        state.stop
    }

    /// Whether the run was stopped: later output is ignored.
    pub(crate) fn stopped(&self) -> bool {
        lock(&self.state).stop.is_some()
    }

    /// Adds a process to be killed with the job.
    pub(crate) fn track(&self, text: &str) {
        // Like Go's Sscanf, ignore what follows the digits.
        let digits = text.trim_start().bytes().take_while(u8::is_ascii_digit).count();
        if let Ok(pid) = text.trim_start()[..digits].parse() {
            lock(&self.state).tracked.push(pid);
        }
    }

    /// The command as reported in the statistics.
    pub(crate) fn to_json(&self, agent: &Agent) -> String {
        let object = Object::new()
            .text("id", &self.command.id)
            .int("gid", agent.id.0.into())
            .int("nid", agent.id.1.into());
        // The agent wraps a script in a command of its own, and reports that.
        let (roles, cmd, args) = match extension::process_args(&self.command) {
            Some(own) => {
                let mut args = lock(&self.args).clone();
                args.extend(own);
                (Value::Null, "execute", args)
            }
            None => {
                let roles = self.command.roles.clone().map_or(Value::Null, Value::from);
                (roles, &*self.command.cmd, lock(&self.args).clone())
            }
        };
        object
            .value("roles", &roles)
            .text("cmd", cmd)
            .value("args", &Value::Object(args))
            .text("data", &self.command.data)
            .text("tags", &self.command.tags)
            .end()
    }

    /// The result as posted by the agent.
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

    /// Logs a message according to the levels of the command. Like the original, expands the levels in the arguments at
    /// the first message, so that a job without messages returns them unchanged.
    pub(crate) fn log(&self, agent: &Agent, message: &Message) {
        let mut args = lock(&self.args);
        if !self.logged.swap(true, Ordering::Relaxed) {
            for name in ["loglevels", "loglevels_db", "loglevels_ac"] {
                if let Some(value) = args.get_mut(name)
                    && let Ok(levels) = output::parse_levels(value)
                {
                    *value = Value::from(levels);
                }
            }
        }
        let levels = |name: &str| {
            args.get(name).and_then(|v| output::parse_levels(v).ok()).filter(|l| !l.is_empty())
        };
        let passes = |levels: Option<Vec<i64>>| levels.is_none_or(|l| l.contains(&message.level));
        if passes(levels("loglevels")) {
            let stored = passes(levels("loglevels_db"));
            agent.logs.add(&self.command.id, message.level, &message.text, stored);
        }
    }

    /// Runs the job until there is a result, with retries and recurring runs.
    pub(crate) fn run(
        self: &Arc<Self>,
        agent: &Arc<Agent>,
        once: impl Fn(&Arc<Agent>, &Arc<Job>) -> Outcome,
    ) -> Outcome {
        let most = self.command.arg_int("max_restart");
        let period = Duration::from_secs(self.command.arg_int("recurring_period").max(0) as u64);
        let mut runs = 0;
        loop {
            let mut outcome = once(agent, self);
            let mut pause = None;
            if outcome.state != "SUCCESS" && outcome.state != "KILLED" && most > 0 {
                runs += 1;
                pause = (runs < most).then_some(RESTART);
            }
            if !period.is_zero() && outcome.state != "KILLED" {
                pause = Some(period);
            }
            let killed = pause.is_some_and(|pause| self.pause(pause));
            if killed {
                outcome.state = "KILLED";
            }
            if pause.is_none() || killed {
                self.enter(Phase::Ended);
                return outcome;
            }
        }
    }

    /// Waits for the next run. Returns `true` if the job is killed in the meantime.
    fn pause(&self, time: Duration) -> bool {
        let mut state = lock(&self.state);
        state.phase = Phase::Waiting;
        state.stop = state.stop.filter(|_| state.abandoned);
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, time, |state| state.stop.is_none());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.stop.is_some() {
            return true;
        }
        state.phase = Phase::Starting;
        false
    }
}
