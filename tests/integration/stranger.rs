//! Surprises of first-time users of the library, each as the test that failed.

use std::thread;
use std::time::{Duration, Instant};

use acclient::{
    CancelToken, Client, Error, ErrorKind, JobState, Outcome, RolloutPlan, Target, Timeout,
};
use devgrid::{Fault, Grid, RedisServer};
use support::demo as grid;
use support::refusing::{Refusing, Verdict};
use support::{
    HASH, LATE, WAIT, ask, error, result, servers, wait_until, wait_until_running,
    with_growing_time,
};

const SHORT: Duration = Duration::from_secs(1);

#[test]
fn a_timeout_after_the_push_is_no_invitation_to_push_again() {
    let (grid, client) = grid();
    let error = client.execute(Target::agent((1, 1)), "sleep").arg("600").run(SHORT).unwrap_err();
    assert!(error.is_timeout() && !error.is_retriable(), "{error}");
    assert!(
        error.to_string().contains("still running, or lost") && error.command_handle().is_some(),
        "{error}"
    );
    // Waiting again is another matter.
    let mut again = client.get_by_handle(error.command_handle().unwrap()).unwrap();
    assert!(again.next_result(SHORT).unwrap_err().is_retriable());
    again.kill().unwrap().into_result().unwrap();
    // Nothing was pushed: the ID is not claimed, and retrying is safe.
    grid.redis().pause();
    let fresh = Client::builder().url(&grid.url()).unwrap().build().unwrap();
    let error = fresh.execute(Target::agent((1, 1)), "true").run(SHORT).unwrap_err();
    grid.redis().resume();
    assert!(error.is_timeout() && error.is_retriable(), "{error}");
    assert!(
        !error.to_string().contains("Redis has") && error.command_handle().is_none(),
        "{error}"
    );
    let error = client.get_by_id("never-sent").next_result(SHORT).unwrap_err();
    assert!(error.to_string().contains("no controller has routed a command of this id"), "{error}");
}

#[test]
fn results_that_came_while_the_caller_was_at_work_are_given_after_the_deadline() {
    let (_grid, client) = grid();
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    let mut results = with_growing_time(SHORT, |wait| {
        let mut results = command.results(wait).unwrap();
        results.next().unwrap().ok()?;
        thread::sleep(wait * 2); // at work
        Some(results)
    });
    assert_eq!(results.by_ref().filter(Result::is_ok).count(), 2);
    assert!(results.next().is_none());
    let mut late = command.results(Duration::from_millis(1)).unwrap();
    thread::sleep(Duration::from_millis(5));
    assert_eq!(late.by_ref().filter(Result::is_ok).count(), 3);
    // Those that are not there get their verdicts, and promptly.
    let slow =
        client.bash(Target::all(), "[ $AGENT_GID = 2 ] && sleep 600; true").submit().unwrap();
    wait_until("those that are quick are over", || {
        slow.jobs().unwrap().values().filter(|job| job.is_success()).count() == 2
    });
    let mut results = with_growing_time(SHORT, |wait| {
        let mut results = slow.results(wait).unwrap();
        results.next().unwrap().ok()?;
        thread::sleep(wait);
        Some(results)
    });
    let rest: Vec<_> = results.by_ref().collect();
    assert_eq!(rest.iter().filter(|result| result.is_ok()).count(), 1, "{rest:?}");
    let error = rest.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.agent().unwrap().to_string(), "2:1");
    assert!(error.elapsed().is_some());
    slow.kill().unwrap().into_result().unwrap();
}

#[test]
fn the_end_of_results_waits_for_nobody() {
    let (grid, client) = grid();
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    let cancel = CancelToken::new().unwrap();
    let mut results = command.results(Timeout::after(WAIT).or_cancelled(&cancel)).unwrap();
    assert_eq!(results.by_ref().take(3).filter(Result::is_ok).count(), 3);
    grid.redis().pause();
    let begun = Instant::now();
    assert!(results.next().is_none());
    grid.redis().resume();
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
}

#[test]
fn what_was_collected_survives_a_cancel() {
    let (_grid, client) = grid();
    let script = "[ $AGENT_GID:$AGENT_NID = 1:1 ] || sleep 600";
    // Nothing tells from outside when the result that is there has been collected.
    let collected = with_growing_time(Duration::from_millis(20), |pause| {
        let cancel = CancelToken::new().unwrap();
        let id = format!("kept {pause:?}");
        let request = client.bash(Target::all(), script).id(&id);
        let wait = Timeout::none().or_cancelled(&cancel);
        let collector = thread::spawn(move || request.run_all(wait));
        let seen = client.get_by_id(&id);
        wait_until("1:1 is over", || {
            seen.jobs().unwrap().values().any(|job| job.state() == &JobState::Success)
        });
        thread::sleep(pause);
        cancel.cancel();
        let collected = collector.join().unwrap().unwrap();
        (collected.jobs.len() == 1).then_some(collected)
    });
    let last = collected.errors.last().unwrap();
    assert_eq!((last.kind(), last.agent()), (ErrorKind::Cancelled, None));
    assert!(last.command_handle().is_some() && collected.stopped && !collected.is_success());
    client
        .get_by_handle(&collected.command.to_string())
        .unwrap()
        .kill()
        .unwrap()
        .into_result()
        .unwrap();
}

#[test]
fn polling_a_fanout_by_its_printed_form_comes_to_an_end() {
    let (_grid, client) = grid();
    let command = client.cmd(Target::all(), "ping").submit().unwrap();
    for mut found in
        [client.get_by_id(command.id()), client.get_by_handle(&command.to_string()).unwrap()]
    {
        let mut agents = Vec::new();
        wait_until("all three are polled", || {
            agents.extend(found.try_next_result().unwrap().map(|job| job.agent()));
            agents.len() == 3
        });
        agents.sort();
        agents.dedup();
        assert_eq!(agents.len(), 3, "each once");
        assert!(found.next_result(Duration::ZERO).unwrap().is_none());
        assert!(found.next_result(WAIT).unwrap().is_none());
        assert!(found.results(WAIT).unwrap().next().is_none());
    }
}

#[test]
fn a_reply_that_is_too_large_is_the_failure_of_one_agent() {
    let (grid, _) = grid();
    let client = Client::builder().url(&grid.url()).unwrap().max_reply(100_000).connect().unwrap();
    let script = "[ $AGENT_GID = 2 ] && head -c 500000 /dev/zero | tr '\\0' x; echo";
    let all = client.bash(Target::all(), script).run_all(WAIT).unwrap();
    assert_eq!((all.jobs.len(), all.errors.len()), (2, 1), "{:?}", all.errors);
    let error = &all.errors[0];
    assert_eq!((error.kind(), error.agent().unwrap().gid), (ErrorKind::Protocol, 2));
    assert!(error.to_string().contains("raise that limit"), "{error}");
}

/// Also where its list is the last one, and where nothing is pushed or nothing blocks.
#[test]
fn a_reply_that_is_too_large_names_its_agent_in_each_way_of_waiting() {
    let (grid, _) = grid();
    let script =
        "[ $AGENT_GID = 2 ] && { sleep 0.5; head -c 500000 /dev/zero | tr '\\0' x; }; echo";
    for lost in [&[][..], &["CLIENT"], &["HELLO"], &["BLMOVE", "BRPOPLPUSH"], &["CLIENT", "BLMOVE"]]
    {
        let proxy = Refusing::new(grid.redis().port(), move |command| {
            if lost.contains(&&*command[0].to_uppercase()) {
                return Verdict::Refuse("ERR command not allowed".to_owned());
            }
            Verdict::Pass
        });
        let client = Client::builder().url(&proxy.url()).unwrap().max_reply(100_000);
        let client = client.timeout(WAIT).connect().unwrap();
        let check = |way: &str, error: &Error| {
            let named = error.agent().map(|agent| agent.gid);
            assert_eq!(
                (error.kind(), named),
                (ErrorKind::Protocol, Some(2)),
                "{way} {lost:?}: {error}"
            );
            assert!(error.to_string().contains("raise that limit"), "{way} {lost:?}: {error}");
        };
        let all = client.bash(Target::all(), script).run_all(WAIT).unwrap();
        assert_eq!((all.jobs.len(), all.errors.len()), (2, 1), "{lost:?}: {:?}", all.errors);
        check("run_all", &all.errors[0]);
        let command = client.bash(Target::all(), script).submit().unwrap();
        let (jobs, errors): (Vec<_>, Vec<_>) =
            command.results(WAIT).unwrap().partition(Result::is_ok);
        assert_eq!((jobs.len(), errors.len()), (2, 1), "{lost:?}: {errors:?}");
        check("results", errors[0].as_ref().unwrap_err());
        let one = || client.bash(Target::agent((2, 1)), script);
        check("run", &error(one().run(WAIT), "run"));
        let mut sent = one().submit().unwrap();
        check("next_result", &error(sent.next_result(WAIT), "next_result"));
        check("next_result once more", &error(sent.next_result(WAIT), "next_result"));
        check("next_result of zero", &error(sent.next_result(Duration::ZERO), "next_result"));
        check("try_next_result", &error(sent.try_next_result(), "try_next_result"));
        let other = client.cmd(Target::agent((1, 1)), "ping").submit().unwrap();
        let (jobs, errors): (Vec<_>, Vec<_>) =
            client.wait_any([&sent, &other], WAIT).unwrap().partition(Result::is_ok);
        assert_eq!((jobs.len(), errors.len()), (1, 1), "{lost:?}: {errors:?}");
        check("wait_any", errors[0].as_ref().unwrap_err());
        check(
            "one of wait_any",
            &client.wait_any([&sent], WAIT).unwrap().next().unwrap().unwrap_err(),
        );
    }
}

#[test]
fn killing_everywhere_has_one_deadline() {
    // If each of them had the time for itself, it would take twenty times as long.
    let silent = 2..=21;
    let grid = { silent.clone() }.fold(Grid::builder(), |grid, nid| grid.agent(1, nid, &[]));
    let grid = grid.agent(1, 1, &[]).start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    silent.clone().for_each(|nid| grid.inject(Fault::NeverAnswer { gid: 1, nid }));
    grid.inject(Fault::DelayQueued(Duration::from_millis(700)));
    let command = client.execute(Target::all(), "sleep").arg("600").submit().unwrap();
    let time = Duration::from_secs(2);
    let hasty = client.with_timeout(time);
    let begun = Instant::now();
    let outcomes = hasty.get_by_handle(&command.to_string()).unwrap().kill().unwrap();
    assert!(begun.elapsed() < time * 10, "{:?}", begun.elapsed());
    for nid in silent {
        let silent = &outcomes[&acclient::AgentId::new(1, nid)];
        assert!(matches!(silent, Outcome::Failed(error) if error.is_timeout()), "{outcomes:?}");
    }
}

#[test]
fn a_full_server_is_waited_out() {
    let server = RedisServer::start().unwrap();
    let client = Client::connect(&server.url()).unwrap();
    let mut command = client.cmd(Target::agent((1, 1)), "ping").id("waits").submit().unwrap();
    let mut admin = server.connection();
    let waiter = thread::spawn(move || command.next_result(WAIT));
    wait_until("it waits", || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut admin).unwrap();
        clients.contains("cmd=blmove") || clients.contains("cmd=brpoplpush")
    });
    let set = |admin: &mut redis::Connection, max: &str| {
        let _: String = redis::cmd("CONFIG").arg(&["SET", "maxclients", max]).query(admin).unwrap();
    };
    set(&mut admin, "1");
    let kill = ["KILL", "TYPE", "NORMAL", "SKIPME", "YES"];
    let _: i64 = redis::cmd("CLIENT").arg(&kill).query(&mut admin).unwrap();
    wait_until("it was turned away", || {
        let info: String = redis::cmd("INFO").arg("stats").query(&mut admin).unwrap();
        info.lines().any(|line| line.starts_with("rejected_connections:") && !line.ends_with(":0"))
    });
    set(&mut admin, "1000");
    let result = r#"{"id":"waits","gid":1,"nid":1,"state":"SUCCESS","data":"x"}"#;
    let _: i64 = redis::cmd("RPUSH").arg("cmd.waits.1.1").arg(result).query(&mut admin).unwrap();
    assert_eq!(waiter.join().unwrap().unwrap().unwrap().data(), "x");
}

#[test]
fn a_command_named_twice_is_waited_for_once() {
    let (_grid, client) = grid();
    let command = client.bash(Target::agent((1, 1)), "sleep 0.2").submit().unwrap();
    let begun = Instant::now();
    assert_eq!(client.wait_any([&command, &command], WAIT).unwrap().count(), 1);
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
}

#[test]
fn commands_of_one_id_on_several_agents_are_all_waited_for() {
    for server in [support::redis(), servers::without_hello().start().unwrap()] {
        let client = Client::connect(&server.url()).unwrap();
        let handles = ["acclient:1:x:1:1", "acclient:1:x:1:2", "acclient:1:x:unknown"];
        let commands = handles.map(|handle| client.get_by_handle(handle).unwrap());
        let results = client.wait_any(&commands, WAIT).unwrap();
        let waiting = std::thread::spawn(move || {
            results.map(|job| job.unwrap().agent().nid).collect::<Vec<_>>()
        });
        support::wait_until("it waits", || client.statistics().connected > 0);
        let mut admin = server.connection();
        for agent in [&b"1:1"[..], b"1:2"] {
            let list = [b"cmd.x.1.", &agent[2..]].concat();
            ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), agent, &result("SUCCESS", 1)]);
            ask::<()>(&mut admin, &[b"RPUSH", &list, &result("SUCCESS", 1)]);
        }
        ask::<()>(&mut admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
        let mut seen = waiting.join().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [1, 1, 2, 2], "one of each by the handles, and one of each by the id");
    }
}

#[test]
fn commands_of_another_client_go_by_the_one_that_is_asked() {
    let (_grid, client) = grid();
    let (_other_grid, other) = grid();
    let sent = client.submit_many([other.execute(Target::agent((1, 1)), "echo").arg("here")]);
    let mut command = sent.into_iter().next().unwrap().unwrap();
    assert_eq!(command.next_result(WAIT).unwrap().unwrap().stdout(), "here\n");
    let elsewhere = other.get_by_handle(&command.to_string()).unwrap();
    assert_eq!(
        client.wait_any([elsewhere], WAIT).unwrap().next().unwrap().unwrap().stdout(),
        "here\n"
    );
}

#[test]
fn what_cannot_fit_is_refused_at_once() {
    let (_grid, client) = grid();
    let command = client.execute(Target::agent((1, 1)), "cat").data(vec![b'x'; 200 << 20]);
    let begun = Instant::now();
    let error = command.submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    // An unoptimised build would escape it for a minute.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    wait_until_running(
        &client.execute(Target::agent((1, 1)), "sleep").arg("600").submit().unwrap(),
    );
}

#[test]
fn a_call_that_ends_before_it_begins_says_what_it_was_for() {
    let cancel = CancelToken::new().expect("a token");
    assert!(cancel.cancel());
    let client = Client::builder().port(1).build().expect("a client");
    let ended = client.with_cancel(&cancel);
    let wait = || Timeout::after(WAIT).or_cancelled(&cancel);
    let (one, all) = (Target::agent((1, 1)), Target::from(Target::all()));
    let sent = |target: &Target| ended.execute(target.clone(), "true");
    let to_send = |target: &Target| client.execute(target.clone(), "true");
    let by_one = "execute true on agent 1:1: cancelled";
    for (error, wanted) in [
        (error(sent(&one).submit(), "submit"), by_one),
        (error(sent(&one).submit_once(), "submit_once"), by_one),
        (error(to_send(&one).run(wait()), "run"), by_one),
        (error(ended.submit_many([to_send(&one)]).remove(0), "submit_many"), by_one),
        (error(to_send(&all).run_all(wait()), "run_all"), "execute true on all agents: cancelled"),
        (
            error(to_send(&all).rollout(RolloutPlan::agents(1), wait()), "rollout"),
            "execute true on all agents: cancelled",
        ),
        (error(client.doctor(wait()), "doctor"), "checking 127.0.0.1:1: cancelled"),
        (error(ended.get_cpu_info((1, 1)), "get_cpu_info"), "get_cpu_info on agent 1:1: cancelled"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.to_string().starts_with(wanted), "{error}");
        assert_eq!(error.command_handle(), None);
    }
    let form = "acclient:1:x:1:1";
    let mut known = client.get_by_handle(form).expect("a command");
    let of_ended = ended.get_by_handle(form).expect("a command");
    for error in [
        error(known.next_result(wait()), "next_result"),
        error(known.results(wait()), "results"),
        error(client.wait_any([&known], wait()), "wait_any"),
        error(known.progress(wait()), "progress"),
        error(of_ended.jobs(), "jobs"),
        error(of_ended.retract(), "retract"),
        error(of_ended.kill(), "kill"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.to_string().contains("command x on agent 1:1: cancelled"), "{error}");
        assert_eq!(error.command_handle(), Some(form));
    }
}
