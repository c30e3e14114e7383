//! What the client pushes and reads, against exchanges recorded from the original daemons and the
//! original client (tests/golden). What is left out stands in tests/golden-exceptions.txt.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use acclient::{Client, ErrorKind, Target};
use devgrid::{Grid, RedisServer};
use serde_json::{Value, json};
use support::golden::{again, exceptions, golden, pushes, text};
use support::{ask, wait_until, wait_until_running};

fn queued(redis: &RedisServer) -> Vec<Value> {
    let mut connection = redis.connection();
    let queue: Vec<String> =
        redis::cmd("LRANGE").arg("cmds.queue").arg(0).arg(-1).query(&mut connection).unwrap();
    let _: i64 = redis::cmd("DEL").arg("cmds.queue").query(&mut connection).unwrap();
    queue.iter().map(|command| serde_json::from_str(command).unwrap()).collect()
}

#[test]
fn the_client_pushes_what_the_original_client_pushed() {
    let exceptions = exceptions("push");
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut compared = 0;
    for (file, lines) in golden() {
        if exceptions.contains(&file) {
            continue;
        }
        if file == "payload_tolerance" {
            continue; // no pushes of a client: golden_run.rs runs it
        }
        if file == "minimal_command" || file == "null_fields" {
            let push = pushes(&lines).remove(0);
            let target = Target::agent((1, 1));
            client.cmd(target, text(&push["cmd"])).id(text(&push["id"])).submit().unwrap();
            // Written by hand; the client says the same, and fills in the rest.
            let ours = queued(&redis).remove(0);
            let given = push.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
            given.for_each(|(field, value)| assert_eq!(&ours[field], value, "{file}: {field}"));
            continue;
        }
        for push in pushes(&lines) {
            let command = again(&client, &push).id(text(&push["id"])).submit().unwrap();
            assert_eq!(queued(&redis), std::slice::from_ref(&push), "{file}");
            assert_eq!(
                serde_json::from_str::<Value>(&command.dump().unwrap()).unwrap(),
                push,
                "{file}"
            );
            compared += 1;
        }
    }
    assert!(compared > 80, "only {compared} pushes compared");
}

#[test]
fn calls_with_a_name_of_their_own_push_what_the_original_client_pushed() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap().with_timeout(Duration::from_secs(1));
    let files = golden();
    let recorded = |file: &str| {
        let mut push = pushes(&files[file]).remove(0);
        push.as_object_mut().unwrap().remove("id");
        push
    };
    let pushed = || {
        let mut queue = queued(&redis);
        assert_eq!(queue.len(), 1);
        let push = queue[0].as_object_mut().unwrap();
        let id = push.remove("id").expect("an id");
        assert_eq!(text(&id).len(), 36);
        queue.remove(0)
    };
    // No controller answers here: the test checks what was pushed, before it is taken back.
    let question = |call: fn(&Client) -> bool| {
        thread::scope(|scope| {
            let asking = scope.spawn(|| call(&client));
            wait_until("it is pushed", || {
                ask::<usize>(&mut redis.connection(), &[b"LLEN", b"cmds.queue"]) == 1
            });
            let pushed = pushed();
            assert!(asking.join().expect("a thread"));
            pushed
        })
    };
    let agents = question(|client| client.list_agents().unwrap_err().is_timeout());
    assert_eq!(agents, recorded("list_agents"));
    let ping = question(|client| client.ping_agent((1, 1)).unwrap_err().is_timeout());
    assert_eq!(ping, recorded("ping"));
    let agent = Target::agent((1, 1));
    client.execute(agent.clone(), "ls").args(["-1", "/usr"]).submit().unwrap();
    assert_eq!(pushed(), recorded("execute_ls"));
    let script = recorded("bash_fail")["data"].clone();
    client.bash(agent.clone(), text(&script)).submit().unwrap();
    assert_eq!(pushed(), recorded("bash_fail"));
}

/// A kill is sent to an agent that reports the job as running.
#[test]
fn a_kill_pushes_what_the_original_client_pushed() {
    let grid = Grid::demo_builder().joblog().start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let mut recorded = pushes(&golden()["kill_unknown_id"]).remove(0);
    let killed: Value = serde_json::from_str(text(&recorded["data"])).unwrap();
    let sleep = client.execute(Target::agent((1, 1)), "sleep").arg("600");
    let command = sleep.id(text(&killed["id"])).submit().unwrap();
    wait_until_running(&command);
    command.kill().unwrap().into_result().unwrap();
    let mut connection = grid.redis().connection();
    let all: Vec<String> =
        redis::cmd("LRANGE").arg("joblog").arg(0).arg(-1).query(&mut connection).unwrap();
    let all = all.iter().map(|json| serde_json::from_str::<Value>(json).unwrap());
    let mut kills: Vec<Value> = all.filter(|command| command["cmd"] == "kill").collect();
    assert_eq!(kills.len(), 1);
    for push in [&mut kills[0], &mut recorded] {
        push.as_object_mut().unwrap().remove("id");
    }
    assert_eq!(kills[0], recorded);
}

/// Every result document in a golden file, wherever it stands.
fn results(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let parsed = serde_json::from_str::<Value>(text).unwrap_or_default();
            if parsed.get("state").is_some() {
                found.insert(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| results(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| results(item, found)),
        _ => {}
    }
}

#[test]
fn every_recorded_result_comes_back_without_loss() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut connection = redis.connection();
    let mut found = BTreeSet::new();
    for lines in golden().values() {
        lines.iter().for_each(|line| results(line, &mut found));
    }
    found.insert(json!({"id": "x", "gid": 9, "nid": 9, "state": "WEIRD", "extra": 1}).to_string());
    assert!(found.len() > 300, "only {} results", found.len());
    for (index, document) in found.iter().enumerate() {
        let id = format!("golden-{index}");
        let key = format!("jobresult:{id}");
        let _: i64 =
            redis::cmd("HSET").arg(&key).arg("1:1").arg(document).query(&mut connection).unwrap();
        let job = match client.get_by_id(id).jobs() {
            Ok(mut jobs) => jobs.pop_first().expect("a job").1.result().clone(),
            // The controller's own words are no job.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{error}");
                error.job().expect("a result").clone()
            }
        };
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&job.dump()), value(document));
        assert_eq!(job.state().as_str(), text(&value(document)["state"]));
    }
}
