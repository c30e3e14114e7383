//! Many jobs of single agents: 1000 at once, and one after the other by 16 threads that share a client.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use acclient::{Client, Request, Target};
use devgrid::RedisServer;

use crate::fanout::WAIT;
use crate::heap::peak;
use crate::hiredis::Hiredis;
use crate::report::{Figure, Goal, Report};
use crate::round_trip::answer_at_once;

const BATCHES: usize = 11;
const AT_ONCE: usize = 1000;
const THREADS: usize = 16;
/// Jobs of each thread in a batch.
const EACH: usize = 100;

pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let what = "1000 jobs at once ÷ hiredis pipelined: time";
    if Hiredis::connect(redis.port()).is_none() {
        return report.not_measured(what, "libhiredis is missing");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let controller = answer_at_once(&redis, stop.clone());
    let client = Client::connect(&redis.url()).unwrap();
    at_once(report, &redis, &client);
    by_threads(report, &redis, &client);
    stop.store(true, Ordering::SeqCst);
    client.cmd(Target::agent((1, 1)), "stop").submit().unwrap();
    controller.join().unwrap();
}

fn request(client: &Client) -> Request {
    client.execute(Target::agent((1, 1)), "true")
}

/// An id and the key of its result, for hiredis.
fn names() -> (CString, CString) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let id = format!("10000000-0000-4000-8000-{number:012}");
    (CString::new(&*id).unwrap(), CString::new(format!("cmd.{id}.1.1")).unwrap())
}

fn at_once(report: &mut Report, redis: &RedisServer, client: &Client) {
    let mut hiredis = Hiredis::connect(redis.port()).unwrap();
    let [mut times, mut processor, mut memory] = [const { Vec::new() }; 3];
    let all = || {
        let sent = client.submit_many((0..AT_ONCE).map(|_| request(client)));
        let commands = sent.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(client.wait_any(commands, WAIT).unwrap().filter(Result::is_ok).count(), AT_ONCE);
    };
    for batch in 0..=BATCHES {
        let ours = measured(all);
        let names: Vec<_> = (0..AT_ONCE).map(|_| names()).collect();
        let theirs = measured(|| hiredis.push_and_wait_for_all(&names));
        let (kept, ()) = peak(all);
        if batch > 0 {
            // The first warms up.
            times.push(ours.0 / theirs.0);
            processor.push(ours.1 / theirs.1);
            memory.push(kept as f64 / 1024.0);
        }
    }
    let what = "1000 jobs at once ÷ hiredis pipelined";
    report.add(Figure::new(format!("{what}: time"), "", times).goal(Goal::AtMost(1.05)));
    report.add(
        Figure::new(format!("{what}: CPU of the client"), "", processor).goal(Goal::AtMost(1.7)),
    );
    report.add(Figure::new("1000 jobs at once: peak memory of the client", "KiB", memory));
}

fn by_threads(report: &mut Report, redis: &RedisServer, client: &Client) {
    let mut connections: Vec<_> =
        (0..THREADS).map(|_| Hiredis::connect(redis.port()).unwrap()).collect();
    let (mut rates, mut processor) = (Vec::new(), Vec::new());
    for batch in 0..=BATCHES {
        let ours = shared(
            (0..THREADS)
                .map(|_| || (0..EACH).for_each(|_| drop(request(client).run(WAIT).unwrap()))),
        );
        let theirs = shared(connections.iter_mut().map(|hiredis| {
            || {
                (0..EACH).for_each(|_| {
                    let (id, result) = names();
                    hiredis.push_and_wait(&id, &result);
                })
            }
        }));
        if batch > 0 {
            rates.push(theirs.0 / ours.0);
            processor.push(ours.1 / theirs.1);
        }
    }
    let what = format!("{THREADS} threads on one client ÷ {THREADS} hiredis connections");
    report.add(Figure::new(format!("{what}: jobs a second"), "", rates).goal(Goal::AtLeast(1.0)));
    report.add(
        Figure::new(format!("{what}: CPU of the client"), "", processor).goal(Goal::AtMost(1.1)),
    );
}

/// Seconds by the clock until all threads have ended, and seconds of CPU of all of them.
fn shared<F: FnMut() + Send>(work: impl Iterator<Item = F>) -> (f64, f64) {
    let work: Vec<F> = work.collect();
    let begun = Instant::now();
    let processor = thread::scope(|scope| {
        let threads: Vec<_> =
            work.into_iter().map(|mut work| scope.spawn(move || measured(&mut work).1)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    (begun.elapsed().as_secs_f64(), processor)
}

/// Seconds by the clock, and seconds of CPU of this thread.
fn measured(work: impl FnOnce()) -> (f64, f64) {
    let (begun, processor) = (Instant::now(), processor_time());
    work();
    (begun.elapsed().as_secs_f64(), processor_time() - processor)
}

fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
