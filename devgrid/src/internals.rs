//! Commands answered by the controller: `list_agents` and the schedule.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::{FromRedisValue, RedisResult};
use serde_json::Value;

use crate::conn::Conn;
use crate::controller::Controller;
use crate::gojson;
use crate::lock;
use crate::schedule::{self, Job};
use crate::wire::{self, Command};

/// Result of the controller.
pub(crate) struct Answer {
    pub(crate) state: &'static str,
    pub(crate) data: String,
    pub(crate) level: i64,
}

impl Answer {
    pub(crate) fn error(text: &str) -> Self {
        Answer { state: "ERROR", data: text.into(), level: 0 }
    }

    fn json(data: String) -> Self {
        Answer { state: "SUCCESS", data, level: 20 }
    }
}

/// Answers the command `controller`.
pub(crate) fn answer(controller: &Arc<Controller>, conn: &mut Conn, command: &Command) -> Answer {
    let data = match command.arg_text("name") {
        "list_agents" => Ok(list_agents(controller)),
        "scheduler_add" => add(controller, conn, &command.data),
        "scheduler_list" => list(conn),
        "scheduler_remove" => remove(controller, conn, &command.data),
        "scheduler_remove_prefix" => remove_prefix(controller, conn, &command.data),
        _ => {
            return Answer { state: "UNKNOWN_CMD", data: String::new(), level: 0 };
        }
    };
    data.map_or_else(|text| Answer::error(&text), Answer::json)
}

fn list_agents(controller: &Controller) -> String {
    let agents = lock(&controller.registry).list();
    gojson::encode(&agents.into_iter().map(|(k, v)| (k, Value::from(v))).collect())
}

fn redis_error(error: redis::RedisError) -> String {
    error.to_string()
}

fn ask<T: FromRedisValue>(conn: &mut Conn, command: &redis::Cmd) -> Result<T, String> {
    let answer: RedisResult<T> = command.query(conn);
    answer.map_err(redis_error)
}

fn add(controller: &Arc<Controller>, conn: &mut Conn, data: &str) -> Result<String, String> {
    let job = Job::parse(data)?;
    schedule::parse_spec(&job.cron)?;
    let _: i64 = ask(conn, redis::cmd("HSET").arg(wire::SCHEDULE).arg(&job.id).arg(job.to_json()))?;
    controller.scheduler.reload(conn);
    Ok("null".into())
}

fn list(conn: &mut Conn) -> Result<String, String> {
    let jobs: BTreeMap<String, String> = ask(conn, redis::cmd("HGETALL").arg(wire::SCHEDULE))?;
    Ok(gojson::array(&jobs.into_values().collect::<Vec<_>>()))
}

/// Parses the data of the removing commands, a JSON string.
fn name(data: &str) -> Result<String, String> {
    match serde_json::from_str::<Value>(data) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Null) => Ok(String::new()),
        Ok(other) => Err(format!(
            "json: cannot unmarshal {} into Go value of type string",
            wire::kind(&other)
        )),
        Err(error) => Err(schedule::syntax_error(data, &error)),
    }
}

fn remove(controller: &Arc<Controller>, conn: &mut Conn, data: &str) -> Result<String, String> {
    let removed: i64 = ask(conn, redis::cmd("HDEL").arg(wire::SCHEDULE).arg(name(data)?))?;
    if removed > 0 {
        controller.scheduler.reload(conn);
    }
    Ok(removed.to_string())
}

fn remove_prefix(
    controller: &Arc<Controller>,
    conn: &mut Conn,
    data: &str,
) -> Result<String, String> {
    let prefix = name(data)?;
    for id in schedule::scan(conn).into_keys().filter(|id| id.starts_with(&prefix)) {
        let _: i64 = ask(conn, redis::cmd("HDEL").arg(wire::SCHEDULE).arg(id))?;
    }
    controller.scheduler.reload(conn);
    Ok("null".into())
}
