//! Log messages that an agent stores for `get_msgs`.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lock;
use crate::wire::now_ms;

/// Delay until a row becomes visible. The original writes each message from its own goroutine, in batches written 100 ms
/// after their first row. Rows appear late, and a row that missed its batch appears after later ones.
const LATE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// One row in `STRAGGLERS` misses its batch; on the original under load, 26 of 120 000 rows did.
const STRAGGLERS: u32 = 100;
const STRAGGLER: Duration = Duration::from_millis(100);
const ROWS_PER_JOB: usize = 20_000;
const JOBS: usize = 1000;
/// Maximum number of rows in an answer.
const MOST: usize = 1000;

struct Row {
    id: u64,
    epoch: i64,
    level: i64,
    text: String,
    visible: Instant,
}

#[derive(Default)]
struct Inner {
    last: u64,
    jobs: HashMap<String, VecDeque<Row>>,
    /// Jobs by age: the oldest are evicted first.
    order: VecDeque<String>,
}

#[derive(Default)]
pub(crate) struct Logs(Mutex<Inner>);

impl Logs {
    /// Assigns an id to a message, and stores it if `stored`.
    pub(crate) fn add(&self, job: &str, level: i64, text: &str, stored: bool) {
        let mut inner = lock(&self.0);
        inner.last += 1;
        if !stored {
            return;
        }
        let row = Row {
            id: inner.last,
            epoch: now_ms(),
            level,
            text: text.into(),
            visible: Instant::now() + delay(),
        };
        if !inner.jobs.contains_key(job) {
            if inner.order.len() == JOBS
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.jobs.remove(&oldest);
            }
            inner.order.push_back(job.into());
        }
        let rows = inner.jobs.entry(job.into()).or_default();
        if rows.len() == ROWS_PER_JOB {
            rows.pop_front();
        }
        rows.push_back(row);
    }

    /// Drops rows that are not visible yet, at the end of the agent.
    pub(crate) fn lose_unwritten(&self) {
        let now = Instant::now();
        for rows in lock(&self.0).jobs.values_mut() {
            rows.retain(|row| row.visible <= now);
        }
    }

    /// Newest visible rows of these levels, newest first.
    pub(crate) fn find(&self, job: &str, levels: &[i64], limit: i64) -> Value {
        let inner = lock(&self.0);
        let now = Instant::now();
        let limit = usize::try_from(limit).unwrap_or(0).min(MOST);
        let rows = inner.jobs.get(job).into_iter().flatten().rev();
        rows.filter(|row| row.visible <= now && levels.contains(&row.level))
            .take(limit)
            .map(|row| json!({"data": row.text, "epoch": row.epoch, "id": row.id, "level": row.level}))
            .collect()
    }
}

fn delay() -> Duration {
    let part = fastrand::f64();
    let usual = LATE.0 + (LATE.1 - LATE.0).mul_f64(part);
    if fastrand::u32(..STRAGGLERS) == 0 { usual + STRAGGLER } else { usual }
}
