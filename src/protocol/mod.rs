//! The documents and key names of AgentController8, as its daemons read and write them.
//!
//! Knows nothing of sockets. What would make the controller exit cannot be written with these
//! types, or is refused by their `check`.

mod agent;
mod command;
mod cron;
mod document;
pub(crate) mod keys;
mod result;
mod run_args;
mod state;
mod target;
mod text;

pub use agent::AgentId;
pub(crate) use command::{Address, CommandDocument, Contents, check_size};
pub(crate) use cron::check_cron;
pub(crate) use document::{DocumentError, Field, mended};
pub(crate) use result::ResultDocument;
pub use run_args::RunArgs;
pub(crate) use run_args::check_levels;
pub use state::JobState;
pub use target::{RoleTarget, Target};
pub(crate) use text::{Invalid, WORD, check_name, check_payload, into_payload};

/// `level` of a result whose `data` is JSON.
pub(crate) const LEVEL_JSON: i64 = 20;
