//! `acctl doctor`: check and exit status of each fault.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use devgrid::{Fault, Grid, GridBuilder, RedisServer, Step};
use serde_json::Value;
use support::delay::Distant;
use support::{WAIT, ask, wait_until};

use crate::program::{ACCTL, Ran, acctl, command};
use crate::schemas::documents;

/// Expected check and exit status for a fault.
struct Row {
    fault: &'static str,
    url: String,
    check: &'static str,
    verdict: &'static str,
    kind: &'static str,
    found: &'static str,
    advice: &'static str,
    status: i32,
    time: Duration,
}

/// Runs doctor with a growing timeout, as long as it reports that the timeout was too short.
fn doctor(url: &str, mut time: Duration) -> Ran {
    loop {
        let ran = acctl(url, &["--json", "doctor", "--timeout", &time.as_secs().to_string()]);
        let is_short = ran.stdout.contains("try again with a longer timeout");
        if !is_short || time > WAIT {
            return ran;
        }
        time *= 2;
    }
}

impl Row {
    /// Starts with the default timeout.
    fn unhurried(self) -> Self {
        Row { time: Duration::from_secs(10), ..self }
    }

    fn check(&self) {
        let ran = doctor(&self.url, self.time);
        let checks = documents(&ran.stdout);
        let found = checks.iter().find(|check| check["name"] == self.check);
        let found = found.unwrap_or_else(|| panic!("{}: no {}\n{ran:#?}", self.fault, self.check));
        let kind = match self.kind {
            "-" => Value::Null,
            kind => kind.into(),
        };
        let text = |name: &str| found[name].as_str().expect("a text").to_owned();
        let is_right = found["verdict"] == self.verdict
            && found["kind"] == kind
            && text("found").contains(self.found)
            && text("advice").contains(self.advice)
            && ran.status == self.status;
        assert!(is_right, "{}: {found:#}\n{ran:#?}", self.fault);
        let mut names: Vec<String> = checks.iter().map(|check| check["name"].to_string()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), checks.len(), "{}: {ran:#?}", self.fault);
    }
}

/// Creates a row; `line` is check, verdict, kind and status, separated by blanks.
fn row(
    fault: &'static str,
    url: impl Into<String>,
    line: &'static str,
    found: &'static str,
    advice: &'static str,
) -> Row {
    let words: Vec<&str> = line.split(' ').collect();
    let [check @ .., verdict, kind, status] = &words[..] else { panic!("{line}") };
    let check = &line[..check.join(" ").len()];
    let status = status.parse().expect("a number");
    let time = Duration::from_secs(2);
    Row { fault, url: url.into(), check, verdict, kind, found, advice, status, time }
}

/// Demo grid whose agents stay registered on a slow machine.
fn grid() -> GridBuilder {
    Grid::demo_builder().routable_for(Duration::from_secs(3600))
}

fn set(redis: &RedisServer, name: &str, value: &str) {
    ask::<()>(&mut redis.connection(), &[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
}

#[test]
fn controller_and_agent_faults() {
    let grid = grid().start().expect("a grid");
    let url = || grid.url();
    row("none", url(), "agent 2:1 good - 0", "answered in", "").check();
    grid.inject(Fault::FullAgent { gid: 1, nid: 1 });
    // A full agent fetches one more command.
    doctor(&grid.url(), Duration::from_secs(1));
    row("a full agent", url(), "agent 1:1 bad Timeout 4", "no answer in", "100 jobs").check();
    grid.clear_faults();
    grid.inject(Fault::NeverAnswer { gid: 1, nid: 2 });
    row("an agent that hangs", url(), "agent 1:2 bad Timeout 4", "has fetched", "continue").check();
    grid.clear_faults();
    grid.pause_agent(1, 1);
    let line = "agent 1:1 bad Timeout 4";
    row("a stopped agent", url(), line, "does not fetch", "start or continue").check();
    grid.resume_agent(1, 1);
    grid.crash_controller_after(Step::Pop);
    let line = "controller bad Timeout 4";
    row("a hanging controller", url(), line, "has taken the question", "restart").check();
    let found = "nobody takes commands";
    row("no controller", url(), line, found, "supervisor").check();
    row("no controller", url(), "agents unknown - 4", "not asked", "see controller").check();
    let client = acclient::Client::connect(&grid.url()).expect("a client");
    client.cmd(acclient::Target::agent((1, 1)), "ping").submit().expect("sent");
    row("a queue", url(), "queue weak - 4", "1 command waits in", "see controller").check();
    row("a queue", url(), line, found, "supervisor").check();
}

#[test]
fn grid_without_agents() {
    let grid = Grid::builder().start().expect("a grid");
    row("no agents", grid.url(), "agents bad NoSuchAgent 3", "none is", "start an agent").check();
    row("no agents", grid.url(), "controller good - 3", "knows no agents", "").check();
}

#[test]
fn slow_agent_is_weak() {
    let grid = grid().start().expect("a grid");
    grid.inject(Fault::SlowAgent { gid: 1, nid: 2, delay: Duration::from_millis(1500) });
    let ran = acctl(&grid.url(), &["--json", "doctor", "--timeout", "60"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    row("a slow agent", grid.url(), "agent 1:2 weak - 0", "answered in", "slow")
        .unhurried()
        .check();
}

#[test]
fn times_exclude_the_round_trip_to_a_distant_redis() {
    let grid = grid().start().expect("a grid");
    let distant = Distant::new(grid.redis().port(), Duration::from_millis(300));
    let url = || distant.url();
    row("a distant Redis", url(), "redis good - 0", "round trip", "").unhurried().check();
    let ran = doctor(&url(), Duration::from_secs(10));
    let found = documents(&ran.stdout)[0]["found"].to_string();
    // Measured in seconds on a slow machine.
    let measured = found.split_once("round trip ").and_then(|(_, time)| time.split_once(" ms"));
    let is_measured = |(time, _): (&str, &str)| time.parse::<f64>().is_ok_and(|time| time >= 600.0);
    assert!(measured.is_none_or(is_measured), "{found}");
    row("a distant Redis", url(), "controller good - 0", "answered in", "").unhurried().check();
    row("a distant Redis", url(), "agent 1:1 good - 0", "answered in", "").unhurried().check();
    grid.pause_agent(1, 1);
    let line = "agent 1:1 bad Timeout 4";
    row("a stopped agent far away", url(), line, "does not fetch", "start or continue")
        .unhurried()
        .check();
    grid.stop_controller();
    let line = "controller bad Timeout 4";
    row("no controller far away", url(), line, "nobody takes commands", "supervisor")
        .unhurried()
        .check();
}

#[test]
fn unreachable_silent_and_unauthorized_redis() {
    let port = support::ClosedPort::new();
    let url = format!("redis://127.0.0.1:{}", port.number());
    row("nobody listens", url, "redis bad Connect 5", "refused", "running there").check();
    let redis = RedisServer::start().expect("a Redis");
    redis.pause();
    row("silence", redis.url(), "redis bad Timeout 4", "deadline", "address").check();
    redis.resume();
    let redis = RedisServer::builder().password("sesame").start().expect("a Redis");
    let url = format!("redis://:wrong@127.0.0.1:{}", redis.port());
    let line = "login bad Authentication 5";
    row("a wrong password", url, line, "WRONGPASS", "right user and password").check();
}

#[test]
fn redis_settings() {
    let grid = grid().start().expect("a grid");
    let (redis, url) = (grid.redis(), || grid.url());
    set(redis, "maxmemory-policy", "allkeys-lru");
    let line = "eviction weak - 0";
    row("a policy without a limit", url(), line, "allkeys-lru", "set maxmemory-policy").check();
    set(redis, "maxmemory", "100mb");
    let line = "eviction bad - 1";
    row("a policy", url(), line, "allkeys-lru", "also the queue").check();
    set(redis, "maxmemory-policy", "noeviction");
    row("a limit", url(), "memory good - 0", "maxmemory is 100.0 MiB", "").check();
    set(redis, "maxmemory", "1");
    let line = "memory bad Server 1";
    row("full", url(), line, "maxmemory is 1 byte", "raise maxmemory").check();
    row("full", url(), "queue bad Server 1", "OOM", "maxmemory").check();
    row("full", url(), "controller unknown - 1", "not asked", "see queue").check();
    set(redis, "maxmemory", "0");
    set(redis, "timeout", "300");
    row("timeout", url(), "setting timeout weak - 0", "is 300", "set timeout 0").check();
    set(redis, "timeout", "0");
    set(redis, "min-replicas-to-write", "1");
    let line = "setting min-replicas-to-write bad Server 1";
    row("no replicas", url(), line, "no replica is in time", "set min-replicas").check();
    row("no replicas", url(), "queue bad Server 1", "NOREPLICAS", "min-replicas").check();
}

#[test]
fn failed_save_is_bad() {
    let redis = RedisServer::start().expect("a Redis");
    let mut admin = redis.connection();
    set(&redis, "save", "3600 1");
    ask::<()>(&mut admin, &[b"SET", b"x", b"1"]);
    // A directory in place of the dump file makes the final rename fail, even for root.
    let path = redis.dir().join("dump.rdb").join("in-the-way");
    std::fs::create_dir_all(path).expect("a directory");
    ask::<()>(&mut admin, &[b"BGSAVE"]);
    wait_until("the save fails", || {
        let info: String = ask(&mut admin, &[b"INFO", b"persistence"]);
        info.contains("rdb_last_bgsave_status:err")
    });
    let line = "persistence bad Server 1";
    row("MISCONF", redis.url(), line, "last save failed", "mend the disk").check();
    row("MISCONF", redis.url(), "queue bad Server 1", "MISCONF", "disk").check();
}

#[test]
fn replica_is_bad() {
    let redis = RedisServer::start().expect("a Redis");
    let port = support::ClosedPort::new().number().to_string();
    ask::<()>(&mut redis.connection(), &[b"REPLICAOF", b"127.0.0.1", port.as_bytes()]);
    row("a replica", redis.url(), "redis bad Timeout 4", "round trip", "name the master").check();
    row("a replica", redis.url(), "controller unknown - 4", "not asked", "see redis").check();
}

#[test]
fn busy_script_is_bad() {
    let redis = RedisServer::start().expect("a Redis");
    set(&redis, "busy-reply-threshold", "10");
    let mut script = redis.connection();
    let running = std::thread::spawn(move || {
        let ended = redis::cmd("EVAL").arg("while true do end").arg(0).exec(&mut script);
        assert!(ended.is_err(), "it is killed");
    });
    let mut admin = redis.connection();
    wait_until("it is busy", || redis::cmd("PING").exec(&mut admin).is_err());
    row("BUSY", redis.url(), "redis bad Timeout 4", "BUSY", "SCRIPT KILL").check();
    row("BUSY", redis.url(), "controller unknown - 4", "not asked", "see redis").check();
    ask::<()>(&mut admin, &[b"SCRIPT", b"KILL"]);
    running.join().expect("no panic");
}

#[test]
fn queue_key_of_wrong_type_is_bad() {
    let redis = RedisServer::start().expect("a Redis");
    ask::<()>(&mut redis.connection(), &[b"SET", b"cmds.queue", b"1"]);
    let line = "queue bad Server 1";
    row("WRONGTYPE", redis.url(), line, "WRONGTYPE", "database of its own").check();
}

#[test]
fn missing_acl_rights() {
    let redis = RedisServer::builder()
        .user_acl("blind on nopass ~* +@all -info -config -acl -eval -client -scan")
        .user_acl("mute on nopass ~* +@all -rpush")
        .user_acl(
            "deaf on nopass ~cmd* ~jobresult:* resetkeys ~cmds.queue ~cmd.* ~jobresult:* +@all",
        )
        .user_acl("tidy on nopass ~* +@all -lrem -expire -pttl -hget");
    let grid = grid().redis(redis).start().expect("a grid");
    let url = |user: &str| grid.url().replace("redis://", &format!("redis://{user}@"));
    for check in ["memory", "eviction", "persistence", "setting timeout"] {
        let line = format!("{check} unknown - 0").leak();
        row("no INFO and CONFIG", url("blind"), line, "does not tell", "make sure").check();
    }
    row("no ACL", url("blind"), "login good - 0", "accepted", "").check();
    row("no CLIENT", url("blind"), "tracking weak - 0", "no push", "TRACKING").check();
    row("no EVAL", url("blind"), "scripts weak - 0", "not allowed", "transactions").check();
    row("no INFO", url("blind"), "agent 1:1 good - 0", "answered in", "").check();
    row("no RPUSH", url("mute"), "queue bad Server 1", "NOPERM", "needs the rights").check();
    row("no RPUSH", url("mute"), "controller unknown - 1", "not asked", "see queue").check();
    row("no cmds:*", url("deaf"), "agent 1:1 good - 0", "answered in", "").check();
    row("no LREM", url("tidy"), "agent 1:1 good - 0", "answered in", "").check();
}

#[test]
fn interrupted_doctor_leaves_no_keys() {
    let grid = grid().start().expect("a grid");
    grid.stop_controller();
    let mut admin = grid.redis().connection();
    let mut child = command(ACCTL, Some(&grid.url()))
        .args(["doctor", "--timeout", "600"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("acctl starts");
    wait_until("the request is queued", || ask::<i64>(&mut admin, &[b"LLEN", b"cmds.queue"]) == 1);
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(ask::<i64>(&mut admin, &[b"DBSIZE"]), 0);
}
