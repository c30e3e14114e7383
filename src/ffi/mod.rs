//! The C ABI: one file per C object, and what they share.
//!
//! Every exported function keeps the conventions that `acclient.h` opens with, by means of
//!
//! - its signature: a handle is an `Option<&T>`, which is NULL or valid, and an `Option<Box<T>>` where
//!   it is freed;
//! - [`contract`]: all use of other pointers, in one place;
//! - [`guard`]: out parameters are cleared on entry, a panic becomes a status, and the handles in use
//!   refuse further calls;
//! - [`scope`]: what C passes is validated; [`text`]: what C borrows keeps its address; [`lock`].
//!
//! The names are those of C. cbindgen writes the header from the signatures and descriptions, and
//! expands no macros: functions are written out, their bodies are not.
#![allow(non_camel_case_types)]
// C has no named arguments and no builders that own what they are given.
#![allow(clippy::too_many_arguments)]

// The header has them in this order: errors first, then clients, then commands from before they are
// sent to their results, then requests to agents.
mod error;
mod log;
mod status;
mod version;

mod cancel_token;
mod client;
mod options;

mod request;
mod run_args;
mod target;

mod collected;
mod command;
mod progress;
mod results;
mod rollout;

mod job;
mod lists;
mod outcomes;

mod answer;
mod follow;
mod queries;
mod query;
mod resolve;
mod schedule;
mod tunnel;

mod contract;
mod guard;
mod lock;
#[cfg(test)]
mod panics;
mod scope;
mod text;
