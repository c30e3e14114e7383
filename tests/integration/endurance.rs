//! Thousands of commands and waits over connections that keep breaking, and a server that is killed
//! repeatedly: nothing is lost, runs twice, or leaks.
//!
//! `ACCLIENT_ENDURANCE=10000` sets the number of commands; the default is lower.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Request, Target};
use devgrid::RedisServer;
use support::controller::Controller;
use support::proxy::{Fault, Plan, Proxy};
use support::{LATE, WAIT, descriptors, keys_without_ttl, wait_until};

const THREADS: usize = 8;
const BATCH: usize = 10;

fn how_many(otherwise: usize) -> usize {
    let asked = std::env::var("ACCLIENT_ENDURANCE").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(otherwise)
}

/// Returns a random number below a limit.
fn random(below: usize) -> usize {
    (RandomState::new().hash_one(below) % below as u64) as usize
}

/// Connections that break somewhere in their first few kilobytes, in either direction.
fn breaking(_connection: usize) -> Plan {
    let after = random(6000);
    if random(2) == 0 { Plan::up(after, Fault::Cut) } else { Plan::down(after, Fault::Cut) }
}

fn ping(client: &Client) -> Request {
    client.cmd(Target::agent((1, 1)), "ping")
}

fn threads_of_this_process() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Resident memory in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn commands_that_are_submitted_once_run_once() {
    let count = how_many(600);
    let redis = RedisServer::builder().persistent().start().expect("a Redis");
    let (controller, proxy) = (Controller::start(&redis), Proxy::new(redis.port()));
    proxy.plan(breaking);
    let client =
        Client::builder().url(&proxy.url()).and_then(|builder| builder.build()).expect("a client");
    let (tries, doubtful) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (client, tries, doubtful) = (&client, &tries, &doubtful);
            scope.spawn(move || {
                for number in (thread..count).step_by(THREADS) {
                    // Often so little time that the caller has to try again, with more.
                    let mut time = Duration::from_micros(1 << random(16));
                    let submit = |time| {
                        ping(&client.with_timeout(time)).id(format!("o{number}")).submit_once()
                    };
                    let deadline = Instant::now() + WAIT;
                    while let Err(error) = submit(time) {
                        time = WAIT.min(time * 2);
                        assert!(error.is_timeout() || error.is_maybe_sent(), "{error}");
                        doubtful.fetch_add(usize::from(error.is_maybe_sent()), Ordering::Relaxed);
                        tries.fetch_add(1, Ordering::Relaxed);
                        assert!(Instant::now() < deadline, "o{number}: {error}");
                    }
                }
            });
        }
    });
    let took = begun.elapsed();
    controller.settle(&redis);
    let lost = (0..count).filter(|number| controller.count(&format!("o{number}")) == 0).count();
    println!(
        "{count} commands submitted once in {took:?} over {} connections that broke: {} calls made again, \
         {doubtful:?} of them in doubt; {} ran twice, {lost} were lost",
        proxy.connections(),
        tries.load(Ordering::Relaxed),
        controller.doubled().len()
    );
    assert!(proxy.connections() > count / 20 && tries.load(Ordering::Relaxed) > 0);
    assert_eq!((controller.doubled(), lost), (Vec::new(), 0));
}

#[test]
fn waits_lose_no_result() {
    let count = how_many(2000);
    let redis = support::redis();
    let (controller, proxy) = (Controller::start(&redis), Proxy::new(redis.port()));
    let direct = Client::connect(&redis.url()).expect("a client");
    proxy.plan(breaking);
    let client =
        Client::builder().url(&proxy.url()).and_then(|builder| builder.build()).expect("a client");
    let [again, longest, got] = [const { AtomicUsize::new(0) }; 3];
    let begun = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (client, direct, again, longest, got) = (&client, &direct, &again, &longest, &got);
            scope.spawn(move || {
                // Ten at a time, so that some are there already and some are not.
                for _ in (thread..count / BATCH).step_by(THREADS) {
                    let commands = (0..BATCH).map(|_| ping(direct));
                    let sent = direct.submit_many(commands);
                    let mut left: Vec<_> =
                        sent.into_iter().map(|sent| sent.expect("sent")).collect();
                    let deadline = Instant::now() + WAIT;
                    let mut in_vain = 0;
                    while !left.is_empty() {
                        assert!(Instant::now() < deadline, "{} results do not come", left.len());
                        let time = Duration::from_millis(1 + random(30) as u64) * (1 << in_vain);
                        let asked = Instant::now();
                        let mut found = HashSet::new();
                        if random(2) == 0 {
                            let forms = left.iter().map(|sent| {
                                client.get_by_handle(&sent.to_string()).expect("a form")
                            });
                            for job in client.wait_any(forms, time).expect("results").flatten() {
                                assert!(found.insert(job.id().to_owned()), "{job:?} came twice");
                            }
                        } else {
                            let form = left[0].to_string();
                            let job =
                                client.get_by_handle(&form).expect("a form").next_result(time);
                            found.extend(job.ok().flatten().map(|job| job.id().to_owned()));
                        }
                        let late = asked.elapsed().saturating_sub(time);
                        longest.fetch_max(late.as_micros() as usize, Ordering::Relaxed);
                        again.fetch_add(1, Ordering::Relaxed);
                        let before = left.len();
                        left.retain(|sent| !found.contains(sent.id()));
                        got.fetch_add(before - left.len(), Ordering::Relaxed);
                        in_vain = if left.len() < before { 0 } else { 16.min(in_vain + 1) };
                    }
                }
            });
        }
    });
    let took = begun.elapsed();
    let late = Duration::from_micros(longest.load(Ordering::Relaxed) as u64);
    println!(
        "{} results of {count} in {took:?} by {} waits over {} connections that broke; the latest end of a wait was \
         {late:?} after its deadline",
        got.load(Ordering::Relaxed),
        again.load(Ordering::Relaxed),
        proxy.connections()
    );
    assert_eq!(got.load(Ordering::Relaxed), count / BATCH * BATCH);
    assert!(proxy.connections() > count / 50);
    assert!(late < LATE, "{late:?}");
    assert_eq!(controller.doubled(), Vec::<String>::new());
}

#[test]
fn a_server_that_is_killed_again_and_again_leaves_nothing_behind() {
    if support::own_process!() {
        return;
    }
    let rounds = how_many(20).min(100);
    let redis = RedisServer::builder().persistent().start().expect("a Redis");
    let controller = Controller::start(&redis);
    let client = Client::connect(&redis.url()).expect("a client");
    let mut before = None;
    let begun = Instant::now();
    for round in 0..rounds {
        let mut command = ping(&client).submit().expect("sent");
        // Waits for results that never come, one in each way, and is still waiting when the server
        // is back.
        let mut never =
            client.get_by_handle(&format!("acclient:1:never{round}:1:1")).expect("a form");
        let waiting = thread::spawn(move || never.next_result(Duration::from_millis(400)));
        assert!(command.next_result(WAIT).expect("a result").is_some());
        redis.kill();
        assert!(client.ping().is_err());
        redis.restart();
        let quick = client.with_timeout(WAIT);
        let once = ping(&quick).id(format!("round{round}")).submit_once().expect("submitted");
        assert!(once.clone().next_result(WAIT).expect("a result").is_some());
        let ended = waiting.join().expect("no panic").expect_err("there is no such command");
        assert!(ended.is_timeout(), "{ended}");
        if round == rounds / 2 {
            before = Some((descriptors(), threads_of_this_process(), resident()));
        }
    }
    let before = before.expect("there is a middle");
    // A leak in each round would exceed this and persist.
    let slack = rounds / 4;
    wait_until("no descriptor is left over", || descriptors() <= before.0 + slack);
    wait_until("no thread is left over", || threads_of_this_process() <= before.1 + slack);
    let after = (descriptors(), threads_of_this_process(), resident());
    println!(
        "killed and restarted {rounds} times in {:?}; over the second half descriptors {} -> {}, threads {} -> {}, \
         memory {} -> {} KiB",
        begun.elapsed(),
        before.0,
        after.0,
        before.1,
        after.1,
        before.2,
        after.2
    );
    drop(client);
    assert_eq!(keys_without_ttl(&redis), Vec::<String>::new());
    assert_eq!(controller.doubled(), Vec::<String>::new());
}
