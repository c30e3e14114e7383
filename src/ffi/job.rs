//! `acclient_job`.

use std::ffi::c_char;
use std::time::SystemTime;

use super::guard::{self, Handle, opaque};
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
}

impl JobHandle {
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

/// Frees the job and all that was borrowed from it. NULL is a no-op. Blocks only where it holds the
/// last of a client that was freed: see acclient_client_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_job_free(job: *mut acclient_job) {
    // SAFETY: NULL or a job that nobody uses any more, by contract with C.
    unsafe { guard::free(job) };
}
