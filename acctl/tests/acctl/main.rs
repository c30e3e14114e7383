//! Tests of the `acctl` binary against the development grid.

mod completions;
mod cut;
mod day;
mod doctor;
mod errors;
mod follow;
mod kill;
mod man;
mod output_dir;
mod program;
mod pty;
mod recent;
mod results;
mod retry;
mod runs;
mod schemas;
mod sessions;
mod signals;
mod statuses;
mod targets;
mod terminal;
