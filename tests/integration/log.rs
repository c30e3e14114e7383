//! Messages that the library logs through the `log` facade of Rust.

use std::sync::Mutex;
use std::time::Duration;

use acclient::{Client, Target};
use devgrid::Grid;
use log::{Level, LevelFilter, Log, Metadata, Record};
use support::alone::{is_alone, passes_alone};
use support::{WAIT, wait_until};

const URL: &str = "ACCLIENT_TEST_URL";

struct Logger(Mutex<Vec<(Level, String, String)>>);

static LOGGER: Logger = Logger(Mutex::new(Vec::new()));

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("acclient")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let (target, message) = (record.target().to_owned(), record.args().to_string());
            self.0.lock().unwrap().push((record.level(), target, message));
        }
    }

    fn flush(&self) {}
}

fn taken() -> Vec<(Level, String, String)> {
    std::mem::take(&mut *LOGGER.0.lock().unwrap())
}

/// The logger is global to the process.
#[test]
fn normal_work_is_logged_at_debug_and_a_retry_as_a_warning() {
    let test = support::this_test!();
    if !is_alone(test) {
        let grid = Grid::demo().expect("a grid");
        passes_alone(test, &[(URL, &grid.url())]);
        return;
    }
    log::set_logger(&LOGGER).expect("the only logger");
    log::set_max_level(LevelFilter::Trace);
    let client = Client::connect(&std::env::var(URL).expect("the grid")).expect("a client");
    let command = client.bash(Target::all(), "echo secret-data").submit().expect("sent");
    assert_eq!(command.results(WAIT).expect("results").filter(|job| job.is_ok()).count(), 3);
    let entries = taken();
    for target in ["acclient::connection", "acclient::command", "acclient::wait"] {
        assert!(entries.iter().any(|(_, found, _)| found == target), "{target}: {entries:?}");
    }
    assert!(entries.iter().any(|(.., message)| message.contains(&command.handle())), "{entries:?}");
    for (level, target, message) in &entries {
        assert!(*level >= Level::Debug, "{target}: {message}");
        assert!(!message.contains("secret-data"), "{message}");
    }

    // The port is closed now: a wait retries, and logs this once.
    let closed = support::ClosedPort::new();
    let away = Client::builder().port(closed.number()).password("sesame").build().expect("one");
    let mut lost = away.get_by_handle("acclient:1:x:1:1").expect("a handle");
    lost.next_result(Duration::from_millis(500)).expect_err("nobody listens");
    wait_until("it was logged", || {
        let entries = taken();
        let warnings: Vec<_> = entries.iter().filter(|entry| entry.0 == Level::Warn).collect();
        assert!(entries.iter().all(|entry| !entry.2.contains("sesame")), "{entries:?}");
        warnings.len() == 1 && warnings[0].1 == "acclient::retry"
    });
}

#[test]
fn a_redis_that_lost_its_data_is_logged_once() {
    let test = support::this_test!();
    if !is_alone(test) {
        passes_alone(test, &[]);
        return;
    }
    log::set_logger(&LOGGER).expect("the only logger");
    log::set_max_level(LevelFilter::Warn);
    let grid = Grid::demo().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let mut command = client.execute((1, 1), "sleep").arg("600").submit().expect("sent");
    support::wait_until_running(&command);
    std::thread::scope(|scope| {
        let wait = scope.spawn(|| command.next_result(WAIT));
        grid.redis().restart();
        let is_said = |entries: &[(Level, String, String)]| {
            let is_it = |message: &str| message.contains("Redis lost its data; command ");
            entries.iter().filter(|(.., message)| is_it(message)).count()
        };
        let mut entries = Vec::new();
        wait_until("it was logged", || {
            entries.extend(taken());
            is_said(&entries) > 0
        });
        client.close();
        wait.join().expect("a thread").expect_err("closed");
        entries.extend(taken());
        assert_eq!(is_said(&entries), 1, "{entries:?}");
    });
}
