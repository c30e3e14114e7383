//! Parser for targets on the command line, like `1:1` or `role=cpu@2`.

use acclient::{AgentId, RoleTarget, Target};

/// What the long help says of them.
pub const HELP: &str = "\
Targets:
  1:1                 the agent 1 of grid 1
  all                 all agents
  any                 one agent, which the controller chooses
  role=cpu            all agents with the role cpu; the same as: all role=cpu
  role=cpu,storage@1  all agents of grid 1 that have both roles
  any role=cpu@2      one agent of grid 2 with the role cpu
  all@1               all agents of grid 1";

/// Reads a target; `words` may be one argument with spaces or several without.
pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Target, String> {
    let text = words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    read(&text).map_err(|why| format!("{text:?} is no target: {why}\n\n{HELP}"))
}

/// A target at the beginning of the words, and what is behind it. `all` and `any` go on with what looks
/// like roles.
pub fn split(words: &[String]) -> Result<(Target, &[String]), String> {
    let Some((first, rest)) = words.split_first() else {
        return Err(format!("no target\n\n{HELP}"));
    };
    let is_open = |word: &str| matches!(word.split('@').next(), Some("all" | "any"));
    let goes_on = |word: &String| word.starts_with("role=");
    let count =
        if is_open(first) { rest.iter().take_while(|word| goes_on(word)).count() } else { 0 };
    let (target, behind) = words.split_at(1 + count);
    Ok((parse(target)?, behind))
}

/// One agent by its numbers.
pub fn agent(text: &str) -> Result<AgentId, String> {
    let agent: AgentId = text.parse().map_err(|error| format!("{error}"))?;
    match agent.gid > 0 && agent.nid > 0 {
        true => Ok(agent),
        false => Err(format!("{text:?} is no agent: grid id and node id are above 0")),
    }
}

fn read(text: &str) -> Result<Target, String> {
    let mut words = text.split_whitespace();
    let first = words.next().ok_or("it is empty")?;
    let (name, grid) = at_grid(first)?;
    let mut target = match name {
        "all" => Target::all(),
        "any" => Target::any(),
        _ if name.starts_with("role=") => roles(Target::all(), name)?,
        _ => return alone(first, words.next()),
    };
    let mut grids: Vec<u32> = grid.into_iter().collect();
    for word in words {
        let (name, grid) = at_grid(word)?;
        if !name.starts_with("role=") {
            return Err(format!("{word:?} is no role"));
        }
        target = roles(target, name)?;
        grids.extend(grid);
    }
    match grids[..] {
        [] => Ok(target.into()),
        [grid] => Ok(target.grid(grid).into()),
        _ => Err("it names more than one grid".into()),
    }
}

fn alone(word: &str, next: Option<&str>) -> Result<Target, String> {
    if let Some(next) = next {
        return Err(format!("what is {next:?} behind {word:?}? A program stands behind --"));
    }
    if !word.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err("it is no agent, neither all nor any, and no role".into());
    }
    agent(word).map(Target::from)
}

fn roles(target: RoleTarget, word: &str) -> Result<RoleTarget, String> {
    word.trim_start_matches("role=").split(',').try_fold(target, |target, role| match role {
        "" => Err("a role is empty".into()),
        role => Ok(target.role(role)),
    })
}

/// The grid behind the last `@`.
fn at_grid(word: &str) -> Result<(&str, Option<u32>), String> {
    let Some((name, grid)) = word.rsplit_once('@') else { return Ok((word, None)) };
    match grid.parse() {
        Ok(grid) if grid > 0 => Ok((name, Some(grid))),
        _ => Err(format!("behind @ is a grid, which is a number above 0, and not {grid:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_as_they_are_typed() {
        for (typed, printed) in [
            ("1:1", "1:1"),
            ("all", "all"),
            ("any", "any"),
            ("all@2", "all,grid=2"),
            ("role=cpu", "all,role=cpu"),
            ("role=cpu,storage@1", "all,role=cpu,role=storage,grid=1"),
            ("all role=cpu", "all,role=cpu"),
            ("any role=cpu@3", "any,role=cpu,grid=3"),
            ("any@3 role=cpu role=storage", "any,role=cpu,role=storage,grid=3"),
        ] {
            assert_eq!(parse(&[typed]).map(|target| target.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn wrong_ones_say_why_and_show_right_ones() {
        for (typed, why) in [
            ("", "it is empty"),
            ("1", "is no agent"),
            ("1:0", "above 0"),
            ("1:1 uptime", "behind --"),
            ("1-1", "is no agent"),
            ("cpu", "no role"),
            ("role=", "a role is empty"),
            ("role=cpu,", "a role is empty"),
            ("role=cpu@x", "a number above 0"),
            ("all@0", "a number above 0"),
            ("all@1 role=cpu@2", "more than one grid"),
            ("all cpu", "\"cpu\" is no role"),
        ] {
            let error = parse(&[typed]).unwrap_err();
            assert!(
                error.contains(why) && error.contains("role=cpu,storage@1"),
                "{typed:?}: {error}"
            );
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
        assert_eq!(split(&["1:1", "role=x; echo $role"]), ok("1:1", "role=x; echo $role"));
        assert!(split(&[]).is_err() && split(&["uptime"]).is_err());
    }
}
