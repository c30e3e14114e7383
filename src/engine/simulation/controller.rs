//! The controller and the agents of a simulated schedule: they take commands from the queue of the server and write
//! results there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::protocol::{AgentId, NO_AGENTS, keys};
use crate::transport::clock;
use crate::transport::simulated::World;

pub(super) const AGENTS: [AgentId; 2] = [AgentId { gid: 1, nid: 1 }, AgentId { gid: 1, nid: 2 }];
pub(super) const NOBODY: AgentId = AgentId { gid: 9, nid: 9 };
/// Pause before a write is tried again while the server is down.
const AGAIN: Duration = Duration::from_millis(20);

/// A result that was written, with its unique data.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) says: String,
    pub(super) at: Instant,
    /// Number of times that the server had lost its data by then.
    pub(super) losses: usize,
}

/// State of the controller and the agents, and the record of what they did.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) held: usize,
    routing: Duration,
    running: Duration,
    takes: bool,
    count: u64,
    /// Number of runs of each command on each agent.
    pub(super) runs: BTreeMap<(String, AgentId), usize>,
    pub(super) answers: BTreeMap<(String, AgentId), Vec<Answer>>,
    /// Routed commands with their agents.
    pub(super) routed: BTreeMap<String, (Vec<AgentId>, Instant)>,
    running_now: BTreeMap<(String, AgentId), usize>,
    pub(super) evicted: bool,
}

pub(super) type Shared = Rc<RefCell<Known>>;

/// Starts the controller.
pub(super) fn start(world: &mut World, routing: Duration, running: Duration) -> Shared {
    let shared = Shared::default();
    (shared.borrow_mut().routing, shared.borrow_mut().running) = (routing, running);
    let known = shared.clone();
    world.on_change(move |world| take_later(world, &known));
    shared
}

/// Stops the controller for a time.
pub(super) fn hold(world: &mut World, shared: &Shared, after: Duration, lasts: Duration) {
    let (begins, ends) = (shared.clone(), shared.clone());
    world.after(after, move |_| begins.borrow_mut().held += 1);
    world.after(after + lasts, move |_| ends.borrow_mut().held -= 1);
}

/// Removes every result list, as a server at its `maxmemory` may do.
pub(super) fn evict(world: &mut World, shared: &Shared) {
    world.note(|| "the result lists are evicted".to_owned());
    let mut known = shared.borrow_mut();
    known.evicted = true;
    for (id, agent) in known.answers.keys() {
        let key = keys::result(id, *agent);
        world.store.remove(key.as_bytes());
        world.invalidate(key.as_bytes());
    }
}

fn take_later(world: &mut World, shared: &Shared) {
    let mut known = shared.borrow_mut();
    if known.takes || world.store.length(keys::QUEUE.as_bytes()) == 0 {
        return;
    }
    known.takes = true;
    let pause = known.routing.mul_f64(world.rng.f64());
    let shared = shared.clone();
    world.after(pause, move |world| take(world, shared));
}

fn take(world: &mut World, shared: Shared) {
    if shared.borrow().held > 0 || world.is_idle() {
        return world.after(AGAIN, move |world| take(world, shared));
    }
    shared.borrow_mut().takes = false;
    if let Some(document) = world.store.take(keys::QUEUE.as_bytes()) {
        route(world, &shared, &document);
    }
    take_later(world, &shared);
}

fn route(world: &mut World, shared: &Shared, document: &[u8]) {
    let command: Value = serde_json::from_slice(document).expect("a command of the client");
    let id = command["id"].as_str().expect("an id").to_owned();
    let agents = match (&command["roles"], command["fanout"].as_bool()) {
        (Value::Array(_), Some(true)) => AGENTS.to_vec(),
        (Value::Array(_), _) => AGENTS[..1].to_vec(),
        _ => {
            let number = |name: &str| command[name].as_u64().expect("a number") as u32;
            vec![AgentId { gid: number("gid"), nid: number("nid") }]
        }
    };
    world.note(|| format!("{id} is routed to {agents:?}"));
    let queued = keys::queued(&id);
    if agents == [NOBODY] {
        let mut answer = result(&id, NOBODY, "ERROR", NO_AGENTS, 0);
        (answer["cmd"], answer["args"]) = (json!(""), Value::Null);
        write_result(world, shared, &id, NOBODY, &answer, NO_AGENTS);
    } else {
        for agent in &agents {
            put(world, &id, *agent, &result(&id, *agent, "QUEUED", "", 0));
            run_later(world, shared, &id, *agent);
        }
    }
    append(world, &queued, b"queued");
    shared.borrow_mut().routed.insert(id, (agents, clock::now()));
}

fn run_later(world: &mut World, shared: &Shared, id: &str, agent: AgentId) {
    let mut known = shared.borrow_mut();
    let fetches = known.routing.mul_f64(world.rng.f64());
    let ends = fetches + known.running.mul_f64(world.rng.f64());
    known.count += 1;
    let job = known.count;
    // RUNNING may reach the hash after the result.
    let says_running = if world.rng.u8(..8) == 0 { ends + fetches } else { fetches };
    let (id, shared) = (id.to_owned(), shared.clone());
    let running = id.clone();
    world.after(says_running, move |world| {
        if !world.is_idle() {
            put(world, &running, agent, &result(&running, agent, "RUNNING", "", job));
        }
    });
    let of = (id.clone(), agent);
    if known.running_now.get(&of).is_some_and(|jobs| *jobs > 0) {
        let refused = result(&id, agent, "DUPILICATE_ID", "", 0);
        world.after(fetches, move |world| write(world, id, agent, refused));
        return;
    }
    *known.runs.entry(of.clone()).or_default() += 1;
    *known.running_now.entry(of.clone()).or_default() += 1;
    world.after(ends, move |world| finish(world, shared, of, job));
}

/// Writes a result once the server takes it.
fn write(world: &mut World, id: String, agent: AgentId, document: Value) {
    if world.is_idle() {
        return world.after(AGAIN, move |world| write(world, id, agent, document));
    }
    put(world, &id, agent, &document);
    append(world, &keys::result(&id, agent), document.to_string().as_bytes());
}

fn finish(world: &mut World, shared: Shared, of: (String, AgentId), job: u64) {
    if world.is_idle() {
        return world.after(AGAIN, move |world| finish(world, shared, of, job));
    }
    if let Some(jobs) = shared.borrow_mut().running_now.get_mut(&of) {
        *jobs -= 1;
    }
    let says = format!("job {job}");
    let (id, agent) = of;
    let document = result(&id, agent, "SUCCESS", &says, job);
    write_result(world, &shared, &id, agent, &document, &says);
}

fn write_result(
    world: &mut World,
    shared: &Shared,
    id: &str,
    agent: AgentId,
    document: &Value,
    says: &str,
) {
    world.note(|| format!("{id} has ended on {agent}: {says}"));
    put(world, id, agent, document);
    let answer = Answer { says: says.to_owned(), at: clock::now(), losses: world.losses };
    shared.borrow_mut().answers.entry((id.to_owned(), agent)).or_default().push(answer);
    append(world, &keys::result(id, agent), document.to_string().as_bytes());
}

fn put(world: &mut World, id: &str, agent: AgentId, document: &Value) {
    let key = keys::results(id);
    world.store.put(key.as_bytes(), agent.to_string().as_bytes(), document.to_string().as_bytes());
    world.invalidate(key.as_bytes());
}

/// Appends to a list. As with the original controller, results get a time to live, and `queued` does not.
fn append(world: &mut World, key: &str, entry: &[u8]) {
    world.store.append(key.as_bytes(), entry);
    if entry != b"queued" {
        world.store.expire(key.as_bytes());
    }
    world.invalidate(key.as_bytes());
    world.touched();
}

fn result(id: &str, agent: AgentId, state: &str, says: &str, job: u64) -> Value {
    json!({
        "id": id, "gid": agent.gid, "nid": agent.nid, "cmd": "ping", "args": {}, "data": says,
        "streams": ["", ""], "level": 0, "state": state, "starttime": job, "time": 1, "tags": "",
    })
}
