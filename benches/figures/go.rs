//! Benchmarks of the Go package, which find the library through the environment that `make bench`
//! sets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The benchmarks are built once and get their parameters through the environment.
pub struct Go {
    program: PathBuf,
}

/// The package with its benchmarks and the data that its tests read.
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go");

/// Measured values by benchmark and unit.
pub type Measured = BTreeMap<String, BTreeMap<String, f64>>;

impl Go {
    /// Builds the benchmarks. `Err` says why they cannot be built here.
    pub fn build() -> Result<Self, String> {
        let program = std::env::temp_dir().join(format!("acclient-bench-{}", std::process::id()));
        let mut build = Command::new("go");
        build.args(["test", "-c", "-o"]).arg(&program).current_dir(PACKAGE);
        let output = build.output().map_err(|error| format!("no go: {error}"))?;
        if output.status.success() {
            return Ok(Go { program });
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        Err(format!("make bench sets up what go needs ({why})"))
    }

    /// Runs the benchmarks whose names match, each `times` times.
    pub fn run(&self, names: &str, times: usize, variable: (&str, &str)) -> Measured {
        let mut run = Command::new(&self.program);
        run.args(["-test.run", "^$", "-test.bench", names]);
        run.args(["-test.benchtime", &format!("{times}x")]);
        let output = run.env(variable.0, variable.1).current_dir(PACKAGE).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        text.lines().filter_map(line).collect()
    }
}

/// Parses `BenchmarkName-2  100  12.3 ns/op  0.5 other-unit`.
fn line(line: &str) -> Option<(String, BTreeMap<String, f64>)> {
    let mut words = line.strip_prefix("Benchmark")?.split_whitespace();
    let name = words.next()?;
    let name = name.rsplit_once('-').map_or(name, |(name, _processors)| name).to_owned();
    let mut values = BTreeMap::new();
    let _times = words.next();
    while let (Some(value), Some(unit)) = (words.next(), words.next()) {
        values.insert(unit.to_owned(), value.parse().ok()?);
    }
    Some((name, values))
}

impl Drop for Go {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.program);
    }
}
