//! `acclient_commands` and `acclient_jobs`: lists of handles.

use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::command::{CommandHandle, acclient_command};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;

/// Commands of the history, most recent first. Each command is for one thread at a time.
pub struct acclient_commands(Handle<Vec<acclient_command>>);

opaque!(acclient_commands: Vec<acclient_command>);

/// Jobs of a command, ordered by agent.
pub struct acclient_jobs(Handle<Vec<acclient_job>>);

opaque!(acclient_jobs: Vec<acclient_job>);

/// Reads the history of commands. Only controllers older than the original of 2016 keep a history.
///
/// start: the number of most recent commands to skip.
/// count: 1 to 10000.
/// commands: [out] receives the list; free with acclient_commands_free().
/// Errors: ACCLIENT_UNSUPPORTED if there is no history, ACCLIENT_PROTOCOL if no entry can be
/// decoded. If only some can, the others are omitted and logged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_cmds(
    client: Option<&acclient_client>,
    start: u32,
    count: u32,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    commands: *mut *mut acclient_commands,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, commands, |scope| {
        let client = scope.borrow("client", client)?;
        let found = scope.bounded(client, (timeout_ms, cancel))?.get_cmds(start, count)?;
        let handle = |command| CommandHandle::new(client, command).into();
        Ok(found.into_iter().map(handle).collect::<Vec<_>>())
    })
}

/// Returns the number of commands.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_commands_count(commands: Option<&acclient_commands>) -> usize {
    guard::get(commands, |it| Some(it.len()))
}

/// Returns the command at an index. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_commands_at(
    commands: Option<&acclient_commands>,
    index: usize,
) -> *const acclient_command {
    guard::part(commands, |it| it.get(index))
}

/// Frees the list and its commands; their jobs continue to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_commands_free(commands: Option<Box<acclient_commands>>) {
    guard::free(commands);
}

/// Reads the job of one agent that a command was routed to; see acclient_command_jobs(). The cost
/// does not depend on the number of agents.
///
/// gid, nid: the agent, 0 to 4294967295 each.
/// job: [out] receives the job; free with acclient_job_free().
/// Errors: ACCLIENT_PROTOCOL if Redis has no such job or it cannot be decoded,
/// ACCLIENT_NO_SUCH_AGENT if the controller did not know the agent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_job(
    command: Option<&acclient_command>,
    gid: i64,
    nid: i64,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    job: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, job, |scope| {
        let command = scope.borrow("command", command)?;
        let agent = super::scope::agent_of_job((gid, nid))?;
        let job = command.bounded(scope, (timeout_ms, cancel))?.job(agent)?;
        // Later calls have their own timeouts and tokens.
        Ok(JobHandle::new(job.by(command.client().session().clone())))
    })
}

/// Reads the jobs of all agents that a command was routed to, as Redis has them now: queued,
/// running or ended. The list is empty until a controller has routed the command. A job is
/// "RUNNING" from the moment its agent has fetched it, even while it waits in a queue of the agent;
/// acclient_command_progress() asks the agent. Listed agents that the controller does not know have
/// no job and are omitted.
///
/// jobs: [out] receives the list; free with acclient_jobs_free().
/// Errors: ACCLIENT_NO_SUCH_AGENT if the controller knew no agent for the target, ACCLIENT_PROTOCOL
/// if no result can be decoded. If only some can, the others are omitted and logged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_jobs(
    command: Option<&acclient_command>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    jobs: *mut *mut acclient_jobs,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, jobs, |scope| {
        let command = scope.borrow("command", command)?;
        let found = command.bounded(scope, (timeout_ms, cancel))?.jobs()?.into_values();
        // Later calls have their own timeouts and tokens.
        let handle =
            |job: crate::Job| JobHandle::new(job.by(command.client().session().clone())).into();
        Ok(found.map(handle).collect::<Vec<_>>())
    })
}

/// Returns the number of jobs.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_jobs_count(jobs: Option<&acclient_jobs>) -> usize {
    guard::get(jobs, |it| Some(it.len()))
}

/// Returns the job at an index. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_jobs_at(
    jobs: Option<&acclient_jobs>,
    index: usize,
) -> *const acclient_job {
    guard::part(jobs, |it| it.get(index))
}

/// Frees the list and its job handles; the jobs continue to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_jobs_free(jobs: Option<Box<acclient_jobs>>) {
    guard::free(jobs);
}
