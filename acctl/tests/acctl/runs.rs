//! Runs that session files cannot express, and the help.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use devgrid::Grid;

use crate::program::{ACCTL, Ran, acctl, command};
use support::ask;
use support::gate::Gate;
use support::prefix::{Prefix, succeed};

#[test]
fn results_are_printed_as_they_complete() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    let wait = gate.wait();
    let script = format!("[ $AGENT_GID:$AGENT_NID = 1:2 ] || {{ {wait}; }}; echo from $AGENT_GID");
    let mut command = command(ACCTL, Some(&grid.url()));
    let mut child =
        command.args(["bash", "all", &script]).stdout(Stdio::piped()).spawn().expect("acctl");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert!(line().starts_with("== 1:2 SUCCESS ("));
    assert_eq!(line(), "from 1");
    assert!(child.try_wait().expect("a child").is_none(), "the other jobs run");
    gate.open();
    let rest: Vec<String> = (0..4).map(|_| line()).collect();
    assert!(rest.iter().any(|line| line == "from 2"), "{rest:?}");
    assert!(child.wait().expect("a child").success());
}

#[test]
fn slow_agent_occupies_one_slot_of_the_window() {
    let grid = Grid::demo().expect("a grid");
    let gate = Gate::new();
    // The last agent opens the gate that the first one waits for.
    let open = format!(
        "case $AGENT_GID:$AGENT_NID in 1:1) {};; 2:1) touch {};; esac",
        gate.wait(),
        gate.path()
    );
    let ran = acctl(&grid.url(), &["bash", "all", "--concurrency", "2", "--table", &open]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(ran.status == 0 && lines[1].starts_with("1:2 "), "{ran:?}");
    assert!(lines.len() == 4 && ran.stderr == "3 succeeded\n", "{ran:?}");
}

#[test]
fn rollout_that_times_out_between_batches_has_status_4() {
    let grid = Grid::demo().expect("a grid");
    // Larger than a pipe buffer, so that acctl blocks on its reader until the timeout.
    let script = "yes 0123456789012345678901234567890123456789012345678901234567890123456789 \
                  012345678901234567890123456789012345678901234567890123456789 | head -n 1000";
    let mut command = command(ACCTL, Some(&grid.url()));
    command.args(["bash", "all", "--batch", "1", "--wait", "4", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("acctl");
    let mut first = [0; 2];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("the first result");
    assert_eq!(&first, b"==");
    std::thread::sleep(Duration::from_secs(4)); // its time, which has begun before
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert!(ran.stderr.contains("stopped: not sent to 1:2,2:1"), "{}", ran.stderr);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
}

#[test]
fn history_of_an_old_controller() {
    let grid = Grid::demo_builder().joblog().start().expect("a grid");
    for tags in ["first", "second"] {
        assert_eq!(acctl(&grid.url(), &["run", "1:1", "--tags", tags, "--", "true"]).status, 0);
    }
    let ran = acctl(&grid.url(), &["history", "--count", "1"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[1].ends_with("1:1     true     second"), "{ran:?}");
    assert!(lines[0].starts_with("HANDLE") && lines[0].ends_with("TARGET  COMMAND  TAGS"));
    let ran = acctl(&grid.url(), &["--json", "history", "--start", "1", "--count", "1"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("a document");
    assert_eq!((&document["tags"], &document["args"]["name"]), (&"first".into(), &"true".into()));
    let shown = |args: &[&str], found: &str| {
        assert_eq!(acctl(&grid.url(), args).status, 0);
        let ran = acctl(&grid.url(), &["history", "--count", "1"]);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert!(lines.len() == 2 && lines[1].ends_with(found), "{ran:?}");
    };
    let script = "echo \x1b[31m\ntrue";
    shown(&["bash", "all@1", script], "  all@1   bash echo ^[[31m");
    let program = ["run", "role=cpu", "--", "printf", "%s", "two\nlines"];
    shown(&program, "  all,role=cpu  printf %s two^Jlines");
    shown(&["cmd", "1:2", "ping"], "  1:2     ping");
}

#[test]
fn ps_shows_the_age_of_jobs() {
    let grid = Grid::demo().expect("a grid");
    let seconds = |ran: &Ran| {
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("a document");
        document["age"].as_f64()
    };
    let run = ["run", "1:1", "--id", "job", "--detach", "--", "sleep", "600"];
    assert_eq!(acctl(&grid.url(), &run).status, 0);
    let ps = || acctl(&grid.url(), &["--json", "ps", "1:1"]);
    support::wait_until("it runs", || !ps().stdout.is_empty());
    let first = seconds(&ps()).expect("an age");
    support::wait_until("a second passes", || seconds(&ps()).is_some_and(|age| age > first + 1.0));
    let ran = acctl(&grid.url(), &["ps"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let cells: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(&cells[..4], ["1:1", "execute", "sleep", "job"], "{ran:?}");
    assert!(cells[4].ends_with('s') && cells[4] != "0s", "{ran:?}");
    // A job without a record in Redis is still listed.
    ask::<()>(&mut grid.redis().connection(), &[b"DEL", b"jobresult:job"]);
    assert_eq!(seconds(&ps()), None);
    let ran = acctl(&grid.url(), &["ps", "1:1"]);
    assert_eq!(ran.stdout.lines().nth(1).and_then(|row| row.split_whitespace().nth(4)), Some("-"));
}

/// Names of all commands, like `schedule add`.
pub fn commands() -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = commands.get(seen).cloned() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let inner = names(&help(&words, "-h"));
        commands.extend(inner.into_iter().map(|name| [command.clone(), vec![name]].concat()));
        seen += 1;
    }
    commands
}

/// Lines of a help text. Checks that none is wider than 80 columns.
pub fn help(words: &[&str], flag: &str) -> Vec<String> {
    let ran = acctl("redis://127.0.0.1:1", &[words, &[flag]].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    for line in &lines {
        assert!(line.chars().count() <= 80, "{words:?} {flag}: {line}");
    }
    lines
}

/// Names below `Commands:` in a help text.
fn names(lines: &[String]) -> Vec<String> {
    let commands = lines.iter().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.take_while(|line| !line.is_empty());
    let words = names.filter_map(|line| line.split_whitespace().next());
    words.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_help_fits_80_columns_and_ends_with_an_example() {
    let commands = commands();
    assert!(commands.len() > 24, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        for flag in ["-h", "--help"] {
            let lines = help(&words, flag);
            let examples = lines.iter().rev().take_while(|line| !line.is_empty());
            let examples: Vec<&String> = examples.collect();
            let heading = examples.last().expect("a last paragraph");
            assert!(heading.starts_with("Example"), "{words:?} {flag}: {lines:#?}");
            assert!(examples[0].starts_with("  acctl "), "{words:?} {flag}: {lines:#?}");
        }
    }
    let all = help(&[], "--help").join("\n");
    assert!(all.contains("  statuses ") && all.contains("ACCLIENT_PASSWORD"), "{all}");
}

#[test]
fn help_shows_topics_and_commands() {
    let list = help(&["help", "topics"], "--color=never");
    let topics: Vec<&str> =
        list[1..].iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(topics, ["targets", "handles", "output", "statuses", "json"]);
    let all = help(&[], "--help").join("\n");
    assert!(all.contains(&list.join("\n")), "{all}");
    for topic in topics {
        assert!(help(&["help", topic], "--color=never").len() > 5, "{topic}");
    }
    for words in [&[][..], &["run"], &["schedule", "ls"], &["help"]] {
        let page = help(&[&["help"], words].concat(), "--color=never");
        assert_eq!(page, help(words, "--help"), "{words:?}");
    }
    let wrong = acctl("redis://127.0.0.1:1", &["--json", "help", "frob"]);
    assert_eq!((wrong.status, wrong.stdout.lines().count()), (2, 1), "{wrong:?}");
}

#[test]
fn install_script_installs_and_uninstalls_completions_and_man_pages() {
    let prefix = Prefix::new("acctl");
    prefix.script(&["acctl", ACCTL]);
    let usr = prefix.0.join("usr");
    let version =
        succeed(command(usr.join("bin/acctl").to_str().expect("a path"), None).arg("--version"));
    assert_eq!(version.stdout, format!("acctl {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
    let completions = [
        usr.join("share/bash-completion/completions/acctl"),
        usr.join("share/zsh/site-functions/_acctl"),
        usr.join("share/fish/vendor_completions.d/acctl.fish"),
    ];
    for file in &completions {
        let text = std::fs::read_to_string(file).expect("a script");
        assert!(text.contains("ACCTL_COMPLETE"), "{}", file.display());
    }
    succeed(command("bash", None).arg("-n").arg(&completions[0]));
    let pages = || std::fs::read_dir(usr.join("share/man/man1")).expect("a directory").count();
    assert!(usr.join("share/man/man1/acctl.1").exists() && pages() > 20);
    prefix.script(&["uninstall"]);
    assert!(!usr.join("bin/acctl").exists() && completions.iter().all(|file| !file.exists()));
    assert_eq!(pages(), 0);
}

#[test]
fn result_above_max_reply_can_be_read_with_a_higher_limit() {
    let grid = Grid::demo().expect("a grid");
    let script = "head -c 2000000 /dev/zero | tr '\\0' x";
    let job = acctl(&grid.url(), &["bash", "1:1", "--detach", script]).stdout;
    let job = job.trim_end();
    let refused = acctl(&grid.url(), &["wait", "--max-reply", "1", job]);
    assert_eq!(refused.status, 7, "{}", refused.stderr);
    assert!(refused.stderr.contains("raise that limit"), "{}", refused.stderr);
    let read = acctl(&grid.url(), &["wait", "--max-reply", "4", job]);
    assert_eq!((read.status, read.stdout.len()), (0, 2_000_001), "{}", read.stderr);
}
