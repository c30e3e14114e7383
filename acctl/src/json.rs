//! Documents printed by `--json`. docs/acctl.json-schema has a schema for each `type`.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use acclient::{AgentId, Command, Error, ErrorKind, Job, Stage};
use serde_json::{Value, json};

use crate::signals;

/// Milliseconds since 1970, as on the wire.
pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Number of lines that an agent keeps of stdout and of stderr: the last ones.
pub const KEPT_LINES: usize = 1000;

/// Whether the start of the output may be missing.
pub fn is_cut(output: &str) -> bool {
    output.lines().count() >= KEPT_LINES
}

/// Document of a submitted command.
pub fn sent(command: &Command) -> Value {
    json!({
        "type": "sent",
        "command": command.to_string(),
        "id": command.id(),
        "target": command.target().to_string(),
        "time": milliseconds(SystemTime::now()),
    })
}

/// Document of a result.
pub fn job(job: &Job) -> Value {
    json!({
        "type": "result",
        "agent": job.agent().to_string(),
        "id": job.id(),
        "state": job.state(),
        "success": job.is_success(),
        "stdout": job.stdout(),
        "stdout_cut": is_cut(job.stdout()),
        "stderr": job.stderr(),
        "stderr_cut": is_cut(job.stderr()),
        "data": job.data(),
        "level": job.level(),
        "critical": job.critical(),
        "tags": job.tags(),
        "starttime": job.starttime().map(milliseconds),
        "time": u64::try_from(job.time().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Document of an error.
pub fn error(error: &Error) -> Value {
    let gap = error.gap().map(|gap| json!({ "after": gap.after, "before": gap.before }));
    json!({
        "type": "error",
        "agent": error.agent().map(|agent| agent.to_string()),
        "error": {
            "kind": format!("{:?}", error.kind()),
            "code": error.code(),
            "message": error.to_string(),
            "command": error.command_handle(),
            "stage": null,
            "gap": gap,
        },
    })
}

/// Document of an error that does not come from the library. Keeps the first paragraph of the message, without the
/// usage that follows.
pub fn failure(kind: ErrorKind, message: &dyn Display, about: Option<&Command>) -> Value {
    let message = message.to_string();
    let message = message.split("\n\n").next().unwrap_or_default();
    json!({
        "type": "error",
        "agent": null,
        "error": {
            "kind": format!("{kind:?}"),
            "code": kind as i32,
            "message": message,
            "command": about.map(Command::to_string),
            "stage": null,
            "gap": null,
        },
    })
}

/// Name of a stage.
pub fn stage(stage: Stage) -> String {
    format!("{stage:?}")
}

/// Document of an interruption: the signal, commands in flight, agents not started.
pub fn interrupted(commands: &[String], not_started: &[AgentId]) -> Value {
    let not_started: Vec<String> = not_started.iter().map(AgentId::to_string).collect();
    json!({
        "type": "interrupted",
        "signal": signals::name(),
        "commands": commands,
        "not_started": not_started,
    })
}

/// Document of `acctl info`. The agent's answer is passed through as JSON, or as a string if it is not JSON.
pub fn answer(agent: AgentId, name: &str, json: &str) -> Value {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
    json!({ "type": "info", "agent": agent.to_string(), "what": name, "info": value })
}
