//! Built-in commands of an agent, which start no process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::agent::Agent;
use crate::job::{Job, Outcome};
use crate::output::{ALL_LEVELS, JSON, Message, parse_levels};
use crate::stats::Usage;
use crate::wire::now_ms;
use crate::{gojson, nodeinfo, tunnel};

pub(crate) type Answer = Result<String, String>;
type Builtin = fn(&Arc<Agent>, &Arc<Job>) -> Answer;

/// Error data of the original, which encodes the error struct as JSON and loses its message.
pub(crate) const NOTHING: &str = "{}";

/// Looks up a built-in command.
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

/// Runs a built-in command. Its answer is a message of level 20, and logged. A kill while it runs only changes its
/// state.
pub(crate) fn run(builtin: Builtin, agent: &Arc<Agent>, job: &Arc<Job>) -> Outcome {
    let start = now_ms();
    let began = Instant::now();
    job.started();
    let answer = builtin(agent, job);
    let state = match job.finished() {
        Some(_) => "KILLED",
        None if answer.is_ok() => "SUCCESS",
        None => "ERROR",
    };
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

/// Parses the data as a JSON object; null is an empty object.
pub(crate) fn fields(job: &Job) -> Result<Map<String, Value>, String> {
    let data = &job.command.data;
    match serde_json::from_str(data) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(NOTHING.into()),
        Err(error) => {
            // A syntax error keeps its offset.
            let lines = data.split_inclusive('\n').take(error.line().saturating_sub(1));
            let before: usize = lines.map(str::len).sum();
            Err(format!("{{\"Offset\":{}}}", before + error.column()))
        }
    }
}

/// Optional string field; null counts as missing.
pub(crate) fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(NOTHING.into()),
    }
}

fn get_msgs(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    // The original loses the details of the error.
    let fields = fields(job).map_err(|_| NOTHING)?;
    let id = text(&fields, "jobid")?.filter(|id| !id.is_empty()).ok_or(NOTHING)?;
    let levels = match fields.get("levels") {
        None | Some(Value::Null) => ALL_LEVELS.to_vec(),
        Some(levels @ Value::String(_)) => parse_levels(levels)?,
        // The original expects a string; an array matches no level.
        Some(_) => Vec::new(),
    };
    let limit = match fields.get("limit") {
        None | Some(Value::Null) => 0,
        Some(limit) => limit.as_i64().ok_or(NOTHING)?,
    };
    Ok(gojson::encode(&agent.logs.find(&id, &levels, limit)))
}

/// Usage of a job's processes. The first request reports no CPU usage, because there is no earlier measurement.
fn stats(agent: &Agent, job: &Job, pids: &[u32]) -> String {
    let all = pids.iter().map(|pid| agent.shared.observer.usage(*pid));
    let mut usage = all.fold(Usage::default(), Usage::plus);
    if !job.measured.swap(true, Ordering::Relaxed) {
        usage.cpu = 0.0;
    }
    let debug: Vec<String> = pids.iter().map(u32::to_string).collect();
    usage.to_json(&job.to_json(agent), &debug.join(" "))
}

fn get_process_stats(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let id = text(&fields(job)?, "id")?.unwrap_or_default();
    let job = agent.job(&id).ok_or(NOTHING)?;
    Ok(job
        .processes()
        .map_or_else(|| Usage::default().to_json("null", ""), |pids| stats(agent, &job, &pids)))
}

fn get_processes_stats(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let fields = fields(job)?;
    let (domain, name) = (text(&fields, "domain")?, text(&fields, "name")?);
    // Filters by the original arguments, although the rows show those of the agent's command.
    let is = |job: &Job, arg: &str, wanted: &Option<String>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.is_empty() || job.command.arg_text(arg) == wanted)
    };
    let jobs = agent.jobs().into_iter();
    let found = jobs
        .filter(|job| is(job, "domain", &domain) && is(job, "name", &name))
        .filter_map(|job| job.processes().map(|pids| stats(agent, &job, &pids)));
    Ok(gojson::array(&found.collect::<Vec<_>>()))
}

fn aggregated(agent: &Arc<Agent>) -> String {
    let mut own = agent.shared.observer.usage(std::process::id());
    if !agent.measured.swap(true, Ordering::Relaxed) {
        own.cpu = 0.0;
    }
    let pids = agent.jobs().into_iter().filter_map(|job| job.processes()).flatten();
    let all = pids.fold(own, |sum, pid| sum.plus(agent.shared.observer.usage(pid)));
    all.to_json("null", "")
}

/// Answers once the job has accepted the kill; never, if it does not.
fn kill(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    let id = text(&fields(job)?, "id")?.unwrap_or_default();
    if agent.job(&id).is_some_and(|target| !target.kill()) {
        job.wait_abandoned();
    }
    Ok("true".into())
}

fn killall(agent: &Arc<Agent>, job: &Arc<Job>) -> Answer {
    for other in agent.jobs() {
        // killall is a job itself and ends as KILLED.
        if Arc::ptr_eq(&other, job) {
            other.kill();
        } else {
            std::thread::spawn(move || other.kill());
        }
    }
    Ok("true".into())
}

/// Exits the agent, so that the command is never answered.
fn restart(agent: &Arc<Agent>, _: &Arc<Job>) -> Answer {
    agent.exit();
    let agent = Arc::clone(agent);
    // On a new thread: this one may be the polling thread.
    std::thread::spawn(move || agent.shared.restart_agent(&agent));
    Err(NOTHING.into())
}
