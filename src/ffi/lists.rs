//! `acclient_commands` and `acclient_jobs`: lists of handles.

use super::cancel::acclient_cancel;
use super::client::{acclient_client, bounded};
use super::command::{CommandHandle, acclient_command};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::job::{JobHandle, acclient_job};
use super::status::acclient_status;

/// Commands of the past, most recent first. Each is for one thread at a time.
pub struct acclient_commands {
    handle: Handle<Vec<acclient_command>>,
}

opaque!(acclient_commands: Vec<acclient_command>);

/// Jobs of a command, in the order of agents. Any number of threads may read them.
pub struct acclient_jobs {
    handle: Handle<Vec<acclient_job>>,
}

opaque!(acclient_jobs: Vec<acclient_job>);

/// Commands of the past: count of them, after start that are more recent still. Only controllers
/// older than the original of 2016 keep a history.
///
/// client: not NULL.
/// count: 1 to 10000.
/// timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// commands: gets the list, which the caller frees with acclient_commands_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_UNSUPPORTED where there is no history, ACCLIENT_PROTOCOL for an entry that cannot be
/// read, ACCLIENT_INVALID_ARGUMENT, and those of acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_client_get_cmds(
    client: *const acclient_client,
    start: u32,
    count: u32,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    commands: *mut *mut acclient_commands,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(commands);
        guard::call(error, |scope| {
            guard::check_place("commands", commands)?;
            let client = scope.borrow("client", client)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let found = bounded(client, timeout_ms, cancel)?.get_cmds(start, count)?;
            let handle = |command| acclient_command::from(CommandHandle::of(client, command));
            guard::give(commands, found.into_iter().map(handle).collect());
            Ok(())
        })
    }
}

/// How many commands there are. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_commands_count(commands: *const acclient_commands) -> usize {
    // SAFETY: NULL or a live list, by contract with C.
    unsafe { guard::read(commands, 0, |commands| Some(commands.len())) }
}

/// The command at an index, borrowed until the list is freed; NULL beyond the last, and for NULL. Does
/// not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_commands_at(
    commands: *const acclient_commands,
    index: usize,
) -> *const acclient_command {
    // SAFETY: NULL or a live list, by contract with C.
    unsafe {
        guard::read(commands, std::ptr::null(), |commands| {
            commands.get(index).map(std::ptr::from_ref)
        })
    }
}

/// Frees the list and its commands; the jobs go on. NULL is a no-op. Blocks only where it holds the
/// last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_commands_free(commands: *mut acclient_commands) {
    // SAFETY: NULL or a list that nobody uses any more, by contract with C.
    unsafe { guard::free(commands) };
}

/// The job of every agent that a command went to, as it stands now: running or over. None while no
/// controller has routed it.
///
/// command: not NULL.
/// timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// jobs: gets the list, which the caller frees with acclient_jobs_free(); not NULL.
/// error: gets the error; may be NULL.
/// One thread at a time for the command. Blocks.
/// Errors: ACCLIENT_PROTOCOL for a result that cannot be read, ACCLIENT_INVALID_ARGUMENT, and those of
/// acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_command_jobs(
    command: *const acclient_command,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    jobs: *mut *mut acclient_jobs,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(jobs);
        guard::call(error, |scope| {
            guard::check_place("jobs", jobs)?;
            let command = scope.borrow("command", command)?;
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let client = bounded(command.client(), timeout_ms, cancel)?;
            let found = command.lock()?.with_client(client).jobs()?.into_values();
            // Later calls have times and tokens of their own.
            let handle = |job: crate::Job| JobHandle::new(job.by(command.client().clone())).into();
            guard::give(jobs, found.map(handle).collect());
            Ok(())
        })
    }
}

/// How many jobs there are. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_jobs_count(jobs: *const acclient_jobs) -> usize {
    // SAFETY: NULL or a live list, by contract with C.
    unsafe { guard::read(jobs, 0, |jobs| Some(jobs.len())) }
}

/// The job at an index, borrowed until the list is freed; NULL beyond the last, and for NULL. Does not
/// block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_jobs_at(
    jobs: *const acclient_jobs,
    index: usize,
) -> *const acclient_job {
    // SAFETY: NULL or a live list, by contract with C.
    unsafe { guard::read(jobs, std::ptr::null(), |jobs| jobs.get(index).map(std::ptr::from_ref)) }
}

/// Frees the list and its jobs; what they stand for goes on. NULL is a no-op. Blocks only where it
/// holds the last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_jobs_free(jobs: *mut acclient_jobs) {
    // SAFETY: NULL or a list that nobody uses any more, by contract with C.
    unsafe { guard::free(jobs) };
}
