//! Jobs that an agent has fetched and does not run: those of its queues, and those of an agent that is full.

use std::time::Duration;

use acclient::{
    AgentId, Client, Command, Error, ErrorKind, JobState, KillResult, Outcome, Progress, RunArgs,
    Stage, Target, Verdict,
};
use devgrid::{Fault, Grid};
use support::gate::Gate;
use support::patient_demo as grid;
use support::{
    WAIT, error, wait_until, wait_until_it_printed, wait_until_running, with_growing_time,
};

const AGENT: AgentId = AgentId::new(1, 1);

fn one() -> Target {
    Target::agent((1, 1))
}

fn in_queue(client: &Client, script: &str) -> Command {
    let args = RunArgs::new().queue("a queue");
    let command = client.bash(one(), script).run_args(args).submit().expect("sent");
    wait_until_running(&command);
    command
}

fn progress(command: &Command) -> Progress {
    command.progress(WAIT).expect("progress")
}

#[test]
fn a_job_behind_another_of_its_queue() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let first = in_queue(&client, &gate.wait());
    let mut second = in_queue(&client, "echo done");
    assert_eq!(progress(&first).stage, Stage::Running);
    let waiting = progress(&second);
    assert_eq!(waiting.agents[&AGENT], Stage::QueuedOnAgent);
    assert_eq!(waiting.stage, Stage::QueuedOnAgent);
    let other = Client::connect(&grid.url()).expect("a client");
    let by_handle = other.get_by_handle(&second.handle()).expect("a handle");
    assert_eq!(progress(&by_handle).stage, Stage::QueuedOnAgent);
    // Its id alone does not tell of the queue.
    assert_eq!(progress(&other.get_by_id(second.id())).stage, Stage::Unknown);

    let refused =
        error(second.kill().expect("outcomes").into_result(), "a kill that reaches nothing");
    assert_eq!(refused.kind(), ErrorKind::NotRunning, "{refused}");
    assert_eq!(refused.agent(), Some(AGENT));
    assert!(refused.to_string().contains("waits in a queue of the agent"), "{refused}");
    let job = second.jobs().expect("jobs").remove(&AGENT).expect("a job");
    assert_eq!(error(job.kill(), "the same of a job").kind(), ErrorKind::NotRunning);
    for unknown in [
        error(second.get_stats().expect("outcomes").into_result(), "statistics of the command"),
        error(job.get_stats(), "statistics of the job"),
    ] {
        assert_eq!(unknown.kind(), ErrorKind::JobFailed, "{unknown}");
        assert!(unknown.to_string().contains("only while the job is running"), "{unknown}");
    }

    gate.open();
    let job = second.next_result(WAIT).expect("a result").expect("the only one");
    assert_eq!((job.state(), job.stdout()), (&JobState::Success, "done\n"));
}

/// A job that is ending is not among the processes of its agent.
#[test]
fn a_job_behind_one_that_was_killed_and_goes_on() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let first = in_queue(&client, &format!("echo started; {}", gate.wait()));
    wait_until_it_printed(&first);
    let second = in_queue(&client, "true");
    let outcome = first.kill().expect("outcomes")[&AGENT].clone();
    assert!(matches!(outcome, Outcome::Done(KillResult::Ordered)), "{outcome:?}");
    assert_eq!(progress(&second).stage, Stage::QueuedOnAgent);
    gate.open();
    wait_until("it has run", || progress(&second).stage == Stage::Done);
}

#[test]
fn lost_is_said_only_of_what_cannot_come() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let first = in_queue(&client, &gate.wait());
    let second = in_queue(&client, "true");
    grid.kill_agent(1, 1);
    grid.start_agent(1, 1, &["cpu"]);
    client.ping_agent((1, 1)).expect("it is back");
    for command in [&first, &second] {
        assert_eq!(progress(command).stage, Stage::Lost, "its queue is free");
        assert_eq!(progress(&client.get_by_id(command.id())).stage, Stage::Unknown);
    }
    let without = client.execute(one(), "sleep").arg("600").submit().expect("sent");
    wait_until_running(&without);
    grid.kill_agent(1, 1);
    grid.start_agent(1, 1, &["cpu"]);
    client.ping_agent((1, 1)).expect("it is back");
    assert_eq!(progress(&without).stage, Stage::Lost, "it has no queue");
}

/// The error of a ping that is not answered, once there is time enough to say why.
fn silence(client: &Client, why: &str) -> Error {
    with_growing_time(Duration::from_secs(1), |wait| {
        let silent = error(client.with_timeout(wait).ping_agent((1, 1)), "a ping");
        assert_eq!(silent.kind(), ErrorKind::Timeout, "{silent}");
        assert!(silent.is_retriable() && silent.elapsed() >= Some(wait), "{silent}");
        silent.to_string().contains(why).then_some(silent)
    })
}

#[test]
fn a_full_agent_is_told_from_one_that_is_down() {
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    let full = Fault::FullAgent { gid: 1, nid: 1 };
    grid.inject(full.clone());
    let diagnosis = client.doctor(Duration::from_secs(10)).expect("a diagnosis");
    let check = diagnosis.checks.iter().find(|check| check.name == "agent 1:1").expect("a check");
    assert_eq!(check.verdict, Verdict::Bad, "{diagnosis}");
    assert!(check.found.contains("it has fetched the ping"), "{diagnosis}");
    assert!(check.advice.contains("100 jobs"), "{diagnosis}");
    // That ping has taken the place of the one command that a full agent fetches.
    silence(&client, "has not fetched the command");
    grid.clear_faults();
    client.ping_agent((1, 1)).expect("there is room");
}
