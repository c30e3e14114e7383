//! Targets on the command line: one argument or several, exclusions, and files of targets.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acclient::{AgentId, ErrorKind, Selection, Target};

use crate::exit::{Failure, Outcome, Status};
use crate::sending::read;
use crate::session::Session;

/// What `acctl help targets` says of them.
pub const HELP: &str = "\
Targets:
  1:1                 the agent 1 of grid 1
  1:1,4,2:1           these agents, registered or not
  1:1-20, 1-3:1       the registered agents with these numbers
  1:*, 1:2?           the registered agents whose numbers match
  all, all@1          all agents; those of grid 1
  any                 one agent, which the controller chooses
  role=cpu            all agents with the role cpu; the same as: all role=cpu
  role=cpu,storage@1  all agents of grid 1 that have both roles
  any role=cpu@2      one agent of grid 2 with the role cpu
  @web                a group of the instance
  A or B, A and B, not A, (A): not binds tightest, then and

run, bash, script, cmd, info, agents and ps take these. A target may be one
argument or several. A shell needs quotes around *, ? and parentheses:

  acctl bash role=cpu and not 1:4 uptime
  acctl bash '(1:* or @web) and not role=old' uptime

An agent that is written out gets the command even if it is not registered, and
is then reported as unknown to the controller. Everything else means registered
agents: not 1:1 is every registered agent except one.

  -x, --exclude TARGET  leaves these agents out; may be given again
  --target-file FILE    reads targets from a file, one a line; - is stdin
  --dry-run             lists the agents, and sends nothing

A group is a target with a name, in the file of instances
(~/.config/acclient/instances.toml):

  [main]
  url = \"redis://grid.example.org\"

  [main.groups]
  web = \"1:1-20 or role=web\"";

/// Which agents a command is for, beside its target.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct Whom {
    /// Leaves these agents out; may be given again
    #[arg(short = 'x', long, value_name = "TARGET")]
    exclude: Vec<String>,
    /// Reads targets from this file, one a line, in the place of TARGET; - is stdin
    #[arg(long, value_name = "FILE")]
    target_file: Option<PathBuf>,
    /// The content of the file, once it was read.
    #[arg(skip)]
    content: OnceCell<Vec<u8>>,
}

/// An agent and its roles, which are `None` where it is not registered.
pub type Meant = (AgentId, Option<Vec<String>>);

/// The target of a command, and how it was found.
pub struct Chosen {
    pub target: Target,
    /// Whether the target is sent as it was given, and was not resolved into a list of agents.
    pub as_is: bool,
    /// Agents of the ranges that are not registered.
    pub unregistered: u64,
    /// The agents that the controller knows, where it was asked.
    known: Option<BTreeMap<AgentId, Vec<String>>>,
}

impl Whom {
    /// Reads the file of targets. Comes before Ctrl-C is caught: nothing else could end a read of stdin.
    pub fn read(&self) -> Result<(), Failure> {
        if let Some(path) = &self.target_file {
            let _ = self.content.set(read(path)?);
        }
        Ok(())
    }

    /// The content of another file; `-` is stdin, unless the targets come from there.
    pub fn input(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        let is_stdin = |path: &Path| path.as_os_str() == "-";
        if is_stdin(path) && self.target_file.as_deref().is_some_and(is_stdin) {
            return Err(Failure::Usage("stdin has the targets: give the rest by a file".into()));
        }
        read(path)
    }

    /// Splits words into a target and what comes after it.
    pub fn split<'w>(&self, words: &'w [String]) -> Result<(&'w [String], &'w [String]), Failure> {
        if self.target_file.is_some() {
            return Ok((&[], words));
        }
        if words.is_empty() {
            return Err(missing());
        }
        Ok(words.split_at(length(words)))
    }

    /// The agents of a target, without those that are excluded. Without words and a file, `default`.
    pub fn choose(
        &self,
        session: &Session,
        words: &[String],
        default: Option<&str>,
    ) -> Result<Chosen, Failure> {
        let mut text = match (&self.target_file, words) {
            (None, []) => default.ok_or_else(missing)?.to_owned(),
            (None, words) => words.join(" "),
            (Some(path), []) => self.lines(session, path)?,
            (Some(_), _) => {
                return Err(Failure::Usage("give a target or --target-file, not both".into()));
            }
        };
        let selection = parse(session, &text)?;
        if self.exclude.is_empty() {
            return Chosen::of(session, &selection, &text);
        }
        text = format!("({text})");
        for excluded in &self.exclude {
            parse(session, excluded)?;
            text += &format!(" and not ({excluded})");
        }
        Chosen::of(session, &parse(session, &text)?, &text)
    }

    /// The lines of the file of targets as one expression.
    fn lines(&self, session: &Session, path: &Path) -> Result<String, Failure> {
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let content = self.content.get().map(Vec::as_slice).unwrap_or_default();
        let text = std::str::from_utf8(content).map_err(|error| wrong(error.to_string()))?;
        let mut targets = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let selection = session.client.selection(line);
            selection.map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
            targets.push(line);
        }
        match targets.is_empty() {
            true => Err(wrong("it has no targets".to_owned())),
            false => Ok(targets.join(" or ")),
        }
    }
}

impl Chosen {
    fn of(session: &Session, selection: &Selection, text: &str) -> Result<Self, Failure> {
        if let Some(target) = selection.target() {
            return Ok(Chosen { target, as_is: true, unregistered: 0, known: None });
        }
        let known = session.client.list_agents()?;
        let unregistered = selection.unregistered(&known);
        if unregistered > 0 {
            let (agents, are) = if unregistered == 1 { ("agent", "is") } else { ("agents", "are") };
            let note = format!("{unregistered} {agents} of the ranges {are} not registered");
            session.output.note(note);
        }
        let mut target = selection.choose(&known);
        if target.agent_ids().is_empty() {
            // Gives the error, unless an agent has registered since.
            target = session.client.resolve(text)?;
        }
        Ok(Chosen { target, as_is: false, unregistered, known: Some(known) })
    }

    /// The agents that it means at this moment.
    pub fn agents(&self, session: &Session) -> Result<Vec<Meant>, Failure> {
        let listed = self.target.agent_ids();
        if listed.is_empty() {
            let agents = session.client.matching_agents(&self.target)?;
            return Ok(agents.into_iter().map(|(agent, roles)| (agent, Some(roles))).collect());
        }
        let asked;
        let known = match &self.known {
            Some(known) => known,
            None => {
                asked = session.client.list_agents()?;
                &asked
            }
        };
        Ok(listed.iter().map(|agent| (*agent, known.get(agent).cloned())).collect())
    }

    /// Reports that nobody is meant.
    pub fn nobody(&self, session: &Session) -> Outcome {
        let text = format!("no agent matches: {}", self.target);
        session.output.problem(&text);
        session.output.document(crate::json::failure(ErrorKind::NoSuchAgent, &text, None))?;
        Ok(Status::Nobody)
    }
}

/// A target that is sent later, when nobody resolves it.
pub fn as_is(session: &Session, words: &[String]) -> Result<Target, Failure> {
    let text = words.join(" ");
    parse(session, &text)?.target().ok_or_else(|| {
        let why =
            "expected one agent or roles: the controller sends it later, and resolves nothing else";
        Failure::Usage(format!("invalid target {text:?}: {why}"))
    })
}

fn parse(session: &Session, text: &str) -> Result<Selection, Failure> {
    let selection = session.client.selection(text);
    selection.map_err(|error| Failure::Usage(format!("{error}; see acctl help targets")))
}

fn missing() -> Failure {
    Failure::Usage("missing target; see acctl help targets".into())
}

/// How many words at the beginning are a target: `and` and `or` go on with it, an open parenthesis too, and roles
/// after `all` and `any`.
pub fn length(words: &[String]) -> usize {
    let mut reading = Reading::default();
    for (at, word) in words.iter().enumerate() {
        if !reading.goes_on_with(word) {
            return at;
        }
        reading.take(word);
    }
    words.len()
}

/// How far a target has got that is read word by word.
pub struct Reading {
    depth: usize,
    is_operand_next: bool,
    takes_roles: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Reading { depth: 0, is_operand_next: true, takes_roles: false }
    }
}

impl Reading {
    /// Whether agents come next, and not `and` or `or`.
    pub fn is_operand_next(&self) -> bool {
        self.is_operand_next
    }

    /// Whether something else may follow.
    pub fn is_complete(&self) -> bool {
        !self.is_operand_next && self.depth == 0
    }

    fn goes_on_with(&self, word: &str) -> bool {
        !self.is_complete()
            || matches!(word, "and" | "or")
            || self.takes_roles && word.starts_with("role=")
    }

    /// Reads a word of the target, which may have blanks in it.
    pub fn take(&mut self, word: &str) {
        for token in word.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            match token {
                "(" => self.depth += 1,
                ")" => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_operand_next = false;
                }
                "and" | "or" | "not" => self.is_operand_next = true,
                _ => {
                    self.is_operand_next = false;
                    let first = token.split(['@', ',']).next();
                    self.takes_roles = matches!(first, Some("all" | "any"))
                        || self.takes_roles && token.starts_with("role=");
                }
            }
        }
    }
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
    fn a_target_ends_where_a_script_begins() {
        for (words, count) in [
            (&["1:1", "uptime"][..], 1),
            (&["1:1,1:2", "uptime"], 1),
            (&["all", "role=cpu", "uptime"], 2),
            (&["all role=cpu", "uptime"], 1),
            (&["any@2", "role=cpu", "role=x", "id"], 3),
            (&["1:1", "role=x; echo $role"], 1),
            (&["role=cpu", "role=x; echo"], 1),
            (&["role=cpu", "and", "not", "1:4", "uptime"], 4),
            (&["role=cpu and", "1:*", "uptime"], 2),
            (&["(", "1:1", "or", "all", "role=a", ")", "and", "not", "1:2", "id"], 9),
            (&["(1:1", "or", "1:2)", "(cd /; ls)"], 3),
            (&["not", "1:1", "not a target"], 2),
            (&["1:1", "or true"], 1),
            (&["1:1", "and"], 2),
            (&["(1:1", "uptime"], 2),
            (&["@web", "or", "@db", "echo )"], 3),
        ] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(length(&words), count, "{words:?}");
        }
    }
}
