//! The C ABI: one file per C object, and three that they share.
//!
//! Every exported function keeps the conventions that `acclient.h` opens with:
//!
//! - what can fail returns an [`acclient_status`](status::acclient_status) and takes an
//!   `acclient_error **` last; out parameters are set to NULL or 0 on entry ([`guard::out`]);
//! - a panic is caught in the body ([`guard::call`]), the handles in use refuse further calls, and
//!   the process lives;
//! - a pointer becomes a reference only in [`guard`] and [`text`], where NULL is refused.
//!
//! The names are those of C.
#![allow(non_camel_case_types)]
// C has no named arguments and no builders that own what they are given.
#![allow(clippy::too_many_arguments)]

// The header has them in this order: errors first, then clients, then commands from before they are
// sent to what came of them, then what agents can be asked.
mod error;
mod status;
mod version;

mod cancel;
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
mod schedule;
mod tunnel;

mod guard;
#[cfg(test)]
mod panics;
mod text;
