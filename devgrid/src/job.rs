//! Job: one command that an agent runs, from its start to its result, as the original's runner does.

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

/// Pause before a job that failed runs again.
const RESTART: Duration = Duration::from_secs(1);

/// Where a job stands. A kill is accepted while it runs or waits for its next run; at any other time
/// the kill waits, as a send on the original's unbuffered channel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The process is being started and given its input.
    Starting,
    Running,
    /// Killed or over its limit; something still holds its output.
    Draining,
    /// Between two runs.
    Waiting,
    Ended,
}

/// Why a run ends before its process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Killed,
    TimedOut,
}

struct State {
    phase: Phase,
    stop: Option<Stop>,
    /// The process under way, which leads a group of its own.
    pid: Option<u32>,
    /// Processes that the job asked the agent to watch (messages of level 101).
    tracked: Vec<u32>,
    /// The agent is gone: every wait for this job ends.
    abandoned: bool,
}

/// A command under way.
pub(crate) struct Job {
    pub(crate) command: Command,
    /// As they come back: they change when the first message is logged.
    args: Mutex<Map<String, Value>>,
    logged: AtomicBool,
    /// CPU time is measured between two questions; the first one gets 0.
    pub(crate) measured: AtomicBool,
    /// What all of its processes have in their environment.
    mark: String,
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

    /// The processes whose use of the machine the statistics count, the job's own first. `None` where
    /// the original has no process to ask: between two runs, and while a stopped one drains.
    pub(crate) fn processes(&self) -> Option<Vec<u32>> {
        let state = lock(&self.state);
        let shown = matches!(state.phase, Phase::Starting | Phase::Running);
        shown.then(|| state.pid.into_iter().chain(state.tracked.iter().copied()).collect())
    }

    /// Kills the job as soon as it accepts a kill, which a job that is draining does only if it runs
    /// again afterwards. `false`: it never will.
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

    /// Waits for the end of the agent, as what can never be answered does.
    pub(crate) fn wait_abandoned(&self) {
        let wait = self.changed.wait_while(lock(&self.state), |state| !state.abandoned);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// The time limit of a run has passed.
    pub(crate) fn time_out(&self) {
        let state = lock(&self.state);
        if state.phase == Phase::Running {
            self.stop(state, Stop::TimedOut);
        }
    }

    /// Stops a run: the process itself and the tracked ones are killed, but none of their children.
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

    /// The agent dies: kills the process with its group, and ends every wait for this job.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        state.stop = Some(Stop::Killed);
        if let Some(pid) = state.pid {
            sys::kill_group(pid);
        }
        self.changed.notify_all();
    }

    /// The agent ends and leaves its processes alone.
    pub(crate) fn orphan(&self) {
        lock(&self.state).abandoned = true;
        self.changed.notify_all();
    }

    /// Starts a process under the lock, so that the agent's death misses none. `None`: it is dead.
    pub(crate) fn start<E>(&self, spawn: impl FnOnce() -> Result<u32, E>) -> Option<Result<(), E>> {
        let mut state = lock(&self.state);
        if state.abandoned {
            return None;
        }
        Some(spawn().map(|pid| state.pid = Some(pid)))
    }

    /// From now on the run can be stopped.
    pub(crate) fn started(&self) {
        self.enter(Phase::Running);
    }

    /// The process ended, and nothing holds its output any more.
    pub(crate) fn finished(&self) -> Option<Stop> {
        let mut state = lock(&self.state);
        state.pid = None;
        state.tracked.clear();
        state.phase = Phase::Draining;
        state.stop
    }

    /// Whether the run was stopped: what is written from then on counts for nothing.
    pub(crate) fn stopped(&self) -> bool {
        lock(&self.state).stop.is_some()
    }

    /// A process that is to be killed with the job.
    pub(crate) fn track(&self, text: &str) {
        // As Go's Sscanf reads a number: what follows the digits is left alone.
        let digits = text.trim_start().bytes().take_while(u8::is_ascii_digit).count();
        if let Ok(pid) = text.trim_start()[..digits].parse() {
            lock(&self.state).tracked.push(pid);
        }
    }

    /// The command as it stands in the statistics.
    pub(crate) fn to_json(&self, agent: &Agent) -> String {
        let object = Object::new()
            .text("id", &self.command.id)
            .int("gid", agent.id.0.into())
            .int("nid", agent.id.1.into());
        // The agent runs a script by a command of its own making, and that is what it reports.
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

    /// Runs until there is a result: again after failures, or again and again until it is killed.
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

    /// Waits for the next run; `true` when the job was killed meanwhile.
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
