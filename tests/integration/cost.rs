//! Cost of calls for Redis, as counted by Redis, independent of the size of a fan-out.

use std::time::Duration;

use acclient::{Client, Target};
use devgrid::RedisServer;
use support::{WAIT, ask, demo, redis, result};

/// Returns the number of commands that Redis has processed and of connections that it has accepted.
fn counts(admin: &mut redis::Connection) -> (u64, u64) {
    let info: String = ask(admin, &[b"INFO", b"stats"]);
    let number = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.expect(name).trim().parse().expect("a number")
    };
    (number("total_commands_processed"), number("total_connections_received"))
}

/// A fan-out of which all agents have ended.
fn ended(server: &RedisServer, id: &str, agents: u32) {
    let mut pipeline = redis::pipe();
    for nid in 1..=agents {
        let (document, list) = (result("SUCCESS", 1), format!("cmd.{id}.1.{nid}"));
        pipeline.cmd("HSET").arg(format!("jobresult:{id}")).arg(format!("1:{nid}")).arg(&document);
        pipeline.cmd("RPUSH").arg(list).arg(&document);
    }
    pipeline.cmd("RPUSH").arg(format!("cmd.{id}.queued")).arg("queued");
    pipeline.query::<()>(&mut server.connection()).expect("filled");
}

#[test]
fn one_job_of_a_large_fan_out_costs_what_the_only_one_costs() {
    let server = redis();
    ended(&server, "big", 3000);
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    let mut spent = |what: &str, most: u64, call: &mut dyn FnMut()| {
        let before = counts(&mut admin).0;
        call();
        // INFO itself counts.
        let spent = counts(&mut admin).0 - before - 1;
        assert!(spent <= most, "{what}: {spent} commands");
    };
    let command = client.get_by_id("big");
    let mut job = command.job((1, 2)).expect("a job");
    spent("job", 2, &mut || assert!(command.job((1, 2999)).expect("a job").is_success()));
    spent("refresh", 2, &mut || job.refresh().expect("it is there"));
    spent("wait", 0, &mut || job.wait(WAIT).expect("it is over"));
    spent("kill", 0, &mut || _ = job.kill().expect("it is over"));
}

#[test]
fn a_question_about_one_job_costs_what_it_costs_without_a_fan_out() {
    let (grid, client) = demo();
    let mut costs = Vec::new();
    for others in [0, 2000] {
        let id = format!("j{others}");
        let request = client.execute(Target::agent((1, 1)), "sleep").arg("600").id(&id);
        let command = request.submit().expect("sent");
        support::wait_until_running(&command);
        let mut admin = grid.redis().connection();
        let mut pipeline = redis::pipe();
        for nid in 1..=others {
            let (hash, field) = (format!("jobresult:{id}"), format!("7:{nid}"));
            pipeline.cmd("HSET").arg(hash).arg(field).arg(result("RUNNING", 1));
        }
        pipeline.cmd("PING").query::<()>(&mut admin).expect("filled");
        let job = command.job((1, 1)).expect("a job");
        let stats = commands_of_clients(&mut admin, || _ = job.get_stats().expect("it runs"));
        let mut follow =
            job.follow(&Default::default(), Duration::from_millis(600)).expect("a log");
        let followed = commands_of_clients(&mut admin, || assert!(follow.next().is_some()));
        costs.push((stats, followed / 100));
        job.kill().expect("killed");
    }
    assert_eq!(costs[0], costs[1]);
}

/// How many commands of kinds that only clients send were processed during a call.
fn commands_of_clients(admin: &mut redis::Connection, call: impl FnOnce()) -> u64 {
    let mut count = || {
        let info: String = ask(admin, &[b"INFO", b"commandstats"]);
        let of = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
            line.and_then(|line| line.split(['=', ',']).nth(1)?.parse::<u64>().ok()).unwrap_or(0)
        };
        let names = ["blmove", "brpoplpush", "lrange", "hget", "hmget", "hgetall", "hkeys"];
        names.map(of).iter().sum::<u64>()
    };
    let before = count();
    call();
    count() - before
}

#[test]
fn next_result_costs_what_an_item_of_results_costs() {
    let server = redis();
    for agents in [50, 1000] {
        let id = format!("f{agents}");
        ended(&server, &id, agents);
        let client = Client::connect(&server.url()).expect("a client");
        let mut admin = server.connection();
        let mut spent = |call: &mut dyn FnMut() -> usize| {
            let before = counts(&mut admin);
            assert_eq!(call(), agents as usize);
            let after = counts(&mut admin);
            (after.0 - before.0, after.1 - before.1)
        };
        let results = spent(&mut || client.get_by_id(&id).results(WAIT).expect("results").count());
        let mut command = client.get_by_id(&id);
        let next = spent(&mut || {
            std::iter::from_fn(|| command.next_result(WAIT).expect("a result")).count()
        });
        assert_eq!((results.1, next.1), (0, 0), "new connections");
        assert!(next.0 * 10 <= results.0 * 12, "{next:?} for {results:?}");
    }
}

#[test]
fn commands_that_rest_keep_no_connection_from_others() {
    let server = redis();
    let client = Client::builder().url(&server.url()).expect("a URL").max_connections(2);
    let client = client.connect().expect("a client");
    let mut commands = Vec::new();
    for number in 0..20 {
        let id = format!("r{number}");
        ended(&server, &id, 3);
        commands.push(client.get_by_id(&id));
    }
    for round in 0..3 {
        for command in &mut commands {
            let job = command.next_result(WAIT).expect("a result");
            assert!(job.is_some(), "round {round}");
            client.ping().expect("PONG");
        }
    }
    for command in &mut commands {
        assert!(command.next_result(WAIT).expect("no error").is_none());
    }
    assert!(client.statistics().open_connections <= 4, "{:?}", client.statistics());
}

/// Chosen ids may have been used before; that none of them was is one question, whatever their number.
#[test]
fn new_chosen_ids_in_a_pipeline_cost_one_question() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    let mut calls = |kinds: &[&str]| {
        let info: String = ask(&mut admin, &[b"INFO", b"commandstats"]);
        let calls = |kind: &&str| {
            let rest = info.split_once(&format!("cmdstat_{kind}:calls="))?.1;
            rest.split_once(',')?.0.parse::<usize>().ok()
        };
        kinds.iter().filter_map(calls).sum::<usize>()
    };
    let submit = |ids: std::ops::Range<usize>| {
        let request = |number| client.cmd(Target::agent((1, 1)), "ping").id(format!("i{number}"));
        let sent = client.submit_many(ids.map(request));
        assert!(sent.iter().all(Result::is_ok));
    };
    let single = ["llen", "hmget", "lrange"];
    submit(0..500);
    assert_eq!((calls(&["exists"]), calls(&single), calls(&["rpush"])), (1, 0, 500));
    // The second command of an id that occurs twice is checked on its own.
    let twice = ["a", "b", "a"].map(|id| client.cmd(Target::agent((1, 1)), "ping").id(id));
    assert!(client.submit_many(twice).iter().all(Result::is_ok));
    assert_eq!((calls(&["exists"]), calls(&single)), (2, 3));
    // With a used id among them, each id is checked.
    ended(&server, "i700", 1);
    submit(600..800);
    assert_eq!((calls(&["exists"]), calls(&single)), (3, 3 + 3 * 200));
}
