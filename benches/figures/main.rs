//! What the library reaches, in figures, each beside its goal and its rivals: `make bench`.
//!
//! Not a test: figures depend on the machine and on what else it does. What is compared is compared
//! batch by batch, in turn, in this one process; a value is the middle of its batches, with the smallest
//! and the largest. Words after `--` choose parts: `make bench FIGURES="submit fanout"`. ACCLIENT_WRITE_FIGURES
//! puts what was measured into docs/performance.md.

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

/// A part of the figures, by the word that chooses it.
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
