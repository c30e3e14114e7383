//! Diagnoses of `doctor` on healthy and on faulty grids.

use std::time::{Duration, Instant};

use acclient::{CancelToken, Check, Client, Diagnosis, ErrorKind, Target, Timeout, Verdict};
use devgrid::Fault;
use devgrid::{Grid, RedisServer};
use support::delay::Distant;
use support::{LATE, WAIT, ask, error, redis, servers, wait_until, with_growing_time};

fn check<'a>(diagnosis: &'a Diagnosis, name: &str) -> &'a Check {
    let found = diagnosis.checks.iter().find(|check| check.name == name);
    found.unwrap_or_else(|| panic!("nothing about {name}:\n{diagnosis}"))
}

fn verdict(diagnosis: &Diagnosis, name: &str) -> Verdict {
    check(diagnosis, name).verdict
}

#[test]
fn a_grid_that_is_well() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let diagnosis = client.doctor(WAIT).expect("a diagnosis");
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    let names: Vec<&str> = diagnosis.checks.iter().map(|check| check.name.as_str()).collect();
    let expected = [
        "redis",
        "login",
        "resp3",
        "tracking",
        "scripts",
        "memory",
        "eviction",
        "persistence",
        "queue",
        "controller",
        "agent 1:1",
        "agent 1:2",
        "agent 2:1",
    ];
    assert_eq!(names, expected);
    let needs_hello = |name: &str| matches!(name, "resp3" | "tracking");
    for Check { name, verdict, .. } in &diagnosis.checks {
        let lacking = needs_hello(name) && !servers::has_hello();
        let expected = if lacking { Verdict::Weak } else { Verdict::Good };
        assert_eq!(*verdict, expected, "{name}: {diagnosis}");
    }
    let found = &check(&diagnosis, "redis").found;
    assert!(found.starts_with("Redis ") || found.starts_with("Valkey "), "{diagnosis}");
    let login = if servers::has_hello() { "default" } else { "accepted" };
    assert!(check(&diagnosis, "login").found.contains(login), "{diagnosis}");
    assert_eq!(diagnosis.to_string().lines().count(), expected.len());
    let json = serde_json::to_value(&diagnosis).expect("JSON");
    assert_eq!(json["checks"][0]["verdict"], "good");
}

#[test]
fn an_agent_that_is_away() {
    // On a busy machine the right moment may come after the controller has forgotten the agent.
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    grid.pause_agent(1, 2);
    let waiting = client.cmd(Target::agent((1, 2)), "ping").submit().expect("sent");
    support::wait_until("it is routed", || !waiting.jobs().expect("jobs").is_empty());
    let patient = client.with_timeout(WAIT);
    let diagnosis = with_growing_time(Duration::from_secs(1), |wait| {
        let begun = Instant::now();
        let diagnosis = patient.doctor(wait).expect("a diagnosis");
        assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
        (verdict(&diagnosis, "agent 1:1") == Verdict::Good).then_some(diagnosis)
    });
    assert!(!diagnosis.is_healthy());
    assert_eq!(verdict(&diagnosis, "agent 1:1"), Verdict::Good, "{diagnosis}");
    let away = check(&diagnosis, "agent 1:2");
    assert_eq!(away.verdict, Verdict::Bad, "{diagnosis}");
    assert!(away.found.contains("1 command waits for it"), "{diagnosis}");
    assert!(away.advice.contains("30 to 45 s"), "{diagnosis}");
}

#[test]
fn settings_of_redis_that_harm_the_controller() {
    let redis = RedisServer::builder().arg("--timeout", "300").start().expect("a Redis");
    let client = Client::connect(&redis.url()).expect("a client");
    let diagnosis = with_growing_time(Duration::from_secs(1), |wait| {
        let diagnosis = client.doctor(wait).expect("a diagnosis");
        diagnosis.checks.iter().any(|check| check.name == "setting timeout").then_some(diagnosis)
    });
    let settings = check(&diagnosis, "setting timeout");
    assert_eq!((settings.verdict, &*settings.found), (Verdict::Weak, "timeout is 300"));
    assert!(settings.advice.contains("set timeout 0"), "{diagnosis}");
}

/// Returns the diagnosis of a server without a controller.
fn diagnosis(server: &RedisServer, user: Option<&str>) -> Diagnosis {
    let mut builder = Client::builder().port(server.port());
    if let Some(user) = user {
        builder = builder.user(user);
    }
    let client = builder.build().expect("a client");
    with_growing_time(Duration::from_secs(1), |wait| {
        let diagnosis = client.doctor(wait).expect("a diagnosis");
        diagnosis.checks.iter().any(|check| check.name == "queue").then_some(diagnosis)
    })
}

fn set(server: &RedisServer, name: &str, value: &str) {
    let words = ["CONFIG", "SET", name, value].map(str::as_bytes);
    ask::<()>(&mut server.connection(), &words);
}

#[test]
fn a_policy_that_may_evict_keys_of_the_grid() {
    let server = redis();
    let policies = [
        ("noeviction", Verdict::Good, ""),
        ("allkeys-lru", Verdict::Weak, "any key, also the queue"),
        ("allkeys-lfu", Verdict::Weak, "any key, also the queue"),
        ("allkeys-random", Verdict::Weak, "any key, also the queue"),
        ("volatile-lru", Verdict::Weak, "keys with a TTL"),
        ("volatile-lfu", Verdict::Weak, "keys with a TTL"),
        ("volatile-random", Verdict::Weak, "keys with a TTL"),
        ("volatile-ttl", Verdict::Weak, "keys with a TTL"),
    ];
    for limit in ["0", "100mb"] {
        set(&server, "maxmemory", limit);
        for (policy, verdict, advice) in policies {
            let takes_the_queue = limit != "0" && policy.starts_with("allkeys-");
            let verdict = if takes_the_queue { Verdict::Bad } else { verdict };
            set(&server, "maxmemory-policy", policy);
            let diagnosis = diagnosis(&server, None);
            let eviction = check(&diagnosis, "eviction");
            assert_eq!(eviction.verdict, verdict, "{policy}: {diagnosis}");
            assert!(eviction.found.contains(policy), "{diagnosis}");
            assert!(eviction.advice.contains(advice), "{diagnosis}");
            assert_eq!(eviction.advice.contains("noeviction"), policy != "noeviction");
            assert_eq!(verdict_of_memory(&diagnosis), Verdict::Good, "{diagnosis}");
        }
    }
}

fn verdict_of_memory(diagnosis: &Diagnosis) -> Verdict {
    check(diagnosis, "memory").verdict
}

fn used(server: &RedisServer) -> u64 {
    let info: String = ask(&mut server.connection(), &[b"INFO", b"memory"]);
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.expect("a number").trim().parse().expect("a number")
}

#[test]
fn memory_that_is_short_and_memory_that_is_full() {
    let server = redis();
    set(&server, "maxmemory", "1gb");
    let roomy = diagnosis(&server, None);
    assert_eq!(verdict_of_memory(&roomy), Verdict::Good, "{roomy}");
    assert!(check(&roomy, "memory").found.ends_with("used, maxmemory is 1.0 GiB"), "{roomy}");
    // Far more than the connections of the test, so that these do not matter.
    ask::<()>(&mut server.connection(), &[b"SET", b"large", &vec![b'x'; 64 * 1024 * 1024]]);
    set(&server, "maxmemory", &(used(&server) * 20 / 19).to_string());
    let short = diagnosis(&server, None);
    assert_eq!(verdict_of_memory(&short), Verdict::Weak, "{short}");
    assert!(check(&short, "memory").advice.contains("raise maxmemory"), "{short}");
    // Below what is in use: every write is refused from now on.
    set(&server, "maxmemory", "32mb");
    let full = diagnosis(&server, None);
    assert_eq!(verdict_of_memory(&full), Verdict::Bad, "{full}");
    assert!(!full.is_healthy());
    let queue = check(&full, "queue");
    assert_eq!(queue.verdict, Verdict::Bad, "{full}");
    assert!(queue.advice.contains("maxmemory"), "{full}");
    assert_eq!(verdict(&full, "controller"), Verdict::Unknown, "{full}");
}

#[test]
fn keys_that_were_evicted() {
    let server = redis();
    let mut admin = server.connection();
    set(&server, "maxmemory-policy", "volatile-lru");
    for number in 0..64 {
        let key = format!("k{number}");
        ask::<()>(&mut admin, &[b"SET", key.as_bytes(), &[b'x'; 65536], b"EX", b"1000"]);
    }
    set(&server, "maxmemory", &(used(&server) - 1024 * 1024).to_string());
    ask::<()>(&mut admin, &[b"SET", b"another", b"x"]);
    let evicting = diagnosis(&server, None);
    let eviction = check(&evicting, "eviction");
    assert_eq!(eviction.verdict, Verdict::Bad, "{evicting}");
    assert!(eviction.found.contains("keys were evicted"), "{evicting}");
    assert!(eviction.advice.contains("noeviction"), "{evicting}");
    set(&server, "maxmemory-policy", "noeviction");
    let mended = diagnosis(&server, None);
    assert_eq!(check(&mended, "eviction").verdict, Verdict::Weak, "{mended}");
}

#[test]
fn a_disk_that_cannot_be_written() {
    let server = redis();
    let mut admin = server.connection();
    assert_eq!(verdict(&diagnosis(&server, None), "persistence"), Verdict::Good);
    set(&server, "save", "3600 1");
    ask::<()>(&mut admin, &[b"SET", b"x", b"1"]);
    // A directory in place of the file: a save fails at its very end, for root too.
    let directory: Vec<String> = ask(&mut admin, &[b"CONFIG", b"GET", b"dir"]);
    let file: Vec<String> = ask(&mut admin, &[b"CONFIG", b"GET", b"dbfilename"]);
    let path = std::path::Path::new(&directory[1]).join(&file[1]);
    std::fs::create_dir_all(path.join("in-the-way")).expect("a directory");
    ask::<()>(&mut admin, &[b"BGSAVE"]);
    support::wait_until("the save fails", || {
        let info: String = ask(&mut admin, &[b"INFO", b"persistence"]);
        info.contains("rdb_last_bgsave_status:err")
    });
    let failed = diagnosis(&server, None);
    let persistence = check(&failed, "persistence");
    assert_eq!(persistence.verdict, Verdict::Bad, "{failed}");
    assert!(persistence.advice.contains("MISCONF"), "{failed}");
    assert!(check(&failed, "queue").advice.contains("disk"), "{failed}");
    for (name, value) in [("stop-writes-on-bgsave-error", "no"), ("save", "")] {
        set(&server, name, value);
        let harmless = diagnosis(&server, None);
        assert_eq!(verdict(&harmless, "persistence"), Verdict::Weak, "{name}: {harmless}");
        set(&server, "stop-writes-on-bgsave-error", "yes");
    }
}

#[test]
fn replicas_that_are_missing() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder().user_acl("few on nopass ~* +@all -config").start();
    let server = server.expect("a Redis");
    let settings = |diagnosis: &Diagnosis, name: &str| -> Vec<Check> {
        let name = format!("setting {name}");
        diagnosis.checks.iter().filter(|it| it.name == name).cloned().collect()
    };
    let name = "min-replicas-to-write";
    assert_eq!(settings(&diagnosis(&server, None), name), []);
    assert_eq!(settings(&diagnosis(&server, Some("few")), name), []);
    set(&server, name, "1");
    for (user, found) in
        [(None, "is 1, and no replica is in time"), (Some("few"), "is set, and no replica")]
    {
        let missing = diagnosis(&server, user);
        let checks = settings(&missing, name);
        assert_eq!(checks.len(), 1, "{missing}");
        assert_eq!(checks[0].verdict, Verdict::Bad, "{missing}");
        assert!(checks[0].found.contains(found), "{missing}");
        assert!(checks[0].advice.contains("set min-replicas-to-write 0"), "{missing}");
    }
    let advice = &check(&diagnosis(&server, None), "queue").advice.clone();
    assert!(advice.contains("replicas"), "{advice}");
    let replica = RedisServer::builder()
        .arg("replicaof", &format!("127.0.0.1 {}", server.port()))
        .start()
        .expect("a replica");
    support::wait_until("the replica is there", || {
        let info: String = ask(&mut server.connection(), &[b"INFO", b"replication"]);
        info.contains("min_slaves_good_slaves:1")
    });
    for user in [None, Some("few")] {
        let there = diagnosis(&server, user);
        assert_eq!(settings(&there, name)[0].verdict, Verdict::Weak, "{there}");
    }
    drop(replica);
}

#[test]
fn what_a_user_may_not_ask_is_unknown() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder()
        .user_acl("blind on nopass ~* +@all -config -info")
        .start()
        .expect("a Redis");
    let diagnosis = diagnosis(&server, Some("blind"));
    for name in ["memory", "eviction", "persistence", "setting timeout"] {
        assert_eq!(verdict(&diagnosis, name), Verdict::Unknown, "{diagnosis}");
        assert!(!check(&diagnosis, name).advice.is_empty(), "{diagnosis}");
    }
    assert_eq!(verdict(&diagnosis, "queue"), Verdict::Good, "{diagnosis}");
    let json = serde_json::to_value(&diagnosis).expect("JSON");
    assert!(json["checks"].as_array().expect("checks").iter().any(|it| it["verdict"] == "unknown"));
}

#[test]
fn commands_that_were_renamed_away_are_unknown() {
    let server = RedisServer::builder()
        .arg("rename-command", "CONFIG nobody-knows-it")
        .start()
        .expect("a Redis");
    let diagnosis = diagnosis(&server, None);
    assert_eq!(verdict(&diagnosis, "setting timeout"), Verdict::Unknown, "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "memory"), Verdict::Good, "{diagnosis}");
}

#[test]
fn the_key_of_another_program_and_a_replica_have_advice_of_their_own() {
    let server = redis();
    ask::<()>(&mut server.connection(), &[b"SET", b"cmds.queue", b"1"]);
    let wrong = diagnosis(&server, None);
    assert!(check(&wrong, "queue").advice.contains("database of its own"), "{wrong}");
    assert_eq!(verdict(&wrong, "controller"), Verdict::Unknown, "{wrong}");
}

#[test]
fn no_controller_and_no_agents() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    grid.stop_controller();
    client.cmd(Target::agent((1, 1)), "ping").submit().expect("sent");
    let diagnosis = client.doctor(Duration::from_secs(1)).expect("a diagnosis");
    assert_eq!(verdict(&diagnosis, "queue"), Verdict::Weak, "{diagnosis}");
    assert!(check(&diagnosis, "queue").found.starts_with("1 command waits in"), "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "controller"), Verdict::Bad, "{diagnosis}");

    let empty = Grid::builder().start().expect("a grid without agents");
    let client = Client::connect(&empty.url()).expect("a client");
    let diagnosis = client.doctor(WAIT).expect("a diagnosis");
    assert!(check(&diagnosis, "controller").found.contains("knows no agents"), "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "agents"), Verdict::Bad, "{diagnosis}");
}

#[test]
fn a_redis_that_is_not_there_or_refuses() {
    let server = RedisServer::builder().password("sesame").start().expect("a Redis");
    let client =
        Client::builder().port(server.port()).password("Sesame").build().expect("a client");
    let diagnosis = client.doctor(WAIT).expect("a diagnosis");
    assert_eq!(diagnosis.checks.len(), 1, "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "login"), Verdict::Bad);
    assert!(!format!("{diagnosis:?}").to_lowercase().contains("sesame"), "{diagnosis:?}");
    let right = Client::builder().port(server.port()).password("sesame").build().expect("a client");
    server.kill();
    let diagnosis = right.doctor(WAIT).expect("a diagnosis");
    assert_eq!(verdict(&diagnosis, "redis"), Verdict::Bad);
    assert!(check(&diagnosis, "redis").advice.contains("running"), "{diagnosis}");
}

#[test]
fn a_server_that_says_nothing() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    server.pause();
    let wait = Duration::from_secs(8);
    let begun = Instant::now();
    let diagnosis = client.doctor(wait).expect("a diagnosis");
    assert!(begun.elapsed() < wait + LATE, "{:?}", begun.elapsed());
    assert_eq!(verdict(&diagnosis, "redis"), Verdict::Bad, "{diagnosis}");
    server.resume();
}

#[test]
fn a_user_with_few_rights_and_a_replica() {
    if !servers::has_users() {
        return;
    }
    let main = redis();
    let master = main.port().to_string();
    let replica = RedisServer::builder()
        .arg("replicaof", &format!("127.0.0.1 {master}"))
        .user_acl("few on nopass ~* +hello +auth +ping +llen +info +rpush")
        .start()
        .expect("a replica");
    let client = Client::builder().port(replica.port()).user("few").build().expect("a client");
    let diagnosis = client.doctor(Duration::from_secs(1)).expect("a diagnosis");
    assert_eq!(verdict(&diagnosis, "redis"), Verdict::Bad, "{diagnosis}");
    assert!(check(&diagnosis, "redis").advice.contains("replica"), "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "tracking"), Verdict::Weak, "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "scripts"), Verdict::Weak, "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "queue"), Verdict::Good, "{diagnosis}");
}

#[test]
fn what_ends_the_call_is_no_finding() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    assert_eq!(error(client.doctor(Duration::ZERO), "no time").kind(), ErrorKind::InvalidArgument);
    let cancel = CancelToken::new().expect("a token");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let wait = Timeout::after(WAIT).or_cancelled(&cancel);
        assert_eq!(error(client.doctor(wait), "cancelled").kind(), ErrorKind::Cancelled);
    });
    client.close();
    assert_eq!(error(client.doctor(WAIT), "closed").kind(), ErrorKind::Closed);
}

/// Keys that belong to commands, and for how many milliseconds Redis keeps each; -1 is for good.
fn keys_of_commands(server: &RedisServer) -> Vec<(String, i64)> {
    let mut admin = server.connection();
    let keys: Vec<String> = ask(&mut admin, &[b"KEYS", b"*"]);
    let ours = |key: &String| key.starts_with("cmd") || key.starts_with("jobresult:");
    let mut left = |key: String| {
        let left: i64 = ask(&mut admin, &[b"PTTL", key.as_bytes()]);
        // -2: it has expired meanwhile.
        (left != -2).then_some((key, left))
    };
    keys.into_iter().filter(ours).filter_map(&mut left).collect()
}

fn expires_soon((_, left): &(String, i64)) -> bool {
    (0..=10_000).contains(left)
}

#[test]
fn nothing_stays_in_redis() {
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let left = |fault: &str| {
        let diagnosis = client.doctor(Duration::from_secs(4)).expect("a diagnosis");
        // The controller writes what belongs to a command that is routed one after the other.
        wait_until(fault, || keys_of_commands(grid.redis()).iter().all(expires_soon));
        diagnosis
    };
    assert!(left("a healthy grid").is_healthy());
    grid.pause_agent(1, 2);
    let stopped = left("a stopped agent");
    assert_eq!(verdict(&stopped, "agent 1:1"), Verdict::Good, "{stopped}");
    let agent = check(&stopped, "agent 1:2");
    assert_eq!((agent.verdict, agent.kind), (Verdict::Bad, Some(ErrorKind::Timeout)));
    assert!(agent.found.contains("it does not fetch commands"), "{stopped}");
    grid.stop_controller();
    let away = left("no controller");
    assert!(check(&away, "controller").found.contains("nobody takes commands"), "{away}");
}

#[test]
fn nothing_stays_in_redis_after_a_cancelled_call() {
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let mut admin = grid.redis().connection();
    let mut cancel_when = |key: &str| {
        let cancel = CancelToken::new().expect("a token");
        std::thread::scope(|scope| {
            let wait = Timeout::after(WAIT).or_cancelled(&cancel);
            let call = scope.spawn(|| client.doctor(wait));
            wait_until("a question waits", || {
                ask::<i64>(&mut admin, &[b"LLEN", key.as_bytes()]) > 0
            });
            cancel.cancel();
            let error = error(call.join().expect("no panic"), "a cancelled call");
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        });
        // An agent that has fetched its ping still replies to it.
        assert_eq!(ask::<i64>(&mut admin, &[b"EXISTS", b"cmds.queue", key.as_bytes()]), 0);
    };
    grid.pause_agent(1, 2);
    cancel_when("cmds:1:2");
    grid.stop_controller();
    cancel_when("cmds.queue");
}

#[test]
fn a_distant_redis_is_judged_like_a_near_one() {
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let delay = Duration::from_millis(300);
    let distant = Distant::new(grid.redis().port(), delay);
    let client = Client::builder().url(&distant.url()).expect("a URL").build().expect("a client");
    let diagnosis = with_growing_time(Duration::from_secs(10), |wait| {
        let diagnosis = client.doctor(wait).expect("a diagnosis");
        // Until the time suffices nothing is judged.
        let bad = diagnosis.checks.iter().find(|check| check.verdict == Verdict::Bad);
        assert_eq!(bad, None, "{diagnosis}");
        diagnosis.is_healthy().then_some(diagnosis)
    });
    for name in ["controller", "agent 1:1", "agent 1:2", "agent 2:1"] {
        assert_eq!(verdict(&diagnosis, name), Verdict::Good, "{diagnosis}");
    }
    // An agent that is slow, and one that is stopped, are told from the network.
    grid.inject(Fault::SlowAgent { gid: 1, nid: 1, delay: Duration::from_millis(1500) });
    grid.pause_agent(1, 2);
    let diagnosis = with_growing_time(Duration::from_secs(12), |wait| {
        let diagnosis = client.doctor(wait).expect("a diagnosis");
        let is_told = |name| check(&diagnosis, name).verdict != Verdict::Unknown;
        ["agent 1:1", "agent 1:2"].into_iter().all(is_told).then_some(diagnosis)
    });
    let slow = check(&diagnosis, "agent 1:1");
    assert_eq!(slow.verdict, Verdict::Weak, "{diagnosis}");
    assert!(slow.advice.contains("slow"), "{diagnosis}");
    let stopped = check(&diagnosis, "agent 1:2");
    assert_eq!(stopped.verdict, Verdict::Bad, "{diagnosis}");
    assert!(stopped.found.contains("it does not fetch commands"), "{diagnosis}");
    assert_eq!(verdict(&diagnosis, "agent 2:1"), Verdict::Good, "{diagnosis}");
}

#[test]
fn too_short_a_time_is_no_fault_of_the_grid() {
    let grid = Grid::demo().expect("a grid");
    let distant = Distant::new(grid.redis().port(), Duration::from_millis(200));
    let client = Client::builder().url(&distant.url()).expect("a URL").build().expect("a client");
    for wait in [1500, 2000, 2500, 3000] {
        let diagnosis = client.doctor(Duration::from_millis(wait)).expect("a diagnosis");
        let is_bad = |check: &&Check| check.verdict == Verdict::Bad && check.name != "redis";
        assert_eq!(diagnosis.checks.iter().find(is_bad), None, "{diagnosis}");
    }
}

#[test]
fn the_names_of_checks_are_unique() {
    let server = RedisServer::builder().arg("--timeout", "300").start().expect("a Redis");
    set(&server, "min-replicas-to-write", "1");
    let diagnosis = diagnosis(&server, None);
    let mut names: Vec<&str> = diagnosis.checks.iter().map(|check| check.name.as_str()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "{diagnosis}");
}

#[test]
fn agents_that_commands_wait_for_are_named_without_a_controller() {
    let grid =
        Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    grid.pause_agent(1, 2);
    let waiting = client.cmd(Target::agent((1, 2)), "ping").submit().expect("sent");
    wait_until("it is routed", || !waiting.jobs().expect("jobs").is_empty());
    grid.stop_controller();
    let diagnosis = client.doctor(Duration::from_secs(2)).expect("a diagnosis");
    let agent = check(&diagnosis, "agent 1:2");
    assert_eq!((agent.verdict, agent.kind), (Verdict::Unknown, None), "{diagnosis}");
    assert!(agent.found.contains("1 command waits for it"), "{diagnosis}");
}
