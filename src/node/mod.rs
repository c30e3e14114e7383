//! Nodes: which agents there are, and what each knows of its machine, its processes and its tunnels.

pub(crate) mod agents;
pub(crate) mod answer;
pub(crate) mod info;
pub(crate) mod listener;
pub(crate) mod processes;
mod tunnel;

pub use answer::Answer;
pub use info::{CpuInfo, DiskInfo, MemInfo, NicAddr, NicInfo, OsInfo};
pub use processes::{ProcessQuery, ProcessStats};
pub use tunnel::{ClosedTunnel, Gateway, Tunnel};
