//! What the library reaches, in figures: `make measure`.
//!
//! Not a test: figures depend on the machine and on what else it does. Each line names its goal;
//! what is compared is compared batch by batch, in turn, in this one process.

use std::ffi::{CString, c_char, c_void};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Cancel, Client, RunArgs, Target, Wait};
use devgrid::{Grid, RedisServer};

fn main() {
    println!("acclient {}; p50 / p99 / largest where three numbers stand\n", acclient::VERSION);
    deadlines();
    cancelling();
    round_trips();
    c_calls();
    leaks();
}

/// p50, p99 and the largest.
struct Spread([Duration; 3]);

impl Spread {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort();
        let at = |part: usize| samples[(samples.len() * part / 100).min(samples.len() - 1)];
        Spread([at(50), at(99), samples[samples.len() - 1]])
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, largest] = self.0.map(|span| span.as_secs_f64() * 1000.0);
        write!(f, "{p50:.3} / {p99:.3} / {largest:.3} ms")
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// How much later than its deadline a call ends.
fn deadlines() {
    let goal = Duration::from_millis(5);
    let span = Duration::from_millis(50);
    let report = |what: &str, late: Vec<Duration>| {
        let spread = Spread::of(late);
        println!("deadline, {what}: late by {spread}; goal 5 ms: {}", verdict(spread.0[2] <= goal));
    };
    let late = |mut call: Box<dyn FnMut() -> acclient::Error>| {
        let one = |_| {
            let begun = Instant::now();
            let error = call();
            assert!(error.is_timeout(), "{error}");
            begun.elapsed() - span
        };
        (0..100).map(one).collect::<Vec<_>>()
    };

    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut command = client.cmd(Target::agent(1, 1), "ping").submit().unwrap();
    report(
        "nobody answers a command",
        late(Box::new(move || command.next_result(span).unwrap_err())),
    );

    let mut command = client.cmd(Target::agent(1, 1), "ping").submit().unwrap();
    redis.pause();
    report("stopped server", late(Box::new(move || command.next_result(span).unwrap_err())));
    redis.resume();

    let mut command = client.cmd(Target::agent(1, 1), "ping").submit().unwrap();
    redis.kill();
    report("dead server", late(Box::new(move || command.next_result(span).unwrap_err())));

    // Accepts and never says a word: what a half-open connection looks like to a client.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = Client::builder().port(listener.local_addr().unwrap().port()).timeout(span);
    report("silent server", late(Box::new(move || builder.clone().connect().unwrap_err())));
    drop(listener);

    // A backlog that is full: the connection itself never comes about.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        fillers.push(filler);
        assert!(fillers.len() < 10_000);
    }
    let builder = Client::builder().port(address.port()).timeout(span);
    report("connection never made", late(Box::new(move || builder.clone().connect().unwrap_err())));
}

/// How long after the token was set a waiting call ends.
fn cancelling() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut command = client.cmd(Target::agent(1, 1), "ping").submit().unwrap();
    let mut samples = Vec::new();
    for _ in 0..500 {
        let cancel = Cancel::new().unwrap();
        let (started, starts) = mpsc::channel();
        let other = cancel.clone();
        let canceller = thread::spawn(move || {
            starts.recv().unwrap();
            thread::sleep(Duration::from_millis(2)); // so that the call is inside of its wait
            let at = Instant::now();
            other.cancel();
            at
        });
        started.send(()).unwrap();
        command.next_result(Wait::forever().or_cancelled(&cancel)).unwrap_err();
        let ended = Instant::now();
        samples.push(ended - canceller.join().unwrap());
    }
    let spread = Spread::of(samples);
    let met = spread.0[1] <= Duration::from_millis(1);
    println!("cancel from another thread: ends after {spread}; goal p99 1 ms: {}", verdict(met));
}

/// Submit and wait, against PING and against the same commands over a bare blocking socket, which
/// is as fast as it can be.
fn round_trips() {
    const BATCHES: usize = 21;
    const BATCH: usize = 200;
    let redis = RedisServer::start().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let controller = answer_at_once(&redis, stop.clone());
    let client = Client::connect(&redis.url()).unwrap();
    let mut rival = redis.connection();
    let mut bare = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    bare.set_nodelay(true).unwrap();
    let mut ids = 0u32;
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    let (mut to_ping, mut to_bare) = (Vec::new(), Vec::new());
    for batch in 0..BATCHES {
        let ours = timed(BATCH, || {
            client.execute(Target::agent(1, 1), "true").run(Duration::from_secs(10)).unwrap();
        });
        let ping = timed(BATCH, || {
            let _: String = redis::cmd("PING").query(&mut rival).unwrap();
        });
        let floor = timed(BATCH, || {
            ids += 1;
            submit_and_wait_bare(&mut bare, &format!("00000000-0000-4000-8000-{ids:012}"));
        });
        if batch == 0 {
            continue; // warming up
        }
        let median = |samples: &[Duration]| Spread::of(samples.to_vec()).0[0].as_secs_f64();
        to_ping.push(median(&ours) / median(&ping));
        to_bare.push(median(&ours) / median(&floor));
        for (all, batch) in samples.iter_mut().zip([ours, ping, floor]) {
            all.extend(batch);
        }
    }
    stop.store(true, Ordering::SeqCst);
    client.cmd(Target::agent(1, 1), "stop").submit().unwrap();
    controller.join().unwrap();
    let [ours, ping, floor] = samples.map(Spread::of);
    println!("submit and wait: {ours}; over a bare socket: {floor}; PING: {ping}");
    let ratio = |mut ratios: Vec<f64>| {
        ratios.sort_by(f64::total_cmp);
        (ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
    };
    let (middle, least, most) = ratio(to_ping);
    println!(
        "submit and wait ÷ PING, p50 by batch: {middle:.2} ({least:.2} to {most:.2}); goal 2.40: {}",
        verdict(middle <= 2.4)
    );
    let (middle, least, most) = ratio(to_bare);
    println!(
        "submit and wait ÷ the same over a bare socket: {middle:.2} ({least:.2} to {most:.2})"
    );
}

fn timed(count: usize, mut call: impl FnMut()) -> Vec<Duration> {
    let one = |_| {
        let begun = Instant::now();
        call();
        begun.elapsed()
    };
    (0..count).map(one).collect()
}

fn submit_and_wait_bare(socket: &mut TcpStream, id: &str) {
    let json = format!(
        r#"{{"id":"{id}","gid":1,"nid":1,"tags":null,"roles":null,"fanout":false,"cmd":"execute","args":{{"name":"true","loglevels":"*"}},"data":""}}"#
    );
    let (result, queued) = (format!("cmd.{id}.1.1"), format!("cmd.{id}.queued"));
    let commands: [&[&str]; 4] = [
        &["RPUSH", "cmds.queue", &json],
        &["BLMOVE", &result, &result, "RIGHT", "LEFT", "30"],
        &["LLEN", &result],
        &["EXPIRE", &queued, "86400"],
    ];
    let mut output = String::new();
    for command in commands {
        output += &format!("*{}\r\n", command.len());
        command.iter().for_each(|arg| output += &format!("${}\r\n{arg}\r\n", arg.len()));
    }
    socket.write_all(output.as_bytes()).unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while !received.ends_with(b":1\r\n:1\r\n") {
        let count = socket.read(&mut buffer).unwrap();
        assert!(count > 0 && received.len() < 4096);
        received.extend_from_slice(&buffer[..count]);
    }
}

/// A call by the C ABI, against the same by Rust: a PING of Redis, whose cost is the round trip.
fn c_calls() {
    const BATCHES: usize = 21;
    const BATCH: usize = 500;
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let url = CString::new(redis.url()).unwrap();
    let mut handle = std::ptr::null_mut();
    // SAFETY: a NUL-terminated text, a live place, and NULL where the header allows it.
    let status = unsafe {
        acclient_client_connect(
            url.as_ptr(),
            10_000,
            std::ptr::null(),
            &mut handle,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(status, 0);
    let mut ratios = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    for batch in 0..BATCHES {
        let rust = timed(BATCH, || client.ping().unwrap());
        let c = timed(BATCH, || {
            // SAFETY: a live client, and NULL where the header allows it.
            let status = unsafe {
                acclient_client_ping(handle, 10_000, std::ptr::null(), std::ptr::null_mut())
            };
            assert_eq!(status, 0);
        });
        if batch > 0 {
            let median = |samples: Vec<Duration>| Spread::of(samples).0[0].as_secs_f64();
            let medians = [median(rust), median(c)];
            ratios.push(medians[1] / medians[0]);
            costs.iter_mut().zip(medians).for_each(|(all, one)| all.push(one * 1e6));
        }
    }
    // SAFETY: made above, and not used any more.
    unsafe { acclient_client_free(handle) };
    ratios.sort_by(f64::total_cmp);
    costs.iter_mut().for_each(|costs| costs.sort_by(f64::total_cmp));
    let [rust, c] = costs.map(|costs| costs[costs.len() / 2]);
    println!("PING by a Rust call: {rust:.2} µs, by a C call: {c:.2} µs");
    let middle = ratios[ratios.len() / 2];
    println!(
        "C call ÷ Rust call, p50 by batch: {middle:.3} ({:.3} to {:.3}); goal 1.05: {}",
        ratios[0],
        ratios[ratios.len() - 1],
        verdict(middle <= 1.05)
    );
}

// From `acclient.h`.
unsafe extern "C" {
    fn acclient_client_connect(
        url: *const c_char,
        timeout_ms: i64,
        cancel: *const c_void,
        client: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_ping(
        client: *const c_void,
        timeout_ms: i64,
        cancel: *const c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_free(client: *mut c_void);
}

/// A controller that answers every command in the one write that also asks for the next.
fn answer_at_once(redis: &RedisServer, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let mut connection = redis.connection();
    thread::spawn(move || {
        let take = |connection: &mut redis::Connection, pipe: &mut redis::Pipeline| {
            pipe.cmd("BLPOP").arg("cmds.queue").arg(0);
            let mut replies: Vec<redis::Value> = pipe.query(connection).unwrap();
            let popped: (String, String) = redis::from_redis_value(replies.pop().unwrap()).unwrap();
            popped.1
        };
        let mut command = take(&mut connection, &mut redis::pipe());
        while !stop.load(Ordering::SeqCst) {
            let start = command.find("\"id\":\"").unwrap() + 6;
            let id = &command[start..start + 36];
            let result = format!(
                r#"{{"id":"{id}","gid":1,"nid":1,"cmd":"execute","args":{{}},"data":"","streams":["",""],"level":0,"state":"SUCCESS","starttime":1,"time":1,"tags":""}}"#
            );
            let mut pipe = redis::pipe();
            pipe.rpush(format!("cmd.{id}.queued"), "queued").ignore();
            pipe.rpush(format!("cmd.{id}.1.1"), result).ignore();
            pipe.expire(format!("cmd.{id}.1.1"), 86400).ignore();
            command = take(&mut connection, &mut pipe);
        }
    })
}

/// What 10 000 commands leave behind.
fn leaks() {
    const COMMANDS: usize = 10_000;
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let run = |count: usize| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let client = client.clone();
                thread::spawn(move || {
                    for _ in 0..count / 4 {
                        let options = RunArgs::new().max_time(60);
                        let command = client.execute(Target::agent(1, 1), "true").run_args(options);
                        command.run(Duration::from_secs(60)).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    // With the grid in this process its memory counts too, so it is measured from the middle on.
    run(COMMANDS / 2);
    let (descriptors, memory) = (count_descriptors(), resident());
    run(COMMANDS / 2);
    let (descriptors_after, memory_after) = (count_descriptors(), resident());
    let jobs = grid.running_jobs();
    drop(client);
    let mut connection = grid.redis().connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    let stay = keys.iter().filter(|key| {
        let ttl: i64 = redis::cmd("TTL").arg(key.as_str()).query(&mut connection).unwrap();
        ttl == -1
    });
    println!(
        "after {COMMANDS} commands: {} keys without TTL of {}, {jobs} processes, descriptors {descriptors} -> {descriptors_after}, \
         memory {memory} -> {memory_after} KiB over the second half (the grid's own included)",
        stay.count(),
        keys.len()
    );
}

fn count_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn resident() -> usize {
    let mut status = String::new();
    let file = std::fs::File::open("/proc/self/status");
    let _ = file.and_then(|mut file| file.read_to_string(&mut status));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
