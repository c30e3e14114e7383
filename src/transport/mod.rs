//! Transport: sockets, TLS, deadlines, cancellation and reconnecting.
//!
//! A call takes a [`Connection`] from the [`Pool`], queues commands on it and reads their replies.
//! One [`Until`] bounds every step: the deadline of the call, its cancel tokens and the closing of
//! its client. The modules above decide what is sent; this one does not know the keys and documents
//! of AgentController8.
//!
//! The connections of the `redis` crate are not used: a read timeout leaves them blocked in a
//! blocking command, a timeout applies to each reply instead of the call, a signal ends a wait, and
//! nothing can be cancelled. Its parser is used, behind a [`framer`] that makes it safe to feed.

mod address;
pub(crate) mod clock;
mod condition;
mod connection;
mod counters;
mod deadline;
mod error;
mod fork;
mod framer;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod pending_ttl;
mod poll;
mod pool;
mod reply;
mod resolve;
mod sentinel;
mod server;
#[cfg(test)]
pub(crate) mod simulated;
mod socket;
mod stream;
mod sweep;
mod tls;
mod tracking;
mod wake;

#[cfg(feature = "capi")]
pub(crate) use address::SENTINEL_PORT;
pub(crate) use address::{Config, DEFAULT_PORT, Endpoint, Secret, bare_host};
pub(crate) use condition::Condition;
pub(crate) use connection::Connection;
pub(crate) use counters::Counters;
pub(crate) use deadline::{Deadline, Until};
pub(crate) use error::{Error, Result, ServerError};
pub(crate) use fork::Process;
#[cfg(feature = "capi")]
pub(crate) use fork::close_inherited;
pub(crate) use pending_ttl::TtlUpdate;
pub(crate) use poll::sleep;
pub(crate) use pool::{Broadcast, Class, Parked, Pool, Pooled};
pub(crate) use reply::{Reply, Unexpected, bulk, error_in, integer, items};
pub(crate) use server::{NO_CLUSTER, POLLING_INTERVAL, field};
pub(crate) use sweep::Leftovers;
pub(crate) use tls::TlsFiles;
pub(crate) use tracking::{Changes, Tracking};
pub(crate) use wake::Wake;
