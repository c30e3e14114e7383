//! The client against exchanges recorded from the original daemons and the original client
//! (tests/golden). What is left out stands in tests/golden-exceptions.txt, with a reason each.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use acclient::{Client, ErrorKind, Job, RunArgs, Target};
use common::{WAIT, wait_until_running};
use devgrid::{Grid, RedisServer};
use serde_json::{Value, json};

/// The lines of every golden file, by the name of the file.
fn golden() -> BTreeMap<String, Vec<Value>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(directory).expect("tests/golden");
    let mut files = BTreeMap::new();
    for path in entries.map(|entry| entry.expect("a directory entry").path()) {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(&path).expect("a golden file");
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let lines = lines.map(|line| serde_json::from_str(line).expect("a line of JSON"));
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            files.insert(name, lines.collect());
        }
    }
    assert!(files.len() > 70, "only {} golden files", files.len());
    files
}

/// The files that a test leaves out. Each must exist, and must have a reason.
fn exceptions(test: &str) -> BTreeSet<String> {
    let known = golden();
    let list = include_str!("golden-exceptions.txt");
    let mut found = BTreeSet::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (file, which) = (words.next().expect("a file"), words.next().expect("a test"));
        assert!(words.next().is_some(), "no reason: {line}");
        assert!(known.contains_key(file), "no such golden file: {file}");
        if which == test {
            found.insert(file.to_owned());
        }
    }
    found
}

/// The commands that the original client pushed in a file.
fn pushes(lines: &[Value]) -> Vec<Value> {
    let by_client = lines.iter().filter(|line| line["from"] == "client");
    let pushed = by_client.filter(|line| line["args"][0] == "RPUSH");
    pushed.map(|line| serde_json::from_str(text(&line["args"][2])).expect("a command")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// A recorded push said again in the words of this library.
fn again(client: &Client, push: &Value) -> acclient::CommandBuilder {
    let number =
        |field: &str| push[field].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
    let mut args: RunArgs = serde_json::from_value(push["args"].clone()).expect("run arguments");
    if push["args"].get("loglevels").is_none() {
        args = args.loglevels(""); // one recording leaves them out
    }
    let target: Target = match push["roles"].as_array() {
        None => Target::agent(number("gid"), number("nid")),
        Some(roles) => {
            assert_eq!(number("nid"), 0);
            let fanout = push["fanout"].as_bool().expect("a boolean");
            let target = if fanout { Target::all() } else { Target::any() };
            let target = roles.iter().fold(target, |target, role| target.role(text(role)));
            match number("gid") {
                0 => target.into(),
                gid => target.grid(gid).into(),
            }
        }
    };
    let command = client.cmd(target, text(&push["cmd"]));
    let command = command.run_args(args).data(text(&push["data"]));
    match push["tags"].as_str() {
        Some(tags) => command.tags(tags),
        None => command,
    }
}

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
        for push in pushes(&lines) {
            let command = again(&client, &push).id(text(&push["id"])).submit().unwrap();
            assert_eq!(queued(&redis), std::slice::from_ref(&push), "{file}");
            assert_eq!(serde_json::from_str::<Value>(&command.dump()).unwrap(), push, "{file}");
            compared += 1;
        }
    }
    assert!(compared > 80, "only {compared} pushes compared");
}

#[test]
fn calls_with_a_name_of_their_own_push_what_the_original_client_pushed() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap().with_timeout(Duration::from_millis(50));
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
    // Nobody answers here: what counts is what was pushed.
    assert!(client.list_agents().unwrap_err().is_timeout());
    assert_eq!(pushed(), recorded("list_agents"));
    assert!(client.ping_agent(1, 1).unwrap_err().is_timeout());
    assert_eq!(pushed(), recorded("ping"));
    let agent = Target::agent(1, 1);
    client.execute(agent.clone(), "ls").args(["-1", "/usr"]).submit().unwrap();
    assert_eq!(pushed(), recorded("execute_ls"));
    let script = recorded("bash_fail")["data"].clone();
    client.bash(agent.clone(), text(&script)).submit().unwrap();
    assert_eq!(pushed(), recorded("bash_fail"));
    let kill: Value = serde_json::from_str(text(&recorded("kill_unknown_id")["data"])).unwrap();
    let command = client.execute(agent, "sleep").arg("30").id(text(&kill["id"])).submit().unwrap();
    queued(&redis);
    assert!(command.kill().unwrap().into_result().unwrap_err().is_timeout());
    assert_eq!(pushed(), recorded("kill_unknown_id"));
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
        let jobs = client.command(id).jobs().unwrap();
        let job = jobs.values().next().expect("a job");
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&job.dump()), value(document));
        assert_eq!(job.state().as_str(), text(&value(document)["state"]));
    }
}

/// Fields of a result whose values differ from run to run.
const VARIABLE: &[&str] = &["id", "starttime", "time"];

/// Files whose data or streams depend on the machine; their shape is compared.
const OF_THE_MACHINE: &[&str] = &[
    "bash_env",
    "execute_ls",
    "get_aggregated_stats",
    "get_cpu_info",
    "get_disk_info",
    "get_mem_info",
    "get_nic_info",
    "get_os_info",
];

fn compare(file: &str, job: &Job, recorded: &Value) {
    let ours: Value = serde_json::from_str(&job.dump()).unwrap();
    let of_machine = OF_THE_MACHINE.contains(&file);
    for (field, theirs) in recorded.as_object().expect("a result") {
        let ours = ours.get(field).unwrap_or_else(|| panic!("{file}: no field {field}"));
        if VARIABLE.contains(&field.as_str())
            || of_machine && matches!(field.as_str(), "data" | "streams")
        {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert_eq!(kind(ours), kind(theirs), "{file}: {field}");
        } else {
            assert_eq!(ours, theirs, "{file}: {field}");
        }
    }
    assert_eq!(ours.as_object().unwrap().len(), recorded.as_object().unwrap().len(), "{file}");
}

/// The result as the controller stored it, for files whose Python call returned only a part.
fn stored(lines: &[Value], id: &str) -> Value {
    let is_list = |line: &&Value| line["kind"] == "dump" && line["type"] == "list";
    let dumps = lines.iter().filter(is_list);
    let of_command = dumps.filter(|line| text(&line["key"]).starts_with(&format!("cmd.{id}.")));
    let results = of_command.filter(|line| !text(&line["key"]).ends_with(".queued"));
    let result = results.map(|line| text(&line["value"][0])).next().expect("a stored result");
    serde_json::from_str(result).unwrap()
}

#[test]
fn operations_return_what_the_original_grid_returned() {
    let exceptions = exceptions("run");
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    for (file, lines) in golden() {
        if exceptions.contains(&file) {
            continue;
        }
        let pushes = pushes(&lines);
        let recorded = |index: usize| stored(&lines, text(&pushes[index]["id"]));
        match file.as_str() {
            "list_agents" => {
                let returned = lines.iter().find(|line| line["kind"] == "client").unwrap();
                let agents = client.list_agents().unwrap();
                let agents: BTreeMap<String, Vec<String>> =
                    agents.into_iter().map(|(agent, roles)| (agent.to_string(), roles)).collect();
                assert_eq!(json!(agents), returned["returned"]);
            }
            "duplicate_id" => {
                let first = again(&client, &pushes[0]).id("twice").submit().unwrap();
                wait_until_running(&first);
                let second = again(&client, &pushes[1]).id("twice").submit().unwrap();
                for mut command in [first, second] {
                    let job = command.next_result(WAIT).unwrap().expect("a result");
                    let returned = lines.iter().find(|line| line["kind"] == "client").unwrap();
                    compare(&file, &job, &returned["returned"]["list"][1]);
                }
            }
            "kill" | "recurring" => {
                let mut command = again(&client, &pushes[0]).submit().unwrap();
                wait_until_running(&command);
                command.kill().unwrap().into_result().unwrap();
                let job = command.next_result(WAIT).unwrap().expect("a result");
                compare(&file, &job, &recorded(0));
            }
            "get_stats" => {
                let command = again(&client, &pushes[0]).submit().unwrap();
                wait_until_running(&command);
                let job = command.jobs().unwrap().into_values().next().unwrap();
                let stats = job.get_stats().unwrap();
                let recorded: Value = serde_json::from_str(text(&recorded(1)["data"])).unwrap();
                assert_eq!(stats.cmd["args"], recorded["cmd"]["args"]);
                assert!(stats.rss > 0 && stats.vms > 0 && stats.extra.is_empty());
                job.kill().unwrap();
            }
            "get_stats_finished" => {
                let job = again(&client, &pushes[0]).run(WAIT).unwrap();
                assert_eq!(job.get_stats().unwrap_err().kind(), ErrorKind::JobFailed);
            }
            "get_msgs" => {
                let job = again(&client, &pushes[0]).run(WAIT).unwrap();
                for (push, index) in pushes[1..5].iter().zip(1..) {
                    // What was recorded after the log had settled.
                    let recorded: Vec<Value> =
                        serde_json::from_str(text(&recorded(index)["data"])).unwrap();
                    let data: Value = serde_json::from_str(text(&push["data"])).unwrap();
                    let limit = u32::try_from(data["limit"].as_u64().unwrap()).unwrap();
                    let query =
                        acclient::MsgQuery::new().levels(text(&data["levels"])).limit(limit);
                    let mut found = job.get_msgs(&query).unwrap();
                    common::wait_until("the log has settled", || {
                        found = job.get_msgs(&query).unwrap();
                        found.len() == recorded.len()
                    });
                    let mut ours: Vec<_> =
                        found.iter().map(|message| (&*message.data, message.level)).collect();
                    let level = |message: &Value| message["level"].as_i64().unwrap();
                    let mut theirs: Vec<_> = recorded
                        .iter()
                        .map(|message| (text(&message["data"]), level(message)))
                        .collect();
                    // Stdout and stderr race for their place in the log, so of the newest few only
                    // their number is sure.
                    ours.sort();
                    theirs.sort();
                    assert!(ours == theirs || limit == 2, "{data}: {ours:?}");
                }
            }
            "race_running_after_terminal" => read_back_the_race(&lines),
            name if name.starts_with("fanout_") && !name.starts_with("fanout_zero") => {
                let command = again(&client, &pushes[0]).submit().unwrap();
                let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
                for job in command.results(WAIT).unwrap() {
                    let job = job.unwrap();
                    assert!(jobs.insert(job.agent().to_string(), job).is_none(), "{file}: twice");
                }
                let theirs = of_agents(&lines, text(&pushes[0]["id"]));
                assert!(jobs.keys().eq(theirs.keys()), "{file}: {jobs:?}");
                jobs.iter().for_each(|(agent, job)| compare(&file, job, &theirs[agent]));
            }
            "fanout_zero" | "fanout_zero_gid" => {
                let command = again(&client, &pushes[0]).submit().unwrap();
                let results: Vec<_> = command.results(WAIT).unwrap().collect();
                let [Err(error)] = results.as_slice() else { panic!("{file}: {results:?}") };
                assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{file}");
                compare(&file, error.job().expect("the controller's answer"), &recorded(0));
            }
            name if name.starts_with("role_") && name != "role_wrong" => {
                for push in &pushes {
                    let job = again(&client, push).run(WAIT).unwrap();
                    let (_, theirs) = of_agents(&lines, text(&push["id"])).pop_first().unwrap();
                    compare_elsewhere(&file, &job, &theirs);
                }
            }
            "role_wrong" | "wrong_gid" | "wrong_nid" => {
                let error = again(&client, &pushes[0]).run(WAIT).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{file}: {error}");
                compare(&file, error.job().expect("the controller's answer"), &recorded(0));
            }
            _ => {
                assert_eq!(pushes.len(), 1, "{file} needs an entry of its own");
                let job = again(&client, &pushes[0]).run(WAIT).unwrap();
                compare(&file, &job, &recorded(0));
            }
        }
    }
}

/// The final results of a command as they were stored, by agent.
fn of_agents(lines: &[Value], id: &str) -> BTreeMap<String, Value> {
    let prefix = format!("cmd.{id}.");
    let lists = lines.iter().filter(|line| line["kind"] == "dump" && line["type"] == "list");
    let results = lists.filter_map(|line| {
        let agent = text(&line["key"]).strip_prefix(&prefix)?.replace('.', ":");
        let value = serde_json::from_str::<Value>(text(&line["value"][0])).ok()?;
        value.is_object().then_some((agent, value))
    });
    results.collect()
}

/// As [`compare`], where the controller may have chosen another agent than it did then.
fn compare_elsewhere(file: &str, job: &Job, recorded: &Value) {
    let mut recorded = recorded.clone();
    recorded["gid"] = job.agent().gid.into();
    recorded["nid"] = job.agent().nid.into();
    compare(file, job, &recorded);
}

/// The recorded race: the hash says RUNNING for ever, the list holds the result.
fn read_back_the_race(lines: &[Value]) {
    let redis = RedisServer::start().unwrap();
    let mut connection = redis.connection();
    let mut ids = BTreeSet::new();
    for line in lines.iter().filter(|line| line["kind"] == "dump") {
        let key = text(&line["key"]);
        let mut write = redis::cmd(if line["type"] == "hash" { "HSET" } else { "RPUSH" });
        write.arg(key);
        match &line["value"] {
            Value::Object(fields) => {
                ids.insert(key.replace("jobresult:", ""));
                fields.iter().for_each(|(field, value)| {
                    write.arg(field).arg(text(value));
                });
            }
            values => values.as_array().unwrap().iter().for_each(|value| {
                write.arg(text(value));
            }),
        }
        let _: i64 = write.query(&mut connection).unwrap();
    }
    let client = Client::connect(&redis.url()).unwrap();
    assert!(!ids.is_empty());
    for id in ids {
        let hash: Vec<String> =
            redis::cmd("HVALS").arg(format!("jobresult:{id}")).query(&mut connection).unwrap();
        assert!(hash.iter().any(|result| result.contains("RUNNING")), "no race recorded");
        let results: Vec<Job> =
            client.command(id.as_str()).results(WAIT).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(results.len(), 3);
        assert!(results.iter().all(Job::is_success));
        assert!(client.command(id).jobs().unwrap().values().all(Job::is_success));
    }
}
