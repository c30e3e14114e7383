//! Faults that tests can inject.

use std::sync::Mutex;
use std::time::Duration;

/// Point at which the controller can be crashed, see
/// [`Grid::crash_controller_after`](crate::Grid::crash_controller_after).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A command was popped from `cmds.queue`; it is lost.
    Pop,
    /// QUEUED of the first target is in the hash, with its expiry, and nothing else.
    Queued,
    /// The command is in `cmds:<gid>:<nid>` of the first target.
    Pushed,
    /// `cmd.<id>.queued` is written; only the results are missing.
    Announced,
    /// A command was popped from `cmds:<gid>:<nid>`; the agent never receives it.
    Fetched,
    /// RUNNING is in the hash; the agent never receives the command.
    Running,
    /// The terminal result is in the hash but not in the list.
    ResultHash,
    /// The terminal result is in the list, without its expiry.
    ResultList,
}

/// Fault, see [`Grid::inject`](crate::Grid::inject).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Until cleared: RUNNING is written to the hash again after each terminal HSET, before the result is pushed to the
    /// list.
    RunningAfterTerminal,
    /// Until cleared: the agent runs its jobs but posts no results.
    NeverAnswer {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
    },
    /// Once: the controller drops the next terminal result posted by an agent.
    DropResult,
    /// Until cleared: terminal results of all agents are delayed.
    DelayResults(Duration),
    /// Until cleared: terminal results of one agent are delayed.
    SlowAgent {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
        /// Delay of each result.
        delay: Duration,
    },
    /// Until cleared: the agent behaves as if it ran 100 jobs. It fetches one more command, which is RUNNING in Redis
    /// but waits, and no others; after a while it is no longer registered.
    FullAgent {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
    },
    /// Until cleared: `cmd.<id>.queued` is written this long after the commands were pushed to the agents.
    DelayQueued(Duration),
    /// Once: these bytes replace the next terminal result of an agent in hash and list.
    RawResult(Vec<u8>),
    /// Once: the next terminal result of an agent is pushed to the list twice.
    DuplicateResult,
}

/// Injected faults and the pending crash.
#[derive(Default)]
pub(crate) struct Faults {
    set: Mutex<Vec<Fault>>,
    crash: Mutex<Option<Step>>,
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) {
        crate::lock(&self.set).push(fault);
    }

    pub(crate) fn crash_after(&self, step: Step) {
        *crate::lock(&self.crash) = Some(step);
    }

    pub(crate) fn clear(&self) {
        crate::lock(&self.set).clear();
        *crate::lock(&self.crash) = None;
    }

    /// Whether the controller crashes at this step; clears the pending crash.
    pub(crate) fn crashes(&self, step: Step) -> bool {
        crate::lock(&self.crash).take_if(|armed| *armed == step).is_some()
    }

    /// Value of a persistent fault.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        crate::lock(&self.set).iter().find_map(pick)
    }

    pub(crate) fn is_set(&self, fault: &Fault) -> bool {
        crate::lock(&self.set).contains(fault)
    }

    /// Takes a fault that acts once.
    pub(crate) fn take(&self, which: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut set = crate::lock(&self.set);
        let index = set.iter().position(which)?;
        Some(set.remove(index))
    }
}
