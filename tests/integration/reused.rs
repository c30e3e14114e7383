//! Plain commands under an id that was used before: a wait returns the result of this command, not what Redis has
//! of the earlier one.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use acclient::{
    AgentId, Client, Error, Job, JobState, MsgQuery, Request, Stage, Target, WaitMethod,
};
use support::{HASH, LIST, WAIT, ask, demo, error, patient_demo, redis, result, servers};

/// Every way to send a command and to wait for a result of it.
type Way = fn(&Client, Request, usize) -> Result<Vec<Job>, Error>;
const WAYS: [(&str, Way); 5] = [
    ("run", |_, request, _| Ok(vec![request.run(WAIT)?])),
    ("next_result", |_, request, _| {
        let mut command = request.submit()?;
        std::iter::from_fn(|| command.next_result(WAIT).transpose()).collect()
    }),
    ("results", |_, request, _| request.submit()?.results(WAIT)?.collect()),
    ("submit_many and wait_any", |client, request, _| {
        let command = client.submit_many([request]).remove(0)?;
        let other = client.cmd(Target::agent((1, 1)), "ping").submit()?;
        let id = command.id().to_owned();
        let jobs: Result<Vec<Job>, Error> = client.wait_any([command, other], WAIT)?.collect();
        Ok(jobs?.into_iter().filter(|job| job.id() == id).collect())
    }),
    ("try_next_result", |_, request, agents| {
        let mut command = request.submit()?;
        let mut jobs = Vec::new();
        while jobs.len() < agents {
            match command.try_next_result()? {
                Some(job) => jobs.push(job),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        Ok(jobs)
    }),
];

/// The results of a command that no agent has refused: an agent knows a job for a moment after its result.
fn all_accepted(send: impl Fn() -> Result<Vec<Job>, Error>) -> Vec<Job> {
    loop {
        let jobs = send().expect("results");
        if jobs.iter().all(|job| job.state() != &JobState::DuplicateId) {
            return jobs;
        }
    }
}

fn accepted(request: impl Fn() -> Request) -> Job {
    all_accepted(|| Ok(vec![request().run(WAIT)?])).remove(0)
}

#[test]
fn each_wait_returns_the_result_of_its_own_command() {
    let (_grid, client) = demo();
    let targets = [
        ("an agent", Target::agent((1, 1)), 1),
        ("a list", Target::agents([(1, 1), (2, 1)]), 2),
        ("all", Target::all().into(), 3),
    ];
    for (what, target, agents) in targets {
        for (name, way) in WAYS {
            if name == "run" && agents > 1 {
                continue;
            }
            let id = format!("{what} {name}");
            for round in 1..=3 {
                let script = format!("echo {round}; sleep 0.1");
                let request = || client.bash(target.clone(), &script).id(&id);
                let jobs = all_accepted(|| way(&client, request(), agents));
                let said: BTreeSet<&str> = jobs.iter().map(Job::stdout).collect();
                assert_eq!(said, BTreeSet::from([&*format!("{round}\n")]), "{id}");
                assert_eq!(jobs.len(), agents, "{id}, {round}");
            }
        }
    }
}

#[test]
fn any_agent_of_a_role_answers_for_itself() {
    let (_grid, client) = demo();
    for round in 1..=8 {
        let any = || client.bash(Target::any(), format!("echo {round}")).id("any");
        assert_eq!(accepted(any).stdout(), format!("{round}\n"));
    }
}

/// A command that the agent does not know has no time at which it began.
#[test]
fn results_without_a_start_are_told_from_each_other() {
    let (_grid, client) = demo();
    let one = || Target::agent((1, 1));
    for round in 0..2 {
        let unknown = accepted(|| client.cmd(one(), "no_such_command").id("x"));
        assert_eq!(unknown.state(), &JobState::UnknownCmd, "{round}");
        let known = accepted(|| client.execute(one(), "true").id("x"));
        assert!(known.is_success(), "{round}");
    }
}

/// What is known of a refusal and of an unknown command is byte for byte what it was before.
#[test]
fn an_unknown_command_is_refused_each_time() {
    let (_grid, client) = demo();
    let targets = [
        ("an agent", Target::agent((1, 1)), 1),
        ("a list", Target::agents([(1, 1), (2, 1)]), 2),
        ("a role", Target::all().role("storage").into(), 2),
        ("all", Target::all().into(), 3),
    ];
    for (what, target, agents) in targets {
        for (name, way) in WAYS {
            if name == "run" && agents > 1 {
                continue;
            }
            let id = format!("{what} {name}");
            let request = |cmd| client.cmd(target.clone(), cmd).id(&id);
            for cmd in ["ping", "no_such_command", "no_such_command", "no_such_command", "ping"] {
                let jobs = all_accepted(|| way(&client, request(cmd), agents));
                let known = cmd == "ping";
                let state = if known { JobState::Success } else { JobState::UnknownCmd };
                assert!(jobs.iter().all(|job| job.state() == &state), "{id}, {cmd}: {jobs:?}");
                assert_eq!(jobs.len(), agents, "{id}, {cmd}");
            }
        }
    }
    for _ in 0..4 {
        let unknown = accepted(|| client.cmd(Target::any(), "no_such_command").id("any"));
        assert_eq!(unknown.state(), &JobState::UnknownCmd);
    }
}

#[test]
fn an_old_result_does_not_end_a_wait() {
    for server in [redis(), servers::without_hello().start().expect("a Redis")] {
        let client = Client::connect(&server.url()).expect("a client");
        let mut admin = server.connection();
        let [old, refusal] = [result("SUCCESS", 1), result("DUPILICATE_ID", 0)];
        // Where a second command came while the first ran, the hash may be left at its refusal.
        for entries in [vec![&old], vec![&old, &refusal]] {
            ask::<()>(&mut admin, &[b"FLUSHALL"]);
            for entry in entries {
                ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", entry]);
                ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), entry]);
            }
            ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
            let time = Duration::from_millis(400);
            let ping = |target: Target| client.cmd(target, "ping").id("x");
            let ended = error(ping(Target::agent((1, 1))).run(time), "run");
            // A refusal of before is none of this command.
            assert!(!ended.to_string().contains("rejected the id"), "{ended}");
            for ended in [
                error(ping(Target::agent((1, 1))).run(time), "run"),
                error(ping(Target::agent((1, 1))).submit().unwrap().next_result(time), "next"),
                error(ping(Target::all().into()).submit().unwrap().next_result(time), "all"),
                error(ping(Target::any().into()).run(time), "any"),
            ] {
                assert!(ended.is_timeout(), "{ended}");
            }
        }
        // Who knows the id alone reads what there is.
        assert!(client.get_by_id("x").next_result(WAIT).expect("a result").is_some());
    }
}

/// The mark of a command that is submitted once tells its results from those of a plain command before it.
#[test]
fn an_old_result_does_not_answer_a_command_that_is_submitted_once() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    let put = |admin: &mut redis::Connection, entry: &[u8]| {
        ask::<()>(admin, &[b"HSET", HASH.as_bytes(), b"1:1", entry]);
        ask::<()>(admin, &[b"RPUSH", LIST.as_bytes(), entry]);
        ask::<()>(admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    };
    let short = Duration::from_millis(400);
    let all: Target = Target::all().into();
    for target in
        [Target::agent((1, 1)), Target::agents([(1, 1), (2, 1)]), Target::any().into(), all]
    {
        ask::<()>(&mut admin, &[b"FLUSHALL"]);
        put(&mut admin, &result("SUCCESS", 1));
        let submit = || client.cmd(target.clone(), "ping").id("x").submit_once().expect("sent");
        let mut sent = submit();
        let early = error(sent.next_result(short), "next_result");
        assert!(early.is_timeout(), "{target}: {early}");
        assert!(sent.jobs().expect("jobs").is_empty(), "{target}");
        put(&mut admin, &result("SUCCESS", 2));
        for way in ["at once", "found again"] {
            let job = sent.next_result(WAIT).expect(way).expect("a result");
            assert_eq!(job.data(), "2", "{target}, {way}");
            sent = submit();
        }
    }
}

/// Until the controller has routed the new command, Redis holds the old one's jobs.
#[test]
fn nothing_is_said_of_the_command_before() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    let old = result("SUCCESS", 1);
    ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", &old]);
    ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &old]);
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    let sent = client.cmd(Target::agent((1, 1)), "ping").id("x").submit().expect("sent");
    assert!(sent.jobs().expect("jobs").is_empty());
    assert!(sent.job((1, 1)).is_err());
    assert_eq!(sent.progress(WAIT).expect("progress").stage, Stage::InQueue);
    // Running, and then over.
    ask::<()>(&mut admin, &[b"DEL", b"cmds.queue"]);
    ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", &result("RUNNING", 2)]);
    let mut job = sent.job((1, 1)).expect("a job");
    assert_eq!(job.state(), &JobState::Running);
    job.refresh().expect("it is there");
    assert_eq!(job.state(), &JobState::Running);
    let short = error(job.wait(Duration::from_millis(300)), "it runs");
    assert!(short.is_timeout(), "{short}");
    let new = result("SUCCESS", 2);
    ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", &new]);
    ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &new]);
    job.wait(WAIT).expect("it is over");
    assert_eq!(job.data(), "2");
    assert_eq!(sent.progress(WAIT).expect("progress").stage, Stage::Done);
}

#[test]
fn a_kill_reaches_the_job_that_runs() {
    let (_grid, client) = demo();
    let request = || client.execute(Target::agent((1, 1)), "sleep").arg("600").id("x");
    accepted(|| client.execute(Target::agent((1, 1)), "true").id("x"));
    let mut running = loop {
        let sent = request().submit().expect("sent");
        support::wait_until("the agent has it", || !sent.jobs().expect("jobs").is_empty());
        let job = sent.job((1, 1)).expect("a job");
        if job.state() != &JobState::DuplicateId {
            break sent;
        }
    };
    support::wait_until_running(&running);
    running.kill().expect("killed").into_result().expect("killed");
    let killed = running.next_result(WAIT).expect("a result").expect("a job");
    assert_eq!(killed.state(), &JobState::Killed);
}

/// The hash and `queued` hold the agents of the earlier command too.
#[test]
fn agents_of_the_command_before_are_not_asked() {
    let (_grid, client) = patient_demo();
    let role = |role| Target::all().role(role);
    let first = client.execute(role("storage"), "true").id("x").run_all(WAIT).expect("sent");
    assert_eq!(first.jobs.len(), 2);
    let second = client.execute(role("cpu"), "sleep").arg("600").id("x").submit().expect("sent");
    let meant = BTreeSet::from([(1, 1).into(), (2, 1).into()]);
    let stats = second.get_stats().expect("stats");
    assert_eq!(stats.keys().copied().collect::<BTreeSet<AgentId>>(), meant);
    let messages = second.get_msgs(&MsgQuery::new()).expect("messages");
    assert_eq!(messages.keys().copied().collect::<BTreeSet<AgentId>>(), meant);
    let killed = second.kill().expect("killed");
    assert_eq!(killed.keys().copied().collect::<BTreeSet<AgentId>>(), meant);
}

/// The field in the hash is that of the earlier command, byte for byte.
#[test]
fn a_job_that_ended_as_the_one_before_it_is_over() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    for target in [Target::agent((1, 1)), Target::any().into(), Target::all().into()] {
        support::fill(&mut admin, &[result("UNKNOWN_CMD", 0)]);
        let sent = client.cmd(target.clone(), "ping").id("x").submit().expect("sent");
        assert!(sent.jobs().expect("jobs").is_empty(), "{target}");
        ask::<()>(&mut admin, &[b"DEL", b"cmds.queue"]);
        ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &result("UNKNOWN_CMD", 0)]);
        ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
        assert_eq!(sent.jobs().expect("jobs").len(), 1, "{target}");
        assert_eq!(sent.progress(WAIT).expect("progress").stage, Stage::Done, "{target}");
    }
}

/// More fan-outs than a client may have broadcasts: the others poll until the agents are known.
#[test]
fn a_wait_without_a_broadcast_stops_polling_once_the_agents_are_known() {
    if !servers::has_pushes() {
        return;
    }
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let waiting: Vec<_> = (0..16)
        .map(|number| {
            let mut results =
                client.get_by_id(format!("b{number}")).results(WAIT).expect("results");
            assert!(results.poll_next().is_pending());
            assert_eq!(results.method(), Some(WaitMethod::Broadcast));
            results
        })
        .collect();
    let mut last = client.get_by_id("x").results(WAIT).expect("results");
    assert!(last.poll_next().is_pending());
    assert_eq!(last.method(), Some(WaitMethod::Polling));
    let mut admin = server.connection();
    for agent in [&b"1:1"[..], b"1:2"] {
        ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), agent, &result("RUNNING", 1)]);
    }
    ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    support::wait_until("it is notified", || {
        assert!(last.poll_next().is_pending());
        last.method() == Some(WaitMethod::Tracking)
    });
    drop(waiting);
}

#[test]
fn a_used_id_among_many_new_ones_waits_for_its_own_result() {
    let (_grid, client) = demo();
    let request =
        |id: &str, text: &str| client.execute(Target::agent((1, 1)), "echo").arg(text).id(id);
    assert_eq!(request("used", "before").run(WAIT).expect("a result").stdout(), "before\n");
    let jobs = all_accepted(|| {
        let ids = ["new 1", "used", "new 2"];
        let commands = client.submit_many(ids.map(|id| request(id, "after")));
        let commands = commands.into_iter().collect::<Result<Vec<_>, _>>()?;
        client.wait_any(commands, WAIT)?.collect()
    });
    let said: Vec<&str> = jobs.iter().map(Job::stdout).collect();
    assert_eq!(said, ["after\n"; 3]);
}
