//! `acclient_job`.

use std::ffi::c_char;
use std::time::SystemTime;

use super::cancel::acclient_cancel;
use super::client::bounded;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::status::acclient_status;
use super::text::{self, Text};
use crate::job::Job;

/// What one agent has said of a command: its result. It may be read from any thread.
pub struct acclient_job {
    handle: Handle<JobHandle>,
}

opaque!(acclient_job: JobHandle);

pub struct JobHandle {
    job: Job,
    texts: Texts,
}

#[derive(Default)]
struct Texts {
    id: Text,
    state: Text,
    cmd: Text,
    args: Text,
    data: Text,
    stdout: Text,
    stderr: Text,
    critical: Text,
    tags: Text,
    dump: Text,
    raw: Text,
}

impl JobHandle {
    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) fn new(job: Job) -> Self {
        JobHandle { job, texts: Texts::default() }
    }
}

/// The id of the command.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_id(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe { text::read(job, length, |job| &job.texts.id, |job| Some(job.job.id().to_owned())) }
}

/// The state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another word that the agent wrote.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_state(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            job,
            length,
            |job| &job.texts.state,
            |job| Some(job.job.state().as_str().to_owned()),
        )
    }
}

/// The name of the command. Empty before the job has ended.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_cmd(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe { text::read(job, length, |job| &job.texts.cmd, |job| Some(job.job.cmd().to_owned())) }
}

/// The run arguments as the agent understood them, as JSON; "null" before the job has ended.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_args(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(job, length, |job| &job.texts.args, |job| Some(job.job.args().to_string()))
    }
}

/// The result proper: the last message of level 20 to 23 or 30 that the job printed, or what an agent's own
/// command answered. Often empty. It may hold NULs.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_data(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe { text::read(job, length, |job| &job.texts.data, |job| Some(job.job.data().to_owned())) }
}

/// What it wrote to stdout: the last 1000 lines without a level of their own, blank lines left out. It may hold NULs.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_stdout(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(job, length, |job| &job.texts.stdout, |job| Some(job.job.stdout().to_owned()))
    }
}

/// What it wrote to stderr, likewise.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_stderr(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(job, length, |job| &job.texts.stderr, |job| Some(job.job.stderr().to_owned()))
    }
}

/// Its last message of level 9; NULL where there was none.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_critical(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(
            job,
            length,
            |job| &job.texts.critical,
            |job| Some(job.job.critical()?.to_owned()),
        )
    }
}

/// The tags that the command was sent with; NULL where there are none.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_tags(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe {
        text::read(job, length, |job| &job.texts.tags, |job| Some(job.job.tags()?.to_owned()))
    }
}

/// The whole document as JSON, with fields that this version does not know.
/// NUL-terminated UTF-8; its length goes to *length, which may be NULL. Borrowed until the job is
/// freed. NULL for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_dump(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe { text::read(job, length, |job| &job.texts.dump, |job| Some(job.job.dump())) }
}

/// The document byte for byte, where it held something that is no text: bytes that are no UTF-8, or
/// an escape that is half of a surrogate pair. Each stands as U+FFFD in all other texts of the job.
/// NULL for all other documents; for those see acclient_job_dump.
/// Its length goes to *length, which may be NULL; a NUL follows. Borrowed until the job is freed. NULL
/// for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_raw(
    job: *const acclient_job,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: by contract with C, job is NULL or live and length NULL or writable.
    unsafe { text::read(job, length, |job| &job.texts.raw, |job| job.job.raw()) }
}

/// Grid id of the agent. 0 where the controller itself answered, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_gid(job: *const acclient_job) -> i64 {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe { guard::read(job, 0, |job| Some(job.job.agent().gid.into())) }
}

/// Node id of the agent. 0 where the controller itself answered, and for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_nid(job: *const acclient_job) -> i64 {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe { guard::read(job, 0, |job| Some(job.job.agent().nid.into())) }
}

/// Whether it ended with "SUCCESS". False for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_is_success(job: *const acclient_job) -> bool {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe { guard::read(job, false, |job| Some(job.job.is_success())) }
}

/// The level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text. 0 for NULL. Does
/// not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_level(job: *const acclient_job) -> i64 {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe { guard::read(job, 0, |job| Some(job.job.level())) }
}

/// When it started: milliseconds since 1970 by the clock of the agent. 0 where it did not, and for
/// NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_starttime_ms(job: *const acclient_job) -> i64 {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe {
        guard::read(job, 0, |job| {
            let since = job.job.starttime()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_millis()).ok()
        })
    }
}

/// How long it ran, in milliseconds. 0 for NULL. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_time_ms(job: *const acclient_job) -> i64 {
    // SAFETY: NULL or a live job, by contract with C.
    unsafe { guard::read(job, 0, |job| i64::try_from(job.job.time().as_millis()).ok()) }
}

/// Reads again how the job stands, as a job of its own: handles that others read do not change.
///
/// job: not NULL.
/// timeout_ms: milliseconds for Redis to answer; below 0 for ever, 0 is refused.
/// cancel: ends the call early; may be NULL.
/// refreshed: gets the job, which the caller frees with acclient_job_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: ACCLIENT_PROTOCOL where it cannot be read or is gone, ACCLIENT_INVALID_ARGUMENT, and those of
/// acclient_client_ping().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_refresh(
    job: *const acclient_job,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    refreshed: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(refreshed);
        guard::call(error, |scope| {
            guard::check_place("refreshed", refreshed)?;
            let job = scope.borrow("job", job)?.job();
            let cancel = scope.borrow_optional("cancel", cancel)?;
            let mut fresh = job.by(bounded(job.client(), timeout_ms, cancel)?);
            fresh.refresh()?;
            guard::give(refreshed, JobHandle::new(fresh.by(job.client().clone())));
            Ok(())
        })
    }
}

/// Waits until the job is over, and reads its result as a job of its own. Returns at once where it is
/// over already.
///
/// job: not NULL.
/// timeout_ms: milliseconds; below 0 for ever, 0 looks once.
/// cancel: ends the call early; may be NULL.
/// ended: gets the job, which the caller frees with acclient_job_free(); not NULL.
/// error: gets the error; may be NULL.
/// From any thread. Blocks.
/// Errors: those of acclient_command_next_result().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_wait(
    job: *const acclient_job,
    timeout_ms: i64,
    cancel: *const acclient_cancel,
    ended: *mut *mut acclient_job,
    error: *mut *mut acclient_error,
) -> acclient_status {
    // SAFETY: by contract with C, each pointer is NULL or what its description says.
    unsafe {
        guard::out(ended);
        guard::call(error, |scope| {
            guard::check_place("ended", ended)?;
            let mut job = scope.borrow("job", job)?.job().clone();
            let cancel = scope.borrow_optional("cancel", cancel)?;
            job.wait(text::wait(timeout_ms, cancel))?;
            guard::give(ended, JobHandle::new(job));
            Ok(())
        })
    }
}

/// Frees the job and all that was borrowed from it. NULL is a no-op. Blocks only where it holds the
/// last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_free(job: *mut acclient_job) {
    // SAFETY: NULL or a job that nobody uses any more, by contract with C.
    unsafe { guard::free(job) };
}
