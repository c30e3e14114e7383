//! Fan-outs in figures: how long a result takes from its list to the caller's hand, what waiting
//! costs an unrelated writer, what it costs in memory. `make bench`.
//!
//! Agents are simulated, in this process. Rival: the way of the original client's successors, one
//! HGETALL of all results every 50 ms.

#[path = "../tests/common/proxy.rs"]
mod proxy;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Command, Target};
use devgrid::{RedisServer, Simulator};

const WAIT: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().any(|arg| arg == "memory") {
        return memory();
    }
    println!("acclient {}\n", acclient::VERSION);
    for agents in [10, 1000, 10_000] {
        let goal = if agents == 10_000 { [0.3, 1.5] } else { [f64::INFINITY; 2] };
        delays("told by the server", RedisServer::builder(), agents, goal);
    }
    for agents in [10, 1000, 10_000] {
        let old = RedisServer::builder().arg("--rename-command", "HELLO \"\"");
        delays("looking", old, agents, [f64::INFINITY, 65.0]);
    }
    growth();
    unrelated_writer();
    memory();
}

/// What one result costs as there are more agents: bytes to and from Redis, and commands that read.
fn growth() {
    for agents in [10, 100, 1000, 10_000, 100_000] {
        let redis = RedisServer::start().unwrap();
        let simulator = Simulator::start(&redis);
        let proxy = proxy::Proxy::new(redis.port());
        let client = Client::connect(&proxy.url()).unwrap();
        let before = reads(&redis);
        proxy.passed();
        let begun = Instant::now();
        let command = fanout(&client, agents, 5000, 200);
        let taken = command.results(WAIT).unwrap().filter(Result::is_ok).count();
        assert_eq!(taken as u32, agents);
        let took = begun.elapsed();
        let [up, down] = proxy.passed().map(|bytes| bytes as f64 / f64::from(agents));
        let commands = (reads(&redis) - before) as f64 / f64::from(agents);
        println!(
            "{agents:6} agents over 5 s in {:.2} s: for each result {up:.0} bytes to Redis, {down:.0} back, {commands:.2} commands that read",
            took.as_secs_f64()
        );
        drop(simulator);
    }
}

/// How many commands of the kinds that a wait uses the server has run.
fn reads(redis: &RedisServer) -> u64 {
    let mut connection = redis.connection();
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).unwrap();
    let calls = |name: &str| {
        let line =
            info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    ["llen", "lrange", "hkeys", "blmove", "client|tracking"].into_iter().map(calls).sum()
}

fn fanout(client: &Client, agents: u32, spread_ms: u32, size: u32) -> Command {
    let plan = format!(r#"{{"agents":{agents},"spread_ms":{spread_ms},"size":{size}}}"#);
    client.execute(Target::all(), "simulated").data(plan).submit().unwrap()
}

/// p50 and p95 in milliseconds.
fn quantiles(mut delays: Vec<f64>) -> [f64; 2] {
    delays.sort_by(f64::total_cmp);
    [delays[delays.len() / 2], delays[(delays.len() * 95 / 100).min(delays.len() - 1)]]
}

/// From the moment before a result is written to the moment that the caller has it.
fn delays(what: &str, redis: devgrid::RedisServerBuilder, agents: u32, goal: [f64; 2]) {
    let redis = redis.start().unwrap();
    let simulator = Simulator::start(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let command = fanout(&client, agents, 5000, 200);
        let mut taken = Vec::new();
        for job in command.results(WAIT).unwrap() {
            taken.push((job.unwrap().agent().nid, Instant::now()));
        }
        assert_eq!(taken.len() as u32, agents);
        let delay = |(nid, at): (u32, Instant)| {
            let written = simulator.written(command.id(), nid).unwrap();
            at.saturating_duration_since(written).as_secs_f64() * 1000.0
        };
        rounds.push(quantiles(taken.into_iter().map(delay).collect()));
    }
    let best = |index: usize| rounds.iter().map(|round| round[index]).fold(f64::INFINITY, f64::min);
    let worst = |index: usize| rounds.iter().map(|round| round[index]).fold(0.0, f64::max);
    let met = worst(0) <= goal[0] && worst(1) <= goal[1];
    let goal = match goal {
        [p50, _] if goal[1].is_infinite() => format!("{p50:.0}").replace("inf", "none"),
        [p50, p95] if p50.is_infinite() => format!("p95 {p95:.0}"),
        [p50, p95] => format!("{p50:.1} / {p95:.1}"),
    };
    let rival = polled(&client, &redis, &simulator, agents);
    let original = one_by_one(&client, &redis, &simulator, agents);
    println!(
        "{agents:6} agents over 5 s, {what}: p50 {:.2} to {:.2}, p95 {:.2} to {:.2} ms; goal {}: {}; \
         HGETALL every 50 ms: {:.1} / {:.1}; one by one as the original: {:.0} / {:.0}",
        best(0),
        worst(0),
        best(1),
        worst(1),
        goal,
        if met { "met" } else { "MISSED" },
        rival[0],
        rival[1],
        original[0],
        original[1]
    );
}

/// The rival, on the same server.
fn polled(client: &Client, redis: &RedisServer, simulator: &Simulator, agents: u32) -> [f64; 2] {
    let command = fanout(client, agents, 5000, 200);
    let mut connection = redis.connection();
    let mut seen = BTreeSet::new();
    let mut delays = Vec::new();
    while seen.len() < agents as usize {
        thread::sleep(Duration::from_millis(50));
        let key = format!("jobresult:{}", command.id());
        let all: HashMap<String, String> =
            redis::cmd("HGETALL").arg(key).query(&mut connection).unwrap();
        let at = Instant::now();
        for (agent, result) in all {
            let nid: u32 = agent[2..].parse().unwrap();
            if result.contains("SUCCESS") && seen.insert(nid) {
                let written = simulator.written(command.id(), nid).unwrap();
                delays.push(at.saturating_duration_since(written).as_secs_f64() * 1000.0);
            }
        }
    }
    quantiles(delays)
}

/// The way of the original client: the list of one agent after the other.
fn one_by_one(
    client: &Client,
    redis: &RedisServer,
    simulator: &Simulator,
    agents: u32,
) -> [f64; 2] {
    let command = fanout(client, agents, 5000, 200);
    let mut connection = redis.connection();
    let queued = format!("cmd.{}.queued", command.id());
    let block = |key: &str, connection: &mut redis::Connection| {
        let moved: Option<String> =
            redis::cmd("BRPOPLPUSH").arg(key).arg(key).arg(60).query(connection).unwrap();
        assert!(moved.is_some());
    };
    block(&queued, &mut connection);
    let key = format!("jobresult:{}", command.id());
    let targets: Vec<String> = redis::cmd("HKEYS").arg(key).query(&mut connection).unwrap();
    let mut delays = Vec::new();
    for target in targets {
        let (gid, nid) = target.split_once(':').unwrap();
        block(&format!("cmd.{}.{gid}.{nid}", command.id()), &mut connection);
        let at = Instant::now();
        let written = simulator.written(command.id(), nid.parse().unwrap()).unwrap();
        delays.push(at.saturating_duration_since(written).as_secs_f64() * 1000.0);
    }
    quantiles(delays)
}

/// SETs a second of a client that has nothing to do with us, while 10 000 waits are open and while
/// none is, in turn.
fn unrelated_writer() {
    let redis = RedisServer::start().unwrap();
    let simulator = Simulator::start(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    let mut writer = redis.connection();
    let mut rate = || {
        let begun = Instant::now();
        let mut sets = 0;
        while begun.elapsed() < Duration::from_millis(500) {
            let mut pipe = redis::pipe();
            for _ in 0..200 {
                pipe.cmd("SET").arg("unrelated:key").arg("value").ignore();
            }
            pipe.query::<()>(&mut writer).unwrap();
            sets += 200;
        }
        f64::from(sets) / begun.elapsed().as_secs_f64()
    };
    let mut ratios = Vec::new();
    for _ in 0..7 {
        let alone = rate();
        // Nobody answers within this call's time.
        let command = fanout(&client, 10_000, 3_600_000, 1);
        let stop = Arc::new(AtomicBool::new(false));
        let mut results = command.results(Duration::from_secs(2)).unwrap();
        let (ready, stopped) = (Arc::new(AtomicBool::new(false)), stop.clone());
        let is_ready = ready.clone();
        let waiter = thread::spawn(move || {
            is_ready.store(true, Ordering::SeqCst);
            while !stopped.load(Ordering::SeqCst)
                && results.next().is_some_and(|result| result.is_ok())
            {}
            results.remaining()
        });
        while !ready.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(300)); // until the waits are open
        let beside = rate();
        stop.store(true, Ordering::SeqCst);
        assert!(waiter.join().unwrap() > 9_000);
        ratios.push(beside / alone);
    }
    ratios.sort_by(f64::total_cmp);
    let middle = ratios[ratios.len() / 2];
    println!(
        "unrelated SETs while 10 000 waits are open ÷ while none is: {middle:.2} ({:.2} to {:.2}); goal 0.90: {}",
        ratios[0],
        ratios[ratios.len() - 1],
        if middle >= 0.9 { "met" } else { "MISSED" }
    );
    drop(simulator);
}

/// Heap of this process, above what it was before, while a fan-out to 10 000 agents is waited for
/// and while its results are taken; nothing else runs here meanwhile.
fn memory() {
    const AGENTS: u32 = 10_000;
    const SIZE: u32 = 2000;
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let (waiting, done) = {
        let _simulator = Simulator::start(&redis);
        let waiting = fanout(&client, AGENTS, 3_600_000, SIZE);
        let done = fanout(&client, AGENTS, 0, SIZE);
        assert_eq!(done.results(WAIT).unwrap().count() as u32, AGENTS);
        (waiting, done)
    };
    client.ping().unwrap();
    let before = HEAP.mark();
    let results = waiting.results(Duration::from_millis(300)).unwrap();
    let mut results = results.fuse();
    let first = results.next();
    assert!(first.is_some_and(|result| result.is_err()));
    let peak = HEAP.peak() - before;
    drop(results);
    println!(
        "memory while waiting for {AGENTS}: {} bytes for each pending agent at the peak; goal 128: {}",
        peak / AGENTS as usize,
        if peak <= 128 * AGENTS as usize { "met" } else { "MISSED" }
    );
    let before = HEAP.mark();
    let mut largest = 0;
    for result in done.results(WAIT).unwrap() {
        largest = largest.max(result.unwrap().dump().len());
    }
    let peak = HEAP.peak() - before;
    let goal = 128 * AGENTS as usize + 3 * largest;
    println!(
        "memory while taking {AGENTS} results of {largest} bytes one by one: {} KiB at the peak; goal {} KiB: {}",
        peak / 1024,
        goal / 1024,
        if peak <= goal { "met" } else { "MISSED" }
    );
    let before = HEAP.mark();
    let all: Vec<_> = done.results(WAIT).unwrap().map(Result::unwrap).collect();
    let payload: usize = all.iter().map(|job| job.dump().len()).sum();
    let peak = HEAP.peak() - before;
    let goal = payload * 3 / 2 + 128 * AGENTS as usize;
    println!(
        "memory with all of them collected ({} KiB of JSON): {} KiB at the peak; goal {} KiB: {}",
        payload / 1024,
        peak / 1024,
        goal / 1024,
        if peak <= goal { "met" } else { "MISSED" }
    );
}

/// Counts what is allocated.
struct Heap {
    now: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { now: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

impl Heap {
    /// What is allocated now; the peak starts here.
    fn mark(&self) -> usize {
        let now = self.now.load(Ordering::SeqCst);
        self.peak.store(now, Ordering::SeqCst);
        now
    }

    fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

// SAFETY: everything is passed on to the system's allocator; only numbers are kept.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = self.now.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        self.peak.fetch_max(now, Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}
