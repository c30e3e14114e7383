//! Validates `--json` output against docs/acctl.json-schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use devgrid::Grid;
use jsonschema::Validator;
use serde_json::{Value, json};
use support::{ROOT, wait_until};

use crate::program::{Ran, acctl};
use crate::recent::State;

/// Schema of each type. The published schemas allow additional fields; the tests do not.
static SCHEMAS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let directory = format!("{ROOT}/docs/acctl.json-schema");
    let files = std::fs::read_dir(directory).expect("schemas");
    let paths = files.map(|file| file.expect("a file").path());
    let read: BTreeMap<String, Value> = paths
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a schema");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    let compiled = read.iter().map(|(name, schema)| {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        assert_eq!(schema["properties"]["type"]["const"], *name);
        let schema = closed(schema, &read);
        (name.clone(), jsonschema::validator_for(&schema).expect("a schema"))
    });
    compiled.collect()
});

/// Types seen so far by any test of this process.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Inlines references and disallows additional properties.
fn closed(schema: &Value, all: &BTreeMap<String, Value>) -> Value {
    match schema {
        Value::Object(map) => {
            if let Some(other) = map.get("$ref").and_then(Value::as_str) {
                return closed(&all[other.strip_suffix(".json").expect("a file")], all);
            }
            let mut map: serde_json::Map<String, Value> =
                map.iter().map(|(key, value)| (key.clone(), closed(value, all))).collect();
            if map.get("properties").is_some_and(Value::is_object) && map.contains_key("required") {
                map.insert("additionalProperties".into(), json!(false));
            }
            Value::Object(map)
        }
        Value::Array(items) => items.iter().map(|item| closed(item, all)).collect(),
        other => other.clone(),
    }
}

/// Parses documents and validates each against its schema.
pub fn documents(stdout: &str) -> Vec<Value> {
    let document = |line: &str| {
        let document: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = document["type"].as_str().unwrap_or_else(|| panic!("no type: {line}"));
        let schema = SCHEMAS.get(name).unwrap_or_else(|| panic!("no schema of {name:?}: {line}"));
        let wrong: Vec<String> =
            schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}: {line}");
        SEEN.lock().expect("no panic").insert(name.to_owned());
        document
    };
    stdout.lines().map(document).collect()
}

#[test]
fn every_command_prints_valid_documents() {
    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    let run = |args: &[&str]| -> (Ran, Vec<Value>) {
        let ran = acctl(&grid.url(), &[&["--json"], args].concat());
        let documents = documents(&ran.stdout);
        (ran, documents)
    };
    let types = |documents: &[Value]| -> Vec<String> {
        documents
            .iter()
            .map(|document| document["type"].as_str().expect("a type").to_owned())
            .collect()
    };
    let printed = |args: &[&str], expected: &[&str]| {
        let (ran, documents) = run(args);
        assert_eq!(types(&documents), expected, "{args:?}: {ran:?}");
        documents
    };
    printed(&["agents"], &["agent"; 3]);
    printed(&["agents", "--ping", "1:*"], &["agent"; 2]);
    printed(&["run", "--dry-run", "1:*", "--", "true"], &["plan", "agent", "agent"]);
    printed(&["run", "1:1", "--", "true"], &["sent", "result", "summary"]);
    printed(&["bash", "all", "echo"], &["sent", "result", "result", "result", "summary"]);
    printed(&["bash", "all", "--group", "echo"], &["sent", "group", "summary"]);
    printed(&["bash", "all", "--summary", "echo"], &["sent", "summary"]);
    printed(&["bash", "all@1", "--batch", "1", "echo"], &["result", "result", "summary"]);
    printed(&["script", "1:2", "test/echo", "--arg", "message=x"], &["sent", "result", "summary"]);
    printed(&["cmd", "1:1", "ping"], &["sent", "result", "summary"]);
    printed(&["cmd", "1:1", "restart"], &["sent"]);
    wait_until("the agent is back", || acctl(&grid.url(), &["cmd", "1:1", "ping"]).status == 0);
    let sent = printed(&["run", "1:1", "--detach", "--", "sleep", "600"], &["sent"]);
    let handle = sent[0]["command"].as_str().expect("a handle");
    printed(&["wait", "--wait", "0.5", handle], &["error", "summary"]);
    wait_until("it runs", || acctl(&grid.url(), &["stats", handle]).status == 0);
    let stage = printed(&["job", handle], &["stage", "stage"]);
    assert_eq!(
        (&stage[1]["stage"], &stage[1]["job"]["type"]),
        (&"Running".into(), &"result".into())
    );
    printed(&["jobs", handle], &["result"]);
    printed(&["stats", handle], &["stats"]);
    printed(&["ps", "1:1"], &["process"]);
    printed(&["retract", handle], &["retracted"]);
    printed(&["kill", handle], &["kill"]);
    let over = printed(&["stats", handle], &["stats"]);
    assert_eq!((&over[0]["stats"], &over[0]["over"]), (&Value::Null, &"KILLED".into()));
    printed(&["run", "1:1", "--id", "log", "--", "echo", "line"], &["sent", "result", "summary"]);
    printed(&["logs", "-f", "log"], &["message"]);
    printed(&["logs", "log"], &["message"]);
    for what in ["cpu", "disk", "mem", "nic", "os"] {
        printed(&["info", what, "1:1"], &["info"]);
    }
    let opened = printed(&["tunnel", "open", "1:2", "0:2.1:127.0.0.1:22"], &["tunnel"]);
    let tunnel = opened[0]["tunnel"].as_str().expect("a name");
    printed(&["tunnel", "list", "1:2"], &["tunnel"]);
    printed(&["tunnel", "close", "1:2", tunnel], &["tunnel"]);
    printed(&["tunnel", "close", "1:2", tunnel], &["error"]);
    printed(&["schedule", "add", "x", "@yearly", "1:1", "--", "true"], &["scheduled"]);
    printed(&["schedule", "list"], &["scheduled"]);
    printed(&["schedule", "rm", "x"], &["scheduled"]);
    printed(&["schedule", "rm", "x"], &["scheduled"]);
    printed(&["schedule", "rm", "--prefix", "x"], &["scheduled"]);
    printed(&["history", "--count", "2"], &["past", "past"]);
    let state = State::new("schemas");
    for (args, name) in [
        (&["recent", "--on"][..], "recording"),
        (&["run", "1:1", "--detach", "--", "true"], "sent"),
        (&["recent"], "recent"),
    ] {
        let ran = state.acctl(&grid, &[&["--json"], args].concat());
        assert_eq!(types(&documents(&ran.stdout)), [name], "{ran:?}");
    }
    let (_, checks) = run(&["doctor"]);
    assert!(checks.len() > 5 && types(&checks).iter().all(|name| name == "check"), "{checks:#?}");
    let seen = SEEN.lock().expect("no panic");
    let unseen: Vec<&String> = SCHEMAS.keys().filter(|name| !seen.contains(*name)).collect();
    // `interrupted` needs a signal, see signals.rs.
    assert!(unseen.is_empty() || unseen == ["interrupted"], "never printed: {unseen:?}");
}

#[test]
fn errors_are_documents() {
    let grid = Grid::demo().expect("a grid");
    assert_eq!(acctl(&grid.url(), &["run", "1:1", "--id", "done", "--", "true"]).status, 0);
    for (args, status, kind) in [
        (&["frob"][..], 2, "InvalidArgument"),
        (&["run"], 2, "InvalidArgument"),
        (&["--frob", "agents"], 2, "InvalidArgument"),
        (&["run", "1:1", "--max-time", "1.5", "--", "true"], 2, "InvalidArgument"),
        (&["run", "1-1", "--", "true"], 2, "InvalidArgument"),
        (&["schedule", "rm", "--prefix", ""], 2, "InvalidArgument"),
        (&["jobs", "never"], 3, "NoSuchAgent"),
        (&["job", "never"], 3, "NoSuchAgent"),
        (&["logs", "never"], 3, "NoSuchAgent"),
        (&["logs", "-f", "never"], 3, "NoSuchAgent"),
        (&["kill", "never"], 3, "NoSuchAgent"),
        (&["stats", "never"], 3, "NoSuchAgent"),
        (&["retract", "never"], 3, "NoSuchAgent"),
        (&["job", "done", "--agent", "2:1"], 3, "NoSuchAgent"),
        (&["logs", "done", "--agent", "2:1"], 3, "NoSuchAgent"),
        (&["logs", "-f", "done", "--agent", "2:1"], 3, "NoSuchAgent"),
    ] {
        let ran = acctl(&grid.url(), &[&["--json", "--timeout", "5"], args].concat());
        let documents = documents(&ran.stdout);
        let [document] = &documents[..] else { panic!("{args:?}: {ran:?}") };
        assert_eq!((ran.status, &document["type"]), (status, &"error".into()), "{args:?}: {ran:?}");
        assert_eq!(document["error"]["kind"], kind, "{args:?}: {ran:?}");
        let message = document["error"]["message"].as_str().expect("text");
        assert!(!message.contains("Usage") && !message.contains("Targets:"), "{message}");
        assert!(ran.stderr.contains(message.lines().next().expect("a line")), "{ran:?}");
    }
}
