//! How late a call returns after its deadline, and after its token is cancelled, with servers that
//! have a fault, from Rust, C and Go.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, Timeout};
use devgrid::RedisServer;

use crate::c_client::{CANCELLED, CCancel, CClient, TIMEOUT};
use crate::go::Go;
use crate::hiredis::Hiredis;
use crate::report::{Figure, Goal, Report, milliseconds, quantile};

const BATCHES: usize = 5;
/// Calls per batch, and the timeout of each.
const WAITS: usize = 20;
const SPAN: Duration = Duration::from_millis(50);
const CANCELS: usize = 100;

struct Fault {
    name: &'static str,
    port: u16,
    /// Whether the rivals have something to wait for: they do not wait for a dead server to come
    /// back.
    rivals_wait: bool,
}

pub fn figures(report: &mut Report) {
    let nobody = RedisServer::start().unwrap();
    let stopped = RedisServer::start().unwrap();
    let dead = RedisServer::start().unwrap();
    // Accepts and never replies, which is what a client sees of a half-open connection.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let never = TcpListener::bind("127.0.0.1:0").unwrap();
    let _fillers = fill(&never);
    stopped.pause();
    dead.kill();
    let fault = |name, port| Fault { name, port, rivals_wait: true };
    let faults = [
        fault("no answer to a command", nobody.port()),
        fault("stopped server", stopped.port()),
        Fault { rivals_wait: false, ..fault("dead server", dead.port()) },
        fault("silent server", port(&silent)),
        fault("connection never made", port(&never)),
    ];
    let go = Go::build();
    let mut by_go = match &go {
        Ok(go) => late_from_go(go, &faults),
        Err(_) => vec![Vec::new(); faults.len() + 1],
    };
    let cancelled_from_go = by_go.pop().unwrap_or_default();
    for (fault, go) in faults.iter().zip(by_go) {
        deadlines(report, fault, go);
    }
    cancelling(report, &nobody, cancelled_from_go);
    if let Err(why) = go {
        report.not_measured("deadlines and cancelling from Go", &why);
    }
    stopped.resume();
}

/// Fills the backlog: further connections do not complete while the returned ones are open.
fn fill(listener: &TcpListener) -> Vec<TcpStream> {
    let address = listener.local_addr().unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        fillers.push(filler);
        assert!(fillers.len() < 10_000);
    }
    fillers
}

/// Returns the latest of a batch.
fn latest(mut call: impl FnMut()) -> f64 {
    let late = (0..WAITS).map(|_| {
        let begun = Instant::now();
        call();
        milliseconds(begun.elapsed().saturating_sub(SPAN))
    });
    late.fold(0.0, f64::max)
}

/// Measures waits for a result that is never written.
fn deadlines(report: &mut Report, fault: &Fault, go: Vec<f64>) {
    let url = format!("redis://127.0.0.1:{}", fault.port);
    let client = Client::builder().url(&url).unwrap().build().unwrap();
    let mut command = client.get_by_handle("acclient:1:nobody:1:1").unwrap();
    let c = CClient::new(&url, "nobody");
    let [mut by_rust, mut by_c, mut by_crate, mut by_hiredis] = [const { Vec::new() }; 4];
    for _ in 0..BATCHES {
        by_rust.push(latest(|| assert!(command.next_result(SPAN).unwrap_err().is_timeout())));
        by_c.push(latest(|| {
            assert_eq!(c.wait(SPAN.as_millis() as i64, std::ptr::null()), TIMEOUT)
        }));
        if fault.rivals_wait {
            by_crate.push(latest(|| wait_by_crate(&url)));
            by_hiredis.extend(Hiredis::connect_within(fault.port, SPAN).map(|_| {
                latest(|| {
                    let made = Hiredis::connect_within(fault.port, SPAN);
                    assert!(!made.is_some_and(|mut made| made.command(&BLOCKING)));
                })
            }));
        }
    }
    let figure = |language: &str, late| {
        let name = format!(
            "deadline of {} ms, {}, latest of {WAITS}, {language}",
            SPAN.as_millis(),
            fault.name
        );
        Figure::new(name, "ms", late).goal(Goal::AtMost(2.0)).each()
    };
    report.add(figure("Rust", by_rust).rival("the redis crate", by_crate));
    report.add(figure("C", by_c).rival("hiredis", by_hiredis.clone()));
    if !go.is_empty() {
        report.add(figure("Go", go).rival("hiredis", by_hiredis));
    }
}

/// Waits for a list that stays empty; the socket timeout ends the wait.
const BLOCKING: [&[u8]; 4] = [b"BRPOPLPUSH", b"nobody", b"nobody", b"0"];

/// Connecting and reading each get the whole timeout, since the crate has no timeout for both. The
/// connection is opened anew for each wait, as is necessary after a timeout.
fn wait_by_crate(url: &str) {
    let client = redis::Client::open(url).unwrap();
    if let Ok(mut connection) = client.get_connection_with_timeout(SPAN) {
        connection.set_read_timeout(Some(SPAN)).unwrap();
        let words = BLOCKING.map(|word| String::from_utf8_lossy(word).into_owned());
        let mut command = redis::cmd(&words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(word);
        });
        assert!(command.query::<String>(&mut connection).is_err());
    }
}

/// Returns the latest call of each batch per fault, followed by the p99 of each batch of
/// cancellations.
fn late_from_go(go: &Go, faults: &[Fault]) -> Vec<Vec<f64>> {
    let url = |fault: &Fault| format!("{}=redis://127.0.0.1:{}", fault.name, fault.port);
    let list = faults.iter().map(url).collect::<Vec<_>>().join(";");
    let mut late = vec![Vec::new(); faults.len() + 1];
    for _ in 0..BATCHES {
        let measured = go.run("^BenchmarkLateDeadline$", WAITS, ("ACCLIENT_FAULTS", &list));
        for (fault, late) in faults.iter().zip(&mut late) {
            let name = format!("LateDeadline/{}", fault.name.replace(' ', "_"));
            late.push(measured[&name]["max-ms"]);
        }
        let measured = go.run("^BenchmarkLateCancel$", CANCELS, ("ACCLIENT_FAULTS", &list));
        late[faults.len()].push(measured["LateCancel"]["p99-ms"]);
    }
    late
}

fn cancelling(report: &mut Report, redis: &RedisServer, by_go: Vec<f64>) {
    let client = Client::connect(&redis.url()).unwrap();
    let mut command = client.get_by_handle("acclient:1:nobody:1:1").unwrap();
    let c = CClient::new(&redis.url(), "nobody");
    let [mut by_rust, mut by_c, mut by_hiredis] = [const { Vec::new() }; 3];
    let p99 = |one: &mut dyn FnMut() -> Duration| {
        let samples: Vec<_> = (0..CANCELS).map(|_| milliseconds(one())).collect();
        quantile(&samples, 99)
    };
    for _ in 0..BATCHES {
        by_rust.push(p99(&mut || {
            let cancel = CancelToken::new().unwrap();
            let other = cancel.clone();
            let wait =
                || drop(command.next_result(Timeout::none().or_cancelled(&cancel)).unwrap_err());
            cancelled_after(wait, move || assert!(other.cancel()))
        }));
        by_c.push(p99(&mut || {
            let cancel = Arc::new(CCancel::new());
            let other = cancel.clone();
            cancelled_after(
                || assert_eq!(c.wait(-1, cancel.as_ptr()), CANCELLED),
                move || other.cancel(),
            )
        }));
        if Hiredis::connect(redis.port()).is_some() {
            by_hiredis.push(p99(&mut || shut_down(redis.port())));
        }
    }
    let figure = |language: &str, p99s| {
        let name = format!("cancelling from another thread, p99 of {CANCELS}, {language}");
        Figure::new(name, "ms", p99s).goal(Goal::AtMost(0.3))
    };
    report.add(figure("Rust", by_rust));
    report.add(figure("C", by_c).rival("hiredis, whose socket is shut down under it", by_hiredis));
    if !by_go.is_empty() {
        report.add(figure("Go", by_go));
    }
}

/// Shuts the connection down, the only way to end a wait of hiredis.
fn shut_down(port: u16) -> Duration {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let other = socket.try_clone().unwrap();
    let mut hiredis = Hiredis::over(socket).unwrap();
    cancelled_after(
        || assert!(!hiredis.command(&BLOCKING)),
        move || other.shutdown(std::net::Shutdown::Both).unwrap(),
    )
}

/// Cancels on a separate thread some time after the call has begun, and returns the delay since
/// then.
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
