//! Cost of many waits: results one by one, one agent of a large fan-out, and 60 000 waits that time
//! out.

use std::time::{Duration, Instant};

use acclient::{Client, Command, MsgQuery, Target};
use devgrid::{Grid, RedisServer, Simulator};

use crate::fanout::{WAIT, fanout};
use crate::report::{Figure, Goal, Report, middle, milliseconds};

const BATCHES: usize = 5;
/// Commands that never get a result, and the timeout of their waits.
const MANY: usize = 60_000;
const SPAN: Duration = Duration::from_millis(500);
const PINGS: usize = 200;
/// Agents of the fan-out, one of which is queried.
const AGENTS: u32 = 3000;

pub fn figures(report: &mut Report) {
    one_by_one(report);
    one_of_many(report);
    timed_out(report);
}

/// Compares `next_result` with the iterator, for commands whose results all exist.
fn one_by_one(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    for agents in [50, 1000] {
        let command = {
            let _simulator = Simulator::start(&redis);
            let command = fanout(&client, agents, 0, 100);
            assert_eq!(command.results(WAIT).unwrap().count() as u32, agents);
            command
        };
        let (mut ratios, mut connections) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            let iterated = took(|| command.results(WAIT).unwrap().count() as u32, agents);
            let before = client.statistics().connected;
            let mut again: Command = client.get_by_handle(&command.handle()).unwrap();
            let next = || std::iter::from_fn(|| again.next_result(WAIT).unwrap()).count() as u32;
            ratios.push(took(next, agents) / iterated);
            connections.push((client.statistics().connected - before) as f64);
        }
        let name = format!("{agents} results by next_result ÷ by results: time");
        report.add(Figure::new(name, "", ratios).goal(Goal::AtMost(1.2)));
        let name = format!("{agents} results by next_result: new connections");
        report.add(Figure::new(name, "", connections).goal(Goal::AtMost(0.0)).each());
    }
}

fn took(mut count: impl FnMut() -> u32, expected: u32) -> f64 {
    let begun = Instant::now();
    assert_eq!(count(), expected);
    begun.elapsed().as_secs_f64()
}

/// Measures the commands that Redis runs for a call about one agent, excluding those of the
/// controller.
fn one_of_many(report: &mut Report) {
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let [mut refresh, mut stats, mut messages, mut kill] = [const { Vec::new() }; 4];
    for batch in 0..BATCHES {
        let id = format!("big{batch}");
        let request = client.execute(Target::agent((1, 1)), "sleep").arg("600").id(&id);
        let command = request.submit().unwrap();
        let mut pipeline = redis::pipe();
        for nid in 1..AGENTS {
            pipeline.cmd("HSET").arg(format!("jobresult:{id}")).arg(format!("7:{nid}"));
            pipeline.arg(r#"{"state":"RUNNING"}"#);
        }
        pipeline.query::<()>(&mut grid.redis().connection()).unwrap();
        // Wait until the job runs; before that, all agents would be asked about the command.
        let mut job = loop {
            match command.job((1, 1)) {
                Ok(job) if job.get_stats().is_ok() => break job,
                _ => {}
            }
        };
        refresh.push(commands(&grid, || job.refresh().unwrap()));
        stats.push(commands(&grid, || drop(job.get_stats().unwrap())));
        messages.push(commands(&grid, || drop(job.get_msgs(&MsgQuery::new()).unwrap())));
        kill.push(commands(&grid, || _ = job.kill().unwrap()));
    }
    for (what, counts) in
        [("refresh", refresh), ("get_stats", stats), ("get_msgs", messages), ("kill", kill)]
    {
        let name = format!("{what} of one of {AGENTS} agents: commands of the client");
        report.add(Figure::new(name, "", counts).goal(Goal::AtMost(3.0)));
    }
}

/// Returns how many commands that controllers do not send were run during a call. Excludes the
/// push, which controllers send too, and EXPIRE.
fn commands(grid: &Grid, call: impl FnOnce()) -> f64 {
    let mut admin = grid.redis().connection();
    let mut count = || {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut admin).unwrap();
        let of = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
            line.and_then(|line| line.split(['=', ',']).nth(1)?.parse::<u64>().ok()).unwrap_or(0)
        };
        let names = ["blmove", "lrange", "llen", "hget", "hmget", "hgetall", "hkeys", "exists"];
        names.map(of).iter().sum::<u64>()
    };
    let before = count();
    call();
    (count() - before) as f64
}

/// Measures how late a great number of waits time out, and what they cost others.
fn timed_out(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let [mut first, mut all, mut slower] = [const { Vec::new() }; 3];
    for batch in 0..BATCHES {
        let client = Client::connect(&redis.url()).unwrap();
        let before = ping(&client);
        let handle = |number| format!("acclient:1:n{batch}.{number}:1:1");
        let commands = (0..MANY).map(|number| client.get_by_handle(&handle(number)).unwrap());
        let commands: Vec<Command> = commands.collect();
        let begun = Instant::now();
        let mut results = client.wait_any(commands, SPAN).unwrap();
        assert!(results.next().unwrap().unwrap_err().is_timeout());
        first.push(milliseconds(begun.elapsed().saturating_sub(SPAN)));
        assert_eq!(results.count(), MANY - 1);
        all.push(milliseconds(begun.elapsed().saturating_sub(SPAN)));
        slower.push(ping(&client) / before);
    }
    let of_many = |what: &str| format!("{MANY} waits that time out after {SPAN:?}: {what}");
    let figure = Figure::new(of_many("first verdict late by"), "ms", first);
    report.add(figure.goal(Goal::AtMost(20.0)));
    report.add(Figure::new(of_many("last verdict late by"), "ms", all));
    let figure = Figure::new(of_many("PING afterwards ÷ before"), "", slower);
    report.add(figure.goal(Goal::AtMost(1.2)));
}

/// Returns the median of several PINGs.
fn ping(client: &Client) -> f64 {
    let one = |_| {
        let begun = Instant::now();
        client.ping().unwrap();
        milliseconds(begun.elapsed())
    };
    middle(&(0..PINGS).map(one).collect::<Vec<_>>())
}
