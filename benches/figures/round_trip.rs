//! Submit and wait, compared with PING, with the four steps of the original client, and with the
//! minimum of steps over a bare socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use acclient::{Client, Target};
use devgrid::RedisServer;

use crate::hiredis::Hiredis;
use crate::original;
use crate::report::{Figure, Goal, Placed, Report, microseconds, middle};

const BATCHES: usize = 21;
const BATCH: usize = 200;

pub fn figures(report: &mut Report) {
    let redis = RedisServer::start().unwrap();
    let _placed = Placed::apart(&redis);
    let what = "submit and wait for one agent ÷ PING, p50";
    let Some(mut hiredis) = Hiredis::connect(redis.port()) else {
        return report.not_measured(what, "libhiredis is not there");
    };
    let stop = Arc::new(AtomicBool::new(false));
    let controller = answer_at_once(&redis, stop.clone());
    let client = Client::connect(&redis.url()).unwrap();
    let mut crates = redis.connection();
    let mut bare = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    bare.set_nodelay(true).unwrap();
    let mut ids = (0u32..).map(|number| format!("00000000-0000-4000-8000-{number:012}"));
    let mut id = || ids.next().unwrap();
    let mut ratios = [const { Vec::new() }; 4];
    let mut pings = Vec::new();
    for batch in 0..=BATCHES {
        let ping = middle(&microseconds(BATCH, || assert!(hiredis.command(&[b"PING"]))));
        let ways = [
            microseconds(BATCH, || {
                client.execute(Target::agent((1, 1)), "true").run(Duration::from_secs(10)).unwrap();
            }),
            microseconds(BATCH, || submit_and_wait_bare(&mut bare, &id())),
            microseconds(BATCH, || original::submit_and_wait(&mut hiredis, &id())),
            microseconds(BATCH, || original::submit_and_wait(&mut crates, &id())),
        ];
        if batch > 0 {
            // The first batch is a warm-up.
            pings.push(ping);
            ratios.iter_mut().zip(ways).for_each(|(ratios, way)| ratios.push(middle(&way) / ping));
        }
    }
    stop.store(true, Ordering::SeqCst);
    client.cmd(Target::agent((1, 1)), "stop").submit().unwrap();
    controller.join().unwrap();
    let [ours, bare, hiredis, crates] = ratios;
    let over_bare = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    let of_bare = "submit and wait for one agent ÷ the same bytes by a bare socket, p50";
    report.add(Figure::new(of_bare, "", over_bare).goal(Goal::AtMost(1.03)));
    let figure = Figure::new(what, "", ours);
    let figure = figure.rival("a bare socket", bare).rival("four steps by hiredis", hiredis);
    report.add(figure.rival("by the redis crate", crates));
    report.add(Figure::new("PING by hiredis, p50", "µs", pings));
}

/// Takes the minimum number of steps.
fn submit_and_wait_bare(socket: &mut TcpStream, id: &str) {
    let json = original::command(id);
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

/// Starts a controller that answers every command in the same write that asks for the next one.
pub fn answer_at_once(redis: &RedisServer, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
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
            pipe.hset(format!("jobresult:{id}"), "1:1", &result).ignore();
            pipe.rpush(format!("cmd.{id}.queued"), "queued").ignore();
            pipe.rpush(format!("cmd.{id}.1.1"), &result).ignore();
            pipe.expire(format!("cmd.{id}.1.1"), 86400).ignore();
            command = take(&mut connection, &mut pipe);
        }
    })
}
