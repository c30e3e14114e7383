//! `acclient_run_args`.

use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};

use super::answer::{AnswerHandle, acclient_answer};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text;
use crate::error::{Error, Result};
use crate::protocol::RunArgs;

/// Run arguments: how an agent runs a job. Everything is optional. Any number of threads may use
/// them.
pub struct acclient_run_args {
    handle: Handle<Mutex<RunArgs>>,
}

opaque!(acclient_run_args: Mutex<RunArgs>);

pub(super) fn get(args: &Mutex<RunArgs>) -> RunArgs {
    args.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Changes run arguments, or leaves them as they are where the change is refused.
///
/// # Safety
/// `args` is NULL or live, `error` NULL or writable.
unsafe fn change(
    args: *const acclient_run_args,
    error: *mut *mut acclient_error,
    change: impl FnOnce(RunArgs) -> Result<RunArgs>,
) -> acclient_status {
    // SAFETY: as the caller promises.
    unsafe {
        guard::call(error, |scope| {
            let args = scope.borrow("args", args)?;
            // Locked throughout: what another thread adds meanwhile must not be lost.
            let mut args = args.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = change(args.clone())?;
            changed.check()?;
            *args = changed;
            Ok(())
        })
    }
}

/// Makes run arguments with nothing set.
///
/// args: gets them; the caller frees them with acclient_run_args_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_new(
    args: *mut *mut acclient_run_args,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, both are NULL or writable.
    unsafe {
        guard::out(args);
        guard::call(error, |_| {
            guard::check_place("args", args)?;
            guard::give(args, Mutex::new(RunArgs::new()));
            Ok(())
        })
    }
}

/// Domain, a label by which processes and scripts are grouped.
///
/// args, domain: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_domain(
    args: *const acclient_run_args,
    domain: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.domain(text::name("domain", domain)?))) }
}

/// Name: the program for "execute", the script for "jumpscript", a label elsewhere.
///
/// args, name: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_name(
    args: *const acclient_run_args,
    name: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.name(text::name("name", name)?))) }
}

/// Which levels of output the agent logs: "*" (the default), or numbers and ranges like "1,2,6-9".
/// "" leaves the choice to the agent.
///
/// args, loglevels: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels(
    args: *const acclient_run_args,
    loglevels: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.loglevels(text::name("loglevels", loglevels)?))) }
}

/// Which of them it keeps where messages are asked for. Same form as acclient_run_args_set_loglevels().
///
/// args, loglevels_db: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels_db(
    args: *const acclient_run_args,
    loglevels_db: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(args, error, |args| Ok(args.loglevels_db(text::name("loglevels_db", loglevels_db)?)))
    }
}

/// Which of them it sends to the controller. Same form as acclient_run_args_set_loglevels().
///
/// args, loglevels_ac: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels_ac(
    args: *const acclient_run_args,
    loglevels_ac: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(args, error, |args| Ok(args.loglevels_ac(text::name("loglevels_ac", loglevels_ac)?)))
    }
}

/// Jobs of one queue name run one after another on an agent. Default: no queue.
///
/// args, queue: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_queue(
    args: *const acclient_run_args,
    queue: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.queue(text::name("queue", queue)?))) }
}

/// The directory to run in. Default: the agent's own.
///
/// args, working_dir: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_working_dir(
    args: *const acclient_run_args,
    working_dir: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(args, error, |args| Ok(args.working_dir(text::name("working_dir", working_dir)?)))
    }
}

/// How long the job may run, in seconds, before the agent kills it and reports TIMEOUT. 0 (the
/// default): no limit. -1: no limit, and run again when the agent restarts.
///
/// args: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_max_time(
    args: *const acclient_run_args,
    seconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.max_time(seconds))) }
}

/// How many times the agent starts the job again when it fails. Default 0.
///
/// args: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_max_restart(
    args: *const acclient_run_args,
    times: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.max_restart(number("times", times)?))) }
}

/// Runs the job again every so many seconds until it is killed; it has no result until then.
/// Default 0: runs once.
///
/// args: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_recurring_period(
    args: *const acclient_run_args,
    seconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.recurring_period(number("seconds", seconds)?))) }
}

/// How often the agent measures the job, in milliseconds. Default 0: the agent's own.
///
/// args: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_stats_interval(
    args: *const acclient_run_args,
    milliseconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(args, error, |args| Ok(args.stats_interval(number("milliseconds", milliseconds)?)))
    }
}

fn number(what: &str, number: i64) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| Error::invalid(format!("{what} is {number}; it is 0 to {}", u32::MAX)))
}

/// Adds an argument of the program.
///
/// args, arg: not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_add_arg(
    args: *const acclient_run_args,
    arg: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe { change(args, error, |args| Ok(args.arg(text::name("arg", arg)?))) }
}

/// Adds a variable to the environment of the job, which holds little else: no PATH.
///
/// args, name, value: not NULL; name not empty.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT, and nothing is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_add_env(
    args: *const acclient_run_args,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        change(args, error, |args| {
            Ok(args.env(text::name("name", name)?, text::name("value", value)?))
        })
    }
}

/// Takes over all that other sets. Lists are replaced as a whole.
///
/// args, other: not NULL; they may be the same.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_merge(
    args: *const acclient_run_args,
    other: *const acclient_run_args,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::call(error, |scope| {
            let args = scope.borrow("args", args)?;
            // Taken before the lock, since the two may be the same.
            let other = get(scope.borrow("other", other)?);
            let mut args = args.lock().unwrap_or_else(PoisonError::into_inner);
            let merged = args.clone().merge(other);
            *args = merged;
            Ok(())
        })
    }
}

/// The arguments as they go over the wire.
///
/// args: not NULL.
/// json: gets them as an answer of one row, which the caller frees with acclient_answer_free(); not
///   NULL.
/// error: gets the error; may be NULL.
/// From any thread. Does not block.
/// Errors: ACCLIENT_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_to_json(
    args: *const acclient_run_args,
    json: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(json);
        guard::call(error, |scope| {
            guard::check_place("json", json)?;
            let args = get(scope.borrow("args", args)?);
            guard::give(json, AnswerHandle::new(args.to_json())?);
            Ok(())
        })
    }
}

/// Frees run arguments; commands made with them stay as they are. NULL is a no-op. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_free(args: *mut acclient_run_args) {
    // SAFETY: NULL or run arguments that nobody uses any more, by contract with C.
    unsafe { guard::free(args) };
}
