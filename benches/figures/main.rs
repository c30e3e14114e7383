//! Performance figures of the library, each with its goal and its rivals: `make bench`.
//!
//! This is not a test, as the figures depend on the machine and its load. Competing implementations
//! run batch by batch in alternation, in this one process; a value is the median of its batches,
//! with the minimum and the maximum. Arguments after `--` select parts: `make bench FIGURES="submit
//! fanout"`. With ACCLIENT_WRITE_FIGURES set, the results are written to docs/performance.md.

mod c_client;
mod calls;
mod chart;
mod deadlines;
mod fanout;
mod go;
mod grid;
mod heap;
mod hiredis;
mod instructions;
mod many;
mod memory;
mod original;
mod report;
mod round_trip;
mod submit;
mod waits;
mod writer;

use report::Report;

/// A part of the figures and the argument that selects it.
type Part = (&'static str, fn(&mut Report));

const PARTS: [Part; 11] = [
    ("submit", submit::figures),
    ("instructions", instructions::figures),
    ("round-trip", round_trip::figures),
    ("many", many::figures),
    ("calls", calls::figures),
    ("deadlines", deadlines::figures),
    ("fanout", fanout::figures),
    ("waits", waits::figures),
    ("writer", writer::figures),
    ("memory", memory::figures),
    ("grid", grid::figures),
];

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words == [grid::CHILD] {
        return grid::child();
    }
    if let [instructions::CHILD, ..] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return instructions::child(&words[1..]);
    }
    words.retain(|word| word != "--bench"); // cargo's own
    let names = PARTS.map(|(name, _)| name).join(", ");
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("Measures all, or the parts that are named: {names}");
        return;
    }
    if let Some(unknown) = words.iter().find(|word| !PARTS.iter().any(|(name, _)| name == word)) {
        eprintln!("no figures are called {unknown}; there are {names}");
        std::process::exit(2);
    }
    let mut report = Report::new();
    for (name, figures) in PARTS {
        if words.is_empty() || words.iter().any(|word| word == name) {
            figures(&mut report);
        }
    }
    report.end();
}
