//! What an agent reports about the machine that it runs on.
//!
//! Fields that an agent leaves out, and those of the wrong type, are zero or empty; the JSON of the
//! [`Answer`] has those too, and fields unknown to this version.

use super::Answer;
use super::answer::{ask_one, ask_rows};
#[cfg(doc)]
use crate::client::Client;
use crate::engine::Session;
use crate::error::Result;
use crate::protocol::{AgentId, record};

/// Processor of an agent's machine, from [`Client::get_cpu_info`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for cpu in client.get_cpu_info((1, 1))?.iter() {
///     println!("{} at {} MHz", cpu.model_name, cpu.mhz);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct CpuInfo {
    /// Number of the processor.
    pub cpu: i64,
    /// Manufacturer.
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
    /// Number of cores.
    pub cores: i64,
    /// Name of the model.
    pub model_name: String,
    /// Clock, in MHz.
    pub mhz: f64,
    /// Size of the cache, in KiB.
    pub cache_size: i64,
    /// Feature flags.
    pub flags: Vec<String>,
}

record!(CpuInfo {
    cpu,
    vendor_id,
    family,
    model,
    stepping,
    physical_id,
    core_id,
    cores,
    model_name,
    mhz,
    cache_size,
    flags
});

/// Mounted file system of an agent's machine, from [`Client::get_disk_info`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for disk in client.get_disk_info((1, 1))?.iter() {
///     println!("{} on {}", disk.device, disk.mountpoint);
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DiskInfo {
    /// Device.
    pub device: String,
    /// Mount point.
    pub mountpoint: String,
    /// Type of the file system.
    pub fstype: String,
    /// Mount options, separated by commas.
    pub opts: String,
}

record!(DiskInfo { device, mountpoint, fstype, opts });

/// Memory of an agent's machine, from [`Client::get_mem_info`]: bytes, except for the percentage.
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let memory = client.get_mem_info((1, 1))?;
/// println!("{} of {} bytes available", memory.available, memory.total);
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
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

record!(MemInfo {
    total,
    available,
    used,
    used_percent,
    free,
    active,
    inactive,
    buffers,
    cached,
    wired,
    shared
});

/// Network interface of an agent's machine, from [`Client::get_nic_info`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for nic in client.get_nic_info((1, 1))?.iter() {
///     println!("{} has {} addresses", nic.name, nic.addrs.len());
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NicInfo {
    /// Maximum transmission unit in bytes.
    pub mtu: i64,
    /// Name.
    pub name: String,
    /// Hardware address; empty where it has none.
    pub hardwareaddr: String,
    /// `up`, `loopback`, `broadcast`, `multicast`, …
    pub flags: Vec<String>,
    /// Addresses.
    pub addrs: Vec<NicAddr>,
}

record!(NicInfo { mtu, name, hardwareaddr, flags, addrs });

/// Address of a network interface: see [`NicInfo`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// for nic in client.get_nic_info((1, 1))?.iter() {
///     nic.addrs.iter().for_each(|address| println!("{}", address.addr));
/// }
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NicAddr {
    /// Address and length of the prefix, like `192.0.2.2/24`.
    pub addr: String,
}

record!(NicAddr { addr });

/// Operating system of an agent's machine, from [`Client::get_os_info`].
///
/// ```no_run
/// # use acclient::*;
/// # let client = Client::connect("redis://localhost")?;
/// let os = client.get_os_info((1, 1))?;
/// println!("{} runs {} {}", os.hostname, os.platform, os.platform_version);
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct OsInfo {
    /// Name of the host.
    pub hostname: String,
    /// Uptime in seconds.
    pub uptime: u64,
    /// Boot time in seconds since 1970.
    pub boot_time: u64,
    /// Number of processes; today's agents report 0.
    pub procs: u64,
    /// `linux`, …
    pub os: String,
    /// Distribution.
    pub platform: String,
    /// Family of the distribution.
    pub platform_family: String,
    /// Version of the distribution.
    pub platform_version: String,
    /// Virtualization system, if any.
    pub virtualization_system: String,
    /// Role in it: host or guest.
    pub virtualization_role: String,
}

record!(OsInfo {
    hostname,
    uptime,
    boot_time,
    procs,
    os,
    platform,
    platform_family,
    platform_version,
    virtualization_system,
    virtualization_role
});

pub(crate) fn cpu(session: &Session, agent: AgentId) -> Result<Answer<Vec<CpuInfo>>> {
    ask_rows(session, agent, "get_cpu_info", "")
}

pub(crate) fn disk(session: &Session, agent: AgentId) -> Result<Answer<Vec<DiskInfo>>> {
    ask_rows(session, agent, "get_disk_info", "")
}

pub(crate) fn mem(session: &Session, agent: AgentId) -> Result<Answer<MemInfo>> {
    ask_one(session, agent, "get_mem_info", "")
}

pub(crate) fn nic(session: &Session, agent: AgentId) -> Result<Answer<Vec<NicInfo>>> {
    ask_rows(session, agent, "get_nic_info", "")
}

pub(crate) fn os(session: &Session, agent: AgentId) -> Result<Answer<OsInfo>> {
    ask_one(session, agent, "get_os_info", "")
}
