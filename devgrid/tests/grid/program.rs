//! The devgrid binary and `devgrid tell`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::common::{Client, fresh, wait_until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_devgrid");

/// Running devgrid process, stopped on drop.
struct Running {
    child: Child,
    control: String,
    client: Client,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let told = BufReader::new(child.stderr.take().unwrap()).lines().nth(1).unwrap().unwrap();
        let control = told.split("--control ").nth(1).unwrap().split(' ').next().unwrap();
        let redis = redis::Client::open(url.trim()).unwrap().get_connection().unwrap();
        Running { child, control: control.into(), client: Client(redis) }
    }

    fn tell(&self, words: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command.env("DEVGRID_CONTROL", &self.control).arg("tell").args(words.split(' '));
        command.output().unwrap()
    }

    fn told(&self, words: &str) {
        let output = self.tell(words);
        assert!(output.status.success(), "{words}: {output:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        devgrid::signals::send(self.child.id(), devgrid::signals::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
fn tell_injects_faults() {
    let mut grid =
        Running::start(&["--agent", "1:1=a,b", "--registration", "0", "--routable", "0.2"]);
    let ping =
        |grid: &mut Running| grid.client.run(&fresh("ping"), "ping", json!({}))["data"].clone();
    assert_eq!(ping(&mut grid), "\"pong\"");

    grid.told("fill 1:1");
    grid.client.send("held", "ping", json!({}));
    grid.client.wait_state("held", "1:1", "RUNNING");
    grid.told("heal");
    assert_eq!(grid.client.wait("held", 1, 1)["data"], "\"pong\"");

    grid.told("pause 1:1");
    grid.told("resume 1:1");
    grid.told("slow 1:1 0.01");
    assert_eq!(ping(&mut grid), "\"pong\"");
    grid.told("heal");

    grid.told("drop-result");
    grid.client.send("dropped", "ping", json!({}));
    grid.client.wait_state("dropped", "1:1", "RUNNING");
    assert_eq!(ping(&mut grid), "\"pong\"");
    assert_eq!(grid.client.len("cmd.dropped.1.1"), 0);

    grid.told("kill 1:1");
    let agents = |grid: &mut Running| {
        let list = json!({"gid": 0, "nid": 0, "args": {"name": "list_agents"}});
        let id = fresh("list");
        grid.client.send(&id, "controller", list);
        grid.client.wait(&id, 0, 0)["data"].clone()
    };
    wait_until("the agent to be unregistered", || agents(&mut grid) == "{}");
    grid.told("start 1:1=c");
    assert_eq!(agents(&mut grid), r#"{"1:1":["c"]}"#);

    grid.told("stop-controller");
    grid.client.send("waits", "ping", json!({}));
    assert_eq!(grid.client.len("cmds.queue"), 1);
    grid.told("start-controller");
    assert_eq!(grid.client.wait("waits", 1, 1)["data"], "\"pong\"");
}

#[test]
fn supervised_controller_restarts() {
    let mut grid =
        Running::start(&["--agent", "1:1", "--registration", "0", "--supervise", "0.05"]);
    grid.told("crash-controller");
    grid.client.send("lost", "ping", json!({}));
    let ping: Value = {
        wait_until("the command to be lost", || grid.client.len("cmds.queue") == 0);
        grid.client.run("next", "ping", json!({}))
    };
    assert_eq!(ping["state"], "SUCCESS");
    assert_eq!(grid.client.len("cmd.lost.queued"), 0);
}

#[test]
fn invalid_orders_are_rejected() {
    let grid = Running::start(&["--agent", "1:1"]);
    for (words, part) in [
        ("kill 1", "expected GID:NID"),
        ("slow 1:1 -1", "unexpected argument"),
        ("slow 1:1 x", "expected a number of seconds"),
        ("dance", "unrecognized subcommand"),
    ] {
        let output = grid.tell(words);
        assert_eq!(output.status.code(), Some(2), "{words}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{words}: {output:?}");
    }
    let nobody =
        Command::new(PROGRAM).args(["tell", "--control", "/nope", "heal"]).output().unwrap();
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot reach a grid at /nope"));
    assert_eq!(nobody.status.code(), Some(1));
}
