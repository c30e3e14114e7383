//! Runs a test in a separate process if it forks, sends signals, or counts resources of the
//! process.
//!
//! A forked child of the test program would keep a grid alive: processes of a grid detect the end
//! of the test program by the end of a pipe, which the child would hold open as well.

use std::io::{self, Write as _};
use std::process::Command;

use crate::NOT_TESTED;

/// Set in the process that runs a single test, to the path of that test.
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

/// Turns `program::module::test::here` into `module::test`, also from within a closure.
pub fn test_around(here: &'static str) -> &'static str {
    let test = here.split_once("::{{closure}}").map_or(here, |(test, _)| test);
    let test = test.strip_suffix("::here").unwrap_or(test);
    test.split_once("::").expect("a path below the program").1
}

/// Returns a command that runs a single test of this program, without capturing its output.
pub fn program_for(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["--exact", test, "--nocapture", "--include-ignored"]).env(VARIABLE, test);
    command
}

/// Returns whether this process runs this test alone.
pub fn is_alone(test: &str) -> bool {
    std::env::var_os(VARIABLE).is_some_and(|alone| alone == test)
}

/// Implements [`own_process`] with these variables set. Panics if the test fails in its own
/// process.
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
    // Skipped parts are reported past the output capture of the test harness.
    for left_out in said.lines().filter(|line| line.starts_with(NOT_TESTED)) {
        let _ = writeln!(io::stderr(), "\n{left_out}");
    }
    assert!(output.status.success(), "{test} in a process of its own: {}", output.status);
    assert!(printed.contains("test result: ok. 1 passed"), "{test} did not run:\n{printed}");
    true
}
