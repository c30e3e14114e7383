//! Compact lists of agents, like `1:1-50,2:3`.

use acclient::AgentId;

/// Formats agents as a target: consecutive agents become a range, and each grid is named once.
pub fn fold(agents: impl IntoIterator<Item = AgentId>) -> String {
    let mut agents: Vec<AgentId> = agents.into_iter().collect();
    agents.sort_unstable();
    agents.dedup();
    let mut text = String::new();
    let mut grid = None;
    for range in agents.chunk_by(|one, next| one.gid == next.gid && next.nid - one.nid == 1) {
        let (first, last) = (range[0], range[range.len() - 1]);
        if !text.is_empty() {
            text.push(',');
        }
        text += &if grid == Some(first.gid) { first.nid.to_string() } else { first.to_string() };
        grid = Some(first.gid);
        if first != last {
            text += &format!("-{}", last.nid);
        }
    }
    text
}

/// Formats a number of agents, like `1 agent` or `3 agents`.
pub fn counted(agents: usize) -> String {
    match agents {
        1 => "1 agent".to_owned(),
        agents => format!("{agents} agents"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use acclient::Selection;

    use super::*;

    #[test]
    fn consecutive_agents_become_a_range() {
        for (agents, folded) in [
            (&[][..], ""),
            (&[(1, 1)], "1:1"),
            (&[(1, 1), (1, 2)], "1:1-2"),
            (&[(2, 3), (1, 2), (1, 1), (1, 3), (1, 2)], "1:1-3,2:3"),
            (&[(1, 1), (1, 3), (1, 4), (2, 5), (2, 7)], "1:1,3-4,2:5,7"),
            (&[(1, 4), (2, 5)], "1:4,2:5"),
            (&[(1, 2_147_483_646), (1, 2_147_483_647)], "1:2147483646-2147483647"),
        ] {
            assert_eq!(fold(agents.iter().map(|agent| (*agent).into())), folded);
        }
    }

    #[test]
    fn folded_agents_parse_as_a_target_for_the_same_agents() {
        let agents: Vec<AgentId> = (1..400)
            .filter(|it| it % 7 != 3 && it % 2 < 2)
            .map(|it| (it / 90 + 1, it).into())
            .collect();
        let known: BTreeMap<AgentId, Vec<String>> =
            (1..400).map(|it| ((it / 90 + 1, it).into(), Vec::new())).collect();
        let read: Selection = fold(agents.iter().copied()).parse().expect("a target");
        assert_eq!(read.choose(&known).agent_ids(), agents);
    }
}
