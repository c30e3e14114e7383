//! Overhead of a call from C and from Go.

use acclient::Client;
use devgrid::RedisServer;

use crate::c_client::{CCancel, CClient};
use crate::go::Go;
use crate::hiredis::Hiredis;
use crate::report::{Figure, Goal, Placed, Report, microseconds, middle};

const BATCHES: usize = 21;
const BATCH: usize = 500;
/// One Go process per batch.
const GO_BATCHES: usize = 7;
const GO_BATCH: usize = 5000;

pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let _placed = Placed::apart(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    let c = CClient::new(&redis.url(), "nobody");
    let mut hiredis = Hiredis::connect(redis.port());
    let (mut by_c, mut by_hiredis) = (Vec::new(), Vec::new());
    for batch in 0..=BATCHES {
        let rust = middle(&microseconds(BATCH, || client.ping().unwrap()));
        let c = middle(&microseconds(BATCH, || c.ping()));
        let rival = hiredis
            .as_mut()
            .map(|hiredis| middle(&microseconds(BATCH, || assert!(hiredis.command(&[b"PING"])))));
        if batch > 0 {
            // The first batch is a warm-up.
            by_c.push(c / rust);
            by_hiredis.extend(rival.map(|rival| rival / rust));
        }
    }
    let figure = Figure::new("C call ÷ Rust call, PING, p50", "", by_c).goal(Goal::AtMost(1.05));
    report.add(figure.rival("hiredis's PING", by_hiredis));
    from_go(report, &redis);
}

/// Measures what Go adds to a C call, with a cancellable context: for a call that C answers at
/// once, which leaves the server out, and for a call that returns an error.
fn from_go(report: &mut Report, redis: &RedisServer) {
    let what = "(Go call − C call) ÷ an empty cgo call, mean";
    let go = match Go::build() {
        Ok(go) => go,
        Err(why) => return report.not_measured(what, &why),
    };
    let mean = |samples: Vec<f64>| samples.iter().sum::<f64>() / samples.len() as f64;
    let (mut answered, mut refused, mut empties) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..GO_BATCHES {
        let (names, url) = ("^Benchmark(Answered|Refused|StatusName)$", redis.url());
        let measured = go.run(names, GO_BATCH, ("ACCLIENT_URL", &url));
        let of = |name: &str| measured[name]["ns/op"] / 1000.0;
        // Go has written the result, so it exists. Go reports means, so these are means too.
        let c = CClient::new(&url, "answered");
        let cancel = CCancel::new();
        let once = || assert_eq!(c.wait(10_000, cancel.as_ptr()), 0);
        once();
        let empty = of("StatusName");
        answered.push((of("Answered") - mean(microseconds(GO_BATCH, once))) / empty);
        refused.push((of("Refused") - mean(microseconds(GO_BATCH, || c.refused()))) / empty);
        empties.push(empty);
    }
    let figure = Figure::new(format!("{what}, answered at once"), "", answered);
    report.add(figure.goal(Goal::AtMost(8.0)));
    let figure = Figure::new(format!("{what}, refused, its error read"), "", refused);
    report.add(figure.goal(Goal::AtMost(15.0)));
    report.add(Figure::new("an empty cgo call, mean", "µs", empties));
}
