//! Errors as values: their sources, what they retain, and whether an iterator continues after them.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use acclient::{CancelToken, Client, ErrorKind, Target, Timeout};
use devgrid::{Grid, free_port};
use support::certificates::TlsRedis;
use support::{WAIT, clients, error, servers, wait_until};

#[test]
fn an_error_outlives_its_client_without_a_connection() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let failed = client.bash(Target::agent((1, 1)), "echo why >&2; exit 3").run(WAIT);
    let failed = error(failed.expect("a result").into_success(), "a job that fails");
    let nobody =
        error(client.bash(Target::agent((9, 9)), "true").run(WAIT), "an agent that is not");
    // One call after the other took one connection.
    let before = clients(grid.redis());
    drop(client);
    wait_until("the connection of the client is closed", || clients(grid.redis()) < before);
    let job = failed.job().expect("what the job reported");
    assert_eq!((failed.kind(), job.stderr()), (ErrorKind::JobFailed, "why\n"));
    let answer = nobody.job().expect("what the controller answered");
    assert_eq!((nobody.kind(), answer.agent().to_string()), (ErrorKind::NoSuchAgent, "9:9".into()));
}

#[test]
fn the_source_is_the_cause_of_a_library_below() {
    if !servers::has_tls() {
        return;
    }
    let port = free_port().expect("a free port");
    let refused = error(Client::connect(&format!("redis://127.0.0.1:{port}")), "a free port");
    let cause = refused.source().and_then(|it| it.downcast_ref::<io::Error>());
    assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::ConnectionRefused));

    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let job = client.cmd(Target::agent((1, 1)), "ping").run(WAIT).expect("a result");
    let shape = error(job.json::<u32>(), "a number of \"pong\"");
    assert!(shape.source().is_some_and(|it| it.is::<serde_json::Error>()), "{shape:?}");
    let argument = error(client.cmd(Target::agent((0, 1)), "ping").submit(), "the agent 0:1");
    assert!(argument.source().is_none());

    let redis = TlsRedis::new("localhost");
    let _server = redis.builder().start().expect("a server");
    let stranger = error(Client::connect(&redis.url()), "an unknown authority");
    let cause = stranger.source().expect("the error of TLS").to_string();
    assert!(cause.contains("certificate"), "{cause}");
}

#[test]
fn a_deadline_after_failures_keeps_the_cause_of_the_last() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let mut command = client.bash(Target::agent((1, 1)), "sleep 600").submit().expect("sent");
    drop(grid);
    let ended = error(command.next_result(Duration::from_secs(1)), "a wait without a server");
    assert!(ended.is_timeout() && ended.to_string().contains("last error: "), "{ended}");
    assert!(ended.source().is_some_and(|it| it.is::<io::Error>()), "{ended:?}");
}

#[test]
fn an_error_about_one_agent_is_not_final_and_one_about_all_is() {
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let slow = client.bash(Target::agent((1, 1)), "sleep 600").submit().expect("sent");
    let nobody = client.bash(Target::agent((9, 9)), "true").submit().expect("sent");
    let results = client.wait_any([&slow, &nobody], Duration::from_secs(1)).expect("results");
    let errors: Vec<_> = results.map(|result| error(result, "a result")).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| !error.is_final()), "{errors:?}");

    let cancel = CancelToken::new().expect("a token");
    let wait = Timeout::none().or_cancelled(&cancel);
    let mut results = slow.results(wait).expect("results");
    cancel.cancel();
    let ended = error(results.next().expect("an item"), "a cancelled wait");
    assert!(ended.is_final() && results.next().is_none());
    assert!(error(client.cmd(Target::any(), "").submit(), "no name").is_final());
    let _ = slow.kill();
}
