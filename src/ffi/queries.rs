//! Questions to agents, to the controller and about jobs, which give an [`acclient_answer`].

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::error::acclient_error;
use super::guard;
use super::job::acclient_job;
use super::status::acclient_status;
use super::text;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::MsgQuery;
use crate::node::Answer;
use crate::node::ProcessQuery;

/// Asks a question with a handle of the client for this call, and gives its JSON.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
pub(super) unsafe fn ask(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
    question: impl FnOnce(&Client) -> Result<String>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(answer);
        guard::call(error, |scope| {
            guard::check_place("answer", answer)?;
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let json = question(&bounded(client, timeout_ms, cancel)?)?;
            guard::give(answer, AnswerHandle::new(json)?);
            Ok(())
        })
    }
}

/// Asks an agent, and gives its answer as it was.
///
/// # Safety
/// As [`ask`].
unsafe fn ask_agent<T>(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
    question: impl FnOnce(&Client, u32, u32) -> Result<Answer<T>>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(question(client, gid, nid)?.json().to_owned())
        })
    }
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::invalid(error.to_string()))
}

fn agent(gid: i64, nid: i64) -> Result<(u32, u32)> {
    Ok((text::agent_number("gid", gid)?, text::agent_number("nid", nid)?))
}

/// # Safety
/// Each pointer is NULL or a NUL-terminated text.
pub(super) unsafe fn process_query(
    domain: *const c_char,
    name: *const c_char,
) -> Result<ProcessQuery> {
    let mut query = ProcessQuery::new();
    // SAFETY: as the caller promises.
    unsafe {
        if !domain.is_null() {
            query = query.domain(text::name("domain", domain)?);
        }
        if !name.is_null() {
            query = query.name(text::name("name", name)?);
        }
    }
    Ok(query)
}

/// # Safety
/// `levels` is NULL or a NUL-terminated text.
pub(super) unsafe fn msg_query(
    levels: *const c_char,
    limit: u32,
    from_ms: i64,
    to_ms: i64,
) -> Result<MsgQuery> {
    let mut query = MsgQuery::new().limit(limit);
    if !levels.is_null() {
        // SAFETY: as the caller promises.
        query = query.levels(unsafe { text::name("levels", levels)? });
    }
    let time = |ms: i64| {
        u64::try_from(ms).ok().map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
    };
    if let Some(from) = time(from_ms) {
        query = query.from(from);
    }
    if let Some(to) = time(to_ms) {
        query = query.to(to);
    }
    Ok(query)
}

/// The processors of an agent's machine: a row each, with the fields "cpu", "vendor_id", "family",
/// "model", "stepping", "physical_id", "core_id", "cores", "model_name", "mhz", "cache_size" (KiB) and
/// "flags".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_cpu_info(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_cpu_info) }
}

/// The mounted file systems of an agent's machine: a row each, with the fields "device",
/// "mountpoint", "fstype" and "opts".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_disk_info(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_disk_info) }
}

/// The memory of an agent's machine: one row, with the fields "total", "available", "used", "free",
/// "active", "inactive", "buffers", "cached", "wired", "shared" (bytes) and "used_percent".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_mem_info(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_mem_info) }
}

/// The network interfaces of an agent's machine: a row each, with the fields "mtu", "name",
/// "hardwareaddr", "flags" and "addrs" ("addrs.0.addr" is the first address).
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_nic_info(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_nic_info) }
}

/// The operating system of an agent's machine: one row, with the fields "hostname", "uptime"
/// (seconds), "boot_time" (seconds since 1970), "procs", "os", "platform", "platform_family",
/// "platform_version", "virtualization_system" and "virtualization_role".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_os_info(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_os_info) }
}

/// What an agent and all its jobs use together: one row, with the fields "cpu" (per cent), "rss",
/// "vms" and "swap" (bytes).
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_NO_SUCH_AGENT, ACCLIENT_JOB_FAILED where the agent could not tell,
/// ACCLIENT_UNKNOWN_COMMAND, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_aggregated_stats(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        ask_agent(client, gid, nid, timeout_ms, cancel, answer, error, Client::get_aggregated_stats)
    }
}

/// The jobs that an agent runs at this moment, this question included: a row each, with the fields
/// "cmd" ("cmd.id", "cmd.cmd", ...), "cpu" (per cent), "rss", "vms", "swap" (bytes) and "debug".
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// domain, name: only processes started with these; NULL for all.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_processes(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    domain: *const c_char,
    name: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        let query = process_query(domain, name);
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_processes(gid, nid, &query?)?.json().to_owned())
        })
    }
}

/// What a job has logged on an agent, by its id: a row for each message, newest first, with the
/// fields "data", "level", "epoch" (milliseconds since 1970) and "id". A job that the agent does not
/// know has none. The agent logs a little behind.
///
/// client, id: not NULL.
/// gid, nid: the agent; both above 0.
/// levels: "*" or numbers and ranges like "1,2,6-9"; NULL is "*".
/// limit: at most so many messages, 1 to 1000.
/// from_ms, to_ms: logged between these times, in milliseconds since 1970; below 0 is no limit.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_msgs(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    id: *const c_char,
    levels: *const c_char,
    limit: u32,
    from_ms: i64,
    to_ms: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        let query = msg_query(levels, limit, from_ms, to_ms);
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            to_json(&client.get_msgs(gid, nid, text::name("id", id)?, &query?)?)
        })
    }
}

/// The agents that the controller knows at this moment: a row each, with the fields "gid", "nid" and
/// "roles" ("roles.0" is the first). A dead one stays in the list for up to 30 s.
///
/// client: not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_TIMEOUT where no controller drains the queue, ACCLIENT_UNKNOWN_COMMAND from one that
/// does not offer it, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_list_agents(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let row = |(agent, roles): (crate::AgentId, Vec<String>)| serde_json::json!({ "gid": agent.gid, "nid": agent.nid, "roles": roles });
            let rows: Vec<_> = client.list_agents()?.into_iter().map(row).collect();
            to_json(&rows)
        })
    }
}

/// Looks at everything that a command needs on its way, and says what is wrong: whether Redis can be
/// reached, takes the login, and what it can do; whether a controller drains the queue; which agents
/// answer, and how far behind they are. It sends the commands "list_agents" and "ping". A row for each
/// check, in the order of the way that a command takes, with the fields "name" ("redis", "login",
/// "queue", "agent 1:2", ...), "verdict" ("good", "weak" or "bad"), "found", and "advice", which is
/// empty where nothing is to be done. Later versions may look at more.
///
/// client: not NULL. One of acclient_client_build() looks at a Redis that cannot be reached.
/// timeout_ms: milliseconds for all of it; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT, ACCLIENT_CANCELLED, ACCLIENT_CLOSED, ACCLIENT_FORKED_HANDLE. What
/// is wrong with the grid is in the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_doctor(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            to_json(&client.doctor(client.timeout())?.checks)
        })
    }
}

/// Asks an agent for a sign of life.
///
/// client: not NULL.
/// gid, nid: the agent; both above 0.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_ping_agent(
    client: *const acclient_client,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let (gid, nid) = agent(gid, nid)?;
            bounded(client, timeout_ms, cancel)?.ping_agent(gid, nid)
        })
    }
}

/// Asks about a job.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn ask_job(
    job: *const acclient_job,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
    question: impl FnOnce(&Job) -> Result<String>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::out(answer);
        guard::call(error, |scope| {
            guard::check_place("answer", answer)?;
            let job = scope.borrow("job", job)?.job();
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let job = job.by(bounded(job.client(), timeout_ms, cancel)?);
            guard::give(answer, AnswerHandle::new(question(&job)?)?);
            Ok(())
        })
    }
}

/// What a running job uses at this moment: one row, with the fields "cpu" (per cent), "rss", "vms",
/// "swap" (bytes), "cmd" and "debug".
///
/// job: not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_JOB_FAILED where it does not run any more, or not yet; those of
/// acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_get_stats(
    job: *const acclient_job,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { ask_job(job, timeout_ms, cancel, answer, error, |job| to_json(&job.get_stats()?)) }
}

/// What a job has logged. Rows, levels, limit, from_ms and to_ms as acclient_client_get_msgs().
///
/// job: not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: as acclient_client_get_cpu_info().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_get_msgs(
    job: *const acclient_job,
    levels: *const c_char,
    limit: u32,
    from_ms: i64,
    to_ms: i64,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        let query = msg_query(levels, limit, from_ms, to_ms);
        ask_job(job, timeout_ms, cancel, answer, error, |job| to_json(&job.get_msgs(&query?)?))
    }
}

/// Kills a job, with all its processes, and returns once its agent has taken the order; its result,
/// usually KILLED, follows.
///
/// job: not NULL.
/// timeout_ms: milliseconds for the agent to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_TIMEOUT for an agent that is away, or busy with an earlier kill of the same job;
/// those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_kill(
    job: *const acclient_job,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let job = scope.borrow("job", job)?.job();
            let cancel = scope.borrow_optional("cancel", cancel)?;
            job.by(bounded(job.client(), timeout_ms, cancel)?).kill()
        })
    }
}
