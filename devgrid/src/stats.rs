//! CPU and memory usage of processes, and lookup of processes by environment.

use std::sync::Mutex;
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::gojson::Object;
use crate::lock;

/// CPU in percent, memory in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: f32,
    rss: u64,
    vms: u64,
}

impl Usage {
    pub(crate) fn plus(self, other: Usage) -> Usage {
        Usage { cpu: self.cpu + other.cpu, rss: self.rss + other.rss, vms: self.vms + other.vms }
    }

    /// Formats the usage like the agent; `cmd` is already JSON.
    pub(crate) fn to_json(self, cmd: &str, debug: &str) -> String {
        // `Display` omits the fraction of a whole float, like Go.
        Object::new()
            .raw("cmd", cmd)
            .raw("cpu", &self.cpu.to_string())
            .raw("rss", &self.rss.to_string())
            .raw("vms", &self.vms.to_string())
            .int("swap", 0)
            .text("debug", debug)
            .end()
    }
}

/// Measures processes. Keeps state: CPU usage is measured between two calls.
pub(crate) struct Observer(Mutex<System>);

impl Observer {
    pub(crate) fn new() -> Self {
        Observer(Mutex::new(System::new()))
    }

    /// Usage of a process, or zero if it does not exist. Retries while the process has no memory, as during exec.
    pub(crate) fn usage(&self, pid: u32) -> Usage {
        let mut tries = 50;
        loop {
            let (usage, is_there) = self.look(pid);
            tries -= 1;
            if usage.rss > 0 || !is_there || tries == 0 {
                return usage;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn look(&self, pid: u32) -> (Usage, bool) {
        let pid = Pid::from_u32(pid);
        let mut system = lock(&self.0);
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
        let process = system.process(pid);
        let usage = process.map_or_else(Usage::default, |p| Usage {
            cpu: p.cpu_usage(),
            rss: p.memory(),
            vms: p.virtual_memory(),
        });
        (usage, process.is_some())
    }
}

/// Kills all processes with this variable, `NAME=value`, in their environment.
pub(crate) fn kill_all_with(variable: &str) {
    kill_those_with(ProcessesToUpdate::All, variable);
}

/// Kills a process if its environment contains this variable.
pub(crate) fn kill_with(pid: u32, variable: &str) {
    kill_those_with(ProcessesToUpdate::Some(&[Pid::from_u32(pid)]), variable);
}

fn kill_those_with(which: ProcessesToUpdate<'_>, variable: &str) {
    let what = ProcessRefreshKind::nothing().without_tasks().with_environ(UpdateKind::Always);
    let mut system = System::new();
    system.refresh_processes_specifics(which, true, what);
    let has_it = |process: &&sysinfo::Process| process.environ().iter().any(|v| v == variable);
    system.processes().values().filter(has_it).for_each(|process| _ = process.kill());
}
