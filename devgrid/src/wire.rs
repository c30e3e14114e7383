//! Wire format: key names, commands as decoded by the original, and results of the controller.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::gojson::{self, Object};

pub(crate) const COMMANDS: &str = "cmds.queue";
pub(crate) const COMMAND_LOG: &str = "cmds.log.queue";
pub(crate) const RESULT_LOG: &str = "results.queue";
/// History of all commands, kept by older controllers.
pub(crate) const JOB_LOG: &str = "joblog";
pub(crate) const SCHEDULE: &str = "controller.schedule";
/// Expiry of results in seconds.
pub(crate) const KEPT: i64 = 86_400;
pub(crate) const NO_AGENT: &str = "No matching connected agents found";

/// Agent address, `gid:nid`.
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

/// Command as decoded by the original.
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
    /// Parses a command. An error kills the controller.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, String> {
        let text = gojson::mend_surrogates(&gojson::lossy(payload));
        // Like the original, also decode into a map: a number too large for Go is an error in any field.
        let value: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let mut command = Command::default();
        match &value {
            Value::Null => return Ok(command),
            Value::Object(_) => {}
            other => return Err(mismatch("command", other, "struct")),
        }
        for (name, value) in members(&text)? {
            command.set(&name, &value)?;
        }
        Ok(command)
    }

    /// Sets a field. Null leaves it unchanged, except for `roles`.
    fn set(&mut self, name: &str, raw: &RawValue) -> Result<(), String> {
        let value: Value = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
        if value.is_null() {
            if is_named(name, "roles") {
                self.roles = None;
            }
            return Ok(());
        }
        match FIELDS.into_iter().find(|field| is_named(name, field)) {
            Some("id") => self.id = text("id", &value)?,
            Some("gid") => self.gid = int("gid", &value)?,
            Some("nid") => self.nid = int("nid", &value)?,
            Some("cmd") => self.cmd = text("cmd", &value)?,
            Some("data") => self.data = text("data", &value)?,
            Some("tags") => self.tags = text("tags", &value)?,
            Some("roles") => self.roles = Some(texts("roles", &value)?),
            Some("fanout") => {
                self.fanout = value.as_bool().ok_or_else(|| mismatch("fanout", &value, "bool"))?;
            }
            Some(_) => self.add_args(raw, &value)?,
            None => {}
        }
        Ok(())
    }

    /// Merges run arguments into earlier ones.
    fn add_args(&mut self, raw: &RawValue, args: &Value) -> Result<(), String> {
        let Value::Object(args) = args else { return Err(mismatch("args", args, "struct")) };
        for (name, value) in members(raw.get())? {
            let value: Value = serde_json::from_str(value.get()).map_err(|e| e.to_string())?;
            let is = |field: &&&str| is_named(&name, field);
            if value.is_null() {
                continue;
            } else if let Some(field) = ["domain", "name", "queue"].iter().find(is) {
                text(field, &value)?;
            } else if is_named(&name, "max_time") {
                int("max_time", &value)?;
            } else if is_named(&name, "args") {
                texts("args", &value)?;
            }
        }
        self.args.extend(args.iter().map(|(k, v)| (k.clone(), go_numbers(v))));
        Ok(())
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

/// Normalizes numbers like Go, which decodes them as floats and writes whole ones without a fraction.
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

/// Fields of a command that the original decodes.
const FIELDS: [&str; 9] = ["id", "gid", "nid", "cmd", "data", "tags", "roles", "fanout", "args"];

/// Matches a field name like Go: case-insensitive, with folding of two non-ASCII letters.
fn is_named(name: &str, field: &str) -> bool {
    let folded: String = name
        .chars()
        .map(|c| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        })
        .collect();
    folded == field
}

/// Members of an object in document order, including duplicates.
fn members(text: &str) -> Result<Vec<(String, Box<RawValue>)>, String> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(member) = map.next_entry()? {
                found.push(member);
            }
            Ok(found)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Members).map_err(|error| error.to_string())
}

fn mismatch(name: &str, value: &Value, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {name} of type {wanted}", kind(value))
}

/// Name of the type of a JSON value in Go's errors.
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

fn text(name: &str, value: &Value) -> Result<String, String> {
    value.as_str().map(String::from).ok_or_else(|| mismatch(name, value, "string"))
}

fn int(name: &str, value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| mismatch(name, value, "int"))
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| mismatch(name, value, "[]string"))?;
    let item = |item: &Value| if item.is_null() { Ok(String::new()) } else { text(name, item) };
    list.iter().map(item).collect()
}

/// Result written by the controller itself, with empty `cmd` and null `args`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_decoded_like_go() {
        let good = |text: &str| Command::parse(text.as_bytes()).unwrap();
        let command = good(
            r#"{"ID":"a","id":"b","gid":1,"GID":null,"args":{"name":"x"},"Args":{"queue":"q"}}"#,
        );
        assert_eq!((&*command.id, command.gid), ("b", 1));
        assert_eq!((command.arg_text("name"), command.arg_text("queue")), ("x", "q"));
        assert_eq!(good(r#"{"roles":["a",null],"other":[{}]}"#).roles.unwrap(), ["a", ""]);
        assert_eq!(good("null"), Command::default());
        for bad in [
            r#"{"gid":"1","gid":1}"#,
            r#"{"Roles":"a"}"#,
            r#"{"args":{"argſ":5}}"#,
            r#"{"tagſ":5}"#,
            r#"{"args":[]}"#,
            r#"{"args":{"max_time":1.0}}"#,
            r#"{"args":{"args":[1]}}"#,
            r#"{"gid":1e2}"#,
            r#"{"other":[1e999]}"#,
            r#"{"fanout":1}"#,
            "[]",
            "{} x",
        ] {
            assert!(Command::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
