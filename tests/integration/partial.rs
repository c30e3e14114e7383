//! Questions to many agents that end before all have answered: what has arrived is returned, and the error that
//! ended them is the outcome of each agent without an answer.

use std::time::Duration;

use acclient::{
    AgentId, CancelToken, Client, Error, ErrorKind, KillResult, MsgQuery, Outcome, Outcomes,
    ProcessQuery, Target,
};
use devgrid::Grid;
use support::{WAIT, wait_until, with_growing_time};

const AWAKE: AgentId = AgentId { gid: 1, nid: 1 };
const STOPPED: AgentId = AgentId { gid: 1, nid: 2 };

/// A grid whose controller remembers the agent 1:2, which is stopped.
fn grid() -> (Grid, Client) {
    let grid = Grid::demo_builder().routable_for(Duration::from_secs(3600)).start();
    let grid = grid.expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    grid.pause_agent(STOPPED.gid, STOPPED.nid);
    (grid, client)
}

/// What ends a call from another thread.
type End = fn(&Client, &CancelToken);
const ENDS: [(End, ErrorKind); 2] = [
    (|_, token| _ = token.cancel(), ErrorKind::Cancelled),
    (|client, _| client.close(), ErrorKind::Closed),
];

/// Makes a call, and ends it some time after `is_time`; again with more time until an agent has answered by
/// then.
fn ended<T: Clone + Send>(
    grid: &Grid,
    end: End,
    is_time: impl Fn() -> bool,
    call: impl Fn(&Client) -> Result<Outcomes<T>, Error> + Sync,
) -> Outcomes<T> {
    with_growing_time(Duration::from_millis(100), |time| {
        let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
        let token = CancelToken::new().expect("a token");
        let client = client.with_cancel(&token);
        let outcomes = std::thread::scope(|scope| {
            let outcomes = scope.spawn(|| call(&client));
            wait_until("the first agent is asked", &is_time);
            std::thread::sleep(time);
            end(&client, &token);
            outcomes.join().expect("no panic")
        });
        let outcomes = outcomes.ok()?;
        (!matches!(outcomes[&AWAKE], Outcome::Failed(_))).then_some(outcomes)
    })
}

fn check<T: std::fmt::Debug>(outcomes: &Outcomes<T>, kind: ErrorKind) {
    match &outcomes[&STOPPED] {
        Outcome::Failed(error) => {
            assert_eq!((error.kind(), error.agent()), (kind, Some(STOPPED)), "{error}");
            assert!(!error.is_final(), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_of_a_question_that_is_ended_are_kept() {
    let (grid, client) = grid();
    let agents = Target::agents([AWAKE, STOPPED]);
    let command = client.cmd(agents, "ping").submit().expect("sent");
    let handle = command.handle();
    wait_until("it is routed", || command.jobs().is_ok_and(|jobs| jobs.len() == 2));
    for (end, kind) in ENDS {
        let outcomes = ended(
            &grid,
            end,
            || true,
            |client| client.get_by_handle(&handle)?.get_msgs(&MsgQuery::new()),
        );
        assert!(matches!(outcomes[&AWAKE], Outcome::Done(_)), "{outcomes:?}");
        check(&outcomes, kind);
        let outcomes =
            ended(&grid, end, || true, |client| client.get_all_processes(&ProcessQuery::new()));
        assert!(matches!(outcomes[&AWAKE], Outcome::Done(_)), "{outcomes:?}");
        check(&outcomes, kind);
    }
}

#[test]
fn a_kill_that_is_ended_tells_what_it_killed() {
    let (grid, client) = grid();
    for (end, kind) in ENDS {
        let agents = Target::agents([AWAKE, STOPPED]);
        let command = client.execute(agents, "sleep").arg("600").submit().expect("sent");
        let hasty = client.with_timeout(Duration::from_secs(2));
        let hasty = hasty.get_by_handle(&command.handle()).expect("a command");
        wait_until("it runs", || {
            hasty.get_stats().is_ok_and(|it| matches!(it[&AWAKE], Outcome::Done(_)))
        });
        let is_over = || {
            let jobs = command.jobs().expect("jobs");
            jobs.get(&AWAKE).is_some_and(|job| job.state().is_final())
        };
        let outcomes =
            ended(&grid, end, is_over, |client| client.get_by_handle(&command.handle())?.kill());
        let killed = &outcomes[&AWAKE];
        assert!(
            matches!(killed, Outcome::Done(KillResult::Ended) | Outcome::Over(_)),
            "{killed:?}"
        );
        check(&outcomes, kind);
    }
}

#[test]
fn a_call_that_ends_before_any_answer_is_an_error() {
    let (_grid, client) = grid();
    let command = client.cmd(Target::agent(STOPPED), "ping").submit().expect("sent");
    wait_until("it is routed", || command.jobs().is_ok_and(|jobs| jobs.len() == 1));
    let token = CancelToken::new().expect("a token");
    token.cancel();
    let cancelled = client.with_cancel(&token).get_by_handle(&command.handle()).expect("a command");
    let error = support::error(cancelled.get_msgs(&MsgQuery::new()), "a question");
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
}
