//! Expressions over agents: what they mean on a grid, and what is asked for it.

use std::collections::BTreeMap;

use acclient::{AgentId, CancelToken, Client, ErrorKind, RolloutPlan, Target};
use support::demo as grid;
use support::{WAIT, error};

fn agents(list: &[(u32, u32)]) -> Target {
    Target::agents(list.iter().copied())
}

#[test]
fn an_expression_means_the_agents_of_the_moment() {
    let (_grid, client) = grid();
    let resolve = |text: &str| client.resolve(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(resolve("1:1-20 and not role=storage"), agents(&[(1, 1)]));
    assert_eq!(resolve("role=storage or 1:1"), agents(&[(1, 1), (1, 2), (2, 1)]));
    assert_eq!(resolve("*:1 and not 1:*"), agents(&[(2, 1)]));
    // An agent that is written out is kept, and is an error about itself.
    let some = resolve("2:1,7 or role=nobody");
    assert_eq!(some, agents(&[(2, 1), (2, 7)]));
    let all = client.bash(some, "true").run_all(WAIT).expect("results");
    assert_eq!((all.jobs.len(), all.errors.len()), (1, 1));
    assert_eq!(all.errors[0].kind(), ErrorKind::NoSuchAgent);
    let nobody = error(client.resolve("1:3-9 and role=cpu"), "nobody matches");
    assert_eq!(nobody.kind(), ErrorKind::NoSuchAgent);
    assert!(nobody.to_string().contains("1:3-9 and all,role=cpu"), "{nobody}");
    let wrong = error(client.resolve("1:1 and"), "a syntax error");
    assert_eq!(wrong.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn what_the_wire_can_say_asks_nobody() {
    let (_grid, client) = grid();
    let before = client.statistics().pushed;
    for text in ["1:1", "1:1,9:9 and not 1:1", "all@1", "any role=cpu", "role=a and role=b"] {
        client.resolve(text).expect("a target");
    }
    assert_eq!(client.statistics().pushed, before);
    client.resolve("1:* and not role=a or @1:1").expect_err("no such group");
    assert_eq!(client.statistics().pushed, before);
    client.resolve("1:* and not role=a and not 1:7").expect("a target");
    assert_eq!(client.statistics().pushed, before + 1, "one list of agents");
}

#[test]
fn the_agents_of_a_target_are_those_that_get_it() {
    let (_grid, client) = grid();
    for target in [
        Target::from(Target::all()),
        Target::all().grid(1).into(),
        Target::all().role("storage").into(),
        Target::all().role("*").role("cpu").into(),
        Target::all().role("cpu").grid(2).into(),
        agents(&[(1, 1), (2, 1)]),
        Target::agent((1, 2)),
    ] {
        let meant: Vec<AgentId> =
            client.matching_agents(&target).expect("agents").into_keys().collect();
        let ran = client.bash(target.clone(), "true").run_all(WAIT).expect("results");
        let mut ran: Vec<AgentId> = ran.jobs.iter().map(|job| job.agent()).collect();
        ran.sort_unstable();
        assert_eq!(meant, ran, "{target}");
    }
    let unknown = client.matching_agents(&agents(&[(1, 1), (9, 9)])).expect("agents");
    assert_eq!(unknown, BTreeMap::from([((1, 1).into(), vec!["cpu".to_owned()])]));
    let any = client.matching_agents(&Target::any().role("storage").into()).expect("agents");
    assert_eq!(any.len(), 2);
    assert!(client.matching_agents(&Target::agent((9, 9))).expect("none").is_empty());
    // A rollout means the same agents.
    let request = client.bash(Target::all().role("storage"), "true");
    let rollout = request.rollout(RolloutPlan::agents(1), WAIT).expect("a rollout");
    assert_eq!(rollout.agents(), any.keys().copied().collect::<Vec<_>>());
}

#[test]
fn commands_that_wait_for_an_agent_are_counted() {
    let (grid, client) = grid();
    let both = [AgentId::new(1, 1), AgentId::new(9, 9)];
    let waiting = client.waiting_commands(both).expect("counts");
    assert_eq!(waiting, BTreeMap::from([(both[0], 0), (both[1], 0)]));
    grid.pause_agent(1, 1);
    // One is fetched by the poll that is open already.
    let sent: Vec<_> = (0..3)
        .map(|_| client.bash(Target::agent((1, 1)), "true").submit().expect("sent"))
        .collect();
    support::wait_until("they wait", || client.waiting_commands(both).unwrap()[&both[0]] >= 2);
    grid.resume_agent(1, 1);
    for mut command in sent {
        command.next_result(WAIT).expect("a result");
    }
    assert_eq!(client.waiting_commands(both).expect("counts")[&both[0]], 0);
    assert!(client.waiting_commands::<AgentId>([]).expect("none").is_empty());
}

#[test]
fn groups_come_from_the_instance() {
    const VARIABLE: &str = "ACCLIENT_TEST_GROUPS";
    if std::env::var_os(VARIABLE).is_some() {
        let client = Client::instance("main").expect("an instance");
        // Handles of the same client have the groups too.
        let client = client.with_timeout(WAIT).with_cancel(&CancelToken::new().expect("a token"));
        let names: Vec<&str> = client.groups().keys().map(String::as_str).collect();
        assert_eq!(names, ["edge", "web"]);
        assert_eq!(client.resolve("@web").expect("agents"), Target::all().role("cpu").into());
        assert_eq!(client.resolve("@edge or 1:9").expect("agents"), agents(&[(1, 9), (2, 1)]));
        let bad = error(client.resolve("@bad"), "a wrong group");
        assert_eq!(bad.kind(), ErrorKind::InvalidArgument);
        assert!(
            bad.to_string().contains("group \"bad\": line 6, column 7: expected a target"),
            "{bad}"
        );
        println!("groups ok");
        return;
    }
    let (grid, _) = grid();
    let file = std::env::temp_dir().join(format!("acclient-groups-{}.toml", std::process::id()));
    let text = format!(
        "[main]\nurl = \"{}\"\n[main.groups]\nweb = \"role=cpu\"\n\
         edge = \"@web and not 1:*\"\nbad = 7\n[other]\nhost\n",
        grid.url()
    );
    std::fs::write(&file, text).expect("written");
    let mut program = support::alone::program_for(support::this_test!());
    let output =
        program.env(VARIABLE, "1").env("ACCLIENT_CONFIG", &file).output().expect("it runs");
    std::fs::remove_file(&file).expect("removed");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && printed.contains("groups ok"), "{printed}");
}
