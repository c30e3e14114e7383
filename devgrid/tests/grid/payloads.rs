//! Recorded payloads: which ones kill the original controller, and what it writes for the others.

use std::time::Duration;

use crate::common::{Client, wait_until};
use crate::compare::{Payload, same_result};
use devgrid::Grid;
use serde_json::Value;

/// Keys that were not recorded: the recorder read the result list only if the command had an address.
const NOT_RECORDED: &[&str] = &["cmd..0.0"];

fn cases() -> Vec<Value> {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/payload_tolerance.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Decodes a payload, whose invalid UTF-8 bytes are recorded as `\xff`.
fn payload(case: &Value) -> Vec<u8> {
    let text = case["payload"].as_str().unwrap();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap());
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn payloads_have_the_same_effect_as_on_the_original() {
    let cases = cases();
    assert!(cases.len() >= 35, "cases are missing");
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    let mut client = Client::new(&grid);
    for case in &cases {
        let name = case["case"].as_str().unwrap();
        client.push(&payload(case));
        if case["controller_survives"] == false {
            wait_until(&format!("the controller to die of: {name}"), || !grid.controller_running());
            grid.start_controller();
            assert_eq!(kept(&mut client), Vec::<String>::new(), "{name}");
        } else {
            let keys = case["keys"].as_object().unwrap();
            for key in keys.keys() {
                wait_until(&format!("{key} after: {name}"), || {
                    client.ask::<i64>(&["EXISTS", key]) == 1
                });
            }
            settle(&mut client, keys);
            compare(&mut client, keys).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(grid.controller_running(), "the controller died of: {name}");
        }
        client.forget();
        let _: i64 = client.ask(&["DEL", "controller.schedule"]);
    }
}

fn kept(client: &mut Client) -> Vec<String> {
    let passing = |key: &String| {
        key.ends_with(".queue")
            || key == "controller.schedule"
            || NOT_RECORDED.contains(&key.as_str())
    };
    client.keys().into_iter().filter(|key| !passing(key)).collect()
}

/// Waits for the expiry of the result lists, the last write of a command.
fn settle(client: &mut Client, keys: &serde_json::Map<String, Value>) {
    for key in keys.keys().filter(|k| k.starts_with("cmd.") && !k.ends_with(".queued")) {
        wait_until(key, || client.ask::<i64>(&["TTL", key]) > 0);
    }
}

fn compare(client: &mut Client, keys: &serde_json::Map<String, Value>) -> Result<(), String> {
    let mut wanted: Vec<&String> = keys.keys().collect();
    wanted.sort();
    let have = kept(client);
    if have.iter().collect::<Vec<_>>() != wanted {
        return Err(format!("keys {have:?}, recorded {wanted:?}"));
    }
    for (key, value) in keys {
        match value {
            Value::Array(items) => {
                let ours = client.list(key);
                for (own, their) in ours.iter().zip(items) {
                    entry(their.as_str().unwrap(), own).map_err(|e| format!("{key}: {e}"))?;
                }
            }
            Value::Object(fields) => {
                let ours = client.hash(key.trim_start_matches("jobresult:"));
                if ours.keys().ne(fields.keys()) {
                    return Err(format!("{key} has the fields {:?}", ours.keys()));
                }
                for (field, their) in fields {
                    entry(their.as_str().unwrap(), &ours[field])
                        .map_err(|e| format!("{key}: {e}"))?;
                }
            }
            other => panic!("unexpected type of a recorded key: {other}"),
        }
    }
    Ok(())
}

fn entry(their: &str, own: &str) -> Result<(), String> {
    if their == own { Ok(()) } else { same_result(their, own, Payload::Exact) }
}
