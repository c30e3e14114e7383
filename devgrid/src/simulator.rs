//! Simulated controller with thousands of agents that run nothing, for scale tests.
//!
//! Speaks the real wire protocol. The `data` of a command, a JSON object, controls its agents: `agents` is their number
//! (`1:1`, `1:2`, …), `spread_ms` the time over which they finish, evenly and in a fixed pseudorandom order (0: in one
//! burst), and `size` the number of bytes that each prints.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{RedisServer, lock, wire};

/// Write time of each result, by command id and node id.
type Written = Arc<Mutex<HashMap<(String, u32), Instant>>>;

/// Simulated controller, stopped on drop.
pub struct Simulator {
    stop: Arc<AtomicBool>,
    written: Written,
    thread: Option<JoinHandle<()>>,
    url: String,
}

impl Simulator {
    /// Starts to take commands from a server. No other controller may use it.
    pub fn start(redis: &RedisServer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Written::default();
        let work = Work { stop: stop.clone(), written: written.clone(), url: redis.url() };
        let thread = Some(thread::spawn(move || work.take_commands()));
        Simulator { stop, written, thread, url: redis.url() }
    }

    /// Time just before the result of node `nid` of grid 1 was written for a command.
    pub fn written(&self, id: &str, nid: u32) -> Option<Instant> {
        lock(&self.written).get(&(id.to_owned(), nid)).copied()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that takes commands, through a new connection, since an old one may be closed. If Redis is
        // down, the thread has already woken.
        let connection =
            redis::Client::open(self.url.as_str()).and_then(|client| client.get_connection());
        if let Ok(mut connection) = connection {
            let _ =
                redis::cmd("RPUSH").arg(wire::COMMANDS).arg("stop").query::<i64>(&mut connection);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Work {
    stop: Arc<AtomicBool>,
    written: Written,
    url: String,
}

impl Work {
    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url.as_str())?.get_connection()
    }

    fn take_commands(&self) {
        let mut agents = Vec::new();
        let Ok(mut connection) = self.connect() else { return };
        while !self.stop.load(Ordering::SeqCst) {
            let popped = redis::cmd("BLPOP")
                .arg(wire::COMMANDS)
                .arg(0)
                .query::<(String, String)>(&mut connection);
            let Ok((_, command)) = popped else {
                // A test may have closed the connection. If the server is down, end.
                let Ok(again) = self.connect() else { break };
                connection = again;
                continue;
            };
            let Ok(command) = serde_json::from_str::<Value>(&command) else { continue };
            if self.route(&mut connection, &command).is_err() {
                break;
            }
            let work = self.clone();
            agents.push(thread::spawn(move || work.answer(&command)));
            agents.retain(|agent| !agent.is_finished());
        }
        for agent in agents {
            let _ = agent.join();
        }
    }

    fn route(&self, connection: &mut redis::Connection, command: &Value) -> redis::RedisResult<()> {
        let id = text(&command["id"]);
        let key = wire::hash_key(id);
        let mut pipe = redis::pipe();
        for nid in 1..=plan(command).0 {
            let queued = result(id, nid, "QUEUED", "").to_string();
            pipe.cmd("HSET").arg(&key).arg(format!("1:{nid}")).arg(queued).ignore();
        }
        pipe.cmd("EXPIRE").arg(&key).arg(wire::KEPT).ignore();
        pipe.cmd("RPUSH").arg(wire::queued_key(id)).arg("queued").ignore();
        pipe.query(connection)
    }

    /// Writes each result at its time.
    fn answer(&self, command: &Value) {
        let (count, spread, size) = plan(command);
        let Ok(mut connection) = self.connect() else { return };
        let id = text(&command["id"]);
        let output = "x".repeat(size);
        let begun = Instant::now();
        let mut pipe = redis::pipe();
        for (place, nid) in (0..count).map(|place| (place, odd_order(place, count))) {
            // At a golden-ratio offset within its slot: evenly spread, and not in phase with a poller.
            let part = (f64::from(place + 1) * 0.618_034).fract();
            let due = begun + spread.mul_f64((f64::from(place) + part) / f64::from(count));
            while !spread.is_zero() && !self.stop.load(Ordering::SeqCst) {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::sleep(left.min(Duration::from_millis(50)));
            }
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let result = result(id, nid, "SUCCESS", &output).to_string();
            let list = wire::list_key(id, 1, nid.into());
            pipe.cmd("HSET").arg(wire::hash_key(id)).arg(format!("1:{nid}")).arg(&result).ignore();
            pipe.cmd("RPUSH").arg(&list).arg(&result).ignore();
            pipe.cmd("EXPIRE").arg(&list).arg(wire::KEPT).ignore();
            // A burst is written in pipelines of 100.
            if !spread.is_zero() || place % 100 == 99 || place + 1 == count {
                lock(&self.written).insert((id.to_owned(), nid), Instant::now());
                if pipe.query::<()>(&mut connection).is_err() {
                    // A test may have closed the connection: retry once.
                    let Ok(again) = self.connect() else { return };
                    connection = again;
                    let _ = pipe.query::<()>(&mut connection);
                }
                pipe = redis::pipe();
            }
        }
    }
}

/// Number of agents, spread, and bytes of output, from the command's data.
fn plan(command: &Value) -> (u32, Duration, usize) {
    let plan: Value = serde_json::from_str(text(&command["data"])).unwrap_or_default();
    let number = |field: &str| plan[field].as_u64().unwrap_or_default();
    let agents = u32::try_from(number("agents")).unwrap_or(u32::MAX).max(1);
    (agents, Duration::from_millis(number("spread_ms")), number("size") as usize)
}

/// Pseudorandom permutation of 1..=count.
fn odd_order(place: u32, count: u32) -> u32 {
    const STEP: u64 = 7919; // prime, and coprime to all counts in use
    ((u64::from(place) * STEP) % u64::from(count)) as u32 + 1
}

fn result(id: &str, nid: u32, state: &str, output: &str) -> Value {
    json!({
        "id": id, "gid": 1, "nid": nid, "cmd": "execute", "args": {}, "data": "", "streams": [output, ""],
        "critical": "", "level": 0, "state": state, "starttime": 1_700_000_000_000_u64, "time": 1, "tags": ""
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::odd_order;

    #[test]
    fn odd_order_is_a_permutation() {
        for count in [1, 2, 10, 256, 1000, 10_000] {
            let all: std::collections::BTreeSet<u32> =
                (0..count).map(|place| odd_order(place, count)).collect();
            assert_eq!(all.len() as u32, count);
            assert_eq!(all.last(), Some(&count));
        }
    }
}
