//! The permissions that docs/redis.md lists for a Redis user are sufficient; and the errors where
//! one is missing.

use std::fs;
use std::path::Path;

use acclient::{Client, ErrorKind, JobState, Stage, Target, Verdict, WaitMethod};
use devgrid::{Grid, RedisServer};
use support::{WAIT, error, servers};

/// The rules of the documentation for this Redis, without name and password: the first ones that it takes.
/// `None`: it has no users.
fn rules() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/redis.md");
    let text = fs::read_to_string(path).expect("docs/redis.md");
    let lines = text.lines().filter_map(|line| line.strip_prefix("user grid on >secret "));
    let takes = |rules: &&str| {
        RedisServer::builder().user_acl(&format!("grid on >secret {rules}")).start().is_ok()
    };
    if !servers::has_users() {
        return None;
    }
    Some(lines.into_iter().find(takes).expect("rules that this Redis takes").to_owned())
}

fn grid_with(rules: &str) -> (Grid, Client) {
    let redis = RedisServer::builder().user_acl(&format!("grid on >secret {rules}"));
    let grid = Grid::demo_builder().redis(redis).joblog().start().expect("a grid");
    let builder = Client::builder().port(grid.redis().port()).user("grid").password("secret");
    let client = builder.connect().expect("a client");
    (grid, client)
}

#[test]
fn the_rights_that_are_listed_are_enough() {
    let Some(rules) = rules() else { return };
    let (grid, client) = grid_with(&rules);
    let job = client.bash(Target::agent((1, 1)), "echo done").run(WAIT).expect("a result");
    assert_eq!((job.state(), job.stdout()), (&JobState::Success, "done\n"));
    let all = client.bash(Target::all(), "sleep 0.1").submit().expect("sent");
    let mut results = all.results(WAIT).expect("results");
    assert!(results.next().expect("one").expect("a result").is_success());
    assert_eq!(results.method(), Some(WaitMethod::Broadcast), "the server sends notifications");
    assert_eq!(results.count(), 2);
    assert_eq!(all.jobs().expect("jobs").len(), 3);
    client.cmd(Target::agent((1, 1)), "ping").id("x").submit_once().expect("sent");
    let job = client.get_by_id("x").next_result(WAIT).expect("a result");
    assert!(job.expect("the first").is_success());
    assert_eq!(client.get_by_id("x").progress(WAIT).expect("progress").stage, Stage::Done);
    assert!(!client.get_by_id("x").retract().expect("an answer"));
    assert!(!client.get_cmds(0, 10).expect("a history").is_empty());
    let diagnosis = client.doctor(WAIT).expect("a diagnosis");
    assert!(
        // The permission for CONFIG is not among them.
        diagnosis
            .checks
            .iter()
            .all(|check| matches!(check.verdict, Verdict::Good | Verdict::Unknown)),
        "{diagnosis}"
    );
    drop(client);
    assert_eq!(support::keys_without_ttl(grid.redis()), Vec::<String>::new());
}

#[test]
fn a_right_that_is_missing_is_named() {
    let Some(rules) = rules() else { return };
    let without = |right: &str| rules.replace(&format!(" +{right} "), " ");
    let (_grid, client) = grid_with(&without("rpush"));
    let refused = error(client.cmd(Target::agent((1, 1)), "ping").submit(), "no RPUSH");
    assert_eq!((refused.kind(), refused.server_code()), (ErrorKind::Server, Some("NOPERM")));
    assert!(refused.to_string().contains("rpush") && !refused.is_retriable(), "{refused}");
    // Without the permission for tracking, results are polled.
    let (_grid, client) = grid_with(&without("client|tracking"));
    let all = client.bash(Target::all(), "sleep 0.1").submit().expect("sent");
    let mut results = all.results(WAIT).expect("results");
    assert!(results.next().expect("one").expect("a result").is_success());
    assert_eq!(results.method(), Some(WaitMethod::Polling));
}

/// Each id is then checked on its own.
#[test]
fn used_ids_are_found_in_a_pipeline_without_the_right_to_exists() {
    let Some(rules) = rules() else { return };
    let (_grid, client) = grid_with(&format!("{rules} -exists"));
    let request = |id: &str, text: &str| {
        client.execute(Target::agents([(1, 1), (2, 1)]), "echo").arg(text).id(id)
    };
    let before = request("used", "before").run_all(WAIT).expect("results");
    assert_eq!(before.jobs.len(), 2);
    // An agent knows a job for a moment after its result, and refuses the next one in that moment.
    support::wait_until("the id is accepted again", || {
        let sent = client.submit_many([request("new", "after"), request("used", "after")]);
        let commands: Vec<_> = sent.into_iter().map(|sent| sent.expect("sent")).collect();
        let jobs: Vec<_> = client
            .wait_any(commands, WAIT)
            .expect("results")
            .map(|job| job.expect("one"))
            .collect();
        assert_eq!(jobs.len(), 4);
        let is_refused = |state: &JobState| *state == JobState::DuplicateId;
        assert!(jobs.iter().all(|job| is_refused(job.state()) || job.stdout() == "after\n"));
        !jobs.iter().any(|job| is_refused(job.state()))
    });
}
