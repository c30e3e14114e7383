//! JSON documents that `--json` prints; docs/acctl.json-schema has a schema for each `type`.

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

/// Lines that an agent keeps of stdout and of stderr: the last ones.
pub const KEPT_LINES: usize = 1000;

/// Whether the beginning of the output may be missing.
pub fn is_cut(output: &str) -> bool {
    output.lines().count() >= KEPT_LINES
}

/// A command that was sent.
pub fn sent(command: &Command) -> Value {
    json!({
        "type": "sent",
        "command": command.to_string(),
        "id": command.id(),
        "target": command.target().to_string(),
        "time": milliseconds(SystemTime::now()),
    })
}

/// What an agent said of a command.
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

/// What went wrong, and with which agent.
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

/// What went wrong where the library gave no error. The message is its first paragraph: help may follow.
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

/// The name of a stage.
pub fn stage(stage: Stage) -> String {
    format!("{stage:?}")
}

/// Why the process ends, what is in flight, and who got nothing.
pub fn interrupted(commands: &[String], not_started: &[AgentId]) -> Value {
    let not_started: Vec<String> = not_started.iter().map(AgentId::to_string).collect();
    json!({
        "type": "interrupted",
        "signal": signals::name(),
        "commands": commands,
        "not_started": not_started,
    })
}

/// What an agent answered, which is JSON that may be anything.
pub fn answer(agent: AgentId, name: &str, json: &str) -> Value {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
    json!({ "type": "info", "agent": agent.to_string(), "what": name, "info": value })
}
