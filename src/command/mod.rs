//! Commands: building one, sending it, and reading the results of all its agents.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod builder;
mod command;
mod progress;
mod results;
mod rollout;
mod scripts;
pub(crate) mod submit;

pub use builder::CommandBuilder;
pub use command::{Command, CommandRef};
pub use progress::{Progress, Stage};
pub use results::Results;
pub use rollout::{Rollout, RolloutResults};
