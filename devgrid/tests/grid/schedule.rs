//! Scheduled commands.

use crate::common::{Client, wait_for, wait_until};
use crate::compare::{Payload, same_result};
use devgrid::Grid;
use serde_json::{Value, json};

fn controller(client: &mut Client, id: &str, name: &str, data: &str) -> Value {
    client.send(
        id,
        "controller",
        json!({"gid": 0, "nid": 0, "roles": ["*"], "args": {"name": name}, "data": data}),
    );
    client.wait(id, 0, 0)
}

fn fired(client: &mut Client) -> Vec<String> {
    client.keys().into_iter().filter(|k| k.starts_with("cmd.") && k.ends_with(".1.1")).collect()
}

/// Terminal result of a fired ping in the recording `schedule_fires`.
fn recorded() -> String {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/schedule_fires.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let dumps = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lists =
        dumps.filter(|d| d["kind"] == "dump" && d["key"].as_str().unwrap().ends_with(".1.1"));
    lists.next().unwrap()["value"][0].as_str().unwrap().to_string()
}

#[test]
fn schedule_fires_with_new_ids_until_removed() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let command = json!({"id": "inner", "gid": 1, "nid": 1, "tags": null, "roles": null, "fanout": false, "cmd": "ping",
        "args": {"loglevels": "*"}, "data": ""});
    let data = json!({"id": "tick", "cron": "* * * * * *", "cmd": command}).to_string();
    assert_eq!(controller(&mut client, "add", "scheduler_add", &data)["data"], "null");
    let keys = wait_for("two firings", || Some(fired(&mut client)).filter(|keys| keys.len() >= 2));
    let theirs: Value = serde_json::from_str(&recorded()).unwrap();
    for key in &keys {
        let text = client.list(key).remove(0);
        let mut ours: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("cmd.{}.1.1", ours["id"].as_str().unwrap()), *key);
        assert_ne!(ours["id"], "inner");
        ours["id"] = theirs["id"].clone();
        same_result(&theirs.to_string(), &ours.to_string(), Payload::Exact).unwrap();
        assert_eq!(client.ask::<i64>(&["TTL", &key.replace(".1.1", ".queued")]), -1);
    }
    let list = controller(&mut client, "list", "scheduler_list", "");
    assert!(
        list["data"]
            .as_str()
            .unwrap()
            .starts_with("[{\"id\":\"tick\",\"cron\":\"* * * * * *\",\"cmd\":{\"args\":")
    );

    // A restarted controller resumes the schedule.
    grid.stop_controller();
    let before = fired(&mut client).len();
    grid.start_controller();
    wait_until("another firing", || fired(&mut client).len() > before);

    assert_eq!(controller(&mut client, "remove", "scheduler_remove", "\"tick\"")["data"], "1");
    assert_eq!(controller(&mut client, "list2", "scheduler_list", "")["data"], "[]");
    // A command may still be in flight; after that none follows.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let settled = fired(&mut client).len();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(fired(&mut client).len(), settled);
}

#[test]
fn schedule_without_a_command_kills_the_controller_when_it_fires() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let added =
        controller(&mut client, "add", "scheduler_add", "{\"id\":\"x\",\"cron\":\"@every 1s\"}");
    assert_eq!(added["state"], "SUCCESS");
    wait_until("the controller to die", || !grid.controller_running());
}

#[test]
fn invalid_schedules_are_rejected() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    for (index, data) in
        ["", "no json", "[]", "{\"id\":5}", "{\"cron\":\"@never\"}", "{\"cron\":\"1 2\"}"]
            .iter()
            .enumerate()
    {
        let result = controller(&mut client, &format!("bad{index}"), "scheduler_add", data);
        assert_eq!(
            (result["state"].as_str(), result["level"].as_i64()),
            (Some("ERROR"), Some(0)),
            "{data}"
        );
        assert_ne!(result["data"], "", "{data}");
    }
    assert_eq!(client.ask::<i64>(&["EXISTS", "controller.schedule"]), 0);
}
