//! Development grid for AgentController8 clients: a real Redis, a controller and agents in one process.
//!
//! It starts a `redis-server` or `valkey-server` of its own, a controller and any number of agents
//! that run real processes, and speaks the wire of the original daemons, against whose recorded
//! exchanges it is tested. Tests can make it misbehave in the ways a real grid does. **It is for
//! development**: nothing is kept, nobody is checked, and anyone who can reach its Redis can run
//! programs as you.
//!
//! ```no_run
//! let grid = devgrid::Grid::demo()?;
//! println!("{}", grid.url());
//! # Ok::<(), devgrid::Error>(())
//! ```
//!
//! Everything it started is gone when the [`Grid`] is dropped, and also when its process is killed.
//!
//! Where the original is worse than one would like, so is the grid: docs/protocol.md of acclient tells how. Known
//! differences:
//!
//! - The controller never loses a command to a BLPOP that it has just given up, as the original can.
//! - Processes of jobs that survive their agent keep their output; those of the original lose it.
//! - Tunnels listen on 127.0.0.1 only.
//! - There are no tunnels from the controller to an agent (`tunnel_open` and the like), which later
//!   controllers have.

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

/// Why the grid or its Redis could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Error(text.into())
    }
}

/// A thread that panicked must not take the cleanup of the others with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signals for the tests of this workspace; not part of the library's interface.
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
