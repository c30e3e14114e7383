//! Tests of the development grid, by a client that knows nothing but the wire.

mod cleanup;
mod common;
mod compare;
mod faults;
mod golden;
mod jobs;
mod jumpscripts;
mod lanes;
mod lifecycle;
mod monitor;
mod payloads;
mod ports;
mod program;
mod schedule;
mod tunnels;
