//! Questions to agents, to the controller and about jobs, which give an [`acclient_answer`].

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

/// Asks an agent, and gives its answer as it was.
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
/// "family", "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz", "cache_size"
/// (KiB) and "flags".
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent failed to read it,
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

/// Reads what an agent and all its jobs use together: one row, with the fields "cpu" (per cent),
/// "rss", "vms" and "swap" (bytes). Parameters and errors as acclient_client_get_cpu_info().
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

/// Reads the jobs that an agent is running, this request included: a row each, with the fields "cmd"
/// ("cmd.id", "cmd.cmd", ...), "cpu" (per cent), "rss", "vms", "swap" (bytes) and "debug". Other
/// parameters and errors as acclient_client_get_cpu_info().
///
/// query: which jobs; may be NULL for all.
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

/// Reads what a job has logged on an agent, by the id of its command: a row for each message, newest
/// first, with the fields "data", "level", "epoch" (milliseconds since 1970) and "id"; no rows for a
/// job that the agent does not know. The agent logs with a short delay.
///
/// target: one agent.
/// id: the id of the command.
/// query: which messages; may be NULL for the defaults of acclient_msg_query_new().
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
/// ("roles.0" is the first). An agent that died stays in the list for 30 to 45 s. One
/// that runs 100 jobs fetches no commands and leaves the list after 30 s, until some of them end.
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_TIMEOUT where no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND where the
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

/// Checks everything that a command depends on: whether Redis can be reached, accepts the login, and
/// what it supports; whether it may run out of memory, evict keys or refuse writes; whether a controller drains
/// the queue; which agents answer, and how far behind they are. The round trip to Redis is measured first, and left
/// out of the times of the controller and of agents. A row for each check, in the order in which
/// a command depends on them, with the fields
/// "name" ("redis", "login", "queue", "agent 1:2", ...), different in each row;
/// "verdict" ("good", "weak", "bad", or "unknown" where Redis does not tell or the time was too short);
/// "found"; "advice", which is empty where nothing is to be done;
/// "code", an integer: the kind of the error that commands meet because of it, such as ACCLIENT_TIMEOUT, and "kind",
/// its name; both null where no command has to fail. Later versions may check more.
///
/// Sends the commands "list_agents" and "ping". Those that nobody has fetched are removed from Redis at the end, also
/// of a call that is cancelled, and their other keys expire within ten seconds.
///
/// client: made with acclient_client_build() if Redis may be unreachable.
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

/// Reads what a running job uses: one row, with the fields "cpu" (per cent), "rss", "vms", "swap"
/// (bytes), "cmd" and "debug".
///
/// answer: [out] receives the answer; free with acclient_answer_free().
/// Errors: ACCLIENT_JOB_FAILED where the job is not running; as acclient_request_run().
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

/// Reads what a job has logged. Rows, other parameters and errors as acclient_client_get_msgs().
///
/// query: which messages; may be NULL for the defaults of acclient_msg_query_new().
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

/// Kills a job: the agent sends SIGKILL to the process that it started. See acclient_command_kill() for what
/// a kill does not reach. Nothing is sent where the job is over or is ending after an earlier kill.
///
/// kill: [out] receives ACCLIENT_KILL_ENDED once the result is there, also where the job was over before, or
///   ACCLIENT_KILL_ORDERED if something still holds the job's output a second after the kill; may be NULL.
/// Errors: ACCLIENT_NOT_RUNNING where the agent does not run the job, so that a kill cannot reach it;
/// ACCLIENT_TIMEOUT for an agent that is down, stopped or full; ACCLIENT_NO_SUCH_AGENT; as
/// acclient_request_run().
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
