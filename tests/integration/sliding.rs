//! Rollouts with a sliding window: a fixed number of agents run the command at a time.

use std::time::{Duration, Instant};

use acclient::{
    AgentId, CancelToken, Client, ErrorKind, Job, Outcome, Rollout, RolloutPlan, Target, Timeout,
};
use devgrid::{Fault as GridFault, Grid, RedisServer, RedisServerBuilder};
use support::gate::Gate;
use support::{LATE, WAIT, servers, wait_until, wait_until_killable, with_growing_time};

/// Six agents on one grid.
fn grid() -> (Grid, Client) {
    grid_on(RedisServer::builder())
}

fn grid_on(redis: RedisServerBuilder) -> (Grid, Client) {
    let mut builder = Grid::builder().redis(redis);
    for nid in 1..=6 {
        builder = builder.agent(1, nid, &[]);
    }
    let grid = builder.start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    (grid, client)
}

fn nids(agents: impl IntoIterator<Item = AgentId>) -> Vec<u32> {
    agents.into_iter().map(|agent| agent.nid).collect()
}

fn next(rollout: &mut Rollout) -> Job {
    rollout.next().expect("an item").expect("a result")
}

/// Agents whose commands are in flight.
fn in_flight(rollout: &Rollout) -> Vec<u32> {
    nids(rollout.in_flight().flat_map(|command| command.target().agent_ids().to_vec()))
}

#[test]
fn a_slow_agent_does_not_hold_up_the_others() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let script = format!("[ $AGENT_NID != 1 ] || {{ {}; }}", gate.wait());
    for plan in [RolloutPlan::agents(2), RolloutPlan::percent(33)] {
        let command = client.bash(Target::all(), &script);
        let mut rollout = command.rollout(plan.sliding(), WAIT).expect("a rollout");
        assert_eq!((rollout.batch_size(), rollout.not_started().len()), (2, 6));
        for nid in 2..=6 {
            assert_eq!(next(&mut rollout).agent().nid, nid);
            assert_eq!(in_flight(&rollout), [1], "the next gets it when the next result is taken");
            assert_eq!(nids(rollout.not_started()), (nid + 1..=6).collect::<Vec<u32>>());
        }
        gate.open();
        assert_eq!(next(&mut rollout).agent().nid, 1);
        assert!(rollout.next().is_none() && !rollout.is_stopped() && rollout.failures() == 0);
        assert_eq!(rollout.in_flight().len(), 0);
        gate.close();
    }
}

/// The set of watched lists grows during the wait.
#[test]
fn no_more_agents_are_at_work_than_the_window_has() {
    fills_its_window(RedisServer::builder(), "pushes");
}

#[test]
fn a_window_is_filled_where_lists_are_polled() {
    fills_its_window(servers::without_hello(), "polling");
}

fn fills_its_window(redis: RedisServerBuilder, name: &str) {
    let (_grid, client) = grid_on(redis);
    let file = format!("acclient-sliding-{}-{name}", std::process::id());
    let file = std::env::temp_dir().join(file);
    let name = file.display();
    let script = format!("echo + >> {name}; sleep 0.02; echo - >> {name}");
    for size in [1, 2, 4, 6, 100] {
        std::fs::write(&file, "").expect("a file");
        let command = client.bash(Target::all(), &script);
        let plan = RolloutPlan::agents(size).sliding();
        let mut rollout = command.rollout(plan, WAIT).expect("a rollout");
        let mut agents: Vec<u32> = Vec::new();
        for result in &mut rollout {
            agents.push(result.expect("a result").agent().nid);
        }
        agents.sort_unstable();
        assert_eq!(agents, [1, 2, 3, 4, 5, 6]);
        let seen = std::fs::read_to_string(&file).expect("a file");
        assert_eq!(seen.lines().count(), 12, "{seen}");
        let mut at_work = 0_usize;
        for line in seen.lines() {
            at_work = if line == "+" { at_work + 1 } else { at_work - 1 };
            assert!(at_work <= size, "{size}: {seen}");
        }
    }
    std::fs::remove_file(&file).expect("a file");
}

#[test]
fn failures_stop_it_and_what_is_at_work_comes_to_its_end() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let script = format!("[ $AGENT_NID != 1 ] || {{ {}; }}; [ $AGENT_NID != 3 ]", gate.wait());
    let plan = RolloutPlan::agents(2).sliding().stop_after(1);
    let command = client.bash(Target::all(), script);
    let mut rollout = command.rollout(plan, WAIT).expect("a rollout");
    assert!(next(&mut rollout).is_success());
    assert_eq!(next(&mut rollout).agent().nid, 3);
    assert!(rollout.is_stopped() && rollout.failures() == 1);
    assert_eq!((in_flight(&rollout), nids(rollout.not_started())), (vec![1], vec![4, 5, 6]));
    gate.open();
    assert_eq!(next(&mut rollout).agent().nid, 1);
    assert!(rollout.next().is_none() && rollout.not_started().len() == 3);
}

#[test]
fn an_agent_that_cannot_be_read_makes_room_and_one_that_is_silent_does_not() {
    let (grid, client) = grid();
    grid.inject(GridFault::RawResult(b"no JSON".to_vec()));
    let command = client.bash(Target::all(), "true");
    let plan = RolloutPlan::agents(1).sliding();
    let mut rollout = command.rollout(plan.clone(), WAIT).expect("a rollout");
    let unreadable = rollout.next().expect("an item").expect_err("it cannot be read");
    assert_eq!(unreadable.kind(), ErrorKind::Protocol, "{unreadable}");
    assert_eq!(nids(rollout.by_ref().map(|job| job.expect("a result").agent())), [2, 3, 4, 5, 6]);

    grid.pause_agent(1, 2);
    let (rollout, agents) = with_growing_time(Duration::from_secs(1), |wait| {
        let command = client.with_timeout(WAIT).bash(Target::all(), "true");
        let mut rollout = command.rollout(RolloutPlan::agents(2).sliding(), wait).ok()?;
        let items: Vec<_> = rollout.by_ref().collect();
        let answered: Vec<u32> = nids(items.iter().flatten().map(Job::agent));
        let silent = items.last()?.as_ref().err()?.agent()?;
        (answered.len() == 5 && silent.nid == 2).then_some((rollout, answered))
    });
    assert_eq!(agents, [1, 3, 4, 5, 6]);
    assert_eq!((in_flight(&rollout), rollout.is_stopped()), (vec![2], false));
}

#[test]
fn the_end_by_a_token_is_told_once() {
    let (grid, client) = grid();
    let cancel = CancelToken::new().expect("a token");
    let command = client.bash(Target::all(), "[ $AGENT_NID = 1 ] || exec sleep 600").killable();
    let wait = Timeout::after(WAIT).or_cancelled(&cancel);
    let plan = RolloutPlan::agents(2).sliding();
    let mut rollout = command.rollout(plan, wait).expect("a rollout");
    assert_eq!(next(&mut rollout).agent().nid, 1);
    // Before the next command is sent, which is what sees it first.
    cancel.cancel();
    let ended = rollout.next().expect("an item").expect_err("cancelled");
    assert_eq!(ended.kind(), ErrorKind::Cancelled, "{ended}");
    assert!(rollout.next().is_none() && rollout.is_stopped());
    assert_eq!((in_flight(&rollout), nids(rollout.not_started())), (vec![2], vec![3, 4, 5, 6]));
    for command in rollout.in_flight() {
        wait_until_killable(command);
        let outcomes = command.kill().expect("killed");
        assert!(outcomes.values().all(|it| matches!(it, Outcome::Done(_))), "{outcomes:?}");
    }
    wait_until("none runs", || grid.running_jobs() == 0);
}

/// A list that is added is watched from then on, and not only read once a second.
#[test]
fn one_connection_watches_all_that_is_added() {
    if !servers::has_pushes() {
        return;
    }
    let (_grid, client) = grid();
    let begun = Instant::now();
    for _ in 0..20 {
        let command = client.bash(Target::all(), "true");
        let plan = RolloutPlan::agents(2).sliding();
        let rollout = command.rollout(plan, WAIT).expect("a rollout");
        assert!(rollout.filter(Result::is_ok).count() == 6);
    }
    assert!(begun.elapsed() < LATE, "by the second: {:?}", begun.elapsed());
    let statistics = client.statistics();
    assert_eq!((statistics.tracking_waits, statistics.polling_waits), (20, 0), "{statistics:?}");
}
