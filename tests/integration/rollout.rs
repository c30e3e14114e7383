//! Commands that are rolled out in batches.

use std::time::{Duration, Instant};

use acclient::{
    AgentId, CancelToken, Client, Command, ErrorKind, Job, Outcome, Rollout, RolloutPlan, RunArgs,
    Target, Timeout,
};
use devgrid::{Fault as GridFault, Grid};
use support::proxy::{Fault, Plan, Proxy};
use support::{
    LATE, WAIT, ask, error, servers, wait_until, wait_until_killable, with_growing_time,
};

/// Ten agents with the role `cpu` on two grids, and one without.
fn grid() -> (Grid, Client) {
    let mut builder = Grid::builder().agent(3, 1, &["other"]);
    for nid in 1..=5 {
        builder = builder.agent(1, nid, &["cpu"]).agent(2, nid, &["cpu", "disk"]);
    }
    let grid = builder.start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    (grid, client)
}

fn jobs(rollout: &mut Rollout) -> Vec<Job> {
    rollout.map(|item| item.expect("a result")).collect()
}

/// Whom the commands in flight are for.
fn in_flight(rollout: &Rollout) -> Vec<String> {
    rollout.in_flight().map(|command| command.target().to_string()).collect()
}

/// Kills the commands in flight, which have to be running.
fn kill_all(rollout: &Rollout) {
    for command in rollout.in_flight() {
        let outcomes = command.kill().expect("killed");
        assert!(outcomes.values().all(|it| matches!(it, Outcome::Done(_))), "{outcomes:?}");
    }
}

#[test]
fn a_batch_begins_when_the_last_is_over() {
    let (_grid, client) = grid();
    let command = client.bash(Target::all().role("cpu"), "sleep 0.05");
    let mut rollout = command.rollout(RolloutPlan::agents(3), WAIT).expect("a rollout");
    assert_eq!((rollout.agents().len(), rollout.not_started().len()), (10, 10));
    assert_eq!((rollout.in_flight().len(), rollout.batch_size()), (0, 3));
    let first = rollout.next().expect("an item").expect("a result");
    let others = |nids: [u32; 3]| nids.into_iter().filter(|nid| *nid != first.agent().nid);
    let others: Vec<String> = others([1, 2, 3]).map(|nid| format!("1:{nid}")).collect();
    assert_eq!(in_flight(&rollout), others);
    let mut jobs = jobs(&mut rollout);
    assert_eq!(rollout.in_flight().len(), 0, "all have answered");
    jobs.insert(0, first);
    assert_eq!(jobs.len(), 10);
    let mut agents: Vec<AgentId> = jobs.iter().map(Job::agent).collect();
    for batch in jobs.chunks(3).collect::<Vec<_>>().windows(2) {
        let ended = batch[0].iter().map(|job| job.starttime().expect("it ran") + job.time()).max();
        let begun = batch[1].iter().map(|job| job.starttime().expect("it ran")).min();
        // Milliseconds are rounded down.
        assert!(begun.expect("one") + Duration::from_millis(2) >= ended.expect("one"), "{jobs:?}");
    }
    agents.sort_unstable();
    assert_eq!(agents, rollout.agents());
    assert!(!rollout.is_stopped() && rollout.failures() == 0);
    let ids: std::collections::HashSet<&str> = jobs.iter().map(Job::id).collect();
    assert_eq!(ids.len(), 10, "each agent has a command of its own");
}

#[test]
fn failures_stop_it() {
    let (_grid, client) = grid();
    let failing = || client.bash(Target::all().role("cpu").grid(1), "[ $AGENT_NID != 2 ]");
    let mut rollout =
        failing().rollout(RolloutPlan::agents(2).stop_after(1), WAIT).expect("a rollout");
    assert_eq!(jobs(&mut rollout).len(), 2, "the first batch, to its end");
    assert!(rollout.is_stopped() && rollout.failures() == 1);
    assert_eq!(rollout.in_flight().len(), 0, "the first batch is over");
    let left: Vec<u32> = rollout.not_started().map(|agent| agent.nid).collect();
    assert_eq!(left, [3, 4, 5]);
    assert!(rollout.next().is_none());
    let mut patient =
        failing().rollout(RolloutPlan::agents(2).stop_after(2), WAIT).expect("a rollout");
    assert_eq!(jobs(&mut patient).len(), 5);
    assert!(!patient.is_stopped() && patient.failures() == 1);
}

#[test]
fn an_agent_that_does_not_answer_is_a_failure_and_the_deadline_is_one_for_all() {
    let (grid, client) = grid();
    grid.pause_agent(1, 1);
    let patient = client.with_timeout(WAIT);
    let (rollout, items) = with_growing_time(Duration::from_millis(400), |wait| {
        let begun = Instant::now();
        let command = patient.bash(Target::all().role("cpu"), "exit 0");
        let mut rollout = command.rollout(RolloutPlan::percent(20), wait).ok()?;
        let items: Vec<_> = rollout.by_ref().collect();
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        items.iter().any(Result::is_ok).then_some((rollout, items))
    });
    assert_eq!(items.len(), 2, "{items:?}");
    let silent = items.iter().find_map(|item| item.as_ref().err()).expect("one says nothing");
    assert!(silent.is_timeout() && silent.agent() == Some(AgentId { gid: 1, nid: 1 }), "{silent}");
    assert!(rollout.is_stopped() && rollout.not_started().len() == 8);
}

#[test]
fn some_are_chosen_at_random() {
    let (_grid, client) = grid();
    let rollout = |count| {
        let all = client.cmd(Target::all(), "ping");
        all.rollout(RolloutPlan::percent(100).sample(count), WAIT).expect("a rollout")
    };
    let mut chosen = std::collections::HashSet::new();
    for _ in 0..40 {
        let few = rollout(3);
        assert_eq!(few.agents().len(), 3);
        assert!(few.agents().windows(2).all(|pair| pair[0] < pair[1]));
        chosen.extend(few.agents().iter().copied());
    }
    assert_eq!(chosen.len(), 11, "each is chosen now and then");
    assert_eq!((jobs(&mut rollout(100)).len(), rollout(100).batch_size()), (11, 11));
}

#[test]
fn targets_and_limits() {
    let (_grid, client) = grid();
    let one = client.cmd(Target::agent((2, 3)), "ping").rollout(RolloutPlan::agents(1), WAIT);
    assert_eq!(jobs(&mut one.expect("a rollout")).len(), 1);
    let disk = client.cmd(Target::all().role("disk").role("cpu"), "ping");
    let disk = disk.rollout(RolloutPlan::agents(50), WAIT).expect("a rollout");
    assert_eq!((disk.agents().len(), disk.batch_size()), (5, 5));
    let ping = |target: Target| client.cmd(target, "ping");
    let all = || ping(Target::all().into());
    let endless = || all().run_args(RunArgs::new().recurring_period(9));
    for (what, refused) in [
        ("no agents at a time", all().rollout(RolloutPlan::agents(0), WAIT)),
        ("no per cent", all().rollout(RolloutPlan::percent(0), WAIT)),
        ("more than all", all().rollout(RolloutPlan::percent(101), WAIT)),
        ("no failures", all().rollout(RolloutPlan::agents(1).stop_after(0), WAIT)),
        ("a sample of none", all().rollout(RolloutPlan::agents(1).sample(0), WAIT)),
        ("no time", all().rollout(RolloutPlan::agents(1), Duration::ZERO)),
        ("any agent", ping(Target::any().role("cpu").into()).rollout(RolloutPlan::agents(1), WAIT)),
        (
            "an empty list",
            ping(Target::agents::<[AgentId; 0]>([])).rollout(RolloutPlan::agents(1), WAIT),
        ),
        ("an id", all().id("x").rollout(RolloutPlan::agents(1), WAIT)),
        ("no UTF-8", all().data([0xff]).rollout(RolloutPlan::agents(1), WAIT)),
        ("no end", endless().rollout(RolloutPlan::agents(1), Timeout::none())),
    ] {
        assert_eq!(error(refused, what).kind(), ErrorKind::InvalidArgument, "{what}");
    }
    let nobody = ping(Target::all().role("gpu").into()).rollout(RolloutPlan::agents(1), WAIT);
    assert_eq!(error(nobody, "nobody has that role").kind(), ErrorKind::NoSuchAgent);
}

#[test]
fn a_deadline_leaves_in_flight_what_did_not_answer() {
    let (grid, mut rollout, items) = with_growing_time(Duration::from_secs(1), |wait| {
        let (grid, client) = grid();
        let command =
            client.bash(Target::all().grid(1), "[ $AGENT_NID = 2 ] || exec sleep 600").killable();
        let mut rollout = command.rollout(RolloutPlan::agents(3), wait).ok()?;
        let items: Vec<_> = rollout.by_ref().take(3).collect();
        items.iter().any(Result::is_ok).then_some((grid, rollout, items))
    });
    assert_eq!(items.iter().filter(|item| item.is_err()).count(), 2, "{items:?}");
    // Before anybody has asked for a batch that is not to come.
    assert!(rollout.is_stopped() && rollout.not_started().len() == 2);
    assert!(rollout.next().is_none());
    assert_eq!(in_flight(&rollout), ["1:1", "1:3"]);
    let told: Vec<&str> =
        items.iter().filter_map(|item| item.as_ref().err()?.command_handle()).collect();
    let known: Vec<String> = rollout.in_flight().map(Command::to_string).collect();
    assert_eq!(told, known);
    rollout.in_flight().for_each(wait_until_killable);
    kill_all(&rollout);
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn a_token_ends_it() {
    let (grid, client) = grid();
    let cancel = CancelToken::new().expect("a token");
    let command =
        client.bash(Target::all().grid(1), "[ $AGENT_NID = 1 ] || exec sleep 600").killable();
    let wait = Timeout::after(WAIT).or_cancelled(&cancel);
    let mut rollout = command.rollout(RolloutPlan::agents(2), wait).expect("a rollout");
    let mut first = rollout.next().expect("an item").expect("a result");
    assert_eq!(in_flight(&rollout), ["1:2"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the other is at work", || grid.running_jobs() == 1);
            cancel.cancel();
        });
        let ended = rollout.next().expect("an item").expect_err("cancelled");
        assert_eq!(ended.kind(), ErrorKind::Cancelled);
        let asked = "bash on all agents on grid 1: cancelled (after";
        assert!(ended.to_string().starts_with(asked), "{ended}");
    });
    assert!(rollout.next().is_none() && rollout.is_stopped());
    assert_eq!(rollout.not_started().len(), 3);
    assert_eq!(in_flight(&rollout), ["1:2"]);
    // The token was for the rollout, and not for what comes of it.
    first.refresh().expect("read");
    rollout.in_flight().for_each(wait_until_killable);
    kill_all(&rollout);
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn the_token_of_the_client_ends_it_too() {
    let (grid, client) = grid();
    for with_controller in [true, false] {
        let [of_client, of_wait] = [(); 2].map(|()| CancelToken::new().expect("a token"));
        let client = client.with_timeout(WAIT).with_cancel(&of_client);
        let wait = Timeout::none().or_cancelled(&of_wait);
        if !with_controller {
            grid.stop_controller();
        }
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut redis = grid.redis().connection();
                wait_until("it has begun", || match with_controller {
                    true => grid.running_jobs() == 1,
                    false => ask::<usize>(&mut redis, &[b"LLEN", b"cmds.queue"]) == 1,
                });
                of_client.cancel();
            });
            let command = client.execute(Target::all().grid(1), "sleep").arg("600");
            let ended = command
                .rollout(RolloutPlan::agents(1), wait)
                .and_then(|mut rollout| rollout.next().expect("an item"));
            assert_eq!(error(ended, "it").kind(), ErrorKind::Cancelled);
        });
        assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    }
}

#[test]
fn what_was_not_confirmed_is_in_flight_and_the_end_is_told_last() {
    let (grid, _) = grid();
    let proxy = Proxy::new(grid.redis().port());
    let client = Client::connect(&proxy.url()).expect("a client");
    let cancel = CancelToken::new().expect("a token");
    let wait = Timeout::none().or_cancelled(&cancel);
    let command = client.bash(Target::all().grid(1), "echo $AGENT_NID");
    let mut rollout = command.rollout(RolloutPlan::agents(2), wait).expect("a rollout");
    grid.redis().pause();
    proxy.passed();
    let items: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the batch is on its way", || proxy.passed()[0] > 0);
            cancel.cancel();
        });
        rollout.by_ref().collect()
    });
    grid.redis().resume();
    let errors: Vec<_> = items.into_iter().map(|item| item.expect_err("cancelled")).collect();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.is_maybe_sent(), error.agent().map(|it| it.nid)))
        .collect();
    assert_eq!(told, [(true, Some(1)), (true, Some(2)), (false, None)], "{errors:?}");
    assert!(rollout.is_stopped() && rollout.not_started().len() == 3);
    assert_eq!(in_flight(&rollout), ["1:1", "1:2"]);
    for command in rollout.in_flight() {
        let job = command.clone().next_result(WAIT).expect("it ran").expect("a result");
        assert_eq!(job.stdout(), format!("{}\n", job.agent().nid));
    }
}

#[test]
fn what_was_refused_or_cannot_be_read_is_not_in_flight() {
    if !servers::has_users() {
        return;
    }
    let (grid, client) = grid();
    let command = client.bash(Target::all().grid(1), "exit 0");
    let mut rollout =
        command.rollout(RolloutPlan::agents(1).stop_after(2), WAIT).expect("a rollout");
    grid.inject(GridFault::RawResult(b"no JSON".to_vec()));
    let unreadable = rollout.next().expect("an item").expect_err("it cannot be read");
    assert_eq!(unreadable.kind(), ErrorKind::Protocol, "{unreadable}");
    assert_eq!(rollout.in_flight().len(), 0);
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"ACL", b"SETUSER", b"default", b"-rpush"]);
    let refused = rollout.next().expect("an item").expect_err("it may not");
    ask::<()>(&mut admin, &[b"ACL", b"SETUSER", b"default", b"+rpush"]);
    assert_eq!((refused.agent(), refused.server_code()), (None, Some("NOPERM")), "{refused}");
    assert!(!refused.is_maybe_sent() && refused.command_handle().is_none(), "{refused}");
    assert_eq!(rollout.in_flight().len(), 0);
    assert!(rollout.next().is_none() && rollout.is_stopped());
    assert_eq!((rollout.failures(), rollout.not_started().len()), (2, 4));
}

#[test]
fn no_batch_begins_beside_commands_that_may_run() {
    let (grid, client) = grid();
    let mut rollout = with_growing_time(Duration::from_millis(200), |time| {
        let command = client.with_timeout(time).bash(Target::all().grid(1), "echo $AGENT_NID");
        command.rollout(RolloutPlan::agents(2), WAIT).ok()
    });
    grid.redis().pause();
    for nid in [1, 2] {
        let doubt = rollout.next().expect("an item").expect_err("not confirmed");
        assert_eq!(
            (doubt.kind(), doubt.agent().map(|it| it.nid)),
            (ErrorKind::MaybeSent, Some(nid))
        );
    }
    grid.redis().resume();
    assert!(rollout.next().is_none() && rollout.is_stopped());
    assert_eq!(
        (in_flight(&rollout), rollout.not_started().len()),
        (vec!["1:1".into(), "1:2".into()], 3)
    );
    for command in rollout.in_flight() {
        let job = command.clone().next_result(WAIT).expect("it ran").expect("a result");
        assert_eq!(job.stdout(), format!("{}\n", job.agent().nid));
    }
}

/// After the first batch no connection comes about: the next three do not, or none.
#[test]
fn while_redis_is_away_it_is_tried_again_until_the_deadline() {
    if !servers::has_users() {
        return;
    }
    let (grid, _) = grid();
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"ACL", b"SETUSER", b"bob", b"on", b"nopass", b"~*", b"+@all"]);
    let proxy = Proxy::new(grid.redis().port());
    let client = Client::builder().port(proxy.port()).user("bob").connect().expect("a client");
    let command = || client.cmd(Target::all().grid(1), "ping");
    let mut cut_off = |cuts: usize| {
        let cut = Plan::up(0, Fault::Cut);
        proxy.plan(move |number| if number < cuts { cut } else { Plan::default() });
        ask::<i64>(&mut admin, &[b"CLIENT", b"KILL", b"USER", b"bob"]);
        // Redis closes it at its leisure. A command written until then would be in doubt.
        wait_until("the connection is gone", || proxy.open() == 0);
    };

    for plan in [RolloutPlan::agents(1), RolloutPlan::agents(1).sliding()] {
        proxy.plan(|_| Plan::default());
        let connections = proxy.connections();
        let mut rollout = command().rollout(plan, WAIT).expect("a rollout");
        rollout.next().expect("an item").expect("a result");
        cut_off(3);
        assert_eq!(jobs(&mut rollout).len(), 4);
        assert!(proxy.connections() > connections + 3, "{}", proxy.connections());
        assert_eq!((rollout.failures(), rollout.is_stopped()), (0, false));
    }

    let (mut rollout, late) = with_growing_time(Duration::from_millis(700), |wait| {
        proxy.plan(|_| Plan::default());
        let begun = Instant::now();
        let mut rollout = command().rollout(RolloutPlan::agents(1), wait).ok()?;
        rollout.next()?.ok()?;
        cut_off(usize::MAX);
        let late = rollout.next().expect("an item").expect_err("no way to Redis");
        assert!(late.is_timeout() && late.agent().is_none(), "{late}");
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        late.to_string().contains("cannot connect").then_some((rollout, late))
    });
    assert!(rollout.next().is_none() && rollout.is_stopped(), "{late}");
    assert_eq!((rollout.in_flight().len(), rollout.not_started().len()), (0, 4));
}

#[test]
fn a_question_before_it_is_no_command_that_may_run() {
    let (grid, client) = grid();
    let command = client.with_timeout(Duration::from_millis(200)).cmd(Target::all(), "ping");
    grid.redis().pause();
    let refused = error(command.rollout(RolloutPlan::agents(1), WAIT), "it");
    grid.redis().resume();
    assert!(refused.is_retriable() && !refused.is_maybe_sent(), "{refused}");
    assert_eq!((refused.kind(), refused.command_handle()), (ErrorKind::Timeout, None), "{refused}");
}

#[test]
fn its_time_is_that_of_every_step() {
    let (grid, client) = grid();
    let client = client.with_timeout(WAIT);
    let ping = || client.cmd(Target::all(), "ping");
    let in_time = |begun: Instant, wait: Duration| {
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
    };
    let (rollout, items) = with_growing_time(Duration::from_millis(300), |wait| {
        let mut rollout = ping().rollout(RolloutPlan::agents(2), wait).ok()?;
        let begun = Instant::now();
        grid.redis().pause();
        let items: Vec<_> = rollout.by_ref().collect();
        in_time(begun, wait);
        grid.redis().resume();
        (items.len() == 2).then_some((rollout, items))
    });
    assert!(items.iter().all(Result::is_err), "{items:?}");
    assert!(rollout.is_stopped() && rollout.not_started().len() == 9);

    grid.stop_controller();
    let (begun, wait) = (Instant::now(), Duration::from_millis(300));
    let unknown = error(ping().rollout(RolloutPlan::agents(1), wait), "nobody can list the agents");
    assert!(unknown.is_timeout(), "{unknown}");
    in_time(begun, wait);
}
