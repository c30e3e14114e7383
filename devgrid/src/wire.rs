//! The wire: names of keys, commands as the original decodes them, and results of the controller.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::gojson::{self, Object};

pub(crate) const COMMANDS: &str = "cmds.queue";
pub(crate) const COMMAND_LOG: &str = "cmds.log.queue";
pub(crate) const RESULT_LOG: &str = "results.queue";
/// What older controllers keep of all commands.
pub(crate) const JOB_LOG: &str = "joblog";
pub(crate) const SCHEDULE: &str = "controller.schedule";
/// Seconds until a result is forgotten.
pub(crate) const KEPT: i64 = 86_400;
pub(crate) const NO_AGENT: &str = "No matching connected agents found";

/// An agent's address, `gid:nid`.
pub(crate) type AgentId = (u32, u32);

pub(crate) fn queued_key(id: &str) -> String {
    format!("cmd.{id}.queued")
}

pub(crate) fn hash_key(id: &str) -> String {
    format!("jobresult:{id}")
}

pub(crate) fn list_key(id: &str, gid: i64, nid: i64) -> String {
    format!("cmd.{id}.{gid}.{nid}")
}

pub(crate) fn script_key(hash: &str) -> String {
    format!("jumpscript:{hash}")
}

pub(crate) fn agent_key(agent: AgentId) -> String {
    format!("cmds:{}:{}", agent.0, agent.1)
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}

/// A command as the original understands it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Command {
    pub(crate) id: String,
    pub(crate) gid: i64,
    pub(crate) nid: i64,
    pub(crate) cmd: String,
    pub(crate) data: String,
    pub(crate) tags: String,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) fanout: bool,
    pub(crate) args: Map<String, Value>,
}

impl Command {
    /// Reads a command; an error is what kills the controller.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_str(&gojson::mend_surrogates(&gojson::lossy(payload)))
            .map_err(|e| e.to_string())?;
        let fields = match &value {
            Value::Null => return Ok(Command::default()),
            Value::Object(fields) => fields,
            other => return Err(mismatch("command", other, "struct")),
        };
        let mut command = Command {
            id: text(fields, "id")?,
            gid: int(fields, "gid")?,
            nid: int(fields, "nid")?,
            cmd: text(fields, "cmd")?,
            data: text(fields, "data")?,
            tags: text(fields, "tags")?,
            roles: texts(fields, "roles")?,
            fanout: flag(fields, "fanout")?,
            args: Map::new(),
        };
        match field(fields, "args") {
            None => {}
            Some(Value::Object(args)) => {
                for name in ["domain", "name", "queue"] {
                    text(args, name)?;
                }
                int(args, "max_time")?;
                texts(args, "args")?;
                command.args = args.iter().map(|(k, v)| (k.clone(), go_numbers(v))).collect();
            }
            Some(other) => return Err(mismatch("args", other, "struct")),
        }
        Ok(command)
    }

    pub(crate) fn arg_text(&self, name: &str) -> &str {
        self.args.get(name).and_then(Value::as_str).unwrap_or("")
    }

    pub(crate) fn arg_int(&self, name: &str) -> i64 {
        self.args.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn arg_texts(&self, name: &str) -> Vec<String> {
        let items = self.args.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|v| v.as_str().map(String::from)).collect()
    }
}

/// Go keeps every number of a free map as a float and writes whole ones without a fraction.
pub(crate) fn go_numbers(value: &Value) -> Value {
    match value {
        Value::Number(n) => match n.as_f64() {
            Some(f) if !n.is_i64() && !n.is_u64() && f.fract() == 0.0 && f.abs() < 1e15 => {
                Value::from(f as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(go_numbers).collect(),
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), go_numbers(v))).collect(),
        other => other.clone(),
    }
}

/// Go takes the exact name first and any other letter case after that; null counts as not there.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let other_case = || fields.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    fields.get(name).or_else(other_case).filter(|v| !v.is_null())
}

fn mismatch(name: &str, value: &Value, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {name} of type {wanted}", kind(value))
}

/// What Go calls a JSON value in its errors.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    match field(fields, name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(mismatch(name, other, "string")),
    }
}

fn int(fields: &Map<String, Value>, name: &str) -> Result<i64, String> {
    match field(fields, name) {
        None => Ok(0),
        Some(value) => value.as_i64().ok_or_else(|| mismatch(name, value, "int")),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match field(fields, name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| mismatch(name, value, "bool")),
    }
}

fn texts(fields: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, String> {
    let list = match field(fields, name) {
        None => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(mismatch(name, other, "[]string")),
    };
    let item = |value: &Value| match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => Err(mismatch(name, other, "string")),
    };
    list.iter().map(item).collect::<Result<_, _>>().map(Some)
}

/// A result the controller writes itself: `cmd` is empty and `args` null in all of them.
pub(crate) fn controller_result(
    id: &str,
    gid: i64,
    nid: i64,
    state: &str,
    data: &str,
    level: i64,
) -> String {
    Object::new()
        .text("id", id)
        .int("gid", gid)
        .int("nid", nid)
        .text("cmd", "")
        .raw("args", "null")
        .text("data", data)
        .raw("streams", "null")
        .text("critical", "")
        .text("tags", "")
        .int("level", level)
        .int("starttime", now_ms())
        .text("state", state)
        .int("time", 0)
        .end()
}
