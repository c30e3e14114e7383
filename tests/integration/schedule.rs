//! Schedules: what would make the controller exit is refused before anything is sent, what it answers with
//! an error is sent.

use acclient::{Client, ErrorKind, JobState, Request, Result, RolloutPlan, RunArgs, Target};
use devgrid::Grid;
use support::{WAIT, ask, error, redis};

/// Adds an entry to the schedule as a caller of the generic command does.
fn add(client: &Client, data: &str) -> Request {
    let name = RunArgs::new().name("scheduler_add");
    // The controller answers under any agent that is named.
    client.cmd(Target::agent((1, 1)), "controller").run_args(name).data(data)
}

/// Entries whose command ends the controller when it is due, and the field that they are refused for.
const DEADLY: [(&str, &str); 8] = [
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","gid":"1"}}"#, "cmd.gid"),
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","gid":1.5}}"#, "cmd.gid"),
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","nid":1e30}}"#, "cmd.nid"),
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","Roles":"cpu"}}"#, "cmd.Roles"),
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","argſ":{"args":[1]}}}"#, "cmd.argſ.args[0]"),
    (r#"{"cron":"@hourly","cmd":{"cmd":"ping","args":{"max_time":1.5}}}"#, "cmd.args.max_time"),
    (r#"{"cron":"@hourly"}"#, "cmd"),
    (r#"{"cron":"* * * * * */0","cmd":{"cmd":"ping"}}"#, "cron"),
];

#[test]
fn a_schedule_that_ends_the_controller_is_refused_in_every_way_of_sending() {
    type Send = fn(&Client, Request) -> Result<()>;
    let ways: [(&str, Send); 8] = [
        ("submit", |_, request| request.submit().map(drop)),
        ("submit_once", |_, request| request.submit_once().map(drop)),
        ("run", |_, request| request.run(WAIT).map(drop)),
        ("run_all", |_, request| request.run_all(WAIT).map(drop)),
        ("run_until_failure", |_, request| request.run_until_failure(WAIT).map(drop)),
        ("submit_many", |client, request| {
            client.submit_many([request]).pop().expect("an outcome").map(drop)
        }),
        ("rollout", |_, request| request.rollout(RolloutPlan::agents(1), WAIT).map(drop)),
        ("schedule_add", |client, request| client.schedule_add("outer", "@daily", request)),
    ];
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    for (data, field) in DEADLY {
        for (name, send) in ways {
            let error = error(send(&client, add(&client, data)), name);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}: {error}");
            assert!(!error.is_retriable() && !error.is_maybe_sent(), "{name}: {error}");
            let start = format!("invalid {field} in a schedule entry: expected ");
            assert!(error.to_string().contains(&start), "{name}: {error}");
            let keys: Vec<String> = ask(&mut admin, &[b"KEYS", b"*"]);
            assert!(keys.is_empty(), "{name} wrote {keys:?}");
        }
    }
}

#[test]
fn schedule_add_refuses_numbers_that_go_before_1_8_cannot_read_again() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let ping = |target: Target| client.cmd(target, "ping");
    let limited = |seconds| ping(Target::agent((1, 1))).run_args(RunArgs::new().max_time(seconds));
    for (command, field) in [
        (limited(1_000_000), "cmd.args.max_time"),
        (ping(Target::agent((1_000_000, 1))), "cmd.gid"),
        (ping(Target::agent((1, 2_147_483_647))), "cmd.nid"),
        (ping(Target::all().grid(1_000_000).into()), "cmd.gid"),
    ] {
        let error = error(client.schedule_add("x", "@yearly", command), field);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        let start = format!("invalid {field} in a schedule entry: expected a whole number from ");
        assert!(error.to_string().contains(&start), "{error}");
    }
    client.schedule_add("x", "@yearly", limited(999_999)).expect("added");
    client.schedule_add("x", "@yearly", limited(-1)).expect("replaced");
    assert_eq!(client.schedule_list().expect("the schedule").len(), 1);
}

#[test]
fn what_the_controller_answers_with_an_error_is_sent() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    for data in [
        "",
        "no JSON",
        r#"{"cron":"@hourly","cmd":{"cmd":"ping","gid":"1"}} x"#,
        r#"{"cron":"@hourly","cmd":"ping"}"#,
        r#"{"cron":5,"cmd":{"cmd":"ping"}}"#,
        r#"{"cron":"not a cron","cmd":{"cmd":"ping"}}"#,
    ] {
        let job = add(&client, data).run(WAIT).expect(data);
        assert_eq!(*job.state(), JobState::Error, "{data}");
    }
    let right =
        r#"{"id":"r","cron":"@yearly","cmd":{"cmd":"ping","gid":1.0,"nid":1,"later":[{}]}}"#;
    assert!(add(&client, right).run(WAIT).expect("an answer").is_success());
    let listed = client.schedule_list().expect("the controller is there");
    assert_eq!((listed.len(), listed[0].id.as_str()), (1, "r"));
}
