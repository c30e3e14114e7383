//! The builtin commands by which an agent is asked about one of its jobs.

use super::MsgQuery;
use crate::error::{Error, ErrorKind};
use crate::protocol::Contents;

pub(crate) fn kill(id: &str) -> Contents {
    Contents::about_job("kill", id)
}

pub(crate) fn stats(id: &str) -> Contents {
    Contents::about_job("get_process_stats", id)
}

/// The error of [`stats`]: of a job that it does not run the agent says no more than "{}".
pub(crate) fn no_stats(error: Error) -> Error {
    match error.kind() {
        ErrorKind::JobFailed => {
            error.noting("statistics exist only while the job is running on its agent")
        }
        _ => error,
    }
}

pub(crate) fn msgs(id: &str, query: &MsgQuery) -> Contents {
    Contents::of("get_msgs", query.to_json(id).to_string())
}
