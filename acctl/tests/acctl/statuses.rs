//! Exit status of each fault in each command: the table of docs/acctl.md, row by row.

use std::thread;

use devgrid::{Fault, Grid, RedisServer, Step};
use serde_json::Value;
use support::{ROOT, ask, wait_until, wait_until_running};

use crate::program::{ACCTL, Ran, acctl, command};
use crate::schemas::documents;

/// Command line, exit status, and kind of the last error in JSON, or `-`.
type Row<'a> = (&'a str, i32, &'a str);

/// Runs each line and reports all differences from the table. `H` stands for the handle.
fn check(url: &str, fault: &str, handle: &str, rows: &[Row]) {
    let run = |row: &Row| {
        let (line, status, kind) = *row;
        let words = line.split(' ').map(|word| if word == "H" { handle } else { word });
        let args: Vec<&str> = ["--json", "--timeout", "2"].into_iter().chain(words).collect();
        let ran = acctl(url, &args);
        let mut errors = documents(&ran.stdout).into_iter().filter(|it| it["type"] == "error");
        let found =
            errors.next_back().map_or(Value::from("-"), |error| error["error"]["kind"].clone());
        let is_right = ran.status == status && found == kind;
        (!is_right).then(|| {
            format!("{line}: expected [{status}] {kind}, found [{}] {found}\n{ran:#?}", ran.status)
        })
    };
    // Concurrently, because most of them run into their timeout.
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = rows.iter().map(|row| scope.spawn(move || run(row))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{fault}:\n{}", wrong.join("\n"));
}

/// Sends a command and returns its handle.
fn detached(grid: &Grid, args: &[&str]) -> String {
    let ran = acctl(&grid.url(), args);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim_end().to_owned()
}

fn client(grid: &Grid) -> acclient::Client {
    acclient::Client::connect(&grid.url()).expect("a client")
}

#[test]
fn no_trace_of_the_command() {
    let grid = Grid::demo().expect("a grid");
    for handle in ["never", "acclient:1:never:1:1", "acclient:1:never:all"] {
        check(
            &grid.url(),
            "no trace of the command",
            handle,
            &[
                ("wait --wait 1 H", 3, "NoSuchAgent"),
                ("jobs H", 3, "NoSuchAgent"),
                ("job H", 3, "NoSuchAgent"),
                ("logs H", 3, "NoSuchAgent"),
                ("logs -f H", 3, "NoSuchAgent"),
                ("kill H", 3, "NoSuchAgent"),
                ("stats H", 3, "NoSuchAgent"),
                ("retract H", 3, "NoSuchAgent"),
            ],
        );
    }
}

#[test]
fn unknown_agent_in_a_list() {
    let grid = Grid::demo().expect("a grid");
    let handle = detached(&grid, &["run", "1:1,9:9", "--detach", "--", "echo", "out"]);
    let rows = [
        ("run 1:1,9:9 -- true", 3, "NoSuchAgent"),
        ("run 1:1,9:9 --batch 1 -- true", 3, "NoSuchAgent"),
        ("wait H", 3, "NoSuchAgent"),
        ("jobs H", 3, "NoSuchAgent"),
        ("job H", 3, "NoSuchAgent"),
        ("logs H", 3, "NoSuchAgent"),
        ("logs -f H", 3, "NoSuchAgent"),
        ("kill H", 3, "NoSuchAgent"),
        ("stats H", 3, "NoSuchAgent"),
        ("info os 1:1,9:9", 3, "NoSuchAgent"),
        // A failed job takes precedence.
        ("run 1:1,9:9 -- false", 1, "NoSuchAgent"),
    ];
    check(&grid.url(), "an agent of a list is not known", &handle, &rows);
}

#[test]
fn unknown_agents() {
    let grid = Grid::demo().expect("a grid");
    let rows = [
        ("run 9:9 -- true", 3, "NoSuchAgent"),
        ("bash 9:9 true", 3, "NoSuchAgent"),
        ("cmd 9:9 ping", 3, "NoSuchAgent"),
        ("run role=none -- true", 3, "NoSuchAgent"),
        ("run role=none --batch 1 -- true", 3, "NoSuchAgent"),
        ("info os 9:9", 3, "NoSuchAgent"),
        ("info os role=none", 3, "NoSuchAgent"),
        ("ps 9:9", 3, "NoSuchAgent"),
        ("tunnel list 9:9", 3, "NoSuchAgent"),
    ];
    check(&grid.url(), "no such agent", "", &rows);
    for target in ["9:9", "role=none"] {
        let handle = detached(&grid, &["run", target, "--detach", "--", "true"]);
        wait_until("it is answered", || acctl(&grid.url(), &["wait", &handle]).status == 3);
        let rows = ["wait H", "jobs H", "job H", "logs H", "logs -f H", "kill H", "stats H"];
        check(&grid.url(), "no such agent", &handle, &rows.map(|line| (line, 3, "NoSuchAgent")));
    }
}

#[test]
fn no_agents_registered() {
    let grid = Grid::builder().start().expect("a grid");
    let rows = ["agents", "ps", "info os all", "bash all true"];
    check(&grid.url(), "no agents", "", &rows.map(|line| (line, 3, "NoSuchAgent")));
}

#[test]
fn no_controller() {
    let grid = Grid::demo().expect("a grid");
    grid.stop_controller();
    let handle = detached(&grid, &["run", "1:1", "--detach", "--", "true"]);
    let rows = [
        ("run 1:1 --wait 1 -- true", 4, "Timeout"),
        ("bash all --wait 1 true", 4, "Timeout"),
        ("run all --batch 1 --wait 1 -- true", 4, "Timeout"),
        ("wait --wait 1 H", 4, "Timeout"),
        ("jobs H", 0, "-"),
        ("job H", 0, "-"),
        ("logs H", 4, "Timeout"),
        ("logs -f --wait 1 H", 4, "Timeout"),
        ("kill H", 4, "Timeout"),
        ("stats H", 4, "Timeout"),
        ("agents", 4, "Timeout"),
        ("ps", 4, "Timeout"),
        ("ps 1:1", 4, "Timeout"),
        ("info os 1:1", 4, "Timeout"),
        ("tunnel list 1:1", 4, "Timeout"),
        ("schedule list", 4, "Timeout"),
        ("doctor", 4, "-"),
    ];
    check(&grid.url(), "no controller", &handle, &rows);
    let shown = acctl(&grid.url(), &["jobs", &handle]);
    assert!(shown.stdout.starts_with("in the queue: no controller has taken it"), "{shown:?}");
    check(&grid.url(), "no controller", &handle, &[("retract H", 0, "-")]);
}

#[test]
fn controller_took_the_command_and_stopped() {
    let grid = Grid::demo().expect("a grid");
    grid.crash_controller_after(Step::Pop);
    // Only the sender knows that the command exists.
    check(
        &grid.url(),
        "a controller stopped",
        "",
        &[("run 1:1 --id x --wait 1 -- true", 4, "Timeout")],
    );
    let rows = [("wait --wait 1 x", 3, "NoSuchAgent"), ("job x", 3, "NoSuchAgent")];
    check(&grid.url(), "a controller stopped", "", &rows);
}

#[test]
fn lost_job() {
    let grid = Grid::demo().expect("a grid");
    grid.inject(Fault::DropResult);
    let handle = detached(&grid, &["run", "1:1", "--detach", "--", "echo", "line"]);
    wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
    let rows = [
        ("wait --wait 1 H", 1, "Lost"),
        ("jobs H", 1, "-"),
        ("job H", 1, "-"),
        ("logs H", 0, "-"),
        ("logs -f H", 1, "Lost"),
        ("kill H", 8, "NotRunning"),
        ("stats H", 8, "NotRunning"),
        ("retract H", 1, "-"),
    ];
    check(&grid.url(), "a job is lost", &handle, &rows);
    let waited = acctl(&grid.url(), &["wait", "--wait", "1", &handle]);
    assert!(waited.stderr.contains("; lost: submitted"), "{waited:?}");
    assert!(!waited.stderr.contains("resume with"), "{waited:?}");
}

#[test]
fn job_queued_on_its_agent() {
    let grid = Grid::demo().expect("a grid");
    let run = ["run", "1:1", "--detach", "--queue", "q", "--", "sleep", "600"];
    let (first, second) = (detached(&grid, &run), detached(&grid, &run));
    for handle in [&first, &second] {
        wait_until_running(&client(&grid).get_by_handle(handle).expect("a handle"));
    }
    let rows = [
        ("wait --wait 1 H", 4, "Timeout"),
        ("jobs H", 0, "-"),
        ("job H", 0, "-"),
        ("logs H", 0, "-"),
        ("kill H", 8, "NotRunning"),
        ("stats H", 8, "NotRunning"),
        ("retract H", 1, "-"),
    ];
    check(&grid.url(), "a job waits in a queue", &second, &rows);
    let shown = acctl(&grid.url(), &["job", &second]).stdout;
    assert!(shown.starts_with("== 1:1: queued on the agent"), "{shown}");
    assert!(!shown.contains("RUNNING") && !shown.contains("started"), "{shown}");
}

#[test]
fn silent_agent() {
    let grid = Grid::demo().expect("a grid");
    let handle = detached(&grid, &["run", "1:1", "--detach", "--", "sleep", "600"]);
    wait_until("it runs", || grid.running_jobs() == 1);
    grid.pause_agent(1, 1);
    let rows = [
        ("run 1:1 --wait 1 -- true", 4, "Timeout"),
        ("run 1:1,1:2 --wait 1 -- true", 4, "Timeout"),
        ("run 1:1,1:2 --batch 1 --wait 1 -- true", 4, "Timeout"),
        ("wait --wait 1 H", 4, "Timeout"),
        ("jobs H", 0, "-"),
        ("job H", 0, "-"),
        ("logs H", 4, "Timeout"),
        ("logs -f --wait 1 H", 4, "Timeout"),
        ("kill H", 4, "Timeout"),
        ("stats H", 4, "Timeout"),
        ("ps 1:1", 4, "Timeout"),
        ("ps", 4, "Timeout"),
        ("info os 1:1", 4, "Timeout"),
        ("tunnel list 1:1", 4, "Timeout"),
        ("doctor", 4, "-"),
    ];
    check(&grid.url(), "an agent does not answer", &handle, &rows);
}

/// Commands that talk to Redis.
const ALL: [&str; 16] = [
    "run 1:1 --wait 1 -- true",
    "run all --wait 1 --batch 1 -- true",
    "run 1:1 --detach -- true",
    "bash all --wait 1 true",
    "wait --wait 1 H",
    "jobs H",
    "job H",
    "logs H",
    "logs -f --wait 1 H",
    "kill H",
    "stats H",
    "retract H",
    "agents",
    "ps",
    "tunnel list 1:1",
    "schedule list",
];

#[test]
fn silent_or_unreachable_redis() {
    let grid = Grid::demo().expect("a grid");
    let handle = "acclient:1:x:1:1";
    grid.redis().pause();
    check(&grid.url(), "Redis says nothing", handle, &ALL.map(|line| (line, 4, "Timeout")));
    grid.redis().resume();
    let port = support::ClosedPort::new();
    let url = format!("redis://127.0.0.1:{}", port.number());
    check(&url, "nobody listens", handle, &ALL.map(|line| (line, 5, "Connect")));
}

#[test]
fn redis_rejects_the_login() {
    let redis = RedisServer::builder().password("sesame");
    let grid = Grid::builder().agent(1, 1, &[]).redis(redis).start().expect("a grid");
    let url = format!("redis://:wrong@127.0.0.1:{}", grid.redis().port());
    check(&url, "wrong password", "x", &ALL.map(|line| (line, 5, "Authentication")));
    check(&url, "wrong password", "", &[("doctor", 5, "-")]);
}

#[test]
fn redis_rejects_a_command() {
    let redis = RedisServer::builder().user_acl("few on nopass ~* +@all -rpush");
    let grid = Grid::demo_builder().redis(redis).start().expect("a grid");
    let rows = [
        "run 1:1 -- true",
        "run 1:1,1:2 --batch 1 -- true",
        "bash all true",
        "run 1:1 --detach -- true",
        "agents",
        "ps 1:1",
        "info os 1:1",
        "schedule list",
        "tunnel list 1:1",
    ];
    let few = grid.url().replace("redis://", "redis://few@");
    check(&few, "NOPERM", "", &rows.map(|line| (line, 7, "Server")));
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    check(&grid.url(), "OOM", "", &rows.map(|line| (line, 7, "Server")));
}

#[test]
fn replica_times_out() {
    let redis = RedisServer::start().expect("a Redis");
    let mut admin = redis.connection();
    let port = support::ClosedPort::new();
    ask::<()>(&mut admin, &[b"REPLICAOF", b"127.0.0.1", port.number().to_string().as_bytes()]);
    let rows = [
        ("run 1:1 --wait 1 -- true", 4, "Timeout"),
        ("bash all --wait 1 true", 4, "Timeout"),
        ("agents", 4, "Timeout"),
        ("ps 1:1", 4, "Timeout"),
    ];
    check(&redis.url(), "a replica", "", &rows);
}

#[test]
fn bad_usage() {
    let grid = Grid::demo().expect("a grid");
    let rows = [
        "frob",
        "run",
        "run 1-1 -- true",
        "run 1:1 --max-time 1.5 -- true",
        "bash 1:1 --file no-such-file",
        "wait acclient:2:x:1:1",
        "jobs acclient:2:x:1:1",
        "logs H --levels a",
        "info weather 1:1",
        "schedule add x often 1:1 -- true",
        "agents --instance lab",
        "agents --url http://example.org",
    ];
    check(&grid.url(), "bad usage", "x", &rows.map(|line| (line, 2, "InvalidArgument")));
    let mut missing = command(ACCTL, None);
    missing.env("ACCLIENT_CONFIG", "/no/such/file").args(["agents", "--instance", "lab"]);
    let ran: Ran = missing.output().expect("acctl runs").into();
    assert!(ran.status == 2 && ran.stderr.contains("/no/such/file"), "{ran:?}");
}

#[test]
fn failed_job() {
    let grid = Grid::demo().expect("a grid");
    let handle = detached(&grid, &["run", "1:1", "--detach", "--", "false"]);
    let rows = [
        ("run 1:1 -- false", 1, "-"),
        ("run all --batch 1 -- false", 1, "-"),
        ("cmd 1:1 nonsense", 1, "-"),
        ("wait H", 1, "-"),
        ("jobs H", 0, "-"),
        ("job H", 0, "-"),
        ("kill H", 0, "-"),
        ("stats H", 0, "-"),
        ("logs H", 0, "-"),
        ("retract H", 1, "-"),
    ];
    wait_until("it is over", || acctl(&grid.url(), &["wait", &handle]).status == 1);
    check(&grid.url(), "a job fails", &handle, &rows);
}

#[test]
fn possible_truncation_is_marked() {
    let grid = Grid::demo().expect("a grid");
    for (lines, is_cut) in [(999, false), (1000, true), (1500, true)] {
        let script = format!("seq {lines}; seq {lines} >&2");
        let ran = acctl(&grid.url(), &["bash", "1:1", &script]);
        for name in ["stdout", "stderr"] {
            let text =
                format!("agent 1:1: {name} may be truncated: agents keep the last 1000 lines");
            assert_eq!(ran.stderr.contains(&text), is_cut, "{lines}: {}", ran.stderr);
        }
        let ran = acctl(&grid.url(), &["--json", "bash", "1:1", &script]);
        let result = &documents(&ran.stdout)[1];
        assert_eq!(
            (&result["stdout_cut"], &result["stderr_cut"]),
            (&is_cut.into(), &is_cut.into())
        );
        assert_eq!(ran.status, 0);
    }
}

/// Statuses with the first words of their meaning, from lines that `of` splits.
fn meanings<'a>(
    text: &'a str,
    of: impl Fn(&'a str) -> Option<(&'a str, &'a str)>,
) -> Vec<(i32, &'a str)> {
    let meaning = |(number, meaning): (&str, &'a str)| {
        let end = meaning.find([',', ':', ';', '(', '|']).unwrap_or(meaning.len());
        Some((number.trim().parse().ok()?, meaning[..end].trim()))
    };
    text.lines().filter_map(of).filter_map(meaning).collect()
}

#[test]
fn docs_and_help_list_the_same_statuses() {
    let page = std::fs::read_to_string(format!("{ROOT}/docs/acctl.md")).expect("the page");
    let (_, page) = page.split_once("\n## Exit status\n").expect("a section");
    let on_page = meanings(page, |line| line.strip_prefix("| ")?.split_once(" |"));
    let help = acctl("redis://127.0.0.1:1", &["help", "statuses"]).stdout;
    let in_help = meanings(&help, |line| line.strip_prefix("  ")?.trim_start().split_once("  "));
    let numbers: Vec<i32> = on_page.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 129, 130, 141, 143]);
    assert_eq!(in_help, on_page);
}
