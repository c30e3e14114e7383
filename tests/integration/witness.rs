//! The hash as the second witness of a job that has ended, and results that are there before the controller has
//! said whom a command went to.

use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Error, ErrorKind, Job, JobState, Target, WaitMethod};
use devgrid::RedisServer;
use support::{HASH, LIST, WAIT, ask, error, fill, redis, result, servers, wait_until};

const QUEUED: &[u8] = b"cmd.x.queued";

fn polling() -> RedisServer {
    servers::without_hello().start().expect("a Redis")
}

/// The agent 1:1 has ended by the hash; `others` agents have not, and the command is routed.
fn ended(admin: &mut redis::Connection, state: &str, others: u32) {
    ask::<()>(admin, &[b"HSET", HASH.as_bytes(), b"1:1", &result(state, 1)]);
    for nid in 2..2 + others {
        let field = format!("1:{nid}");
        ask::<()>(admin, &[b"HSET", HASH.as_bytes(), field.as_bytes(), &result("RUNNING", 1)]);
    }
    ask::<()>(admin, &[b"RPUSH", QUEUED, b"queued"]);
}

/// Every way to wait for the result of agent 1:1, the command being known in some way.
type Way = fn(&Client, Duration) -> Result<Option<Job>, Error>;
const WAYS: [(&str, Way); 8] = [
    ("next_result", |client, time| client.get_by_handle("acclient:1:x:1:1")?.next_result(time)),
    ("next_result by id", |client, time| client.get_by_id("x").next_result(time)),
    ("results", |client, time| {
        client.get_by_handle("acclient:1:x:1:1")?.results(time)?.next().transpose()
    }),
    ("results by id", |client, time| client.get_by_id("x").results(time)?.next().transpose()),
    ("wait_any", |client, time| {
        let commands = ["x", "y"].map(|id| client.get_by_id(id));
        client.wait_any(commands, time)?.next().transpose()
    }),
    ("poll_next", |client, time| {
        let mut results = client.get_by_id("x").results(time)?;
        loop {
            match results.poll_next() {
                Poll::Ready(next) => return next.transpose(),
                Poll::Pending => {
                    thread::sleep(Duration::from_millis(5).min(results.poll_timeout()))
                }
            }
        }
    }),
    ("wait", |client, time| {
        let mut job = client.get_by_id("x").jobs()?.into_values().next().expect("a job");
        job.wait(time)?;
        Ok(Some(job))
    }),
    ("a look", |client, _| client.get_by_id("x").try_next_result()),
];

#[test]
fn a_final_state_in_the_hash_ends_every_wait() {
    for server in [redis(), polling()] {
        let client = Client::connect(&server.url()).expect("a client");
        let mut admin = server.connection();
        for (state, others) in [("SUCCESS", 0), ("KILLED", 5), ("A_NEW_ONE", 300)] {
            ask::<()>(&mut admin, &[b"FLUSHALL"]);
            ended(&mut admin, state, others);
            thread::scope(|scope| {
                for (name, way) in WAYS {
                    let client = &client;
                    scope.spawn(move || {
                        let begun = Instant::now();
                        let job = way(client, WAIT).expect(name).expect(name);
                        assert_eq!(job.state().as_str(), state, "{name}");
                        assert!(begun.elapsed() < WAIT / 2, "{name}");
                    });
                }
            });
        }
    }
}

#[test]
fn the_last_round_finds_it_before_a_short_deadline() {
    for server in [redis(), polling()] {
        let client = Client::connect(&server.url()).expect("a client");
        ended(&mut server.connection(), "SUCCESS", 1);
        for (name, way) in WAYS {
            let found = support::with_growing_time(Duration::from_millis(200), |time| {
                // Shorter than the interval of the regular rounds.
                way(&client, time.min(Duration::from_millis(900))).ok()
            });
            assert!(found.is_some(), "{name}");
        }
    }
}

#[test]
fn a_state_that_proves_nothing_ends_no_wait_and_is_named_by_the_timeout() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    for (state, words) in [
        ("RUNNING", "still running, or lost: state RUNNING in Redis"),
        ("QUEUED", "its agent had not fetched it"),
        ("DUPILICATE_ID", "state DUPILICATE_ID in Redis"),
    ] {
        ask::<()>(&mut admin, &[b"FLUSHALL"]);
        ended(&mut admin, state, 0);
        for (name, way) in &WAYS[..6] {
            let ended = error(way(&client, Duration::from_millis(400)), name);
            assert_eq!(ended.kind(), ErrorKind::Timeout, "{name}: {ended}");
        }
        // The last round before the deadline takes time.
        for (name, way) in &WAYS[..6] {
            support::with_growing_time(Duration::from_millis(400), |time| {
                let ended = error(way(&client, time), name);
                ended.to_string().contains(words).then_some(())
            });
        }
    }
}

#[test]
fn a_timeout_tells_that_redis_has_nothing_of_the_job() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for (name, way) in [WAYS[0], WAYS[2]] {
        support::with_growing_time(Duration::from_millis(400), |time| {
            let ended = error(way(&client, time), name);
            ended.to_string().contains("; Redis had no state for it 0.").then_some(())
        });
    }
}

/// What a timeout says of a command whose handle names one agent, by `next_result` and by `results`.
fn timeouts(client: &Client, handle: &str, time: Duration) -> [String; 2] {
    let command = || client.get_by_handle(handle).expect("a handle");
    let next = error(command().next_result(time), "next_result");
    let item = command().results(time).expect("results").next().expect("an item");
    [next, error(item, "results")].map(|error| error.to_string())
}

#[test]
fn a_timeout_claims_nothing_of_a_hash_that_may_not_be_read() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder().user_acl("u on nopass ~* +@all -hget -hmget");
    let server = server.start().expect("a Redis");
    let client = Client::builder().port(server.port()).user("u").connect().expect("a client");
    ended(&mut server.connection(), "RUNNING", 0);
    let all = support::with_growing_time(Duration::from_millis(400), |time| {
        let all = timeouts(&client, "acclient:1:x:1:1", time);
        all.iter().all(|words| words.contains("its state in Redis is not known")).then_some(all)
    });
    assert!(all.iter().all(|words| !words.contains("had nothing")), "{all:?}");
}

#[test]
fn a_timeout_claims_nothing_of_a_redis_that_is_silent() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    client.ping().expect("a connection");
    server.pause();
    let time = Duration::from_millis(400);
    let all = ["acclient:1:x:1:1", "acclient:1:x:1:1,1:2", "acclient:1:x:unknown"]
        .map(|handle| timeouts(&client, handle, time));
    server.resume();
    for words in all.as_flattened() {
        assert!(!words.contains("no controller has routed"), "{words}");
        assert!(!words.contains("had nothing") && !words.contains("state in Redis"), "{words}");
    }
    assert!(all[2].iter().all(|words| words.contains("Redis has not said")), "{all:?}");
}

#[test]
fn a_timeout_of_several_agents_names_the_state_of_the_first() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    ended(&mut server.connection(), "RUNNING", 0);
    support::with_growing_time(Duration::from_millis(400), |time| {
        let [next, _] = timeouts(&client, "acclient:1:x:1:1,1:2", time);
        let words = "no result from agent 1:1 and 1 other; agent 1:1: still running, or lost";
        next.contains(words).then_some(())
    });
}

#[test]
fn a_timeout_says_that_redis_refused_writes() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    ended(&mut admin, "RUNNING", 0);
    for (name, code) in [("maxmemory", "OOM"), ("min-replicas-to-write", "NOREPLICAS")] {
        ask::<()>(&mut admin, &[b"CONFIG", b"SET", name.as_bytes(), b"1"]);
        for all in [timeouts(&client, "acclient:1:x:1:1", Duration::from_secs(1))] {
            for words in all {
                assert!(words.contains(&format!("refused writes meanwhile ({code})")), "{words}");
            }
        }
        ask::<()>(&mut admin, &[b"CONFIG", b"SET", name.as_bytes(), b"0"]);
    }
}

#[test]
fn the_list_counts_where_there_is_one() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    ended(&mut admin, "ERROR", 0);
    ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &result("SUCCESS", 2)]);
    for (name, way) in WAYS {
        let job = way(&client, WAIT).expect(name).expect(name);
        assert_eq!(job.state(), &JobState::Success, "{name}");
    }
}

/// Each result within `max_reply` but one, and all of them together far above it.
#[test]
fn one_result_that_is_too_large_in_the_hash_hides_no_other() {
    for server in [redis(), polling()] {
        let client = Client::builder().url(&server.url()).expect("a URL").max_reply(100_000);
        let client = client.timeout(WAIT).connect().expect("a client");
        let mut admin = server.connection();
        for nid in 1..=40 {
            let size = if nid == 7 { 200_000 } else { 5_000 };
            let field = format!("1:{nid}");
            let document = format!(r#"{{"state":"SUCCESS","data":"{}"}}"#, "x".repeat(size));
            ask::<()>(
                &mut admin,
                &[b"HSET", HASH.as_bytes(), field.as_bytes(), document.as_bytes()],
            );
        }
        ask::<()>(&mut admin, &[b"RPUSH", QUEUED, b"queued"]);
        let waited: Vec<_> = client.get_by_id("x").results(WAIT).expect("results").collect();
        let mut command = client.get_by_id("x");
        let looked: Vec<_> =
            std::iter::from_fn(|| command.try_next_result().transpose()).take(40).collect();
        for (way, items) in [("results", waited), ("try_next_result", looked)] {
            let (jobs, errors): (Vec<_>, Vec<_>) = items.into_iter().partition(Result::is_ok);
            assert_eq!((jobs.len(), errors.len()), (39, 1), "{way}: {errors:?}");
            let error = errors[0].as_ref().expect_err("no result");
            let named = error.agent().map(|agent| agent.nid);
            assert_eq!((error.kind(), named), (ErrorKind::Protocol, Some(7)), "{way}: {error}");
            assert!(error.to_string().contains("raise that limit"), "{way}: {error}");
        }
    }
}

#[test]
fn a_hash_that_cannot_be_read_stops_no_wait() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    ask::<()>(&mut admin, &[b"SET", HASH.as_bytes(), b"no hash"]);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| WAYS[0].1(&client, WAIT));
        wait_until("a round", || {
            ask::<i64>(&mut admin, &[b"DBSIZE"]) == 1 && {
                let stats: String = ask(&mut server.connection(), &[b"INFO", b"commandstats"]);
                stats.contains("cmdstat_hget:")
            }
        });
        fill(&mut server.connection(), &[result("SUCCESS", 1)]);
        let job = waiter.join().expect("no panic").expect("a result").expect("a job");
        assert!(job.is_success());
    });
}

/// One agent of a fan-out has a result; the controller has not said `queued` yet.
fn half_routed(admin: &mut redis::Connection) {
    for agent in [&b"1:1"[..], b"1:2"] {
        ask::<()>(admin, &[b"HSET", HASH.as_bytes(), agent, &result("RUNNING", 1)]);
    }
    ask::<()>(admin, &[b"RPUSH", LIST.as_bytes(), &result("SUCCESS", 1)]);
}

#[test]
fn results_are_returned_before_the_command_is_routed_to_all() {
    for server in [redis(), polling()] {
        let client = Client::connect(&server.url()).expect("a client");
        let mut admin = server.connection();
        let command = client.get_by_id("x");
        let mut results = command.results(WAIT).expect("results");
        let mut counting = client.get_by_id("x");
        half_routed(&mut admin);
        let first = results.next().expect("one").expect("a result");
        assert_eq!(first.agent().to_string(), "1:1");
        assert_ne!(results.method(), Some(WaitMethod::Blocking));
        let first = counting.next_result(WAIT).expect("a result").expect("a job");
        assert_eq!(first.agent().to_string(), "1:1");
        // It is returned once, even if it is found again.
        let more = error(counting.next_result(Duration::from_millis(300)), "no other");
        assert!(more.is_timeout(), "{more}");
        ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:3", &result("QUEUED", 1)]);
        for nid in ["2", "3"] {
            let list = format!("cmd.x.1.{nid}");
            ask::<()>(&mut admin, &[b"RPUSH", list.as_bytes(), &result("SUCCESS", 1)]);
        }
        let mut rest: Vec<String> =
            results.by_ref().take(2).map(|it| it.expect("a result").agent().to_string()).collect();
        rest.sort();
        assert_eq!(rest, ["1:2", "1:3"]);
        // Only `queued` closes the set.
        assert_eq!(results.remaining(), 0);
        ask::<()>(&mut admin, &[b"RPUSH", QUEUED, b"queued"]);
        assert!(results.next().is_none());
        let left: Vec<Job> =
            std::iter::from_fn(|| counting.next_result(WAIT).expect("a result")).collect();
        assert_eq!(left.len(), 2);
    }
}

#[test]
fn an_end_before_that_says_that_there_may_be_more_agents() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    half_routed(&mut server.connection());
    let items: Vec<_> =
        client.get_by_id("x").results(Duration::from_millis(400)).expect("results").collect();
    assert!(items[0].is_ok() && items.len() == 3, "{items:?}");
    let words: Vec<String> =
        items[1..].iter().map(|item| item.as_ref().unwrap_err().to_string()).collect();
    assert!(words[0].contains("no result from agent 1:2"), "{words:?}");
    assert!(words[1].contains("has not routed the command to all of its agents"), "{words:?}");
    let nobody = client.get_by_id("z").results(Duration::from_millis(100)).expect("results").next();
    let nobody = nobody.expect("one").unwrap_err().to_string();
    assert!(nobody.contains("no controller has routed a command of this id"), "{nobody}");
}

#[test]
fn a_command_for_any_agent_needs_no_queued() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    thread::scope(|scope| {
        let run = scope.spawn(|| client.cmd(Target::any().role("r"), "ping").id("x").run(WAIT));
        wait_until("the push", || ask::<i64>(&mut admin, &[b"LLEN", b"cmds.queue"]) == 1);
        ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", &result("SUCCESS", 1)]);
        ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &result("SUCCESS", 1)]);
        assert!(run.join().expect("no panic").expect("a result").is_success());
    });
}
