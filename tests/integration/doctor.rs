//! What `doctor` says of grids that are well, and of those that are not.

use std::time::{Duration, Instant};

use acclient::{CancelToken, Check, Client, Diagnosis, ErrorKind, Target, Timeout, Verdict};
use devgrid::{Grid, RedisServer};
use support::{LATE, WAIT, error, redis, with_growing_time};

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
        "queue",
        "controller",
        "agent 1:1",
        "agent 1:2",
        "agent 2:1",
    ];
    assert_eq!(names, expected);
    assert!(diagnosis.checks.iter().all(|check| check.verdict == Verdict::Good), "{diagnosis}");
    let found = &check(&diagnosis, "redis").found;
    assert!(found.starts_with("Redis ") || found.starts_with("Valkey "), "{diagnosis}");
    assert!(check(&diagnosis, "login").found.contains("default"), "{diagnosis}");
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
        diagnosis.checks.iter().any(|check| check.name == "settings").then_some(diagnosis)
    });
    let settings = check(&diagnosis, "settings");
    assert_eq!((settings.verdict, &*settings.found), (Verdict::Weak, "timeout is 300"));
    assert!(settings.advice.contains("set timeout 0"), "{diagnosis}");
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
    assert_eq!(verdict(&diagnosis, "controller"), Verdict::Bad, "{diagnosis}");
    assert!(check(&diagnosis, "controller").found.contains("knows 0 agents"), "{diagnosis}");
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
    // It does not take the time of the steps that would follow.
    assert!(begun.elapsed() < wait, "{:?}", begun.elapsed());
    assert_eq!(verdict(&diagnosis, "redis"), Verdict::Bad, "{diagnosis}");
    server.resume();
}

#[test]
fn a_user_with_few_rights_and_a_replica() {
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
