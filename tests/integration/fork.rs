//! What a forked child can do with its parent's client, without affecting the parent.

use std::any::Any;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use acclient::{
    CancelToken, Client, ErrorKind, Job, MsgQuery, Results, Rollout, RolloutPlan, Target, Timeout,
};
use devgrid::Grid;
use support::alone::{is_alone, passes_alone};
use support::process::{exit_status, fork, limit_descriptors};
use support::{WAIT, descriptors, wait_until, wait_until_it_printed};

const URL: &str = "ACCLIENT_TEST_URL";

/// Returns 1 from the body of a child if the condition is false.
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
    // Eight threads inside calls: four wait without a timeout, four make short calls.
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
    // Inherited descriptors are closed, and the open ones are its own.
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

/// Two agents: one answers, the other does not.
const HALF: &str = "[ $AGENT_GID:$AGENT_NID = 1:1 ] && echo begun && exec sleep 600; true";

/// What a child drops, by name. Each is in use: results and rollouts have a connection on loan.
type Handle = (&'static str, Box<dyn Any>);

fn first(results: &mut impl Iterator<Item = acclient::Result<Job>>) -> Job {
    results.next().expect("an item").expect("a result")
}

fn results(client: &Client) -> Results {
    let command = client.bash(Target::all().role("cpu"), HALF).submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    assert_eq!(first(&mut results).agent(), (2, 1).into());
    results
}

fn rollout(client: &Client) -> Rollout {
    let request = client.bash(Target::all().role("cpu"), HALF);
    let mut rollout = request.rollout(RolloutPlan::agents(2), WAIT).unwrap();
    assert_eq!(first(&mut rollout).agent(), (2, 1).into());
    rollout
}

/// The command has a parked connection.
fn between_results(client: &Client) -> acclient::Command {
    let mut command = client.bash(Target::all().role("cpu"), HALF).submit().unwrap();
    let first = command.next_result(WAIT).unwrap().expect("a result");
    assert_eq!(first.agent(), (2, 1).into());
    command
}

fn handles(url: &str) -> Vec<Handle> {
    let client = Client::connect(url).unwrap().with_timeout(WAIT);
    let script = "echo begun; exec sleep 600";
    let command = client.bash(Target::agent((1, 1)), script).submit().unwrap();
    wait_until_it_printed(&command);
    let job = command.jobs().unwrap().into_values().next().expect("one job");
    let mut follow = job.follow(&MsgQuery::new(), WAIT).unwrap();
    assert_eq!(follow.next().expect("a message").unwrap().data, "begun");
    let token = CancelToken::new().unwrap();
    let cancellable = client.with_cancel(&token).get_by_id("x");
    let mut polled = client.get_by_id("never sent").results(WAIT).unwrap();
    assert!(polled.poll_next().is_pending() && polled.poll_fd().is_some());
    let idle = Client::connect(url).unwrap();
    vec![
        ("results", Box::new(results(&client))),
        ("polled results", Box::new(polled)),
        ("rollout", Box::new(rollout(&client))),
        ("a command between two results", Box::new(between_results(&client))),
        ("follow", Box::new(follow)),
        ("command", Box::new(command)),
        ("command with a token", Box::new(cancellable)),
        ("job", Box::new(job)),
        ("token", Box::new(token)),
        ("an idle client", Box::new(idle)),
        ("client", Box::new(client)),
    ]
}

/// Every descriptor that this process can have left, on one file.
struct Files(Vec<File>);

impl Files {
    fn open() -> Files {
        limit_descriptors(200);
        let mut files = Vec::new();
        while let Ok(file) = File::open("Cargo.toml") {
            files.push(file);
        }
        Files(files)
    }

    fn can_all_be_read(&self) -> bool {
        self.0.iter().all(|file| {
            let mut start = [0; 9];
            file.read_exact_at(&mut start, 0).is_ok() && &start == b"[package]"
        })
    }
}

/// Returns whether a child that runs `child` succeeds.
fn goes_well(what: &str, child: impl FnOnce() -> bool) {
    let status = exit_status(fork(|| i32::from(!child())));
    assert_eq!(status, 0, "a child that {what}");
}

#[test]
fn a_child_that_drops_what_it_inherited_keeps_what_it_opened() {
    let test = support::this_test!();
    if !is_alone(test) {
        let grid = Grid::demo().unwrap();
        passes_alone(test, &[(URL, &grid.url())]);
        return;
    }
    let url = std::env::var(URL).expect("the grid in the test program");
    let client = Client::connect(&url).unwrap();
    let mut handles = handles(&url);
    let count = handles.len();
    let drop_in_turn = |handles: &mut Vec<Handle>, from: usize, files: &Files| {
        handles.rotate_left(from);
        handles.drain(..).all(|(name, handle)| {
            drop(handle);
            let well = files.can_all_be_read();
            if !well {
                eprintln!("in the child: {name} closed a file");
            }
            well
        })
    };
    for from in 0..count {
        goes_well("drops all, and has used nothing", || {
            let before = descriptors();
            let files = Files::open();
            drop_in_turn(&mut handles, from, &files) && descriptors() < before + files.0.len()
        });
        goes_well("uses the client, opens files, and drops all", || {
            client.ping().unwrap();
            let files = Files::open();
            drop_in_turn(&mut handles, from, &files)
        });
        goes_well("drops the first, uses the client, opens files, and drops the rest", || {
            drop(handles.remove(from));
            client.ping().unwrap();
            let files = Files::open();
            drop_in_turn(&mut handles, 0, &files)
        });
        goes_well("leaves all of it to a grandchild", || {
            client.ping().unwrap();
            let files = Files::open();
            goes_well("is a grandchild", || drop_in_turn(&mut handles, from, &files));
            files.can_all_be_read() && drop_in_turn(&mut handles, from, &files)
        });
        goes_well("drops all, then uses a client of its own, and opens files", || {
            handles.rotate_left(from);
            handles.clear();
            let own = Client::connect(&url).unwrap();
            let files = Files::open();
            drop(client.clone());
            own.close();
            drop(own);
            files.can_all_be_read()
        });
        goes_well("has nothing left of the library after all is closed", || {
            let closed = Client::connect(&url).map(|own| own.close());
            let before = descriptors();
            handles.clear();
            closed.is_ok() && descriptors() == before
        });
    }
    goes_well("asks what it inherited", || {
        client.ping().unwrap();
        let files = Files::open();
        let asked = handles.iter_mut().all(|(_, handle)| is_refused(&mut **handle));
        asked && files.can_all_be_read()
    });
    // Everything still works in the parent.
    client.ping().unwrap();
    for (name, handle) in &mut handles {
        if let Some(results) = handle.downcast_mut::<Results>() {
            assert!(results.poll_next().is_pending() && results.poll_fd().is_some(), "{name}");
        }
        if let Some(token) = handle.downcast_ref::<CancelToken>() {
            assert!(token.cancel(), "{name}");
        }
    }
}

/// Whether a handle that works in the parent only says so.
fn is_refused(handle: &mut dyn Any) -> bool {
    let refused = |next: Option<acclient::Result<Job>>| {
        next.is_some_and(|next| next.is_err_and(|error| error.kind() == ErrorKind::ForkedHandle))
    };
    if let Some(results) = handle.downcast_mut::<Results>() {
        return results.poll_fd().is_none() && refused(results.next());
    }
    if let Some(rollout) = handle.downcast_mut::<Rollout>() {
        return refused(rollout.next());
    }
    handle.downcast_ref::<CancelToken>().is_none_or(|token| !token.cancel())
}

#[test]
fn results_that_are_all_taken_send_nothing_in_a_child() {
    if !support::servers::has_pushes() {
        return;
    }
    let test = support::this_test!();
    if !is_alone(test) {
        let grid = Grid::demo().unwrap();
        passes_alone(test, &[(URL, &grid.url())]);
        return;
    }
    let url = std::env::var(URL).expect("the grid in the test program");
    let client = Client::connect(&url).unwrap();
    let command = client.execute(Target::all(), "true").submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    let count = results.by_ref().take(3).count();
    assert_eq!((count, results.remaining()), (3, 0));
    // The end of the results makes their connection useful to others, by a command.
    let redis = redis::Client::open(url).unwrap();
    let is_tracked = || {
        let mut redis = redis.get_connection().unwrap();
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis).unwrap();
        clients.contains("flags=t")
    };
    assert!(is_tracked());
    goes_well("ends the results", || results.next().is_none());
    assert!(is_tracked());
    assert!(results.next().is_none());
    for _ in 0..3 {
        client.ping().unwrap();
    }
    assert_eq!(client.statistics().connected, 1, "{:?}", client.statistics());
}
