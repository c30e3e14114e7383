//! What an agent knows of the machine that it runs on.
//!
//! Fields that an older or newer agent leaves out are zero or empty; fields that this version does
//! not know are in the JSON of the [`Answer`].

use serde::Deserialize;

use crate::client::Client;
use crate::error::Result;
use crate::node::Answer;
use crate::node::ProcessStats;

/// A processor, from [`Client::get_cpu_info`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct CpuInfo {
    /// Its number.
    pub cpu: i64,
    /// Who made it.
    pub vendor_id: String,
    /// Family.
    pub family: String,
    /// Model.
    pub model: String,
    /// Stepping.
    pub stepping: i64,
    /// Number of its socket.
    pub physical_id: String,
    /// Number of its core.
    pub core_id: String,
    /// How many cores it has.
    pub cores: i64,
    /// Name of the model.
    pub model_name: String,
    /// Clock, in MHz.
    pub mhz: f64,
    /// Size of the cache, in KiB.
    pub cache_size: i64,
    /// What it can do.
    pub flags: Vec<String>,
}

/// A mounted file system, from [`Client::get_disk_info`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct DiskInfo {
    /// Device.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Type of the file system.
    pub fstype: String,
    /// Options of the mount, separated by commas.
    pub opts: String,
}

/// Memory, from [`Client::get_mem_info`]: bytes, except for the percentage.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the fields are those of every memory table")]
pub struct MemInfo {
    pub total: u64,
    pub available: u64,
    pub used: u64,
    /// Per cent.
    pub used_percent: f64,
    pub free: u64,
    pub active: u64,
    pub inactive: u64,
    pub buffers: u64,
    pub cached: u64,
    pub wired: u64,
    pub shared: u64,
}

/// A network interface, from [`Client::get_nic_info`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct NicInfo {
    /// Largest packet, in bytes.
    pub mtu: i64,
    /// Name.
    pub name: String,
    /// Hardware address; empty where it has none.
    pub hardwareaddr: String,
    /// `up`, `loopback`, `broadcast`, `multicast`, …
    pub flags: Vec<String>,
    /// Its addresses.
    pub addrs: Vec<NicAddr>,
}

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct NicAddr {
    /// Address and length of the prefix, like `192.0.2.2/24`.
    pub addr: String,
}

/// The operating system, from [`Client::get_os_info`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct OsInfo {
    /// Name of the host.
    pub hostname: String,
    /// How long it is up, in seconds.
    pub uptime: u64,
    /// When it was started, in seconds since 1970.
    pub boot_time: u64,
    /// Processes; 0 on today's agents.
    pub procs: u64,
    /// `linux`, …
    pub os: String,
    /// Distribution.
    pub platform: String,
    /// Family of the distribution.
    pub platform_family: String,
    /// Version of the distribution.
    pub platform_version: String,
    /// What it runs in, if anything.
    pub virtualization_system: String,
    /// Whether it is host or guest of that.
    pub virtualization_role: String,
}

/// Node information. Each call asks one agent and blocks for the client's timeout at most. Errors
/// are those of [`CommandBuilder::run`](crate::CommandBuilder::run), and
/// [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed) where the agent could not tell.
impl Client {
    /// The processors of an agent's machine.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), …
    pub fn get_cpu_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<CpuInfo>>> {
        self.ask_agent(gid, nid, "get_cpu_info", "")
    }

    /// The mounted file systems of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_disk_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<DiskInfo>>> {
        self.ask_agent(gid, nid, "get_disk_info", "")
    }

    /// The memory of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_mem_info(&self, gid: u32, nid: u32) -> Result<Answer<MemInfo>> {
        self.ask_agent(gid, nid, "get_mem_info", "")
    }

    /// The network interfaces of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_nic_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<NicInfo>>> {
        self.ask_agent(gid, nid, "get_nic_info", "")
    }

    /// The operating system of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_os_info(&self, gid: u32, nid: u32) -> Result<Answer<OsInfo>> {
        self.ask_agent(gid, nid, "get_os_info", "")
    }

    /// What an agent and all its jobs use together.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_aggregated_stats(&self, gid: u32, nid: u32) -> Result<Answer<ProcessStats>> {
        self.ask_agent(gid, nid, "get_aggregated_stats", "")
    }
}
