//! Public entry point: the [`Client`] of one grid, its configuration, and its requests to the controller.
#![allow(clippy::module_inception, reason = "the room is named after its main type")]

mod agents;
mod builder;
mod client;
mod doctor;
pub(crate) mod history;
pub(crate) mod instance;
mod resolve;
mod schedule;
mod scripts;
mod tables;
mod tunnels;

pub use builder::ClientBuilder;
pub use client::Client;
pub use doctor::{Check, Diagnosis, Verdict};
pub use schedule::Scheduled;
