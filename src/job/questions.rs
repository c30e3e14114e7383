//! The builtin commands by which an agent is asked about one of its jobs.

use super::MsgQuery;
use crate::protocol::Contents;

pub(crate) fn kill(id: &str) -> Contents {
    Contents::about_job("kill", id)
}

pub(crate) fn stats(id: &str) -> Contents {
    Contents::about_job("get_process_stats", id)
}

pub(crate) fn msgs(id: &str, query: &MsgQuery) -> Contents {
    Contents::of("get_msgs", query.to_json(id).to_string())
}
