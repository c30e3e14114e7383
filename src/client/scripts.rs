//! Scripts, and orders to agents as a whole.

use serde_json::{Value, json};

use super::Client;
use crate::command::Request;
use crate::protocol::{RunArgs, Target};

/// Scripts, and orders to agents as a whole. Each gives a command to be completed and sent.
impl Client {
    /// A jumpscript that the agents have: `name` of `domain`, with keyword arguments as a JSON
    /// object. Its return value is the data of the [`Job`](crate::Job). Agents without it answer
    /// `UNKNOWN_CMD`.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # use serde_json::json;
    /// # let client = Client::connect("redis://localhost")?;
    /// let script = client.execute_jumpscript(Target::any(), "test", "echo", &json!({"message": "hi"}));
    /// let job = script.run(std::time::Duration::from_secs(10))?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn execute_jumpscript(
        &self,
        target: impl Into<Target>,
        domain: impl Into<String>,
        name: impl Into<String>,
        kwargs: &Value,
    ) -> Request {
        let args = RunArgs::new().domain(domain).name(name);
        self.cmd(target, "jumpscript").run_args(args).object("the keyword arguments", kwargs)
    }

    /// A jumpscript that is sent along: Python that defines `action`, with keyword arguments as a
    /// JSON object.
    pub fn execute_jumpscript_content(
        &self,
        target: impl Into<Target>,
        content: impl Into<String>,
        kwargs: &Value,
    ) -> Request {
        let data = json!({ "content": content.into(), "args": kwargs });
        let command =
            self.cmd(target, "jumpscript_content").object("the keyword arguments", kwargs);
        if kwargs.is_object() { command.data(data.to_string()) } else { command }
    }

    /// Kills all jobs of the agents, as [`Command::kill`](crate::Command::kill) does. The command is a job
    /// itself: it ends as `SUCCESS` or `KILLED`. Jobs that wait in a queue of an agent are not reached. An
    /// original agent also kills its daemon for jumpscripts: later jumpscripts fail until the agent restarts.
    pub fn killall(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "killall")
    }

    /// Restarts the agents. There is **no result**: an original agent exits at once, so
    /// [`Request::submit`](crate::Request::submit) this and do not wait. The agent needs a supervisor that
    /// starts it again. Its jobs are lost while their processes go on.
    pub fn restart(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "restart")
    }

    /// Reboots the machines of the agents, where they have that extension; others answer
    /// `UNKNOWN_CMD`.
    pub fn reboot(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "reboot")
    }
}
