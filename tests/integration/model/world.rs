//! The server of a schedule, its proxies, and the controller that takes commands from its queue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use acclient::{Client, ClientBuilder};
use devgrid::RedisServer;
use support::proxy::{Plan, Proxy};
use support::refusing::{Refusing, Verdict};
use support::{ClosedPort, ask, servers, wait_until};

use super::schedule::Fault;

pub const AGENTS: [(u64, u64); 2] = [(1, 1), (1, 2)];
/// The list that holds a document between the queue and its results.
const TAKEN: &str = "model.taken";
const READER: &str = "model-reader";

/// One command as the controller and the agents have seen it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub documents: usize,
    /// Whether Redis has confirmed all of its results since it lost data last.
    pub answered: bool,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<HashMap<String, Seen>>,
    /// Changes before and after the server loses its data: what Redis confirms in between may be lost.
    age: AtomicUsize,
    held: AtomicBool,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().expect("no panic")
    }
}

/// A server that keeps its data, behind a proxy that breaks connections, behind one that knows fewer
/// commands.
pub struct World {
    server: RedisServer,
    proxy: Proxy,
    front: Refusing,
    unknown: Arc<Mutex<&'static [&'static str]>>,
    shared: Arc<Shared>,
    nobody: ClosedPort,
}

impl World {
    pub fn start() -> Self {
        let server = RedisServer::builder().persistent().start().expect("a Redis");
        let proxy = Proxy::new(server.port());
        let unknown = Arc::new(Mutex::new(&[] as &[&str]));
        let of_front = unknown.clone();
        let front = Refusing::new(proxy.port(), move |words| {
            let name = words[0].to_uppercase();
            let unknown = of_front.lock().expect("no panic");
            // The refusal itself is made by EVAL, behind this proxy.
            if unknown.contains(&&*name) {
                Verdict::Refuse(format!("ERR unknown command '{}'", words[0]))
            } else {
                Verdict::Pass
            }
        });
        let shared = Arc::new(Shared::default());
        let (url, of_reader) = (server.url(), shared.clone());
        thread::spawn(move || {
            let client = redis::Client::open(url).expect("a URL");
            let mut counted = None;
            loop {
                if let Ok(mut connection) = client.get_connection() {
                    let _ = read(&mut connection, &of_reader, &mut counted);
                }
                // It may not write at this moment, or the server is down.
                thread::sleep(Duration::from_millis(2));
            }
        });
        World { server, proxy, front, unknown, shared, nobody: ClosedPort::new() }
    }

    /// Returns a builder for clients that connect through the proxies.
    pub fn builder(&self) -> ClientBuilder {
        Client::builder().url(&self.front.url()).expect("a URL")
    }

    /// Returns a client that bypasses the proxies.
    pub fn direct(&self) -> Client {
        Client::connect(&self.server.url()).expect("a client")
    }

    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    pub fn seen(&self, id: &str) -> Seen {
        self.shared.seen().get(id).copied().unwrap_or_default()
    }

    /// As a server that was just started, with these commands unknown to clients.
    pub fn clear(&self, unknown: &'static [&'static str]) {
        ask::<()>(&mut self.server.connection(), &[b"FLUSHALL"]);
        self.shared.seen().clear();
        *self.unknown.lock().expect("no panic") = unknown;
    }

    pub fn begin(&self, fault: &Fault) {
        let set = |name: &str, value: &str| {
            let words = [&b"CONFIG"[..], b"SET", name.as_bytes(), value.as_bytes()];
            ask::<()>(&mut self.server.connection(), &words);
        };
        match fault {
            Fault::Broken { plan, all } => {
                let (plan, all) = (*plan, *all);
                self.proxy
                    .plan(move |number| if all || number == 0 { plan } else { Plan::default() });
                self.kill_connections();
            }
            Fault::Frozen => self.server.pause(),
            Fault::Killed => self.kill_connections(),
            Fault::Down { keeps_data: true } => self.server.kill(),
            Fault::Down { keeps_data: false } => {
                self.shared.age.fetch_add(1, Ordering::SeqCst);
                ask::<()>(&mut self.server.connection(), &[b"FLUSHALL"]);
                self.server.kill();
                let mut seen = self.shared.seen();
                self.shared.age.fetch_add(1, Ordering::SeqCst);
                seen.values_mut().for_each(|seen| seen.answered = false);
            }
            Fault::Replica => {
                let port = self.nobody.number().to_string();
                let words = [&b"REPLICAOF"[..], b"127.0.0.1", port.as_bytes()];
                ask::<()>(&mut self.server.connection(), &words);
            }
            Fault::TooFewReplicas => set("min-replicas-to-write", "1"),
            Fault::OutOfMemory => set("maxmemory", "1"),
            Fault::Evicted => {
                let mut admin = self.server.connection();
                for agent in ["1.1", "1.2"] {
                    let pattern = format!("cmd.*.{agent}");
                    for key in ask::<Vec<String>>(&mut admin, &[b"KEYS", pattern.as_bytes()]) {
                        ask::<()>(&mut admin, &[b"DEL", key.as_bytes()]);
                    }
                }
            }
            Fault::NoController => self.shared.held.store(true, Ordering::SeqCst),
        }
    }

    pub fn end(&self, fault: &Fault) {
        let set = |name: &str| {
            let words = [&b"CONFIG"[..], b"SET", name.as_bytes(), b"0"];
            ask::<()>(&mut self.server.connection(), &words);
        };
        match fault {
            Fault::Broken { .. } => self.proxy.plan(|_| Plan::default()),
            Fault::Frozen => self.server.resume(),
            Fault::Killed | Fault::Evicted => {}
            Fault::Down { .. } => self.server.restart(),
            Fault::Replica => {
                ask::<()>(&mut self.server.connection(), &[b"REPLICAOF", b"NO", b"ONE"]);
            }
            Fault::TooFewReplicas => set("min-replicas-to-write"),
            Fault::OutOfMemory => set("maxmemory"),
            Fault::NoController => self.shared.held.store(false, Ordering::SeqCst),
        }
    }

    /// Ends those that came through the proxies.
    fn kill_connections(&self) {
        let mut admin = self.server.connection();
        let list: String = ask(&mut admin, &[b"CLIENT", b"LIST"]);
        let own: i64 = ask(&mut admin, &[b"CLIENT", b"ID"]);
        for line in list.lines().filter(|line| !line.contains(READER)) {
            let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next());
            let id = id.expect("an id");
            if id != own.to_string() {
                ask::<i64>(&mut admin, &[b"CLIENT", b"KILL", b"ID", id.as_bytes()]);
            }
        }
    }

    /// Waits until each document that clients have pushed is counted and answered. A document whose client
    /// is gone may still be in the buffer of a proxy or a socket, so the connections come first.
    pub fn settle(&self) {
        wait_until("the queue is drained", || {
            let mut admin = self.server.connection();
            let left = |key: &str, admin: &mut _| ask::<i64>(admin, &[b"LLEN", key.as_bytes()]);
            // In this order: a document is in one of the two at any time.
            left("cmds.queue", &mut admin) + left(TAKEN, &mut admin) == 0
        });
    }

    /// Connections through the proxies.
    pub fn connections(&self) -> usize {
        self.proxy.open()
    }
}

/// Takes commands until an error. `counted` is the last that was counted, until it is answered: what was
/// taken outlives the connection, and is counted once.
fn read(
    connection: &mut redis::Connection,
    shared: &Shared,
    counted: &mut Option<String>,
) -> redis::RedisResult<()> {
    redis::cmd("CLIENT").arg("SETNAME").arg(READER).exec(connection)?;
    let left: Vec<String> = redis::cmd("LRANGE").arg(TAKEN).arg(0).arg(-1).query(connection)?;
    if left.is_empty() {
        *counted = None;
    }
    for text in left {
        answer(connection, shared, counted, text)?;
    }
    loop {
        if shared.held.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        match take().query::<Option<String>>(connection)? {
            Some(text) => answer(connection, shared, counted, text)?,
            None if servers::knows("BLMOVE") => {}
            None => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Takes a command. Redis before 6.2 can only do so from the other end of the queue, or block for whole seconds.
fn take() -> redis::Cmd {
    if servers::knows("BLMOVE") {
        let mut take = redis::cmd("BLMOVE");
        take.arg("cmds.queue").arg(TAKEN).arg("LEFT").arg("RIGHT").arg(0.02);
        return take;
    }
    let mut take = redis::cmd("RPOPLPUSH");
    take.arg("cmds.queue").arg(TAKEN);
    take
}

fn answer(
    connection: &mut redis::Connection,
    shared: &Shared,
    counted: &mut Option<String>,
    text: String,
) -> redis::RedisResult<()> {
    let command: serde_json::Value = serde_json::from_str(&text).expect("a command");
    let id = command["id"].as_str().expect("an id").to_owned();
    if counted.as_ref() != Some(&text) {
        shared.seen().entry(id.clone()).or_default().documents += 1;
        *counted = Some(text);
    }
    let agents = match (command["gid"].as_u64(), command["nid"].as_u64()) {
        (Some(gid @ 1..), Some(nid @ 1..)) => vec![(gid, nid)],
        _ => AGENTS.to_vec(),
    };
    let (hash, queued) = (format!("jobresult:{id}"), format!("cmd.{id}.queued"));
    let age = shared.age.load(Ordering::SeqCst);
    let mut pipe = redis::pipe();
    pipe.atomic();
    for (gid, nid) in &agents {
        pipe.hset(&hash, format!("{gid}:{nid}"), result(&id, *gid, *nid, "RUNNING")).ignore();
    }
    pipe.expire(&hash, 86400).rpush(&queued, "queued").ignore();
    for (gid, nid) in &agents {
        let (list, result) = (format!("cmd.{id}.{gid}.{nid}"), result(&id, *gid, *nid, "SUCCESS"));
        pipe.hset(&hash, format!("{gid}:{nid}"), &result).ignore();
        pipe.rpush(&list, &result).expire(&list, 86400).ignore();
    }
    pipe.lpop(TAKEN, None).ignore();
    pipe.exec(connection)?;
    *counted = None;
    let mut seen = shared.seen();
    seen.entry(id).or_default().answered = age == shared.age.load(Ordering::SeqCst);
    Ok(())
}

fn result(id: &str, gid: u64, nid: u64, state: &str) -> String {
    format!(
        r#"{{"id":"{id}","gid":{gid},"nid":{nid},"cmd":"ping","args":{{}},"data":"\"pong\"","streams":["",""],"level":20,"state":"{state}","starttime":1,"time":1,"tags":""}}"#
    )
}
