//! Fan-outs: the delay from writing a result to receiving it, and the cost. The agents are
//! simulated in this process.

use std::collections::{BTreeSet, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Command, Target};
use devgrid::{RedisServer, Simulator};
use support::proxy::Proxy;

use crate::chart::{self, Series};
use crate::original;
use crate::report::{Figure, Goal, Report, middle, milliseconds, quantile};

pub const WAIT: Duration = Duration::from_secs(60);
const ROUNDS: usize = 5;
/// Period over which the agents finish.
const SPREAD_MS: u32 = 5000;

pub fn figures(report: &mut Report) {
    let names =
        ["pushed by tracking", "polled", "HGETALL every 50 ms", "one agent after the other"];
    let mut series = names.map(|name| Series { name, points: Vec::new() });
    for agents in [10, 100, 1000, 10_000] {
        let middles = delays(report, agents);
        series.iter_mut().zip(middles).for_each(|(one, middle)| one.points.push((agents, middle)));
    }
    let title = "Time from a result written to the same result received, p50, by number of agents";
    report.chart(chart::svg(title, "agents, which finish over 5 s", &series));
    costs(report);
}

/// Submits a fan-out to simulated agents that finish over `spread_ms`, each with `size` bytes of
/// data.
pub fn fanout(client: &Client, agents: u32, spread_ms: u32, size: u32) -> Command {
    let plan = format!(r#"{{"agents":{agents},"spread_ms":{spread_ms},"size":{size}}}"#);
    client.execute(Target::all(), "simulated").data(plan).submit().unwrap()
}

/// A server with simulated agents, and a client.
struct Place {
    simulator: Simulator,
    redis: RedisServer,
    client: Client,
}

impl Place {
    fn new(redis: devgrid::RedisServerBuilder) -> Self {
        let redis = redis.start().unwrap();
        let (simulator, client) =
            (Simulator::start(&redis), Client::connect(&redis.url()).unwrap());
        Place { simulator, redis, client }
    }

    /// Returns p50 and p95 in milliseconds, from just before a result is written until the caller
    /// has it. `way` takes all results and calls back with the number of each agent.
    fn delays(
        &self,
        agents: u32,
        way: impl FnOnce(&Self, &Command, &mut dyn FnMut(u32)),
    ) -> [f64; 2] {
        let command = fanout(&self.client, agents, SPREAD_MS, 200);
        let mut taken = Vec::new();
        way(self, &command, &mut |nid| taken.push((nid, Instant::now())));
        assert_eq!(taken.len() as u32, agents);
        let delay = |(nid, at): (u32, Instant)| {
            let written = self.simulator.written(command.id(), nid).unwrap();
            milliseconds(at.saturating_duration_since(written))
        };
        let delays: Vec<_> = taken.into_iter().map(delay).collect();
        [quantile(&delays, 50), quantile(&delays, 95)]
    }
}

fn by_acclient(_: &Place, command: &Command, taken: &mut dyn FnMut(u32)) {
    command.results(WAIT).unwrap().for_each(|job| taken(job.unwrap().agent().nid));
}

/// Reads all results every 50 ms with the redis crate.
fn by_hgetall(place: &Place, command: &Command, taken: &mut dyn FnMut(u32)) {
    let mut connection = place.redis.connection();
    let key = format!("jobresult:{}", command.id());
    let mut seen = BTreeSet::new();
    let mut all = HashMap::new();
    while all.is_empty() || seen.len() < all.len() {
        thread::sleep(Duration::from_millis(50));
        all = redis::cmd("HGETALL")
            .arg(&key)
            .query::<HashMap<String, String>>(&mut connection)
            .unwrap();
        for (agent, result) in &all {
            let nid: u32 = agent[2..].parse().unwrap();
            if result.contains("SUCCESS") && seen.insert(nid) {
                taken(nid);
            }
        }
    }
}

/// Waits on the list of one agent after the other with the redis crate, as the original client
/// does.
fn one_by_one(place: &Place, command: &Command, taken: &mut dyn FnMut(u32)) {
    original::wait(&mut place.redis.connection(), command.id(), taken);
}

/// Returns the p50 of each way.
fn delays(report: &mut Report, agents: u32) -> [f64; 4] {
    let told = Place::new(RedisServer::builder());
    // Redis before version 6 has no push notifications.
    let looking = Place::new(RedisServer::builder().arg("--rename-command", "HELLO \"\""));
    let mut ways = [const { [const { Vec::new() }; 2] }; 4];
    for _ in 0..ROUNDS {
        let round = [
            told.delays(agents, by_acclient),
            looking.delays(agents, by_acclient),
            looking.delays(agents, by_hgetall),
            looking.delays(agents, one_by_one),
        ];
        for (way, round) in ways.iter_mut().zip(round) {
            way.iter_mut().zip(round).for_each(|(quantile, value)| quantile.push(value));
        }
    }
    let middles = [0, 1, 2, 3].map(|way: usize| middle(&ways[way][0]));
    let [told, looking, hgetall, one_by_one] = ways;
    let what = format!("{agents} agents over 5 s, from written to received");
    for (at, name, goals) in [(0, "p50", [0.1, f64::INFINITY]), (1, "p95", [0.2, 45.0])] {
        for (way, mode, goal) in [(&told, "pushed", goals[0]), (&looking, "polled", goals[1])] {
            let mut figure = Figure::new(format!("{what}, {mode}, {name}"), "ms", way[at].clone());
            // The goals are for the large one.
            if goal.is_finite() && agents == 10_000 {
                figure = figure.goal(Goal::AtMost(goal));
            }
            let figure = figure.rival("HGETALL every 50 ms", hgetall[at].clone());
            report.add(figure.rival("one agent after the other", one_by_one[at].clone()));
        }
    }
    middles
}

/// Measures the cost of one result as the number of agents grows: bytes to and from Redis, and read
/// commands.
fn costs(report: &mut Report) {
    for agents in [10, 100, 1000, 10_000, 100_000] {
        let redis = RedisServer::start().unwrap();
        let _simulator = Simulator::start(&redis);
        let proxy = Proxy::new(redis.port());
        let client = Client::connect(&proxy.url()).unwrap();
        let [mut up, mut down, mut commands, mut took] = [const { Vec::new() }; 4];
        for _ in 0..if agents > 10_000 { 1 } else { ROUNDS } {
            let before = reads(&redis);
            proxy.passed();
            let begun = Instant::now();
            let command = fanout(&client, agents, SPREAD_MS, 200);
            let taken = command.results(WAIT).unwrap().filter(Result::is_ok).count();
            assert_eq!(taken as u32, agents);
            took.push(begun.elapsed().as_secs_f64());
            let passed = proxy.passed().map(|bytes| bytes as f64 / f64::from(agents));
            up.push(passed[0]);
            down.push(passed[1]);
            commands.push((reads(&redis) - before) as f64 / f64::from(agents));
        }
        let what = format!("{agents} agents over 5 s, a result");
        report.add(Figure::new(format!("{what}, bytes to Redis"), "", up));
        report.add(Figure::new(format!("{what}, bytes back"), "", down));
        report.add(Figure::new(format!("{what}, commands that read"), "", commands));
        report.add(Figure::new(
            format!("{agents} agents over 5 s, the whole"),
            "s",
            vec![middle(&took)],
        ));
    }
}

/// Returns how many commands of the kinds used by a wait the server has run.
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
