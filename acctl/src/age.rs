//! How long jobs have been running.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime};

use acclient::{AgentId, Client, ErrorKind};

/// How many jobs are looked up at a time: each takes a round trip.
const AT_ONCE: usize = 16;

/// How long ago the agents took these jobs, by the clock that their results are written with. A job of which Redis does
/// not tell is left out.
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
                // A clock that is ahead makes a job no older than none.
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

/// Whether an error is about the job: there is none, or it cannot be read.
fn is_about_the_job(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Protocol | ErrorKind::NoSuchAgent | ErrorKind::InvalidArgument)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// An age in its two largest units.
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
    fn an_age_is_shown_in_two_units() {
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
