//! Plain commands under an id that was used before: a wait returns the result of this command, not what Redis has
//! of the earlier one.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use acclient::{Client, Error, Job, JobState, Request, Target};
use devgrid::RedisServer;
use support::{HASH, LIST, WAIT, ask, demo, error, redis, result};

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

/// The result of a command that the agent has not refused: it knows a job for a moment after its result.
fn accepted(request: impl Fn() -> Request) -> Job {
    loop {
        let job = request().run(WAIT).expect("a result");
        if job.state() != &JobState::DuplicateId {
            return job;
        }
    }
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
                let jobs = loop {
                    let request = client.bash(target.clone(), &script).id(&id);
                    let jobs = way(&client, request, agents);
                    let jobs = jobs.unwrap_or_else(|it| panic!("{id}, {round}: {it}"));
                    // An agent knows a job for a moment after its result, and refuses the next one.
                    if jobs.iter().all(|job| job.state() != &JobState::DuplicateId) {
                        break jobs;
                    }
                };
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

#[test]
fn an_old_result_does_not_end_a_wait() {
    for server in
        [redis(), RedisServer::builder().arg("--rename-command", "HELLO \"\"").start().unwrap()]
    {
        let client = Client::connect(&server.url()).expect("a client");
        let mut admin = server.connection();
        let old = result("SUCCESS", 1);
        ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"1:1", &old]);
        ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &old]);
        ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
        let time = Duration::from_millis(400);
        let ping = |target: Target| client.cmd(target, "ping").id("x");
        for ended in [
            error(ping(Target::agent((1, 1))).run(time), "run"),
            error(ping(Target::agent((1, 1))).submit().unwrap().next_result(time), "next"),
            error(ping(Target::all().into()).submit().unwrap().next_result(time), "all"),
            error(ping(Target::any().into()).run(time), "any"),
        ] {
            assert!(ended.is_timeout(), "{ended}");
        }
        // Who knows the id alone reads what there is.
        assert!(client.get_by_id("x").next_result(WAIT).expect("a result").is_some());
    }
}
