//! `acclient_run_args`.

use std::ffi::c_char;

use super::answer::{AnswerHandle, acclient_answer};
use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::lock::Shared;
use super::scope::Scope;
use super::status::acclient_status;
use crate::error::{Error, Result};
use crate::protocol::RunArgs;

/// Run arguments: how an agent runs a job. All are optional. A setter that fails changes nothing.
pub struct acclient_run_args(Handle<Shared<RunArgs>>);

opaque!(acclient_run_args: Shared<RunArgs>);

fn set<'a>(
    scope: &Scope<'a>,
    args: *mut acclient_run_args,
    change: impl FnOnce(RunArgs) -> Result<RunArgs>,
) -> Result<()> {
    scope.borrow_mut("args", args)?.change(|args| {
        let changed = change(args)?;
        changed.check()?;
        Ok(changed)
    })
}

fn number(what: &str, number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| {
        Error::invalid(format!("invalid {what} {number}: expected a number from 0 to {}", u32::MAX))
    })
}

/// Creates run arguments with nothing set.
///
/// args: [out] receives the run arguments; free with acclient_run_args_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_new(
    args: *mut *mut acclient_run_args,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, args, |_| Ok(Shared::new(RunArgs::new())))
}

/// Sets the domain: a label that groups jobs and jumpscripts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_domain(
    args: *mut acclient_run_args,
    domain: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.domain(scope.name("domain", domain)?))))
}

/// Sets the name: the program for "execute", the script for "jumpscript", a label for other
/// commands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_name(
    args: *mut acclient_run_args,
    name: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.name(scope.name("name", name)?))))
}

/// Sets the output levels that the agent logs: "*" (the default), or numbers and ranges like
/// "1,2,6-9". "" leaves the choice to the agent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels(
    args: *mut acclient_run_args,
    loglevels: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.loglevels(scope.name("loglevels", loglevels)?)))
    })
}

/// Sets the logged levels that the agent stores for message requests, in the form of
/// acclient_run_args_set_loglevels().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels_db(
    args: *mut acclient_run_args,
    loglevels_db: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.loglevels_db(scope.name("loglevels_db", loglevels_db)?)))
    })
}

/// Sets the logged levels that the agent sends to the controller, in the form of
/// acclient_run_args_set_loglevels().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_loglevels_ac(
    args: *mut acclient_run_args,
    loglevels_ac: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.loglevels_ac(scope.name("loglevels_ac", loglevels_ac)?)))
    })
}

/// Sets the queue on the agent: jobs with the same queue name run one after another on an agent.
/// Default: no queue; the job starts at once.
///
/// Redis shows a job that waits in a queue as "RUNNING". The agent does not list it among its jobs,
/// a kill does not reach it (ACCLIENT_NOT_RUNNING), and it is lost if the agent dies.
/// acclient_command_progress() reports ACCLIENT_STAGE_QUEUED_ON_AGENT.
///
/// Jobs run in the order of submission only if the agent keeps up: commands that it has not fetched
/// may overtake each other. A command that the agent refuses (UNKNOWN_CMD, DUPILICATE_ID) blocks
/// its queue until the agent restarts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_queue(
    args: *mut acclient_run_args,
    queue: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.queue(scope.name("queue", queue)?))))
}

/// Sets the working directory. Default: the agent's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_working_dir(
    args: *mut acclient_run_args,
    working_dir: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.working_dir(scope.name("working_dir", working_dir)?)))
    })
}

/// Sets the maximum run time in seconds, after which the agent kills the process that it started
/// and reports TIMEOUT. Default: 0, no limit.
///
/// The limit reaches as far as acclient_command_kill(): children of the process continue to run, a
/// script of "bash" runs to its end, and TIMEOUT is reported when the last of them has closed the
/// job's output. acclient_request_set_killable() makes the limit reach the script.
///
/// -1 is no limit and requests that the job be run again when the agent restarts, which the
/// original agents never do.
///
/// seconds: -1 to 2147483647; for a scheduled command, up to 999999.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_max_time(
    args: *mut acclient_run_args,
    seconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.max_time(seconds))))
}

/// Sets the maximum number of runs of a job that fails, including the first: 2 allows one retry, 1
/// none. Runs are 1 s apart; the result is that of the last. Default: 0, one run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_max_restart(
    args: *mut acclient_run_args,
    times: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.max_restart(number("times", times)?))))
}

/// Sets the period, in seconds, with which the job runs until it is killed. It has no result until
/// then. Default: 0, one run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_recurring_period(
    args: *mut acclient_run_args,
    seconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.recurring_period(number("seconds", seconds)?)))
    })
}

/// Sets the interval, in milliseconds, at which the agent measures the job. Default: 0, the agent's
/// interval.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_set_stats_interval(
    args: *mut acclient_run_args,
    milliseconds: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.stats_interval(number("milliseconds", milliseconds)?)))
    })
}

/// Adds a program argument to "execute". Scripts receive no arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_add_arg(
    args: *mut acclient_run_args,
    arg: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| set(scope, args, |it| Ok(it.arg(scope.name("arg", arg)?))))
}

/// Adds an environment variable to the job, whose environment is otherwise small: it has no PATH.
///
/// name: not empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_add_env(
    args: *mut acclient_run_args,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        set(scope, args, |it| Ok(it.env(scope.name("name", name)?, scope.name("value", value)?)))
    })
}

/// Sets everything that other sets; lists are replaced as a whole. args and other may be the same
/// handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_merge(
    args: *mut acclient_run_args,
    other: Option<&acclient_run_args>,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let args = scope.borrow_mut("args", args)?;
        // Read before args is locked, since the two may be the same handle.
        let other = scope.borrow("other", other)?.get();
        args.change(|args| Ok(args.merge(other)))
    })
}

/// Returns the run arguments as they are sent.
///
/// json: [out] receives an answer of one row; free with acclient_answer_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_run_args_to_json(
    args: Option<&acclient_run_args>,
    json: *mut *mut acclient_answer,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, json, |scope| AnswerHandle::new(scope.borrow("args", args)?.get().to_json()))
}

/// Frees run arguments; requests made with them are unaffected.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_run_args_free(args: Option<Box<acclient_run_args>>) {
    guard::free(args);
}
