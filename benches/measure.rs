//! What the library reaches, in figures: `make bench`.
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
    lateness();
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

/// How much later than its deadline a call ends, and how long after its token was cancelled: by a
/// server that is wrong in some way, from Rust, C and Go.
fn lateness() {
    let stopped = RedisServer::start().unwrap();
    let dead = RedisServer::start().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    // A backlog that is full: the connection itself never comes about.
    let never = TcpListener::bind("127.0.0.1:0").unwrap();
    let never_address = never.local_addr().unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = TcpStream::connect_timeout(&never_address, Duration::from_millis(100)) {
        fillers.push(filler);
        assert!(fillers.len() < 10_000);
    }
    let nobody = RedisServer::start().unwrap();
    stopped.pause();
    dead.kill();
    let at = |port: u16| format!("redis://127.0.0.1:{port}");
    let faults = [
        ("nobody answers a command", at(nobody.port())),
        ("stopped server", at(stopped.port())),
        ("dead server", at(dead.port())),
        // Accepts and never says a word: what a half-open connection looks like to a client.
        ("silent server", at(silent.local_addr().unwrap().port())),
        ("connection never made", at(never_address.port())),
    ];
    for (name, url) in &faults {
        deadlines_from_rust(name, url);
        deadlines_from_c(name, url);
    }
    cancelling_from_rust(&nobody);
    cancelling_from_c(&nobody);
    from_go(&faults);
    stopped.resume();
}

const SPAN: Duration = Duration::from_millis(50);

fn report_lateness(what: &str, late: Vec<Duration>) {
    let goal = Duration::from_millis(5);
    let spread = Spread::of(late);
    println!("deadline, {what}: late by {spread}; goal 5 ms: {}", verdict(spread.0[2] <= goal));
}

/// A wait for a result that nobody will write.
fn deadlines_from_rust(name: &str, url: &str) {
    let client = Client::builder().url(url).unwrap().build().unwrap();
    let mut command = client.command_from("acclient:1:nobody:1:1").unwrap();
    let late = (0..100).map(|_| {
        let begun = Instant::now();
        let error = command.next_result(SPAN).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        begun.elapsed() - SPAN
    });
    report_lateness(&format!("{name}, Rust"), late.collect());
}

fn deadlines_from_c(name: &str, url: &str) {
    let c = CClient::new(url);
    let late = (0..100).map(|_| {
        let begun = Instant::now();
        assert_eq!(c.wait(SPAN.as_millis() as i64, std::ptr::null()), TIMEOUT);
        begun.elapsed() - SPAN
    });
    report_lateness(&format!("{name}, C"), late.collect());
}

fn report_cancelling(what: &str, samples: Vec<Duration>) {
    let spread = Spread::of(samples);
    let met = spread.0[1] <= Duration::from_millis(1);
    println!(
        "cancel from another thread, {what}: ends after {spread}; goal p99 1 ms: {}",
        verdict(met)
    );
}

/// Cancels on a thread of its own, some time after the call has begun, and tells when that was.
fn cancelled_after(call: impl FnOnce(), cancel: impl FnOnce() + Send + 'static) -> Duration {
    let (started, starts) = mpsc::channel();
    let canceller = thread::spawn(move || {
        starts.recv().unwrap();
        thread::sleep(Duration::from_millis(2)); // so that the call is inside of its wait
        let at = Instant::now();
        cancel();
        at
    });
    started.send(()).unwrap();
    call();
    let ended = Instant::now();
    ended - canceller.join().unwrap()
}

fn cancelling_from_rust(redis: &RedisServer) {
    let client = Client::connect(&redis.url()).unwrap();
    let mut command = client.command_from("acclient:1:nobody:1:1").unwrap();
    let samples = (0..500).map(|_| {
        let cancel = Cancel::new().unwrap();
        let other = cancel.clone();
        let wait = || {
            command.next_result(Wait::forever().or_cancelled(&cancel)).unwrap_err();
        };
        cancelled_after(wait, move || assert!(other.cancel()))
    });
    report_cancelling("Rust", samples.collect());
}

fn cancelling_from_c(redis: &RedisServer) {
    /// A token may be cancelled from any thread.
    struct Token(*mut c_void);
    // SAFETY: as the header says of acclient_cancel_cancel().
    unsafe impl Send for Token {}
    impl Token {
        fn cancel(&self) {
            // SAFETY: a live token.
            assert_eq!(unsafe { acclient_cancel_cancel(self.0) }, 0);
        }
    }
    let c = CClient::new(&redis.url());
    let samples = (0..500).map(|_| {
        let mut cancel = std::ptr::null_mut();
        // SAFETY: a live place, and NULL where the header allows it.
        assert_eq!(unsafe { acclient_cancel_new(&mut cancel, std::ptr::null_mut()) }, 0);
        let token = Token(cancel);
        let took =
            cancelled_after(|| assert_eq!(c.wait(-1, cancel), CANCELLED), move || token.cancel());
        // SAFETY: made above, and the thread that cancels it is over.
        unsafe { acclient_cancel_free(cancel) };
        took
    });
    report_cancelling("C", samples.collect());
}

/// The same by the benchmarks of the Go package, which find the library by the environment that
/// `make bench` sets.
fn from_go(faults: &[(&str, String)]) {
    let list: Vec<String> = faults.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let mut go = std::process::Command::new("go");
    go.args(["test", "-run", "^$", "-bench", "^BenchmarkLate", "-benchtime", "100x"]);
    go.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/go"));
    let output = go.env("ACCLIENT_FAULTS", list.join(";")).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("from Go: NOT MEASURED; make bench sets up what it needs");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.starts_with("Benchmark")) {
        println!("from Go, {line}");
    }
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

/// A client and a command by the C ABI.
struct CClient {
    client: *mut c_void,
    command: *mut c_void,
}

const TIMEOUT: i32 = acclient::ErrorKind::Timeout as i32;
const CANCELLED: i32 = acclient::ErrorKind::Cancelled as i32;

impl CClient {
    /// Of a server that need not be there.
    fn new(url: &str) -> Self {
        let (url, none) = (CString::new(url).unwrap(), std::ptr::null_mut());
        let mut made = CClient { client: none, command: none };
        let mut options = none;
        let form = c"acclient:1:nobody:1:1";
        // SAFETY: NUL-terminated texts, live places, and NULL where the header allows it.
        unsafe {
            assert_eq!(acclient_options_new(&mut options, none.cast()), 0);
            assert_eq!(acclient_options_set_url(options, url.as_ptr(), none.cast()), 0);
            assert_eq!(acclient_client_build(options, &mut made.client, none.cast()), 0);
            acclient_options_free(options);
            let place = &mut made.command;
            let status =
                acclient_client_command_from(made.client, form.as_ptr(), place, none.cast());
            assert_eq!(status, 0);
        }
        made
    }

    fn ping(&self) {
        // SAFETY: a live client, and NULL where the header allows it.
        let status = unsafe {
            acclient_client_ping(self.client, 10_000, std::ptr::null(), std::ptr::null_mut())
        };
        assert_eq!(status, 0);
    }

    /// Waits for the result of the command; gives the status.
    fn wait(&self, timeout_ms: i64, cancel: *const c_void) -> i32 {
        let mut job = std::ptr::null_mut();
        let none = std::ptr::null_mut();
        // SAFETY: a live command, a live token or NULL, a live place, and NULL for the error.
        unsafe { acclient_command_next_result(self.command, timeout_ms, cancel, &mut job, none) }
    }
}

impl Drop for CClient {
    fn drop(&mut self) {
        // SAFETY: made by new(), and not used any more.
        unsafe {
            acclient_command_free(self.command);
            acclient_client_free(self.client);
        }
    }
}

/// A call by the C ABI, against the same by Rust: a PING of Redis, whose cost is the round trip.
fn c_calls() {
    const BATCHES: usize = 21;
    const BATCH: usize = 500;
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let c = CClient::new(&redis.url());
    let mut ratios = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    for batch in 0..BATCHES {
        let rust = timed(BATCH, || client.ping().unwrap());
        let c = timed(BATCH, || c.ping());
        if batch > 0 {
            let median = |samples: Vec<Duration>| Spread::of(samples).0[0].as_secs_f64();
            let medians = [median(rust), median(c)];
            ratios.push(medians[1] / medians[0]);
            costs.iter_mut().zip(medians).for_each(|(all, one)| all.push(one * 1e6));
        }
    }
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
    fn acclient_options_new(options: *mut *mut c_void, error: *mut *mut c_void) -> i32;
    fn acclient_options_set_url(
        options: *const c_void,
        url: *const c_char,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_options_free(options: *mut c_void);
    fn acclient_client_build(
        options: *const c_void,
        client: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_ping(
        client: *const c_void,
        timeout_ms: i64,
        cancel: *const c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_command_from(
        client: *const c_void,
        printed: *const c_char,
        command: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_free(client: *mut c_void);
    fn acclient_command_next_result(
        command: *mut c_void,
        timeout_ms: i64,
        cancel: *const c_void,
        job: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_command_free(command: *mut c_void);
    fn acclient_cancel_new(cancel: *mut *mut c_void, error: *mut *mut c_void) -> i32;
    fn acclient_cancel_cancel(cancel: *const c_void) -> i32;
    fn acclient_cancel_free(cancel: *mut c_void);
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
