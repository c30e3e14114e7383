//! Documents and key names of AgentController8, in the form its daemons read and write.
//!
//! Independent of sockets. These types cannot express anything that would make the controller exit, or their
//! `check` refuses it.

mod agent;
mod before;
mod command;
mod controller_data;
mod cron;
mod digest;
mod document;
mod documents;
mod envelope;
mod job_result;
mod json_text;
pub(crate) mod keys;
mod lenient;
mod result;
mod run_args;
mod selection;
mod selection_syntax;
#[cfg(test)]
mod selection_tests;
mod state;
mod target;
mod target_syntax;
mod text;

pub use agent::{AgentId, ParseAgentIdError};
pub(crate) use before::Before;
pub(crate) use command::{Address, CommandDocument, Contents, check_size, in_words};
pub(crate) use cron::{check_cron, next_run};
pub(crate) use digest::{DIGEST, digest};
pub(crate) use document::{DocumentError, Field, Fields, Odd, Rest, mended};
pub(crate) use documents::Documents;
pub(crate) use envelope::{AgentQueue, Envelope, Sent};
pub use job_result::JobResult;
#[cfg(feature = "capi")]
pub(crate) use lenient::real;
pub(crate) use lenient::{Record, Text, extra, record, rows, shown, value, whole};
pub(crate) use result::{NO_AGENTS, ResultDocument};
pub use run_args::RunArgs;
pub(crate) use run_args::check_levels;
pub use selection::Selection;
pub(crate) use selection_syntax::{Groups, is_group_name};
pub use state::JobState;
#[cfg(feature = "capi")]
pub(crate) use target::LARGEST_ID;
pub use target::{RoleTarget, Target};
pub use target_syntax::ParseTargetError;
pub(crate) use target_syntax::beginning;
#[cfg(feature = "capi")]
pub(crate) use text::check_payload;
pub(crate) use text::{Invalid, check_name, into_payload};

/// `level` of a result whose `data` is JSON.
pub(crate) const LEVEL_JSON: i64 = 20;
