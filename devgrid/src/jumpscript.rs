//! Jumpscripts: Python scripts that define `action`, stored on an agent or sent with a command.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::job::{Job, Outcome};
use crate::output::{CRITICAL, Message};
use crate::process::{self, Program};
use crate::wire::{self, Command, now_ms};
use crate::{Error, gojson, sys};

/// Python program that calls the script's `action`.
const RUNNER: &str = include_str!("runner.py");

/// Script `test/echo` of agent 1:2, like that of the recordings.
const ECHO: &str = r#"def action(message):
    print("echo says %s" % message)
    return {"echo": message}
"#;

/// Writes the built-in scripts and returns their directory.
pub(crate) fn write_builtin(dir: &std::path::Path) -> Result<PathBuf, Error> {
    let folder = dir.join("jumpscripts");
    let domain = folder.join("test");
    std::fs::create_dir_all(&domain)
        .and_then(|()| std::fs::write(domain.join("echo.py"), ECHO))
        .map_err(|e| Error::new(format!("cannot write {}: {e}", domain.display())))?;
    Ok(folder)
}

/// Command with an inline script, as rewritten by the controller.
pub(crate) struct Sent {
    pub(crate) content: String,
    pub(crate) hash: String,
    /// Rewritten command, decoded into Go maps and encoded again.
    pub(crate) payload: String,
}

/// Extracts the script from a command. `None` if it has none and stays unmodified.
pub(crate) fn take_content(payload: &[u8], command: &Command) -> Option<Sent> {
    let mut data: Value = serde_json::from_str(&command.data).ok()?;
    let fields = data.as_object_mut()?;
    let Value::String(content) = fields.get("content")?.clone() else {
        return None;
    };
    let hash = format!("{:x}", md5::compute(&content));
    fields.remove("content");
    fields.insert("hash".into(), Value::from(hash.as_str()));
    let mut whole: Value =
        serde_json::from_str(&gojson::mend_surrogates(&gojson::lossy(payload))).ok()?;
    whole["data"] = Value::from(gojson::encode(&wire::go_numbers(&data)));
    let payload = gojson::encode(&wire::go_numbers(&whole));
    Some(Sent { content, hash, payload })
}

/// Whether the agent has the jumpscript extension.
pub(crate) fn available(agent: &Agent) -> bool {
    agent.shared.jumpscripts.contains_key(&agent.id) && sys::look_path("python3").is_some()
}

/// Runs `jumpscript` or `jumpscript_content`.
pub(crate) fn run(agent: &Arc<Agent>, job: &Arc<Job>) -> Outcome {
    let task = if job.command.cmd == "jumpscript" {
        Ok(named(agent, &job.command))
    } else {
        sent(agent, &job.command)
    };
    match task {
        Ok(task) => {
            let args = ["-u", "-X", "utf8", "-c", RUNNER].map(String::from).to_vec();
            let stdin = task.to_string().into_bytes();
            process::run(agent, job, Program { name: python(), args, stdin })
        }
        Err(reason) => failed(agent, job, &reason),
    }
}

/// Input of the runner.
fn task(path: &str, source: Value, kwargs: &str) -> Value {
    json!({"path": path, "source": source, "kwargs": kwargs})
}

fn named(agent: &Agent, command: &Command) -> Value {
    let folder = agent.shared.jumpscripts.get(&agent.id).cloned().unwrap_or_default();
    let name = format!("{}.py", command.arg_text("name"));
    let path = folder.join(command.arg_text("domain")).join(name);
    task(&path.to_string_lossy(), Value::Null, &command.data)
}

fn sent(agent: &Agent, command: &Command) -> Result<Value, String> {
    let refused = |reason: &str| format!("Failed to retrieve script from controller {reason}");
    let data: Value = serde_json::from_str(&command.data).map_err(|e| e.to_string())?;
    let hash = data["hash"].as_str().ok_or_else(|| refused("Bad Request"))?;
    let controller = agent.shared.controller().ok_or_else(|| refused("Service Unavailable"))?;
    let script = controller.script(hash).ok_or_else(|| refused("Not Found"))?;
    Ok(task(&format!("{hash}.py"), Value::from(script), &data["args"].to_string()))
}

/// Reports that there is no script to run.
fn failed(agent: &Agent, job: &Job, reason: &str) -> Outcome {
    // With the spaces that Python's json writes.
    let reason = Value::from(reason);
    let text = format!("{{\"errormessage\": {reason}, \"type\": \"Exception\"}}");
    job.log(agent, &Message { level: CRITICAL, text: text.clone() });
    Outcome {
        state: "ERROR",
        streams: Some(Default::default()),
        critical: text,
        start: now_ms(),
        ..Outcome::default()
    }
}

/// Path of the Python binary. `python3` on PATH may be a wrapper that needs PATH, which jobs do not have.
fn python() -> String {
    static PYTHON: OnceLock<String> = OnceLock::new();
    let find = || {
        let found = sys::look_path("python3").unwrap_or_else(|| "python3".into());
        let asked = std::process::Command::new(&found)
            .args(["-I", "-c", "import sys; print(sys.executable)"])
            .stdin(Stdio::null())
            .output();
        let told = asked.ok().filter(|output| output.status.success());
        let path = told.and_then(|output| String::from_utf8(output.stdout).ok());
        let path = path.map(|path| path.trim().to_string()).filter(|path| path.starts_with('/'));
        path.unwrap_or_else(|| found.to_string_lossy().into_owned())
    };
    PYTHON.get_or_init(find).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_replaced_by_its_hash() {
        let payload =
            r#"{"id":"i","tags":null,"data":"{\"content\":\"<x>\",\"args\":{\"n\":2.0}}","gid":1}"#;
        let sent = take_content(payload.as_bytes(), &Command::parse(payload.as_bytes()).unwrap());
        let sent = sent.unwrap();
        assert_eq!(sent.content, "<x>");
        let wanted =
            r#"{"data":"{\"args\":{\"n\":2},\"hash\":\"HASH\"}","gid":1,"id":"i","tags":null}"#;
        assert_eq!(sent.payload, wanted.replace("HASH", &sent.hash));
        for without in [r#"{"data":"{}"}"#, r#"{"data":"x"}"#, r#"{"data":"{\"content\":1}"}"#] {
            let command = Command::parse(without.as_bytes()).unwrap();
            assert!(take_content(without.as_bytes(), &command).is_none(), "{without}");
        }
    }
}
