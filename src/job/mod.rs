//! Jobs: what one agent made of a command, its log, and the outcome of asking several agents.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod follow;
mod job;
pub(crate) mod msgs;
mod outcome;
pub(crate) mod questions;

pub(crate) use outcome::outcomes_of;

pub use follow::Follow;
pub use job::Job;
pub use msgs::{Message, MsgQuery};
pub use outcome::{Outcome, Outcomes};
