//! Tests that need a process of their own, because they fork, send signals, or count what the process
//! holds.
//!
//! A test that forks leaves its grid in the test program. A process that a grid starts tells by the end of
//! a pipe that it runs, and a forked child has that pipe too: what it waits for would wait for its end.

use std::io::{self, Write as _};
use std::process::Command;

use crate::NOT_TESTED;

/// Set in the process that runs one test alone, to the path of that test.
pub(crate) const VARIABLE: &str = "ACCLIENT_TEST_ALONE";

/// Runs the test that it stands in in a process of its own. True in the test program, when the test
/// has passed over there; false over there, where the test goes on:
///
/// ```ignore
/// if support::own_process!() {
///     return;
/// }
/// ```
#[macro_export]
macro_rules! own_process {
    () => {
        $crate::alone::passes_alone($crate::this_test!(), &[])
    };
}

/// The path of the test that it stands in, as `--exact` takes it.
#[macro_export]
macro_rules! this_test {
    () => {{
        fn here() {}
        $crate::alone::test_around(std::any::type_name_of_val(&here))
    }};
}

/// `program::module::test::here` as `module::test`, also from inside of a closure.
pub fn test_around(here: &'static str) -> &'static str {
    let test = here.split_once("::{{closure}}").map_or(here, |(test, _)| test);
    let test = test.strip_suffix("::here").unwrap_or(test);
    test.split_once("::").expect("a path below the program").1
}

/// This program, to run one of its tests and nothing else. What the test prints is not captured.
pub fn program_for(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["--exact", test, "--nocapture", "--include-ignored"]).env(VARIABLE, test);
    command
}

/// Whether this is the process that runs this test alone.
pub fn is_alone(test: &str) -> bool {
    std::env::var_os(VARIABLE).is_some_and(|alone| alone == test)
}

/// See [`own_process`]; with these variables. Fails if the test fails in its own process.
pub fn passes_alone(test: &str, environment: &[(&str, &str)]) -> bool {
    if is_alone(test) {
        return false;
    }
    let mut program = program_for(test);
    let output =
        program.envs(environment.iter().copied()).output().expect("this program can be run");
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{printed}");
    eprint!("{said}");
    // What is left out is said past what the test harness captures.
    for left_out in said.lines().filter(|line| line.starts_with(NOT_TESTED)) {
        let _ = writeln!(io::stderr(), "\n{left_out}");
    }
    assert!(output.status.success(), "{test} in a process of its own: {}", output.status);
    assert!(printed.contains("test result: ok. 1 passed"), "{test} did not run:\n{printed}");
    true
}
