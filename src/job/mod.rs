//! Jobs: what one agent made of a command, its log, and the outcome of each agent of a fan-out.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod follow;
mod job;
mod msgs;
pub(crate) mod outcome;

pub use follow::Follow;
pub use job::Job;
pub use msgs::{Message, MsgQuery};
pub use outcome::{Collected, Outcome, Outcomes};
