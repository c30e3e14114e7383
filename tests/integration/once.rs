//! Submitting once over restarts, and by a user who may run no scripts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use acclient::{Client, ClientBuilder, ErrorKind, Request, Stage, Target};
use devgrid::RedisServer;
use support::controller::Controller;
use support::proxy::{Fault, Plan, Proxy};
use support::{WAIT, ask, error, redis, servers, wait_until, with_growing_time};

fn builder(proxy: &Proxy) -> ClientBuilder {
    Client::builder().url(&proxy.url()).expect("a URL").timeout(WAIT)
}

fn ping(client: &Client, id: &str) -> Request {
    client.cmd(Target::agent((1, 1)), "ping").id(id)
}

fn length_of_queue(server: &RedisServer) -> i64 {
    ask(&mut server.connection(), &[b"LLEN", b"cmds.queue"])
}

/// The connection breaks once Redis has the command and before it says so; before the next, Redis is
/// killed and started again.
fn submit_over_a_restart(server: &RedisServer) -> Result<(), acclient::Error> {
    let proxy = Proxy::new(server.port());
    // Bytes sent on closing are not counted.
    let first = builder(&proxy).build().expect("a client");
    ping(&first, "first").submit_once().expect("sent");
    let [_, down] = proxy.passed();
    drop(first);
    // The end of ":1\r\n" is missing.
    let end = 2;
    let again = Arc::new(AtomicBool::new(false));
    let may = again.clone();
    proxy.plan(move |connection| match connection {
        0 => Plan::down(down - end, Fault::Cut),
        _ if may.load(Ordering::SeqCst) => Plan::default(),
        _ => Plan::up(0, Fault::Cut),
    });
    let client = builder(&proxy).build().expect("a client");
    let submitting = thread::spawn(move || ping(&client, "second").submit_once().map(drop));
    wait_until("Redis has it", || length_of_queue(server) == 2);
    server.kill();
    server.restart();
    again.store(true, Ordering::SeqCst);
    submitting.join().expect("no panic")
}

#[test]
fn a_restart_that_kept_everything_is_no_doubt() {
    let server = RedisServer::builder().persistent().start().expect("a Redis");
    submit_over_a_restart(&server).expect("the mark is there");
    assert_eq!(length_of_queue(&server), 2);
}

#[test]
fn a_restart_that_lost_everything_is_a_doubt_and_sends_nothing() {
    let server = redis();
    let doubt = submit_over_a_restart(&server).expect_err("nothing tells whether it ran");
    assert_eq!((doubt.kind(), doubt.is_retriable()), (ErrorKind::MaybeSent, false));
    assert!(doubt.to_string().contains("restarted or replaced"), "{doubt}");
    assert_eq!(doubt.command_handle(), Some("acclient:1:second:1:1"));
    assert_eq!(length_of_queue(&server), 0, "it was sent again");
}

#[test]
fn without_a_server_it_was_not_sent() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    server.kill();
    with_growing_time(Duration::from_millis(200), |time| {
        let away = error(ping(&client.with_timeout(time), "x").submit_once(), "no server");
        assert!(away.is_timeout() && !away.is_maybe_sent() && away.is_retriable(), "{away}");
        away.to_string().contains("cannot connect").then_some(())
    });
    server.restart();
    let command = ping(&client, "x").submit_once().expect("it is back");
    assert_eq!(command.progress(WAIT).expect("progress").stage, Stage::InQueue);
    assert_eq!(length_of_queue(&server), 1);
    let ttl: i64 = ask(&mut server.connection(), &[b"TTL", b"cmd.x.submitted"]);
    assert!((86_000..=86_400).contains(&ttl), "{ttl}");
}

#[test]
fn what_redis_refuses_leaves_no_mark() {
    if !servers::has_users() {
        return;
    }
    let few = RedisServer::builder().user_acl("few on nopass ~* +@all -eval");
    let server = few.start().expect("a Redis");
    let client = Client::connect(&server.url()).expect("a client");
    let without_scripts = Client::builder().port(server.port()).user("few").connect();
    let mut admin = server.connection();
    ask::<()>(&mut admin, &[b"SET", b"cmds.queue", b"no list"]);
    for client in [&client, &without_scripts.expect("a client")] {
        let refused = error(ping(client, "x").submit_once(), "a queue that is none");
        assert_eq!(
            (refused.kind(), refused.is_maybe_sent()),
            (ErrorKind::Server, false),
            "{refused}"
        );
        assert_eq!(ask::<i64>(&mut admin, &[b"EXISTS", b"cmd.x.submitted"]), 0);
    }
    ask::<()>(&mut admin, &[b"DEL", b"cmds.queue"]);
    ask::<()>(&mut admin, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    let full = error(ping(&client, "x").submit_once(), "no memory");
    assert_eq!(full.kind(), ErrorKind::Server, "{full}");
    assert_eq!(full.server_code(), Some("OOM"), "{full}");
    assert!(!full.is_retriable() && !full.is_maybe_sent(), "{full}");
}

#[test]
fn without_scripts_it_runs_once_wherever_its_connection_is_cut() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder()
        .user_acl("few on nopass ~* +@all -eval -evalsha")
        .start()
        .expect("a Redis");
    let (controller, proxy) = (Controller::start(&server), Proxy::new(server.port()));
    let client = || builder(&proxy).user("few").build().expect("a client");
    let first = client();
    ping(&first, "first").submit_once().expect("sent");
    let [up, down] = proxy.passed();
    drop(first);
    let ups = (0..=up).step_by(3).map(|after| Plan::up(after, Fault::Cut));
    let plans = ups.chain((0..=down).map(|after| Plan::down(after, Fault::Cut)));
    for (number, plan) in plans.enumerate() {
        proxy.next(plan);
        let id = format!("few-{number:06}");
        ping(&client(), &id).submit_once().unwrap_or_else(|error| panic!("{plan:?}: {error}"));
        controller.settle(&server);
        assert_eq!(controller.count(&id), 1, "{plan:?}");
    }
}

/// Many at a time submit the same, with scripts and without: one of them sends it.
/// As docs/faults.md says: hence Redis must not evict keys.
#[test]
fn a_command_whose_mark_was_evicted_is_sent_again() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for expected in [1, 1, 2] {
        if expected == 2 {
            let marks: i64 = ask(&mut server.connection(), &[b"DEL", b"cmd.once.submitted"]);
            assert_eq!(marks, 1);
        }
        ping(&client, "once").submit_once().expect("sent, or sent before");
        assert_eq!(length_of_queue(&server), expected);
    }
}

#[test]
fn the_same_id_from_many_threads_runs_once() {
    if !servers::has_users() {
        return;
    }
    let server =
        RedisServer::builder().user_acl("few on nopass ~* +@all -eval").start().expect("a Redis");
    let controller = Controller::start(&server);
    let with = Client::connect(&server.url()).expect("a client");
    let without = Client::builder().port(server.port()).user("few").connect().expect("a client");
    thread::scope(|scope| {
        for number in 0..16 {
            let client = if number % 2 == 0 { &with } else { &without };
            scope.spawn(move || {
                for id in 0..50 {
                    ping(client, &format!("same-{id}")).submit_once().expect("submitted");
                }
            });
        }
    });
    controller.settle(&server);
    assert!((0..50).all(|id| controller.count(&format!("same-{id}")) == 1));
    assert_eq!(controller.doubled(), Vec::<String>::new());
}
