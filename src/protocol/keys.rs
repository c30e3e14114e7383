//! The names of the keys that a client reads and writes.

use super::AgentId;

/// Commands for the controller.
pub(crate) const QUEUE: &str = "cmds.queue";

/// Commands of the past, newest first, where a controller keeps them.
pub(crate) const HISTORY: &str = "joblog";

/// How long results live, in seconds, and what a client gives to the key that the controller
/// forgets to expire.
pub(crate) const TTL: u32 = 24 * 60 * 60;
/// The same as an argument of EXPIRE.
pub(crate) const TTL_TEXT: &str = "86400";

/// Written once a command is routed: from then on the hash holds every target.
pub(crate) fn queued(id: &str) -> String {
    // Not by format!, which is a good part of the instructions of a submit.
    ["cmd.", id, ".queued"].concat()
}

/// The names of all those keys, as a pattern of Redis, and their only content.
pub(crate) const ALL_QUEUED: &str = "cmd.*.queued";
pub(crate) const QUEUED: &str = "queued";

/// Written in one step with the push of a command that is to be pushed once. The client's own.
pub(crate) fn submitted(id: &str) -> String {
    format!("cmd.{id}.submitted")
}

/// Written once an agent has accepted a kill of the job. The client's own.
pub(crate) fn killed(id: &str, agent: AgentId) -> String {
    format!("cmd.{id}.killed.{}.{}", agent.gid, agent.nid)
}

/// Commands that an agent is still to fetch. The controller's own: its length is read, and a question of `doctor`
/// that nobody has fetched is removed.
pub(crate) fn for_agent(agent: AgentId) -> String {
    format!("cmds:{}:{}", agent.gid, agent.nid)
}

/// Hash of `gid:nid` → latest result of that agent.
pub(crate) fn results(id: &str) -> String {
    ["jobresult:", id].concat()
}

/// The command of such a hash.
pub(crate) fn parse_results(key: &str) -> Option<&str> {
    key.strip_prefix("jobresult:")
}

/// What the names of all lists of a command begin with.
pub(crate) fn lists(id: &str) -> String {
    format!("cmd.{id}.")
}

/// The command and the agent of a list; no agent for `queued`.
pub(crate) fn parse_list(key: &str) -> Option<(&str, Option<AgentId>)> {
    let (rest, last) = key.strip_prefix("cmd.")?.rsplit_once('.')?;
    if last == "queued" {
        return Some((rest, None));
    }
    let (id, gid) = rest.rsplit_once('.')?;
    let agent = AgentId { gid: gid.parse().ok()?, nid: last.parse().ok()? };
    Some((id, Some(agent)))
}

/// List of the final results of one agent: the truth about "done".
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
