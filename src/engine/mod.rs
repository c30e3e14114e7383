//! The engine: moves commands and results between this process and Redis.
//!
//! [`Session`] holds what every call needs from its client. [`push`] sends a command once and does not blindly
//! resend it. [`once`] pushes idempotently. [`retract`] takes a command back out of the queue. [`result`] waits
//! for one result; [`watch`] and [`arrivals`] wait for many. [`ask`] combines push and wait for requests to
//! agents. [`probe`] checks whether a component answers and leaves nothing in Redis. [`retry`] holds the only
//! retry policy.
//!
//! The engine depends on the pool and the protocol, not on clients, commands or jobs.

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
