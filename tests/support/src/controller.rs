//! A controller with agents that replies to every command at once and counts the commands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use devgrid::RedisServer;

use crate::servers::short_pause;
use crate::wait_until;

/// Stops on drop.
pub struct Controller {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controller {
    /// Connects directly to the server, bypassing any proxy. Survives restarts of the server.
    pub fn start(redis: &RedisServer) -> Self {
        let url = redis.url();
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (own, stopped) = (counts.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let client = redis::Client::open(url).expect("a URL");
            while !stopped.load(Ordering::SeqCst) {
                match client.get_connection() {
                    Ok(mut connection) => drain(&mut connection, &own, &stopped),
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Controller { counts, stop, thread: Some(thread) }
    }

    /// Returns how many times the command with this ID arrived.
    pub fn count(&self, id: &str) -> usize {
        self.counts.lock().expect("no panic").get(id).copied().unwrap_or_default()
    }

    /// Resets the counts.
    pub fn forget(&self) {
        *self.counts.lock().expect("no panic") = HashMap::new();
    }

    /// Returns the IDs of commands that arrived more than once.
    pub fn doubled(&self) -> Vec<String> {
        let counts = self.counts.lock().expect("no panic");
        counts.iter().filter(|(_, count)| **count > 1).map(|(id, _)| id.clone()).collect()
    }

    /// Waits until the queue is empty and all of its commands are counted.
    pub fn settle(&self, redis: &RedisServer) {
        let mut connection = redis.connection();
        // This command is answered after all others.
        let id = format!("settle-{:?}", Instant::now());
        let json = format!(r#"{{"id":"{id}","gid":1,"nid":1,"cmd":"ping"}}"#);
        redis::cmd("RPUSH").arg("cmds.queue").arg(json).exec(&mut connection).expect("an answer");
        wait_until("the queue is drained", || self.count(&id) > 0);
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the controller panicked");
        }
    }
}

fn drain(
    connection: &mut redis::Connection,
    counts: &Mutex<HashMap<String, usize>>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::SeqCst) {
        let popped = redis::cmd("BLPOP").arg("cmds.queue").arg(short_pause()).query(connection);
        let popped: Option<(String, String)> = match popped {
            Ok(popped) => popped,
            Err(_) => return, // the server is gone
        };
        let Some((_, text)) = popped else { continue };
        let command: serde_json::Value = serde_json::from_str(&text).expect("a command");
        let id = command["id"].as_str().expect("an id").to_owned();
        let result = format!(
            r#"{{"id":"{id}","gid":1,"nid":1,"cmd":"ping","args":{{}},"data":"\"pong\"","streams":["",""],"level":20,"state":"SUCCESS","starttime":1,"time":1,"tags":""}}"#
        );
        *counts.lock().expect("no panic").entry(id.clone()).or_default() += 1;
        let mut pipe = redis::pipe();
        pipe.hset(format!("jobresult:{id}"), "1:1", &result).ignore();
        pipe.expire(format!("jobresult:{id}"), 86400).ignore();
        pipe.rpush(format!("cmd.{id}.queued"), "queued").ignore();
        pipe.rpush(format!("cmd.{id}.1.1"), &result).ignore();
        pipe.expire(format!("cmd.{id}.1.1"), 86400).ignore();
        if pipe.query::<()>(connection).is_err() {
            return;
        }
    }
}
