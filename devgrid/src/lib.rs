//! Development grid for testing AgentController8 clients: a real Redis, a controller and agents in one process.
//!
//! Starts its own `redis-server` or `valkey-server`, a controller and any number of agents that run real processes. The
//! grid speaks the wire protocol of the original daemons and is tested against recordings of their traffic. Tests can
//! inject the failures of a real grid. **Use it for development only**: it stores nothing, authenticates no one, and
//! anyone who can reach its Redis can run programs as you.
//!
//! ```no_run
//! let grid = devgrid::Grid::demo()?;
//! println!("{}", grid.url());
//! # Ok::<(), devgrid::Error>(())
//! ```
//!
//! Dropping the [`Grid`] ends everything it started; so does killing its process.
//!
//! The grid reproduces the defects of the original, which docs/protocol.md of acclient describes. Known differences:
//!
//! - The controller never loses a command to an abandoned BLPOP, which the original can.
//! - Processes of jobs that outlive their agent keep their output; those of the original lose it.
//! - Tunnels listen on 127.0.0.1 only.
//! - Tunnels from the controller to an agent (`tunnel_open` and others), which later controllers have, are missing.

#![warn(missing_docs)]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

mod agent;
mod builtin;
mod conn;
mod controller;
mod extension;
mod fault;
mod gojson;
mod grid;
mod internals;
mod job;
mod jumpscript;
mod link;
mod logs;
mod nodeinfo;
mod output;
mod process;
mod redis_server;
mod routing;
mod schedule;
mod simulator;
mod stats;
mod sys;
mod timer;
mod tunnel;
mod watchdog;
mod wire;
mod worker;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use fault::{Fault, Step};
pub use grid::{Grid, GridBuilder};
pub use redis_server::{RedisServer, RedisServerBuilder, free_port};
pub use simulator::Simulator;

/// Error starting the grid or its Redis.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Error(text.into())
    }
}

/// Locks a mutex, ignoring poisoning: a panicked thread must not prevent the cleanup by others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signals for the tests of this workspace; not part of the public API.
#[doc(hidden)]
pub mod signals {
    pub const SIGTERM: i32 = rustix::process::Signal::TERM.as_raw();

    /// Sends a signal to one process.
    pub fn send(pid: u32, signal: i32) {
        if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
            crate::sys::kill(pid, signal);
        }
    }
}
