//! The C ABI: one file per C object, and the modules that they share.
//!
//! The conventions at the top of `acclient.h` are implemented by
//!
//! - the signatures: a handle is an `Option<&T>`, NULL or valid; a function that frees it takes an
//!   `Option<Box<T>>`;
//! - [`contract`]: every access through other raw pointers;
//! - [`guard`]: clears out parameters on entry, turns a panic into a status and poisons the handles in use;
//! - [`scope`]: validates arguments; [`text`]: keeps borrowed text at its address; [`lock`]: threads.
//!
//! Types have their C names. cbindgen generates the header from signatures and doc comments and expands no
//! macros, so functions are written out and only their bodies are macros.
#![allow(non_camel_case_types)]
// C has neither named arguments nor builders.
#![allow(clippy::too_many_arguments)]

// The order of the header: errors, clients, commands from request to results, requests to agents.
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
