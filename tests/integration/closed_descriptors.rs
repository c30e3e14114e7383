//! A program that closes descriptors of the library, as a daemonizer does.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::thread;

use acclient::{CancelToken, Client, ErrorKind, Target, Timeout};
use devgrid::Grid;
use support::WAIT;
use support::alone::{is_alone, passes_alone};
use support::process::close_numbers;

const URL: &str = "ACCLIENT_TEST_URL";

const CLOSED: &str = "a descriptor of the library was closed by the program";

/// The URL of a grid, in the process of a test that runs alone.
macro_rules! alone_beside_a_grid {
    () => {{
        let test = support::this_test!();
        if !is_alone(test) {
            let grid = Grid::demo().unwrap();
            passes_alone(test, &[(URL, &grid.url())]);
            return;
        }
        std::env::var(URL).expect("the grid in the test program")
    }};
}

fn numbers() -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok())
    };
    let all: BTreeSet<i32> = entries.filter_map(number).collect();
    // One of them was the descriptor of the directory.
    all.into_iter().filter(|fd| std::fs::metadata(format!("/proc/self/fd/{fd}")).is_ok()).collect()
}

/// Returns the descriptors that a step has opened.
fn opened<T>(step: impl FnOnce() -> T) -> (T, Vec<i32>) {
    let before = numbers();
    let made = step();
    let new = numbers().difference(&before).copied().collect();
    (made, new)
}

/// Opens files until some have these numbers.
fn reopen(numbers: &[i32]) -> Vec<File> {
    let mut files = Vec::new();
    while !numbers.iter().all(|fd| files.iter().any(|file: &File| file.as_raw_fd() == *fd)) {
        files.push(File::open("Cargo.toml").unwrap());
    }
    files
}

fn can_be_read(files: &[File]) -> bool {
    files.iter().all(|file| {
        let mut start = [0; 9];
        file.read_exact_at(&mut start, 0).is_ok() && &start == b"[package]"
    })
}

/// The error of a wait without a timeout, in each way of waiting.
fn every_wait_says_so(client: &Client, wait: &Timeout) {
    let single = || client.get_by_handle("acclient:1:never:1:1").unwrap();
    let says_so = |what: &str, error: acclient::Error| {
        assert_eq!(error.kind(), ErrorKind::System, "{what}: {error}");
        assert!(error.to_string().contains(CLOSED), "{what}: {error}");
    };
    says_so("next_result", single().next_result(wait.clone()).unwrap_err());
    says_so("results", single().results(wait.clone()).unwrap().next().unwrap().unwrap_err());
    let several = [client.get_by_id("a"), client.get_by_id("b")];
    let mut several = client.wait_any(several, wait.clone()).unwrap();
    says_so("wait_any", several.next().unwrap().unwrap_err());
    let sleep = || client.execute(Target::agent((1, 1)), "sleep").arg("600");
    let run = sleep().run(wait.clone()).unwrap_err();
    // It may have been sent, and the wait for its result ended.
    let all = sleep().run_all(wait.clone());
    let all = all.map_or_else(|error| error, |mut all| all.errors.pop().expect("an error"));
    for error in [run, all] {
        assert!(matches!(error.kind(), ErrorKind::System | ErrorKind::MaybeSent), "{error}");
        assert!(error.to_string().contains(CLOSED), "{error}");
    }
}

#[test]
fn a_wait_ends_when_the_descriptors_of_its_token_are_closed() {
    let url = alone_beside_a_grid!();
    let client = Client::connect(&url).unwrap().with_timeout(WAIT);
    let (token, numbers) = opened(|| CancelToken::new().unwrap());
    assert_eq!(numbers.len(), 2);
    close_numbers(numbers.clone());
    let wait = Timeout::none().or_cancelled(&token);
    every_wait_says_so(&client, &wait);
    // The numbers now refer to other files, which are always readable.
    let files = reopen(&numbers);
    every_wait_says_so(&client, &wait);
    assert!(token.cancel() && token.is_cancelled());
    let ended = client.get_by_id("x").next_result(wait);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    drop(token);
    assert!(can_be_read(&files));
    client.ping().unwrap();
}

#[test]
fn a_token_writes_into_no_file_that_has_its_number_now() {
    if support::own_process!() {
        return;
    }
    let (token, numbers) = opened(|| CancelToken::new().unwrap());
    close_numbers(numbers.clone());
    let path = std::env::temp_dir().join(format!("acclient-token-{}", std::process::id()));
    let files: Vec<File> = numbers.iter().map(|_| File::create(&path).unwrap()).collect();
    let taken: BTreeSet<i32> = files.iter().map(AsRawFd::as_raw_fd).collect();
    assert_eq!(taken, numbers.into_iter().collect());
    assert!(token.cancel());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_wait_ends_when_the_descriptors_of_its_client_are_closed() {
    let url = alone_beside_a_grid!();
    let build = || Client::builder().url(&url).unwrap().timeout(WAIT).build().unwrap();
    let (client, numbers) = opened(build);
    assert_eq!(numbers.len(), 2);
    close_numbers(numbers.clone());
    every_wait_says_so(&client, &Timeout::none());
    let files = reopen(&numbers);
    every_wait_says_so(&client, &Timeout::none());
    client.close();
    drop(client);
    assert!(can_be_read(&files));
}

#[test]
fn a_closed_socket_is_replaced_and_its_number_left_alone() {
    let url = alone_beside_a_grid!();
    let client = Client::builder().url(&url).unwrap().timeout(WAIT).build().unwrap();
    let (pinged, numbers) = opened(|| client.ping());
    pinged.unwrap();
    assert_eq!(numbers.len(), 1);
    // Idle.
    close_numbers(numbers.clone());
    let files = reopen(&numbers);
    client.ping().unwrap();
    assert!(can_be_read(&files));
    // In use by results.
    let command = client.bash(Target::all(), "sleep 0.2").submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    assert!(results.poll_next().is_pending());
    let socket = results.poll_fd().expect("a connection").as_raw_fd();
    close_numbers([socket]);
    let more = reopen(&[socket]);
    assert_eq!(results.by_ref().filter(Result::is_ok).count(), 3);
    drop(results);
    client.ping().unwrap();
    drop(client);
    assert!(can_be_read(&files) && can_be_read(&more));
}

#[test]
fn a_daemonizer_can_close_everything() {
    let url = alone_beside_a_grid!();
    let client = Client::connect(&url).unwrap().with_timeout(WAIT);
    let token = CancelToken::new().unwrap();
    let command = client.bash(Target::all(), "sleep 0.2").submit().unwrap();
    let mut results = command.results(WAIT).unwrap();
    assert!(results.poll_next().is_pending());
    close_numbers(3..1000);
    let files: Vec<File> = (0..50).map(|_| File::open("Cargo.toml").unwrap()).collect();
    assert_eq!(results.next().unwrap().unwrap_err().kind(), ErrorKind::System);
    // The program needs a new client now.
    let own = Client::connect(&url).unwrap();
    thread::scope(|scope| scope.spawn(|| own.ping()).join().unwrap().unwrap());
    drop((results, command, token, client, own));
    assert!(can_be_read(&files));
}
