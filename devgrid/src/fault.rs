//! Faults that tests inject into the grid.

use std::sync::Mutex;
use std::time::Duration;

/// A point at which the controller can be made to stop, see
/// [`Grid::crash_controller_after`](crate::Grid::crash_controller_after).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A command was taken off `cmds.queue`: it is lost.
    Pop,
    /// The first target's QUEUED is in the hash, with its expiry, and nothing else.
    Queued,
    /// The command is in `cmds:<gid>:<nid>` of the first target.
    Pushed,
    /// `cmd.<id>.queued` is written: only the results are missing.
    Announced,
    /// A command was taken off `cmds:<gid>:<nid>` for an agent, which never gets it.
    Fetched,
    /// RUNNING is in the hash; the agent never gets the command.
    Running,
    /// The terminal result is in the hash but not in the list.
    ResultHash,
    /// The terminal result is in the list, which has no expiry yet.
    ResultList,
}

/// Something to go wrong, see [`Grid::inject`](crate::Grid::inject).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Until cleared: RUNNING is written into the hash again after each terminal HSET, before the
    /// list gets its result.
    RunningAfterTerminal,
    /// Until cleared: this agent runs its jobs and never posts a result.
    NeverAnswer {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
    },
    /// Once: the controller loses the next terminal result an agent posts.
    DropResult,
    /// Until cleared: terminal results of agents arrive this much later.
    DelayResults(Duration),
    /// Until cleared: terminal results of this agent arrive this much later.
    SlowAgent {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
        /// How much later.
        delay: Duration,
    },
    /// Until cleared: this agent has its 100 jobs under way. It takes one more command, which then runs as far
    /// as Redis can tell, and waits; it fetches no other one, and a while later counts as gone.
    FullAgent {
        /// Grid id.
        gid: u32,
        /// Node id.
        nid: u32,
    },
    /// Until cleared: `cmd.<id>.queued` is written this much after the commands went to the agents.
    DelayQueued(Duration),
    /// Once: these bytes are written, in hash and list, instead of the next terminal result of an
    /// agent.
    RawResult(Vec<u8>),
    /// Once: the next terminal result of an agent is pushed to the list twice.
    DuplicateResult,
}

/// The faults that are set, and the step at which the controller is to stop.
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

    /// Whether the controller has to stop here; only once.
    pub(crate) fn crashes(&self, step: Step) -> bool {
        crate::lock(&self.crash).take_if(|armed| *armed == step).is_some()
    }

    /// The value of a fault that stays set.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        crate::lock(&self.set).iter().find_map(pick)
    }

    pub(crate) fn is_set(&self, fault: &Fault) -> bool {
        crate::lock(&self.set).contains(fault)
    }

    /// Uses up a fault that acts once.
    pub(crate) fn take(&self, which: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut set = crate::lock(&self.set);
        let index = set.iter().position(which)?;
        Some(set.remove(index))
    }
}
