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
//!     .execute(Target::agent((1, 1)), "ls")
//!     .args(["-l", "/"])
//!     .run(Duration::from_secs(10))?;
//! println!("{}\n{}", job.state(), job.stdout());
//! # Ok::<(), acclient::Error>(())
//! ```
//!
//! - **Calls block**, with one deadline each that holds whatever the server does; see [`Timeout`].
//! - **Calls can be ended** from another thread or a signal handler, with [`CancelToken`].
//! - **Commands are found again**: a [`Command`] prints as one word, from which another process
//!   can wait for the same result.
//! - **A command is never sent twice**: where it is not known whether Redis has it, the error says
//!   [`ErrorKind::MaybeSent`].
//! - **Threads, forks, signals**: a [`Client`] may be used by many threads; it works in a forked
//!   child, on connections of its own; signals do not disturb it, and it raises no SIGPIPE.
//!
//! # Platforms and features
//! Unix systems only; on others the build ends with one error. docs/platforms.md in the repository lists the targets
//! that are checked.
//!
//! - `tls` (default): connections under TLS, by rustls and ring. Without it the library needs no C
//!   compiler, and a client that asks for TLS (`rediss://`, [`ClientBuilder::tls`]) fails with
//!   [`ErrorKind::Unsupported`] and "built without TLS".
//! - `capi`: the C ABI. Rust programs have no use for it.
//!
//! # Logging
//! The library logs through the [`log`] facade, under four targets: `acclient::connection`,
//! `acclient::command`, `acclient::wait` and `acclient::retry`. Normal work is logged as `debug` or
//! `trace` only; the first failure after which a call retries is a `warn`. No message contains
//! a password, or the data of a command.
#![warn(missing_docs)]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
// Unsafe code stands in two places; everything else is checked by this.
#![deny(unsafe_code)]

mod client;
mod command;
mod engine;
mod error;
#[cfg(feature = "capi")]
#[allow(unsafe_code)]
mod ffi;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod job;
mod node;
mod protocol;
#[allow(unsafe_code)]
mod transport;

pub use client::{Check, Client, ClientBuilder, Diagnosis, Scheduled, Verdict};
pub use command::{Collected, Command, Progress, Request, Results, Rollout, RolloutPlan, Stage};
pub use engine::{CancelToken, Statistics, Timeout, WaitMethod};
pub use error::{Error, ErrorKind, Gap, Result};
pub use job::{Follow, Job, KillResult, Message, MsgQuery, Outcome, Outcomes};
pub use node::{
    Answer, ClosedTunnel, CpuInfo, DiskInfo, Gateway, MemInfo, NicAddr, NicInfo, OsInfo,
    ProcessQuery, ProcessStats, Tunnel,
};
pub use protocol::{
    AgentId, JobResult, JobState, ParseAgentIdError, ParseTargetError, RoleTarget, RunArgs,
    Selection, Target,
};

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
