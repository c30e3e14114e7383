//! Commands that an agent answers without starting a process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::job::{Job, Outcome};
use crate::output::{JSON, Message, parse_levels};
use crate::stats::Usage;
use crate::wire::now_ms;
use crate::{gojson, nodeinfo, tunnel};

pub(crate) type Answer = Result<String, String>;
type Builtin = fn(&Arc<Agent>, &Arc<Job>) -> Answer;

/// What is left of an error's message in the original: its struct as JSON.
pub(crate) const NOTHING: &str = "{}";

/// The builtin of that name.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "ping" => |_, _| Ok("\"pong\"".into()),
        "get_cpu_info" => |_, _| Ok(nodeinfo::cpu()),
        "get_disk_info" => |_, _| Ok(nodeinfo::disk()),
        "get_mem_info" => |_, _| Ok(nodeinfo::memory()),
        "get_nic_info" => |_, _| Ok(nodeinfo::nic()),
        "get_os_info" => |_, _| Ok(nodeinfo::os()),
        "get_msgs" => get_msgs,
        "get_process_stats" => get_process_stats,
        "get_processes_stats" => get_processes_stats,
        "get_aggregated_stats" => |agent, _| Ok(aggregated(agent)),
        "kill" => kill,
        "killall" => killall,
        "restart" => restart,
        "hubble_open_tunnel" => tunnel::open,
        "hubble_close_tunnel" => tunnel::close,
        "hubble_list_tunnels" => tunnel::list,
        _ => return None,
    })
}

/// Runs one; its answer is a message of level 20, and logged as such.
pub(crate) fn run(builtin: Builtin, agent: &Arc<Agent>, job: &Arc<Job>) -> Outcome {
    let start = now_ms();
    let began = Instant::now();
    let answer = builtin(agent, job);
    let state = if answer.is_ok() { "SUCCESS" } else { "ERROR" };
    let message = Message { level: JSON, text: answer.unwrap_or_else(|text| text) };
    job.log(agent, &message);
    Outcome {
        state,
        data: message.text,
        level: message.level,
        streams: Some(Default::default()),
        critical: String::new(),
        start,
        time: began.elapsed().as_millis() as i64,
    }
}

/// The data as a JSON object; null is an empty one.
pub(crate) fn fields(job: &Job) -> Result<Map<String, Value>, String> {
    let data = &job.command.data;
    match serde_json::from_str(data) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(NOTHING.into()),
        Err(error) => {
            // Of a syntax error its position is left, counted from the beginning.
            let lines = data.split_inclusive('\n').take(error.line().saturating_sub(1));
            let before: usize = lines.map(str::len).sum();
            Err(format!("{{\"Offset\":{}}}", before + error.column()))
        }
    }
}

/// A string that may be missing or null.
pub(crate) fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(NOTHING.into()),
    }
}

fn get_msgs(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let fields = fields(job)?;
    let id = text(&fields, "jobid")?.ok_or(NOTHING)?;
    let levels = match fields.get("levels") {
        None | Some(Value::Null) => None,
        // The original looks for a string and finds nothing by an array.
        Some(Value::String(text)) => {
            Some(parse_levels(&Value::from(text.as_str())).unwrap_or_default())
        }
        Some(_) => Some(Vec::new()),
    };
    let limit = fields.get("limit").and_then(Value::as_i64).unwrap_or(0);
    Ok(gojson::encode(&agent.logs.find(&id, levels.as_deref(), limit)))
}

fn stats(agent: &Agent, job: &Job) -> String {
    let pid = job.pid();
    let usage = pid.map_or_else(Usage::default, |pid| agent.shared.observer.usage(pid));
    usage.to_json(&job.to_json(agent), &pid.map_or_else(String::new, |pid| pid.to_string()))
}

fn get_process_stats(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let id = text(&fields(job)?, "id")?.unwrap_or_default();
    agent.job(&id).map(|job| stats(agent, &job)).ok_or_else(|| NOTHING.into())
}

fn get_processes_stats(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let fields = fields(job)?;
    let (domain, name) = (text(&fields, "domain")?, text(&fields, "name")?);
    let is = |job: &Job, arg: &str, wanted: &Option<String>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.is_empty() || job.command.arg_text(arg) == wanted)
    };
    let jobs =
        agent.jobs().into_iter().filter(|job| is(job, "domain", &domain) && is(job, "name", &name));
    Ok(gojson::array(&jobs.map(|job| stats(agent, &job)).collect::<Vec<_>>()))
}

fn aggregated(agent: &Arc<Agent>) -> String {
    let own = agent.shared.observer.usage(std::process::id());
    let pids = agent.jobs().into_iter().filter_map(|job| job.pid());
    let all = pids.fold(own, |sum, pid| sum.plus(agent.shared.observer.usage(pid)));
    all.to_json("null", "")
}

fn kill(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let id = text(&fields(job)?, "id")?.unwrap_or_default();
    if let Some(job) = agent.job(&id) {
        job.kill();
    }
    Ok("true".into())
}

fn killall(agent: &Arc<Agent>, _: &Arc<Job>) -> Answer {
    // It is one of them itself, and ends as KILLED.
    agent.jobs().iter().for_each(|job| job.kill());
    Ok("true".into())
}

fn restart(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let others = agent.jobs().into_iter().filter(|other| !Arc::ptr_eq(other, job));
    for other in others.filter(|other| other.command.arg_int("max_time") != -1) {
        other.kill();
    }
    agent.restarting.store(true, Ordering::Release);
    Ok("true".into())
}
