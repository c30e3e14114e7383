//! Waits under a storm of signals, each test in a process of its own: the signals would interrupt the
//! grids and forked children of other tests.

use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, Target};
use devgrid::Grid;
use support::process::Alarms;
use support::{WAIT, wait_until};

#[test]
fn a_wait_is_not_disturbed_by_signals() {
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let mut command = client.execute(Target::agent((1, 1)), "sleep").arg("600").submit().unwrap();
    wait_until("the job is there", || !command.jobs().unwrap().is_empty());
    let alarms = Alarms::start();
    let begun = Instant::now();
    let error = command.next_result(Duration::from_secs(3)).unwrap_err();
    drop(alarms);
    assert!(error.is_timeout(), "{error}");
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

/// The grid, which is of this process here, is interrupted as well.
#[test]
fn no_command_is_lost_under_signals() {
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let _alarms = Alarms::start();
    thread::scope(|scope| {
        for _ in 0..4 {
            let client = client.clone();
            scope.spawn(move || {
                for _ in 0..500 {
                    let job = client.execute(Target::agent((2, 1)), "true").run(WAIT).unwrap();
                    assert!(job.is_success(), "{job:?}");
                }
            });
        }
    });
}
