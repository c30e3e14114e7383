//! [`Statistics`]: counters and connections of a client.

use super::Session;

/// Connections and counters of a client and of all objects created from it; see
/// [`Client::statistics`](crate::Client::statistics). Counters start when the client is created. A forked child
/// continues with the counters of its parent, and has connections of its own.
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
    /// Calls currently waiting for a connection because all connections allowed to them are in use: see
    /// [`max_connections`](crate::ClientBuilder::max_connections).
    pub waiting_calls: usize,
    /// Connections opened so far.
    pub connected: u64,
    /// Number of times a call had to wait for a connection.
    pub pool_waits: u64,
    /// Commands pushed and confirmed by Redis, including requests to agents and the controller.
    pub pushed: u64,
    /// Waits for results that used [`WaitMethod::Blocking`](crate::WaitMethod::Blocking).
    pub blocking_waits: u64,
    /// Waits for results that used [`WaitMethod::Tracking`](crate::WaitMethod::Tracking).
    pub tracking_waits: u64,
    /// Waits for results that used [`WaitMethod::Broadcast`](crate::WaitMethod::Broadcast).
    pub broadcast_waits: u64,
    /// Waits for results that used [`WaitMethod::Polling`](crate::WaitMethod::Polling).
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
