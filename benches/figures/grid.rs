//! Memory and keys left behind by 100 000 commands on a grid of real processes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use acclient::{Client, RunArgs, Target};
use devgrid::Grid;

use crate::original;
use crate::report::{Figure, Goal, Report};

/// Argument that makes this program a grid in a separate process, so that its memory is not counted
/// here.
pub const CHILD: &str = "grid";

const COMMANDS: usize = 100_000;
const THREADS: usize = 4;
const BATCHES: usize = 5;

/// Prints the URL and exits when its standard input ends.
pub fn child() {
    let grid = Grid::demo().unwrap();
    println!("{}", grid.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

struct Running(Child);

impl Running {
    fn start() -> (Self, String) {
        let mut program = Command::new(std::env::current_exe().unwrap());
        let program = program.arg(CHILD).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        (Running(child), url.trim().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

pub fn figures(report: &mut Report) {
    let (grid, url) = Running::start();
    let client = Client::connect(&url).unwrap();
    let mut connection = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    run(&client, COMMANDS / 100); // what the first calls make stays
    let (mut descriptors, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let before = (count_descriptors(), resident());
        run(&client, COMMANDS / BATCHES);
        descriptors.push(count_descriptors() as f64 - before.0 as f64);
        memory.push(resident() as f64 - before.1 as f64);
    }
    drop(client);
    let left = keys_without_ttl(&mut connection);
    let by_original: Vec<_> = (0..BATCHES)
        .map(|batch| {
            let before = keys_without_ttl(&mut connection);
            let id =
                |number: usize| format!("00000000-0000-4000-8000-{:012}", batch * 100 + number);
            (0..100).for_each(|number| original::submit_and_wait(&mut connection, &id(number)));
            (keys_without_ttl(&mut connection) - before) / 100.0
        })
        .collect();
    let what = format!("after {COMMANDS} commands on a grid");
    let figure = Figure::new(format!("{what}, keys without a TTL"), "", vec![left]);
    let figure = figure.goal(Goal::AtMost(0.0)).each();
    report.add(figure.rival("the original's way, for each command", by_original));
    let each = COMMANDS / BATCHES;
    let figure = Figure::new(format!("{what}, descriptors grown in each {each}"), "", descriptors);
    report.add(figure.goal(Goal::AtMost(0.0)));
    let figure = Figure::new(format!("{what}, memory grown in each {each}"), "KiB", memory);
    report.add(figure.goal(Goal::AtMost(0.0)));
    drop(grid);
}

fn run(client: &Client, count: usize) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..count / THREADS {
                    let options = RunArgs::new().max_time(60);
                    let command = client.execute(Target::agent((1, 1)), "true").run_args(options);
                    command.run(Duration::from_secs(60)).unwrap();
                }
            });
        }
    });
}

fn keys_without_ttl(connection: &mut redis::Connection) -> f64 {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(connection).unwrap();
    let mut pipe = redis::pipe();
    keys.iter().for_each(|key| {
        pipe.ttl(key);
    });
    let ttls: Vec<i64> = pipe.query(connection).unwrap();
    ttls.iter().filter(|ttl| **ttl == -1).count() as f64
}

fn count_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Returns the resident memory in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
