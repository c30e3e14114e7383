//! Blocking client for AgentController8: runs commands on a grid of agents.
//!
//! A client pushes commands to Redis. The grid's controller hands each command to its agent, the agent runs
//! it, and the result comes back through Redis. This library is the client, for Rust and, over a C ABI
//! (`acclient.h`), for C and every language that can call C.
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
//! - **Calls block**, each with one deadline that holds whatever the server does; see [`Timeout`].
//! - **Calls can be cancelled** from another thread or a signal handler, with [`CancelToken`].
//! - **Commands outlive the process**: a [`Command`] prints as a handle string, with which another process
//!   can wait for the same result.
//! - **A command is never sent twice**: if it is unknown whether Redis received it, the error is
//!   [`ErrorKind::MaybeSent`].
//! - **Threads, forks, signals**: many threads may share a [`Client`]. It works in a forked child, on new
//!   connections. Signals do not interrupt it, and it raises no SIGPIPE.
//!
//! # Platforms and features
//! Unix only; on other systems the build fails with a single error. docs/platforms.md in the repository lists
//! the tested targets.
//!
//! - `tls` (default): TLS connections, through rustls and ring. Without it the library needs no C compiler,
//!   and a client configured for TLS (`rediss://`, [`ClientBuilder::tls`]) fails with
//!   [`ErrorKind::Unsupported`] and "built without TLS".
//! - `capi`: the C ABI, of no use to Rust programs.
//!
//! # Logging
//! The library logs through the [`log`] facade, under four targets: `acclient::connection`,
//! `acclient::command`, `acclient::wait` and `acclient::retry`. Normal operation is logged at `debug` and
//! `trace` only. The first failure after which a call retries is logged at `warn`. No message contains a
//! password or the data of a command.
#![warn(missing_docs)]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
// Unsafe code is confined to the two modules with an `allow` below.
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

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
