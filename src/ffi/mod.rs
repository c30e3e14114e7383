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

mod answer;
mod cancel;
mod client;
mod command;
mod error;
mod follow;
mod guard;
mod job;
mod lists;
mod outcomes;
mod queries;
mod request;
mod results;
mod run_args;
mod status;
mod target;
mod text;
mod tunnel;
mod version;
