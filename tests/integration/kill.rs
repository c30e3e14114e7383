//! Reach and outcome of a kill. An agent gets no second kill that it would never answer.

use std::collections::BTreeMap;
use std::time::Duration;

use acclient::{
    AgentId, Client, Command, ErrorKind, JobState, KillResult, MsgQuery, Outcome, ProcessQuery,
    ProcessStats, Request, RunArgs, Stage, Target,
};
use support::gate::Gate;
use support::patient_demo as grid;
use support::{
    WAIT, ask, error, wait_until, wait_until_it_printed, wait_until_killable, wait_until_running,
};

fn one() -> Target {
    Target::agent((1, 1))
}

/// A script that has started, and ends when the gate opens.
fn script(client: &Client, gate: &Gate, args: RunArgs) -> Command {
    let script = format!("echo started; {}", gate.wait());
    let command = client.bash(one(), script).run_args(args).submit().expect("sent");
    wait_until_it_printed(&command);
    command
}

fn submitted(request: Request) -> Command {
    let command = request.submit().expect("sent");
    wait_until_running(&command);
    wait_until("it is shown", || command.get_stats().is_ok_and(|it| it.into_result().is_ok()));
    command
}

/// The outcome on the agent 1:1.
fn killed(command: &Command) -> Outcome<KillResult> {
    let outcomes = command.kill().expect("outcomes");
    outcomes.get(&AgentId::new(1, 1)).expect("an outcome of 1:1").clone()
}

/// The same for statistics.
fn stats_of(command: &Command) -> Outcome<ProcessStats> {
    let outcomes = command.get_stats().expect("outcomes");
    outcomes.get(&AgentId::new(1, 1)).expect("an outcome of 1:1").clone()
}

fn is_ordered(outcome: &Outcome<KillResult>) -> bool {
    matches!(outcome, Outcome::Done(KillResult::Ordered))
}

fn result(command: &mut Command) -> JobState {
    command.next_result(WAIT).expect("a result").expect("the only one").state().clone()
}

/// Returns whether a kill is pending on the agent.
fn is_any_kill_pending(client: &Client) -> bool {
    let processes = client.get_processes((1, 1), &ProcessQuery::new()).expect("processes");
    processes.iter().any(|process| process.cmd["cmd"] == "kill")
}

#[test]
fn a_program_without_children_ends_at_once() {
    let (_grid, client) = grid();
    let mut command = submitted(client.execute(one(), "sleep").arg("600"));
    let outcome = killed(&command);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
    assert_eq!(result(&mut command), JobState::Killed);
    let outcome = killed(&command);
    assert!(
        matches!(&outcome, Outcome::Over(job) if job.state() == &JobState::Killed),
        "{outcome:?}"
    );
}

/// A script is a child of the shell that the agent started.
#[test]
fn a_script_goes_on_and_is_not_killed_twice() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let mut command = script(&client, &gate, RunArgs::new());
    let outcome = killed(&command);
    assert!(is_ordered(&outcome), "{outcome:?}");
    // By the same handle, by another process that has the handle string or only the id, and by the job.
    let other = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    let by_handle = other.get_by_handle(&command.handle()).expect("a handle");
    for again in [&command, &by_handle, &other.get_by_id(command.id())] {
        let outcome = killed(again);
        assert!(is_ordered(&outcome), "{outcome:?}");
    }
    let jobs = command.jobs().expect("jobs");
    assert_eq!(jobs[&AgentId::new(1, 1)].kill().expect("an answer"), KillResult::Ordered);
    assert!(!is_any_kill_pending(&client));
    assert_eq!(command.progress(WAIT).expect("progress").stage, Stage::Running);
    gate.open();
    assert_eq!(result(&mut command), JobState::Killed);
    assert_eq!(jobs[&AgentId::new(1, 1)].kill().expect("an answer"), KillResult::Ended);
}

#[test]
fn a_job_past_its_limit_is_not_sent_a_kill() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let mut command = script(&client, &gate, RunArgs::new().max_time(1));
    wait_until("its limit is over", || {
        let stats = command.get_stats().expect("stats").into_result().expect("an answer");
        stats.values().any(|it| matches!(it, Outcome::Done(stats) if stats.cmd.is_null()))
    });
    let outcome = killed(&command);
    assert!(is_ordered(&outcome), "{outcome:?}");
    assert!(!is_any_kill_pending(&client));
    let key = format!("cmd.{}.killed.1.1", command.id());
    assert_eq!(ask::<i64>(&mut grid.redis().connection(), &[b"EXISTS", key.as_bytes()]), 0);
    gate.open();
    assert_eq!(result(&mut command), JobState::Timeout);
}

#[test]
fn a_recurring_job_is_killed_between_two_runs() {
    let (_grid, client) = grid();
    let args = RunArgs::new().recurring_period(3600);
    let mut command = client.execute(one(), "true").run_args(args).submit().expect("sent");
    wait_until("it waits for its next run", || {
        let stats = command.get_stats().expect("stats").into_result().unwrap_or_default();
        stats.values().any(|it| matches!(it, Outcome::Done(stats) if stats.cmd.is_null()))
    });
    let outcome = killed(&command);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
    assert_eq!(result(&mut command), JobState::Killed);
}

/// A controller that ends while it routes a command leaves it with some of its agents.
#[test]
fn what_was_routed_in_part_can_be_killed_and_asked() {
    let (grid, client) = grid();
    let command = submitted(client.execute(one(), "sleep").arg("600"));
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"DEL", format!("cmd.{}.queued", command.id()).as_bytes()]);
    let part = client.get_by_handle(&format!("acclient:1:{}:all", command.id())).expect("a handle");
    assert!(part.get_stats().expect("stats").into_result().is_ok());
    let outcome = killed(&part);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
}

/// Who has only the id, or the handle string, does not know that there was an earlier command under it.
#[test]
fn a_job_is_killed_by_an_id_that_has_an_earlier_result() {
    let (grid, client) = grid();
    let other = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    for handle in ["acclient:1:again:1:1", "acclient:1:again:unknown"] {
        let first = || client.execute(one(), "true").id("again").run(WAIT).expect("a result");
        while first().state() != &JobState::Success {}
        let mut second = loop {
            let sent =
                client.execute(one(), "sleep").arg("600").id("again").submit().expect("sent");
            // The agent may still have the first, and refuse this one.
            wait_until("it is shown, or refused", || {
                let is_refused = state_of(&sent) == Some(JobState::DuplicateId);
                is_refused || sent.get_stats().is_ok_and(|it| it.into_result().is_ok())
            });
            if state_of(&sent) == Some(JobState::Running) {
                break sent;
            }
        };
        let found = other.get_by_handle(handle).expect("a handle");
        assert_eq!(found.progress(WAIT).expect("progress").stage, Stage::Running);
        assert!(matches!(stats_of(&found), Outcome::Done(_)));
        // Nor does a command that the agent refuses while that one runs make it look ended.
        let third = client.execute(one(), "true").id("again").submit().expect("sent");
        wait_until("it is refused", || state_of(&third) == Some(JobState::DuplicateId));
        assert_eq!(found.progress(WAIT).expect("progress").stage, Stage::Running);
        assert!(matches!(stats_of(&found), Outcome::Done(_)));
        let outcome = killed(&found);
        assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
        assert_eq!(result(&mut second), JobState::Killed);
        // Where the controller wrote late that it runs, it is over all the same.
        let running = support::result("RUNNING", 1);
        let hash = b"jobresult:again";
        ask::<()>(&mut grid.redis().connection(), &[b"HSET", hash, b"1:1", &running]);
        let outcome = killed(&found);
        assert!(matches!(outcome, Outcome::Over(_)), "{outcome:?}");
        assert!(matches!(stats_of(&found), Outcome::Over(_)));
        assert_eq!(found.progress(WAIT).expect("progress").stage, Stage::Done);
        // This holds even if the agent cannot report it.
        grid.pause_agent(1, 1);
        let short = Duration::from_secs(2);
        assert_eq!(found.progress(short).expect("progress").stage, Stage::Done);
        grid.resume_agent(1, 1);
    }
}

/// What Redis says last of the job on the first agent.
fn state_of(command: &Command) -> Option<JobState> {
    let jobs = command.jobs().expect("jobs");
    jobs.get(&(1, 1).into()).map(|job| job.state().clone())
}

/// The mark of a kill is that of one job, and not of its id.
#[test]
fn a_recurring_job_is_killed_under_the_id_of_one_that_was_killed() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let script = format!("echo started; {}", gate.wait());
    let mut first = client.bash(one(), script).id("again").submit().expect("sent");
    wait_until_it_printed(&first);
    assert!(is_ordered(&killed(&first)));
    let marked = ask::<i64>(&mut grid.redis().connection(), &[b"EXISTS", b"cmd.again.killed.1.1"]);
    assert_eq!(marked, 1);
    gate.open();
    result(&mut first);

    let args = RunArgs::new().recurring_period(3600);
    let mut second =
        client.execute(one(), "true").run_args(args).id("again").submit().expect("sent");
    wait_until("it waits for its next run", || {
        let stats = second.get_stats().expect("stats").into_result().unwrap_or_default();
        stats.values().any(|it| matches!(it, Outcome::Done(stats) if stats.cmd.is_null()))
    });
    let outcome = killed(&second);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
    assert_eq!(result(&mut second), JobState::Killed);
}

#[test]
fn a_killable_script_ends_with_its_kill_and_its_limit() {
    let (_grid, client) = grid();
    let script = || client.bash(one(), "exec sleep 600").killable();
    let mut command = submitted(script());
    wait_until_killable(&command);
    let outcome = killed(&command);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
    assert_eq!(result(&mut command), JobState::Killed);
    let job = script().run_args(RunArgs::new().max_time(1)).run(WAIT).expect("a result");
    assert_eq!(job.state(), &JobState::Timeout);
}

#[test]
fn the_mark_of_a_kill_lasts_a_day() {
    let (grid, client) = grid();
    let gate = Gate::new();
    // One that goes on: a job whose result is there needs no mark.
    let command = script(&client, &gate, RunArgs::new());
    let outcome = killed(&command);
    assert!(is_ordered(&outcome), "{outcome:?}");
    let key = format!("cmd.{}.killed.1.1", command.id());
    let ttl: i64 = ask(&mut grid.redis().connection(), &[b"TTL", key.as_bytes()]);
    assert!((1..=86_400).contains(&ttl), "{ttl}");
    gate.open();
}

/// A mark may be that of an earlier job of the same id.
#[test]
fn a_job_that_has_a_process_is_killed_whatever_the_mark() {
    let (grid, client) = grid();
    let command = submitted(client.execute(one(), "sleep").arg("600"));
    let key = format!("cmd.{}.killed.1.1", command.id());
    ask::<String>(&mut grid.redis().connection(), &[b"SET", key.as_bytes(), b"1"]);
    let outcome = killed(&command);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
}

#[test]
fn a_fan_out_tells_agents_apart() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let script = format!("echo started; [ $AGENT_NID = 2 ] || {}", gate.wait());
    let command = client.bash(Target::all().grid(1), script).submit().expect("sent");
    wait_until("it has started on 1:1", || {
        let outcomes = command.get_msgs(&MsgQuery::new()).expect("outcomes");
        matches!(&outcomes[&AgentId::new(1, 1)], Outcome::Done(messages) if !messages.is_empty())
    });
    wait_until("one is over", || {
        let jobs = command.jobs().expect("jobs");
        let states: BTreeMap<_, _> =
            jobs.iter().map(|(agent, job)| (agent.nid, job.state())).collect();
        states.get(&2) == Some(&&JobState::Success) && states.get(&1) == Some(&&JobState::Running)
    });
    let outcomes = command.kill().expect("outcomes").into_result().expect("no failure");
    assert!(is_ordered(&outcomes[&AgentId::new(1, 1)]), "{outcomes:?}");
    assert!(matches!(&outcomes[&AgentId::new(1, 2)], Outcome::Over(_)), "{outcomes:?}");
    gate.open();
}

#[test]
fn an_agent_that_does_not_answer_delays_no_other() {
    let (grid, client) = grid();
    let command = client.execute(Target::all().grid(1), "sleep").arg("600").submit().expect("sent");
    wait_until("all run it", || {
        let outcomes = command.get_stats().map(|outcomes| outcomes.into_result());
        outcomes.is_ok_and(|all| all.is_ok_and(|all| all.len() == 2))
    });
    grid.pause_agent(1, 2);
    let hasty = client.with_timeout(Duration::from_secs(4)).get_by_id(command.id());
    let outcomes = hasty.kill().expect("outcomes");
    let ended = outcomes[&AgentId::new(1, 1)].name();
    assert_eq!((ended, outcomes[&AgentId::new(1, 2)].name()), ("done", "failed"), "{outcomes:?}");
}

#[test]
fn a_stopped_agent_is_told_from_one_that_does_not_run_the_job() {
    let (grid, client) = grid();
    let command = submitted(client.execute(one(), "sleep").arg("600"));
    grid.pause_agent(1, 1);
    let hasty = client.with_timeout(Duration::from_secs(2));
    let outcomes = hasty.get_by_id(command.id()).kill().expect("outcomes");
    let failed = error(outcomes.into_result(), "a kill on a stopped agent");
    assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
    grid.resume_agent(1, 1);
    let outcome = killed(&command);
    assert!(matches!(outcome, Outcome::Done(KillResult::Ended)), "{outcome:?}");
}
