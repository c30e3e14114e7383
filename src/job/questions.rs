//! The builtin commands by which an agent is asked about one of its jobs.

use serde_json::json;

use super::MsgQuery;
use crate::protocol::Contents;

pub(crate) fn kill(id: &str) -> Contents {
    Contents::of("kill", json!({ "id": id }).to_string())
}

pub(crate) fn stats(id: &str) -> Contents {
    Contents::of("get_process_stats", json!({ "id": id }).to_string())
}

pub(crate) fn msgs(id: &str, query: &MsgQuery) -> Contents {
    Contents::of("get_msgs", query.to_json(id).to_string())
}
