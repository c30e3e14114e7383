//! Targets on the command line, which are one argument, or several after `all` and `any`.

use acclient::{AgentId, Target};

/// What the long help says of them.
pub const HELP: &str = "\
Targets:
  1:1                 the agent 1 of grid 1
  1:1,1:2             these agents
  all                 all agents
  any                 one agent, which the controller chooses
  role=cpu            all agents with the role cpu; the same as: all role=cpu
  role=cpu,storage@1  all agents of grid 1 that have both roles
  any role=cpu@2      one agent of grid 2 with the role cpu
  all@1               all agents of grid 1";

/// Reads a target; `words` may be one argument with spaces or several without.
pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Target, String> {
    let text = words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    text.parse().map_err(|error| format!("{error}\n\n{HELP}"))
}

/// A target at the beginning of the words, and what comes after it. `all` and `any` go on with what looks
/// like roles.
pub fn split(words: &[String]) -> Result<(Target, &[String]), String> {
    let Some((first, rest)) = words.split_first() else {
        return Err(format!("missing target\n\n{HELP}"));
    };
    let is_open = |word: &str| matches!(word.split('@').next(), Some("all" | "any"));
    let goes_on = |word: &String| word.starts_with("role=");
    let count =
        if is_open(first) { rest.iter().take_while(|word| goes_on(word)).count() } else { 0 };
    let (target, after) = words.split_at(1 + count);
    Ok((parse(target)?, after))
}

/// One agent by its numbers.
pub fn agent(text: &str) -> Result<AgentId, String> {
    let agent: AgentId = text.parse().map_err(|error| format!("{error}"))?;
    match agent.gid > 0 && agent.nid > 0 {
        true => Ok(agent),
        false => Err(format!("invalid agent id {text:?}: expected gid:nid, both above zero")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_target_is_answered_with_right_ones() {
        for typed in ["", "1:1 uptime", "cpu"] {
            let error = parse(&[typed]).unwrap_err();
            assert!(error.contains(&format!("{typed:?}")), "{error}");
            assert!(error.contains("role=cpu,storage@1"), "{error}");
        }
    }

    #[test]
    fn a_target_ends_where_a_script_begins() {
        let split = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            split(&words).map(|(target, rest)| (target.to_string(), rest.to_vec()))
        };
        let ok = |target: &str, rest: &str| Ok((target.to_owned(), vec![rest.to_owned()]));
        assert_eq!(split(&["all", "role=cpu", "uptime"]), ok("all,role=cpu", "uptime"));
        assert_eq!(split(&["all role=cpu", "uptime"]), ok("all,role=cpu", "uptime"));
        assert_eq!(split(&["any@2", "role=cpu", "role=x", "id"]), ok("any,role=cpu,x@2", "id"));
        assert_eq!(split(&["1:1,1:2", "uptime"]), ok("1:1,1:2", "uptime"));
        assert_eq!(split(&["1:1", "role=x; echo $role"]), ok("1:1", "role=x; echo $role"));
        assert!(split(&[]).is_err() && split(&["uptime"]).is_err());
    }
}
