//! Test helpers: a client on a raw Redis connection, and waits with a deadline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Commands, Connection, FromRedisValue};
use serde_json::{Value, json};
pub use support::wait_until;

/// Deadline far above any regular duration.
pub const LONG: Duration = support::WAIT;

/// Waits until `look` returns a value.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_until(what, || {
        found = look();
        found.is_some()
    });
    found.expect("it was waited for")
}

/// Raw client of the wire protocol.
pub struct Client(pub Connection);

impl Client {
    pub fn new(grid: &devgrid::Grid) -> Self {
        Client(grid.redis().connection())
    }

    pub fn push(&mut self, payload: &[u8]) {
        let _: i64 = self.0.rpush("cmds.queue", payload).unwrap();
    }

    /// Sends a command to 1:1 unless `more` says otherwise.
    pub fn send(&mut self, id: &str, cmd: &str, more: Value) {
        let mut command = json!({"id": id, "gid": 1, "nid": 1, "cmd": cmd});
        for (key, value) in more.as_object().unwrap() {
            command[key] = value.clone();
        }
        self.push(command.to_string().as_bytes());
    }

    /// Waits for the next result in the list, without removing it.
    pub fn wait(&mut self, id: &str, gid: u32, nid: u32) -> Value {
        let key = format!("cmd.{id}.{gid}.{nid}");
        let bytes: Option<Vec<u8>> = redis::cmd("BRPOPLPUSH")
            .arg(&key)
            .arg(&key)
            .arg(LONG.as_secs())
            .query(&mut self.0)
            .unwrap();
        let bytes = bytes
            .unwrap_or_else(|| panic!("no result in {key}; the hash says {:?}", self.hash(id)));
        serde_json::from_slice(&bytes).unwrap()
    }

    pub fn run(&mut self, id: &str, cmd: &str, more: Value) -> Value {
        self.send(id, cmd, more);
        self.wait(id, 1, 1)
    }

    pub fn hash(&mut self, id: &str) -> std::collections::BTreeMap<String, String> {
        self.0.hgetall(format!("jobresult:{id}")).unwrap()
    }

    /// State in the hash.
    pub fn state(&mut self, id: &str, agent: &str) -> Option<String> {
        let text = self.hash(id).remove(agent)?;
        let value: Value = serde_json::from_str(&text).unwrap();
        Some(value["state"].as_str().unwrap().to_string())
    }

    pub fn wait_state(&mut self, id: &str, agent: &str, state: &str) {
        wait_until(&format!("{state} of {id} at {agent}"), || {
            self.state(id, agent).as_deref() == Some(state)
        });
    }

    pub fn list(&mut self, key: &str) -> Vec<String> {
        self.0.lrange(key, 0, -1).unwrap()
    }

    pub fn len(&mut self, key: &str) -> usize {
        self.0.llen(key).unwrap()
    }

    pub fn keys(&mut self) -> Vec<String> {
        let mut keys: Vec<String> = self.0.keys("*").unwrap();
        keys.sort();
        keys
    }

    pub fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.0).unwrap()
    }

    /// Deletes all results.
    pub fn forget(&mut self) {
        for key in
            self.keys().into_iter().filter(|k| k.starts_with("cmd.") || k.starts_with("jobresult:"))
        {
            let _: i64 = self.0.del(key).unwrap();
        }
    }
}

/// Returns an unused id.
pub fn fresh(name: &str) -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{name}{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// Kills the process of a job of agent 1:1 directly, since the agent may be full.
pub fn kill_one(client: &mut Client) {
    let dir: Vec<String> = client.ask(&["CONFIG", "GET", "dir"]);
    let mark = format!("AGENT_HOME={}/1.1", dir[1]);
    let pid = processes_with(&mark)[0];
    devgrid::signals::send(pid, devgrid::signals::SIGTERM);
}

/// Whether a process exists and is not a zombie.
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit(')').next().unwrap_or("").trim().chars().next();
        state != Some('Z')
    })
}

/// Processes whose command line or environment contains `mark`.
pub fn processes_with(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str().and_then(|n| n.parse::<u32>().ok()));
    let holds = |pid: &u32| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(mark)
        })
    };
    pids.filter(|pid| *pid != std::process::id()).filter(holds).filter(|pid| alive(*pid)).collect()
}
