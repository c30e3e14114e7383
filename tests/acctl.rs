//! `acctl` as a process, against the development grid.

#[path = "common/certificates.rs"]
mod certificates;
mod common;
#[path = "acctl/cut.rs"]
mod cut;
#[path = "acctl/errors.rs"]
mod errors;
#[path = "common/prefix.rs"]
mod prefix;
#[path = "acctl/program.rs"]
mod program;
#[path = "acctl/runs.rs"]
mod runs;
mod scripted;
#[path = "acctl/sessions.rs"]
mod sessions;
#[path = "acctl/terminal.rs"]
mod terminal;
