//! Commands for a list of agents: one id, pushed for all of them or for none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use acclient::{
    AgentId, Client, Collected, Command, Error, ErrorKind, Outcome, RolloutPlan, Stage, Target,
};
use devgrid::RedisServer;
use support::demo as grid;
use support::{WAIT, ask, error, keys_without_ttl, servers, wait_until};

fn two() -> Target {
    Target::agents([(2, 1), (1, 1)])
}

fn agents_of(collected: &Collected) -> BTreeSet<AgentId> {
    collected.jobs.iter().map(|job| job.agent()).collect()
}

fn set(agents: &[(u32, u32)]) -> BTreeSet<AgentId> {
    agents.iter().map(|agent| (*agent).into()).collect()
}

#[test]
fn each_agent_of_the_list_answers_under_one_id() {
    let (grid, client) = grid();
    let all = client.bash(two(), "echo $AGENT_GID").run_all(WAIT).expect("results");
    assert!(all.is_success(), "{:?}", all.errors);
    assert_eq!(agents_of(&all), set(&[(1, 1), (2, 1)]));
    assert!(all.jobs.iter().all(|job| job.id() == all.command.id()));
    for job in &all.jobs {
        assert_eq!(job.stdout(), format!("{}\n", job.agent().gid));
    }
    // Another client finds all of them by the handle, which names the agents, and by the ID alone.
    let other = Client::connect(&grid.url()).expect("a client");
    let handle = all.command.handle();
    assert!(handle.ends_with(":1:1,2:1"), "{handle}");
    for mut found in [other.get_by_handle(&handle).expect("one"), other.get_by_id(all.command.id())]
    {
        let first = found.next_result(WAIT).expect("a result").expect("the first").agent();
        let second = found.next_result(WAIT).expect("a result").expect("the second").agent();
        assert_eq!(BTreeSet::from([first, second]), set(&[(1, 1), (2, 1)]));
        assert!(found.next_result(WAIT).expect("the end").is_none());
    }
    drop((client, other, all));
    assert_eq!(keys_without_ttl(grid.redis()), Vec::<String>::new());
}

#[test]
fn an_agent_that_is_not_there_is_an_error_about_that_agent() {
    let (_grid, client) = grid();
    let list = Target::agents([(1, 1), (9, 9)]);
    let all = client.bash(list.clone(), "true").run_all(WAIT).expect("results");
    assert_eq!(agents_of(&all), set(&[(1, 1)]));
    let [missing] = &all.errors[..] else { panic!("{:?}", all.errors) };
    assert_eq!(missing.kind(), ErrorKind::NoSuchAgent);
    assert_eq!((missing.agent(), missing.is_final()), (Some((9, 9).into()), false));
    assert!(missing.to_string().contains("no such agent 9:9"), "{missing}");
    // One by one it is returned once, like a result.
    let mut command = client.bash(list, "true").submit().expect("sent");
    let mut seen = [command.next_result(WAIT), command.next_result(WAIT)]
        .map(|next| next.map(|job| job.map(|job| job.agent())));
    seen.sort_by_key(|next| next.is_err());
    assert_eq!(seen[0].as_ref().expect("a job"), &Some((1, 1).into()));
    assert_eq!(seen[1].as_ref().expect_err("nobody").agent(), Some((9, 9).into()));
    assert!(command.next_result(WAIT).expect("the end").is_none());
}

#[test]
fn a_silent_agent_holds_up_nobody_else() {
    let (grid, client) = grid();
    grid.pause_agent(2, 1);
    let command = client.bash(two(), "true").submit().expect("sent");
    let mut results = command.results(WAIT).expect("results");
    assert_eq!(results.next().expect("one").expect("a job").agent(), (1, 1).into());
    assert_eq!(results.remaining(), 1);
    grid.resume_agent(2, 1);
    assert_eq!(results.next().expect("one").expect("a job").agent(), (2, 1).into());
    assert!(results.next().is_none());
}

#[test]
fn kill_reaches_every_agent_of_the_list() {
    let (_grid, client) = grid();
    let command = client.execute(two(), "sleep").arg("600").submit().expect("sent");
    wait_until("both run", || command.progress(WAIT).expect("progress").stage == Stage::Running);
    let outcomes = command.kill().expect("outcomes");
    assert_eq!(outcomes.keys().copied().collect::<BTreeSet<_>>(), set(&[(1, 1), (2, 1)]));
    assert!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_))), "{outcomes:?}");
    let states = command.results(WAIT).expect("results");
    let states: Vec<String> = states.map(|job| job.expect("a job").state().to_string()).collect();
    assert_eq!(states, ["KILLED", "KILLED"]);
}

#[test]
fn it_is_pushed_in_one_step_and_taken_back_as_a_whole() {
    let redis = RedisServer::start().expect("a Redis");
    let client = Client::connect(&redis.url()).expect("a client");
    let mut admin = redis.connection();
    let mut queue = |words: &[&[u8]]| ask::<i64>(&mut admin, words);
    let command = client.cmd(two(), "ping").submit().expect("sent");
    assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 2);
    assert_eq!(command.dump().expect("what was sent").lines().count(), 2);
    let progress = command.progress(WAIT).expect("progress");
    let queued: BTreeMap<AgentId, Stage> =
        set(&[(1, 1), (2, 1)]).into_iter().map(|agent| (agent, Stage::InQueue)).collect();
    assert_eq!((progress.stage, progress.agents), (Stage::InQueue, queued));
    assert!(command.retract().expect("an answer"));
    assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 0);
    assert!(!command.retract().expect("an answer"), "it is gone");

    // The controller has taken one of the two: the other never runs, and that is not all of it.
    let command = client.cmd(two(), "ping").id("x").submit_once().expect("sent");
    ask::<String>(&mut redis.connection(), &[b"LPOP", b"cmds.queue"]);
    let handle = command.handle();
    for half in [&command, &client.get_by_handle(&handle).expect("a command")] {
        assert!(!half.retract().expect("an answer"));
    }
    let mut queue = |words: &[&[u8]]| ask::<i64>(&mut admin, words);
    assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 0);
    // A command that one agent may have received must not be pushed again.
    assert_eq!(queue(&[b"EXISTS", b"cmd.x.submitted"]), 1);
    client.cmd(two(), "ping").id("x").submit_once().expect("known");
    assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 0);

    let command = client.cmd(two(), "ping").id("y").submit_once().expect("sent");
    assert!(client.get_by_handle(&command.handle()).expect("it").retract().expect("an answer"));
    assert_eq!(queue(&[b"EXISTS", b"cmd.y.submitted"]), 0);
}

#[test]
fn without_scripts_a_transaction_does_the_same() {
    if !servers::has_users() {
        return;
    }
    let rules = "few on >secret ~* +@all -@scripting";
    let redis = RedisServer::builder().user_acl(rules).start().expect("a Redis");
    let url = redis.url().replace("redis://", "redis://few:secret@");
    let client = Client::connect(&url).expect("a client");
    let mut admin = redis.connection();
    let mut queue = |words: &[&[u8]]| ask::<i64>(&mut admin, words);
    for _ in 0..2 {
        client.cmd(two(), "ping").id("x").submit_once().expect("sent");
        assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 2);
    }
    let command = client.cmd(two(), "ping").id("x").submit_once().expect("known");
    ask::<String>(&mut redis.connection(), &[b"LPOP", b"cmds.queue"]);
    assert!(!command.retract().expect("an answer"));
    assert_eq!(queue(&[b"EXISTS", b"cmd.x.submitted"]), 1);
    assert_eq!(queue(&[b"LLEN", b"cmds.queue"]), 0);
    let command = client.cmd(two(), "ping").id("y").submit_once().expect("sent");
    assert!(command.retract().expect("an answer"));
    assert_eq!(queue(&[b"EXISTS", b"cmd.y.submitted"]), 0);
}

#[test]
fn what_is_for_one_command_or_one_agent_refuses_a_list() {
    let (grid, client) = grid();
    let empty = || Target::agents::<[AgentId; 0]>([]);
    let refused: [(&str, Result<(), Error>); 5] = [
        ("run", client.bash(two(), "true").run(WAIT).map(drop)),
        ("a schedule", client.schedule_add("x", "@daily", client.bash(two(), "true"))),
        ("nobody", client.bash(empty(), "true").submit().map(drop)),
        ("nobody once", client.bash(empty(), "true").id("x").submit_once().map(drop)),
        ("no agent", client.bash(Target::agents([(1, 1), (0, 1)]), "true").submit().map(drop)),
    ];
    for (name, refused) in refused {
        assert_eq!(error(refused, name).kind(), ErrorKind::InvalidArgument, "{name}");
    }
    let pushed: i64 = ask(&mut grid.redis().connection(), &[b"EXISTS", b"cmds.queue"]);
    assert_eq!(pushed, 0);
}

#[test]
fn a_rollout_and_many_commands_take_lists() {
    let (_grid, client) = grid();
    let rollout = client.bash(two(), "true").rollout(RolloutPlan::agents(1), WAIT);
    let rolled: Vec<AgentId> =
        rollout.expect("a rollout").map(|job| job.expect("a job").agent()).collect();
    assert_eq!(rolled, [AgentId::new(1, 1), AgentId::new(2, 1)]);
    let many = client.submit_many([client.bash(two(), "true"), client.bash(two(), "false")]);
    let many: Vec<Command> = many.into_iter().map(|one| one.expect("sent")).collect();
    let results = client.wait_any(&many, WAIT).expect("results");
    assert_eq!(results.filter(|job| job.as_ref().is_ok_and(|job| job.is_success())).count(), 2);
}

#[test]
fn a_thousand_agents_are_told_of_within_the_deadline() {
    let redis = RedisServer::start().expect("a Redis");
    let client = Client::connect(&redis.url()).expect("a client");
    let list = Target::agents((1..=1000).map(|nid| (1, nid)));
    let command = client.cmd(list, "ping").submit().expect("sent");
    let queued: i64 = ask(&mut redis.connection(), &[b"LLEN", b"cmds.queue"]);
    assert_eq!(queued, 1000);
    let results = command.results(Duration::from_millis(300)).expect("results");
    let silent: BTreeSet<_> = results.map(|item| item.expect_err("a verdict").agent()).collect();
    assert_eq!(silent.len(), 1000);
    let words = error(command.get_msgs(&acclient::MsgQuery::new().limit(0)), "no limit");
    assert_eq!(words.kind(), ErrorKind::InvalidArgument);
}
