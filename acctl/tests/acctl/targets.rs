//! Targets on the command line: expressions, exclusions, files, groups, and dry runs.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use devgrid::Grid;
use serde_json::Value;

use crate::program::{ACCTL, Ran, acctl, command, session};
use support::wait_until;

/// Temporary file, removed on drop.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("acctl-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("written");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs acctl with this stdin.
fn fed(url: &str, args: &[&str], stdin: &[u8]) -> Ran {
    let mut command = command(ACCTL, Some(url));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("acctl");
    child.stdin.take().expect("a pipe").write_all(stdin).expect("written");
    child.wait_with_output().expect("it ends").into()
}

/// Agents in table rows or result headings.
fn agents(ran: &Ran) -> Vec<String> {
    let first = |line: &str| line.trim_start_matches("== ").split(' ').next().map(str::to_owned);
    let is_agent =
        |word: &String| word.split_once(':').is_some_and(|(gid, _)| gid.parse::<u32>().is_ok());
    let mut agents: Vec<String> = ran.stdout.lines().filter_map(first).filter(is_agent).collect();
    agents.sort();
    agents
}

fn documents(ran: &Ran) -> Vec<Value> {
    let document = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    ran.stdout.lines().map(document).collect()
}

fn seven() -> Grid {
    let mut grid = Grid::builder();
    for nid in 1..=5 {
        let roles: &[&str] = if nid % 2 == 0 { &["cpu"] } else { &["storage"] };
        grid = grid.agent(1, nid, roles);
    }
    grid.agent(2, 1, &["cpu", "storage"]).agent(2, 10, &[]).start().expect("a grid")
}

#[test]
fn targets_session() {
    let grid = Grid::demo().expect("a grid");
    session("targets", &grid.url());
}

#[test]
fn expressions_select_matching_agents() {
    let grid = seven();
    for (args, expected) in [
        (&["1:1-20"][..], "1:1 1:2 1:3 1:4 1:5"),
        (&["1:2-3,5,2:*"], "1:2 1:3 1:5 2:1 2:10"),
        (&["*:1"], "1:1 2:1"),
        (&["2:1?"], "2:10"),
        (&["role=cpu", "and", "not", "1:4"], "1:2 2:1"),
        (&["role=cpu and not 1:4"], "1:2 2:1"),
        (&["(1:1-2", "or", "2:10)", "and", "not", "role=cpu"], "1:1 2:10"),
        (&["all", "-x", "1:*"], "2:1 2:10"),
        (&["all", "-x", "1:*", "--exclude", "role=cpu"], "2:10"),
        (&["1:1,1:2,1:3", "-x", "1:1-2"], "1:3"),
        (&["role=cpu or role=storage", "-x", "2:1"], "1:1 1:2 1:3 1:4 1:5"),
    ] {
        let ran = acctl(&grid.url(), &[&["agents"], args].concat());
        assert_eq!(
            (ran.status, agents(&ran).join(" ")),
            (0, expected.to_owned()),
            "{args:?}: {ran:?}"
        );
        let ran = acctl(&grid.url(), &[&["bash"], args, &["--", "echo $AGENT_GID"]].concat());
        // A single agent has no heading.
        let count = ran.stdout.lines().filter(|line| line.trim().len() == 1).count();
        assert_eq!((ran.status, count), (0, expected.split(' ').count()), "{args:?}: {ran:?}");
        let ran = acctl(&grid.url(), &[&["run"], args, &["--dry-run", "--", "true"]].concat());
        assert_eq!(
            (ran.status, agents(&ran).join(" ")),
            (0, expected.to_owned()),
            "{args:?}: {ran:?}"
        );
        let ran = acctl(&grid.url(), &[&["info", "os"], args].concat());
        assert_eq!(
            (ran.status, agents(&ran).join(" ")),
            (0, expected.to_owned()),
            "{args:?}: {ran:?}"
        );
    }
}

#[test]
fn unregistered_agents_are_reported_and_those_in_ranges_counted() {
    let grid = Grid::demo().expect("a grid");
    let url = &grid.url();
    let ran = acctl(url, &["run", "1:1,7", "--", "true"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.stderr.contains("1 unknown to the controller"), "{ran:?}");
    let ran = acctl(url, &["run", "1:1-7", "--", "true"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.starts_with("5 agents in the ranges are not registered\n"), "{ran:?}");
    let ran = acctl(url, &["--json", "run", "1:1-4294967295", "--", "true"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert_eq!(documents(&ran)[0]["error"]["kind"], "InvalidArgument");
    for target in ["1:5-9", "role=nobody or 3:*", "1:1 and not 1:1"] {
        for args in [&["run", target, "--", "true"][..], &["agents", target]] {
            let ran = acctl(url, args);
            assert_eq!(ran.status, 3, "{ran:?}");
            assert!(ran.stderr.contains("no agent matches: "), "{ran:?}");
        }
    }
}

#[test]
fn dry_run_sends_nothing() {
    let grid = seven();
    let url = &grid.url();
    let keys = || -> Vec<String> {
        redis::cmd("KEYS").arg("jobresult:*").query(&mut grid.redis().connection()).expect("keys")
    };
    for args in [
        &["run", "1:1-9", "--dry-run", "--", "true"][..],
        &["bash", "role=cpu", "--dry-run", "true"],
        &["bash", "all", "--batch", "2", "--dry-run", "true"],
        &["bash", "all", "--id", "mine", "--once", "--dry-run", "true"],
        &["script", "1:*", "--dry-run", "a/b"],
        &["cmd", "1:1,9", "--dry-run", "restart"],
        &["cmd", "any", "--dry-run", "killall"],
    ] {
        let ran = acctl(url, args);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.stderr.contains("dry run: would send to "), "{ran:?}");
        let ran = acctl(url, &[&["--json"], args].concat());
        let documents = documents(&ran);
        assert_eq!((ran.status, &documents[0]["type"]), (0, &Value::from("plan")), "{ran:?}");
        assert_eq!(documents[0]["count"], documents.len() - 1, "{ran:?}");
        assert!(documents[1..].iter().all(|it| it["type"] == "agent" && it["agent"].is_string()));
    }
    // Requests to the controller leave results under 0:0 only.
    let fields: Vec<String> = keys()
        .iter()
        .flat_map(|key| -> Vec<String> {
            redis::cmd("HKEYS").arg(key).query(&mut grid.redis().connection()).expect("fields")
        })
        .collect();
    assert!(fields.iter().all(|field| field == "0:0"), "{fields:?}");
    let plan = &documents(&acctl(url, &["--json", "run", "1:1-9", "--dry-run", "--", "true"]))[0];
    assert_eq!(plan["target"], "1:1,1:2,1:3,1:4,1:5");
    assert_eq!((&plan["as_is"], &plan["unregistered"]), (&false.into(), &4.into()));
    let ran = acctl(url, &["run", "2:1,1:1-5", "--dry-run", "--", "true"]);
    assert!(ran.stderr.ends_with("would send to 6 agents: 1:1-5,2:1\n"), "{ran:?}");
    let ran = acctl(url, &["run", "all", "--sample", "2", "--dry-run", "--", "true"]);
    assert!(ran.stderr.contains("would send to 2 of 7 agents, chosen at random"), "{ran:?}");
    let ran = acctl(url, &["run", "any role=cpu", "--dry-run", "--", "true"]);
    assert!(ran.stderr.contains("would send to one of 3 agents: 1:2,4,2:1"), "{ran:?}");
    let ran = acctl(url, &["run", "8:8,1:1", "--dry-run", "--", "true"]);
    assert!(ran.stdout.contains("8:8    (not registered)"), "{ran:?}");
    for target in ["role=nobody", "8:8", "any@7"] {
        let ran = acctl(url, &["--json", "run", target, "--dry-run", "--", "true"]);
        assert_eq!(ran.status, 3, "{ran:?}");
        assert_eq!(documents(&ran).last().expect("an error")["error"]["kind"], "NoSuchAgent");
    }
}

#[test]
fn target_file_has_one_target_per_line() {
    let grid = seven();
    let url = &grid.url();
    let file = File::new("targets", b"# web\n1:1\n\n  1:2-3  \r\nrole=cpu and not 1:4\n");
    let ran = acctl(url, &["agents", "--target-file", file.path()]);
    assert_eq!((ran.status, agents(&ran).join(" ")), (0, "1:1 1:2 1:3 2:1".to_owned()), "{ran:?}");
    let ran =
        acctl(url, &["bash", "--target-file", file.path(), "-x", "1:1-2 or 2:*", "echo hello"]);
    assert_eq!((ran.status, &*ran.stdout), (0, "hello\n"), "{ran:?}");
    let args = ["run", "--target-file", "-", "--", "echo", "hello"];
    let ran = fed(url, &args, b"1:3");
    assert_eq!((ran.status, &*ran.stdout), (0, "hello\n"), "{ran:?}");
    let ran = fed(url, &["info", "os", "--target-file", "-"], b"1:3\n");
    assert_eq!((ran.status, agents(&ran).join(" ")), (0, "1:3".to_owned()), "{ran:?}");
    // Thousands of lines.
    let many: String = (1..=5000).map(|nid| format!("1:{nid}\n")).collect();
    let ran = fed(
        url,
        &["--json", "run", "--target-file", "-", "--dry-run", "--", "true"],
        many.as_bytes(),
    );
    assert_eq!((ran.status, documents(&ran).len()), (0, 5001), "{}", ran.stderr);
    for (content, why) in [
        (&b"1:1\n1:2 and\n"[..], "line 2: invalid target \"1:2 and\""),
        (b"1:1\nany\n", "\"any\" cannot be combined"),
        (b"\n# nothing\n", "no targets in the file"),
        (b"", "no targets in the file"),
        (b"1:\xff\n", "utf-8"),
        (b"@web\n", "line 1: invalid target \"@web\": no such group"),
    ] {
        let file = File::new("wrong", content);
        let ran = acctl(url, &["run", "--target-file", file.path(), "--", "true"]);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains(why), "{why}: {ran:?}");
    }
    for args in [
        &["run", "--target-file", "no-such-file", "--", "true"][..],
        &["run", "1:1", "--target-file", file.path(), "--", "true"],
        &["agents", "1:1", "--target-file", file.path()],
        &["run", "--", "true"],
        &["bash"],
    ] {
        assert_eq!(acctl(url, args).status, 2, "{args:?}");
    }
    // Stdin can be read once.
    for args in [
        &["run", "--target-file", "-", "--stdin", "--", "cat"][..],
        &["bash", "--target-file", "-"],
        &["cmd", "--target-file", "-", "--data", "-", "ping"],
    ] {
        let ran = fed(url, args, b"1:1\n");
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("stdin is already read by --target-file"), "{ran:?}");
    }
}

#[test]
fn groups_of_an_instance_are_targets() {
    let grid = seven();
    let text = format!(
        "[main]\nurl = \"{}\"\n[main.groups]\nweb = \"1:1-2 or @edge\"\nedge = \"2:1\"\n\
         self = \"@self\"\nnumber = 7\n[broken]\nurl = redis://x\n",
        grid.url()
    );
    let file = File::new("instances.toml", text.as_bytes());
    let run = |args: &[&str]| -> Ran {
        let mut command = command(ACCTL, None);
        command.env("ACCLIENT_CONFIG", file.path()).env("ACCLIENT_INSTANCE", "main");
        command.args(args).output().expect("acctl runs").into()
    };
    let ran = run(&["agents", "@web"]);
    assert_eq!((ran.status, agents(&ran).join(" ")), (0, "1:1 1:2 2:1".to_owned()), "{ran:?}");
    let ran = run(&["agents", "@web", "-x", "@edge or 1:1"]);
    assert_eq!((ran.status, agents(&ran).join(" ")), (0, "1:2".to_owned()), "{ran:?}");
    for (group, why) in [
        ("@self", "group \"self\" contains itself: self, self"),
        ("@number", "group \"number\": line 7, column 10: expected a target in quotes"),
        ("@none", "no such group: \"none\"; there are: edge, self, web"),
    ] {
        let ran = run(&["run", group, "--", "true"]);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    }
    let ran = run(&["--instance", "broken", "agents"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("line 9, column 7: not TOML, in [broken], at the key url"),
        "{ran:?}"
    );
    // A URL has no groups.
    let ran = acctl(&grid.url(), &["agents", "@web"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("no groups are defined"), "{ran:?}");
}

#[test]
fn ping_shows_liveness_and_queue_length() {
    let grid = Grid::demo().expect("a grid");
    let url = &grid.url();
    let ran = acctl(url, &["agents", "--ping"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("AGENT  ROLES        ALIVE  ANSWERED  WAITING\n"), "{ran:?}");
    grid.pause_agent(1, 2);
    for _ in 0..3 {
        acctl(url, &["bash", "1:2", "--detach", "true"]);
    }
    let ping = || acctl(url, &["--json", "--timeout", "2", "agents", "--ping"]);
    // The open poll of the agent fetches one command.
    wait_until("two wait", || documents(&ping())[1]["waiting"].as_u64() >= Some(2));
    let ran = ping();
    assert_eq!(ran.status, 4, "{ran:?}");
    let found = documents(&ran);
    assert_eq!(found.len(), 3);
    let alive: Vec<_> = found.iter().map(|it| it["alive"].as_bool()).collect();
    assert_eq!(alive, [Some(true), Some(false), Some(true)]);
    assert!(found[0]["answered_in"].as_f64() > Some(0.0) && found[1]["answered_in"].is_null());
    assert_eq!((&found[0]["waiting"], &found[0]["roles"][0]), (&0.into(), &"cpu".into()));
    let ran = acctl(url, &["--timeout", "2", "agents", "--ping", "1:*"]);
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().map(|it| it.split_whitespace().collect()).collect();
    assert_eq!((ran.status, rows[2][2], rows[2][3], rows.len()), (4, "no", "-", 3), "{ran:?}");
    grid.resume_agent(1, 2);
    let ran = acctl(url, &["agents", "--ping", "1:1,9"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.stdout.contains("1:9    (not registered)  no"), "{ran:?}");
}

#[test]
fn ps_takes_a_target() {
    let grid = Grid::demo().expect("a grid");
    let url = &grid.url();
    let job = acctl(url, &["run", "all", "--detach", "--", "sleep", "600"]);
    wait_until("three jobs run", || grid.running_jobs() == 3);
    for (args, expected) in [
        (&["ps"][..], "1:1 1:2 2:1"),
        (&["ps", "1:1"], "1:1"),
        (&["ps", "1:1,2:1"], "1:1 2:1"),
        (&["ps", "role=cpu"], "1:1 2:1"),
        (&["ps", "-x", "1:*"], "2:1"),
        (&["ps", "1:*", "--name", "sleep"], "1:1 1:2"),
        (&["ps", "1:*", "--name", "other"], ""),
    ] {
        let ran = acctl(url, args);
        assert_eq!(
            (ran.status, agents(&ran).join(" ")),
            (0, expected.to_owned()),
            "{args:?}: {ran:?}"
        );
    }
    let ran = acctl(url, &["ps", "1:1,1:9"]);
    assert_eq!((ran.status, agents(&ran).join(" ")), (3, "1:1".to_owned()), "{ran:?}");
    assert_eq!(acctl(url, &["kill", job.stdout.trim_end()]).status, 0);
}

#[test]
fn schedule_accepts_only_targets_that_the_controller_resolves() {
    let grid = Grid::demo().expect("a grid");
    let url = &grid.url();
    let add = |target: &str| acctl(url, &["schedule", "add", "x", "@yearly", target, "--", "true"]);
    for target in ["1:1", "all", "role=cpu and role=storage"] {
        assert_eq!(add(target).status, 0, "{target}");
    }
    for target in ["1:1-2", "not 1:1", "role=cpu or role=storage"] {
        let ran = add(target);
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("the controller sends the command later"), "{ran:?}");
    }
}
