//! Jobs of agents.

use std::time::{Duration, Instant};

use crate::common::{Client, fresh, wait_until};
use devgrid::{Fault, Grid};
use serde_json::{Value, json};
use support::gate::Gate;

#[test]
fn full_agent_fetches_one_more_command_and_no_others() {
    let time = Duration::from_millis(300);
    let grid = Grid::builder().agent(1, 1, &[]).routable_for(time).start().unwrap();
    let mut client = Client::new(&grid);
    let sleep = json!({"args": {"name": "sleep", "args": ["300"]}});
    for number in 0..100 {
        client.send(&format!("job{number}"), "execute", sleep.clone());
    }
    wait_until("100 processes", || grid.running_jobs() == 100);
    // The next command is RUNNING in Redis, and waits.
    client.send("held", "ping", json!({}));
    client.wait_state("held", "1:1", "RUNNING");
    let list = json!({"gid": 0, "nid": 0, "args": {"name": "list_agents"}});
    let mut number = 0;
    wait_until("the agent to be unregistered", || {
        number += 1;
        client.send(&format!("list{number}"), "controller", list.clone());
        client.wait(&format!("list{number}"), 0, 0)["data"] == "{}"
    });
    client.push(br#"{"id":"","gid":1,"nid":1,"cmd":"ping"}"#);
    assert_eq!(client.wait("", 1, 1)["data"], "No matching connected agents found");
    assert_eq!(client.len("cmd.held.1.1"), 0);

    crate::common::kill_one(&mut client);
    assert_eq!(client.wait("held", 1, 1)["data"], "\"pong\"");
    wait_until("the agent to be back", || {
        number += 1;
        client.run(&format!("list{number}"), "ping", json!({}))["data"] == "\"pong\""
    });
}

#[test]
fn clearing_the_full_fault_resumes_the_agent() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    grid.inject(Fault::FullAgent { gid: 1, nid: 1 });
    client.send("held", "ping", json!({}));
    client.wait_state("held", "1:1", "RUNNING");
    client.send("behind", "ping", json!({}));
    client.wait_state("behind", "1:1", "QUEUED");
    grid.clear_faults();
    assert_eq!(client.wait("held", 1, 1)["data"], "\"pong\"");
    assert_eq!(client.wait("behind", 1, 1)["data"], "\"pong\"");
}

#[test]
fn output_keeps_the_last_1000_lines_and_replaces_invalid_utf8() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let result =
        client.run("lines", "execute", json!({"args": {"name": "seq", "args": ["10000"]}}));
    let lines: Vec<&str> = result["streams"][0].as_str().unwrap().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[999]), (1000, "9001", "10000"));

    let script = r"printf 'a\xff\xfe\xf0\x9f\0z\n'; printf 'no newline' >&2";
    let result = client.run("binary", "bash", json!({"data": script}));
    assert_eq!(
        result["streams"],
        json!(["a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\0z\n", "no newline\n"])
    );
}

#[test]
fn large_input_is_passed_completely() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let data = "0123456789\n".repeat(100_000);
    let result = client.run(
        "count",
        "execute",
        json!({"args": {"name": "wc", "args": ["-c"]}, "data": data}),
    );
    assert_eq!(result["streams"][0], "1100000\n");
    // A program that does not read its input succeeds too.
    assert_eq!(
        client.run("true", "execute", json!({"args": {"name": "true"}, "data": data}))["state"],
        "SUCCESS"
    );
    let script = format!("# {}\necho end", "x".repeat(300_000));
    assert_eq!(client.run("script", "bash", json!({"data": script}))["streams"][0], "end\n");
}

#[test]
fn program_that_writes_before_reading_all_input_hangs_and_cannot_be_killed() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let data = "0123456789\n".repeat(100_000);
    client.send("cat", "execute", json!({"args": {"name": "cat", "max_time": 1}, "data": data}));
    wait_until("the program to run", || grid.running_jobs() == 1);
    client.send("kill", "kill", json!({"data": "{\"id\":\"cat\"}"}));
    client.wait_state("kill", "1:1", "RUNNING");
    assert_eq!(client.run("ping", "ping", json!({}))["state"], "SUCCESS");
    assert_eq!(client.len("cmd.cat.1.1") + client.len("cmd.kill.1.1"), 0);
}

#[test]
fn jobs_of_a_queue_run_one_at_a_time() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "[ -e busy ] && echo overlap; touch busy; sleep 0.05; rm busy; date +%s%N";
    for number in 0..5 {
        client.send(
            &format!("q{number}"),
            "bash",
            json!({"args": {"queue": "one"}, "data": script}),
        );
    }
    client.send("ping", "ping", json!({"args": {"queue": "one"}}));
    let outputs: Vec<String> = (0..5)
        .map(|n| client.wait(&format!("q{n}"), 1, 1)["streams"][0].as_str().unwrap().into())
        .collect();
    assert_eq!(client.wait("ping", 1, 1)["data"], "\"pong\"");
    assert!(outputs.iter().all(|o| !o.contains("overlap")), "{outputs:?}");
    assert!(outputs.is_sorted(), "{outputs:?}");
}

#[test]
fn backlogged_commands_may_be_reordered() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    wait_until("a command that others overtake", || {
        grid.pause_agent(1, 1);
        let ids: Vec<String> = (0..80).map(|_| fresh("queued")).collect();
        let (script, args) = ("echo $AGENT_NID >> order; wc -l < order", json!({"queue": "q"}));
        for id in &ids {
            client.send(id, "bash", json!({"args": args, "data": script}));
        }
        grid.resume_agent(1, 1);
        let place = |id: &String| {
            let result = client.wait(id, 1, 1);
            result["streams"][0].as_str().unwrap().trim().parse::<usize>().unwrap()
        };
        !ids.iter().map(place).collect::<Vec<_>>().is_sorted()
    });
}

#[test]
fn queued_job_is_running_in_redis_only() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let gate = Gate::new();
    client.send("first", "bash", json!({"args": {"queue": "q"}, "data": gate.wait()}));
    client.send("second", "bash", json!({"args": {"queue": "q"}, "data": "echo ran"}));
    client.wait_state("second", "1:1", "RUNNING");
    let ask = json!({"data": "{\"id\":\"second\"}"});
    assert_eq!(client.run("stats", "get_process_stats", ask.clone())["state"], "ERROR");
    assert_eq!(client.run("kill", "kill", ask)["data"], "true");
    gate.open();
    assert_eq!(client.wait("second", 1, 1)["streams"][0], "ran\n");
}

#[test]
fn rejected_command_blocks_its_queue() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let queue = json!({"args": {"queue": "q"}});
    assert_eq!(client.run("nope", "no_such_command", queue.clone())["state"], "UNKNOWN_CMD");
    client.send("behind", "ping", queue);
    client.wait_state("behind", "1:1", "RUNNING");
    assert_eq!(client.run("free", "ping", json!({}))["state"], "SUCCESS");
    assert_eq!(client.len("cmd.behind.1.1"), 0);
}

#[test]
fn retries_and_recurring_runs() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "echo x >> runs; [ $(wc -l < runs) = 3 ]";
    let result = client.run("twice", "bash", json!({"args": {"max_restart": 5}, "data": script}));
    assert_eq!(result["state"], "SUCCESS");
    assert_eq!(client.run("count", "bash", json!({"data": "wc -l < runs"}))["streams"][0], "3\n");
    let script = "echo x >> fails; exit 1";
    assert_eq!(
        client.run("fails", "bash", json!({"args": {"max_restart": 3}, "data": script}))["state"],
        "ERROR"
    );
    assert_eq!(client.run("count2", "bash", json!({"data": "wc -l < fails"}))["streams"][0], "3\n");

    client.send(
        "again",
        "bash",
        json!({"args": {"recurring_period": 1}, "data": "echo x >> times"}),
    );
    let mut number = 0;
    wait_until("the second run", || {
        number += 1;
        let result = client.run(
            &format!("look{number}"),
            "bash",
            json!({"data": "cat times 2>/dev/null | wc -l"}),
        );
        result["streams"][0] == "2\n"
    });
    assert_eq!(client.len("cmd.again.1.1"), 0);
    client.run("stop", "kill", json!({"data": "{\"id\":\"again\"}"}));
    assert_eq!(client.wait("again", 1, 1)["state"], "KILLED");
}

#[test]
fn time_limit_and_kill_reach_only_the_process_itself() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    // A script is a child of the killed shell: it keeps running and holds the output open.
    let script = |gate: &Gate| format!("echo first; {}; touch done; echo last", gate.wait());
    let (limited, killed) = (Gate::new(), Gate::new());
    client.send("limit", "bash", json!({"args": {"max_time": 1}, "data": script(&limited)}));
    client.send("kill", "bash", json!({"data": script(&killed)}));
    wait_for_rows(&mut client, "kill", 1);
    client.run("order", "kill", json!({"data": "{\"id\":\"kill\"}"}));
    assert_eq!(client.len("cmd.kill.1.1"), 0);
    // The job still exists, but its process is no longer listed.
    let all = client.run("all", "get_processes_stats", json!({"data": "{}"}));
    assert!(!all["data"].as_str().unwrap().contains("\"kill\""), "{all}");
    let one = client.run("one", "get_process_stats", json!({"data": "{\"id\":\"kill\"}"}));
    let data: Value = serde_json::from_str(one["data"].as_str().unwrap()).unwrap();
    assert_eq!((&one["state"], &data["cmd"]), (&json!("SUCCESS"), &json!(null)));
    killed.open();
    let result = client.wait("kill", 1, 1);
    assert_eq!((&result["state"], &result["streams"][0]), (&json!("KILLED"), &json!("first\n")));

    wait_until("the limit", || {
        let ask = json!({"data": "{\"id\":\"limit\"}"});
        let stats = client.run(&fresh("look"), "get_process_stats", ask);
        let data: Value = serde_json::from_str(stats["data"].as_str().unwrap()).unwrap();
        data["cmd"].is_null()
    });
    limited.open();
    let result = client.wait("limit", 1, 1);
    assert_eq!((&result["state"], &result["streams"][0]), (&json!("TIMEOUT"), &json!("first\n")));
    assert!(result["time"].as_i64().unwrap() >= 1000, "{result}");
    assert_eq!(client.run("done", "bash", json!({"data": "ls done"}))["state"], "SUCCESS");
}

/// Waits until a job has logged `count` messages.
fn wait_for_rows(client: &mut Client, job: &str, count: usize) {
    wait_until("the messages", || {
        let data = json!({"jobid": job, "limit": 1000}).to_string();
        let result = client.run(&fresh("rows"), "get_msgs", json!({"data": data}));
        let rows: Vec<Value> = serde_json::from_str(result["data"].as_str().unwrap()).unwrap();
        rows.len() >= count
    });
}

#[test]
fn tracked_process_is_killed_and_counted_with_its_job() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "echo 101::$$; echo ready; exec sleep 300";
    client.send("job", "bash", json!({"data": script}));
    wait_for_rows(&mut client, "job", 1);
    let stats = client.run("stats", "get_process_stats", json!({"data": "{\"id\":\"job\"}"}));
    let data: Value = serde_json::from_str(stats["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["debug"].as_str().unwrap().split(' ').count(), 2, "{data}");
    client.run("kill", "kill", json!({"data": "{\"id\":\"job\"}"}));
    let result = client.wait("job", 1, 1);
    assert_eq!((&result["state"], &result["streams"][0]), (&json!("KILLED"), &json!("ready\n")));
}

#[test]
fn script_is_listed_as_the_shell_that_runs_it() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let gate = Gate::new();
    client.send("job", "bash", json!({"data": gate.wait()}));
    wait_until("the job to run", || grid.running_jobs() == 1);
    // The filter by name does not match the listed name.
    let named = client.run("bash", "get_processes_stats", json!({"data": "{\"name\":\"bash\"}"}));
    assert_eq!(named["data"], "[]");
    let all = client.run("all", "get_processes_stats", json!({"data": "{}"}));
    let all: Value = serde_json::from_str(all["data"].as_str().unwrap()).unwrap();
    assert_eq!(all[0]["cmd"]["cmd"], "execute");
    assert_eq!(all[0]["cmd"]["id"], "job");
    assert!(all[0]["cmd"]["args"]["args"][1].as_str().unwrap().starts_with("T=`mktemp`"));
    assert_eq!(all[0]["cpu"], 0);
}

#[test]
fn errors_are_worded_like_the_original() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let mut data = |id: &str, args: Value| {
        let result = client.run(id, "execute", json!({"args": args}));
        assert_eq!(result["state"], "ERROR");
        assert!(result.get("streams").is_none());
        result["data"].as_str().unwrap().to_string()
    };
    assert_eq!(
        data("a", json!({"name": "nope-xyz"})),
        "exec: \"nope-xyz\": executable file not found in $PATH"
    );
    assert_eq!(
        data("b", json!({"name": "/nope/xyz"})),
        "fork/exec /nope/xyz: no such file or directory"
    );
    assert_eq!(
        data("c", json!({"name": "/etc/passwd"})),
        "fork/exec /etc/passwd: permission denied"
    );
    assert_eq!(
        data("d", json!({"name": "ls", "working_dir": "/nope"})),
        "chdir /nope: no such file or directory"
    );
    assert_eq!(data("e", json!({})), "exec: \"\": executable file not found in $PATH");
}

#[test]
fn environment_and_working_directory() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let args = json!({"name": "env", "env": ["A=1=2", "HOME=/x"], "working_dir": "/usr"});
    let result = client.run("env", "execute", json!({"args": args}));
    let out = result["streams"][0].as_str().unwrap();
    assert!(
        out.contains("A=1=2\n") && out.contains("HOME=/x\n") && out.contains("AGENT_NID=1\n"),
        "{out}"
    );
    assert!(!out.contains("PATH="), "{out}");
    assert_eq!(result["args"]["env"], json!(["A=1=2", "HOME=/x"]));
}

#[test]
fn log_rows_appear_with_a_delay() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    client.run("job", "bash", json!({"data": "seq 1200; echo 7::warn"}));
    let mut number = 0;
    let mut ask = |client: &mut Client, data: Value| -> Vec<Value> {
        number += 1;
        let result =
            client.run(&format!("ask{number}"), "get_msgs", json!({"data": data.to_string()}));
        serde_json::from_str(result["data"].as_str().unwrap()).unwrap()
    };
    let wanted: Vec<String> = (202..=1200).rev().map(|number| number.to_string()).collect();
    wait_until("the rows", || {
        let rows = ask(&mut client, json!({"jobid": "job", "limit": 5000, "levels": null}));
        let data: Vec<&str> = rows.iter().map(|row| row["data"].as_str().unwrap()).collect();
        let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first");
        data.len() == 1000 && data[0] == "warn" && data[1..] == wanted
    });
    let wrong = client.run("abc", "get_msgs", json!({"data": r#"{"jobid":"job","levels":"abc"}"#}));
    assert_eq!(wrong["state"], "ERROR");
    assert_eq!(wrong["data"], r#"{"Func":"ParseInt","Num":"abc","Err":{}}"#);
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 5, "levels": "6-9"})).len(), 1);
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 5, "levels": [1]})).len(), 0);
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 0})).len(), 0);
}

#[test]
fn log_row_may_appear_after_later_ones() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    wait_until("a late message", || {
        let job = fresh("job");
        client.run(&job, "bash", json!({"data": "seq 100"}));
        let data = json!({"jobid": job, "limit": 1000}).to_string();
        let result = client.run(&fresh("ask"), "get_msgs", json!({"data": data}));
        let rows: Vec<Value> = serde_json::from_str(result["data"].as_str().unwrap()).unwrap();
        let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        ids.windows(2).any(|two| two[0] != two[1] + 1)
    });
}

#[test]
fn restart_and_its_running_jobs_never_answer() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "echo before; exec sleep 300";
    client.send("job", "bash", json!({"args": {"max_time": -1}, "data": script}));
    wait_for_rows(&mut client, "job", 1);
    client.send("restart", "restart", json!({}));
    client.wait_state("restart", "1:1", "RUNNING");
    // Only the log survives the restart.
    wait_until("the agent to be back", || {
        let ask = json!({"data": "{\"id\":\"job\"}"});
        client.run(&fresh("look"), "get_process_stats", ask)["state"] == "ERROR"
    });
    wait_for_rows(&mut client, "job", 1);
    assert_eq!(client.len("cmd.job.1.1") + client.len("cmd.restart.1.1"), 0);
}

#[test]
fn ping_latency_is_a_small_multiple_of_redis() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let mut times: [Vec<Duration>; 2] = Default::default();
    for number in 0..300 {
        let began = Instant::now();
        let _: String = client.ask(&["PING"]);
        times[0].push(began.elapsed());
        let began = Instant::now();
        client.run(&format!("ping{number}"), "ping", json!({}));
        times[1].push(began.elapsed());
    }
    let [of_redis, of_agent] = times.map(|mut times| {
        times.sort();
        times[150]
    });
    println!("a ping of Redis takes {of_redis:?}, of an agent {of_agent:?}");
    // About ten times that of Redis, since nothing is polled at an interval.
    assert!(of_agent < Duration::from_millis(20) + 100 * of_redis, "{of_redis:?} {of_agent:?}");
}
