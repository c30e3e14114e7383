//! Failovers while calls are in flight, with three Sentinels.

use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Command, ErrorKind, Target};
use devgrid::RedisServer;
use support::sentinels::Sentinels;
use support::{LATE, WAIT, error, wait_until, with_growing_time};

const RESULT: &str = r#"{"id":"x","gid":1,"nid":1,"cmd":"ping","args":{},"data":"","level":0,"state":"SUCCESS","starttime":1,"time":1}"#;

fn client(sentinels: &Sentinels) -> Client {
    Client::connect(&sentinels.url()).expect("a client")
}

fn submit(client: &Client) -> Command {
    client.with_timeout(WAIT).cmd(Target::agent((1, 1)), "ping").submit().expect("it is taken")
}

/// Stores the result of a command in a server, like a controller.
fn answer(server: &RedisServer, command: &Command) {
    let list = format!("cmd.{}.1.1", command.id());
    redis::cmd("RPUSH").arg(list).arg(RESULT).exec(&mut server.connection()).expect("a push");
}

fn length_of_queue(server: &RedisServer) -> i64 {
    redis::cmd("LLEN").arg("cmds.queue").query(&mut server.connection()).expect("a length")
}

#[test]
fn the_master_is_found_and_used() {
    let sentinels = Sentinels::start();
    let client = client(&sentinels);
    let mut command = submit(&client);
    assert_eq!(length_of_queue(&sentinels.servers[0]), 1);
    answer(&sentinels.servers[0], &command);
    assert!(command.next_result(WAIT).expect("a result").is_some());

    // A Sentinel that is down and a silent one are skipped.
    sentinels.sentinels[0].kill();
    sentinels.sentinels[1].pause();
    let begun = Instant::now();
    let other = Client::builder().timeout(WAIT).url(&sentinels.url()).expect("a URL");
    let other = other.connect().expect("by the third");
    other.ping().expect("a connection");
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    sentinels.sentinels[1].resume();

    let unknown = sentinels.url().replace("/grid", "/other");
    with_growing_time(Duration::from_millis(500), |time| {
        let builder = Client::builder().timeout(time).url(&unknown).expect("a URL");
        let unknown = error(builder.connect(), "a name that no Sentinel knows");
        assert!(unknown.is_timeout(), "{unknown}");
        unknown.to_string().contains("does not know a master").then_some(())
    });
    let direct = format!("redis://127.0.0.1:{}", sentinels.sentinels[2].port());
    let wrong = error(Client::connect(&direct), "a Sentinel as if it were a Redis");
    assert_eq!(wrong.kind(), ErrorKind::Unsupported);
    assert!(wrong.to_string().contains("redis+sentinel://"), "{wrong}");
}

/// Returns the number of connections that a server has accepted, excluding this one.
fn taken(server: &RedisServer) -> i64 {
    let info: String =
        redis::cmd("INFO").arg("stats").query(&mut server.connection()).expect("INFO");
    let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a count")
}

/// The answer of the Sentinels is valid for 4 s; connections to the master live longer.
#[test]
fn connections_outlive_the_word_of_the_sentinels() {
    // Sentinels that know no replica and no other make no connections of their own after the first.
    let master = RedisServer::start().expect("a master");
    let watch = format!("grid 127.0.0.1 {} 1", master.port());
    let sentinel = RedisServer::builder().sentinel().arg("sentinel monitor", &watch);
    let sentinel = sentinel.start().expect("a Sentinel");
    let url = format!("redis+sentinel://127.0.0.1:{}/grid", sentinel.port());
    let client = Client::connect(&url).expect("a client").with_timeout(WAIT);
    let mut command = submit(&client);
    let (wait, tracked) = (command.clone(), [submit(&client), submit(&client)]);
    let together = client.wait_any(&tracked, WAIT).expect("results");
    let together = thread::spawn(move || together.filter(Result::is_ok).count());
    let waiting = thread::spawn(move || command.next_result(WAIT));
    let is_waited_for = |last: &str| {
        let list: String = support::ask(&mut master.connection(), &[b"CLIENT", b"LIST"]);
        list.contains(last)
    };
    wait_until("one waits", || is_waited_for("cmd=blmove") || is_waited_for("cmd=brpoplpush"));
    wait_until("the others wait", || is_waited_for("cmd=llen"));
    wait_until("the Sentinel has its connections", || {
        let list: String = support::ask(&mut master.connection(), &[b"CLIENT", b"LIST"]);
        list.matches("name=sentinel").count() >= 2
    });
    client.ping().expect("a connection beside those that wait");
    let (before, begun) = (taken(&master), Instant::now());
    while begun.elapsed() < Duration::from_secs(10) {
        client.ping().expect("PONG");
        thread::sleep(Duration::from_millis(500));
    }
    let own = 1; // that of the question itself
    assert_eq!(taken(&master) - before - own, 0, "connections made for the same master");
    for command in [&wait, &tracked[0], &tracked[1]] {
        answer(&master, command);
    }
    assert!(waiting.join().expect("no panic").expect("a result").is_some());
    assert_eq!(together.join().expect("no panic"), 2);
}

#[test]
fn a_wait_outlives_a_failover() {
    let sentinels = Sentinels::start();
    let client = client(&sentinels);
    let commands: Vec<Command> = (0..3).map(|_| submit(&client)).collect();
    let waits: Vec<_> = commands
        .iter()
        .map(|command| {
            let mut command = command.clone();
            thread::spawn(move || command.next_result(WAIT))
        })
        .collect();
    let together = client.wait_any(&commands, WAIT).expect("results");
    let together = thread::spawn(move || together.filter_map(Result::ok).count());
    sentinels.fail_over();
    sentinels.wait_for_master(&sentinels.servers[1]);
    let begun = Instant::now();
    for command in &commands {
        answer(&sentinels.servers[1], command);
    }
    for wait in waits {
        assert!(wait.join().expect("no panic").expect("a result").is_some());
    }
    assert_eq!(together.join().expect("no panic"), 3);
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    // New commands go to the new master.
    let before = length_of_queue(&sentinels.servers[1]);
    submit(&client);
    assert_eq!(length_of_queue(&sentinels.servers[1]), before + 1);
}

#[test]
fn commands_are_taken_all_through_a_failover() {
    let sentinels = Sentinels::start();
    let client = client(&sentinels).with_timeout(WAIT);
    submit(&client);
    sentinels.fail_over();
    let deadline = Instant::now() + WAIT;
    let mut taken = 0;
    while length_of_queue(&sentinels.servers[1]) < 5 || taken < 20 {
        assert!(Instant::now() < deadline);
        match client.cmd(Target::agent((1, 1)), "ping").submit() {
            Ok(_) => taken += 1,
            // The master closes the connection when it is demoted.
            Err(error) => assert!(error.is_maybe_sent(), "{error}"),
        }
    }
    sentinels.wait_for_master(&sentinels.servers[1]);
}

#[test]
fn a_master_that_is_killed_or_frozen_is_replaced_in_mid_wait() {
    for freeze in [false, true] {
        let sentinels = Sentinels::start();
        let client = client(&sentinels);
        let command = submit(&client);
        let mut waiting = command.clone();
        let wait = thread::spawn(move || waiting.next_result(WAIT));
        // Ensures that the call is inside its wait.
        support::wait_until("somebody waits", || {
            let info: String = redis::cmd("INFO")
                .arg("clients")
                .query(&mut sentinels.servers[0].connection())
                .expect("INFO");
            info.contains("blocked_clients:1")
        });
        let begun = Instant::now();
        if freeze {
            sentinels.servers[0].pause();
        } else {
            sentinels.servers[0].kill();
        }
        sentinels.wait_for_master(&sentinels.servers[1]);
        answer(&sentinels.servers[1], &command);
        assert!(wait.join().expect("no panic").expect("a result").is_some());
        println!("frozen {freeze}: the result came {:?} after that", begun.elapsed());
        submit(&client);
        if freeze {
            sentinels.servers[0].resume();
        }
    }
}

#[test]
fn a_command_submitted_once_is_known_to_the_next_master() {
    let sentinels = Sentinels::start();
    let client = client(&sentinels);
    let first = client.cmd(Target::agent((1, 1)), "ping").id("kept").submit_once().expect("sent");
    // A forced failover does not wait for the replica.
    wait_until("it is replicated", || length_of_queue(&sentinels.servers[1]) == 1);
    sentinels.fail_over();
    sentinels.wait_for_master(&sentinels.servers[1]);
    // The new master has the replicated command.
    let again =
        client.with_timeout(WAIT).cmd(Target::agent((1, 1)), "ping").id("kept").submit_once();
    again.expect("it is known");
    assert_eq!(length_of_queue(&sentinels.servers[1]), 1, "{first}");
}

#[test]
fn a_cluster_is_refused_with_a_reason() {
    let node = RedisServer::builder().arg("cluster-enabled", "yes").start().expect("a node");
    let refused = error(Client::connect(&node.url()), "a Redis Cluster");
    assert_eq!((refused.kind(), refused.is_retriable()), (ErrorKind::Unsupported, false));
    assert!(refused.to_string().contains("Redis Cluster"), "{refused}");
}
