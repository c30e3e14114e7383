//! Schedule: commands that the controller sends at given times.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Local};
use serde_json::{Map, Value};

use crate::conn::Conn;
use crate::controller::Controller;
use crate::gojson::{self, Object};
use crate::lock;
use crate::wire;
use crate::worker::Flag;

/// Scheduled command, as stored.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) cron: String,
    cmd: Option<Map<String, Value>>,
}

impl Job {
    pub(crate) fn parse(data: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(data).map_err(|e| syntax_error(data, &e))?;
        let wrong = |value: &Value, wanted: &str| {
            format!("json: cannot unmarshal {} into Go {wanted}", wire::kind(value))
        };
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            other => return Err(wrong(&other, "value of type scheduling.Job")),
        };
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(wrong(other, &format!("struct field Job.{name} of type string"))),
        };
        let cmd = match fields.get("cmd") {
            None | Some(Value::Null) => None,
            Some(Value::Object(cmd)) => Some(cmd.clone()),
            Some(other) => {
                return Err(wrong(other, "struct field Job.cmd of type map[string]interface {}"));
            }
        };
        Ok(Job { id: text("id")?, cron: text("cron")?, cmd })
    }

    pub(crate) fn to_json(&self) -> String {
        let cmd = self.cmd.clone().map_or(Value::Null, Value::Object);
        Object::new().text("id", &self.id).text("cron", &self.cron).value("cmd", &cmd).end()
    }
}

/// Approximates Go's error for invalid JSON.
pub(crate) fn syntax_error(data: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".into();
    }
    let line = data.lines().nth(error.line().saturating_sub(1)).unwrap_or("");
    let bad = line.chars().nth(error.column().saturating_sub(1)).unwrap_or(' ');
    format!("invalid character '{bad}' looking for beginning of value")
}

/// Times at which a job is due.
pub(crate) enum Spec {
    Cron(Box<cron::Schedule>),
    Every(Duration),
}

impl Spec {
    fn next(&self, now: DateTime<Local>) -> Option<DateTime<Local>> {
        match self {
            Spec::Cron(schedule) => schedule.after(&now).next(),
            Spec::Every(time) => Some(now + chrono::Duration::from_std(*time).ok()?),
        }
    }
}

/// Parses five or six fields starting with seconds, or a descriptor starting with `@`.
pub(crate) fn parse_spec(text: &str) -> Result<Spec, String> {
    if let Some(time) = text.strip_prefix("@every ") {
        let time = go_duration(time.trim()).ok_or_else(|| {
            format!("Failed to parse duration {text}: time: invalid duration {time}")
        })?;
        return Ok(Spec::Every(time.max(Duration::from_secs(1))));
    }
    let fields = match text {
        "@yearly" | "@annually" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" | "@midnight" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        _ if text.starts_with('@') => return Err(format!("Unrecognized descriptor: {text}")),
        _ => text,
    };
    let mut fields: Vec<String> = fields.split_whitespace().map(String::from).collect();
    match fields.len() {
        5 => fields.push("*".into()),
        6 => {}
        found => return Err(format!("Expected 5 or 6 fields, found {found}: {text}")),
    }
    fields[5] = weekdays(&fields[5]);
    let schedule = cron::Schedule::from_str(&fields.join(" ")).map_err(|e| e.to_string())?;
    Ok(Spec::Cron(Box::new(schedule)))
}

/// Converts weekdays: the original counts from 0, the cron crate from 1. A step after a slash is kept.
fn weekdays(field: &str) -> String {
    let part = |part: &str| {
        let (days, step) = part.split_once('/').map_or((part, None), |(d, s)| (d, Some(s)));
        let day =
            |d: &str| d.parse::<u32>().map_or_else(|_| d.to_string(), |n| (n % 7 + 1).to_string());
        let days = days.split('-').map(day).collect::<Vec<_>>().join("-");
        step.map_or(days.clone(), |step| format!("{days}/{step}"))
    };
    field.split(',').map(part).collect::<Vec<_>>().join(",")
}

/// Parses durations like Go's time.ParseDuration: `1h30m`, `1.5s`, `100ms`.
fn go_duration(mut text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = text[..digits].parse().ok()?;
        text = &text[digits..];
        let end = text.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(text.len());
        seconds += number
            * match &text[..end] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        text = &text[end..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// All scheduled commands.
pub(crate) fn scan(conn: &mut Conn) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut cursor = 0_u64;
    loop {
        let answer = redis::cmd("HSCAN")
            .arg(wire::SCHEDULE)
            .arg(cursor)
            .query::<(u64, BTreeMap<String, String>)>(conn);
        let Ok((next, jobs)) = answer else {
            return found;
        };
        found.extend(jobs);
        cursor = next;
        if cursor == 0 {
            return found;
        }
    }
}

struct Entry {
    job: Job,
    spec: Spec,
    due: Option<DateTime<Local>>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    ended: bool,
}

/// Thread that pushes scheduled commands to the queue.
#[derive(Default)]
pub(crate) struct Scheduler {
    state: Mutex<State>,
    changed: Condvar,
    done: Flag,
    started: Flag,
}

impl Scheduler {
    /// Loads the stored schedule and starts the thread.
    pub(crate) fn start(controller: &Arc<Controller>) {
        let scheduler = &controller.scheduler;
        scheduler.started.set();
        if let Ok(mut conn) = controller.shared.endpoint.connect(false) {
            scheduler.reload(&mut conn);
        }
        let own = Arc::clone(controller);
        std::thread::spawn(move || {
            own.scheduler.run(&own);
            own.scheduler.done.set();
        });
    }

    pub(crate) fn reload(&self, conn: &mut Conn) {
        let now = Local::now();
        let entry = |json: &String| {
            let job = Job::parse(json).ok()?;
            let spec = parse_spec(&job.cron).ok()?;
            let due = spec.next(now);
            Some(Entry { job, spec, due })
        };
        let entries = scan(conn).values().filter_map(entry).collect();
        lock(&self.state).entries = entries;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
        while self.started.is_set() && !self.done.wait(Duration::from_secs(60)) {}
    }

    fn run(&self, controller: &Arc<Controller>) {
        let mut conn = None;
        let mut state = lock(&self.state);
        while !state.ended {
            let now = Local::now();
            let mut commands = Vec::new();
            for entry in &mut state.entries {
                if entry.due.is_some_and(|due| due <= now) {
                    commands.push(entry.job.cmd.clone());
                    entry.due = entry.spec.next(now);
                }
            }
            if !commands.is_empty() {
                drop(state);
                for command in commands {
                    match command {
                        Some(command) => fire(controller, &mut conn, command),
                        // The original dies of an entry without a command.
                        None => controller.die(),
                    }
                }
                state = lock(&self.state);
                continue;
            }
            // Wait at most a minute, in case the clock is set.
            let next = state.entries.iter().filter_map(|e| e.due).min();
            let wait = next.map_or(Duration::MAX, |due| (due - now).to_std().unwrap_or_default());
            let wait = wait.min(Duration::from_secs(60));
            state =
                self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn fire(controller: &Controller, slot: &mut Option<Conn>, mut command: Map<String, Value>) {
    if !controller.running() {
        return;
    }
    command.insert("id".into(), Value::from(uuid::Uuid::new_v4().to_string()));
    if slot.is_none() {
        *slot = controller.shared.endpoint.connect(false).ok();
    }
    if let Some(conn) = slot {
        let json = gojson::encode(&Value::Object(command));
        if redis::cmd("RPUSH").arg(wire::COMMANDS).arg(json).exec(conn).is_err() {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, Timelike};

    #[test]
    fn durations_are_parsed_like_go() {
        assert_eq!(go_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(go_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(go_duration("5"), None);
        assert_eq!(go_duration(""), None);
        assert_eq!(go_duration("1d"), None);
    }

    #[test]
    fn five_fields_start_with_seconds_and_weekdays_with_sunday() {
        let next = |text: &str| parse_spec(text).unwrap().next(Local::now()).unwrap();
        assert_eq!(next("7 * * * *").second(), 7);
        assert_eq!(next("0 0 3 * * 0").weekday(), chrono::Weekday::Sun);
        assert_eq!(next("0 0 3 * * 1").weekday(), chrono::Weekday::Mon);
        assert_eq!(next("0 30 * * * MON-FRI").minute(), 30);
        assert!(parse_spec("@hourly").is_ok() && parse_spec("@weekly").is_ok());
    }

    #[test]
    fn invalid_specs_are_explained() {
        let error = |text: &str| parse_spec(text).err().unwrap();
        assert_eq!(error("not a cron"), "Expected 5 or 6 fields, found 3: not a cron");
        assert_eq!(error("@never"), "Unrecognized descriptor: @never");
        assert!(error("@every x").starts_with("Failed to parse duration"));
        assert!(parse_spec("99 * * * * *").is_err());
    }
}
