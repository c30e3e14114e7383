//! Temporary states of a server, which do not end a wait: each in each way of waiting.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Error, ErrorKind, Job, Target};
use devgrid::RedisServer;
use support::scripted::{Server, bulk};
use support::{ClosedPort, LIST, WAIT, ask, error, redis, result, servers, wait_until};

/// Longer than the interval at which waits read again, so that each meets the state several times.
const SPELL: Duration = Duration::from_millis(1500);

type Way = fn(&Client) -> Result<Option<Job>, Error>;
const WAYS: [(&str, Way); 6] = [
    ("next_result", |client| client.get_by_handle("acclient:1:x:1:1")?.next_result(WAIT)),
    ("next_result by id", |client| client.get_by_id("x").next_result(WAIT)),
    ("results", |client| {
        client.get_by_handle("acclient:1:x:1:1")?.results(WAIT)?.next().transpose()
    }),
    ("results by id", |client| client.get_by_id("x").results(WAIT)?.next().transpose()),
    ("wait_any", |client| {
        client.wait_any(["x", "y"].map(|id| client.get_by_id(id)), WAIT)?.next().transpose()
    }),
    ("poll_next", |client| {
        let mut results = client.get_by_id("x").results(WAIT)?;
        loop {
            match results.poll_next() {
                std::task::Poll::Ready(next) => return next.transpose(),
                std::task::Poll::Pending => thread::sleep(Duration::from_millis(5)),
            }
        }
    }),
];

/// Every way of waiting, begun before `state` and lasting through it; the result comes after it.
fn survives(server: &RedisServer, name: &str, state: impl FnOnce(&mut redis::Connection)) {
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    ask::<()>(&mut admin, &[b"FLUSHALL"]);
    thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        for (way, wait) in WAYS {
            let (client, sender) = (client.clone(), sender.clone());
            scope.spawn(move || sender.send((way, wait(&client))));
        }
        // Each has read once, and waits.
        wait_until("all wait", || client.statistics().open_connections >= WAYS.len());
        state(&mut admin);
        if let Ok((way, early)) = ended.try_recv() {
            panic!("{name}: {way} ended: {:?}", early.map(|job| job.map(|job| job.dump())));
        }
        let hash = result("SUCCESS", 1);
        ask::<()>(&mut admin, &[b"HSET", b"jobresult:x", b"1:1", &hash]);
        ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &hash]);
        for _ in WAYS {
            let (way, job) = ended.recv_timeout(WAIT).unwrap_or_else(|_| panic!("{name}: no end"));
            let job = job.unwrap_or_else(|error| panic!("{name}, {way}: {error}"));
            assert!(job.expect("a job").is_success(), "{name}, {way}");
        }
    });
}

fn polling() -> RedisServer {
    servers::without_hello().start().expect("a Redis")
}

fn set(admin: &mut redis::Connection, name: &str, value: &str) {
    ask::<()>(admin, &[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
}

#[test]
fn too_few_replicas() {
    for server in [redis(), polling()] {
        survives(&server, "NOREPLICAS", |admin| {
            set(admin, "min-replicas-to-write", "1");
            thread::sleep(SPELL);
            set(admin, "min-replicas-to-write", "0");
        });
    }
}

#[test]
fn no_memory() {
    for server in [redis(), polling()] {
        survives(&server, "OOM", |admin| {
            set(admin, "maxmemory", "1");
            thread::sleep(SPELL);
            set(admin, "maxmemory", "0");
        });
    }
}

#[test]
fn a_slow_script() {
    for server in [redis(), polling()] {
        survives(&server, "BUSY", |admin| {
            set(admin, "lua-time-limit", "10");
            let script = "local begun = redis.call('TIME') \
                 repeat local now = redis.call('TIME') \
                 until (now[1] - begun[1]) * 1000000 + now[2] - begun[2] > 2500000";
            ask::<()>(admin, &[b"EVAL", script.as_bytes(), b"0"]);
        });
    }
}

#[test]
fn a_replica_of_nobody() {
    let nobody = ClosedPort::new();
    for stale in ["yes", "no"] {
        for server in [redis(), polling()] {
            survives(&server, "READONLY", |admin| {
                set(admin, "replica-serve-stale-data", stale);
                let port = nobody.number().to_string();
                ask::<()>(admin, &[b"REPLICAOF", b"127.0.0.1", port.as_bytes()]);
                thread::sleep(SPELL);
                ask::<()>(admin, &[b"REPLICAOF", b"NO", b"ONE"]);
            });
        }
    }
}

#[test]
fn a_question_that_could_not_be_sent_says_how_long_the_whole_call_took() {
    let (server, nobody) = (redis(), ClosedPort::new());
    let client = Client::connect(&server.url()).expect("a client").with_timeout(SPELL);
    let port = nobody.number().to_string();
    ask::<()>(&mut server.connection(), &[b"REPLICAOF", b"127.0.0.1", port.as_bytes()]);
    let error = error(client.ping_agent((1, 1)), "READONLY");
    assert!(error.is_timeout() && error.elapsed() >= Some(SPELL), "{error}");
}

#[test]
fn a_save_that_failed() {
    let server = RedisServer::builder().arg("save", "3600 1").start().expect("a Redis");
    survives(&server, "MISCONF", |admin| {
        // Its working directory, to which it saves.
        fs::remove_dir_all(server.dir()).expect("removed");
        ask::<()>(admin, &[b"BGSAVE"]);
        let refused = |admin: &mut redis::Connection| {
            let set = redis::cmd("SET").arg("k").arg("v").query::<()>(admin);
            set.is_err_and(|error| error.to_string().contains("MISCONF"))
        };
        wait_until("writes are refused", || refused(admin));
        thread::sleep(SPELL);
        set(admin, "stop-writes-on-bgsave-error", "no");
    });
}

#[test]
fn an_administrator_who_wakes_waits() {
    for server in [redis(), polling()] {
        survives(&server, "UNBLOCKED", |admin| {
            let begun = Instant::now();
            while begun.elapsed() < SPELL {
                let list: String = ask(admin, &[b"CLIENT", b"LIST"]);
                let ids =
                    list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next());
                for id in ids {
                    ask::<()>(admin, &[b"CLIENT", b"UNBLOCK", id.as_bytes(), b"ERROR"]);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
    }
}

/// A proxy that has lost its server for a moment answers in words of its own.
#[test]
fn a_proxy_without_its_server() {
    for words in
        ["-upstream failure", "-no upstream host", "-NOUPSTREAM", "-TRYAGAIN", "-REDIRECT a:1"]
    {
        let begun = Instant::now();
        let server = Server::start(move |peer| {
            peer.log_in();
            while let Some(seen) = peer.command() {
                if begun.elapsed() < Duration::from_millis(300) {
                    peer.send(format!("{words}\r\n"));
                } else if seen.name() == "HGET" {
                    peer.send(bulk(result("RUNNING", 1)));
                } else {
                    peer.answer(&seen);
                }
            }
        });
        let client =
            Client::builder().url(&server.url()).expect("a URL").build().expect("a client");
        let job = client.get_by_handle("acclient:1:x:1:1").expect("a handle").next_result(WAIT);
        assert!(job.expect(words).expect("a job").is_success());
    }
}

#[test]
fn what_is_refused_for_now_is_no_reason_to_push_again() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for (name, value, code) in
        [("min-replicas-to-write", "1", "NOREPLICAS"), ("maxmemory", "1", "OOM")]
    {
        set(&mut server.connection(), name, value);
        let ping = || client.cmd(Target::agent((1, 1)), "ping").id(code);
        let mut refused = vec![
            error(ping().submit(), code),
            error(ping().run(WAIT), code),
            error(client.submit_many([ping()]).remove(0), code),
        ];
        if code == "OOM" || servers::replicas_bind_scripts() {
            refused.push(error(ping().submit_once(), code));
        }
        for refused in refused {
            assert_eq!((refused.kind(), refused.server_code()), (ErrorKind::Server, Some(code)));
        }
        set(&mut server.connection(), name, "0");
    }
}
