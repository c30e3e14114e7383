//! Age of running jobs.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime};

use acclient::{AgentId, Client, ErrorKind};

/// Number of concurrent lookups: each takes a round trip.
const AT_ONCE: usize = 16;

/// Time since the agents took these jobs, relative to the start times in Redis. Jobs without a record are omitted.
pub fn of(
    client: &Client,
    jobs: Vec<(AgentId, String)>,
) -> acclient::Result<BTreeMap<(AgentId, String), Duration>> {
    let threads = jobs.len().min(AT_ONCE);
    let (jobs, ages) = (Mutex::new(jobs), Mutex::new(BTreeMap::new()));
    let look_up = || -> acclient::Result<()> {
        loop {
            let Some((agent, id)) = lock(&jobs).pop() else { return Ok(()) };
            let started = match client.get_by_id(&id).job(agent) {
                Ok(job) => job.starttime(),
                Err(error) if is_about_the_job(error.kind()) => None,
                Err(error) => return Err(error),
            };
            if let Some(started) = started {
                // An agent's clock may be ahead: the age is zero then.
                let age = SystemTime::now().duration_since(started).unwrap_or_default();
                lock(&ages).insert((agent, id), age);
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(look_up)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        threads.into_iter().try_for_each(join)
    })?;
    Ok(ages.into_inner().unwrap_or_default())
}

/// Whether an error concerns this job only: it does not exist or cannot be parsed.
fn is_about_the_job(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Protocol | ErrorKind::NoSuchAgent | ErrorKind::InvalidArgument)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Formats an age in its two largest units.
pub fn shown(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_has_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (3599, "59m59s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (86_400, "1d00h"),
            (100 * 86_400 + 5 * 3600, "100d05h"),
        ] {
            assert_eq!(shown(Duration::from_secs(seconds)), text);
        }
    }
}
