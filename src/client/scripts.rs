//! Script calls of a [`Client`], and commands to whole agents.

use serde_json::{Value, json};

use super::Client;
use crate::command::Request;
use crate::protocol::{RunArgs, Target};

/// Scripts, and commands to whole agents. Each method returns a request to complete and submit.
impl Client {
    /// Returns a request to run an installed jumpscript: `name` of `domain`, with keyword arguments as a JSON
    /// object. Its return value is the data of the [`Job`](crate::Job). Agents without the script answer
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

    /// Returns a request to run a jumpscript sent with the command: Python code that defines `action`, with
    /// keyword arguments as a JSON object.
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

    /// Returns a request to kill all jobs of the agents, as [`Command::kill`](crate::Command::kill) does for
    /// one. The command is a job itself and ends as `SUCCESS` or `KILLED`. It does not reach jobs waiting in
    /// a queue of an agent. An original agent also kills its daemon for jumpscripts: later jumpscripts fail
    /// until the agent restarts.
    pub fn killall(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "killall")
    }

    /// Returns a request to restart the agents. There is **no result**, since an original agent exits at
    /// once: [`Request::submit`](crate::Request::submit) it and do not wait. The agent needs a supervisor
    /// that starts it again. Its jobs are lost, but their processes continue.
    pub fn restart(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "restart")
    }

    /// Returns a request to reboot the machines of the agents, if they have that extension. Others answer
    /// `UNKNOWN_CMD`.
    pub fn reboot(&self, target: impl Into<Target>) -> Request {
        self.cmd(target, "reboot")
    }
}
