//! Cost of waits for an unrelated client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, Command, Timeout};
use devgrid::{RedisServer, Simulator};

use crate::fanout::{WAIT, fanout};
use crate::report::{Figure, Goal, Report};

const ROUNDS: usize = 7;
const AGENTS: u32 = 10_000;

/// Measures the SETs per second of an unrelated client, alternating between 10 000 open waits and
/// none.
pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let _simulator = Simulator::start(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    let mut writer = redis.connection();
    let (mut ours, mut polled) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // Hardly any agent replies within the time of this call.
        let command = fanout(&client, AGENTS, 3_600_000, 1);
        let alone = rate(&mut writer);
        ours.push(beside_waits(&redis, &command, &mut writer) / alone);
        let alone = rate(&mut writer);
        polled.push(beside_polling(&redis, &command, &mut writer) / alone);
    }
    let what = "unrelated SETs while 10 000 waits are open ÷ while none is";
    let figure = Figure::new(what, "", ours).goal(Goal::AtLeast(0.95));
    report.add(figure.rival("HGETALL every 50 ms", polled));
}

fn rate(writer: &mut redis::Connection) -> f64 {
    let begun = Instant::now();
    let mut sets = 0;
    while begun.elapsed() < Duration::from_millis(500) {
        let mut pipe = redis::pipe();
        for _ in 0..200 {
            pipe.cmd("SET").arg("unrelated:key").arg("value").ignore();
        }
        pipe.query::<()>(writer).unwrap();
        sets += 200;
    }
    f64::from(sets) / begun.elapsed().as_secs_f64()
}

fn beside_waits(redis: &RedisServer, command: &Command, writer: &mut redis::Connection) -> f64 {
    let cancel = CancelToken::new().unwrap();
    let looked = looks(redis) + u64::from(AGENTS);
    thread::scope(|scope| {
        let wait = Timeout::none().or_cancelled(&cancel);
        let waiter = scope.spawn(|| command.results(wait).unwrap().filter(Result::is_ok).count());
        // All waits are open once each agent was polled.
        let begun = Instant::now();
        while looks(redis) < looked {
            assert!(begun.elapsed() < WAIT);
            thread::sleep(Duration::from_millis(10));
        }
        let rate = rate(writer);
        cancel.cancel();
        assert!(waiter.join().unwrap() < AGENTS as usize / 100);
        rate
    })
}

/// Returns how many result lists were read from the server.
fn looks(redis: &RedisServer) -> u64 {
    let mut connection = redis.connection();
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_llen:calls="));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

fn beside_polling(redis: &RedisServer, command: &Command, writer: &mut redis::Connection) -> f64 {
    let (ready, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = redis.connection();
            let key = format!("jobresult:{}", command.id());
            while !stop.load(Ordering::SeqCst) {
                let all: HashMap<String, String> =
                    redis::cmd("HGETALL").arg(&key).query(&mut connection).unwrap();
                // All of them, once the command is routed.
                ready.store(all.len() as u32 == AGENTS, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(50));
            }
        });
        while !ready.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let rate = rate(writer);
        stop.store(true, Ordering::SeqCst);
        rate
    })
}
