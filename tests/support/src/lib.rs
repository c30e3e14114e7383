//! Helpers shared by the tests of the library, of `acctl` and of the development grid.

pub mod alone;
pub mod certificates;
pub mod controller;
pub mod delay;
pub mod forgetful;
pub mod gate;
pub mod golden;
pub mod library;
pub mod prefix;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod refusing;
pub mod scripted;
pub mod secured;
pub mod sentinels;
pub mod servers;

use std::io::Write as _;
use std::time::{Duration, Instant};

use acclient::{Client, Command, Error, JobState, MsgQuery, Outcome, ProcessStats};
use devgrid::{Grid, RedisServer};

/// The root of the repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Timeout of tests: far longer than any working step takes, even on an overloaded machine.
pub const WAIT: Duration = Duration::from_secs(120);

/// How long after its deadline a call may return. Distinguishes a call that returns from one that
/// hangs or uses another timeout, which has to be [`WAIT`] or longer; it does not measure the speed
/// of the machine.
pub const LATE: Duration = Duration::from_secs(30);

/// Retries with twice the time until an attempt succeeds, for operations that have to succeed in
/// part and then time out.
pub fn with_growing_time<T>(first: Duration, mut attempt: impl FnMut(Duration) -> Option<T>) -> T {
    let mut time = first;
    loop {
        if let Some(done) = attempt(time) {
            return done;
        }
        assert!(time < WAIT, "{time:?} did not suffice");
        time *= 2;
    }
}

/// Returns a text with `#` for digits and without the last poll that a timeout reports: whether a
/// short wait had time for it depends on the machine.
pub fn without_last_look(text: &str) -> String {
    [
        "; its state in Redis is not known",
        "; Redis had no state for it # s before the deadline",
        "; still running, or lost: state RUNNING in Redis # s before the deadline",
    ]
    .iter()
    .fold(text.to_owned(), |text, said| text.replace(said, ""))
}

/// Waits for a condition, checking it every few milliseconds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {WAIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the demo grid and connects a client to it.
pub fn demo() -> (Grid, Client) {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    (grid, client)
}

/// Like [`demo`], with [`WAIT`] as the default timeout of the client.
pub fn patient_demo() -> (Grid, Client) {
    let (grid, client) = demo();
    (grid, client.with_timeout(WAIT))
}

/// Waits until the agent reports that the job runs.
pub fn wait_until_running(command: &Command) {
    wait_until("the job runs", || {
        let jobs = command.jobs().unwrap();
        jobs.values().any(|job| job.state() == &JobState::Running)
    });
}

/// Waits until the job on one agent has printed output, so that its script runs and not only the
/// shell that starts it.
pub fn wait_until_it_printed(command: &Command) {
    wait_until("the job prints", || {
        let outcomes = command.get_msgs(&MsgQuery::new()).unwrap();
        outcomes.values().any(|it| matches!(it, Outcome::Done(messages) if !messages.is_empty()))
    });
}

/// Waits until a killable, unfinished script has announced itself on each of its agents. From then
/// on a kill reaches the script; before, it reaches only the shell that starts it.
pub fn wait_until_killable(command: &Command) {
    wait_until("the script has announced itself", || {
        let outcomes = command.get_stats().unwrap();
        let is_reached = |outcome: &Outcome<ProcessStats>| match outcome {
            Outcome::Done(stats) => stats.debug.contains(' '),
            Outcome::Over(_) => true,
            Outcome::Failed(_) => false,
        };
        !outcomes.is_empty() && outcomes.values().all(is_reached)
    });
}

/// Returns keys of client commands that would never expire.
pub fn keys_without_ttl(redis: &RedisServer) -> Vec<String> {
    let mut connection = redis.connection();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    keys.retain(|key| key.starts_with("cmd.") || key.starts_with("jobresult:"));
    let stay = keys.chunks(10_000).flat_map(|some| {
        let mut pipe = redis::pipe();
        some.iter().for_each(|key| {
            pipe.cmd("TTL").arg(key);
        });
        let ttls: Vec<i64> = pipe.query(&mut connection).unwrap();
        some.iter()
            .zip(ttls)
            .filter(|(_, ttl)| *ttl == -1)
            .map(|(key, _)| key.clone())
            .collect::<Vec<_>>()
    });
    stay.collect()
}

/// Returns the number of clients connected to Redis, excluding this connection.
pub fn clients(redis: &RedisServer) -> usize {
    let mut admin = redis.connection();
    let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut admin).expect("a list");
    list.lines().count() - 1
}

/// Returns the number of open descriptors of this process.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// A port of 127.0.0.1 that refuses connections and stays reserved until dropped.
pub struct ClosedPort(socket2::Socket);

impl ClosedPort {
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&address.into()).expect("a port"); // and nobody listens
        ClosedPort(socket)
    }

    pub fn number(&self) -> u16 {
        let address = self.0.local_addr().expect("an address");
        address.as_socket().expect("of TCP").port()
    }
}

/// Prefix of a line that reports a skipped part; `scripts/servers.sh` counts these lines.
pub(crate) const NOT_TESTED: &str = "*** NOT TESTED: ";

/// Reports, past the output capture of the test harness, what is skipped and in which test. Fails
/// in CI.
pub fn not_tested(why: &str) {
    // The harness names the thread of a test after the test.
    let thread = std::thread::current();
    let test = std::env::var(alone::VARIABLE).ok();
    let test = test.as_deref().or(thread.name()).unwrap_or("unnamed");
    let _ = writeln!(std::io::stderr(), "\n{NOT_TESTED}{test}: {why} ***\n");
    assert!(std::env::var_os("CI").is_none(), "left out in CI: {why}");
}

pub fn redis() -> RedisServer {
    RedisServer::start().expect("a Redis")
}

/// Runs a command on Redis without the client.
pub fn ask<T: redis::FromRedisValue>(admin: &mut redis::Connection, words: &[&[u8]]) -> T {
    let mut command = redis::Cmd::new();
    command.arg(words);
    command.query(admin).expect("the admin may do all")
}

/// Returns the error of a call that has to fail.
pub fn error<T>(result: Result<T, Error>, name: &str) -> Error {
    result.err().unwrap_or_else(|| panic!("{name} was taken"))
}

/// Returns a handwritten result of the agent 1:1.
pub fn result(state: &str, starttime: u64) -> Vec<u8> {
    format!(r#"{{"id":"x","gid":1,"nid":1,"state":"{state}","starttime":{starttime},"data":"{starttime}"}}"#)
        .into_bytes()
}

/// The key of its list in Redis.
pub const LIST: &str = "cmd.x.1.1";
pub const HASH: &str = "jobresult:x";

/// Replaces the data of Redis with these results.
pub fn fill(admin: &mut redis::Connection, entries: &[Vec<u8>]) {
    ask::<()>(admin, &[b"FLUSHALL"]);
    ask::<()>(admin, &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    for entry in entries {
        ask::<()>(admin, &[b"RPUSH", LIST.as_bytes(), entry]);
        ask::<()>(admin, &[b"HSET", HASH.as_bytes(), b"1:1", entry]);
    }
}
