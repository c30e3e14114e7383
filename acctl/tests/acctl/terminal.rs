//! On a terminal: bars, colours, Ctrl-C. The terminal is that of util-linux's `script`.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use devgrid::Grid;

use crate::program::{acctl, command};
use support::gate::Gate;
use support::prefix::have;
use support::{WAIT, not_tested, wait_until};

/// A shell command on a terminal of its own.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// None where no terminal starts, which `have` and `starts` tell.
    fn start(url: &str, line: &str, variables: &[(&str, &str)]) -> Option<Self> {
        if !have(&["script"]) || !starts() {
            return None;
        }
        let mut script = command("script", Some(url));
        script.envs(variables.iter().copied());
        let line = format!("stty cols 80 rows 24; exec {line}");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        let mut child =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut output, all) = (child.stdout.take().expect("a pipe"), Arc::clone(&shown));
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut part) {
                all.lock().expect("no panic").extend_from_slice(&part[..count]);
            }
        });
        Some(Terminal { keys: child.stdin.take().expect("a pipe"), child, shown })
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no panic")).into_owned()
    }

    fn wait_for(&self, text: &str) {
        wait_until(text, || self.shown().contains(text));
    }

    fn ctrl_c(&mut self) {
        self.keys.write_all(b"\x03").expect("a key");
        self.keys.flush().expect("a key");
    }

    /// All that was shown, and the status.
    fn end(mut self) -> (String, i32) {
        let deadline = Instant::now() + WAIT;
        while self.child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.shown());
            thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().expect("a child").code().unwrap_or(-1);
        // The reader may be behind.
        wait_until("all is read", || Arc::strong_count(&self.shown) == 1);
        (self.shown(), status)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `script` gets a terminal, which some containers do not have.
fn starts() -> bool {
    let mut script = command("script", None);
    script.args(["--quiet", "--return", "--command", "tty", "/dev/null"]).stdin(Stdio::null());
    let output = script.output().expect("script");
    let starts = output.status.success();
    if !starts {
        not_tested(&format!("acctl on a terminal: script cannot start one: {output:?}"));
    }
    starts
}

fn length_of_queue(grid: &Grid) -> i64 {
    let mut redis = grid.redis().connection();
    redis::cmd("LLEN").arg("cmds.queue").query(&mut redis).expect("a length")
}

/// The printed commands in a text.
fn printed(text: &str) -> Vec<String> {
    let quoted = text.split('\'').filter(|part| part.starts_with("acclient:1:"));
    quoted.map(str::to_owned).collect()
}

#[test]
fn colours_on_a_terminal_only() {
    let grid = Grid::demo().expect("a grid");
    let Some(terminal) = Terminal::start(&grid.url(), "acctl agents", &[]) else { return };
    let (shown, status) = terminal.end();
    assert!(status == 0 && shown.contains("\x1b[1mAGENT  ROLES\x1b[0m"), "{shown:?}");
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let terminal = Terminal::start(&grid.url(), "acctl agents", &variables).expect("one");
        let (shown, status) = terminal.end();
        assert!(status == 0 && shown.contains("AGENT") && !shown.contains('\x1b'), "{shown:?}");
    }
    let failing =
        Terminal::start(&grid.url(), "acctl run all --batch 1 -- false", &[]).expect("one");
    let (shown, status) = failing.end();
    assert!(status == 1 && shown.contains("\x1b[31m== 1:1 ERROR"), "{shown:?}");
    assert!(!acctl(&grid.url(), &["agents"]).stdout.contains('\x1b'));
}

#[test]
fn a_bar_while_agents_are_at_work() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = gate.wait();
    let line = format!("acctl bash all '{script}; exit $((AGENT_NID - 1))'");
    let Some(terminal) = Terminal::start(&grid.url(), &line, &[]) else { return };
    terminal.wait_for("0 done, 0 failed, 3 running, 0 waiting");
    gate.open();
    let (shown, status) = terminal.end();
    assert!(status == 1 && shown.contains("2 succeeded, 1 failed"), "{shown:?}");
    gate.close();
    let line = format!("acctl bash all --batch 1 '{script}'");
    let terminal = Terminal::start(&grid.url(), &line, &[]).expect("one");
    terminal.wait_for("0 done, 0 failed, 1 running, 2 waiting");
    gate.open();
    let (shown, status) = terminal.end();
    assert!(status == 0 && shown.contains("3 succeeded"), "{shown:?}");
    let missing = Terminal::start(&grid.url(), "acctl bash 1:1", &[]).expect("one");
    let (shown, status) = missing.end();
    assert!(status == 2 && shown.contains("no script"), "{shown:?}");
    let piped = acctl(&grid.url(), &["run", "all", "--", "true"]);
    assert!(!piped.stderr.contains("running"), "{piped:?}");
}

#[test]
fn ctrl_c_ends_the_wait_and_says_how_to_come_back() {
    let grid = Grid::demo().expect("a grid");
    let line = "acctl run 1:1 -- sleep 600";
    let Some(mut terminal) = Terminal::start(&grid.url(), line, &[]) else { return };
    wait_until("the job runs", || grid.running_jobs() == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("what was sent goes on"), "{shown:?}");
    assert_eq!(grid.running_jobs(), 1);
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert!(shown.contains(&format!("come back with: acctl wait '{form}'")), "{shown:?}");
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    let waited = acctl(&grid.url(), &["wait", form]);
    assert!(waited.status == 1 && waited.stderr.contains("KILLED"), "{waited:?}");
}

#[test]
fn ctrl_c_kills_where_it_is_told_to() {
    let grid = Grid::demo().expect("a grid");
    let line = "acctl run all --kill-on-interrupt -- sleep 600";
    let Some(mut terminal) = Terminal::start(&grid.url(), line, &[]) else { return };
    wait_until("the jobs run", || grid.running_jobs() == 3);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("2:1: ended"), "{shown:?}");
    wait_until("none runs", || grid.running_jobs() == 0);
    // What no controller has taken is taken back.
    grid.stop_controller();
    let mut terminal = Terminal::start(&grid.url(), line, &[]).expect("one");
    wait_until("it is sent", || length_of_queue(&grid) == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("taken back before it ran"), "{shown:?}");
    assert_eq!(length_of_queue(&grid), 0);
}

#[test]
fn ctrl_c_in_a_rollout() {
    let grid = Grid::demo().expect("a grid");
    let line = "acctl run all --batch 2 -- sleep 600";
    let Some(mut terminal) = Terminal::start(&grid.url(), line, &[]) else { return };
    wait_until("the batch runs", || grid.running_jobs() == 2);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("nothing was sent to 2:1"), "{shown:?}");
    let forms = printed(&shown);
    assert!(
        forms.len() == 2 && forms[0].ends_with(":1:1") && forms[1].ends_with(":1:2"),
        "{shown:?}"
    );
    for form in &forms {
        assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    }
    let line = "acctl run all --batch 2 --kill-on-interrupt --tags mine -- sleep 600";
    let mut terminal = Terminal::start(&grid.url(), line, &[]).expect("one");
    wait_until("the batch runs", || grid.running_jobs() == 2);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(
        status == 130 && shown.contains("1:1: ended") && shown.contains("1:2: ended"),
        "{shown:?}"
    );
    wait_until("none runs", || grid.running_jobs() == 0);
}

#[test]
fn ctrl_c_in_a_rollout_tells_no_more_than_is_at_work() {
    let grid = Grid::demo().expect("a grid");
    let line = "acctl bash all --batch 2 '[ $AGENT_NID = 1 ] || exec sleep 600'";
    let Some(mut terminal) = Terminal::start(&grid.url(), line, &[]) else { return };
    terminal.wait_for("== 1:1 SUCCESS");
    wait_until("the other runs", || grid.running_jobs() == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("nothing was sent to 2:1"), "{shown:?}");
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert!(form.ends_with(":1:2"), "{form}");
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    // An agent that is away has its command all the same.
    grid.pause_agent(1, 2);
    let line = "acctl run all --batch 2 -- sleep 600";
    let mut terminal = Terminal::start(&grid.url(), line, &[]).expect("one");
    // Beside the killed script's sleep, which goes on.
    wait_until("the other runs", || grid.running_jobs() == 2);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    let forms = printed(&shown);
    assert!(status == 130 && forms.len() == 2 && forms[1].ends_with(":1:2"), "{shown:?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let grid = Grid::demo().expect("a grid");
    let line = "acctl run 1:1 --kill-on-interrupt --timeout 600 -- sleep 600";
    let Some(mut terminal) = Terminal::start(&grid.url(), line, &[]) else { return };
    wait_until("the job runs", || grid.running_jobs() == 1);
    grid.redis().pause();
    terminal.ctrl_c();
    // Which is said before the killing, that does not come to its end.
    terminal.wait_for("come back with: acctl wait 'acclient:1:");
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("killing what was sent"), "{shown:?}");
    grid.redis().resume();
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
}
