//! Progress of a command, and retracting it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use acclient::{
    AgentId, CancelToken, Client, Command, ErrorKind, MsgQuery, Progress, Stage, Target, Timeout,
};
use devgrid::{Fault, RedisServer, Step};
use support::demo as grid;
use support::scripted::{Server, bulk};
use support::{
    LATE, WAIT, ask, error, redis, servers, wait_until, wait_until_running, with_growing_time,
};

/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_secs(2);

fn one() -> Target {
    Target::agent((1, 1))
}

fn progress(command: &Command) -> Progress {
    command.progress(WAIT).expect("progress")
}

fn on_one(stage: Stage) -> BTreeMap<AgentId, Stage> {
    BTreeMap::from([(AgentId { gid: 1, nid: 1 }, stage)])
}

#[test]
fn every_stage_is_told() {
    let (grid, client) = grid();
    grid.pause_agent(1, 1);
    let command = client.execute(one(), "sleep").arg("600").submit().expect("sent");
    wait_until("it is routed", || progress(&command).stage != Stage::InQueue);
    assert_eq!(progress(&command).agents, on_one(Stage::Routed));
    assert!(!command.retract().expect("an answer"), "it is not in the queue any more");

    grid.resume_agent(1, 1);
    wait_until_running(&command);
    let running = progress(&command);
    assert_eq!((running.stage, running.agents), (Stage::Running, on_one(Stage::Running)));
    // The same from the printed form, by another client.
    let other = Client::connect(&grid.url()).expect("a client");
    let again = other.get_by_handle(&command.to_string()).expect("a command");
    assert_eq!(again.progress(WAIT).expect("progress").stage, Stage::Running);

    // No agent can be asked.
    let mut redis = grid.redis().connection();
    ask::<()>(&mut redis, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    assert_eq!(progress(&command).agents, on_one(Stage::Unknown));
    ask::<()>(&mut redis, &[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    assert_eq!(progress(&command).agents, on_one(Stage::Running));

    // The agent is gone, and with it, perhaps, what it ran.
    grid.pause_agent(1, 1);
    let patient = client.with_timeout(WAIT).get_by_handle(&command.to_string()).expect("a command");
    with_growing_time(Duration::from_millis(500), |wait| {
        let begun = Instant::now();
        let found = patient.progress(wait).ok();
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        found.filter(|found| found.agents == on_one(Stage::Unknown))
    });
    grid.resume_agent(1, 1);

    command.kill().expect("it is taken").into_result().expect("no failure");
    assert!(command.clone().next_result(WAIT).expect("a result").is_some());
    assert_eq!(progress(&command).agents, on_one(Stage::Done));
    assert_eq!(progress(&command).stage, Stage::Done);

    grid.stop_controller();
    let command = client.execute(one(), "true").submit().expect("sent");
    assert_eq!(progress(&command).stage, Stage::InQueue);
    assert!(progress(&command).agents.is_empty());
    assert_eq!(
        client.get_by_id(command.id()).progress(WAIT).expect("progress"),
        progress(&command)
    );
}

#[test]
fn a_fan_out_is_as_far_as_the_last_agent() {
    let (grid, client) = grid();
    grid.pause_agent(2, 1);
    let command = client.bash(Target::all(), "exit 0").submit().expect("sent");
    let expected = BTreeMap::from([
        (AgentId { gid: 1, nid: 1 }, Stage::Done),
        (AgentId { gid: 1, nid: 2 }, Stage::Done),
        (AgentId { gid: 2, nid: 1 }, Stage::Routed),
    ]);
    wait_until("the others are done", || progress(&command).agents == expected);
    assert_eq!(progress(&command).stage, Stage::Routed);
    grid.resume_agent(2, 1);
    wait_until("all are done", || progress(&command).stage == Stage::Done);
}

/// The hash permanently says RUNNING, although the job is gone.
#[test]
fn a_result_that_never_came_is_lost() {
    let (grid, client) = grid();
    grid.inject(Fault::DropResult);
    let command = client.execute(one(), "true").submit().expect("sent");
    wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
    assert_eq!(progress(&command).agents, on_one(Stage::Lost));
}

#[test]
fn running_after_the_result_is_done() {
    let (grid, client) = grid();
    grid.inject(Fault::RunningAfterTerminal);
    let mut command = client.execute(one(), "true").submit().expect("sent");
    assert!(command.next_result(WAIT).expect("a result").is_some());
    assert_eq!(progress(&command).stage, Stage::Done);
}

#[test]
fn a_command_that_a_controller_took_and_lost_is_lost() {
    let (grid, client) = grid();
    grid.crash_controller_after(Step::Pop);
    let command = client.execute(one(), "true").submit().expect("sent");
    wait_until("the controller is gone", || !grid.controller_running());
    // The controller may be stopped while it holds the command.
    assert_eq!(command.progress(SHORT).expect("progress").stage, Stage::Unknown);
    grid.start_controller();
    assert_eq!(progress(&command).stage, Stage::Lost);
    // Without a record that the command was submitted, its loss cannot be detected.
    let by_id = client.get_by_id(command.id());
    assert_eq!(by_id.progress(WAIT).expect("progress").stage, Stage::Unknown);
    assert!(!command.retract().expect("an answer"));

    // A command of `submit_once` has left a mark, which any client can read.
    grid.crash_controller_after(Step::Pop);
    let once = client.execute(one(), "true").id("once").submit_once().expect("sent");
    wait_until("the controller is gone", || !grid.controller_running());
    grid.start_controller();
    let by_id = client.get_by_id(once.id());
    assert_eq!(by_id.progress(WAIT).expect("progress").stage, Stage::Lost);
}

/// Another program wrote it, with other spaces, in another order and with fields of its own.
#[test]
fn a_command_of_the_history_is_taken_back_as_it_was_written() {
    let server = RedisServer::start().expect("a Redis");
    let client = Client::connect(&server.url()).expect("a client");
    let written =
        r#"{ "cmd":"ping", "id": "x", "gid":1,"nid":1, "args": {"domain":"d"}, "of":"mine" }"#;
    let other = written.replace("mine", "others");
    for (list, entry) in [("joblog", written), ("cmds.queue", &other), ("cmds.queue", written)] {
        let _: i64 = ask(&mut server.connection(), &[b"RPUSH", list.as_bytes(), entry.as_bytes()]);
    }
    let past = client.get_cmds(0, 1).expect("a history").remove(0);
    assert_eq!(past.dump().as_deref(), Some(written));
    assert_eq!(past.args().unwrap().to_json(), r#"{"domain":"d"}"#, "it says nothing of levels");
    assert!(past.retract().expect("an answer"));
    assert!(!past.retract().expect("an answer"), "the other one is another command");
    let left: Vec<String> = ask(&mut server.connection(), &[b"LRANGE", b"cmds.queue", b"0", b"-1"]);
    assert_eq!(left, [other]);
}

#[test]
fn what_is_in_the_queue_is_taken_back() {
    for rights in [None, Some("bob on nopass ~* +@all -eval")] {
        if rights.is_some() && !servers::has_users() {
            continue;
        }
        let server = RedisServer::builder();
        let server = rights.iter().fold(server, |server, line| server.user_acl(line));
        let server = server.start().expect("a Redis");
        let user = rights.map_or("default", |_| "bob");
        let client = Client::builder().port(server.port());
        let client = if rights.is_some() { client.user(user) } else { client };
        let client = client.connect().expect("a client");
        let queue = || -> i64 { ask(&mut server.connection(), &[b"LLEN", b"cmds.queue"]) };
        // More than are read at a time, before and behind it.
        let many = || client.submit_many((0..250).map(|_| client.cmd(one(), "ping")));
        assert!(many().iter().all(Result::is_ok));
        let first = client.bash(one(), "one\u{1f600}\n").id("%: a").submit().expect("sent");
        let second = client.cmd(one(), "ping").id("second").submit_once().expect("sent");
        let third = client.cmd(one(), "ping").submit().expect("sent");
        assert!(many().iter().all(Result::is_ok));
        assert_eq!(queue(), 503);
        assert!(first.retract().expect("an answer"));
        assert!(!first.retract().expect("an answer"));
        assert!(client.get_by_id("second").retract().expect("an answer"), "by its id");
        let by_form = client.get_by_handle(&third.to_string()).expect("a command");
        assert!(by_form.retract().expect("an answer"), "by its printed form");
        assert!(!client.get_by_id("nothing").retract().expect("an answer"));
        assert_eq!(queue(), 500);
        assert_eq!(first.progress(WAIT).expect("progress").stage, Stage::Lost);
        let ended = error(first.clone().next_result(SHORT), "it was taken back");
        assert!(ended.to_string().contains("was taken back and will not run"), "{ended}");
        assert!(!ended.to_string().contains("still running"), "{ended}");
        assert_eq!(third.progress(SHORT).expect("progress").stage, Stage::Unknown, "by others");
        let marked: i64 = ask(&mut server.connection(), &[b"EXISTS", b"cmd.second.submitted"]);
        assert_eq!(marked, 0, "its mark is gone with it");
        // It can be submitted again.
        client.cmd(one(), "ping").id("second").submit_once().expect("sent");
        assert_eq!(queue(), 501, "{second}");
    }
}

/// Redis has a result of an earlier command under the id, which no handle of another program knows.
#[test]
fn what_is_in_the_queue_is_not_done() {
    let server = RedisServer::start().expect("a Redis");
    let client = Client::connect(&server.url()).expect("a client");
    support::fill(&mut server.connection(), &[support::result("SUCCESS", 1)]);
    for target in [one(), Target::agents([(1, 1), (1, 2)])] {
        let sent = client.cmd(target, "ping").id("x").submit().expect("sent");
        let found = client.get_by_handle(&sent.handle()).expect("a command");
        for command in [&sent, &found] {
            let progress = command.progress(WAIT).expect("progress");
            assert_eq!(progress.stage, Stage::InQueue, "{command:?}");
            assert!(progress.agents.values().all(|it| *it == Stage::InQueue), "{progress:?}");
        }
        assert!(sent.retract().expect("an answer"));
    }
}

/// Redis answers until the agent is to be asked, and is silent then. The client's own time is far longer.
#[test]
fn a_server_that_falls_silent_makes_it_no_later() {
    let running = r#"{"id":"x","gid":1,"nid":1,"state":"RUNNING"}"#;
    let server = Server::start(move |peer| {
        peer.log_in();
        while let Some(seen) = peer.command() {
            match seen.name() {
                "LRANGE" => peer.send("*0\r\n"),
                "HGETALL" => {
                    let fields = [bulk("1:1"), bulk(running)].concat();
                    peer.send([b"%1\r\n".to_vec(), fields].concat())
                }
                "EXPIRE" | "LLEN" => peer.send(":1\r\n"),
                _ => return peer.silence(),
            };
        }
    });
    let builder = Client::builder().url(&server.url()).expect("a URL");
    let client = builder.timeout(WAIT).build().expect("a client");
    with_growing_time(Duration::from_millis(400), |wait| {
        let begun = Instant::now();
        let found = client.get_by_id("x").progress(wait).ok();
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        found.filter(|found| found.agents == on_one(Stage::Unknown))
    });
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let command = client.get_by_id("x");
    let refused = error(command.progress(Duration::ZERO), "no time");
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        error(client.get_by_id("").progress(WAIT), "no id").kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        error(client.get_by_id("a\0").retract(), "a NUL").kind(),
        ErrorKind::InvalidArgument
    );
    let patient = client.with_timeout(WAIT).get_by_id("x");
    with_growing_time(Duration::from_millis(200), |wait| {
        let begun = Instant::now();
        let short = patient.progress(wait).ok();
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        short.filter(|short| short.stage == Stage::Unknown)
    });
    server.kill();
    let quick = client.with_timeout(Duration::from_millis(200));
    assert!(
        error(quick.get_by_id("x").progress(Duration::from_millis(200)), "no server").is_timeout()
    );
    let gone = error(quick.get_by_id("x").retract(), "no server");
    assert!(gone.is_timeout() && !gone.is_maybe_sent(), "{gone}");
}

#[test]
fn the_token_of_the_client_ends_questions_that_have_another() {
    let (grid, client) = grid();
    let command = client.execute(one(), "sleep").arg("600").submit().expect("sent");
    wait_until_running(&command);
    grid.stop_controller(); // so that every question waits in the queue
    for (asked, question) in ["progress", "follow", "doctor"].into_iter().enumerate() {
        let [of_client, of_wait] = [(); 2].map(|()| CancelToken::new().expect("a token"));
        let client = client.with_timeout(WAIT).with_cancel(&of_client);
        let wait = Timeout::none().or_cancelled(&of_wait);
        let command = client.get_by_handle(&command.to_string()).expect("its form");
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut redis = grid.redis().connection();
                wait_until(question, || {
                    ask::<usize>(&mut redis, &[b"LLEN", b"cmds.queue"]) > asked
                });
                of_client.cancel();
            });
            let ended = match question {
                "progress" => command.progress(wait).map(drop),
                "doctor" => client.doctor(wait).map(drop),
                _ => {
                    let mut jobs = command.jobs().expect("read");
                    let job = jobs.pop_first().expect("it runs").1;
                    let mut messages = job.follow(&MsgQuery::new(), wait).expect("messages");
                    messages.next().expect("an item").map(drop)
                }
            };
            assert_eq!(error(ended, question).kind(), ErrorKind::Cancelled, "{question}");
        });
        assert!(begun.elapsed() < LATE, "{question}: {:?}", begun.elapsed());
    }
}

/// A controller that is stopped while it holds a command routes it later.
#[test]
fn what_a_stopped_controller_has_is_not_lost() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut command = client.cmd(one(), "ping").submit().expect("sent");
    let taken: Vec<String> = ask(&mut server.connection(), &[b"BLPOP", b"cmds.queue", b"1"]);
    assert_eq!(command.progress(SHORT).expect("progress").stage, Stage::Unknown);
    // What it was asked is taken back.
    let left: usize = ask(&mut server.connection(), &[b"LLEN", b"cmds.queue"]);
    assert_eq!((taken.len(), left), (2, 0));
    let (hash, list) = (format!("jobresult:{}", command.id()), format!("cmd.{}.1.1", command.id()));
    let done = support::result("SUCCESS", 1);
    ask::<()>(&mut server.connection(), &[b"HSET", hash.as_bytes(), b"1:1", &done]);
    ask::<()>(&mut server.connection(), &[b"RPUSH", list.as_bytes(), &done]);
    assert_eq!(command.progress(WAIT).expect("progress").stage, Stage::Done);
    assert!(command.next_result(WAIT).expect("a result").is_some());
}

/// Until the controller has said whom it went to, to the last agent.
#[test]
fn a_fan_out_that_is_being_routed_is_not_done() {
    let (grid, client) = grid();
    let mut admin = grid.redis().connection();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let done = support::result("SUCCESS", now.as_millis() as u64);
    ask::<()>(&mut admin, &[b"HSET", support::HASH.as_bytes(), b"1:1", &done]);
    ask::<()>(&mut admin, &[b"RPUSH", support::LIST.as_bytes(), &done]);
    let command = client.get_by_handle("acclient:1:x:all").expect("a handle");
    grid.stop_controller();
    let unknown = command.progress(SHORT).expect("progress");
    assert_eq!((unknown.stage, unknown.agents), (Stage::Unknown, on_one(Stage::Done)));
    grid.start_controller();
    let lost = progress(&command);
    assert_eq!((lost.stage, lost.agents), (Stage::Lost, on_one(Stage::Done)));
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    assert_eq!(progress(&command).stage, Stage::Done);
}
