//! What `doctor` says of how Redis is run: memory, eviction, persistence, and settings that stop a grid.
//!
//! The original controller drops a result that Redis refuses to store, and exits when Redis refuses to be read
//! (docs/redis.md).

use super::doctor::{Diagnosis, Verdict};
use crate::transport::{self, Connection, Until, bulk, field, items};

/// From this share of `maxmemory` on, memory is short.
const SHORT: f64 = 0.9;

/// What Redis tells of itself; `None` for each part that it does not.
#[derive(Default)]
struct Told {
    memory: Option<String>,
    stats: Option<String>,
    persistence: Option<String>,
    replication: Option<String>,
    timeout: Option<String>,
    min_replicas: Option<String>,
    stop_writes: Option<String>,
    save: Option<String>,
}

impl Told {
    /// Asks for everything in one round trip.
    fn ask(connection: &mut Connection, until: &Until) -> transport::Result<Self> {
        if connection.server.closes {
            return Ok(Told::default());
        }
        for section in ["memory", "stats", "persistence", "replication"] {
            connection.command(&[b"INFO", section.as_bytes()]);
        }
        for name in ["timeout", "min-replicas-to-write", "stop-writes-on-bgsave-error", "save"] {
            connection.command(&[b"CONFIG", b"GET", name.as_bytes()]);
        }
        let mut reply = || match connection.reply(until) {
            Ok(reply) => Ok(Some(reply)),
            Err(transport::Error::Server(error)) if !error.is_passing() => Ok(None),
            Err(error) => Err(error),
        };
        let mut info = || {
            let text = reply()?.and_then(|reply| bulk(reply).ok()?);
            Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
        };
        let (memory, stats, persistence, replication) = (info()?, info()?, info()?, info()?);
        let mut setting = || {
            let items = reply()?.and_then(|reply| items(reply).ok());
            let value = items.and_then(|mut items| bulk(items.pop()?).ok()?);
            Ok::<_, transport::Error>(value.and_then(|value| String::from_utf8(value).ok()))
        };
        Ok(Told {
            memory,
            stats,
            persistence,
            replication,
            timeout: setting()?,
            min_replicas: setting()?,
            stop_writes: setting()?,
            save: setting()?,
        })
    }

    fn number(info: Option<&String>, name: &str) -> Option<u64> {
        field(info?, name)?.parse().ok()
    }

    fn text(info: Option<&String>, name: &str) -> Option<String> {
        field(info?, name).filter(|text| !text.is_empty())
    }
}

/// Adds the checks `memory`, `eviction` and `persistence`, and `settings` for each setting that does harm or
/// cannot be read.
pub(super) fn look(
    connection: &mut Connection,
    diagnosis: &mut Diagnosis,
    until: &Until,
) -> transport::Result<()> {
    let told = Told::ask(connection, until)?;
    look_at_memory(&told, diagnosis);
    look_at_eviction(&told, diagnosis);
    look_at_persistence(&told, diagnosis);
    look_at_settings(&told, diagnosis);
    Ok(())
}

fn policy(told: &Told) -> Option<String> {
    Told::text(told.memory.as_ref(), "maxmemory_policy")
}

fn look_at_memory(told: &Told, diagnosis: &mut Diagnosis) {
    let number = |name| Told::number(told.memory.as_ref(), name);
    let (Some(used), Some(most)) = (number("used_memory"), number("maxmemory")) else {
        let advice = "make sure that Redis has room below its maxmemory";
        return diagnosis.add("memory", Verdict::Unknown, "Redis does not tell", advice);
    };
    // Buffers of replicas and of the AOF do not count.
    let used = used.saturating_sub(number("mem_not_counted_for_evict").unwrap_or_default());
    if most == 0 {
        let found = format!("{} used, without a limit", mebibytes(used));
        return diagnosis.add("memory", Verdict::Good, found, "");
    }
    let found = format!("{} of {} used", mebibytes(used), mebibytes(most));
    let (verdict, advice) = if used as f64 >= SHORT * most as f64 {
        let refuses = used >= most && policy(told).is_none_or(|policy| policy == "noeviction");
        let advice = "raise maxmemory or remove keys: at the limit Redis refuses writes (OOM), and the controller \
                      drops results that it cannot store";
        (if refuses { Verdict::Bad } else { Verdict::Weak }, advice)
    } else {
        (Verdict::Good, "")
    };
    diagnosis.add("memory", verdict, found, advice);
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1024.0 / 1024.0)
}

fn look_at_eviction(told: &Told, diagnosis: &mut Diagnosis) {
    let evicted = Told::number(told.stats.as_ref(), "evicted_keys");
    let Some(policy) = policy(told) else {
        let advice = "make sure that maxmemory-policy is noeviction";
        return diagnosis.add("eviction", Verdict::Unknown, "Redis does not tell", advice);
    };
    let evicted = match evicted {
        Some(count @ 1..) => Some(format!("{count} keys were evicted since Redis started")),
        _ => None,
    };
    let found = match &evicted {
        Some(evicted) => format!("maxmemory-policy is {policy}, and {evicted}"),
        None => format!("maxmemory-policy is {policy}"),
    };
    let advice = match (policy.as_str(), &evicted) {
        ("noeviction", None) => return diagnosis.add("eviction", Verdict::Good, found, ""),
        ("noeviction", Some(_)) => {
            "results and marks of submit_once from before the policy was changed may be missing"
        }
        (policy, _) if policy.starts_with("volatile-") => {
            "set maxmemory-policy noeviction: it may evict keys with a TTL, which are results and the marks that \
             keep submit_once from running a command twice"
        }
        _ => {
            "set maxmemory-policy noeviction: it may evict any key, also the queue of commands, besides results \
             and the marks that keep submit_once from running a command twice"
        }
    };
    let is_lossy = evicted.is_some() && policy != "noeviction";
    let verdict = if is_lossy { Verdict::Bad } else { Verdict::Weak };
    diagnosis.add("eviction", verdict, found, advice);
}

fn look_at_persistence(told: &Told, diagnosis: &mut Diagnosis) {
    let status = |name| Told::text(told.persistence.as_ref(), name);
    let Some(saved) = status("rdb_last_bgsave_status") else {
        let advice = "make sure that Redis can write to its disk";
        return diagnosis.add("persistence", Verdict::Unknown, "Redis does not tell", advice);
    };
    if status("aof_last_write_status").is_some_and(|written| written != "ok") {
        let advice = "free space on the disk of Redis or mend it: until then Redis refuses writes (MISCONF), and the \
                      controller drops results that it cannot store";
        return diagnosis.add(
            "persistence",
            Verdict::Bad,
            "the last write to the AOF failed",
            advice,
        );
    }
    if saved == "ok" {
        return diagnosis.add("persistence", Verdict::Good, "the last save did not fail", "");
    }
    let is_no = told.stop_writes.as_ref().is_some_and(|stop| stop == "no");
    let is_never = told.save.as_ref().is_some_and(String::is_empty);
    let (verdict, advice) = if is_no || is_never {
        (Verdict::Weak, "mend the disk of Redis: a restart would lose what was not saved")
    } else {
        let verdict = if told.stop_writes.is_some() { Verdict::Bad } else { Verdict::Weak };
        let advice = "mend the disk of Redis: unless stop-writes-on-bgsave-error is no, Redis refuses writes (MISCONF) \
                      until a save succeeds, and the controller drops results that it cannot store";
        (verdict, advice)
    };
    diagnosis.add("persistence", verdict, "the last save failed", advice);
}

/// Settings that make an original controller lose writes or exit. One that may not be read by CONFIG shows in
/// INFO in part.
fn look_at_settings(told: &Told, diagnosis: &mut Diagnosis) {
    match told.timeout.as_deref() {
        Some("0") => {}
        Some(timeout) => {
            let advice = "writes of the controller get lost, and it may exit: set timeout 0";
            diagnosis.add("settings", Verdict::Weak, format!("timeout is {timeout}"), advice);
        }
        None => {
            let advice = "make sure that timeout is 0: else writes of the controller get lost, and it may exit";
            diagnosis.add("settings", Verdict::Unknown, "Redis does not tell its timeout", advice);
        }
    }
    let advice = "the controller exits while replicas are missing, and drops results: set min-replicas-to-write 0";
    let good = Told::number(told.replication.as_ref(), "min_slaves_good_slaves");
    let least = told.min_replicas.as_ref().and_then(|least| least.parse::<u64>().ok());
    let (verdict, found) = match (least, good) {
        (Some(0), _) => return,
        (None, None) if told.replication.is_some() => return,
        (None, None) => {
            let advice = "make sure that min-replicas-to-write is 0: else the controller exits while replicas are missing";
            let found = "Redis does not tell its min-replicas-to-write";
            return diagnosis.add("settings", Verdict::Unknown, found, advice);
        }
        (Some(least), Some(good)) if good < least => (
            Verdict::Bad,
            format!("min-replicas-to-write is {least}, and {good} replicas are in time"),
        ),
        (Some(least), _) => (Verdict::Weak, format!("min-replicas-to-write is {least}")),
        (None, Some(0)) => {
            (Verdict::Bad, "min-replicas-to-write is set, and no replica is in time".to_owned())
        }
        (None, Some(good)) => (
            Verdict::Weak,
            format!("min-replicas-to-write is set, and {good} replicas are in time"),
        ),
    };
    diagnosis.add("settings", verdict, found, advice);
}
