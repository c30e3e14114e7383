//! Checks of how Redis is operated: memory, eviction, persistence, and settings that stop a grid.
//!
//! The original controller drops a result that Redis refuses to store, and exits when Redis rejects a read
//! (docs/redis.md).

use super::redis::{text, told};
use super::{Check, Diagnosis, Verdict};
use crate::error::ErrorKind;
use crate::transport::{self, Connection, Until, bulk, field, items};

/// Share of `maxmemory` above which memory is short.
const SHORT: f64 = 0.9;

/// State that Redis reports; `None` for each part that it does not.
#[derive(Default)]
pub(super) struct Told {
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
    /// Queues the requests.
    pub(super) fn ask(connection: &mut Connection) {
        for section in ["memory", "stats", "persistence", "replication"] {
            connection.command(&[b"INFO", section.as_bytes()]);
        }
        for name in ["timeout", "min-replicas-to-write", "stop-writes-on-bgsave-error", "save"] {
            connection.command(&[b"CONFIG", b"GET", name.as_bytes()]);
        }
    }

    /// Reads the replies.
    pub(super) fn read(connection: &mut Connection, until: &Until) -> transport::Result<Self> {
        let mut info = || text(connection, until);
        let (memory, stats, persistence, replication) = (info()?, info()?, info()?, info()?);
        let mut setting = || {
            let items = told(connection, until)?.and_then(|reply| items(reply).ok());
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

    /// The replication role of Redis.
    pub(super) fn role(&self) -> Option<String> {
        Told::text(self.replication.as_ref(), "role")
    }

    /// Adds the checks `memory`, `eviction` and `persistence`, and one for each setting that is harmful or
    /// cannot be read.
    pub(super) fn tell(&self, diagnosis: &mut Diagnosis) {
        diagnosis.add(self.memory());
        diagnosis.add(self.eviction());
        diagnosis.add(self.persistence());
        diagnosis.checks.extend(self.timeout().into_iter().chain(self.replicas()));
    }

    fn number(info: Option<&String>, name: &str) -> Option<u64> {
        field(info?, name)?.parse().ok()
    }

    fn text(info: Option<&String>, name: &str) -> Option<String> {
        field(info?, name).filter(|text| !text.is_empty())
    }

    fn policy(&self) -> Option<String> {
        Told::text(self.memory.as_ref(), "maxmemory_policy")
    }

    fn memory(&self) -> Check {
        let number = |name| Told::number(self.memory.as_ref(), name);
        let (Some(used), Some(most)) = (number("used_memory"), number("maxmemory")) else {
            return Check::new("memory", Verdict::Unknown, "Redis does not tell")
                .advise("make sure that Redis has room below its maxmemory");
        };
        // `maxmemory` does not count the buffers of replicas and of the AOF.
        let used = used.saturating_sub(number("mem_not_counted_for_evict").unwrap_or_default());
        if most == 0 {
            return Check::new("memory", Verdict::Good, format!("{} used, no limit", size(used)));
        }
        let found = format!("{} used, maxmemory is {}", size(used), size(most));
        let check = Check::new("memory", Verdict::Good, found);
        if (used as f64) < SHORT * most as f64 {
            return check;
        }
        let refuses = used >= most && self.policy().is_none_or(|policy| policy == "noeviction");
        let check = match refuses {
            true => check.bad(ErrorKind::Server),
            false => Check { verdict: Verdict::Weak, ..check },
        };
        check.advise(
            "raise maxmemory or remove keys: at the limit Redis refuses writes (OOM), and the controller drops results \
             that it cannot store",
        )
    }

    fn eviction(&self) -> Check {
        let Some(policy) = self.policy() else {
            return Check::new("eviction", Verdict::Unknown, "Redis does not tell")
                .advise("make sure that maxmemory-policy is noeviction");
        };
        let evicted = match Told::number(self.stats.as_ref(), "evicted_keys").unwrap_or_default() {
            0 => None,
            1 => Some("1 key was evicted since Redis started".to_owned()),
            count => Some(format!("{count} keys were evicted since Redis started")),
        };
        let found = match &evicted {
            Some(evicted) => format!("maxmemory-policy is {policy}, and {evicted}"),
            None => format!("maxmemory-policy is {policy}"),
        };
        let takes_any_key = !policy.starts_with("volatile-");
        let advice = match (policy.as_str(), &evicted) {
            ("noeviction", None) => return Check::new("eviction", Verdict::Good, found),
            ("noeviction", Some(_)) => {
                "results and marks of submit_once from before the policy was changed may be missing"
            }
            _ if takes_any_key => {
                "set maxmemory-policy noeviction: it may evict any key, also the queue of commands, besides results \
                 and the marks that keep submit_once from running a command twice"
            }
            _ => {
                "set maxmemory-policy noeviction: it may evict keys with a TTL, which are results and the marks that \
                 keep submit_once from running a command twice"
            }
        };
        let has_limit =
            Told::number(self.memory.as_ref(), "maxmemory").is_some_and(|most| most > 0);
        let is_lossy = policy != "noeviction" && (evicted.is_some() || has_limit && takes_any_key);
        let verdict = if is_lossy { Verdict::Bad } else { Verdict::Weak };
        Check::new("eviction", verdict, found).advise(advice)
    }

    fn persistence(&self) -> Check {
        let status = |name| Told::text(self.persistence.as_ref(), name);
        let Some(saved) = status("rdb_last_bgsave_status") else {
            return Check::new("persistence", Verdict::Unknown, "Redis does not tell")
                .advise("make sure that Redis can write to its disk");
        };
        if status("aof_last_write_status").is_some_and(|written| written != "ok") {
            let check = Check::new("persistence", Verdict::Bad, "the last write to the AOF failed");
            return check.bad(ErrorKind::Server).advise(
                "free space on the disk of Redis or mend it: until then Redis refuses writes (MISCONF), and the \
                 controller drops results that it cannot store",
            );
        }
        if saved == "ok" {
            return Check::new("persistence", Verdict::Good, "the last save did not fail");
        }
        let check = Check::new("persistence", Verdict::Weak, "the last save failed");
        let is_no = self.stop_writes.as_ref().is_some_and(|stop| stop == "no");
        let is_never = self.save.as_ref().is_some_and(String::is_empty);
        if is_no || is_never {
            return check.advise("mend the disk of Redis: a restart would lose what was not saved");
        }
        let check = match self.stop_writes {
            Some(_) => check.bad(ErrorKind::Server),
            None => check,
        };
        check.advise(
            "mend the disk of Redis: unless stop-writes-on-bgsave-error is no, Redis refuses writes (MISCONF) until a \
             save succeeds, and the controller drops results that it cannot store",
        )
    }

    /// The setting `timeout`, which makes an original controller lose writes or exit.
    fn timeout(&self) -> Option<Check> {
        let name = "setting timeout";
        match self.timeout.as_deref() {
            Some("0") => None,
            Some(timeout) => {
                let check = Check::new(name, Verdict::Weak, format!("timeout is {timeout}"));
                Some(
                    check.advise(
                        "writes of the controller get lost, and it may exit: set timeout 0",
                    ),
                )
            }
            None => {
                let check = Check::new(name, Verdict::Unknown, "Redis does not tell");
                Some(check.advise(
                    "make sure that timeout is 0: else writes of the controller get lost, and it may exit",
                ))
            }
        }
    }

    /// The setting `min-replicas-to-write`, which stops an original controller. If CONFIG may not read it,
    /// INFO shows it in part.
    fn replicas(&self) -> Option<Check> {
        let name = "setting min-replicas-to-write";
        let advice = "the controller exits while replicas are missing, and drops results: set min-replicas-to-write 0";
        let good = Told::number(self.replication.as_ref(), "min_slaves_good_slaves");
        let least = self.min_replicas.as_ref().and_then(|least| least.parse::<u64>().ok());
        let in_time = |good: u64| match good {
            0 => "no replica is in time".to_owned(),
            1 => "1 replica is in time".to_owned(),
            good => format!("{good} replicas are in time"),
        };
        let (is_missing, found) = match (least, good) {
            (Some(0), _) => return None,
            (None, None) if self.replication.is_some() => return None,
            (None, None) => {
                let check = Check::new(name, Verdict::Unknown, "Redis does not tell");
                return Some(check.advise(
                    "make sure that min-replicas-to-write is 0: else the controller exits while replicas are missing",
                ));
            }
            (Some(least), Some(good)) => {
                let found = format!("min-replicas-to-write is {least}, and {}", in_time(good));
                (good < least, found)
            }
            (Some(least), None) => (false, format!("min-replicas-to-write is {least}")),
            (None, Some(good)) => {
                (good == 0, format!("min-replicas-to-write is set, and {}", in_time(good)))
            }
        };
        let check = Check::new(name, Verdict::Weak, found).advise(advice);
        Some(if is_missing { check.bad(ErrorKind::Server) } else { check })
    }
}

/// Formats a number of bytes in a suitable unit.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} {}", if bytes == 1 { "byte" } else { "bytes" });
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_a_unit_that_shows_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (1_887_437, "1.8 MiB"),
            (1 << 30, "1.0 GiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
