//! Cleanup after every kind of end, and the devgrid binary. Contains the only unsafe code of these tests: fork(2).

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::{Client, alive, processes_with, wait_for, wait_until};
use devgrid::{Grid, RedisServer, signals};
use serde_json::json;

/// Job with children that outlive it, close its output, or leave its group and session.
const FAMILY: &str = "sleep 301 >/dev/null 2>&1 &
setsid sleep 302 >/dev/null 2>&1 </dev/null &
nohup sh -c 'sleep 303; true' >/dev/null 2>&1 &";

/// Directory of a grid, which the environment of all its processes contains.
fn directory(connection: &mut redis::Connection) -> PathBuf {
    let answer: Vec<String> = redis::cmd("CONFIG").arg("GET").arg("dir").query(connection).unwrap();
    PathBuf::from(&answer[1])
}

fn mark(dir: &Path) -> String {
    format!("{}/", dir.display())
}

/// Starts various jobs and returns their processes.
fn start_family(client: &mut Client, dir: &Path) -> Vec<u32> {
    client.run("family", "bash", json!({"data": FAMILY}));
    client.send("job", "bash", json!({"data": "sleep 304 & sleep 305"}));
    client.send("direct", "execute", json!({"gid": 2, "args": {"name": "sleep", "args": ["306"]}}));
    let mark = format!("AGENT_HOME={}", mark(dir));
    wait_for("all processes", || {
        let found = processes_with(&mark);
        let running = |seconds: &str| {
            let is = |pid: &u32| {
                std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|c| c == format!("sleep\0{seconds}\0").as_bytes())
            };
            found.iter().any(is)
        };
        ["301", "302", "303", "304", "305", "306"].iter().all(|s| running(s)).then_some(found)
    })
}

fn assert_all_gone(pids: &[u32], dir: &Path) {
    wait_until("all processes to be gone", || !pids.iter().any(|pid| alive(*pid)));
    wait_until("the directory to be gone", || !dir.exists());
    assert_eq!(processes_with(&mark(dir)), Vec::<u32>::new());
}

#[test]
fn drop_leaves_no_processes_or_files() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let dir = directory(&mut client.0);
    let mut pids = start_family(&mut client, &dir);
    pids.push(grid.redis().pid());
    drop(grid);
    // Immediately: drop waits for all processes.
    assert_eq!(pids.iter().filter(|pid| alive(**pid)).count(), 0);
    assert_all_gone(&pids, &dir);
}

#[test]
fn drop_of_a_paused_server_leaves_no_processes_or_files() {
    let server = RedisServer::start().unwrap();
    let dir = directory(&mut server.connection());
    let pid = server.pid();
    server.pause();
    drop(server);
    assert!(!alive(pid));
    assert_all_gone(&[pid], &dir);
}

#[test]
fn killing_an_agent_kills_exactly_its_processes() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let dir = directory(&mut client.0);
    start_family(&mut client, &dir);
    grid.kill_agent(1, 1);
    wait_until("its processes to be gone", || {
        processes_with(&format!("AGENT_HOME={}1.1", mark(&dir))).is_empty()
    });
    assert_eq!(grid.running_jobs(), 1);
    assert_eq!(processes_with(&format!("AGENT_HOME={}2.1", mark(&dir))).len(), 1);
}

#[test]
fn drop_in_a_forked_child_stops_nothing() {
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    client.send("job", "execute", json!({"args": {"name": "sleep", "args": ["300"]}}));
    wait_until("the job to run", || grid.running_jobs() == 1);
    // SAFETY: the child only frees memory and closes descriptors before it exits.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        drop(grid);
        // SAFETY: `_exit` only ends the child.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `pid` is our child, and `status` is valid for writes.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert_eq!(status, 0, "the child did not exit cleanly");
    assert_eq!(grid.running_jobs(), 1);
    assert_eq!(client.run("after", "ping", json!({}))["state"], "SUCCESS");
    assert!(alive(grid.redis().pid()));
}

/// devgrid process with captured stdout.
struct Program {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devgrid"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Program { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_string()
    }

    fn end(&mut self) -> std::process::ExitStatus {
        wait_for("the program to end", || self.child.try_wait().unwrap())
    }

    fn connect(url: &str) -> Client {
        Client(redis::Client::open(url).unwrap().get_connection().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn killing_the_binary_leaves_no_processes_or_files() {
    let mut program = Program::start(&[]);
    let url = program.line();
    assert!(url.starts_with("redis://127.0.0.1:") && url.ends_with("/0"), "{url}");
    let mut client = Program::connect(&url);
    let dir = directory(&mut client.0);
    let mut pids = start_family(&mut client, &dir);
    let info: String = client.ask(&["INFO", "server"]);
    pids.push(
        info.lines().find_map(|l| l.strip_prefix("process_id:")).unwrap().trim().parse().unwrap(),
    );
    pids.push(program.child.id());
    drop(program);
    assert_all_gone(&pids, &dir);
}

#[test]
fn binary_ends_on_a_signal_and_with_its_parent() {
    let mut program = Program::start(&["--agent", "7:8=gpu", "--password", "s/cret"]);
    let url = program.line();
    assert!(url.starts_with("redis://:s%2Fcret@127.0.0.1:"), "{url}");
    let mut client = Program::connect(&url);
    client.send("id", "ping", json!({"gid": 0, "nid": 0, "roles": ["gpu"]}));
    assert_eq!(client.wait("id", 7, 8)["state"], "SUCCESS");
    let dir = directory(&mut client.0);
    signals::send(program.child.id(), signals::SIGTERM);
    assert!(program.end().success());
    assert_all_gone(&[], &dir);

    let script = format!("'{}' --socket & wait", env!("CARGO_BIN_EXE_devgrid"));
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let socket = url.trim().strip_prefix("redis+unix://").unwrap();
    let dir = Path::new(socket).parent().unwrap();
    let pids = processes_with(&dir.display().to_string());
    assert!(!pids.is_empty());
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert_all_gone(&pids, dir);
}

#[test]
fn command_gets_the_url_and_its_status_is_returned() {
    let mut program =
        Program::start(&["--", "sh", "-c", "echo $ACCLIENT_URL; echo $0; exit 7", "a b"]);
    let url = program.line();
    assert!(url.starts_with("redis://127.0.0.1:"), "{url}");
    assert_eq!(program.line(), "a b");
    assert_eq!(program.end().code(), Some(7));
    assert!(redis::Client::open(url).unwrap().get_connection().is_err());

    let mut program = Program::start(&["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(program.end().code(), Some(137));
    let mut program = Program::start(&["--", "/no/such/program"]);
    assert_eq!(program.end().code(), Some(127));
}

#[test]
fn interrupt_reaches_the_command_and_the_grid_cleans_up() {
    let script = "trap 'exit 9' INT; echo $ACCLIENT_URL; while :; do sleep 0.05; done";
    let mut program = Program::start(&["--", "sh", "-c", script]);
    let url = program.line();
    let dir = directory(&mut Program::connect(&url).0);
    // Like a terminal, signal the whole group.
    let group = program.child.id().to_string();
    assert!(
        Command::new("kill").args(["-INT", "--", &format!("-{group}")]).status().unwrap().success()
    );
    assert_eq!(program.end().code(), Some(9));
    assert_all_gone(&[], &dir);

    let mut program = Program::start(&["--", "sh", "-c", "echo ready; exec sleep 300"]);
    assert_eq!(program.line(), "ready");
    signals::send(program.child.id(), signals::SIGTERM);
    assert_eq!(program.end().code(), Some(143));
}

#[test]
fn usage_errors_are_explained() {
    let run = |args: &[&str], path: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devgrid"));
        command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("DEVGRID_REDIS_SERVER");
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert!(run(&["--help"], None).2.contains("--agent <GID:NID[=ROLE,...]>"));
    for wrong in
        [&["--agent", "1"][..], &["--agent", "0:1"], &["--agent"], &["ls"], &["--agent", "1:x=cpu"]]
    {
        let (code, text, _) = run(wrong, None);
        assert_eq!(code, 2, "{wrong:?}");
        assert!(text.starts_with("error: "), "{text}");
    }
    let (code, text, _) = run(&[], Some("/nowhere"));
    assert_eq!(code, 1);
    assert!(text.contains("apt-get install redis-server"), "{text}");
}

#[test]
fn start_errors_name_the_cause() {
    let error = RedisServer::builder().arg("--nonsense", "1").start().err().unwrap().to_string();
    assert!(error.to_lowercase().contains("nonsense"), "{error}");
    let error = RedisServer::builder().binary("/no/such/server").start().err().unwrap().to_string();
    assert!(error.contains("/no/such/server"), "{error}");
}
