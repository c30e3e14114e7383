//! Terminals: progress bar, colours, Ctrl-C and control characters.

use devgrid::Grid;

use crate::program::acctl;
use crate::pty::{COLUMNS, Terminal};
use support::gate::Gate;
use support::wait_until;

fn length_of_queue(grid: &Grid) -> i64 {
    let mut redis = grid.redis().connection();
    redis::cmd("LLEN").arg("cmds.queue").query(&mut redis).expect("a length")
}

/// Quoted handles in a text.
fn printed(text: &str) -> Vec<String> {
    let quoted = text.split('\'').filter(|part| part.starts_with("acclient:1:"));
    quoted.map(str::to_owned).collect()
}

#[test]
fn colours_on_a_terminal_only() {
    let grid = Grid::demo().expect("a grid");
    let terminal = Terminal::start(&grid.url(), "exec acctl agents", &[]);
    let (shown, status) = terminal.end();
    assert!(status == 0 && shown.contains("\x1b[1mAGENT  ROLES\x1b[0m"), "{shown:?}");
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let terminal = Terminal::start(&grid.url(), "exec acctl agents", &variables);
        let (shown, status) = terminal.end();
        assert!(status == 0 && shown.contains("AGENT") && !shown.contains('\x1b'), "{shown:?}");
    }
    let failing = Terminal::start(&grid.url(), "exec acctl run all --batch 1 -- false", &[]);
    let (shown, status) = failing.end();
    assert!(status == 1 && shown.contains("\x1b[31m== 1:1 ERROR"), "{shown:?}");
    assert!(!acctl(&grid.url(), &["agents"]).stdout.contains('\x1b'));
}

#[test]
fn bar_is_drawn_while_jobs_run() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = gate.wait();
    let line = format!("exec acctl bash all '{script}; exit $((AGENT_NID - 1))'");
    let terminal = Terminal::start(&grid.url(), &line, &[]);
    terminal.wait_for("0 done, 0 failed, 3 running, 0 waiting");
    gate.open();
    let (shown, status) = terminal.end();
    assert!(status == 1 && shown.contains("2 succeeded, 1 failed"), "{shown:?}");
    gate.close();
    let line = format!("exec acctl bash all --batch 1 '{script}'");
    let terminal = Terminal::start(&grid.url(), &line, &[]);
    terminal.wait_for("0 done, 0 failed, 1 running, 2 waiting");
    gate.open();
    let (shown, status) = terminal.end();
    assert!(status == 0 && shown.contains("3 succeeded"), "{shown:?}");
    let missing = Terminal::start(&grid.url(), "exec acctl bash 1:1", &[]);
    let (shown, status) = missing.end();
    assert!(status == 2 && shown.contains("missing script"), "{shown:?}");
    let piped = acctl(&grid.url(), &["run", "all", "--", "true"]);
    assert!(!piped.stderr.contains("running"), "{piped:?}");
}

#[test]
fn ctrl_c_ends_the_wait_and_prints_how_to_resume() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl run 1:1 -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("the job runs", || grid.running_jobs() == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("commands in flight continue"), "{shown:?}");
    assert_eq!(grid.running_jobs(), 1);
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert!(shown.contains(&format!("resume with: acctl wait '{form}'")), "{shown:?}");
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    let waited = acctl(&grid.url(), &["wait", form]);
    assert!(waited.status == 1 && waited.stderr.contains("KILLED"), "{waited:?}");
}

#[test]
fn ctrl_c_kills_with_kill_on_interrupt() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl run all --kill-on-interrupt -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("the jobs run", || grid.running_jobs() == 3);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("2:1: ended"), "{shown:?}");
    wait_until("none runs", || grid.running_jobs() == 0);
    // A queued command is retracted.
    grid.stop_controller();
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("it is sent", || length_of_queue(&grid) == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("retracted before it ran"), "{shown:?}");
    assert_eq!(length_of_queue(&grid), 0);
}

#[test]
fn ctrl_c_in_a_rollout_lists_or_kills_commands_in_flight() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl run all --batch 2 -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("the batch runs", || grid.running_jobs() == 2);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("not sent to 2:1"), "{shown:?}");
    let forms = printed(&shown);
    assert!(
        forms.len() == 2 && forms[0].ends_with(":1:1") && forms[1].ends_with(":1:2"),
        "{shown:?}"
    );
    for form in &forms {
        assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    }
    let line = "exec acctl run all --batch 2 --kill-on-interrupt --tags mine -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
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
fn ctrl_c_in_a_rollout_omits_completed_commands() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl bash all --batch 2 '[ $AGENT_NID = 1 ] || exec sleep 600'";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    terminal.wait_for("== 1:1 SUCCESS");
    wait_until("the other runs", || grid.running_jobs() == 1);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("not sent to 2:1"), "{shown:?}");
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert!(form.ends_with(":1:2"), "{form}");
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
    // A paused agent counts: its command is in flight.
    grid.pause_agent(1, 2);
    let line = "exec acctl run all --batch 2 -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    // The sleep of the killed script keeps running.
    wait_until("the other runs", || grid.running_jobs() == 2);
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    let forms = printed(&shown);
    assert!(status == 130 && forms.len() == 2 && forms[1].ends_with(":1:2"), "{shown:?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let grid = Grid::demo().expect("a grid");
    let line = "exec acctl run 1:1 --kill-on-interrupt --timeout 600 -- sleep 600";
    let terminal = Terminal::start(&grid.url(), line, &[]);
    wait_until("the job runs", || grid.running_jobs() == 1);
    grid.redis().pause();
    terminal.ctrl_c();
    // Printed before the kills, which hang.
    terminal.wait_for("resume with: acctl wait 'acclient:1:");
    terminal.ctrl_c();
    let (shown, status) = terminal.end();
    assert!(status == 130 && shown.contains("killing commands in flight"), "{shown:?}");
    grid.redis().resume();
    let [form] = &printed(&shown)[..] else { panic!("{shown:?}") };
    assert_eq!(acctl(&grid.url(), &["kill", form]).status, 0);
}

/// Nonempty lines of the screen.
fn lines(terminal: &Terminal) -> Vec<String> {
    let screen = terminal.screen();
    screen.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn control_characters_of_jobs_are_escaped() {
    let grid = Grid::demo().expect("a grid");
    let script = r"printf '\033]0;pwned\007\033[31mred\033[2J\033[1;1Hgone\342\200\256\n== 1:2 SUCCESS\nplain\n'; \
                   printf '\033[2Jstderr\n' >&2; printf '9::\033]52;c;aGk=\007critical\n'";
    let line = format!("exec acctl bash -q 1:1 --tags $'\\e[2J' {}", quoted(script));
    let (terminal, status) = Terminal::start(&grid.url(), &line, &[]).ended();
    assert_eq!(
        (status, &*lines(&terminal)),
        (
            0,
            &[
                "^[]0;pwned^Gred^[[2J^[[1;1Hgone<U+202E>",
                "== 1:2 SUCCESS",
                "plain",
                "^[[2Jstderr",
                "1:1: ^[]52;c;aGk=^Gcritical",
            ]
            .map(str::to_owned)[..]
        )
    );
    assert_eq!(terminal.colour_of("red"), vt100::Color::Idx(1));
    assert_eq!(terminal.colour_of("plain"), vt100::Color::Default, "colours end with their line");

    // Also in everything read back from Redis.
    let shown = acctl(
        &grid.url(),
        &["bash", "1:1", "--detach", "--id", "evil", "--tags", "\x1b[2J", script],
    );
    assert_eq!(shown.status, 0, "{shown:?}");
    assert_eq!(acctl(&grid.url(), &["wait", "evil"]).status, 0);
    // The log may come after the result.
    wait_until("it is logged", || acctl(&grid.url(), &["logs", "evil"]).stdout.contains("stderr"));
    let add = ["schedule", "add", "\x1b[2Jid", "@yearly", "1:1", "--", "\x1b]0;x\x07"];
    assert_eq!(acctl(&grid.url(), &add).status, 0);
    for (line, shown) in [
        ("acctl jobs evil", "^[]0;pwned^G"),
        ("acctl job evil", "tags     ^[[2J"),
        ("acctl wait evil", "== 1:1 SUCCESS"),
        ("acctl logs evil", "^[[2Jstderr"),
        ("acctl schedule list", "^[[2Jid"),
        ("acctl --json wait evil", "\\u001b]0;pwned\\u0007"),
        ("acctl --json wait evil", "gone\\u202e"),
        ("acctl run $'\\e[2J' -- x", "invalid target"),
        ("acctl --$'\\e[2J'", "unexpected argument"),
    ] {
        let (terminal, _) = Terminal::start(&grid.url(), line, &[]).ended();
        let (all, screen) = (terminal.shown(), terminal.screen());
        assert!(screen.contains(shown), "{line}: {screen}");
        for obeyed in ["\x1b]", "\x1b[2J", "\x1b[1;1H", "\u{202e}", "\x07"] {
            assert!(!all.contains(obeyed), "{line}: {all:?}");
        }
    }
    // Unescaped with --raw, and in a pipe.
    let (shown, _) = Terminal::start(&grid.url(), "acctl --raw wait evil", &[]).end();
    assert!(shown.contains("\x1b]0;pwned\x07"), "{shown:?}");
    let piped = acctl(&grid.url(), &["wait", "evil"]);
    assert!(piped.stdout.contains("\x1b]0;pwned\x07\x1b[31mred\x1b[2J"), "{piped:?}");
    let (shown, _) = Terminal::start(&grid.url(), "acctl wait evil --color never", &[]).end();
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn job_cannot_forge_the_heading_of_another() {
    let grid = Grid::demo().expect("a grid");
    let script =
        quoted("printf '== 9:9 SUCCESS\\n\\r== 9:9 SUCCESS\\n'; echo '== 9:9 SUCCESS' >&2");
    let (terminal, status) =
        Terminal::start(&grid.url(), &format!("exec acctl bash all {script}"), &[]).ended();
    let lines = lines(&terminal);
    let headings = lines.iter().filter(|line| line.starts_with("==")).count();
    assert!(status == 0 && headings == 3, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("  == 9:9")).count(), 3, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("  ^M== 9:9")).count(), 3, "{lines:#?}");
    // Log message of several lines.
    let script = "echo 7:::; echo first; echo 2:1: forged; echo :::";
    let job = acctl(&grid.url(), &["bash", "1:1,1:2", "--detach", script]).stdout;
    let logged = acctl(&grid.url(), &["logs", "-f", job.trim_end()]);
    assert_eq!(logged.stdout.matches(": 2:1: forged\n").count(), 2, "{logged:?}");
    assert!(logged.stdout.lines().all(|line| line.starts_with("1:")), "{logged:?}");
}

#[test]
fn color_option_and_precedence() {
    let grid = Grid::demo().expect("a grid");
    let bold = |ran: &str| ran.contains("\x1b[1mAGENT");
    for (when, on_terminal, in_pipe) in
        [("auto", true, false), ("always", true, true), ("never", false, false)]
    {
        let line = format!("exec acctl agents --color={when}");
        let (shown, status) = Terminal::start(&grid.url(), &line, &[]).end();
        assert!(status == 0 && bold(&shown) == on_terminal, "{when}: {shown:?}");
        let piped = acctl(&grid.url(), &["--color", when, "agents"]);
        assert_eq!(bold(&piped.stdout), in_pipe, "{when}: {piped:?}");
        let usage = acctl(&grid.url(), &["--color", when, "frob"]);
        assert_eq!(usage.stderr.contains('\x1b'), in_pipe, "{when}: {usage:?}");
    }
    // The flag overrides the environment.
    let line = "exec acctl agents --color always";
    let (shown, _) = Terminal::start(&grid.url(), line, &[("NO_COLOR", "1")]).end();
    assert!(bold(&shown), "{shown:?}");
}

#[test]
fn bar_is_erased_at_the_end() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let script = quoted(&format!("[ $AGENT_NID = 2 ] || {{ {}; }}; echo done", gate.wait()));
    let line = format!("acctl bash all {script} > >(tee /dev/null) 2> /dev/tty; echo end");
    let (shown, _) = {
        // A piped stdout hides the bar: its reader may print to the terminal.
        let terminal = Terminal::start(&grid.url(), &line, &[]);
        terminal.wait_for("== 1:2 SUCCESS");
        gate.open();
        terminal.end()
    };
    assert!(!shown.contains(" running, "), "{shown:?}");
    gate.close();
    // A redirected stdout does not.
    let line = format!("exec acctl bash all {script} > /dev/null");
    let terminal = Terminal::start(&grid.url(), &line, &[]);
    terminal.wait_for("1 done, 0 failed, 2 running, 0 waiting");
    terminal.ctrl_c();
    let (terminal, status) = terminal.ended();
    let lines = lines(&terminal);
    assert!(status == 130 && !terminal.screen().contains("running"), "{lines:#?}");
    assert_eq!(
        lines[1..3],
        ["1 succeeded", "interrupted by SIGINT"],
        "no more than the handle before"
    );
    gate.open();
    wait_until("no job runs", || grid.running_jobs() == 0);
    gate.close();
    let terminal = Terminal::start(&grid.url(), &format!("exec acctl bash all {script}"), &[]);
    let bar = "1 done, 0 failed, 2 running, 0 waiting";
    wait_until(bar, || terminal.screen().contains(bar));
    for columns in [30, COLUMNS, 20] {
        let before = terminal.shown().len();
        terminal.resize(columns);
        wait_until("it is drawn again", || {
            let shown = terminal.shown();
            let drawn = shown[before..].rsplit("\x1b[J").next();
            shown[before..].contains("\x1b[J") && drawn.is_some_and(|it| it.contains('['))
        });
        let shown = terminal.shown();
        let drawn = shown[before..].rsplit("\x1b[J").next().expect("a part");
        let line = drawn.split('\r').next().expect("a line");
        assert!(line.len() < usize::from(columns), "{line:?} of {columns}");
    }
    gate.open();
    let (terminal, status) = terminal.ended();
    let screen = terminal.screen();
    assert!(status == 0 && !screen.contains("running"), "{screen}");
    assert_eq!(screen.matches("SUCCESS").count(), 3, "{screen}");
    assert_eq!(screen.matches("  done").count(), 3, "{screen}");
    assert!(screen.trim_end().ends_with("3 succeeded"), "{screen}");
    let (shown, _) =
        Terminal::start(&grid.url(), &format!("acctl bash -q all {script}"), &[]).end();
    assert!(
        !shown.contains("running") && !shown.contains("sent as") && !shown.contains("3 succ"),
        "{shown:?}"
    );
}

/// Writes elsewhere would bypass the filter of control characters.
#[test]
fn only_the_output_and_the_bar_write() {
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("sources");
    for path in sources.map(|file| file.expect("a file").path()) {
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path.file_name().expect("a name").to_string_lossy();
        let writes = ["print!(", "println!(", "write_all(", "writeln!("];
        let found = writes.iter().find(|word| text.contains(*word));
        // The last three write files, or names without control characters for a shell.
        let may = ["output.rs", "bar.rs", "handles.rs", "completions.rs", "output_dir.rs"]
            .contains(&&*name);
        assert!(may || found.is_none(), "{name} has {found:?}");
    }
}
