//! Requests to agents and the controller that return an [`acclient_answer`].

use std::ffi::c_char;

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::call;
use super::error::acclient_error;
use super::job::acclient_job;
use super::outcomes::kill_number;
use super::query::{acclient_msg_query, acclient_process_query, msg_query, process_query};
use super::resolve::with_roles;
use super::scope::{Scope, Until, agent};
use super::status::acclient_status;
use super::target::acclient_target;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::node::Answer;
use crate::protocol::AgentId;

/// Asks an agent and returns its answer unchanged.
fn ask<'a, T>(
    scope: &Scope<'a>,
    client: Option<&'a acclient_client>,
    numbers: (i64, i64),
    until: Until<'a>,
    question: impl FnOnce(&Client, AgentId) -> Result<Answer<T>>,
) -> Result<AnswerHandle> {
    let client = scope.client(client, until)?;
    AnswerHandle::new(question(&client, agent(numbers)?)?.json().to_owned())
}

/// Reads the processors of an agent's machine: a row each, with the fields "cpu", "vendor_id",
/// "family", "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz",
/// "cache_size" (KiB) and "flags".
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED if the agent failed to read the information,
/// ACCLIENT_UNKNOWN_COMMAND; as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_cpu_info(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_cpu_info)
    })
}

/// Reads the mounted file systems of an agent's machine: a row each, with the fields "device",
/// "mountpoint", "fstype" and "opts". Parameters and errors as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_disk_info(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_disk_info)
    })
}

/// Reads the memory of an agent's machine: one row, with the fields "total", "available", "used",
/// "free", "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and "used_percent".
/// Parameters and errors as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_mem_info(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_mem_info)
    })
}

/// Reads the network interfaces of an agent's machine: a row each, with the fields "mtu", "name",
/// "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address). Parameters and errors as
/// acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_nic_info(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_nic_info)
    })
}

/// Reads the operating system of an agent's machine: one row, with the fields "hostname", "uptime"
/// (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform", "platform_family",
/// "platform_version", "virtualization_system" and "virtualization_role". Parameters and errors as
/// acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_os_info(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_os_info)
    })
}

/// Reads the total resource usage of an agent and its jobs: one row, with the fields "cpu"
/// (percent), "rss", "vms" and "swap" (bytes). Parameters and errors as
/// acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_aggregated_stats(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        ask(scope, client, (gid, nid), (timeout_ms, cancel), Client::get_aggregated_stats)
    })
}

/// Reads the jobs that an agent is running, this request included: a row each, with the fields
/// "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (percent), "rss", "vms", "swap" (bytes) and "debug".
/// Other parameters and errors as acclient_client_get_cpu_info().
///
/// query: the jobs to return; may be NULL for all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_processes(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    query: Option<&acclient_process_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let query = process_query(scope, query)?;
        ask(scope, client, (gid, nid), (timeout_ms, cancel), |client, agent| {
            client.get_processes(agent, &query)
        })
    })
}

/// Reads the log of a job on an agent, by the id of its command: a row for each message, newest
/// first, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id". No rows for
/// a job that the agent does not know. Agents write logs with a short delay.
///
/// target: one agent.
/// id: the id of the command.
/// query: the messages to return; may be NULL for the defaults of acclient_msg_query_new().
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_msgs(
    client: Option<&acclient_client>,
    target: Option<&acclient_target>,
    id: *const c_char,
    query: Option<&acclient_msg_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        let target = scope.borrow("target", target)?.target();
        let agent = target.agent_id().ok_or_else(|| {
            Error::invalid(format!("invalid target \"{target}\": expected one agent"))
        })?;
        let query = msg_query(scope, query)?;
        AnswerHandle::of(&client.get_msgs(agent, scope.name("id", id)?, &query)?)
    })
}

/// Lists the agents that the controller knows: a row each, with the fields "gid", "nid" and "roles"
/// ("roles.0" is the first role). A dead agent stays in the list for 30 to 45 s. An agent that runs
/// 100 jobs fetches no commands, and leaves the list after 30 s until some jobs end.
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_TIMEOUT if no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND if the
/// controller does not support it; as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_list_agents(
    client: Option<&acclient_client>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        with_roles(client.list_agents()?)
    })
}

/// Diagnoses everything that a command depends on: whether Redis can be reached, accepts the login,
/// and supports what the library uses; whether Redis may run out of memory, evict keys or refuse
/// writes; whether a controller drains the queue; which agents answer, and how far behind they are.
/// The times of the controller and the agents exclude the round trip to Redis.
///
/// The answer has a row for each check, in the order in which a command depends on them. Later
/// versions may add checks. Fields:
///   "name": "redis", "login", "queue", "agent 1:2", ...; unique
///   "verdict": "good", "weak", "bad", or "unknown" if Redis does not tell or time ran out
///   "found": the finding
///   "advice": what to do; empty if nothing
///   "code", "kind": status and name of the error that commands get because of it, such as
///   ACCLIENT_TIMEOUT; null if commands need not fail
///
/// Sends the commands "list_agents" and "ping". Those that were not fetched are removed from Redis
/// before the call returns, even if it is cancelled; their other keys expire within ten seconds.
///
/// client: use acclient_client_build() if Redis may be unreachable.
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE.
/// Problems of the grid are in the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_doctor(
    client: Option<&acclient_client>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        AnswerHandle::of(&client.doctor(client.timeout())?.checks)
    })
}

/// Sends a "ping" to an agent and waits for its answer.
///
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_ping_agent(
    client: Option<&acclient_client>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let client = scope.client(client, (timeout_ms, cancel))?;
        client.ping_agent(agent((gid, nid))?)
    })
}

/// Reads the resource usage of a running job: one row, with the fields "cpu" (percent), "rss",
/// "vms", "swap" (bytes), "cmd" and "debug".
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_JOB_FAILED if the job is not running; as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_get_stats(
    job: Option<&acclient_job>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let job = scope.borrow("job", job)?.bounded(scope, (timeout_ms, cancel))?;
        AnswerHandle::of(&job.get_stats()?)
    })
}

/// Reads the log of a job. Rows, other parameters and errors as acclient_client_get_msgs().
///
/// query: the messages to return; may be NULL for the defaults of acclient_msg_query_new().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_get_msgs(
    job: Option<&acclient_job>,
    query: Option<&acclient_msg_query>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, answer, |scope| {
        let job = scope.borrow("job", job)?.bounded(scope, (timeout_ms, cancel))?;
        AnswerHandle::of(&job.get_msgs(&msg_query(scope, query)?)?)
    })
}

/// Kills a job: the agent sends SIGKILL to the process that it started; see acclient_command_kill()
/// for the limits of a kill. Sends nothing if the job has ended or is ending after an earlier kill.
///
/// kill: [out] receives ACCLIENT_KILL_ENDED once the result is available, also if the job had ended
///   before, or ACCLIENT_KILL_ORDERED if a process still holds the job's output a second after the
///   kill. May be NULL.
/// Errors: ACCLIENT_NOT_RUNNING if the agent does not run the job; ACCLIENT_TIMEOUT for an agent
/// that is down, stopped or full; ACCLIENT_NO_SUCH_AGENT; as acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_kill(
    job: Option<&acclient_job>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    kill: *mut i32,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, kill, |scope| {
        let job = scope.borrow("job", job)?.bounded(scope, (timeout_ms, cancel))?;
        Ok(kill_number(job.kill()?))
    })
}
