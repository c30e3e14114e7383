//! Parser for targets as text, like `1:1` or `role=cpu@2`: the inverse of their `Display`.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::{AgentId, RoleTarget, Target};

/// Error of parsing a [`Target`].
///
/// ```
/// let error = "1:0".parse::<acclient::Target>().unwrap_err();
/// assert!(error.to_string().contains("both above zero"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid target {text:?}: {why}")]
pub struct ParseTargetError {
    text: String,
    why: String,
}

/// Maximum number of characters of a text quoted in an error message.
const MOST_SHOWN: usize = 200;

impl ParseTargetError {
    /// Quotes only the beginning of the text, which may be a whole file of targets.
    pub(super) fn new(text: &str, why: String) -> Self {
        ParseTargetError { text: beginning(text, MOST_SHOWN), why }
    }
}

/// The first characters of a text, with a mark if some are left out.
pub(crate) fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

pub(super) type Result<T> = std::result::Result<T, String>;

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseTargetError> {
        read(text).and_then(checked).map_err(|why| ParseTargetError::new(text, why))
    }
}

impl Target {
    /// Parses the target of a handle string. The command may come from another program, so its target may be
    /// one that this library would not send to.
    pub(super) fn of_handle(text: &str) -> std::result::Result<Self, ParseTargetError> {
        match text {
            "controller" => Ok(Target::controller()),
            "unknown" => Ok(Target::unknown()),
            // White space would end the handle string.
            _ if text.contains(char::is_whitespace) => Err("white space".to_owned()),
            _ => read(text),
        }
        .map_err(|why: String| ParseTargetError::new(text, why))
    }
}

/// Rejects a target that no command can be sent to.
fn checked(target: Target) -> Result<Target> {
    target.each_address(|_| Ok(())).map_err(|error| error.to_string())?;
    Ok(target)
}

fn read(text: &str) -> Result<Target> {
    let mut words = text.split_whitespace();
    let first = words.next().ok_or("it is empty")?;
    if first.starts_with(|letter: char| letter.is_ascii_digit()) {
        return match words.next() {
            None => agents(first),
            Some(next) => Err(format!("unexpected {next:?} after {first:?}")),
        };
    }
    Ok(role_target(first, words)?.into())
}

/// Parses roles, like `all,role=cpu@2`. Each word after the first adds roles.
pub(super) fn role_target<'a>(
    first: &'a str,
    more: impl IntoIterator<Item = &'a str>,
) -> Result<RoleTarget> {
    let mut grids = Vec::new();
    let word = strip_grid(first, &mut grids)?;
    let (which, of_first) = match word.split_once(',') {
        _ if word.starts_with("role=") => ("all", Some(word)),
        Some((which, roles)) => (which, Some(roles)),
        None => (word, None),
    };
    let mut target = match which {
        "all" => RoleTarget::new(true),
        "any" => RoleTarget::new(false),
        _ => return Err("expected gid:nid, \"all\", \"any\" or role=NAME".to_owned()),
    };
    if let Some(word) = of_first {
        target = roles(target, word)?;
    }
    for word in more {
        target = roles(target, strip_grid(word, &mut grids)?)?;
    }
    match grids[..] {
        [] => Ok(target),
        [grid] => Ok(target.grid(grid)),
        _ => Err("more than one grid".to_owned()),
    }
}

fn agents(word: &str) -> Result<Target> {
    let agent = |text: &str| text.parse::<AgentId>().map_err(|error| error.to_string());
    Ok(Target::agents(word.split(',').map(agent).collect::<Result<Vec<_>>>()?))
}

/// Adds the roles of a word like `role=cpu,storage`.
fn roles(target: RoleTarget, word: &str) -> Result<RoleTarget> {
    if !word.starts_with("role=") {
        return Err(format!("expected role=NAME, got {word:?}"));
    }
    word.split(',').try_fold(target, |target, item| {
        let name = item.strip_prefix("role=").unwrap_or(item);
        let name = percent_decode_str(name).decode_utf8();
        Ok(target.role(name.map_err(|_| format!("the role {item:?} is not UTF-8"))?))
    })
}

/// Removes the grid after the last `@` from a word.
fn strip_grid<'a>(word: &'a str, grids: &mut Vec<u32>) -> Result<&'a str> {
    let Some((name, grid)) = word.rsplit_once('@') else { return Ok(word) };
    match grid.parse() {
        Ok(grid) => grids.push(grid),
        Err(_) => return Err(format!("invalid grid id {grid:?}: expected a number above zero")),
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_targets_are_read_back() {
        // Targets of commands from other programs.
        let odd: [Target; 3] =
            [Target::agent((1, 0)), Target::all().role("").into(), Target::any().grid(0).into()];
        let targets: [Target; 9] = [
            Target::agent((1, 2)),
            Target::agents([(2, 1), (1, 2)]),
            Target::any().into(),
            Target::all().into(),
            Target::all().grid(3).into(),
            Target::any().role("a,b=c;d %@1").grid(7).into(),
            Target::all().role("*").role("ünï").role("role=x").into(),
            Target::controller(),
            Target::unknown(),
        ];
        for target in targets.into_iter().chain(odd) {
            assert_eq!(Target::of_handle(&target.to_string()), Ok(target.clone()), "{target}");
        }
    }

    #[test]
    fn targets_are_read_as_they_are_typed() {
        for (typed, printed) in [
            ("1:1", "1:1"),
            ("2:1,1:2,2:1", "1:2,2:1"),
            ("all", "all"),
            ("any", "any"),
            ("all@2", "all@2"),
            ("role=cpu", "all,role=cpu"),
            ("role=cpu,storage@1", "all,role=cpu,storage@1"),
            ("role=cpu,role=storage@1", "all,role=cpu,storage@1"),
            ("all role=cpu", "all,role=cpu"),
            ("any role=cpu@3", "any,role=cpu@3"),
            ("any@3 role=cpu role=storage", "any,role=cpu,storage@3"),
            (" any,role=cpu@3\n", "any,role=cpu@3"),
        ] {
            let read = typed.parse::<Target>().map(|target| target.to_string());
            assert_eq!(read, Ok(printed.to_owned()), "{typed:?}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (typed, why) in [
            ("", "it is empty"),
            ("1", "expected gid:nid"),
            ("1:0", "above zero"),
            ("1:1,", "expected gid:nid"),
            ("1:2@1", "expected gid:nid"),
            ("1:1 uptime", "unexpected \"uptime\""),
            ("1-1", "expected gid:nid"),
            ("cpu", "role=NAME"),
            ("allx", "role=NAME"),
            ("unknown", "role=NAME"),
            ("all,", "expected role=NAME, got \"\""),
            ("all,cpu", "expected role=NAME, got \"cpu\""),
            ("all cpu", "expected role=NAME, got \"cpu\""),
            ("role=", "a role is empty"),
            ("role=cpu,", "a role is empty"),
            ("role=%ff", "not UTF-8"),
            ("role=cpu@x", "expected a number above zero"),
            ("role=cpu@1,storage", "expected a number above zero"),
            ("all@0", "expected a number above zero"),
            ("all@1 role=cpu@2", "more than one grid"),
        ] {
            let error = typed.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(&format!("{typed:?}")), "{error}");
        }
    }
}
