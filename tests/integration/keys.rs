//! Every key of a command gets a TTL, whether or not a process waits for the command or survives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, MsgQuery, RolloutPlan, Target, Timeout, WaitMethod};
use devgrid::{Grid, RedisServer};
use support::alone::{is_alone, passes_alone};
use support::controller::Controller;
use support::process::{exit_status, fork};
use support::proxy::{Fault, Plan, Proxy};
use support::refusing::{Refusing, Verdict};
use support::{WAIT, ask, demo, keys_without_ttl, redis, servers, wait_until, wait_until_running};

const URL: &str = "ACCLIENT_TEST_URL";
/// Too short for any job to end.
const MOMENT: Duration = Duration::from_millis(50);

fn one() -> Target {
    Target::agent((1, 1))
}

fn exists(server: &RedisServer, key: &str) -> bool {
    ask::<i64>(&mut server.connection(), &[b"EXISTS", key.as_bytes()]) == 1
}

fn ttl(server: &RedisServer, key: &str) -> i64 {
    ask(&mut server.connection(), &[b"TTL", key.as_bytes()])
}

/// Calls of a client that leave a command without a waiting call.
type Call = fn(&Client);

const CALLS: [(&str, Call); 18] = [
    ("submit", |client| drop(client.cmd(one(), "ping").submit().expect("sent"))),
    ("submit_once", |client| {
        for _ in 0..2 {
            client.cmd(one(), "ping").id("once").submit_once().expect("sent");
        }
    }),
    ("submit_many", |client| {
        let sent = client.submit_many((0..100).map(|_| client.cmd(Target::all(), "ping")));
        assert!(sent.iter().all(Result::is_ok));
    }),
    ("a fan-out that is left", |client| {
        let command = client.bash(Target::all(), "sleep 0.2").submit().expect("sent");
        drop(command.results(WAIT).expect("results"));
        let mut results = command.results(WAIT).expect("results");
        results.next();
    }),
    ("a run that times out", |client| {
        let request = client.execute(one(), "sleep").arg("0.2");
        request.run(MOMENT).expect_err("a timeout");
        let request = client.execute(Target::any(), "sleep").arg("0.2");
        request.run(MOMENT).expect_err("a timeout");
    }),
    ("run_all that times out", |client| {
        wait_until("a push is confirmed in time", || {
            let all = client.bash(Target::all(), "sleep 0.2").run_all(MOMENT);
            all.is_ok_and(|all| all.jobs.is_empty())
        });
    }),
    ("a wait that is cancelled", |client| {
        let mut command = client.execute(one(), "sleep").arg("0.2").submit().expect("sent");
        let cancel = CancelToken::new().expect("a token");
        let wait = Timeout::none().or_cancelled(&cancel);
        let waiting = thread::spawn(move || command.next_result(wait));
        cancel.cancel();
        waiting.join().expect("no panic").expect_err("cancelled");
    }),
    ("wait_any that times out", |client| {
        let sent = client.submit_many((0..20).map(|_| client.bash(one(), "sleep 0.2")));
        let commands: Vec<_> = sent.into_iter().map(|command| command.expect("sent")).collect();
        client.wait_any(&commands, MOMENT).expect("a wait").for_each(drop);
    }),
    ("jobs, kill, statistics, log", |client| {
        let command = client.execute(one(), "sleep").arg("600").submit().expect("sent");
        wait_until_running(&command);
        let _ = command.get_stats().expect("statistics");
        let _ = command.get_msgs(&MsgQuery::new()).expect("a log");
        command.progress(WAIT).expect("progress");
        let _ = command.kill().expect("killed");
    }),
    ("a log that is followed", |client| {
        let command = client.bash(one(), "echo x; sleep 0.2").submit().expect("sent");
        wait_until_running(&command);
        let jobs = command.jobs().expect("jobs");
        let job = jobs.values().next().expect("a job");
        job.follow(&MsgQuery::new(), WAIT).expect("a log").next();
    }),
    ("progress in a queue", |client| {
        let args = acclient::RunArgs::new().queue("q");
        let sent: Vec<_> = (0..2)
            .map(|_| {
                let request = client.execute(one(), "sleep").arg("0.3").run_args(args.clone());
                request.submit().expect("sent")
            })
            .collect();
        wait_until_running(&sent[1]);
        sent[1].progress(WAIT).expect("progress");
    }),
    ("a rollout that is left", |client| {
        let request = client.bash(Target::all(), "sleep 0.2");
        let mut rollout = request.rollout(RolloutPlan::agents(2), WAIT).expect("a rollout");
        rollout.next();
    }),
    ("questions to the controller", |client| {
        client.list_agents().expect("agents");
        client.schedule_list().expect("schedules");
        client.get_mem_info((1, 1)).expect("memory");
    }),
    ("an id that is used again", |client| {
        for target in [Target::from((1, 1)), Target::any().into(), Target::all().into()] {
            for _ in 0..3 {
                let command =
                    client.cmd(target.clone(), "ping").id("again").submit().expect("sent");
                command.results(WAIT).expect("results").for_each(drop);
                let _ = command.get_stats().expect("statistics");
            }
        }
        let once = client.cmd(one(), "ping").id("again").submit_once().expect("sent");
        once.progress(WAIT).expect("progress");
    }),
    ("an event loop that is left", |client| {
        let command = client.bash(Target::all(), "sleep 0.2").submit().expect("sent");
        let mut results = command.results(WAIT).expect("results");
        assert!(results.poll_next().is_pending());
    }),
    ("the first of many results", |client| {
        let script = "[ $AGENT_GID = 2 ] || sleep 0.3";
        let mut command = client.bash(Target::all(), script).submit().expect("sent");
        command.next_result(WAIT).expect("a result");
    }),
    ("taken back", |client| {
        for target in [Target::from((1, 1)), Target::all().into()] {
            let _ = client.bash(target, "sleep 0.2").submit().expect("sent").retract();
        }
    }),
    ("nobody", |client| {
        client.cmd((9, 9), "ping").submit().expect("sent");
        client.cmd((9, 9), "ping").run(WAIT).expect_err("nobody");
    }),
];

/// Wherever it breaks: in a call, or amid the last updates.
#[test]
fn a_connection_that_breaks_as_the_client_closes_leaves_no_key() {
    let server = redis();
    let proxy = Proxy::new(server.port());
    for after in (0..1200).step_by(20) {
        proxy.next(Plan::up(after, Fault::Cut));
        let client = Client::builder().url(&proxy.url()).expect("a URL").build().expect("a client");
        let sent = client.submit_many((0..3).map(|_| client.cmd(one(), "ping")));
        for command in sent.iter().flatten() {
            let queued = format!("cmd.{}.queued", command.id());
            ask::<()>(&mut server.connection(), &[b"RPUSH", queued.as_bytes(), b"queued"]);
        }
        client.close();
        assert_eq!(keys_without_ttl(&server), [""; 0], "cut after {after} bytes");
    }
}

#[test]
fn nothing_stays_without_a_time_to_live_while_the_client_lives() {
    let (grid, client) = demo();
    for (name, call) in CALLS {
        call(&client.with_timeout(WAIT));
        wait_until(&format!("after {name}, all keys have a time to live"), || {
            client.ping().expect("an answer");
            keys_without_ttl(grid.redis()).is_empty()
        });
    }
}

#[test]
fn nothing_stays_without_a_time_to_live_when_the_client_is_closed() {
    let grid = Grid::demo().expect("a grid");
    for (name, call) in CALLS {
        let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
        call(&client);
        // Behind everything that was sent, to every agent.
        client.cmd(Target::all(), "ping").run_all(WAIT).expect("answers");
        drop(client);
        assert_eq!(keys_without_ttl(grid.redis()), Vec::<String>::new(), "{name}");
    }
}

/// A process that is killed leaves its keys to the next client.
#[test]
fn a_later_client_finds_what_a_killed_process_has_left() {
    let test = support::this_test!();
    if !is_alone(test) {
        let grid = Grid::demo().expect("a grid");
        passes_alone(test, &[(URL, &grid.url())]);
        assert_eq!(keys_without_ttl(grid.redis()), Vec::<String>::new());
        return;
    }
    let url = std::env::var(URL).expect("the grid in the test program");
    let child = fork(|| {
        let client = Client::connect(&url).expect("a client");
        let sent = client.submit_many((0..300).map(|_| client.cmd(Target::any(), "ping")));
        let is_sent = sent.iter().all(Result::is_ok);
        std::mem::forget((client, sent)); // and ends without closing anything
        i32::from(!is_sent)
    });
    assert_eq!(exit_status(child), 0);
    let mut admin = redis::Client::open(&*url).expect("a URL").get_connection().expect("Redis");
    let mut endless = || {
        let keys: Vec<String> = redis::cmd("KEYS").arg("cmd.*.queued").query(&mut admin).unwrap();
        let mut ttl = |key: &String| redis::cmd("TTL").arg(key).query::<i64>(&mut admin).unwrap();
        let count = keys.iter().filter(|key| ttl(key) == -1).count();
        (keys.len(), count)
    };
    wait_until("all are routed", || endless().0 >= 300);
    assert_eq!(endless().1, 300);
    let client = Client::connect(&url).expect("a client");
    wait_until("the next client has found all", || {
        client.ping().expect("an answer");
        endless().1 == 0
    });
}

/// Names that only look like a key of a command, and keys that have a time to live, are let be.
#[test]
fn what_is_somebody_elses_is_not_touched() {
    let server = redis();
    let mut admin = server.connection();
    ask::<()>(&mut admin, &[b"SET", b"cmd.text.queued", b"queued"]);
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.other.queued", b"something else"]);
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued.more", b"queued"]);
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.short.queued", b"queued"]);
    ask::<()>(&mut admin, &[b"EXPIRE", b"cmd.short.queued", b"1000"]);
    for number in 0..1000 {
        let key = format!("cmd.left-{number}.queued");
        ask::<()>(&mut admin, &[b"RPUSH", key.as_bytes(), b"queued"]);
    }
    let client = Client::connect(&server.url()).expect("a client");
    wait_until("what was left has a time to live", || {
        client.ping().expect("an answer");
        keys_without_ttl(&server).len() == 3
    });
    assert_eq!(ttl(&server, "cmd.left-7.queued") / 1000, 86);
    assert!(ttl(&server, "cmd.short.queued") <= 1000, "it keeps the time that it had");
    for key in ["cmd.text.queued", "cmd.other.queued", "cmd.x.queued.more"] {
        assert_eq!(ttl(&server, key), -1, "{key}");
    }
}

#[test]
fn a_user_who_may_not_search_is_not_disturbed() {
    if !servers::has_users() {
        return;
    }
    thread::scope(|scope| {
        for right in ["scan", "ttl", "lrange", "expire"] {
            scope.spawn(move || {
                let rules = format!("few on nopass ~* +@all -{right}");
                let server = RedisServer::builder().user_acl(&rules).start().expect("a Redis");
                ask::<()>(&mut server.connection(), &[b"RPUSH", b"cmd.left.queued", b"queued"]);
                let builder = Client::builder().port(server.port()).user("few");
                let client = builder.connect().expect("a client");
                wait_until("Redis has refused it", || {
                    client.ping().expect("an answer");
                    thread::sleep(Duration::from_millis(10));
                    !ask::<redis::Value>(&mut server.connection(), &[b"ACL", b"LOG"])
                        .eq(&redis::Value::Array(Vec::new()))
                });
                client.ping().expect("an answer");
                assert_eq!(ttl(&server, "cmd.left.queued"), -1, "{right}");
                assert_eq!(client.statistics().connected, 1, "{right}");
            });
        }
    });
}

/// Without push notifications the last command of a wait is followed by none that takes its key along.
#[test]
fn the_last_key_of_a_wait_without_notifications_is_expired_at_its_end() {
    let server = servers::without_hello().start();
    let server = server.expect("a Redis");
    let _controller = Controller::start(&server);
    let client = Client::connect(&server.url()).expect("a client").with_timeout(WAIT);
    for count in [1, 2, 5] {
        let commands: Vec<_> =
            (0..count).map(|_| client.cmd(one(), "ping").submit().expect("sent")).collect();
        let mut results = client.wait_any(&commands, WAIT).expect("a wait");
        for _ in 0..count {
            results.next().expect("an item").expect("a result");
        }
        if count > 1 {
            assert_eq!(results.method(), Some(WaitMethod::Polling));
        }
        let queued = |command: &acclient::Command| format!("cmd.{}.queued", command.id());
        match count {
            // Dropped before it reports the end.
            5 => drop(results),
            _ => assert!(results.next().is_none()),
        }
        for command in &commands {
            assert!(ttl(&server, &queued(command)) > 0, "{count}");
        }
    }
    std::mem::forget(client); // it was not its end that did it
}

/// The server answers the last update when the next call has sent a command, over the same connection or
/// another.
#[test]
fn the_reply_to_the_last_update_of_a_wait_is_not_taken_for_another() {
    let server = Arc::new(redis());
    let _controller = Controller::start(&server);
    let (of_front, is_read) = (server.clone(), AtomicBool::new(false));
    let front = Refusing::new(server.port(), move |words| {
        let name = words[0].to_uppercase();
        is_read.fetch_or(name == "HGETALL", Ordering::SeqCst);
        if name == "EXPIRE" && !is_read.load(Ordering::SeqCst) {
            of_front.pause();
        } else {
            of_front.resume();
        }
        match &*name {
            "HELLO" => Verdict::Refuse("ERR unknown command 'HELLO'".into()),
            _ => Verdict::Pass,
        }
    });
    let client = Client::connect(&front.url()).expect("a client").with_timeout(WAIT);
    let command = client.cmd(one(), "ping").submit().expect("sent");
    let results = client.get_by_id(command.id()).results(WAIT).expect("results");
    assert_eq!(results.filter(Result::is_ok).count(), 1);
    let jobs = command.jobs().expect("the reply to another command");
    assert!(jobs.values().all(acclient::Job::is_success));
}

/// A PING carries almost no pending updates along, regardless of their number.
#[test]
fn pending_updates_do_not_burden_other_calls() {
    const WAITS: usize = 5000;
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let commands: Vec<_> = (0..WAITS)
        .map(|number| {
            client.get_by_handle(&format!("acclient:1:id{number}:1:1")).expect("a handle")
        })
        .collect();
    let late = client.wait_any(&commands, MOMENT).expect("a wait").count();
    assert_eq!(late, WAITS);
    let expires = || {
        let stats: String = ask(&mut server.connection(), &[b"INFO", b"commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_expire:calls="));
        let calls = line.and_then(|line| line.split(',').next());
        calls.map_or(0, |calls| calls.parse::<usize>().expect("a number"))
    };
    // Until well after the second in which keys are first tried.
    wait_until("many keys were tried", || {
        let (before, begun) = (expires(), Instant::now());
        for _ in 0..100 {
            client.ping().expect("an answer");
        }
        let periods = begun.elapsed().as_millis() as usize / 100 + 1;
        let sent = expires() - before;
        assert!(sent <= 32 * (periods + 1), "{sent} in {periods} periods of 100 ms");
        before > 200
    });
    drop(client);
    assert!(!exists(&server, "cmd.id1.queued"));
}

/// As many keys are expired as come, by a process that does nothing but submit.
#[test]
fn a_process_that_only_submits_keeps_up() {
    let server = redis();
    let _controller = Controller::start(&server);
    let client = Client::connect(&server.url()).expect("a client").with_timeout(WAIT);
    let submit = |count: usize| {
        let sent = client.submit_many((0..count).map(|_| client.cmd(one(), "ping")));
        let id = |command: Result<acclient::Command, _>| command.expect("sent").id().to_owned();
        sent.into_iter().map(id).collect::<Vec<_>>()
    };
    let first = submit(2000);
    let mut rounds = 0;
    wait_until("the first have a time to live", || {
        submit(1);
        let endless = keys_without_ttl(&server);
        rounds += usize::from(endless.len() < first.len());
        !first.iter().any(|id| endless.contains(&format!("cmd.{id}.queued")))
    });
    assert!(rounds <= 2000, "at least one goes along with each push: {rounds}");
}
