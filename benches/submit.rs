//! Submitting in a pipeline, in figures: commands of 400 bytes, 100 deep, JSON included, beside hiredis and
//! the redis crate, which push the same bytes made beforehand. `make bench`.

#[path = "rivals/hiredis.rs"]
mod hiredis;

use std::time::{Duration, Instant};

use acclient::{Client, CommandBuilder, Target};
use devgrid::RedisServer;
use hiredis::Hiredis;

const DEPTH: usize = 100;
const PIPELINES: usize = 20;
const ROUNDS: usize = 31;
/// The length of a command on the wire.
const LENGTH: usize = 400;

fn main() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut rival = redis.connection();
    let Some(mut hiredis) = Hiredis::connect(redis.port()) else {
        println!("submit, pipelined: NOT MEASURED, since libhiredis is not there");
        return;
    };
    let mut number = 0u32;
    let payload = payload(&client);
    let mut rates = [const { Vec::new() }; 4];
    for round in 0..=ROUNDS {
        let figures = [
            timed(&redis, || hiredis.push(&payload, DEPTH)),
            timed(&redis, || {
                let ids = (0..DEPTH).map(|_| {
                    number += 1;
                    command(&client).id(format!("00000000-0000-4000-8000-{number:012}"))
                });
                submit(&client, ids);
            }),
            timed(&redis, || submit(&client, (0..DEPTH).map(|_| command(&client)))),
            timed(&redis, || {
                let mut pipe = redis::pipe();
                (0..DEPTH).for_each(|_| {
                    pipe.cmd("RPUSH").arg("cmds.queue").arg(&payload).ignore();
                });
                pipe.query::<()>(&mut rival).unwrap();
            }),
        ];
        if round > 0 {
            // The first is for warming up.
            rates.iter_mut().zip(figures).for_each(|(rates, figure)| rates.push(figure));
        }
    }
    let [raw, given, generated, crate_rates] = rates;
    let middle = |rates: &[f64]| sorted(rates.to_vec())[rates.len() / 2] / 1000.0;
    println!(
        "submit, {DEPTH} deep, {LENGTH} bytes: hiredis {:.0}, with ids {:.0}, with new ids {:.0}, the redis crate {:.0} thousand a second",
        middle(&raw),
        middle(&given),
        middle(&generated),
        middle(&crate_rates)
    );
    for (what, rates, goal) in [
        ("with ids given", given, Some(0.95)),
        ("with new ids", generated, Some(0.85)),
        ("the redis crate's own", crate_rates, None),
    ] {
        let ratios = sorted(rates.iter().zip(&raw).map(|(rate, raw)| rate / raw).collect());
        let ratio = ratios[ratios.len() / 2];
        let verdict = match goal {
            Some(goal) if ratio >= goal => format!("; goal {goal}: met"),
            Some(goal) => format!("; goal {goal}: MISSED"),
            None => String::new(),
        };
        println!(
            "submit ÷ hiredis's RPUSH, {what}: {ratio:.2} ({:.2} to {:.2}){verdict}",
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

fn command(client: &Client) -> CommandBuilder {
    // As long as makes LENGTH bytes on the wire, with an id.
    const DATA: &str = "twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of \
                        data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of data twenty bytes of \
                        data twenty more bytes.";
    client.execute(Target::agent(1, 1), "true").data(DATA)
}

/// What one of these commands is on the wire.
fn payload(client: &Client) -> String {
    let json = command(client).submit().unwrap().dump();
    assert!(json.len().abs_diff(LENGTH) < 20, "a command is {} bytes long", json.len());
    json
}

fn submit(client: &Client, commands: impl Iterator<Item = CommandBuilder>) {
    for sent in client.submit_many(commands) {
        sent.unwrap();
    }
}

/// Commands a second of so many pipelines; what they push is taken away afterwards.
fn timed(redis: &RedisServer, mut pipeline: impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..PIPELINES).for_each(|_| pipeline());
    let took: Duration = begun.elapsed();
    redis::cmd("DEL").arg("cmds.queue").exec(&mut redis.connection()).unwrap();
    (PIPELINES * DEPTH) as f64 / took.as_secs_f64()
}
