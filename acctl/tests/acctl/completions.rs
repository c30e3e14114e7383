//! Completion: candidates that acctl prints for a shell, and its scripts in bash, zsh and fish.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use devgrid::{Grid, RedisServer};
use support::prefix::have;
use support::{ClosedPort, LATE, ask, wait_until};

use crate::program::{ACCTL, Ran, acctl, command};
use crate::pty::Terminal;
use crate::recent::State;

/// Home directory with an instances file, a recorded handle, and files to complete.
struct Home {
    state: State,
    path: PathBuf,
}

impl Home {
    fn new(name: &str, url: &str) -> Self {
        let state = State::new(name);
        let path = PathBuf::from(state.path());
        fs::create_dir_all(path.join("acclient")).expect("a directory");
        let instances = format!(
            "[lab]\nurl = \"{url}\"\n[lab.groups]\nweb = \"1:* or role=web\"\n[live]\nurl = \"redis://h\"\n"
        );
        fs::write(path.join("acclient/instances.toml"), instances).expect("written");
        fs::write(path.join("my script.sh"), "true").expect("written");
        Home { state, path }
    }

    fn command(&self, program: &str, url: Option<&str>) -> Command {
        let mut command = command(program, url);
        command.envs(self.variables()).current_dir(&self.path);
        command
    }

    fn variables(&self) -> [(&'static str, &str); 2] {
        ["XDG_CONFIG_HOME", "XDG_STATE_HOME"].map(|name| (name, self.state.path()))
    }

    /// Requests candidates the way a shell does. Checks that no error is printed.
    fn answer(&self, shell: &str, url: Option<&str>, words: &[&str]) -> String {
        let mut asked = self.command(ACCTL, url);
        asked.env("ACCTL_COMPLETE", shell).args(["--", "acctl"]).args(words);
        // Keep stdin open: a process that reads it would hang.
        let child = asked.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("acctl");
        let stdin = child.stdin.take();
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        drop(stdin);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{words:?}: {ran:?}");
        ran.stdout
    }

    /// Candidates without descriptions.
    fn values(&self, url: Option<&str>, words: &[&str]) -> Vec<String> {
        let answer = self.answer("fish", url, words);
        answer.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    }

    /// Records the handle `acclient:1:job-1:1:1`.
    fn keep_a_handle(&self, grid: &Grid) {
        assert_eq!(self.state.acctl(grid, &["recent", "--on"]).status, 0);
        let sent = self.state.acctl(grid, &["run", "--id", "job-1", "1:1", "--", "true"]);
        assert_eq!(sent.status, 0, "{sent:?}");
    }
}

#[test]
fn completes_agents_roles_groups_instances_and_handles() {
    let grid = Grid::demo().expect("a grid");
    let url = grid.url();
    let home = Home::new("words", &url);
    home.keep_a_handle(&grid);
    let targets = ["1:1", "1:2", "2:1", "all", "role=cpu", "role=storage", "not", "any"];
    let handle = ["acclient:1:job-1:1:1"];
    for (words, expected) in [
        (&["age"][..], &["agents"][..]),
        (&["run", ""], &targets),
        (&["ps", ""], &targets),
        (&["info", "mem", ""], &targets),
        (&["run", "1:"], &["1:1", "1:2"]),
        (&["run", "1:1,1:"], &["1:1,1:2"]),
        (&["run", "role="], &["role=cpu", "role=storage"]),
        (&["run", "role=cpu,"], &["role=cpu,storage"]),
        (&["run", "all@"], &["all@1", "all@2"]),
        (&["run", "role=cpu and 2"], &["role=cpu and 2:1"]),
        (&["run", "role=cpu", "and", "2"], &["2:1"]),
        (&["run", "(1:1 or 2"], &["(1:1 or 2:1"]),
        (&["run", "'(1:1 or 2"], &["(1:1 or 2:1"]),
        (&["run", "not a"], &["not all"]),
        (&["run", "1:1", ""], &["--", "and", "or"]),
        (&["run", "1:1", "--wait", "5", ""], &["--", "and", "or"]),
        (&["run", "1:1", "-x", "2"], &["2:1"]),
        (&["run", "1:1", "--exclude=2"], &["--exclude=2:1"]),
        (&["run", "1:1", "--", ""], &[]),
        (&["cmd", "1:1", "pi"], &["ping"]),
        (&["job", "x", "--agent", "2"], &["2:1"]),
        (&["tunnel", "list", "c"], &["controller"]),
        (&["wait", ""], &handle),
        (&["kill", "acc"], &handle),
        (&["wait", handle[0], ""], &handle),
        (&["--instance", ""], &["lab", "live"]),
        (&["agents", "--instance=l"], &["--instance=lab", "--instance=live"]),
        (&["--color", "al"], &["always"]),
        (&["info", "c"], &["cpu"]),
        (&["help", "tar"], &["targets"]),
        (&["bash", "--file", "my"], &["my script.sh"]),
        (&["doctor", "--time"], &["--timeout"]),
    ] {
        let found = home.values(Some(&url), words);
        assert_eq!(found, expected, "{words:?}");
    }
    // Groups and agents of the instance that a flag selects.
    let with_instance = ["--instance", "lab", "agents", "@"];
    assert_eq!(home.values(None, &with_instance), ["@web"]);
    assert_eq!(home.values(None, &["agents", "--instance=lab", "2"]), ["2:1"]);
    assert_eq!(home.values(None, &["--url", &url, "agents", "2"]), ["2:1"]);
    // Options are offered if there is nothing else.
    for words in [&["doctor", ""][..], &["bash", "1:1", "uptime", ""]] {
        let options = home.values(Some(&url), words);
        assert!(options.contains(&"--json".into()), "{words:?}: {options:?}");
        assert!(options.iter().all(|option| option.starts_with("--")), "{words:?}: {options:?}");
    }
}

#[test]
fn each_shell_has_its_own_format() {
    let grid = Grid::demo().expect("a grid");
    let home = Home::new("lines", &grid.url());
    let of = |shell: &str| home.answer(shell, Some(&grid.url()), &["run", "2"]);
    assert_eq!(of("bash"), "2:1\n");
    assert_eq!(of("zsh"), "2\\:1:cpu,storage\n");
    assert_eq!(of("fish"), "2:1\tcpu,storage\n");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = acctl(&grid.url(), &["completions", shell]);
        assert!(script.status == 0 && script.stdout.contains("ACCTL_COMPLETE"), "{script:?}");
    }
    // Any other value is ignored.
    let mut other = command(ACCTL, Some(&grid.url()));
    let ran: Ran = other.env("ACCTL_COMPLETE", "1").arg("agents").output().expect("acctl").into();
    assert!(ran.status == 0 && ran.stdout.starts_with("AGENT"), "{ran:?}");
}

#[test]
fn names_with_shell_or_terminal_metacharacters_are_not_offered() {
    let hostile = ["$(reboot)", "a;b", "`id`", "x\u{1b}]0;t", "good"];
    let grid = Grid::builder().agent(1, 1, &hostile).start().expect("a grid");
    let home = Home::new("hostile", &grid.url());
    assert_eq!(home.values(Some(&grid.url()), &["run", "role="]), ["role=good"]);
    assert!(!home.answer("zsh", Some(&grid.url()), &["run", "1"]).contains('\u{1b}'));
}

#[test]
fn completes_without_a_reachable_grid() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let silent = format!("redis://{}", silent.local_addr().expect("an address"));
    let closed = ClosedPort::new();
    let refused = format!("redis://127.0.0.1:{}", closed.number());
    let redis = RedisServer::start().expect("Redis");
    let demo = Grid::demo().expect("a grid");
    let home = Home::new("no-grid", &demo.url());
    home.keep_a_handle(&demo);
    drop(demo);
    let pipe = home.path.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let pipe = pipe.to_str().expect("a path");
    for url in [&*silent, &*refused, &redis.url(), "redis://nobody:wrong@[", "nonsense"] {
        let begun = Instant::now();
        let values = |words: &[&str]| {
            // --timeout does not apply to completion.
            let words = [&["--timeout", "600"], words].concat();
            home.values(Some(url), &words)
        };
        assert_eq!(values(&["run", "a"]), ["all", "any"], "{url}");
        assert_eq!(values(&["run", "1"]), [""; 0], "{url}");
        assert_eq!(values(&["wait", ""]), ["acclient:1:job-1:1:1"], "{url}");
        assert_eq!(values(&["--instance", "la"]), ["lab"], "{url}");
        assert_eq!(values(&["sched"]), ["schedule"], "{url}");
        assert_eq!(values(&["--password-file", pipe, "run", "a"]), ["all", "any"], "{url}");
        assert!(begun.elapsed() < LATE, "{url}: {:?}", begun.elapsed());
    }
    // The request is removed from the queue, if the time allows.
    let mut admin = redis.connection();
    wait_until("the queue is empty", || {
        ask::<()>(&mut admin, &[b"DEL", b"cmds.queue"]);
        home.values(Some(&redis.url()), &["run", "1"]);
        ask::<u64>(&mut admin, &[b"LLEN", b"cmds.queue"]) == 0
    });
}

/// Typed lines, with a tab, and the resulting arguments.
const TYPED: [(&str, &str); 12] = [
    ("acctl age\t", "<agents>"),
    ("acctl run 2:\t", "<run><2:1>"),
    ("acctl run 1:1,2:\t", "<run><1:1,2:1>"),
    ("acctl run role=cpu,\t", "<run><role=cpu,storage>"),
    ("acctl run all@2\t", "<run><all@2>"),
    ("acctl run 1:1 -x 2\t", "<run><1:1><-x><2:1>"),
    ("acctl run 'role=cpu and 2:\t", "<run><role=cpu and 2:1>"),
    ("acctl agents --instance=la\t", "<agents><--instance=lab>"),
    ("acctl --instance lab agents @w\t", "<--instance><lab><agents><@web>"),
    ("acctl wait acclient:1:j\t", "<wait><acclient:1:job-1:1:1>"),
    ("acctl bash --file my\\ s\t", "<bash><--file><my script.sh>"),
    ("acctl bash 1:1 --fi\t", "<bash><1:1><--file>"),
];

/// Types each line into a shell where acctl is a function that prints its arguments.
fn type_into(shell: &str, begin: &str, prepare: &str) {
    if !have(&[shell]) {
        return;
    }
    let grid = Grid::demo().expect("a grid");
    let home = Home::new(shell, &grid.url());
    home.keep_a_handle(&grid);
    let scripts = acctl(&grid.url(), &["completions", shell]).stdout;
    fs::write(home.path.join("_acctl"), scripts).expect("written");
    let mut variables = home.variables().to_vec();
    variables.push(("HOME", home.state.path()));
    let terminal =
        Terminal::start(&grid.url(), &format!("cd {}; {begin}", home.state.path()), &variables);
    let function = "acctl() { printf '\\n='; printf '<%s>' \"$@\"; printf '=\\n'; }";
    terminal.type_line(&format!("{prepare}; {function}; echo re''ady"));
    terminal.wait_for("ready\r\n");
    for (typed, arguments) in TYPED {
        terminal.type_line(typed);
        terminal.wait_for(&format!("={arguments}=\r\n"));
    }
    terminal.type_line("exit");
    terminal.end();
}

#[test]
fn bash_completes_at_the_first_tab() {
    type_into("bash", "exec bash --norc --noprofile -i", "source ./_acctl");
}

#[test]
fn zsh_completes_at_the_first_tab() {
    type_into(
        "zsh",
        "exec zsh -f -i",
        "fpath=($PWD $fpath); autoload -U compinit; compinit -u -d dump",
    );
}

#[test]
fn fish_completes_with_descriptions() {
    if !have(&["fish"]) {
        return;
    }
    let grid = Grid::demo().expect("a grid");
    let home = Home::new("fish", &grid.url());
    home.keep_a_handle(&grid);
    let mut fish = home.command("fish", Some(&grid.url()));
    fish.env("HOME", home.state.path()).arg("--no-config").stdin(Stdio::piped());
    let child = fish.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("fish");
    let mut script = "acctl completions fish | source\n".to_owned();
    for (typed, _) in TYPED {
        let typed = typed.trim_end().replace('\\', r"\\").replace('\'', r"\'");
        script += &format!("complete -C '{typed}'; echo =\n");
    }
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("written");
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.stderr, "", "{ran:?}");
    let found: Vec<&str> = ran.stdout.split("=\n").map(str::trim_end).collect();
    for ((typed, arguments), found) in TYPED.iter().zip(&found) {
        let (_, last) = arguments.rsplit_once('<').expect("an argument");
        let last = last.trim_end_matches('>');
        let mut values = found.lines().map(|line| line.split('\t').next().unwrap_or_default());
        assert!(values.any(|value| value == last), "{typed}: {found:?}");
    }
    assert_eq!(found[1], "2:1\tcpu,storage");
}
