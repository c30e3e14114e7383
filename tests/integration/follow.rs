//! Following logs: every message once, gaps, outages, lost jobs, deadlines.

use std::time::{Duration, Instant};

use acclient::{Client, ErrorKind, Follow, Gap, Job, Message, MsgQuery, RunArgs, Target};
use devgrid::{Fault, Grid, RedisServer};
use support::gate::Gate;
use support::{LATE, WAIT, ask, error, wait_until, wait_until_running, with_growing_time};

/// Number of runs of [`every_line_is_returned_once`].
const RUNS: &str = "ACCLIENT_FOLLOW_RUNS";

fn grid() -> (Grid, Client) {
    let grid = Grid::builder().agent(1, 1, &[]).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    (grid, client)
}

fn one() -> Target {
    Target::agent((1, 1))
}

/// Returns the job of a script as soon as it runs.
fn running(client: &Client, script: &str) -> Job {
    let command = client.bash(one(), script).submit().expect("sent");
    wait_until_running(&command);
    command.jobs().expect("jobs").pop_first().expect("a job").1
}

/// A shell loop that prints numbered lines, to stdout and stderr by turns, a few at a time.
fn numbered(lines: usize, at_a_time: usize) -> String {
    format!(
        "for i in $(seq {lines}); do \
         if [ $((i % 2)) = 0 ]; then echo line $i; else echo line $i >&2; fi; \
         [ $((i % {at_a_time})) = 0 ] && sleep 0.02; done; true"
    )
}

/// A complete log.
#[derive(Default)]
struct Log {
    messages: Vec<Message>,
    gaps: Vec<Gap>,
}

impl Log {
    fn read(&mut self, follow: Follow) {
        for message in follow {
            match message {
                Ok(message) => self.messages.push(message),
                Err(error) => {
                    assert_eq!(
                        (error.kind(), error.is_final()),
                        (ErrorKind::Gap, false),
                        "{error}"
                    );
                    self.gaps.push(error.gap().expect("a gap"));
                }
            }
        }
    }

    fn of(follow: Follow) -> Log {
        let mut log = Log::default();
        log.read(follow);
        log
    }

    /// Checks that the lines from 1 on are there once each, or belong to a gap. Returns how many are missing.
    fn check(&self, lines: usize) -> usize {
        let id_of = |line: usize| {
            let text = format!("line {line}");
            let ids: Vec<i64> =
                self.messages.iter().filter(|it| it.data == text).map(|it| it.id).collect();
            assert!(ids.len() <= 1, "line {line}: {ids:?}");
            ids.first().copied()
        };
        let ids: Vec<Option<i64>> = (1..=lines).map(id_of).collect();
        for (index, _) in ids.iter().enumerate().filter(|(_, id)| id.is_none()) {
            let before = ids[..index].iter().rev().find_map(|id| *id).unwrap_or(i64::MIN);
            let after = ids[index..].iter().find_map(|id| *id).unwrap_or(i64::MAX);
            let is_named = |gap: &Gap| gap.after.is_none_or(|id| id < after) && gap.before > before;
            assert!(self.gaps.iter().any(is_named), "line {}: {:?}", index + 1, self.gaps);
        }
        ids.iter().filter(|id| id.is_none()).count()
    }
}

#[test]
fn every_line_is_returned_once() {
    let runs = std::env::var(RUNS).map_or(3, |runs| runs.parse().expect("a number"));
    let (_grid, client) = grid();
    for run in 1..=runs {
        let job = running(&client, &numbered(2000, 20));
        let log = Log::of(job.follow(&MsgQuery::new(), WAIT).expect("messages"));
        let missing = log.check(2000);
        let late = log.messages.windows(2).filter(|two| two[0].id > two[1].id).count();
        println!("run {run}: {late} late, {missing} missing, {} gaps", log.gaps.len());
        assert_eq!((missing, log.gaps.len()), (0, 0));
    }
}

/// More than the agent returns at a time, at once.
#[test]
fn what_an_agent_no_longer_returns_is_a_gap() {
    let (_grid, client) = grid();
    let job = client.bash(one(), "seq -f 'line %.0f' 5000").run(WAIT).expect("a result");
    let newest = MsgQuery::new().limit(1);
    wait_until("all is logged", || {
        job.get_msgs(&newest).expect("messages").iter().any(|it| it.data == "line 5000")
    });
    let log = Log::of(job.follow(&MsgQuery::new(), WAIT).expect("messages"));
    let [gap, ..] = log.gaps[..] else { panic!("no gap") };
    assert!(gap.after.is_none() && log.messages.iter().any(|it| it.id == gap.before), "{gap}");
    assert!(log.check(5000) <= 4000);

    // Stdout does not push stderr out.
    let script = "seq -f 'line %.0f' 999 >&2; echo; seq -f 'out %.0f' 990";
    let job = client.bash(one(), script).run(WAIT).expect("a result");
    let log = Log::of(job.follow(&MsgQuery::new(), WAIT).expect("messages"));
    assert_eq!((log.check(999), log.gaps.len()), (0, 0));

    // Messages older than requested are not a gap.
    let minute = std::time::SystemTime::now() + Duration::from_secs(60);
    let job = client.bash(one(), "seq 1500").run(WAIT).expect("a result");
    let log = Log::of(job.follow(&MsgQuery::new().from(minute), WAIT).expect("messages"));
    assert_eq!((log.messages.len(), log.gaps.len()), (0, 0));
}

#[test]
fn it_outlasts_a_restart_of_the_controller() {
    let (grid, client) = grid();
    let [printed, end] = [(); 2].map(|()| Gate::new());
    let script =
        format!("echo line 1; {}; echo line 2; {}; echo line 3", printed.wait(), end.wait());
    let job = running(&client, &script);
    let mut follow = job.follow(&MsgQuery::new(), WAIT).expect("messages");
    assert_eq!(follow.next().expect("an item").expect("a message").data, "line 1");
    grid.stop_controller();
    printed.open();
    std::thread::scope(|scope| {
        // Asked while there is no controller, and then while the agent is not registered.
        scope.spawn(|| {
            let mut redis = grid.redis().connection();
            wait_until("a question", || ask::<usize>(&mut redis, &[b"LLEN", b"cmds.queue"]) > 0);
            grid.start_controller();
        });
        assert_eq!(follow.next().expect("an item").expect("a message").data, "line 2");
    });
    end.open();
    let rest = Log::of(follow);
    assert_eq!((rest.messages.len(), &*rest.messages[0].data), (1, "line 3"));
}

#[test]
fn it_outlasts_lost_connections_and_an_agent_that_is_away() {
    let (grid, client) = grid();
    let client = client.with_timeout(Duration::from_millis(500));
    let gate = Gate::new();
    let job = running(&client, &format!("echo line 1; {}; echo line 2", gate.wait()));
    let mut follow = job.follow(&MsgQuery::new(), WAIT).expect("messages");
    follow.next().expect("an item").expect("a message");
    grid.pause_agent(1, 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut redis = grid.redis().connection();
            let waiting = || ask::<usize>(&mut redis, &[b"LLEN", b"cmds:1:1"]) > 1;
            wait_until("two questions were in vain", waiting);
            ask::<i64>(&mut redis, &[b"CLIENT", b"KILL", b"SKIPME", b"yes"]);
            wait_until("the controller is gone", || !grid.controller_running());
            grid.start_controller();
            grid.resume_agent(1, 1);
            gate.open();
        });
        assert_eq!(Log::of(follow).messages[0].data, "line 2");
    });
}

#[test]
fn it_outlasts_a_redis_that_refuses_writes() {
    let (grid, client) = grid();
    let gate = Gate::new();
    let job = running(&client, &format!("echo line 1; {}; echo line 2", gate.wait()));
    let mut follow = job.follow(&MsgQuery::new(), WAIT).expect("messages");
    follow.next().expect("an item").expect("a message");
    let mut redis = grid.redis().connection();
    ask::<()>(&mut redis, &[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            wait_until("a question was refused", || {
                let errors: String = ask(&mut redis, &[b"INFO", b"errorstats"]);
                // Redis before version 6.2 does not count them.
                let is_counted = errors.contains("errorstat");
                let is_late = begun.elapsed() > Duration::from_secs(2);
                errors.contains("errorstat_OOM:") || (!is_counted && is_late)
            });
            ask::<()>(&mut redis, &[b"CONFIG", b"SET", b"maxmemory", b"0"]);
            gate.open();
        });
        assert_eq!(Log::of(follow).messages[0].data, "line 2");
    });
}

#[test]
fn the_deadline_says_that_redis_is_a_replica() {
    let (grid, client) = grid();
    let job = running(&client, "sleep 600");
    grid.stop_controller();
    let nobody = support::ClosedPort::new().number().to_string();
    let mut redis = grid.redis().connection();
    ask::<()>(&mut redis, &[b"REPLICAOF", b"127.0.0.1", nobody.as_bytes()]);
    with_growing_time(Duration::from_secs(1), |wait| {
        let mut follow = job.follow(&MsgQuery::new(), wait).expect("messages");
        let ended = error(follow.next().expect("an item"), "no question was sent");
        ended.to_string().contains("last error: READONLY").then_some(())
    });
}

#[test]
fn the_deadline_says_how_long_the_agent_has_not_answered() {
    let (grid, client) = grid();
    let job = running(&client, "sleep 600");
    grid.stop_controller();
    let begun = Instant::now();
    let mut follow = job.follow(&MsgQuery::new(), Duration::from_millis(300)).expect("messages");
    let ended = error(follow.next().expect("an item"), "no controller");
    assert!(ended.is_timeout() && ended.is_final(), "{ended}");
    assert!(ended.to_string().contains("the agent has not answered for 0."), "{ended}");
    assert!(follow.next().is_none() && begun.elapsed() < LATE);

    grid.start_controller();
    let unknown = with_growing_time(Duration::from_millis(300), |wait| {
        grid.kill_agent(1, 1);
        let mut follow = job.follow(&MsgQuery::new(), wait).expect("messages");
        let ended = error(follow.next().expect("an item"), "no agent");
        ended.to_string().contains("last error: no such agent").then_some(ended)
    });
    assert!(unknown.is_timeout(), "{unknown}");
}

#[test]
fn a_lost_job_ends_it() {
    let (grid, client) = grid();
    for script in ["echo line 1", "true"] {
        grid.inject(Fault::DropResult);
        let command = client.bash(one(), script).submit().expect("sent");
        wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
        // An ID alone does not show whether the job may wait in a queue of the agent.
        let found = client.get_by_handle(&command.handle()).expect("a command");
        for command in [command, found] {
            let job = command.jobs().expect("jobs").pop_first().expect("a job").1;
            let mut items: Vec<_> = job.follow(&MsgQuery::new(), WAIT).expect("messages").collect();
            let ended = error(items.pop().expect("an item"), script);
            assert_eq!((ended.kind(), ended.is_final()), (ErrorKind::Lost, true), "{ended}");
            assert_eq!(ended.agent(), Some((1, 1).into()));
            assert!(items.iter().all(Result::is_ok), "{items:?}");
        }
    }
}

/// An agent does not report a job that waits in one of its queues.
#[test]
fn a_job_that_waits_in_a_queue_of_the_agent_is_not_lost() {
    let (_grid, client) = grid();
    let queue = || RunArgs::new().queue("q");
    let gate = Gate::new();
    let first = client.bash(one(), gate.wait()).run_args(queue()).submit().expect("sent");
    wait_until_running(&first);
    let second = client.bash(one(), "echo line 1").run_args(queue()).submit().expect("sent");
    wait_until_running(&second);
    let job = second.jobs().expect("jobs").pop_first().expect("a job").1;
    let mut follow = job.follow(&MsgQuery::new(), Duration::from_secs(5)).expect("messages");
    assert!(error(follow.next().expect("an item"), "it waits").is_timeout());
    gate.open();
    assert_eq!(Log::of(job.follow(&MsgQuery::new(), WAIT).expect("messages")).check(1), 0);
}

#[test]
fn a_command_that_matched_no_agent_has_no_log() {
    let (_grid, client) = grid();
    let command = client.bash(Target::agent((7, 7)), "true").submit().expect("sent");
    wait_until("it is answered", || match command.jobs() {
        Ok(jobs) => !jobs.is_empty(),
        Err(error) => error.kind() == ErrorKind::NoSuchAgent,
    });
    assert_eq!(error(command.jobs(), "there is no job").kind(), ErrorKind::NoSuchAgent);
}

/// There are four questions a second, and each answer may be long.
#[test]
fn redis_does_not_keep_what_was_read() {
    let server = RedisServer::builder();
    let grid = Grid::builder().agent(1, 1, &[]).redis(server).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let command = client.bash(one(), "echo line 1").submit().expect("sent");
    wait_until_running(&command);
    let job = command.jobs().expect("jobs").pop_first().expect("a job").1;
    assert_eq!(Log::of(job.follow(&MsgQuery::new(), WAIT).expect("messages")).check(1), 0);
    client.close();
    let mut redis = grid.redis().connection();
    for pattern in [b"jobresult:*".as_slice(), b"cmd.*.1.1"] {
        let keys: Vec<Vec<u8>> = ask(&mut redis, &[b"KEYS", pattern]);
        let mut is_kept = |key: &Vec<u8>| ask::<i64>(&mut redis, &[b"TTL", key]) > 10;
        let kept = keys.iter().filter(|key| is_kept(key)).count();
        assert_eq!(kept, 1, "only the job's own result");
    }
}
