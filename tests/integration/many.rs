//! Ten thousand agents, with a simulated controller on a real Redis.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use acclient::{Client, Command, Error, Job, Target, WaitMethod};
use devgrid::{RedisServer, Simulator};
use support::{WAIT, descriptors, keys_without_ttl, servers, wait_until, with_growing_time};

/// Submits a fan-out of the simulator to `agents` agents that finish within `spread_ms`.
fn fanout(client: &Client, agents: u32, spread_ms: u32) -> Command {
    let plan = format!(r#"{{"agents":{agents},"spread_ms":{spread_ms},"size":200}}"#);
    client.execute(Target::all(), "simulated").data(plan).submit().unwrap()
}

/// Takes all results and checks that each agent is there exactly once.
fn complete(command: &Command, agents: u32, expected: WaitMethod) {
    let mut results = command.results(WAIT).unwrap();
    let mut seen = BTreeSet::new();
    while let Some(result) = results.next() {
        let job = result.unwrap_or_else(|error| panic!("after {} results: {error}", seen.len()));
        assert!(job.is_success() && job.stdout().len() == 200);
        assert!(seen.insert(job.agent()), "{} twice", job.agent());
        if seen.len() == 1 && agents > 1 {
            assert_eq!(results.method(), Some(expected));
        }
    }
    assert_eq!(seen.len() as u32, agents);
}

fn simulated(redis: RedisServer) -> (RedisServer, Simulator, Client) {
    let simulator = Simulator::start(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    (redis, simulator, client)
}

#[test]
fn ten_thousand_agents_by_each_way_of_waiting() {
    let (redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    complete(&fanout(&client, 10_000, 2000), 10_000, servers::fan_out_method());
    complete(&fanout(&client, 257, 300), 257, servers::fan_out_method());
    complete(&fanout(&client, 256, 300), 256, servers::fan_out_method());
    complete(&fanout(&client, 1, 50), 1, WaitMethod::Blocking);
    drop(client);
    assert_eq!(keys_without_ttl(&redis), [""; 0]);
}

#[test]
fn ten_thousand_agents_by_looking() {
    let redis = servers::without_hello().start().unwrap();
    let (_redis, _simulator, client) = simulated(redis);
    complete(&fanout(&client, 10_000, 2000), 10_000, WaitMethod::Polling);
    complete(&fanout(&client, 200, 200), 200, WaitMethod::Polling);
}

#[test]
fn ten_thousand_results_in_one_burst() {
    let (_redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    complete(&fanout(&client, 10_000, 0), 10_000, servers::fan_out_method());
    let command = fanout(&client, 10_000, 0);
    // All there before anybody looks.
    wait_until("all are done", || {
        command.jobs().unwrap().values().filter(|job| job.is_success()).count() == 10_000
    });
    complete(&command, 10_000, servers::fan_out_method());
}

#[test]
fn sixty_four_threads_share_a_client() {
    if support::own_process!() {
        return;
    }
    let (redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    client.ping().unwrap();
    let before = descriptors();
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || {
                for agents in [1, 20, 300] {
                    let command = fanout(&client, agents, 100);
                    let results = command.results(WAIT).unwrap();
                    let agents_seen: BTreeSet<_> =
                        results.map(|job| job.unwrap().agent()).collect();
                    assert_eq!(agents_seen.len() as u32, agents);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(descriptors() <= before + 64 + 8, "{before} descriptors became {}", descriptors());
    drop(client);
    assert_eq!(keys_without_ttl(&redis), [""; 0]);
}

#[test]
fn no_more_than_sixteen_broadcasts_at_a_time() {
    if !servers::has_pushes() {
        return;
    }
    let (_redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    let commands: Vec<Command> = (0..20).map(|_| fanout(&client, 300, 1500)).collect();
    let mut open: Vec<_> = commands.iter().map(|command| command.results(WAIT).unwrap()).collect();
    let methods: Vec<_> = open
        .iter_mut()
        .map(|results| {
            results.next().unwrap().unwrap();
            results.method().unwrap()
        })
        .collect();
    let of = |method| methods.iter().filter(|other| **other == method).count();
    assert_eq!((of(WaitMethod::Broadcast), of(WaitMethod::Polling)), (16, 4));
    for results in open {
        assert_eq!(
            results.filter(|result| result.as_ref().is_ok_and(Job::is_success)).count(),
            299
        );
    }
    complete(&fanout(&client, 300, 100), 300, servers::fan_out_method());
}

#[test]
fn connections_cut_again_and_again() {
    let (redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    for agents in [200, 2000] {
        let command = fanout(&client, agents, 1500);
        let mut admin = redis.connection();
        let results = command.results(WAIT).unwrap();
        let mut seen = BTreeSet::new();
        for (index, result) in results.enumerate() {
            assert!(seen.insert(result.unwrap().agent()));
            if index % (agents as usize / 10) == 0 {
                let kill = ["KILL", "TYPE", "NORMAL", "SKIPME", "YES"];
                let _: i64 = redis::cmd("CLIENT").arg(&kill).query(&mut admin).unwrap();
            }
        }
        assert_eq!(seen.len() as u32, agents);
    }
}

#[test]
fn a_flush_in_the_middle_loses_what_was_there_and_nothing_else() {
    let (redis, _simulator, client) = simulated(RedisServer::start().unwrap());
    for agents in [200, 1000] {
        let (first, jobs, missing) = with_growing_time(Duration::from_secs(4), |wait| {
            let command = fanout(&client, agents, wait.as_millis() as u32 / 3);
            let mut results = command.results(wait).unwrap();
            let first = results.next().unwrap().unwrap();
            let _: String = redis::cmd("FLUSHALL").query(&mut redis.connection()).unwrap();
            let (jobs, missing): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
            (jobs.len() > agents as usize / 2).then_some((first, jobs, missing))
        });
        assert_eq!(jobs.len() + missing.len() + 1, agents as usize);
        let late: Vec<Error> = missing.into_iter().map(Result::unwrap_err).collect();
        assert!(late.iter().all(|error| error.is_timeout() && error.agent().is_some()));
        assert!(late.iter().all(|error| error.agent() != Some(first.agent())));
    }
}

/// A proxy to a server that swallows what the server pushes of its own accord.
fn without_pushes(port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let swallowed = Arc::new(AtomicUsize::new(0));
    let count = swallowed.clone();
    thread::spawn(move || {
        // Ends with the test's process; each pair of threads with its connection.
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || forward(client, server, |_| 0));
            let count = count.clone();
            thread::spawn(move || {
                forward(down, up, |received| {
                    let pushes = cut_pushes(received);
                    count.fetch_add(pushes, Ordering::SeqCst);
                    pushes
                });
            });
        }
    });
    (own, swallowed)
}

/// Cuts whole pushes out of what was received, wherever they stand, and returns how many. Results of
/// the simulator hold nothing that looks like one.
fn cut_pushes(received: &mut Vec<u8>) -> usize {
    const PUSH: &[u8] = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$";
    let mut cut = 0;
    while let Some(start) = received.windows(PUSH.len()).position(|bytes| bytes == PUSH) {
        let rest = &received[start + PUSH.len()..];
        let Some(line) = rest.windows(2).position(|bytes| bytes == b"\r\n") else { break };
        let length: usize = std::str::from_utf8(&rest[..line]).unwrap().parse().unwrap();
        let end = start + PUSH.len() + line + 2 + length + 2;
        if received.len() < end {
            break;
        }
        received.drain(start..end);
        cut += 1;
    }
    cut
}

/// Forwards what `filter` leaves, holding back what may be the beginning of a push.
fn forward(mut from: TcpStream, mut to: TcpStream, filter: impl Fn(&mut Vec<u8>) -> usize) {
    let mut buffer = vec![0; 1 << 16];
    let mut received = Vec::new();
    while let Ok(count) = from.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
        filter(&mut received);
        let held = received.iter().position(|byte| *byte == b'>').unwrap_or(received.len());
        if count == 0 || to.write_all(&received[..held]).is_err() {
            break;
        }
        received.drain(..held);
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_push_that_is_lost_only_delays() {
    if !servers::has_pushes() {
        return;
    }
    let (redis, _simulator, direct) = simulated(RedisServer::start().unwrap());
    let (port, swallowed) = without_pushes(redis.port());
    let client = Client::builder().port(port).connect().unwrap();
    complete(&fanout(&client, 20, 1000), 20, servers::fan_out_method());
    complete(&fanout(&client, 300, 1000), 300, servers::fan_out_method());
    assert!(swallowed.load(Ordering::SeqCst) > 0, "nothing was lost");
    drop(direct);
}
