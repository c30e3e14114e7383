//! Memory of a fan-out to 10 000 agents.

use std::collections::HashMap;
use std::time::Duration;

use acclient::{Client, Command};
use devgrid::{RedisServer, Simulator};

use crate::fanout::{WAIT, fanout};
use crate::heap::peak;
use crate::report::{Figure, Goal, Report};

const AGENTS: u32 = 10_000;
/// Bytes of data per result.
const SIZE: u32 = 2000;
const ROUNDS: usize = 5;
const KIB: f64 = 1024.0;

pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let (waiting, done) = {
        let _simulator = Simulator::start(&redis);
        let waiting = fanout(&client, AGENTS, 360_000_000, SIZE); // nobody answers within this run
        let done = fanout(&client, AGENTS, 0, SIZE);
        assert_eq!(done.results(WAIT).unwrap().count() as u32, AGENTS);
        (waiting, done)
    };
    client.ping().unwrap();
    let [mut pending, mut iterating, mut collecting, mut polled] = [const { Vec::new() }; 4];
    let (mut largest, mut payload) = (0, 0);
    for _ in 0..ROUNDS {
        pending.push(peak(|| waits_for_nothing(&waiting)).0 as f64 / f64::from(AGENTS));
        let each = || {
            let sizes = done.results(WAIT).unwrap().map(|job| job.unwrap().dump().len());
            sizes.fold(0, usize::max)
        };
        let (bytes, size) = peak(each);
        largest = size;
        iterating.push(bytes as f64 / KIB);
        let (bytes, all) =
            peak(|| done.results(WAIT).unwrap().map(Result::unwrap).collect::<Vec<_>>());
        payload = all.iter().map(|job| job.dump().len()).sum();
        collecting.push(bytes as f64 / KIB);
        polled.push(peak(|| hgetall(&redis, &done)).0 as f64 / KIB);
    }
    let figure = Figure::new("memory for each pending agent of 10 000, peak", "bytes", pending);
    report.add(figure.goal(Goal::AtMost(40.0)));
    let figure =
        Figure::new(format!("iterating 10 000 results of {largest} bytes, peak"), "KiB", iterating);
    report
        .add(figure.goal(Goal::AtMost(600.0)).rival("HGETALL by the redis crate", polled.clone()));
    let figure = Figure::new("collecting them, peak", "KiB", collecting);
    let goal = 1.3 * payload as f64 / KIB;
    report.add(figure.goal(Goal::AtMost(goal)).rival("HGETALL by the redis crate", polled));
}

fn waits_for_nothing(command: &Command) {
    let mut results = command.results(Duration::from_millis(300)).unwrap();
    assert!(results.next().is_some_and(|result| result.is_err()));
}

fn hgetall(redis: &RedisServer, command: &Command) -> HashMap<String, String> {
    let key = format!("jobresult:{}", command.id());
    redis::cmd("HGETALL").arg(key).query(&mut redis.connection()).unwrap()
}
