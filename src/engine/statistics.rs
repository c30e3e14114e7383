//! [`Statistics`]: what a client has done so far, and its connections now.

use super::Session;

/// Connections and counts of a client and of everything made from it; see
/// [`Client::statistics`](crate::Client::statistics). Counts start when the client is made. A forked child
/// continues with those of its parent, and has connections of its own.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let statistics = client.statistics();
/// if statistics.pool_waits > 0 {
///     eprintln!("{} calls had to wait for a connection", statistics.pool_waits);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Connections that are open or being opened.
    pub open_connections: usize,
    /// Open connections that no call uses.
    pub idle_connections: usize,
    /// Calls that wait for a connection now, since those that they may have are in use: see
    /// [`max_connections`](crate::ClientBuilder::max_connections).
    pub waiting_calls: usize,
    /// Connections opened so far.
    pub connected: u64,
    /// Times that a call had to wait for a connection.
    pub pool_waits: u64,
    /// Commands pushed and confirmed by Redis, questions to agents and the controller included.
    pub pushed: u64,
    /// Waits for results by [`WaitMethod::Blocking`](crate::WaitMethod::Blocking).
    pub blocking_waits: u64,
    /// Waits for results by [`WaitMethod::Tracking`](crate::WaitMethod::Tracking).
    pub tracking_waits: u64,
    /// Waits for results by [`WaitMethod::Broadcast`](crate::WaitMethod::Broadcast).
    pub broadcast_waits: u64,
    /// Waits for results by [`WaitMethod::Polling`](crate::WaitMethod::Polling).
    pub polling_waits: u64,
}

impl Session {
    pub(crate) fn statistics(&self) -> Statistics {
        let (connections, counters) = (self.pool().connections(), self.counters());
        Statistics {
            open_connections: connections.open,
            idle_connections: connections.idle,
            waiting_calls: connections.waiting,
            connected: counters.connected.get(),
            pool_waits: counters.pool_waits.get(),
            pushed: counters.pushed.get(),
            blocking_waits: counters.blocking_waits.get(),
            tracking_waits: counters.tracking_waits.get(),
            broadcast_waits: counters.broadcast_waits.get(),
            polling_waits: counters.polling_waits.get(),
        }
    }
}
