//! Nodes: what an agent's machine knows of itself, its processes and its tunnels.

mod answer;
mod info;
mod processes;
mod stats;
mod tunnel;

pub use answer::Answer;
pub use info::{CpuInfo, DiskInfo, MemInfo, NicAddr, NicInfo, OsInfo};
pub use processes::ProcessQuery;
pub use stats::ProcessStats;
pub use tunnel::{Gateway, Tunnel};
