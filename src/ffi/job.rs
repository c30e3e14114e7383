//! `acclient_job`.

use std::ffi::c_char;
use std::time::SystemTime;

use super::cancel_token::acclient_cancel_token;
use super::contract::{agent, call, text};
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::scope::{Scope, Until};
use super::status::acclient_status;
use crate::engine::Session;
use crate::error::{Error, Result};
use crate::job::{Job, Origin};
use crate::protocol::JobResult;

/// Result of a command on one agent.
pub struct acclient_job(Handle<JobHandle>);

opaque!(acclient_job: JobHandle);

/// The result, with a session and an origin for further requests; the job of an error has none.
pub struct JobHandle(JobResult, Option<(Session, Option<Origin>)>);

impl JobHandle {
    pub(super) fn new(job: Job) -> Self {
        let (session, result, origin) = job.into_parts();
        JobHandle(result, Some((session, origin)))
    }

    pub(super) fn of_error(result: &JobResult) -> Self {
        JobHandle(result.clone(), None)
    }

    pub(super) fn job(&self) -> Result<Job> {
        let (session, origin) = self.1.clone().ok_or_else(|| {
            Error::invalid("the job of an error has no client: look up its command by id")
        })?;
        let job = Job::new(session, self.0.clone());
        Ok(match origin {
            Some(origin) => job.with_origin(origin),
            None => job,
        })
    }

    /// The job with the timeout and the token of one call.
    pub(super) fn bounded<'a>(&self, scope: &Scope<'a>, until: Until<'a>) -> Result<Job> {
        let job = self.job()?;
        let client = scope.bounded(&job.session().clone().into(), until)?;
        Ok(job.by(client.session().clone()))
    }
}

/// Returns the id of the command.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_id(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "id", |it| Some(it.0.id()))
}

/// Returns the state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another string
/// written by the agent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_state(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "state", |it| Some(it.0.state().as_str()))
}

/// Returns the name of the command; empty until the job has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_cmd(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "cmd", |it| Some(it.0.cmd()))
}

/// Returns the run arguments as JSON, as the agent decoded them; "null" until the job has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_args(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "args", |it| Some(it.0.args().to_string()))
}

/// Returns the result data: the last message of level 20 to 23 or 30 that the job printed, the
/// reason why a program could not be started, or the reply of a built-in command. Often empty; may
/// contain NULs. Agents do not report the exit status of a program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_data(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "data", |it| Some(it.0.data()))
}

/// Returns the standard output: the last 1000 lines that have no message level, without blank
/// lines. May contain NULs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_stdout(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "stdout", |it| Some(it.0.stdout()))
}

/// Returns the standard error, in the form of acclient_job_stdout().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_stderr(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "stderr", |it| Some(it.0.stderr()))
}

/// Returns the last message of level 9; NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_critical(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "critical", |it| it.0.critical())
}

/// Returns the tags that the command was sent with; NULL if there are none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_tags(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "tags", |it| it.0.tags())
}

/// Returns the whole result document as JSON. Fields that this version does not know, or could not
/// read, are included unchanged; fields nested deeper than 32 levels are omitted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_dump(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "dump", |it| Some(it.0.dump()))
}

/// Returns the original document, byte for byte, if it differs from what the other functions
/// return: numbers not written in digits, fields of the wrong type, duplicate names or names in
/// another case, and invalid text (bytes that are not UTF-8, lone surrogates), which all other
/// functions return as U+FFFD. NULL for any other document; see acclient_job_dump().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_raw(
    job: Option<&acclient_job>,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, "raw", |it| it.0.raw())
}

/// Returns the number of fields that could not be read, or only in part: of the wrong type, out of
/// range, or nested deeper than 32 levels. A dropped field counts as absent; acclient_job_raw()
/// includes it. The original agents send no such fields.
///
/// Decoding is lenient: only a state is required. Integers may be written in any form
/// (1795521098681.0, 1e3, "12"); fractions are truncated. Data other than a string is read as its
/// JSON text. Names may be in another case; of duplicate fields, the last that can be read counts.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_dropped_fields_count(job: Option<&acclient_job>) -> usize {
    guard::get(job, |it| Some(it.0.dropped_fields().len()))
}

/// Returns the name of the dropped field at an index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_dropped_fields_at(
    job: Option<&acclient_job>,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    text!(job, length, format!("dropped {index}"), |it| {
        it.0.dropped_fields().get(index).map(|name| name.to_owned())
    })
}

/// Reads the agent of the job. Returns false if the controller itself answered, as 0:0, or as
/// <gid>:0 for a target of one grid.
///
/// gid, nid: [out] receive the numbers; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_agent(
    job: Option<&acclient_job>,
    gid: *mut i64,
    nid: *mut i64,
) -> bool {
    let is_there = agent!(job, gid, nid, |it| Some(it.0.agent()));
    is_there && guard::get(job, |it| Some(it.0.agent().is_real()))
}

/// Returns whether the job ended in the state SUCCESS.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_is_success(job: Option<&acclient_job>) -> bool {
    guard::get(job, |it| Some(it.0.is_success()))
}

/// Returns the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_level(job: Option<&acclient_job>) -> i64 {
    guard::get(job, |it| Some(it.0.level()))
}

/// Returns the start time in milliseconds since 1970, by the clock of the agent; 0 if the job did
/// not start.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_starttime_ms(job: Option<&acclient_job>) -> i64 {
    guard::get(job, |it| {
        let since = it.0.starttime()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    })
}

/// Returns the run time in milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_time_ms(job: Option<&acclient_job>) -> i64 {
    guard::get(job, |it| i64::try_from(it.0.time().as_millis()).ok())
}

/// Reads the current state of the job into a new handle; the given one does not change.
///
/// refreshed: [out] receives the job; free with acclient_job_free().
/// Errors: ACCLIENT_PROTOCOL if the job is gone or cannot be decoded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_refresh(
    job: Option<&acclient_job>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    refreshed: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, refreshed, |scope| {
        let job = scope.borrow("job", job)?;
        let mut fresh = job.bounded(scope, (timeout_ms, cancel))?;
        fresh.refresh()?;
        Ok(JobHandle(fresh.into_parts().1, job.1.clone()))
    })
}

/// Waits until the job has ended and reads its result into a new handle. Returns at once if the job
/// has already ended.
///
/// timeout_ms: 0 polls once.
/// ended: [out] receives the job; free with acclient_job_free().
/// Errors: as acclient_command_next_result().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_wait(
    job: Option<&acclient_job>,
    timeout_ms: i64,
    cancel: Option<&acclient_cancel_token>,
    ended: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, ended, |scope| {
        let mut job = scope.borrow("job", job)?.job()?;
        job.wait(scope.wait((timeout_ms, cancel))?)?;
        Ok(JobHandle::new(job))
    })
}

/// Frees the handle; the job continues to run.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_job_free(job: Option<Box<acclient_job>>) {
    guard::free(job);
}
