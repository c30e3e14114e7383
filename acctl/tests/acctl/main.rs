//! `acctl` as a process, against the development grid.

#[path = "../../../tests/common/certificates.rs"]
mod certificates;
#[path = "../../../tests/common/mod.rs"]
mod common;
mod cut;
mod errors;
#[path = "../../../tests/common/prefix.rs"]
mod prefix;
mod program;
mod runs;
#[path = "../../../tests/scripted/mod.rs"]
mod scripted;
mod sessions;
mod terminal;
