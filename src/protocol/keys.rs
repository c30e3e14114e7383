//! Names of the Redis keys that a client reads and writes.

use super::AgentId;

/// Commands for the controller.
pub(crate) const QUEUE: &str = "cmds.queue";

/// Past commands, newest first, if the controller keeps them.
pub(crate) const HISTORY: &str = "joblog";

/// TTL of results in seconds. The client also gives it to `queued`, for which the controller sets none.
pub(crate) const TTL: u32 = 24 * 60 * 60;
/// [`TTL`] as an argument of EXPIRE.
pub(crate) const TTL_TEXT: &str = "86400";

/// Written once a command is routed; the hash then holds every target.
pub(crate) fn queued(id: &str) -> String {
    // `format!` would add noticeably to the instructions of a submit.
    ["cmd.", id, ".queued"].concat()
}

/// Redis pattern that matches all those keys, and their only content.
pub(crate) const ALL_QUEUED: &str = "cmd.*.queued";
pub(crate) const QUEUED: &str = "queued";

/// Written atomically with an idempotent push. Used by the client only.
pub(crate) fn submitted(id: &str) -> String {
    format!("cmd.{id}.submitted")
}

/// Written once an agent has accepted a kill of the job. Used by the client only.
pub(crate) fn killed(id: &str, agent: AgentId) -> String {
    format!("cmd.{id}.killed.{}.{}", agent.gid, agent.nid)
}

/// Commands that an agent has not fetched yet. The key belongs to the controller. The client reads its length,
/// and removes requests of `doctor` that were not fetched.
pub(crate) fn for_agent(agent: AgentId) -> String {
    format!("cmds:{}:{}", agent.gid, agent.nid)
}

/// Hash of `gid:nid` → latest result of that agent.
pub(crate) fn results(id: &str) -> String {
    ["jobresult:", id].concat()
}

/// Returns the id of the command of a hash with this name.
pub(crate) fn parse_results(key: &str) -> Option<&str> {
    key.strip_prefix("jobresult:")
}

/// Returns the common prefix of the names of all lists of a command.
pub(crate) fn lists(id: &str) -> String {
    format!("cmd.{id}.")
}

/// Returns the command and the agent of a list; no agent for `queued`.
pub(crate) fn parse_list(key: &str) -> Option<(&str, Option<AgentId>)> {
    let (rest, last) = key.strip_prefix("cmd.")?.rsplit_once('.')?;
    if last == "queued" {
        return Some((rest, None));
    }
    let (id, gid) = rest.rsplit_once('.')?;
    let agent = AgentId { gid: gid.parse().ok()?, nid: last.parse().ok()? };
    Some((id, Some(agent)))
}

/// List of the final results of one agent. It decides whether the job is done.
pub(crate) fn result(id: &str, agent: AgentId) -> String {
    let (mut gid, mut nid) = (itoa::Buffer::new(), itoa::Buffer::new());
    ["cmd.", id, ".", gid.format(agent.gid), ".", nid.format(agent.nid)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_is_the_same_as_text() {
        assert_eq!(TTL_TEXT, TTL.to_string());
    }

    #[test]
    fn names_of_lists_are_read_back() {
        let agent = AgentId { gid: 1, nid: 20 };
        for id in ["a", "a.b", "a.1.2", "1.queued", ""] {
            assert_eq!(parse_list(&result(id, agent)), Some((id, Some(agent))));
            assert_eq!(parse_list(&queued(id)), Some((id, None)));
        }
        for other in ["", "cmds.queue", "cmd.", "cmd.x", "jobresult:a", "cmd.x.1.a"] {
            assert_eq!(parse_list(other), None, "{other}");
        }
    }
}
