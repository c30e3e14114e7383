//! Commands for agents that the controller does not know.

use acclient::{
    AgentId, Client, Command, Error, ErrorKind, MsgQuery, Outcome, Outcomes, Stage, Target,
};
use support::patient_demo as grid;
use support::{WAIT, error, wait_until};

/// A command that is answered.
fn answered(client: &Client, target: impl Into<Target>) -> Command {
    let command = client.execute(target, "true").submit().expect("sent");
    let results: Vec<_> = command.results(WAIT).expect("results").collect();
    assert!(results.iter().all(|result| !result.as_ref().is_err_and(Error::is_timeout)));
    command
}

/// The errors of everything that asks about a command.
fn errors(command: &Command) -> Vec<(&'static str, Error)> {
    vec![
        ("jobs", error(command.jobs(), "jobs")),
        ("progress", error(command.progress(WAIT), "progress")),
        ("kill", error(command.kill(), "kill")),
        ("stats", error(command.get_stats(), "stats")),
        ("messages", error(command.get_msgs(&MsgQuery::new()), "messages")),
    ]
}

#[test]
fn everything_says_that_there_is_no_such_agent() {
    let (_grid, client) = grid();
    let one = Target::agent((9, 9));
    let targets =
        [one, Target::all().role("none").into(), Target::any().role("none").grid(1).into()];
    for target in targets {
        let command = answered(&client, target);
        for command in [&command, &client.get_by_id(command.id())] {
            for (what, error) in errors(command) {
                assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{what}: {error}");
                assert!(error.job().is_some(), "{what}");
            }
        }
    }
}

#[test]
fn an_agent_of_a_list_that_does_not_exist() {
    let (_grid, client) = grid();
    let (there, nobody) = (AgentId::new(1, 1), AgentId::new(9, 9));
    let command = answered(&client, Target::agents([there, nobody]));
    let jobs = command.jobs().expect("jobs");
    assert_eq!(jobs.keys().collect::<Vec<_>>(), [&there]);
    let progress = command.progress(WAIT).expect("progress");
    assert_eq!(progress.stage, Stage::Done);
    assert_eq!(progress.agents.keys().collect::<Vec<_>>(), [&there]);
    fn check<T: std::fmt::Debug>(outcomes: Outcomes<T>, nobody: AgentId) {
        assert_eq!(outcomes.len(), 2);
        let failed = |outcome: &Outcome<T>| match outcome {
            Outcome::Failed(error) => Some((error.kind(), error.agent())),
            _ => None,
        };
        let failures: Vec<_> = outcomes.values().filter_map(failed).collect();
        assert_eq!(failures, [(ErrorKind::NoSuchAgent, Some(nobody))], "{outcomes:?}");
    }
    check(command.kill().expect("outcomes"), nobody);
    check(command.get_stats().expect("outcomes"), nobody);
    wait_until("the agent answers about its log", || {
        command.get_msgs(&MsgQuery::new()).expect("outcomes").len() == 2
    });
    check(command.get_msgs(&MsgQuery::new()).expect("outcomes"), nobody);

    let command = answered(&client, Target::agents([(8, 8), (9, 9)]));
    assert_eq!(error(command.jobs(), "jobs of nobody").kind(), ErrorKind::NoSuchAgent);
    assert_eq!(error(command.progress(WAIT), "progress").kind(), ErrorKind::NoSuchAgent);
    assert_eq!(command.kill().expect("outcomes").len(), 2);
}
