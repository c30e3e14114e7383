//! Tests of the development grid with a raw client of the wire protocol.

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
