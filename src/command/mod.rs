//! Commands: building one, sending it, and reading the results of all its agents.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod collected;
mod command;
mod everywhere;
mod lost;
mod progress;
mod queued;
mod request;
mod results;
mod rollout;
mod routed;

pub use collected::Collected;
pub use command::Command;
pub use progress::{Progress, Stage};
pub use request::Request;
pub use results::Results;
pub use rollout::{Rollout, RolloutPlan};
