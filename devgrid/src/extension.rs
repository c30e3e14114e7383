//! Commands that are not built into an agent: programs, scripts, jumpscripts.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::agent::Agent;
use crate::job::{Job, Outcome};
use crate::jumpscript;
use crate::process::{self, Program};
use crate::wire::Command;

/// Shell command from the agent's default configuration, which runs the script on its stdin. The agent kills this
/// shell; the script is its child.
const BASH: &str =
    "T=`mktemp` && cat > $T && chmod +x $T && bash -c $T; EXIT=$?; rm -rf $T; exit $EXIT";

/// Whether the agent can run a command that is not built in.
pub(crate) fn knows(agent: &Agent, command: &Command) -> bool {
    match &*command.cmd {
        "execute" | "bash" => true,
        "jumpscript" | "jumpscript_content" => jumpscript::available(agent),
        _ => false,
    }
}

/// Runs the command of the job.
pub(crate) fn run(agent: &Arc<Agent>, job: &Arc<Job>) -> Outcome {
    match &*job.command.cmd {
        "jumpscript" | "jumpscript_content" => jumpscript::run(agent, job),
        _ => process::run(agent, job, program(&job.command)),
    }
}

fn program(command: &Command) -> Program {
    let stdin = command.data.clone().into_bytes();
    if command.cmd == "bash" {
        return Program { name: "bash".into(), args: vec!["-c".into(), BASH.into()], stdin };
    }
    Program { name: command.arg_text("name").into(), args: command.arg_texts("args"), stdin }
}

/// Arguments with which the agent runs an extension, as reported in its statistics. `None` for commands that are run
/// unmodified.
pub(crate) fn process_args(command: &Command) -> Option<Map<String, Value>> {
    let (name, args) = match &*command.cmd {
        "bash" => ("bash", json!(["-c", BASH])),
        "jumpscript" => {
            let of = |name: &str| command.args.get(name).map_or("<nil>".into(), as_text);
            ("python", json!(["wrapper.py", of("domain"), of("name")]))
        }
        "jumpscript_content" => ("python", json!(["wrapper_content.py"])),
        _ => return None,
    };
    let mut own = Map::new();
    own.insert("name".into(), name.into());
    own.insert("args".into(), args);
    Some(own)
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
