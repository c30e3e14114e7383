//! Jobs: what one agent made of a command, its log, and the outcome of asking several agents.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod follow;
mod job;
mod kill;
pub(crate) mod msgs;
mod outcome;
mod pages;
pub(crate) mod questions;
mod window;

pub(crate) use job::Origin;
pub(crate) use kill::kill_each;
pub(crate) use outcome::outcomes_of;

pub use follow::Follow;
pub use job::Job;
pub use kill::KillResult;
pub use msgs::{Message, MsgQuery};
pub use outcome::{Outcome, Outcomes};
