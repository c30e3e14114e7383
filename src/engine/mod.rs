//! The engine: how commands and results travel between this process and Redis.

mod cancel;
pub(crate) mod ids;
pub(crate) mod queue;
mod wait;
pub(crate) mod waiting;
pub(crate) mod watch;

pub use cancel::Cancel;
pub use wait::Wait;
pub use watch::WaitMethod;
