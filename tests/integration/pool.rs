//! Connection checkout while waits use all connections.

use std::thread;
use std::time::Duration;

use acclient::{CancelToken, Client, ErrorKind, JobState, MsgQuery, Stage, Target, Timeout};
use devgrid::Grid;
use support::{WAIT, wait_until, wait_until_running};

fn limited(grid: &Grid, max: usize) -> Client {
    let builder = Client::builder().url(&grid.url()).unwrap().max_connections(max);
    builder.timeout(WAIT).connect().unwrap()
}

/// Waits for `max` results that do not come, each in another way, while the body runs.
fn while_waits_use_all(client: &Client, max: usize, body: impl FnOnce()) {
    let stop = CancelToken::new().unwrap();
    thread::scope(|scope| {
        for number in 0..max {
            let wait = Timeout::none().or_cancelled(&stop);
            scope.spawn(move || {
                let mut one = client.get_by_handle("acclient:1:never:1:1").unwrap();
                let ended = match number % 4 {
                    0 => one.next_result(wait).map(drop),
                    1 => one.results(wait).unwrap().next().expect("an item").map(drop),
                    2 => {
                        let both = [one, client.get_by_id("never")];
                        client.wait_any(both, wait).unwrap().next().expect("an item").map(drop)
                    }
                    _ => client
                        .execute(Target::agent((1, 1)), "sleep")
                        .arg("600")
                        .run(wait)
                        .map(drop),
                };
                assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
            });
        }
        wait_until("all connections wait", || {
            let statistics = client.statistics();
            statistics.open_connections == max && statistics.idle_connections == 0
        });
        let body = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        stop.cancel();
        body.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn calls_that_do_not_wait_get_a_connection_beside_waits() {
    let grid = Grid::demo().unwrap();
    for max in [1, 2, 9] {
        let client = limited(&grid, max);
        let running = client.execute(Target::agent((1, 2)), "sleep").arg("600").submit().unwrap();
        wait_until_running(&running);
        while_waits_use_all(&client, max, || {
            client.ping().unwrap();
            let agent = || Target::agent((2, 1));
            let command = client.execute(agent(), "true").submit().unwrap();
            let again = || client.execute(agent(), "true").id(format!("once {max}"));
            again().submit_once().unwrap();
            again().submit_once().unwrap();
            let many = client.submit_many((0..1000).map(|_| client.cmd(agent(), "ping")));
            assert!(many.iter().all(Result::is_ok));
            wait_until("a result is there", || {
                let mut command = command.clone();
                command.try_next_result().unwrap().is_some()
            });
            assert_eq!(command.progress(WAIT).unwrap().stage, Stage::Done);
            assert!(!command.retract().unwrap());
            assert_eq!(command.jobs().unwrap().len(), 1);
            client.list_agents().unwrap();
            client.ping_agent((1, 1)).unwrap();
            client.get_mem_info((1, 1)).unwrap();
            assert!(client.doctor(WAIT).is_ok());
            let mut job = running.jobs().unwrap().into_values().next().unwrap();
            job.refresh().unwrap();
            job.get_stats().unwrap();
            running.get_stats().unwrap().into_result().unwrap();
            running.get_msgs(&MsgQuery::new()).unwrap().into_result().unwrap();
            running.kill().unwrap().into_result().unwrap();
            job.wait(Duration::ZERO).unwrap();
            assert_eq!(job.state(), &JobState::Killed);
            // Waits delay another wait.
            let pause = Duration::from_millis(50);
            let one_more = client.get_by_handle("acclient:1:never:1:1").unwrap().next_result(pause);
            assert_eq!(one_more.unwrap_err().kind(), ErrorKind::PoolExhausted);
            let statistics = client.statistics();
            assert_eq!((statistics.waiting_calls, statistics.pool_waits), (0, 1));
        });
        assert!(client.statistics().open_connections <= max + 2 * max.div_ceil(8));
    }
}

#[test]
fn one_thread_needs_one_connection_for_a_wait_and_what_it_does_with_it() {
    let grid = Grid::demo().unwrap();
    let client = limited(&grid, 1);
    let command = client.execute(Target::all(), "sleep").arg("600").submit().unwrap();
    wait_until("all jobs run", || {
        let jobs = command.jobs().unwrap();
        jobs.len() == 3 && jobs.values().all(|job| job.state() == &JobState::Running)
    });
    let jobs = command.jobs().unwrap();
    let mut results = command.results(WAIT).unwrap();
    for (agent, job) in jobs {
        job.kill().unwrap();
        let killed = results.next().expect("an item").unwrap();
        assert_eq!((killed.agent(), killed.state()), (agent, &JobState::Killed));
        client.ping().unwrap();
        client.execute(Target::agent(agent), "true").submit().unwrap();
    }
}

#[test]
fn statistics_tell_of_calls_that_wait_for_a_connection() {
    let grid = Grid::demo().unwrap();
    let client = limited(&grid, 1);
    let stop = CancelToken::new().unwrap();
    while_waits_use_all(&client, 1, || {
        thread::scope(|scope| {
            let waits: Vec<_> = (0..3)
                .map(|_| {
                    let wait = Timeout::none().or_cancelled(&stop);
                    let mut command = client.get_by_handle("acclient:1:never:1:1").unwrap();
                    scope.spawn(move || command.next_result(wait))
                })
                .collect();
            wait_until("three calls wait", || client.statistics().waiting_calls == 3);
            assert_eq!(client.statistics().pool_waits, 3);
            stop.cancel();
            for wait in waits {
                assert_eq!(wait.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
            }
            assert_eq!(client.statistics().waiting_calls, 0);
        });
    });
    client.ping().unwrap();
}

#[test]
fn a_call_that_waits_for_a_connection_is_not_overtaken() {
    let grid = Grid::demo().unwrap();
    let client = limited(&grid, 1);
    let stop = CancelToken::new().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.is_cancelled() {
                    client.ping().unwrap();
                }
            });
        }
        wait_until("they wait for each other", || client.statistics().waiting_calls > 4);
        // Each of these waits once for its turn, regardless of the calls that begin in the
        // meantime.
        for _ in 0..50 {
            client.execute(Target::agent((1, 1)), "true").run(WAIT).unwrap();
            client.ping().unwrap();
        }
        stop.cancel();
    });
}
