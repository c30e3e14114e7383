//! What an agent knows of the machine that it runs on.
//!
//! Fields that an older or newer agent leaves out are zero or empty; fields that this version does
//! not know are in the JSON of the [`Answer`].

use serde::Deserialize;

use super::Answer;
use super::answer::ask_agent;
#[cfg(doc)]
use crate::client::Client;
use crate::engine::Session;
use crate::error::Result;
use crate::protocol::AgentId;

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

pub(crate) fn cpu(session: &Session, agent: AgentId) -> Result<Answer<Vec<CpuInfo>>> {
    ask_agent(session, agent, "get_cpu_info", "")
}

pub(crate) fn disk(session: &Session, agent: AgentId) -> Result<Answer<Vec<DiskInfo>>> {
    ask_agent(session, agent, "get_disk_info", "")
}

pub(crate) fn mem(session: &Session, agent: AgentId) -> Result<Answer<MemInfo>> {
    ask_agent(session, agent, "get_mem_info", "")
}

pub(crate) fn nic(session: &Session, agent: AgentId) -> Result<Answer<Vec<NicInfo>>> {
    ask_agent(session, agent, "get_nic_info", "")
}

pub(crate) fn os(session: &Session, agent: AgentId) -> Result<Answer<OsInfo>> {
    ask_agent(session, agent, "get_os_info", "")
}
