//! Commands: building one, sending it, and reading the results of all its agents.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod builder;
mod collected;
mod command;
mod everywhere;
mod progress;
mod results;
mod rollout;

pub use builder::CommandBuilder;
pub use collected::Collected;
pub use command::Command;
pub use progress::{Progress, Stage};
pub use results::Results;
pub use rollout::{Rollout, RolloutResults};
