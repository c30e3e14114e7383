//! Pipelined submission including JSON serialization, compared with hiredis and the redis crate,
//! which push the same bytes prepared in advance.

use std::time::Instant;

use acclient::{Client, Request, Target};
use devgrid::RedisServer;

use crate::hiredis::Hiredis;
use crate::report::{Figure, Goal, Placed, Report};

pub const DEPTH: usize = 100;
const PIPELINES: usize = 20;
const ROUNDS: usize = 31;
/// Length of a command on the wire.
const LENGTH: usize = 400;
/// Sized so that a command with an ID takes LENGTH bytes on the wire.
const DATA: &str = "twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of \
                    data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of \
                    data twenty more bytes.";

pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let _placed = Placed::apart(&redis);
    let client = Client::connect(&redis.url()).unwrap();
    let mut crates = redis.connection();
    let what = "rate of submitting, 100 deep, 400 bytes ÷ hiredis's";
    let Some(mut hiredis) = Hiredis::connect(redis.port()) else {
        return report.not_measured(what, "libhiredis is not there");
    };
    let payload = payload(&client);
    let words = [&b"RPUSH"[..], b"cmds.queue", payload.as_bytes()];
    let mut number = 0u32;
    let mut ratios = [const { Vec::new() }; 3];
    let mut raws = Vec::new();
    for round in 0..=ROUNDS {
        let mut ids: Vec<String> = (0..PIPELINES * DEPTH)
            .map(|_| {
                number += 1;
                format!("00000000-0000-4000-8000-{number:012}")
            })
            .collect();
        let raw = rate(&redis, || hiredis.pipeline(&words, DEPTH));
        let rates = [
            rate(&redis, || {
                let ids = ids.drain(ids.len() - DEPTH..);
                submit(&client, ids.map(|id| command(&client).id(id)));
            }),
            rate(&redis, || submit(&client, (0..DEPTH).map(|_| command(&client)))),
            rate(&redis, || {
                let mut pipe = redis::pipe();
                (0..DEPTH).for_each(|_| {
                    pipe.cmd("RPUSH").arg("cmds.queue").arg(&payload).ignore();
                });
                pipe.query::<()>(&mut crates).unwrap();
            }),
        ];
        if round > 0 {
            // The first batch is a warm-up.
            raws.push(raw / 1000.0);
            ratios.iter_mut().zip(rates).for_each(|(ratios, rate)| ratios.push(rate / raw));
        }
    }
    report.add(Figure::new("hiredis's rate of pushing them, made before", "thousand/s", raws));
    let [given, new, crates] = ratios;
    for (ids, ratios, goal) in [("ids given", given, 1.0), ("new ids", new, 0.97)] {
        let figure = Figure::new(format!("{what}, {ids}"), "", ratios).goal(Goal::AtLeast(goal));
        report.add(figure.rival("the redis crate", crates.clone()));
    }
}

pub fn command(client: &Client) -> Request {
    client.execute(Target::agent((1, 1)), "true").data(DATA)
}

/// Returns one of these commands as it is on the wire.
pub fn payload(client: &Client) -> String {
    let json = command(client).submit().unwrap().dump().unwrap();
    assert!(json.len().abs_diff(LENGTH) < 20, "a command is {} bytes long", json.len());
    json
}

pub fn submit(client: &Client, commands: impl Iterator<Item = Request>) {
    for sent in client.submit_many(commands) {
        sent.unwrap();
    }
}

/// Returns the commands per second of a series of pipelines; deletes the pushed commands
/// afterwards.
fn rate(redis: &RedisServer, mut pipeline: impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..PIPELINES).for_each(|_| pipeline());
    let took = begun.elapsed();
    redis::cmd("DEL").arg("cmds.queue").exec(&mut redis.connection()).unwrap();
    (PIPELINES * DEPTH) as f64 / took.as_secs_f64()
}
