//! Tests of the library through its public API, against the development grid and servers that
//! misbehave.
//!
//! They share one process. A test that counts what the process holds, forks, or sends signals runs in
//! a process of its own, see `support::alone`.

mod abilities;
mod addresses;
mod agent_list;
mod api;
mod bad_input;
mod bad_results;
mod closed_descriptors;
mod cost;
mod doctor;
mod endurance;
mod error_page;
mod errors;
mod failover;
mod fanout;
mod faults;
mod follow;
mod fork;
mod golden;
mod golden_run;
mod grid;
mod hostile;
mod ids;
mod keys;
mod kill;
mod log;
mod lost_connections;
mod lost_data;
mod many;
mod model;
mod nobody;
mod odd_answers;
mod once;
mod partial;
mod pool;
mod progress;
mod queued;
mod reused;
mod rights;
mod rollout;
mod rooms;
mod scale;
mod schedule;
mod selection;
mod signals;
mod states;
mod stranger;
mod surface;
mod table;
mod tls;
mod tunnels;
mod unanswered;
mod witness;
