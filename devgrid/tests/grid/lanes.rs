//! Order of the controller's Redis commands.
//!
//! Several threads write concurrently, so two recordings of the same exchange differ. Invariant are the order within
//! each thread, a lane, and a few rules between lanes. The recordings are checked against the rules too.

use std::collections::BTreeMap;

use serde_json::Value;

/// Happens-before rules for a command and a target (`@`). An answer is a result of the controller itself. RUNNING is
/// unordered relative to the key `queued` and to the terminal result, as in the original.
const RULES: &[(&str, &str)] = &[
    ("log", "SET script"),
    ("SET script", "EXPIRE script"),
    ("EXPIRE script", "HSET QUEUED @"),
    ("log", "HSET QUEUED @"),
    ("log", "HSET answer @"),
    ("HSET QUEUED @", "RPUSH cmds @"),
    ("RPUSH cmds @", "queued"),
    ("RPUSH cmds @", "HSET RUNNING @"),
    ("RPUSH cmds @", "HSET terminal @"),
    ("HSET terminal @", "RPUSH list terminal @"),
    ("RPUSH list terminal @", "EXPIRE list @"),
    ("HSET answer @", "RPUSH list answer @"),
    ("RPUSH list answer @", "queued"),
];

#[derive(Default)]
pub struct Lanes {
    /// Command being routed.
    routing: String,
    lanes: BTreeMap<(String, String), Vec<String>>,
    /// All writes of a command in order, with the target.
    order: BTreeMap<String, Vec<(String, String)>>,
    /// Number of HSETs of a command's hash without their EXPIRE.
    open: BTreeMap<String, i64>,
}

/// Sorts commands into lanes; `rename` maps a target to the name used for comparison.
pub fn lanes(
    commands: impl Iterator<Item = Vec<String>>,
    rename: impl Fn(&str, &str) -> String,
) -> Lanes {
    let mut found = Lanes::default();
    for words in commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["RPUSH", key, value] => found.push(key, value, &rename),
            ["HSET", key, _, json] if key.starts_with("jobresult:") => {
                let result = Written::parse(json, &rename);
                *found.open.entry(result.id.clone()).or_default() += 1;
                found.written(&result, &format!("HSET {} @", result.kind()));
            }
            ["SET", key, script] if key.starts_with("jumpscript:") => {
                found.note(&found.routing.clone(), "route", "SET script", "");
                found.note("", key, &format!("SET {script}"), "");
            }
            ["GET", key] if key.starts_with("jumpscript:") => found.note("", key, "GET", ""),
            ["EXPIRE", key, time] => found.expire(key, time, &rename),
            [name, "controller.schedule", ..] => {
                // HSET and HDEL name the entry.
                let named = matches!(name, "HSET" | "HDEL");
                let about = words.get(2).filter(|_| named).unwrap_or(&"");
                found.note(
                    &found.routing.clone(),
                    "route",
                    &format!("{name} schedule {about}"),
                    "",
                );
            }
            _ => {}
        }
    }
    found
}

fn id_of(payload: &str) -> String {
    let value: Value = serde_json::from_str(payload).unwrap();
    value["id"].as_str().unwrap_or("").to_string()
}

struct Written {
    id: String,
    target: String,
    state: String,
    answer: bool,
}

impl Written {
    fn parse(json: &str, rename: &impl Fn(&str, &str) -> String) -> Self {
        let value: Value = serde_json::from_str(json).unwrap();
        let id = value["id"].as_str().unwrap().to_string();
        let target = rename(&id, &format!("{}:{}", value["gid"], value["nid"]));
        Written {
            id,
            target,
            state: value["state"].as_str().unwrap().into(),
            answer: value["args"].is_null(),
        }
    }

    fn kind(&self) -> &str {
        match self.state.as_str() {
            "QUEUED" | "RUNNING" => &self.state,
            _ if self.answer => "answer",
            _ => "terminal",
        }
    }

    fn lane(&self) -> String {
        let lane = match self.kind() {
            "QUEUED" => "route",
            "RUNNING" => "running",
            // Answers of the controller and results of agents are written by the same commands.
            _ => "terminal",
        };
        format!("{lane} {}", self.target)
    }
}

impl Lanes {
    fn push(&mut self, key: &str, value: &str, rename: &impl Fn(&str, &str) -> String) {
        match key {
            "cmds.log.queue" => {
                self.routing = id_of(value);
                self.note(&id_of(value), "route", "log", "");
            }
            "results.queue" => {
                let result = Written::parse(value, rename);
                self.written(&result, &format!("RPUSH log {} @", result.state));
            }
            _ if value == "queued" => {
                let id = key.trim_start_matches("cmd.").trim_end_matches(".queued");
                self.note(id, "route", "queued", "");
            }
            _ if key.starts_with("cmds:") => {
                let id = id_of(value);
                let target = rename(&id, &key["cmds:".len()..]);
                self.note(&id, &format!("route {target}"), "RPUSH cmds @", &target);
                self.note(&id, &format!("payload {target}"), value, &target);
            }
            _ if key.starts_with("cmd.") => {
                let result = Written::parse(value, rename);
                self.written(&result, &format!("RPUSH list {} @", result.kind()));
            }
            _ => {}
        }
    }

    fn expire(&mut self, key: &str, time: &str, rename: &impl Fn(&str, &str) -> String) {
        assert_eq!(time, "86400", "{key}");
        if let Some(id) = key.strip_prefix("jobresult:") {
            *self.open.entry(id.into()).or_default() -= 1;
        } else if key.starts_with("jumpscript:") {
            self.note(&self.routing.clone(), "route", "EXPIRE script", "");
        } else if let Some(rest) = key.strip_prefix("cmd.") {
            let mut parts = rest.rsplitn(3, '.');
            let (nid, gid, id) =
                (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let target = rename(id, &format!("{gid}:{nid}"));
            self.note(id, &format!("terminal {target}"), "EXPIRE list @", &target);
        }
    }

    fn written(&mut self, result: &Written, what: &str) {
        self.note(&result.id, &result.lane(), what, &result.target);
    }

    fn note(&mut self, id: &str, lane: &str, what: &str, target: &str) {
        self.lanes.entry((id.into(), lane.into())).or_default().push(what.into());
        self.order.entry(id.into()).or_default().push((what.into(), target.into()));
    }

    pub fn check(&self) -> Result<(), String> {
        for (id, order) in &self.order {
            let first = |what: &str, target: &str| {
                let is =
                    |(w, t): &(String, String)| w == what && (t == target || !what.ends_with('@'));
                order.iter().position(is)
            };
            for (before, after) in RULES {
                for target in order.iter().map(|(_, target)| target).filter(|t| !t.is_empty()) {
                    if let (Some(one), Some(two)) = (first(before, target), first(after, target))
                        && one > two
                    {
                        return Err(format!("{id}: {after} came before {before} for {target}"));
                    }
                }
            }
            if let Some(open) = self.open.get(id).filter(|open| **open != 0) {
                return Err(format!("{id}: {open} HSETs without their EXPIRE"));
            }
        }
        Ok(())
    }

    pub fn same(&self, ours: &Lanes) -> Result<(), String> {
        for key in self.lanes.keys().chain(ours.lanes.keys()) {
            let (theirs, own) = (self.lanes.get(key), ours.lanes.get(key));
            if theirs != own {
                return Err(format!("{key:?}: the controller sent {own:?}, recorded {theirs:?}"));
            }
        }
        Ok(())
    }
}
