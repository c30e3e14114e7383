//! Questions to agents and to the controller, which give an [`acclient_answer`].

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use super::answer::{AnswerHandle, acclient_answer};
use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::error::acclient_error;
use super::guard;
use super::job::acclient_job;
use super::request::acclient_request;
use super::status::acclient_status;
use super::text;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::msgs::MsgQuery;
use crate::processes::ProcessQuery;

/// Asks a question with a handle of the client for this call, and gives its JSON.
///
/// # Safety
/// Each pointer is NULL or what the descriptions of the functions say that call this.
unsafe fn ask(
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

fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
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
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_cpu_info(gid, nid)?.json().to_owned())
        })
    }
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
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_disk_info(gid, nid)?.json().to_owned())
        })
    }
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
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_mem_info(gid, nid)?.json().to_owned())
        })
    }
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
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_nic_info(gid, nid)?.json().to_owned())
        })
    }
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
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_os_info(gid, nid)?.json().to_owned())
        })
    }
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
        ask(client, timeout_ms, cancel, answer, error, |client| {
            let (gid, nid) = agent(gid, nid)?;
            Ok(client.get_aggregated_stats(gid, nid)?.json().to_owned())
        })
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

/// Has the controller send a command at certain times, each time with a new id. One of the same id is
/// replaced.
///
/// client, id: not NULL; id not empty.
/// cron: five or six fields beginning with seconds, like "0 30 3 * * *", or "@every 1h"; not NULL.
/// request: the command; not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_INVALID_ARGUMENT for what the controller would not understand (nothing was sent),
/// ACCLIENT_JOB_FAILED where it refuses, and those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_add(
    client: *const acclient_client,
    id: *const c_char,
    cron: *const c_char,
    request: *const acclient_request,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let (id, cron) = (text::name("id", id)?, text::name("cron", cron)?);
            let request = scope.borrow("request", request)?;
            let command = request.by(request.client().clone());
            let cancel = scope.borrow_optional("cancel", cancel)?;
            bounded(client, timeout_ms, cancel)?.schedule_add(id, cron, command)
        })
    }
}

/// What is scheduled, in the order of ids: a row each, with the fields "id", "cron" and "cmd"
/// ("cmd.cmd", "cmd.gid", ...).
///
/// client: not NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// answer: gets the answer, which the caller frees with acclient_answer_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_list(
    client: *const acclient_client,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    answer: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        ask(client, timeout_ms, cancel, answer, error, |client| to_json(&*client.schedule_list()?))
    }
}

/// Takes a command off the schedule.
///
/// client, id: not NULL.
/// removed: gets whether there was one of that id; may be NULL.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove(
    client: *const acclient_client,
    id: *const c_char,
    removed: *mut bool,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        if !removed.is_null() {
            removed.write(false);
        }
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let found =
                bounded(client, timeout_ms, cancel)?.schedule_remove(text::name("id", id)?)?;
            if !removed.is_null() {
                removed.write(found);
            }
            Ok(())
        })
    }
}

/// Takes all commands whose ids begin with a prefix off the schedule.
///
/// client, prefix: not NULL; an empty prefix is all.
/// timeout_ms: milliseconds for the answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_request_run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_schedule_remove_prefix(
    client: *const acclient_client,
    prefix: *const c_char,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let prefix = text::name("prefix", prefix)?;
            bounded(client, timeout_ms, cancel)?.schedule_remove_prefix(prefix)
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
