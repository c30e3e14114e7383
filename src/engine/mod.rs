//! The engine: how commands and results travel between this process and Redis.
//!
//! A [`Session`] is what every call needs of its client. Commands are pushed by [`push`], once and
//! never blindly again, or by [`once`], and taken back by [`retract`]. Results are waited for one at a time
//! ([`result`]) or many at a time ([`watch`], [`arrivals`]). [`ask`] puts the two together for
//! questions to agents; [`probe`] asks whether something answers, and leaves nothing in Redis. [`retry`] is the one
//! place that decides what is tried again.
//!
//! The engine knows the pool and the protocol; it knows no client, command or job.

pub(crate) mod arrivals;
pub(crate) mod ask;
mod atomic;
mod before;
mod cancel;
mod failure;
mod fetched;
pub(crate) mod ids;
pub(crate) mod kills;
pub(crate) mod loss;
pub(crate) mod once;
mod one;
pub(crate) mod probe;
pub(crate) mod push;
pub(crate) mod push_many;
pub(crate) mod result;
pub(crate) mod retract;
pub(crate) mod retry;
mod rounds;
pub(crate) mod run;
mod session;
#[cfg(test)]
mod simulation;
mod statistics;
pub(crate) mod targets;
mod timeout;
pub(crate) mod verdict;
pub(crate) mod watch;

pub(crate) use session::Session;

pub use cancel::CancelToken;
pub use statistics::Statistics;
pub use timeout::Timeout;
pub use watch::WaitMethod;
