//! Instructions per command, counted by callgrind: independent of the load and speed of the
//! machine.
//!
//! This program runs itself under valgrind with two numbers of commands. The difference in
//! instructions, divided by the difference of the numbers, is the cost of one command without the
//! startup cost.

use std::ffi::CString;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acclient::{Client, Target};
use devgrid::RedisServer;

use crate::hiredis::Hiredis;
use crate::report::{Figure, Goal, Report};
use crate::{round_trip, submit};

/// Argument that makes this program one of the runs.
pub const CHILD: &str = "counted";

/// Commands of the shorter and the longer run, both multiples of the pipeline depth.
const LENGTHS: [usize; 2] = [1000, 3000];

pub fn figures(report: &mut Report) {
    let pipeline = "instructions per submit in a pipeline, new ids ÷ hiredis's per RPUSH by argv";
    let run =
        "instructions per submit and wait ÷ hiredis's for two commands by format, JSON by snprintf";
    let can_count =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    let redis = RedisServer::start().unwrap();
    if !can_count || Hiredis::connect(redis.port()).is_none() {
        let why = "valgrind or libhiredis is missing";
        [pipeline, run].iter().for_each(|what| report.not_measured(what, why));
        return;
    }
    let count = |way| counted(&redis, way);
    let (ours, given, theirs) = (count("submit"), count("submit-given"), count("push"));
    report.add(Figure::new(pipeline, "", vec![ours / theirs]).goal(Goal::AtMost(1.7)));
    let given_ids = pipeline.replace("new ids", "ids given");
    report.add(Figure::new(given_ids, "", vec![given / theirs]));
    report.add(Figure::new("instructions of hiredis's RPUSH by argv", "", vec![theirs]));

    let stop = Arc::new(AtomicBool::new(false));
    let controller = round_trip::answer_at_once(&redis, stop.clone());
    let (ours, theirs) = (count("run"), count("wait"));
    stop.store(true, Ordering::SeqCst);
    let client = Client::connect(&redis.url()).unwrap();
    client.cmd(Target::agent((1, 1)), "stop").submit().unwrap();
    controller.join().unwrap();
    report.add(Figure::new(run, "", vec![ours / theirs]).goal(Goal::AtMost(1.0)));
    report.add(Figure::new("instructions of hiredis's two commands", "", vec![theirs]));
}

/// Returns the instructions per command of one way.
fn counted(redis: &RedisServer, way: &str) -> f64 {
    let [short, long] = LENGTHS.map(|length| {
        let out = std::env::temp_dir().join(format!("acclient-callgrind-{}", std::process::id()));
        let mut program = Command::new("valgrind");
        program.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
        program.arg(std::env::current_exe().unwrap());
        program.args([CHILD, way, &redis.port().to_string(), &length.to_string()]);
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{way} under callgrind: {said}");
        let _ = std::fs::remove_file(out);
        let collected = said.lines().find_map(|line| line.split_once("Collected : "));
        collected.expect("callgrind says what it collected").1.trim().parse::<f64>().unwrap()
    });
    if way != "run" && way != "wait" {
        redis::cmd("DEL").arg("cmds.queue").exec(&mut redis.connection()).unwrap();
    }
    (long - short) / (LENGTHS[1] - LENGTHS[0]) as f64
}

/// Performs one run: the way, the port and the number of commands.
pub fn child(words: &[String]) {
    let [way, port, count] = words else { panic!("a way, a port and a number") };
    let (port, count): (u16, usize) = (port.parse().unwrap(), count.parse().unwrap());
    let ids = || (0..count).map(|number| format!("00000000-0000-4000-8000-{number:012}"));
    let client = || Client::connect(&format!("redis://127.0.0.1:{port}")).unwrap();
    let hiredis = || Hiredis::connect(port).unwrap();
    match way.as_str() {
        "submit" => {
            let client = client();
            for _ in 0..count / submit::DEPTH {
                submit::submit(&client, (0..submit::DEPTH).map(|_| submit::command(&client)));
            }
            leave(client);
        }
        "submit-given" => {
            let (client, mut ids) = (client(), ids());
            for _ in 0..count / submit::DEPTH {
                let ids = (&mut ids).take(submit::DEPTH);
                submit::submit(&client, ids.map(|id| submit::command(&client).id(id)));
            }
            leave(client);
        }
        "push" => {
            let payload = submit::payload(&client());
            let mut hiredis = hiredis();
            for _ in 0..count / submit::DEPTH {
                let words = [&b"RPUSH"[..], b"cmds.queue", payload.as_bytes()];
                hiredis.pipeline(&words, submit::DEPTH);
            }
        }
        "run" => {
            let client = client();
            for _ in 0..count {
                let request = client.execute(Target::agent((1, 1)), "true");
                request.run(Duration::from_secs(60)).unwrap();
            }
        }
        "wait" => {
            let mut hiredis = hiredis();
            for id in ids() {
                let result = CString::new(format!("cmd.{id}.1.1")).unwrap();
                hiredis.push_and_wait(&CString::new(id).unwrap(), &result);
            }
        }
        other => panic!("no way is called {other}"),
    }
}

/// Exits without closing the client, which would send the pending TTL updates of all commands. They
/// are not part of submitting, and no rival sends any.
fn leave(client: Client) {
    std::mem::forget(client);
}
