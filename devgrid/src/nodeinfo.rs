//! Answers to `get_*_info`, with the fields and types of the original.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;
use sysinfo::{Disks, NetworkData, Networks, System};

use crate::gojson::{self, Object};

fn strings(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    gojson::array(&items.into_iter().map(|item| gojson::string(item.as_ref())).collect::<Vec<_>>())
}

/// Number from a file of /proc, or 0.
fn number(text: Option<&String>) -> Value {
    let text = text.map(|t| t.trim()).unwrap_or_default();
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().map(Value::from)).unwrap_or_else(|| Value::from(0))
}

/// One entry per processor.
pub(crate) fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for block in text.split("\n\n") {
        let pairs = block.lines().filter_map(|line| line.split_once(':'));
        let fields: HashMap<&str, String> =
            pairs.map(|(k, v)| (k.trim(), v.trim().to_string())).collect();
        if fields.contains_key("processor") {
            found.push(processor(&fields));
        }
    }
    if found.is_empty() {
        found = cpu_elsewhere();
    }
    gojson::array(&found)
}

fn processor(fields: &HashMap<&str, String>) -> String {
    let text = |name: &str| fields.get(name).map_or("", String::as_str);
    let cache = text("cache size").split_whitespace().next().map(String::from);
    Object::new()
        .value("cpu", &number(fields.get("processor")))
        .text("vendor_id", text("vendor_id"))
        .text("family", text("cpu family"))
        .text("model", text("model"))
        .value("stepping", &number(fields.get("stepping")))
        .text("physical_id", text("physical id"))
        .text("core_id", text("core id"))
        .int("cores", 1)
        .text("model_name", text("model name"))
        .value("mhz", &number(fields.get("cpu MHz")))
        .value("cache_size", &number(cache.as_ref()))
        .raw("flags", &strings(text("flags").split_whitespace()))
        .end()
}

/// Fallback without /proc.
fn cpu_elsewhere() -> Vec<String> {
    let mut system = System::new();
    system.refresh_cpu_all();
    let one = |(index, cpu): (usize, &sysinfo::Cpu)| {
        Object::new()
            .int("cpu", index as i64)
            .text("vendor_id", cpu.vendor_id())
            .text("family", "")
            .text("model", "")
            .int("stepping", 0)
            .text("physical_id", "")
            .text("core_id", &index.to_string())
            .int("cores", 1)
            .text("model_name", cpu.brand())
            .int("mhz", cpu.frequency() as i64)
            .int("cache_size", 0)
            .raw("flags", "[]")
            .end()
    };
    system.cpus().iter().enumerate().map(one).collect()
}

/// One entry per mount.
pub(crate) fn disk() -> String {
    let entry = |device: &str, mountpoint: &str, fstype: &str, opts: &str| {
        let object = Object::new().text("device", device).text("mountpoint", mountpoint);
        object.text("fstype", fstype).text("opts", opts).end()
    };
    let text = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        // Blanks in names are octal escapes.
        let fields: Vec<String> =
            line.split_whitespace().map(|f| f.replace("\\040", " ")).collect();
        if let [device, mountpoint, fstype, opts, ..] = &fields[..] {
            found.push(entry(device, mountpoint, fstype, opts));
        }
    }
    if found.is_empty() {
        let one = |d: &sysinfo::Disk| {
            let (name, fstype) = (d.name().to_string_lossy(), d.file_system().to_string_lossy());
            entry(
                &name,
                &d.mount_point().to_string_lossy(),
                &fstype,
                if d.is_read_only() { "ro" } else { "rw" },
            )
        };
        found = Disks::new_with_refreshed_list().iter().map(one).collect();
    }
    gojson::array(&found)
}

/// Memory, in bytes.
pub(crate) fn memory() -> String {
    let mut system = System::new();
    system.refresh_memory();
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok());
        value.unwrap_or(0) * 1024
    };
    let (total, available) = (system.total_memory() as i64, system.available_memory() as i64);
    let used = if total > 0 { (total - available) as f64 / total as f64 * 100.0 } else { 0.0 };
    let object = Object::new()
        .int("total", total)
        .int("available", available)
        .int("used", total - system.free_memory() as i64)
        .raw("used_percent", &used.to_string())
        .int("free", system.free_memory() as i64)
        .int("active", kib("Active"))
        .int("inactive", kib("Inactive"))
        .int("buffers", kib("Buffers"))
        .int("cached", kib("Cached"))
        .int("wired", 0)
        .int("shared", 0);
    object.end()
}

/// One entry per network interface.
pub(crate) fn nic() -> String {
    let networks = Networks::new_with_refreshed_list();
    let mut sorted: Vec<(&String, &NetworkData)> = networks.iter().collect();
    sorted.sort_by_key(|(name, _)| interface_index(name));
    let one = |(name, network): (&String, &NetworkData)| {
        let mac = network.mac_address();
        let hardware = if mac.is_unspecified() { String::new() } else { mac.to_string() };
        let address = |net: &sysinfo::IpNetwork| {
            Object::new().text("addr", &format!("{}/{}", net.addr, net.prefix)).end()
        };
        Object::new()
            .value("mtu", &Value::from(network.mtu()))
            .text("name", name)
            .text("hardwareaddr", &hardware)
            .raw("flags", &strings(interface_flags(name)))
            .raw(
                "addrs",
                &gojson::array(&network.ip_networks().iter().map(address).collect::<Vec<_>>()),
            )
            .end()
    };
    gojson::array(&sorted.into_iter().map(one).collect::<Vec<_>>())
}

fn interface_index(name: &str) -> (i64, String) {
    let index = fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok();
    (index.and_then(|i| i.trim().parse().ok()).unwrap_or(i64::MAX), name.to_string())
}

fn interface_flags(name: &str) -> Vec<&'static str> {
    let text = fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap_or_default();
    let bits = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or(0);
    let known = [
        (0x1, "up"),
        (0x2, "broadcast"),
        (0x8, "loopback"),
        (0x10, "pointtopoint"),
        (0x1000, "multicast"),
    ];
    known.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| name).collect()
}

/// Operating system.
pub(crate) fn os() -> String {
    let platform = System::distribution_id();
    Object::new()
        .text("hostname", &System::host_name().unwrap_or_default())
        .int("uptime", System::uptime() as i64)
        .int("boot_time", System::boot_time() as i64)
        .int("procs", 0)
        .text("os", std::env::consts::OS)
        .text("platform", &platform)
        .text("platform_family", &platform)
        .text("platform_version", &platform_version(&platform))
        .text("virtualization_system", "")
        .text("virtualization_role", "")
        .end()
}

/// Version of the platform; for Debian its point release, which `os-release` omits.
fn platform_version(platform: &str) -> String {
    let file = if platform == "debian" { "/etc/debian_version" } else { "" };
    fs::read_to_string(file).ok().map_or_else(
        || System::os_version().unwrap_or_default(),
        |version| version.trim().to_string(),
    )
}
