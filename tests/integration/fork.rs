//! What a forked child can do with its parent's client, and that the parent is none the worse.

use std::thread;
use std::time::Duration;

use acclient::{CancelToken, Client, ErrorKind, Rollout, RolloutPlan, Target, Timeout};
use devgrid::Grid;
use support::alone::{is_alone, passes_alone};
use support::process::{exit_status, fork};
use support::{WAIT, descriptors, wait_until};

const URL: &str = "ACCLIENT_TEST_URL";

/// In a child: 0, or the number of the line that went wrong.
macro_rules! demand {
    ($condition:expr) => {
        if !$condition {
            eprintln!("in the child: {} does not hold", stringify!($condition));
            return 1;
        }
    };
}

#[test]
fn a_child_works_and_its_parent_is_unharmed() {
    let test = support::this_test!();
    if !is_alone(test) {
        let grid = Grid::demo().unwrap();
        passes_alone(test, &[(URL, &grid.url())]);
        return;
    }
    let url = std::env::var(URL).expect("the grid in the test program");
    let client = Client::connect(&url).unwrap();
    let cancel = CancelToken::new().unwrap();
    // Eight threads inside of calls: four wait for ever, four come and go.
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let mut command =
                client.execute(Target::agent((1, 1)), "sleep").arg("600").submit().unwrap();
            let wait = Timeout::none().or_cancelled(&cancel);
            thread::spawn(move || command.next_result(wait))
        })
        .collect();
    let stop = CancelToken::new().unwrap();
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop) = (client.clone(), stop.clone());
            thread::spawn(move || {
                let mut calls = 0;
                while !stop.is_cancelled() {
                    client.execute(Target::agent((2, 1)), "true").run(WAIT).unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut held = client
        .execute(Target::agent((1, 2)), "sh")
        .args(["-c", "read x; echo done"])
        .submit()
        .unwrap();
    let mut rollout = client
        .execute(Target::agent((1, 2)), "true")
        .rollout(RolloutPlan::agents(1), Duration::from_secs(600))
        .unwrap();
    let redis = redis::Client::open(url).unwrap();
    wait_until("four wait for ever", || {
        let mut redis = redis.get_connection().unwrap();
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis).unwrap();
        clients.matches("cmd=blmove").count() + clients.matches("cmd=brpoplpush").count() >= 4
    });
    let mut before = None;
    for round in 0..100 {
        let child = fork(|| in_child(&client, &cancel, &mut held, &mut rollout));
        assert_eq!(exit_status(child), 0, "the child of round {round}");
        client.ping().unwrap();
        if round == 10 {
            before = Some(descriptors());
        }
    }
    // The calls that come and go open and close some of their own. What a child leaves behind stays.
    let before = before.expect("there was a round 10");
    wait_until("no descriptor is left over", || descriptors() <= before + 8);
    assert!(!cancel.is_cancelled(), "a child cannot cancel its parent's waits");
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    stop.cancel();
    for thread in busy {
        assert!(thread.join().unwrap() > 0);
    }
    cancel.cancel();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    }
    assert!(rollout.next().unwrap().unwrap().is_success() && rollout.next().is_none());
    assert_eq!(held.next_result(WAIT).unwrap().unwrap().stdout(), "done\n");
}

fn in_child(
    client: &Client,
    cancel: &CancelToken,
    command: &mut acclient::Command,
    rollout: &mut Rollout,
) -> i32 {
    let own = descriptors();
    demand!(client.ping().is_ok());
    // What it inherited is closed, and what it has is its own.
    demand!(descriptors() < own);
    let job = client.with_timeout(WAIT).execute(Target::agent((1, 2)), "echo").arg("x").run(WAIT);
    demand!(job.is_ok_and(|job| job.stdout() == "x\n"));
    demand!(command.try_next_result().is_ok());
    // The parent goes on with it: what a child sent would run twice.
    let foreign = rollout.next().expect("an item");
    demand!(foreign.is_err_and(|error| error.kind() == ErrorKind::ForkedHandle));
    demand!(rollout.next().is_none() && rollout.not_started().len() == 1);
    demand!(!cancel.cancel());
    let foreign = client.with_cancel(cancel).ping();
    demand!(foreign.is_err_and(|error| error.kind() == ErrorKind::ForkedHandle));
    let own_cancel = CancelToken::new();
    demand!(own_cancel.is_ok_and(|own_cancel| {
        own_cancel.cancel();
        let ended = client.with_cancel(&own_cancel).ping();
        ended.is_err_and(|error| error.kind() == ErrorKind::Cancelled)
    }));
    // Closing here closes nothing there.
    client.close();
    demand!(client.ping().is_err_and(|error| error.kind() == ErrorKind::Closed));
    0
}
