//! Any and all agents with roles: results arrive in completion order, regardless of slow or dead
//! agents.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use acclient::{
    AgentId, Client, Command, ErrorKind, Job, JobState, KillResult, MsgQuery, Outcome, RoleTarget,
    Target, WaitMethod,
};
use devgrid::{Fault, Grid, RedisServer};
use support::demo as grid;
use support::gate::Gate;
use support::{
    WAIT, ask, keys_without_ttl, redis, servers, wait_until, wait_until_killable,
    wait_until_running, with_growing_time,
};

fn agents(jobs: &[Job]) -> BTreeSet<String> {
    jobs.iter().map(|job| job.agent().to_string()).collect()
}

fn set(agents: &[&str]) -> BTreeSet<String> {
    agents.iter().map(|agent| (*agent).to_owned()).collect()
}

fn all_of(command: &Command) -> Vec<Job> {
    command.results(WAIT).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_combination_of_roles_grid_and_fanout() {
    let (grid, client) = grid();
    let everyone = ["1:1", "1:2", "2:1"];
    let roles = |fanout: bool, roles: &[&str], grid: Option<u32>| -> RoleTarget {
        let target = if fanout { Target::all() } else { Target::any() };
        let target = roles.iter().fold(target, |target, role| target.role(*role));
        grid.map_or(target.clone(), |gid| target.grid(gid))
    };
    let cases: &[(&[&str], Option<u32>, &[&str])] = &[
        (&[], None, &everyone),
        (&["*"], None, &everyone),
        (&["*", "unknown"], None, &everyone),
        (&["cpu"], None, &["1:1", "2:1"]),
        (&["storage"], None, &["1:2", "2:1"]),
        (&["cpu", "storage"], None, &["2:1"]),
        (&[], Some(1), &["1:1", "1:2"]),
        (&["cpu"], Some(1), &["1:1"]),
        (&["storage"], Some(2), &["2:1"]),
        (&["unknown"], None, &[]),
        (&["cpu", "unknown"], None, &[]),
        (&["cpu"], Some(9), &[]),
    ];
    for (names, gid, expected) in cases {
        let all = client.cmd(roles(true, names, *gid), "ping").submit().unwrap();
        let any = client.cmd(roles(false, names, *gid), "ping").run(WAIT);
        if expected.is_empty() {
            let results: Vec<_> = all.results(WAIT).unwrap().collect();
            let [Err(error)] = results.as_slice() else { panic!("{names:?}: {results:?}") };
            assert_eq!(error.kind(), ErrorKind::NoSuchAgent);
            assert_eq!(any.unwrap_err().kind(), ErrorKind::NoSuchAgent);
        } else {
            assert_eq!(agents(&all_of(&all)), set(expected), "{names:?} on {gid:?}");
            assert!(set(expected).contains(&any.unwrap().agent().to_string()), "{names:?}");
        }
    }
    let refused = client.cmd(Target::all(), "ping").run(WAIT).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    for wrong in [Target::any().role(""), Target::any().role("a\0"), Target::all().grid(0)] {
        assert_eq!(
            client.cmd(wrong, "ping").submit().unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
    drop(client);
    assert_eq!(keys_without_ttl(grid.redis()), [""; 0]);
}

/// A script that sleeps on one agent only.
fn slow_on(agent: &str, seconds: &str) -> String {
    format!("[ $AGENT_GID:$AGENT_NID = {agent} ] && exec sleep {seconds}; echo done")
}

#[test]
fn one_slow_among_fifty_holds_nobody_up() {
    let numbers: Vec<u32> = (1..=50).collect();
    let builder = numbers.iter().fold(Grid::builder(), |grid, nid| grid.agent(1, *nid, &["many"]));
    let grid = builder.start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let slow = client.bash(Target::all().role("many"), slow_on("1:7", "600")).killable();
    let command = slow.submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..49 {
        let job = results.next().unwrap().unwrap();
        assert_ne!(job.agent().nid, 7);
        assert!(seen.insert(job.agent()), "{} twice", job.agent());
    }
    assert_eq!((results.remaining(), results.method()), (1, Some(servers::fan_out_method())));
    wait_until_killable(&command);
    client.get_by_handle(&command.to_string()).unwrap().kill().unwrap().into_result().unwrap();
    let last = results.next().unwrap().unwrap();
    assert_eq!((last.agent().nid, last.state()), (7, &JobState::Killed));
    assert!(results.next().is_none());
    assert!(results.next().is_none());
}

#[test]
fn those_that_did_not_answer_get_a_verdict_each() {
    let (grid, client) = grid();
    grid.kill_agent(1, 2);
    grid.pause_agent(2, 1);
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    let results = with_growing_time(Duration::from_millis(500), |wait| {
        let begun = Instant::now();
        let results: Vec<_> = command.results(wait).unwrap().collect();
        assert!(begun.elapsed() >= wait);
        results[0].is_ok().then_some(results)
    });
    assert_eq!(results[0].as_ref().unwrap().agent().to_string(), "1:1", "what did answer is kept");
    let verdicts: Vec<_> = results[1..].iter().map(|result| result.as_ref().unwrap_err()).collect();
    assert!(verdicts.iter().all(|error| error.is_timeout()), "{verdicts:?}");
    let missing: Vec<_> = verdicts.iter().map(|error| error.agent().unwrap().to_string()).collect();
    assert_eq!(missing, ["1:2", "2:1"]);
    assert!(verdicts[0].to_string().contains("no result from agent 1:2"), "{}", verdicts[0]);
    // They answer when they are back, and a later reader gets all results.
    grid.resume_agent(2, 1);
    grid.start_agent(1, 2, &["storage"]);
    assert_eq!(agents(&all_of(&command)), set(&["1:1", "1:2", "2:1"]));
}

#[test]
fn without_a_controller_there_is_one_verdict() {
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    grid.stop_controller();
    let mut command = client.cmd(Target::all(), "ping").submit().unwrap();
    with_growing_time(Duration::from_millis(50), |wait| {
        let results: Vec<_> = command.results(wait).unwrap().collect();
        let [Err(error)] = results.as_slice() else { panic!("{results:?}") };
        assert!(error.is_timeout() && error.agent().is_none(), "{error}");
        error.to_string().contains("no controller has routed the command").then_some(())
    });
    assert!(command.next_result(Duration::from_millis(50)).unwrap_err().is_timeout());
    assert!(command.try_next_result().unwrap().is_none());
    grid.start_controller();
    let mut jobs = Vec::new();
    while let Some(job) = command.next_result(WAIT).unwrap() {
        jobs.push(job);
    }
    assert_eq!(agents(&jobs), set(&["1:1", "1:2", "2:1"]));
    assert!(command.try_next_result().unwrap().is_none());
}

#[test]
fn running_written_after_the_result_and_late_routing_change_nothing() {
    let (grid, client) = grid();
    grid.inject(Fault::RunningAfterTerminal);
    grid.inject(Fault::DelayQueued(Duration::from_millis(100)));
    for _ in 0..20 {
        let command = client.execute(Target::all(), "true").submit().unwrap();
        let jobs = all_of(&command);
        assert_eq!(jobs.len(), 3);
        assert!(jobs.iter().all(Job::is_success), "{jobs:?}");
    }
}

#[test]
fn an_id_used_twice_in_a_fanout() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let start = |text: &str| {
        let script = format!("{}; echo {text}", gate.wait());
        client.bash(Target::all(), script).id("twice").submit().unwrap()
    };
    let first = start("first");
    wait_until("it runs everywhere", || {
        let jobs = first.jobs().unwrap();
        jobs.len() == 3 && jobs.values().all(|job| job.state() == &JobState::Running)
    });
    let second = start("second");
    let reader = {
        let second = second.clone();
        thread::spawn(move || all_of(&second))
    };
    wait_until("the agents refused the second", || {
        let jobs = second.jobs().unwrap();
        jobs.values().all(|job| job.state() == &JobState::DuplicateId)
    });
    gate.open();
    for jobs in [all_of(&first), reader.join().unwrap()] {
        assert_eq!(jobs.len(), 3);
        assert!(jobs.iter().all(|job| job.stdout() == "first\n"), "{jobs:?}");
    }
}

/// What the test below runs in another process: this very program, with this variable set.
const READER: &str = "ACCLIENT_TEST_READ";

#[test]
fn another_process_reads_the_same_results() {
    if let Ok(printed) = std::env::var(READER) {
        let client = Client::connect(&std::env::var("ACCLIENT_URL").unwrap()).unwrap();
        let command = client.get_by_handle(&printed).unwrap();
        for job in all_of(&command) {
            println!("read {} {}", job.agent(), job.state());
        }
        return;
    }
    let (grid, client) = grid();
    let command = client.bash(Target::all(), slow_on("2:1", "0.5")).submit().unwrap();
    let reader = || {
        let mut process = support::alone::program_for(support::this_test!());
        process.env(READER, command.to_string()).env("ACCLIENT_URL", grid.url());
        process.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    // One reader is killed midway, as in a crash; one runs in parallel; one starts when all is over.
    let mut crashed = reader();
    crashed.kill().unwrap();
    crashed.wait().unwrap();
    let beside = reader();
    assert_eq!(agents(&all_of(&command)), set(&["1:1", "1:2", "2:1"]));
    for process in [beside, reader()] {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let read: BTreeSet<String> = text
            .lines()
            .filter_map(|line| {
                line.split("read ").nth(1)?.strip_suffix(" SUCCESS").map(str::to_owned)
            })
            .collect();
        assert_eq!(read, set(&["1:1", "1:2", "2:1"]), "{text}");
    }
}

#[test]
fn wait_any_gives_each_result_once_in_order_of_completion() {
    let (grid, client) = grid();
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let waiting = |gate: &Gate| client.bash(Target::agent((1, 1)), gate.wait()).submit().unwrap();
    let mut commands: Vec<Command> = gates.iter().map(waiting).collect();
    commands.push(client.cmd(Target::all(), "ping").submit().unwrap());
    commands.push(client.cmd(Target::agent((9, 9)), "ping").submit().unwrap());
    let ids: Vec<String> = commands.iter().map(|command| command.id().to_owned()).collect();
    let mut results = client.wait_any(&commands, WAIT).unwrap();
    let (mut order, mut nobody) = (Vec::new(), 0);
    gates[1].open();
    for result in &mut results {
        match result {
            Ok(job) => {
                let index = ids.iter().position(|id| id == job.id()).unwrap();
                order.push(index);
                // One ends after the other: the second, the third, the first.
                match index {
                    1 => gates[2].open(),
                    2 => gates[0].open(),
                    _ => {}
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSuchAgent);
                assert!(error.command_handle().unwrap().contains(&ids[4]), "{error}");
                nobody += 1;
            }
        }
    }
    assert_eq!(nobody, 1);
    let gated: Vec<usize> = order.iter().copied().filter(|index| *index < 3).collect();
    assert_eq!(gated, [1, 2, 0]);
    assert_eq!(order.iter().filter(|index| **index == 3).count(), 3);
    assert!(client.wait_any([] as [Command; 0], WAIT).unwrap().next().is_none());
    drop((results, client));
    assert_eq!(keys_without_ttl(grid.redis()), [""; 0]);
}

#[test]
fn submit_many_gives_each_its_outcome() {
    let (_grid, client) = grid();
    let echo = |number: u32| client.execute(Target::any(), "echo").arg(number.to_string());
    let mut orders: Vec<_> = (0..300).map(echo).collect();
    orders.insert(100, client.execute(Target::agent((0, 1)), "true"));
    orders.insert(200, client.execute(Target::any(), "true").data(b"\xff"));
    let outcomes = client.submit_many(orders);
    assert_eq!(outcomes.len(), 302);
    let mut commands = Vec::new();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(command) => commands.push(command),
            Err(error) => {
                assert!(index == 100 || index == 200, "{index}: {error}");
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            }
        }
    }
    let mut numbers: Vec<u32> = client
        .wait_any(commands, WAIT)
        .unwrap()
        .map(|job| job.unwrap().stdout().trim().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    assert!(client.submit_many([]).is_empty());
}

#[test]
fn submit_many_goes_on_behind_many_that_are_refused() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let name = |number: usize| if number < 2200 { "" } else { "ping" };
    let commands = (0..2500).map(|number| client.cmd(Target::agent((1, 1)), name(number)));
    let outcomes = client.submit_many(commands);
    assert_eq!(outcomes.len(), 2500);
    let refused = outcomes.iter().take_while(|outcome| outcome.is_err()).count();
    assert_eq!((refused, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (2200, 300));
}

/// Commands that do not fit into the timeout are not sent, and only those in flight are in doubt.
#[test]
fn submit_many_ends_with_its_time_however_much_there_is() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let data = "x".repeat(1_000_000);
    let commands = (0..200).map(|_| client.bash(Target::agent((1, 1)), &data));
    let outcomes = client.with_timeout(Duration::from_millis(20)).submit_many(commands);
    let sent = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let doubts =
        outcomes.iter().filter_map(|it| it.as_ref().err()).filter(|it| it.is_maybe_sent()).count();
    assert!(doubts <= 3 && sent + doubts < 200, "{sent} sent, {doubts} in doubt");
    let last = outcomes.last().expect("one").as_ref().expect_err("too late");
    assert!(last.is_timeout() && last.is_retriable(), "{last}");
    assert!(last.to_string().contains("this command was not sent"), "{last}");
    // The commands in doubt may arrive now.
    let there = || ask::<usize>(&mut server.connection(), &[b"LLEN", b"cmds.queue"]);
    assert!((sent..=sent + doubts).contains(&there()), "{} of {sent} and {doubts}", there());
}

#[test]
fn submit_many_to_a_server_that_is_gone() {
    let (grid, client) = grid();
    grid.redis().kill();
    let outcomes = client.submit_many((0..3).map(|_| client.execute(Target::any(), "true")));
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.is_maybe_sent()), (ErrorKind::Connect, false), "{error}");
        assert!(error.to_string().starts_with("execute true on any agent: "), "{error}");
    }
}

#[test]
fn kill_stats_and_messages_find_the_agents() {
    let (grid, client) = grid();
    let script = "echo hello $AGENT_NID; [ $AGENT_GID:$AGENT_NID = 1:2 ] || exec sleep 600";
    let command = client.bash(Target::all(), script).killable().submit().unwrap();
    wait_until("1:2 is over and the others run", || {
        let jobs = command.jobs().unwrap();
        let states: Vec<_> = jobs.values().map(Job::state).collect();
        states == [&JobState::Running, &JobState::Success, &JobState::Running]
    });
    // A process that was only just forked has no memory of its own yet.
    wait_until("those that run have memory", || {
        command.get_stats().unwrap().iter().all(|(agent, outcome)| match outcome {
            Outcome::Done(stats) => stats.rss > 0,
            Outcome::Over(job) => job.is_success() && agent.to_string() == "1:2",
            Outcome::Failed(error) => panic!("{agent}: {error}"),
        })
    });
    wait_until("each has logged its line", || {
        let messages = command.get_msgs(&MsgQuery::new().levels("1")).unwrap();
        assert_eq!(messages.len(), 3);
        messages.iter().all(|(agent, outcome)| {
            let expected = format!("hello {}", agent.nid);
            matches!(outcome, Outcome::Done(found) if found.len() == 1 && found[0].data == expected)
        })
    });
    let refused = command.get_msgs(&MsgQuery::new().levels("x")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    grid.pause_agent(2, 1);
    let hasty = client.with_timeout(Duration::from_secs(3));
    let outcomes = hasty.get_by_handle(&command.to_string()).unwrap().kill().unwrap();
    let of = |gid, nid| &outcomes[&AgentId::new(gid, nid)];
    assert!(matches!(of(1, 1), Outcome::Done(_)), "{outcomes:?}");
    assert!(matches!(of(1, 2), Outcome::Over(job) if job.is_success()), "{outcomes:?}");
    assert!(matches!(of(2, 1), Outcome::Failed(error) if error.is_timeout()), "{outcomes:?}");
    assert!(outcomes.into_result().unwrap_err().is_timeout());
    // Nothing was ordered of an agent that does not say whether it runs the job.
    grid.resume_agent(2, 1);
    let again = command.kill().unwrap();
    assert!(matches!(again[&AgentId::new(2, 1)], Outcome::Done(KillResult::Ended)), "{again:?}");
    let jobs = all_of(&command);
    let killed: Vec<_> = jobs.iter().filter(|job| job.state() == &JobState::Killed).collect();
    assert_eq!(killed.len(), 2, "{jobs:?}");
}

#[test]
fn a_shell_line_on_a_target_gives_everything_back() {
    let (grid, client) = grid();
    let line = "echo out $AGENT_NID; echo err >&2; echo '20::[1]'; [ $AGENT_GID = 1 ]";
    let all = client.bash(Target::all(), line).run_all(WAIT).unwrap();
    assert!(!all.is_success() && !all.stopped && all.errors.is_empty());
    assert_eq!(all.jobs.len(), 3);
    for job in &all.jobs {
        assert_eq!(job.stdout(), format!("out {}\n", job.agent().nid));
        assert_eq!((job.stderr(), job.data()), ("err\n", "[1]"));
    }
    let failed: Vec<_> = all.failed().map(|job| job.agent().gid).collect();
    assert_eq!(failed, [2]);

    let gate = Gate::new();
    let line = format!(
        "case $AGENT_GID:$AGENT_NID in 1:1) true;; 1:2) {}; false;; 2:1) exec sleep 600;; esac",
        gate.wait()
    );
    let mut stopped = thread::scope(|scope| {
        scope.spawn(|| {
            let same = client.get_by_id("stopped");
            wait_until("1:1 is over", || same.jobs().unwrap().values().any(Job::is_success));
            gate.open();
        });
        client.bash(Target::all(), line).killable().id("stopped").run_until_failure(WAIT).unwrap()
    });
    assert!(stopped.stopped && !stopped.is_success());
    let states: Vec<_> = stopped.jobs.iter().map(Job::state).collect();
    assert_eq!(states, [&JobState::Success, &JobState::Error], "what the others returned is kept");
    wait_until_killable(&stopped.command);
    stopped.command.kill().unwrap().into_result().unwrap();
    let rest = stopped.command.next_result(WAIT).unwrap().expect("the one that was killed");
    assert_eq!((rest.agent().gid, rest.state()), (2, &JobState::Killed));
    assert!(stopped.command.next_result(WAIT).unwrap().is_none(), "not what was collected");

    grid.kill_agent(1, 1);
    let some = with_growing_time(Duration::from_millis(500), |wait| {
        let some = client.bash(Target::all().grid(1), "true").run_all(wait).unwrap();
        (some.jobs.len() == 1).then_some(some)
    });
    assert_eq!(some.errors.len(), 1);
    assert_eq!(some.errors[0].agent(), Some(AgentId::new(1, 1)));
}

#[test]
fn a_server_that_does_not_tell_is_looked_at() {
    // The daemons of the grid use the default user.
    let forbidden = RedisServer::builder().user_acl("few on nopass ~* +@all -client");
    let forbidden = servers::has_users().then_some((forbidden, Some("few")));
    let servers = [Some((servers::without_hello(), None)), forbidden];
    for (redis, user) in servers.into_iter().flatten() {
        let grid = Grid::builder().agent(1, 1, &[]).agent(1, 2, &[]).agent(1, 3, &[]).redis(redis);
        let grid = grid.start().unwrap();
        let client = Client::builder().port(grid.redis().port());
        let client = user.map_or(client.clone(), |user| client.user(user)).connect().unwrap();
        let gate = Gate::new();
        let script = format!("[ $AGENT_NID = 2 ] && {{ {}; }}; echo done", gate.wait());
        let command = client.bash(Target::all(), script).submit().unwrap();
        let mut results = command.results(WAIT).unwrap();
        for _ in 0..2 {
            assert_ne!(results.next().unwrap().unwrap().agent().nid, 2);
        }
        assert_eq!(results.method(), Some(WaitMethod::Polling));
        gate.open();
        let rest: Vec<_> = results.map(|job| job.unwrap().agent().nid).collect();
        assert_eq!(rest, [2]);
    }
}

#[test]
fn one_unreadable_result_does_not_stop_the_others() {
    let (grid, client) = grid();
    grid.inject(Fault::RawResult(b"not json".to_vec()));
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    let results: Vec<_> = command.results(WAIT).unwrap().collect();
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!((results.len(), errors.len()), (3, 1));
    assert_eq!(errors[0].kind(), ErrorKind::Protocol);
    assert!(errors[0].agent().is_some());
}

#[test]
fn an_iterator_holds_one_connection_until_it_is_done() {
    let grid = Grid::demo().unwrap();
    let client = Client::builder().url(&grid.url()).unwrap().max_connections(1).connect().unwrap();
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    results.next().unwrap().unwrap();
    let first_within = |wait| command.results(wait).unwrap().next().unwrap();
    let held_up = first_within(Duration::from_millis(30));
    assert_eq!(held_up.unwrap_err().kind(), ErrorKind::PoolExhausted);
    assert_eq!(results.by_ref().count(), 2);
    first_within(WAIT).unwrap();
    let mut dropped = command.results(WAIT).unwrap();
    dropped.next().unwrap().unwrap();
    drop(dropped);
    first_within(WAIT).unwrap();
}

#[test]
fn cancelling_and_closing_end_an_iterator() {
    let (_grid, client) = grid();
    let cancel = acclient::CancelToken::new().unwrap();
    let command = client.execute(Target::all(), "sleep").arg("600").submit().unwrap();
    wait_until_running(&command);
    let mut results = command.results(acclient::Timeout::none().or_cancelled(&cancel)).unwrap();
    let waiter = thread::spawn(move || {
        let first = results.next().unwrap().unwrap_err();
        (first, results.next().is_none())
    });
    cancel.cancel();
    let (error, is_over) = waiter.join().unwrap();
    assert_eq!((error.kind(), is_over), (ErrorKind::Cancelled, true));
    let mut results = command.results(None).unwrap();
    let waiter = thread::spawn(move || results.next().unwrap().unwrap_err());
    client.close();
    assert_eq!(waiter.join().unwrap().kind(), ErrorKind::Closed);
}
