//! Replays recordings of the original daemons against the grid and compares its writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use crate::common::{Client, wait_until};
use crate::compare::{Payload, same_result};
use crate::lanes::lanes;
use crate::monitor::Monitor;
use crate::ports::Ports;
use devgrid::Grid;
use serde_json::Value;

/// Recordings that are not replayed: lines with the word `grid` in the list of exceptions, which states the reasons.
fn not_replayed() -> BTreeSet<&'static str> {
    let lines = include_str!("../../../tests/golden-exceptions.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| words[1] == "grid" && words.len() > 2).map(|words| words[0]).collect()
}

/// Recordings that depend on others.
const AFTER: &[(&str, &[&str])] = &[
    ("schedule_list", &["schedule_add"]),
    ("schedule_remove", &["schedule_add"]),
    ("schedule_remove_prefix", &["schedule_add", "schedule_remove"]),
    ("tunnel_controller", &["tunnel"]),
    ("tunnel_fixed_port", &["tunnel"]),
];

/// Recordings whose payload describes the machine.
const SHAPE_ONLY: &[&str] =
    &["execute_ls", "get_cpu_info", "get_disk_info", "get_mem_info", "get_nic_info", "get_os_info"];

/// Answers of `get_msgs` that depend on timing: rows appear late, and two streams race for the newest.
const SHAPE_BY_DATA: &[(&str, &str)] =
    &[("get_msgs_immediately", "79391d86-"), ("get_msgs", "8bcf769e-")];

/// Minimum length of a deliberate pause of the recorded client, in seconds.
const PAUSE: f64 = 0.05;

struct Recording {
    name: String,
    lines: Vec<Value>,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

impl Recording {
    fn read(name: &str) -> Self {
        let path = directory().join(format!("{name}.jsonl"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Recording { name: name.into(), lines }
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["kind"] == kind)
    }

    /// Redis commands of the client or the controller.
    fn commands(&self, from: &str) -> Vec<(f64, Vec<String>)> {
        let words = |line: &Value| {
            line["args"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a.as_str().unwrap().to_string())
                .collect()
        };
        self.of("redis")
            .filter(|l| l["from"] == from)
            .map(|l| (l["t"].as_f64().unwrap(), words(l)))
            .collect()
    }

    /// First entry of a list at the end.
    fn answer(&self, key: &str) -> String {
        let dump = self.of("dump").find(|dump| dump["key"] == key).unwrap();
        dump["value"][0].as_str().unwrap().to_string()
    }

    /// Whether the key did not exist at the end.
    fn never_came(&self, key: &str) -> bool {
        self.of("dump").any(|dump| dump["key"] == key && dump["type"] == "none")
    }

    /// Submitted commands by id.
    fn sent(&self) -> BTreeMap<String, Value> {
        let pushes =
            self.commands("client").into_iter().filter(|(_, words)| words[1] == "cmds.queue");
        let parsed = pushes.map(|(_, words)| serde_json::from_str::<Value>(&words[2]).unwrap());
        parsed.map(|command| (command["id"].as_str().unwrap().to_string(), command)).collect()
    }
}

#[test]
fn list_of_exceptions_is_valid() {
    let names = all_names();
    let not_replayed = not_replayed();
    for name in &not_replayed {
        assert!(names.contains(*name), "there is no recording {name}");
    }
    assert!(names.len() - not_replayed.len() > 50, "recordings are missing");
}

fn all_names() -> BTreeSet<String> {
    let files = std::fs::read_dir(directory())
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap());
    files.filter_map(|f| f.strip_suffix(".jsonl").map(String::from)).collect()
}

#[test]
fn grid_writes_what_the_original_wrote() {
    let skipped = not_replayed();
    let only = std::env::var("GOLDEN").ok();
    let wanted =
        |name: &String| !skipped.contains(name.as_str()) && only.as_ref().is_none_or(|o| o == name);
    let work = Mutex::new(all_names().into_iter().filter(wanted).collect::<Vec<_>>());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(name) = { work.lock().unwrap().pop() } {
                    let done = std::panic::catch_unwind(|| replay(&name));
                    let error = match done {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => error,
                        Err(panic) => panic
                            .downcast_ref::<String>()
                            .cloned()
                            .unwrap_or_else(|| "panicked".into()),
                    };
                    failures.lock().unwrap().push(format!("{name}: {error}"));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} recordings differ:\n{}", failures.len(), failures.join("\n"));
}

/// Retries recordings of `get_msgs`: messages appear with random delays, as in the original, so the number of rows
/// varies.
fn replay(name: &str) -> Result<(), String> {
    let tries = if name.starts_with("get_msgs") { 20 } else { 1 };
    let mut error = String::new();
    for _ in 0..tries {
        match replay_alone(name) {
            Ok(()) => return Ok(()),
            Err(differs) => error = differs,
        }
    }
    Err(error)
}

fn replay_alone(name: &str) -> Result<(), String> {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let mut ports = Ports::new(grid.redis().port());
    let before =
        AFTER.iter().find(|(after, _)| *after == name).map_or(&[][..], |(_, before)| before);
    for earlier in before {
        let earlier = Recording::read(earlier);
        play(&grid, &mut client, &earlier, &mut ports);
        let targets = Targets::find(&mut client, &earlier)?;
        settle(&mut client, &earlier, &targets);
        client.forget();
    }
    let recording = Recording::read(name);
    let monitor = Monitor::start(grid.redis().port());
    play(&grid, &mut client, &recording, &mut ports);
    let mut targets = Targets::find(&mut client, &recording)?;
    targets.1 = ports;
    settle(&mut client, &recording, &targets);
    // First, because MONITOR shows the comparison of the keys too.
    compare_order(&mut client, &recording, &targets, &monitor)?;
    compare_keys(&mut client, &recording, &targets)
}

/// Replays the client: sends its commands and waits where it waited.
fn play(grid: &Grid, client: &mut Client, recording: &Recording, ports: &mut Ports) {
    let mut last = 0.0;
    let mut started: Vec<(String, String)> = Vec::new();
    for (time, words) in recording.commands("client") {
        if time - last > PAUSE {
            std::thread::sleep(Duration::from_secs_f64(time - last));
            wait_until("jobs to run", || {
                grid.running_jobs()
                    >= started.iter().filter(|(_, list)| client.len(list) == 0).count()
            });
        }
        last = time;
        match words[0].as_str() {
            "RPUSH" => {
                let command: Value = serde_json::from_str(&words[2]).unwrap();
                client.push(ports.as_sent(&words[2]).as_bytes());
                let process =
                    command["cmd"] == "execute" && command["args"]["recurring_period"].is_null();
                let list = format!(
                    "cmd.{}.{}.{}",
                    command["id"].as_str().unwrap(),
                    command["gid"],
                    command["nid"]
                );
                if process && !started.iter().any(|(_, other)| *other == list) {
                    started.push((words[2].clone(), list));
                }
            }
            // The recorded client timed out.
            "BRPOPLPUSH" if recording.never_came(&words[1]) => {}
            // `settle` waits for results of roles, whose agent is only known afterwards.
            "BRPOPLPUSH" if words[1].ends_with(".queued") => {
                wait_until(&words[1], || client.len(&words[1]) > 0);
            }
            "BRPOPLPUSH" => {
                let sent = recording.sent();
                let id =
                    sent.keys().find(|id| words[1].starts_with(&format!("cmd.{id}."))).unwrap();
                if sent[id]["roles"].is_null() || sent[id]["cmd"] == "controller" {
                    wait_until(&words[1], || client.len(&words[1]) > 0);
                }
                if sent[id]["cmd"] == "hubble_open_tunnel" {
                    ports.learn(&recording.answer(&words[1]), &client.list(&words[1])[0]);
                }
            }
            _ => {}
        }
    }
}

/// Differences from the recording: agents chosen at random for a role, and ports.
struct Targets(BTreeMap<String, (String, String)>, Ports);

impl Targets {
    fn find(client: &mut Client, recording: &Recording) -> Result<Self, String> {
        let mut found = BTreeMap::new();
        for dump in recording.of("dump").filter(|d| d["type"] == "hash") {
            let Some(id) = dump["key"].as_str().unwrap().strip_prefix("jobresult:") else {
                continue;
            };
            let sent = recording.sent();
            let theirs: Vec<&String> = dump["value"].as_object().unwrap().keys().collect();
            wait_until("queued", || client.len(&format!("cmd.{id}.queued")) > 0);
            let ours: Vec<String> = client.hash(id).into_keys().collect();
            let random = sent[id]["fanout"] != true
                && sent[id]["roles"].is_array()
                && sent[id]["cmd"] != "controller";
            if random && theirs.len() == 1 && ours.len() == 1 {
                let roles = sent[id]["roles"].as_array().unwrap();
                let all: &[(&str, &[&str])] =
                    &[("1:1", &["cpu"]), ("2:1", &["cpu", "storage"]), ("1:2", &["storage"])];
                let fits = |(_, have): &&(&str, &[&str])| {
                    roles.iter().all(|r| r == "*" || have.iter().any(|h| r == h))
                };
                let fitting: Vec<&str> = all.iter().filter(fits).map(|(agent, _)| *agent).collect();
                if *theirs[0] != ours[0] && !fitting.contains(&ours[0].as_str()) {
                    return Err(format!("{id} went to {}, but only {fitting:?} fit", ours[0]));
                }
                found.insert(id.to_string(), (ours[0].clone(), theirs[0].clone()));
            }
        }
        Ok(Targets(found, Ports::default()))
    }

    /// Our key for a recorded key.
    fn ours(&self, key: &str) -> String {
        for (id, (ours, theirs)) in &self.0 {
            if key == format!("cmd.{id}.{}", theirs.replace(':', ".")) {
                return format!("cmd.{id}.{}", ours.replace(':', "."));
            }
        }
        key.to_string()
    }

    /// Rewrites our text for the recorded agent and ports.
    fn as_recorded(&self, id: &str, text: &str) -> String {
        let text = self.1.as_recorded(text);
        let Some((ours, theirs)) = self.0.get(id) else {
            return text;
        };
        let fields = |agent: &str| {
            let (gid, nid) = agent.split_once(':').unwrap();
            format!("\"gid\":{gid},\"nid\":{nid},")
        };
        text.replace(&fields(ours), &fields(theirs))
    }
}

/// Waits until all lists have the length that they had at the end of the recording.
fn settle(client: &mut Client, recording: &Recording, targets: &Targets) {
    for dump in recording.of("dump").filter(|d| d["type"] == "list") {
        let key = targets.ours(dump["key"].as_str().unwrap());
        let length = dump["value"].as_array().unwrap().len();
        let expires = dump["ttl"].as_i64().unwrap() > 0;
        wait_until(&key, || {
            client.len(&key) >= length && (!expires || client.ask::<i64>(&["TTL", &key]) > 0)
        });
    }
}

fn payload_of(recording: &Recording, id: &str) -> Payload {
    let by_data = |(name, prefix): &(&str, &str)| *name == recording.name && id.starts_with(prefix);
    if SHAPE_ONLY.contains(&recording.name.as_str()) || SHAPE_BY_DATA.iter().any(by_data) {
        return Payload::Shape;
    }
    if recording.sent().get(id).is_some_and(|c| c["cmd"] == "get_msgs") {
        Payload::Rows
    } else {
        Payload::Exact
    }
}

fn compare_keys(
    client: &mut Client,
    recording: &Recording,
    targets: &Targets,
) -> Result<(), String> {
    let mut wanted = Vec::new();
    for dump in recording.of("dump") {
        let recorded = dump["key"].as_str().unwrap();
        let key = targets.ours(recorded);
        let kind: String = client.ask(&["TYPE", &key]);
        if dump["type"] != kind.as_str() {
            return Err(format!("{key} is a {kind}, recorded {}", dump["type"]));
        }
        if kind == "none" {
            continue;
        }
        wanted.push(key.clone());
        let (ttl, theirs) = (client.ask::<i64>(&["TTL", &key]), dump["ttl"].as_i64().unwrap());
        if (theirs < 0 && ttl != theirs) || (theirs > 0 && !(86_380..=86_400).contains(&ttl)) {
            return Err(format!("{key} expires in {ttl}, recorded {theirs}"));
        }
        compare_value(client, recording, targets, dump, &key)?;
    }
    wanted.sort();
    // Logs are drained as soon as they are written.
    wait_until("the queues to be empty", || {
        !client.keys().iter().any(|k| k.ends_with(".queue") || k.starts_with("cmds:"))
    });
    let lasting: Vec<String> =
        client.keys().into_iter().filter(|k| k != "controller.schedule").collect();
    wanted.retain(|k| k != "controller.schedule");
    if lasting == wanted { Ok(()) } else { Err(format!("keys {lasting:?}, recorded {wanted:?}")) }
}

fn compare_value(
    client: &mut Client,
    recording: &Recording,
    targets: &Targets,
    dump: &Value,
    key: &str,
) -> Result<(), String> {
    let place = |text: String| format!("{key}: {text}");
    if let Some(theirs) = dump["value"].as_array() {
        let ours = client.list(key);
        if ours.len() != theirs.len() {
            return Err(format!("{key} holds {ours:?}, recorded {theirs:?}"));
        }
        for (own, their) in ours.iter().zip(theirs) {
            compare_entry(recording, targets, key, their.as_str().unwrap(), own).map_err(place)?;
        }
        return Ok(());
    }
    if let Some(theirs) = dump["value"].as_str() {
        let own: String = client.ask(&["GET", key]);
        return if own == theirs {
            Ok(())
        } else {
            Err(format!("{key}: {own}, recorded {theirs}"))
        };
    }
    let theirs = dump["value"].as_object().unwrap();
    let ours: BTreeMap<String, String> = client.ask(&["HGETALL", key]);
    if ours.len() != theirs.len() {
        return Err(format!("{key} holds {ours:?}, recorded {theirs:?}"));
    }
    for (field, their) in theirs {
        let id = key.strip_prefix("jobresult:").unwrap_or("");
        let field = targets.0.get(id).map_or(field, |(ours, _)| ours);
        let own = ours.get(field).ok_or_else(|| format!("{key} has no field {field}"))?;
        compare_entry(recording, targets, key, their.as_str().unwrap(), own).map_err(place)?;
    }
    Ok(())
}

fn compare_entry(
    recording: &Recording,
    targets: &Targets,
    key: &str,
    their: &str,
    own: &str,
) -> Result<(), String> {
    let plain = !their.starts_with('{') || key == "controller.schedule";
    if plain {
        return if own == their { Ok(()) } else { Err(format!("{own}, recorded {their}")) };
    }
    let value: Value = serde_json::from_str(their).unwrap();
    let id = value["id"].as_str().unwrap();
    let own = targets.as_recorded(id, own);
    // The job was still running when the hash was recorded; its result is in the list.
    if key.starts_with("jobresult:") && value["state"] == "RUNNING" {
        return Ok(());
    }
    same_result(their, &own, payload_of(recording, id))
}

fn compare_order(
    client: &mut Client,
    recording: &Recording,
    targets: &Targets,
    monitor: &Monitor,
) -> Result<(), String> {
    let theirs =
        lanes(recording.commands("controller").into_iter().map(|(_, words)| words), |_, t| {
            t.to_string()
        });
    theirs.check().map_err(|e| format!("the recording violates the rules: {e}"))?;
    let rename = |id: &str, target: &str| match targets.0.get(id) {
        Some((ours, recorded)) if ours == target => recorded.clone(),
        _ => target.to_string(),
    };
    let mut last = String::new();
    // The last command of a pipeline may still be in flight.
    for _ in 0..100 {
        let sent = monitor.commands(client).into_iter();
        let ported = sent.map(|words| words.iter().map(|w| targets.1.as_recorded(w)).collect());
        let ours = lanes(ported, rename);
        match ours.check().and_then(|()| theirs.same(&ours)) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(last)
}
