//! Blocking client for AgentController8: runs commands on a grid of agents.
//!
//! A client pushes commands to Redis, the grid's controller hands each to the agent it is meant
//! for, the agent runs it, and its result comes back through Redis. This library does the client's
//! part, from Rust and, over a C ABI (`acclient.h`), from C and every language that speaks C.
//!
//! ```no_run
//! use acclient::{Client, Target};
//! use std::time::Duration;
//!
//! let client = Client::connect("redis://localhost:6379")?;
//! for (agent, roles) in client.list_agents()? {
//!     println!("{agent} has the roles {roles:?}");
//! }
//! let job = client
//!     .execute(Target::agent(1, 1), "ls")
//!     .args(["-l", "/"])
//!     .run(Duration::from_secs(10))?;
//! println!("{}\n{}", job.state(), job.stdout());
//! # Ok::<(), acclient::Error>(())
//! ```
//!
//! - **Calls block**, with one deadline each that holds whatever the server does; see [`Wait`].
//! - **Calls can be ended** from another thread or a signal handler, with [`Cancel`].
//! - **Commands are found again**: a [`CommandRef`] prints as one word, from which another process
//!   can wait for the same result.
//! - **A command is never sent twice**: where it is not known whether Redis has it, the error says
//!   [`ErrorKind::MaybeSent`].
//! - **Threads, forks, signals**: a [`Client`] may be used by many threads; it works in a forked
//!   child, on connections of its own; signals do not disturb it, and it raises no SIGPIPE.
#![warn(missing_docs)]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
// Unsafe code stands in two places; everything else is checked by this.
#![deny(unsafe_code)]
// Some helpers serve only the C layer. Lints find dead code in builds that have it.
#![cfg_attr(not(feature = "capi"), allow(dead_code, unused_imports))]

mod answer;
mod builder;
mod cancel;
mod client;
mod command;
mod command_builder;
mod doctor;
mod error;
#[cfg(feature = "capi")]
#[allow(unsafe_code)]
mod ffi;
mod follow;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod ids;
mod instance;
mod job;
mod msgs;
mod node;
mod outcome;
mod processes;
mod progress;
mod protocol;
mod queue;
mod results;
mod rollout;
mod schedule;
mod scripts;
mod stats;
mod submission;
mod target;
#[allow(unsafe_code)]
mod transport;
mod tunnel;
mod wait;
mod waiting;
mod watch;

pub use answer::Answer;
pub use builder::ClientBuilder;
pub use cancel::Cancel;
pub use client::Client;
pub use command::{Command, CommandRef};
pub use command_builder::CommandBuilder;
pub use doctor::{Check, Diagnosis, Verdict};
pub use error::{Error, ErrorKind, Result};
pub use follow::Follow;
pub use job::Job;
pub use msgs::{Message, MsgQuery};
pub use node::{CpuInfo, DiskInfo, MemInfo, NicAddr, NicInfo, OsInfo};
pub use outcome::{Collected, Outcome, Outcomes};
pub use processes::ProcessQuery;
pub use progress::{Progress, Stage};
pub use protocol::{AgentId, JobState, RunArgs};
pub use results::Results;
pub use rollout::{Rollout, RolloutResults};
pub use schedule::Scheduled;
pub use stats::ProcessStats;
pub use target::{RoleTarget, Target};
pub use tunnel::{Gateway, Tunnel};
pub use wait::Wait;
pub use watch::WaitMethod;

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
