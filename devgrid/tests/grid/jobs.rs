//! What agents do with commands.

use std::time::{Duration, Instant};

use crate::common::{Client, wait_for, wait_until};
use devgrid::Grid;
use serde_json::{Value, json};

#[test]
fn two_hundred_jobs_at_once() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    for number in 0..200 {
        client.send(
            &format!("job{number}"),
            "execute",
            json!({"args": {"name": "sleep", "args": ["300"]}}),
        );
    }
    wait_until("200 processes", || grid.running_jobs() == 200);
    assert_eq!(client.run("all", "killall", json!({}))["state"], "KILLED");
    for number in 0..200 {
        assert_eq!(client.wait(&format!("job{number}"), 1, 1)["state"], "KILLED");
    }
    assert_eq!(grid.running_jobs(), 0);
}

#[test]
fn ten_thousand_lines_and_binary_output() {
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
fn large_input_goes_through() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let data = "0123456789\n".repeat(100_000);
    let result = client.run(
        "count",
        "execute",
        json!({"args": {"name": "wc", "args": ["-c"]}, "data": data}),
    );
    assert_eq!(result["streams"][0], "1100000\n");
    // A program that doesn't read it is no problem either.
    assert_eq!(
        client.run("true", "execute", json!({"args": {"name": "true"}, "data": data}))["state"],
        "SUCCESS"
    );
    let script = format!("# {}\necho end", "x".repeat(300_000));
    assert_eq!(client.run("script", "bash", json!({"data": script}))["streams"][0], "end\n");
}

#[test]
fn jobs_of_a_queue_run_one_after_another() {
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
fn restarts_and_recurring() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "echo x >> runs; [ $(wc -l < runs) = 3 ]";
    let result = client.run("twice", "bash", json!({"args": {"max_restart": 5}, "data": script}));
    assert_eq!(result["state"], "SUCCESS");
    assert_eq!(client.run("count", "bash", json!({"data": "wc -l < runs"}))["streams"][0], "3\n");
    let script = "echo x >> fails; exit 1";
    assert_eq!(
        client.run("fails", "bash", json!({"args": {"max_restart": 2}, "data": script}))["state"],
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
fn the_time_limit_hits_all_a_job_started() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let script = "sleep 300 & echo $!; sleep 300; echo never";
    let result = client.run("limit", "bash", json!({"args": {"max_time": 1}, "data": script}));
    assert_eq!(result["state"], "TIMEOUT");
    let child = result["streams"][0].as_str().unwrap().trim().parse().unwrap();
    wait_until("the grandchild to be gone", || !crate::common::alive(child));
    assert!((1000..200_000).contains(&result["time"].as_i64().unwrap()), "{result}");
    // Also where it closed its output long before.
    let result = client.run(
        "quiet",
        "bash",
        json!({"args": {"max_time": 1}, "data": "exec >&- 2>&-; sleep 300"}),
    );
    assert_eq!(result["state"], "TIMEOUT");
}

#[test]
fn errors_are_worded_as_in_the_original() {
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
fn environment_and_directory() {
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
fn logs_are_there_a_little_later() {
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
    let rows = wait_for("the rows", || {
        let rows = ask(&mut client, json!({"jobid": "job", "limit": 5000, "levels": null}));
        (rows.len() == 1000 && rows[0]["data"] == "warn").then_some(rows)
    });
    assert_eq!(rows[1]["data"], "1200");
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 5, "levels": "6-9"})).len(), 1);
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 5, "levels": [1]})).len(), 0);
    assert_eq!(ask(&mut client, json!({"jobid": "job", "limit": 0})).len(), 0);
}

#[test]
fn restart_kills_the_jobs_but_for_those_that_are_to_last() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let sleep = json!({"name": "sleep", "args": ["300"]});
    client.send("ends", "execute", json!({"args": sleep}));
    client.send(
        "lasts",
        "execute",
        json!({"args": {"name": "sleep", "args": ["300"], "max_time": -1}}),
    );
    wait_until("the jobs to run", || grid.running_jobs() == 2);
    let stats = client.run("before", "get_process_stats", json!({"data": "{\"id\":\"lasts\"}"}));
    assert_eq!(client.run("restart", "restart", json!({}))["state"], "SUCCESS");
    assert_eq!(client.wait("ends", 1, 1)["state"], "KILLED");
    let mut number = 0;
    wait_until("the job to run again", || {
        number += 1;
        let again = client.run(
            &format!("again{number}"),
            "get_process_stats",
            json!({"data": "{\"id\":\"lasts\"}"}),
        );
        again["state"] == "SUCCESS"
            && again["data"].as_str().unwrap().contains("\"debug\":\"")
            && again["data"] != stats["data"]
    });
    assert_eq!(client.len("cmd.lasts.1.1"), 0);
}

#[test]
fn a_ping_is_quick() {
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
    // It is some ten times what Redis takes; nothing on the way is polled at an interval.
    assert!(of_agent < Duration::from_millis(20) + 100 * of_redis, "{of_redis:?} {of_agent:?}");
}
