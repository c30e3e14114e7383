//! JSON documents that `--json` prints.

use std::time::{Duration, SystemTime};

use acclient::{AgentId, Error, Job};
use serde_json::{Value, json};

/// Milliseconds since 1970, as on the wire.
pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What an agent said of a command.
pub fn job(job: &Job) -> Value {
    json!({
        "agent": job.agent().to_string(),
        "id": job.id(),
        "state": job.state(),
        "success": job.is_success(),
        "stdout": job.stdout(),
        "stderr": job.stderr(),
        "data": job.data(),
        "level": job.level(),
        "critical": job.critical(),
        "tags": job.tags(),
        "starttime": job.starttime().map(milliseconds),
        "time": u64::try_from(job.time().as_millis()).unwrap_or(u64::MAX),
    })
}

/// What went wrong, and with which agent.
pub fn error(error: &Error) -> Value {
    let mut document = json!({
        "agent": error.agent().map(|agent| agent.to_string()),
        "error": {
            "kind": format!("{:?}", error.kind()),
            "code": error.code(),
            "message": error.to_string(),
            "command": error.command_handle(),
        },
    });
    if let Some(gap) = error.gap() {
        document["error"]["gap"] = json!({ "after": gap.after, "before": gap.before });
    }
    document
}

/// What went wrong here and not in the library.
pub fn failure(kind: &str, message: &dyn std::fmt::Display) -> Value {
    json!({ "agent": null, "error": { "kind": kind, "message": message.to_string() } })
}

/// What an agent answered, which is JSON that may be anything.
pub fn answer(agent: AgentId, name: &str, json: &str) -> Value {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
    json!({ "agent": agent.to_string(), name: value })
}
