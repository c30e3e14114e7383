//! A Redis restarted without its data: waits and `progress` for the commands that it had.

use std::task::Poll;
use std::thread;
use std::time::Duration;

use acclient::{Client, Command, Error, ErrorKind, Job, JobState, Request, RunArgs, Stage, Target};
use devgrid::{Grid, RedisServer};
use support::{WAIT, demo, error, wait_until, wait_until_running};

const LOST: &str = "Redis lost its data; the command may still run";
/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_secs(3);

fn one() -> Target {
    Target::agent((1, 1))
}

/// The controller is started again whenever it has ended.
fn supervised(redis: devgrid::RedisServerBuilder) -> (Grid, Client) {
    let builder = Grid::demo_builder().supervise(Duration::from_millis(100)).redis(redis);
    let grid = builder.start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    (grid, client)
}

type Way = fn(&Client, Request, Duration) -> Result<Option<Job>, Error>;
/// Every way to wait for a result that this program has asked for.
const WAYS: [(&str, Way); 7] = [
    ("run", |_, request, time| request.run(time).map(Some)),
    ("next_result", |_, request, time| request.submit()?.next_result(time)),
    ("submit_once", |_, request, time| request.submit_once()?.next_result(time)),
    ("results", |_, request, time| request.submit()?.results(time)?.next().transpose()),
    ("wait_any", |client, request, time| {
        let other = client.execute(Target::agent((2, 1)), "sleep").arg("600").submit()?;
        client.wait_any([request.submit()?, other], time)?.next().transpose()
    }),
    ("poll_next", |_, request, time| {
        let command = request.submit()?;
        let mut results = command.results(time)?;
        loop {
            match results.poll_next() {
                Poll::Ready(next) => return next.transpose(),
                Poll::Pending => {
                    thread::sleep(Duration::from_millis(5).min(results.poll_timeout()))
                }
            }
        }
    }),
    ("wait of a job", |_, request, time| {
        let command = request.submit()?;
        wait_until_running(&command);
        let mut job = command.jobs()?.into_values().next().expect("a job");
        job.wait(time)?;
        Ok(Some(job))
    }),
];

/// Starts a job in each way, does something once all of them run, and hands out how each wait ended.
fn in_every_way(
    grid: &Grid,
    client: &Client,
    script: &str,
    time: Duration,
    then: impl FnOnce(),
    ended: impl Fn(&str, Result<Option<Job>, Error>),
) {
    let waits_begun = || {
        let counts = client.statistics();
        counts.blocking_waits
            + counts.tracking_waits
            + counts.broadcast_waits
            + counts.polling_waits
    };
    let before = waits_begun();
    thread::scope(|scope| {
        let waits: Vec<_> = WAYS
            .iter()
            .map(|(name, way)| {
                let wait = move || way(client, client.bash(one(), script), time);
                (name, scope.spawn(wait))
            })
            .collect();
        wait_until("all run", || grid.running_jobs() == WAYS.len() + 1);
        wait_until("all wait", || waits_begun() - before >= WAYS.len() as u64);
        then();
        for (name, wait) in waits {
            ended(name, wait.join().expect(name));
        }
    });
}

#[test]
fn a_job_that_its_agent_runs_is_waited_for() {
    let (grid, client) = supervised(RedisServer::builder());
    let gate = grid.redis().dir().join("gate");
    let script = format!("until test -e {}; do sleep 0.05; done; echo done", gate.display());
    let restart = || {
        grid.redis().restart();
        wait_until("the agent is back", || client.ping_agent((1, 1)).is_ok());
        std::fs::write(&gate, "").expect("a file");
    };
    in_every_way(&grid, &client, &script, WAIT, restart, |name, ended| {
        let job = ended.expect(name).expect(name);
        assert_eq!((job.state(), job.stdout()), (&JobState::Success, "done\n"), "{name}");
    });
}

#[test]
fn a_job_that_its_agent_denies_is_lost() {
    let (grid, client) = supervised(RedisServer::builder());
    let restart = || {
        grid.redis().restart();
        grid.kill_agent(1, 1);
        grid.start_agent(1, 1, &["cpu"]);
    };
    in_every_way(&grid, &client, "sleep 600", WAIT, restart, |name, ended| {
        let lost = error(ended, name);
        assert_eq!(lost.kind(), ErrorKind::Lost, "{name}: {lost}");
        assert!(!lost.is_retriable() && !lost.is_timeout(), "{name}");
        assert_eq!(lost.agent(), Some((1, 1).into()), "{name}: {lost}");
        assert!(lost.to_string().contains("Redis lost its data, and the agent"), "{name}: {lost}");
        assert!(lost.command_handle().is_some(), "{name}");
    });
}

#[test]
fn where_nobody_can_tell_a_wait_goes_on_to_its_deadline() {
    let (grid, client) = demo();
    // This controller is not restarted.
    let restart = || grid.redis().restart();
    in_every_way(&grid, &client, "sleep 600", SHORT, restart, |name, ended| {
        let late = error(ended, name);
        assert!(late.is_timeout(), "{name}: {late}");
        assert!(late.to_string().contains(LOST), "{name}: {late}");
        assert!(!late.to_string().contains("Redis has the command"), "{name}: {late}");
    });
}

/// Whether a controller had routed the command is lost too.
#[test]
fn nothing_is_said_of_the_routing_of_a_command_that_is_lost() {
    let (grid, client) = demo();
    for target in [Target::from(Target::any()), Target::all().into()] {
        let mut command = client.bash(target, "sleep 600").submit().expect("sent");
        wait_until_running(&command);
        grid.redis().restart();
        let item = command.results(SHORT).expect("results").next().expect("an item");
        for late in [error(item, "results"), error(command.next_result(SHORT), "next_result")] {
            assert!(late.to_string().contains(LOST), "{late}");
            assert!(!late.to_string().contains("no controller has routed"), "{late}");
        }
        grid.start_controller();
        wait_until("the agents are back", || client.ping_agent((1, 1)).is_ok());
    }
}

/// The agent knows nothing of a job that waits in one of its queues.
#[test]
fn a_job_of_a_queue_is_not_given_up() {
    let (grid, client) = supervised(RedisServer::builder());
    let submit = |script| {
        client.bash(one(), script).run_args(RunArgs::new().queue("q")).submit().expect("sent")
    };
    let first = submit("sleep 600");
    wait_until_running(&first);
    let mut behind = submit("echo behind");
    grid.redis().restart();
    wait_until("the agent is back", || client.ping_agent((1, 1)).is_ok());
    let late = error(behind.next_result(SHORT), "next_result");
    assert!(late.is_timeout() && late.to_string().contains(LOST), "{late}");
    let progress = behind.progress(WAIT).expect("progress");
    assert_eq!((progress.stage, progress.redis_lost_data), (Stage::QueuedOnAgent, true));
}

#[test]
fn progress_is_what_the_agents_say() {
    let (grid, client) = supervised(RedisServer::builder());
    let submit = |target| client.execute(target, "sleep").arg("600").submit().expect("sent");
    let on_one = submit(one());
    let on_list = submit(Target::agents([(1, 1), (1, 2)]));
    let on_all = submit(Target::all().into());
    wait_until("all run", || grid.running_jobs() == 6);
    for command in [&on_one, &on_list, &on_all] {
        assert!(!command.progress(WAIT).expect("progress").redis_lost_data);
    }
    grid.redis().restart();
    let progress = |command: &Command| command.progress(SHORT).expect("progress");
    assert!(progress(&on_one).redis_lost_data, "also while no controller is there");
    wait_until("the agents are back", || {
        [(1, 1), (1, 2)].into_iter().all(|agent| client.ping_agent(agent).is_ok())
    });
    let found = [&on_one, &on_list, &on_all].map(|it| it.progress(WAIT).expect("progress"));
    assert!(found.iter().all(|it| it.redis_lost_data));
    assert_eq!(found[0].stage, Stage::Running);
    assert_eq!((found[1].stage, found[1].agents.len()), (Stage::Running, 2));
    assert_eq!(
        (found[2].stage, found[2].agents.len()),
        (Stage::Unknown, 0),
        "whom it went to is lost"
    );

    grid.kill_agent(1, 1);
    grid.start_agent(1, 1, &["cpu"]);
    wait_until("it is back", || client.ping_agent((1, 1)).is_ok());
    assert_eq!(progress(&on_one).stage, Stage::Lost);
    let stages: Vec<Stage> =
        on_list.progress(WAIT).expect("progress").agents.into_values().collect();
    assert_eq!(stages, [Stage::Lost, Stage::Running]);
    // Of a handle by another program nothing is known, as ever.
    let other = client.get_by_handle(&on_one.handle()).expect("a command");
    assert!(!progress(&other).redis_lost_data);
}

/// Whether a wait over a restart says that Redis has lost the command, to some user.
fn is_said_after_a_restart(redis: devgrid::RedisServerBuilder, user: &str) -> bool {
    let grid = Grid::demo_builder().redis(redis).start().expect("a grid");
    let client = Client::builder().port(grid.redis().port()).user(user).password("secret");
    let client = client.connect().expect("a client");
    let mut command = client.bash(one(), "sleep 600").submit().expect("sent");
    wait_until_running(&command);
    grid.redis().restart();
    let late = error(command.next_result(SHORT), "next_result");
    assert!(late.is_timeout(), "{late}");
    let said = late.to_string().contains(LOST);
    let progress = command.progress(SHORT).expect("progress");
    assert_eq!(progress.redis_lost_data, said);
    said
}

#[test]
fn it_is_said_only_where_it_is_so() {
    let redis = || {
        let builder = RedisServer::builder().user_acl("all on >secret ~* +@all");
        builder.user_acl("few on >secret ~* +@all -info")
    };
    if let Err(error) = redis().start() {
        return support::not_tested(&format!("this Redis has no users: {error}"));
    }
    assert!(is_said_after_a_restart(redis(), "all"));
    assert!(!is_said_after_a_restart(redis().persistent(), "all"), "the data is there");
    assert!(!is_said_after_a_restart(redis(), "few"), "the run is not known");
}

#[test]
fn a_command_that_still_waits_in_the_queue_is_not_lost() {
    let redis = RedisServer::builder().persistent().start().expect("a Redis");
    let client = Client::connect(&redis.url()).expect("a client");
    let mut command = client.bash(one(), "true").submit().expect("sent");
    redis.restart();
    let late = error(command.next_result(SHORT), "next_result");
    assert!(late.is_timeout() && !late.to_string().contains(LOST), "{late}");
    let progress = command.progress(SHORT).expect("progress");
    assert_eq!((progress.stage, progress.redis_lost_data), (Stage::InQueue, false));
}
