//! Sixty calls on 200 agents, many of them interrupted at a random moment and resumed from their output. No call exits
//! with status 0 with work undone, and no call leaves a job that its output does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{AgentId, Selection};
use devgrid::{Grid, signals};
use support::{ask, wait_until};

use crate::program::{Ran, command};

/// Environment variable with the random seed.
const SEED: &str = "ACCLIENT_SEED";
/// Each grid has 50 agents; those with even numbers have the role `cpu`.
const GRIDS: [(u32, &str); 4] = [(1, "web"), (2, "web"), (3, "db"), (4, "batch")];
const NODES: u32 = 50;
/// SIGHUP, SIGINT, SIGTERM; a closed stdout is the fourth cause.
const SIGNALS: [i32; 3] = [1, 2, signals::SIGTERM];

/// Bash line, number of agents that it runs on, and exit status. `$JOB` appends a line to the ledger on each agent;
/// `$SLOW` also takes a while. Calls with either may be interrupted.
type Step = (&'static str, usize, i32);
const STEPS: [Step; 60] = [
    ("acctl agents", 0, 0),
    ("acctl agents role=db", 0, 0),
    ("acctl agents --ping 1:1-5", 0, 0),
    ("acctl doctor", 0, 0),
    ("acctl info mem 2:7", 0, 0),
    ("acctl run 1:1 -- bash -c \"$JOB\"", 1, 0),
    ("acctl run 1:1-20 -- bash -c \"$JOB\"", 20, 0),
    ("acctl bash role=web \"$JOB\"", 100, 0),
    ("acctl bash all \"$SLOW\"", 200, 0),
    ("acctl --json bash role=web \"$JOB\"", 100, 0),
    ("acctl bash 'role=cpu and not role=web' \"$SLOW\"", 50, 0),
    ("acctl bash 'role=db or role=batch' -x '3:1-40' \"$JOB\"", 60, 0),
    ("acctl bash 3:* --batch 10 \"$SLOW\"", 50, 0),
    ("acctl bash 4:* --batch 20% \"$JOB\"", 50, 0),
    ("acctl bash role=web --sample 7 \"$SLOW\"", 7, 0),
    ("acctl bash any \"$JOB\"", 1, 0),
    ("acctl run any role=db -- bash -c \"$JOB\"", 1, 0),
    ("acctl bash 1:1-10 \"$JOB\"'; [ $AGENT_NID -le 3 ] && exit 1; true'", 10, 1),
    ("acctl --json bash 2:1-10 --batch 4 \"$SLOW; exit 1\"", 10, 1),
    ("acctl bash 2:1-30 --batch 5 --stop-after 1 \"$JOB; exit 1\"", 5, 1),
    ("echo \"$JOB\" | acctl bash 1:5", 1, 0),
    ("acctl ps 1:1", 0, 0),
    ("acctl run 9:9 -- true", 0, 3),
    ("acctl bash 1:1,9:9 \"$JOB\"", 1, 3),
    ("acctl bash 1:1-3 --dry-run \"$JOB\"", 0, 0),
    ("acctl schedule add nightly '0 0 3 * * *' 1:1 -- true", 0, 0),
    ("acctl schedule list", 0, 0),
    ("acctl schedule rm nightly", 0, 0),
    ("acctl schedule rm nightly", 0, 1),
    ("acctl cmd 1:1-50 ping", 0, 0),
    ("acctl bash 4:* -q \"$SLOW\"", 50, 0),
    ("acctl bash role=batch --wait 1m30s --table \"$SLOW\"", 50, 0),
    ("acctl bash 1:20 --id one --once \"$JOB\"", 1, 0),
    ("acctl bash 1:* --group \"$JOB; seq 50\"", 50, 0),
    ("acctl --json bash 2:* --group \"$SLOW; seq 50\"", 50, 0),
    ("acctl bash 3:10-19 --max-time 60 \"$SLOW\"", 10, 0),
    ("acctl bash 3:20-29 --queue q \"$SLOW\"", 10, 0),
    ("acctl bash 3:20-29 --queue q --env A=1 \"$JOB\"", 10, 0),
    ("acctl bash 4:1-5 --cwd /tmp \"$JOB\"", 5, 0),
    ("acctl info os 4:1-20", 0, 0),
    ("acctl bash 'all and not 1:*' --batch 50 \"$SLOW\"", 150, 0),
    ("acctl bash role=web --batch 10 --sample 30 \"$JOB\"", 30, 0),
    ("acctl bash 1:1-4,2:1-4 \"$SLOW\"", 8, 0),
    ("acctl --json bash 1:1-4,2:1-4 --concurrency 3 \"$SLOW\"", 8, 0),
    ("acctl agents 'role=cpu and not 1:*'", 0, 0),
    ("acctl bash 'role=cpu and not 1:*' \"$JOB\"", 75, 0),
    ("acctl bash 2:1-2 \"$JOB; yes | head -2000\"", 2, 0),
    ("acctl run 2:1-2 -- no-such-program", 0, 1),
    ("acctl cmd 2:1 no-such-command", 0, 1),
    ("acctl bash all \"$JOB\"'; [ $AGENT_GID = 3 ] && exit 2; true'", 200, 1),
    ("acctl bash 3:1-9 --kill-on-interrupt \"$JOB\"", 9, 0),
    ("acctl ps all", 0, 0),
    ("acctl agents --ping", 0, 0),
    ("acctl bash role=db \"$SLOW\"", 50, 0),
    ("acctl bash role=db --concurrency 10% \"$SLOW\"", 50, 0),
    ("acctl run 'role=web and role=cpu' -- bash -c \"$JOB\"", 50, 0),
    ("printf '1:1\\n1:2\\n' | acctl bash --target-file - \"$SLOW\"", 2, 0),
    ("acctl bash 4:41-50 --summary \"$SLOW\"", 10, 0),
    ("acctl --json bash any \"$SLOW\"", 1, 0),
    ("acctl doctor", 0, 0),
];

#[test]
fn sixty_calls_on_200_agents() {
    let seed = std::env::var(SEED).map_or(1, |text| text.parse().expect("a seed"));
    println!("{SEED}={seed}");
    let mut day = Day::start(seed);
    for (number, step) in STEPS.into_iter().enumerate() {
        day.step(number, step);
    }
    println!("{} of {} calls were interrupted", day.ended, STEPS.len());
    assert!(day.ended > 5, "{} were interrupted", day.ended);
}

struct Day {
    grid: Grid,
    random: fastrand::Rng,
    /// Directory of the ledgers.
    ledgers: tempfile::TempDir,
    agents: BTreeMap<AgentId, Vec<String>>,
    ended: usize,
}

impl Day {
    fn start(seed: u64) -> Day {
        let mut builder = Grid::builder();
        let mut agents = BTreeMap::new();
        for (gid, role) in GRIDS {
            for nid in 1..=NODES {
                let roles: &[&str] = if nid % 2 == 0 { &[role, "cpu"] } else { &[role] };
                builder = builder.agent(gid, nid, roles);
                agents.insert((gid, nid).into(), roles.iter().map(|it| (*it).to_owned()).collect());
            }
        }
        Day {
            grid: builder.start().expect("a grid"),
            random: fastrand::Rng::with_seed(seed),
            ledgers: tempfile::tempdir().expect("a directory"),
            agents,
            ended: 0,
        }
    }

    /// Makes a call, interrupts it at random, resumes commands in flight, and checks the ledger against the output.
    fn step(&mut self, number: usize, (line, expected, status): Step) {
        let ledger = self.ledgers.path().join(number.to_string());
        let job = format!("echo ran >> {}", ledger.display());
        let begun = Instant::now();
        let child = self.bash(line, &job);
        let is_ended = expected > 0 && !line.contains("--stop-after") && self.random.bool();
        let after = Duration::from_millis(self.random.u64(..400));
        let cause = self.random.usize(..SIGNALS.len() + 1);
        let ran = if is_ended { end(child, begun + after, cause) } else { finish(child) };
        let told =
            || format!("{line}, interrupted: {is_ended} after {after:?} by {cause}: {ran:?}");
        // Killed before the handler was installed, or exited with a signal status.
        let is_ended = ran.status == -1 || ran.status >= 128;
        if !is_ended {
            assert_eq!(ran.status, status, "{}", told());
            assert_eq!(entries(&ledger), expected, "{}", told());
            return;
        }
        self.ended += 1;
        for handle in in_flight(&ran.stderr) {
            let waited = finish(self.bash(&format!("acctl wait '{handle}' --wait 60"), ""));
            assert!(matches!(waited.status, 0 | 1 | 3), "{}: {handle}: {waited:?}", told());
        }
        self.settle();
        let unsent = self.unsent(&ran.stderr);
        let was_sent = ran.stderr.contains("acclient:1:") || unsent > 0;
        let found = entries(&ledger);
        assert!(
            found + unsent == expected || (found == 0 && !was_sent),
            "{found} ran, not sent to {unsent} of {expected}: {}",
            told()
        );
    }

    fn bash(&self, line: &str, job: &str) -> Child {
        let mut bash = command("bash", Some(&self.grid.url()));
        let line = match line.split_once("| ") {
            Some((before, after)) if line.starts_with(['e', 'p']) => {
                format!("exec < <({before}); exec {after}")
            }
            _ => format!("exec {line}"),
        };
        bash.arg("-c").arg(line).env("JOB", job).env("SLOW", format!("{job}; sleep 0.2"));
        bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        bash.spawn().expect("bash")
    }

    /// Waits until no command is queued and no job runs.
    fn settle(&self) {
        let mut redis = self.grid.redis().connection();
        wait_until("the grid is idle", || {
            let queues: Vec<String> = ask(&mut redis, &[b"KEYS", b"cmds*"]);
            let queues = queues.iter().filter(|key| *key != "cmds.log.queue");
            let mut left = queues.map(|key| ask::<usize>(&mut redis, &[b"LLEN", key.as_bytes()]));
            left.all(|left| left == 0) && self.grid.running_jobs() == 0
        });
    }

    /// Number of agents that an interrupted call reports as not sent to.
    fn unsent(&self, stderr: &str) -> usize {
        let lines = stderr.lines();
        let agents = lines.filter_map(|line| line.split_once(": not sent to "));
        let agents: BTreeSet<AgentId> = agents
            .flat_map(|(_, agents)| {
                let selection: Selection = agents.parse().expect("a target");
                selection.choose(&self.agents).agent_ids().to_vec()
            })
            .collect();
        agents.len()
    }
}

fn finish(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

/// Ends a call at a moment, unless it is over by then.
fn end(mut child: Child, at: Instant, cause: usize) -> Ran {
    let mut stdout = child.stdout.take().expect("a pipe");
    thread::sleep(at.saturating_duration_since(Instant::now()));
    let Some(signal) = SIGNALS.get(cause) else {
        drop(stdout);
        return finish(child);
    };
    signals::send(child.id(), *signal);
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let ran = finish(child);
    Ran { stdout: reader.join().expect("no panic").expect("text"), ..ran }
}

/// The handles that an ended call names.
fn in_flight(stderr: &str) -> BTreeSet<String> {
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("resume with: acctl wait "));
    let handles = lines.flat_map(|line| line.split(' '));
    handles.map(|handle| handle.trim_matches('\'').to_owned()).collect()
}

fn entries(ledger: &std::path::Path) -> usize {
    std::fs::read_to_string(ledger).unwrap_or_default().lines().count()
}
