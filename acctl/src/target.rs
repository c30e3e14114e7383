//! Targets on the command line: one or more arguments, exclusions and target files.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acclient::{AgentId, ErrorKind, Selection, Target};

use crate::exit::{Failure, Outcome, Status};
use crate::sending::read;
use crate::session::Session;

/// Text of `acctl help targets`.
pub const HELP: &str = "\
Targets:
  1:1                 agent 1 of grid 1
  1:1,4,2:1           list of agents, registered or not
  1:1-20, 1-3:1       registered agents in the range
  1:*, 1:2?           registered agents whose numbers match the pattern
  all, all@1          all agents; all agents of grid 1
  any                 one agent, chosen by the controller
  role=cpu            all agents with the role cpu; same as: all role=cpu
  role=cpu,storage@1  all agents of grid 1 with both roles
  any role=cpu@2      one agent of grid 2 with the role cpu
  @web                group of the instance
  A or B, A and B, not A, (A): precedence is not, and, or

run, bash, script, cmd, info, agents and ps take a target, as one argument or
several. Quote *, ? and parentheses in a shell:

  acctl bash role=cpu and not 1:4 uptime
  acctl bash '(1:* or @web) and not role=old' uptime

An agent listed by its number is sent the command even if it is not registered,
and is then reported as unknown to the controller. All other forms match
registered agents only: not 1:1 is every registered agent except one.

  -x, --exclude TARGET  exclude these agents; repeatable
  --target-file FILE    read targets from FILE, one per line; - is stdin
  --dry-run             list the matching agents and send nothing

A group is a named target in the instances file
(~/.config/acclient/instances.toml):

  [main]
  url = \"redis://grid.example.org\"

  [main.groups]
  web = \"1:1-20 or role=web\"";

/// Options that select agents in addition to the target.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct Whom {
    /// Exclude these agents; repeatable
    #[arg(short = 'x', long, value_name = "TARGET")]
    exclude: Vec<String>,
    /// Read targets from this file instead of TARGET, one per line; - is stdin
    #[arg(long, value_name = "FILE")]
    target_file: Option<PathBuf>,
    /// Content of the file after [`Whom::read`].
    #[arg(skip)]
    content: OnceCell<Vec<u8>>,
}

/// Agent and its roles; `None` if it is not registered.
pub type Meant = (AgentId, Option<Vec<String>>);

/// Target of a command and how it was resolved.
pub struct Chosen {
    pub target: Target,
    /// Whether the target is sent as given, without being resolved into a list of agents.
    pub as_is: bool,
    /// Number of unregistered agents in the ranges.
    pub unregistered: u64,
    /// Registered agents, if the controller was asked for them.
    known: Option<BTreeMap<AgentId, Vec<String>>>,
}

impl Whom {
    /// Reads the target file. Runs before the SIGINT handler is installed, so that Ctrl-C ends a read of stdin.
    pub fn read(&self) -> Result<(), Failure> {
        if let Some(path) = &self.target_file {
            let _ = self.content.set(read(path)?);
        }
        Ok(())
    }

    /// Content of another file; `-` is stdin, unless the targets are read from it.
    pub fn input(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        let is_stdin = |path: &Path| path.as_os_str() == "-";
        if is_stdin(path) && self.target_file.as_deref().is_some_and(is_stdin) {
            return Err(Failure::Usage(
                "stdin is already read by --target-file; use a file for the rest".into(),
            ));
        }
        read(path)
    }

    /// Splits words into the target and the rest.
    pub fn split<'w>(&self, words: &'w [String]) -> Result<(&'w [String], &'w [String]), Failure> {
        if self.target_file.is_some() {
            return Ok((&[], words));
        }
        if words.is_empty() {
            return Err(missing());
        }
        Ok(words.split_at(length(words)))
    }

    /// Resolves the target minus the exclusions. `default` applies without words and without a file.
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

    /// Joins the lines of the target file into one expression.
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
            true => Err(wrong("no targets in the file".to_owned())),
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
            let note = format!("{unregistered} {agents} in the ranges {are} not registered");
            session.output.note(note);
        }
        let mut target = selection.choose(&known);
        if target.agent_ids().is_empty() {
            // Returns the error, unless an agent has registered in the meantime.
            target = session.client.resolve(text)?;
        }
        Ok(Chosen { target, as_is: false, unregistered, known: Some(known) })
    }

    /// Agents that match now.
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

    /// Reports that no agent matches.
    pub fn nobody(&self, session: &Session) -> Outcome {
        let text = format!("no agent matches: {}", self.target);
        session.output.problem(&text);
        session.output.document(crate::json::failure(ErrorKind::NoSuchAgent, &text, None))?;
        Ok(Status::Nobody)
    }
}

/// Parses a target that the controller can resolve by itself, for a command that it sends later.
pub fn as_is(session: &Session, words: &[String]) -> Result<Target, Failure> {
    let text = words.join(" ");
    parse(session, &text)?.target().ok_or_else(|| {
        let why =
            "expected an agent or roles: the controller sends the command later and resolves nothing else";
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

/// Number of leading words that form the target: it continues after `and` and `or`, within an open parenthesis, and
/// with roles after `all` and `any`.
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

/// State of a target parsed word by word.
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
    /// Whether an operand comes next rather than `and` or `or`.
    pub fn is_operand_next(&self) -> bool {
        self.is_operand_next
    }

    /// Whether the target may end here.
    pub fn is_complete(&self) -> bool {
        !self.is_operand_next && self.depth == 0
    }

    fn goes_on_with(&self, word: &str) -> bool {
        !self.is_complete()
            || matches!(word, "and" | "or")
            || self.takes_roles && word.starts_with("role=")
    }

    /// Reads a word of the target, which may contain blanks.
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

/// Parses a single agent id.
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
