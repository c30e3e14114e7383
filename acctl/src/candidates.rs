//! Completion candidates: agents, roles, groups, instances, handles, topics.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};
use std::{env, fs, thread};

use acclient::AgentId;
use clap::{Arg, Args, Command, FromArgMatches};
use clap_complete::{ArgValueCompleter, CompletionCandidate as Candidate};
use toml::de::DeTable;

use crate::connect::Connection;
use crate::fold::counted;
use crate::handles::{Entry, Handles};
use crate::json::milliseconds;
use crate::target::{self, Reading};
use crate::topics;

/// Timeout of the request for the agents.
const ASKING: Duration = Duration::from_millis(400);
/// Timeout of the whole lookup, including name resolution, which call timeouts do not interrupt.
const LOOKING: Duration = Duration::from_millis(500);
/// How long Redis keeps results.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Agent commands without data, for `acctl cmd`.
const COMMANDS: [&str; 11] = [
    "ping",
    "get_aggregated_stats",
    "get_cpu_info",
    "get_disk_info",
    "get_mem_info",
    "get_nic_info",
    "get_os_info",
    "get_processes_stats",
    "hubble_list_tunnels",
    "killall",
    "restart",
];

/// Command line before the word being completed, without the program name.
#[derive(Clone)]
pub struct Line {
    words: Vec<OsString>,
    /// Words of the target and what follows it.
    positional: Vec<String>,
}

/// Agents and groups of a grid; empty if it cannot be reached in time.
#[derive(Default)]
struct Grid {
    agents: BTreeMap<AgentId, Vec<String>>,
    groups: BTreeMap<String, String>,
}

/// Adds value completers to the arguments of the program.
pub fn with_candidates(program: Command, mut words: Vec<OsString>) -> Command {
    // The word being completed.
    words.pop();
    let positional = positional(program.clone(), &words);
    let line = Line { words, positional };
    let mut names = vec!["topics".to_owned()];
    names.extend(topics::TOPICS.iter().map(|topic| topic.name.to_owned()));
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    names.extend(shown.map(|command| command.get_name().to_owned()));
    complete_values(program, &line).mut_subcommand("help", |help| {
        help.mut_arg("topic", |topic| {
            topic.add(completer(move |_| names.iter().map(Candidate::new).collect()))
        })
    })
}

fn complete_values(command: Command, line: &Line) -> Command {
    let command = command.mut_subcommands(|inner| complete_values(inner, line));
    // What may follow a target.
    let next: &[&str] = match command.get_name() {
        "cmd" => &COMMANDS,
        _ if command.get_positionals().any(Arg::is_last_set) => &["--"],
        _ => &[],
    };
    command.mut_args(|argument| {
        let line = line.clone();
        let value = argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
        let completer = match (argument.get_id().as_str(), value.as_deref().unwrap_or_default()) {
            ("target" | "words", _) => completer(move |current| line.next_word(current, next)),
            ("exclude", _) => completer(move |current| line.targets(Reading::default(), current)),
            ("instance", _) => completer(|_| instances()),
            ("command", _) | (_, "HANDLE") => completer(|_| handles()),
            (_, "AGENT") => completer(move |_| {
                let mut agents = line.grid().agents();
                agents.push(Candidate::new("controller"));
                agents
            }),
            (_, "GID:NID") => completer(move |_| line.grid().agents()),
            _ => return argument,
        };
        argument.add(completer)
    })
}

/// Creates a completer that keeps the candidates starting with the current word.
fn completer(
    candidates: impl Fn(&str) -> Vec<Candidate> + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let Some(current) = current.to_str() else { return Vec::new() };
        let mut found = candidates(current);
        found.retain(|it| it.get_value().to_str().is_some_and(|value| value.starts_with(current)));
        found
    })
}

/// Positional words so far: the target and what follows it.
fn positional(program: Command, words: &[OsString]) -> Vec<String> {
    let program = program.ignore_errors(true).no_binary_name(true);
    let Ok(mut matches) = program.try_get_matches_from(words) else { return Vec::new() };
    while let Some((_, inner)) = matches.remove_subcommand() {
        matches = inner;
    }
    let words = ["target", "words"].iter().find_map(|id| matches.try_get_many(id).ok().flatten());
    words.map(|words| words.cloned().collect()).unwrap_or_default()
}

impl Line {
    /// Candidates for the next word of a target, or for the word after it.
    fn next_word(&self, current: &str, next: &[&str]) -> Vec<Candidate> {
        let words = &self.positional;
        // Programs and scripts, after `--` or after the target, are known only to agents.
        if self.words.iter().any(|word| word == "--") || target::length(words) < words.len() {
            return Vec::new();
        }
        let mut reading = Reading::default();
        words.iter().for_each(|word| reading.take(word));
        let mut found = Vec::new();
        if reading.is_complete() {
            found.extend(next.iter().map(Candidate::new));
        }
        found.extend(self.targets(reading, current));
        // `any` cannot be combined with other operands.
        if words.is_empty() {
            found.push(described("any", "one agent, chosen by the controller"));
        }
        found
    }

    /// Candidates for a word of a target, which may contain blanks, in the state of `reading`.
    fn targets(&self, mut reading: Reading, current: &str) -> Vec<Candidate> {
        let at = current.rfind([' ', '(']).map_or(0, |at| at + 1);
        let (before, last) = current.split_at(at);
        reading.take(before);
        let found = match reading.is_operand_next() {
            true => self.operands(last),
            false => ["and", "or"].map(Candidate::new).into(),
        };
        found.into_iter().map(|candidate| candidate.add_prefix(before)).collect()
    }

    /// Candidates for an operand: agents, roles and groups.
    fn operands(&self, word: &str) -> Vec<Candidate> {
        let grid = self.grid();
        // Part of a list before its last comma.
        let (listed, _) = word.split_at(word.rfind([',', '=']).map_or(0, |at| at + 1));
        let is_listed = |name: &str| listed.split([',', '=']).any(|it| it == name);
        if let Some((before, _)) = word.split_once('@').filter(|(before, _)| !before.is_empty()) {
            return grid.numbers().map(|gid| Candidate::new(format!("{before}@{gid}"))).collect();
        }
        if word.starts_with("role=") {
            let roles = grid.roles().into_iter().filter(|(role, _)| !is_listed(role));
            return roles
                .map(|(role, count)| described(format!("{listed}{role}"), &counted(count)))
                .collect();
        }
        let of_list = grid
            .agents()
            .into_iter()
            .filter(|it| it.get_value().to_str().is_some_and(|agent| !is_listed(agent)));
        let mut found: Vec<_> = of_list.map(|agent| agent.add_prefix(listed)).collect();
        if listed.is_empty() {
            found.push(described("all", "all agents"));
            found.extend(
                grid.roles()
                    .into_iter()
                    .map(|(role, count)| described(format!("role={role}"), &counted(count))),
            );
            let groups = grid.groups.iter().filter(|(name, _)| is_plain(name));
            found.extend(groups.map(|(name, text)| described(format!("@{name}"), text)));
            found.push(described("not", "agents that do not match"));
        }
        found
    }

    /// Looks up the grid of the command line, within [`LOOKING`].
    fn grid(&self) -> Grid {
        let line = self.clone();
        within_time(move || {
            let client = line.connection()?.client().ok()?.with_timeout(ASKING);
            let groups = client.groups().clone();
            Some(Grid { agents: client.list_agents().unwrap_or_default(), groups })
        })
    }

    /// Connection options of the command line.
    fn connection(&self) -> Option<Connection> {
        let options = Connection::augment_args(Command::new("acctl")).no_binary_name(true);
        let mut given = Vec::new();
        let mut words = self.words.iter().take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let Some(name) = word.to_str().and_then(|word| word.strip_prefix("--")) else {
                continue;
            };
            let (name, value) =
                name.split_once('=').map_or((name, None), |(name, it)| (name, Some(it)));
            let Some(option) = options.get_arguments().find(|it| it.get_long() == Some(name))
            else {
                continue;
            };
            given.push(word);
            if option.get_action().takes_values() && value.is_none() {
                given.extend(words.next());
            }
        }
        Connection::from_arg_matches(&options.try_get_matches_from(given).ok()?).ok()
    }
}

impl Grid {
    fn agents(&self) -> Vec<Candidate> {
        self.agents
            .iter()
            .map(|(agent, roles)| described(agent.to_string(), &roles.join(",")))
            .collect()
    }

    /// Roles with the number of agents that have each.
    fn roles(&self) -> BTreeMap<&str, usize> {
        let mut roles = BTreeMap::new();
        for role in self.agents.values().flatten().filter(|role| is_plain(role)) {
            *roles.entry(role.as_str()).or_default() += 1;
        }
        roles
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        let mut numbers: Vec<_> = self.agents.keys().map(|agent| agent.gid).collect();
        numbers.dedup();
        numbers.into_iter()
    }
}

fn described(value: impl Into<OsString>, help: &str) -> Candidate {
    let help = Some(help).filter(|help| !help.is_empty());
    Candidate::new(value).help(help.map(|help| help.to_owned().into()))
}

/// Whether a name needs no quoting in a shell. Other names are not offered: they come from Redis and would be inserted
/// into a command line.
fn is_plain(name: &str) -> bool {
    name.chars().all(|letter| letter.is_alphanumeric() || "_-.:+/%".contains(letter))
}

/// Table names of the instances file, found the same way as by the library.
fn instances() -> Vec<Candidate> {
    within_time(|| {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = set("ACCLIENT_CONFIG").or_else(|| {
            let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
            Some(folder.join("acclient/instances.toml"))
        })?;
        let text = fs::read_to_string(path).ok()?;
        let (tables, _) = DeTable::parse_recoverable(&text);
        let tables = tables.get_ref().iter().filter(|(_, value)| value.get_ref().is_table());
        Some(tables.map(|(name, _)| Candidate::new(&**name.get_ref())).collect())
    })
}

/// Handles of `acctl recent` whose results Redis still keeps, newest first.
fn handles() -> Vec<Candidate> {
    within_time(|| {
        let read = Handles::of_user().ok()?.read().ok()??;
        let since = SystemTime::now().checked_sub(KEPT).map_or(0, milliseconds);
        let mut found: Vec<Candidate> = Vec::new();
        for Entry { command, target, name, .. } in
            read.entries.iter().rev().filter(|entry| entry.time >= since)
        {
            if found.iter().all(|other| other.get_value() != command.as_str()) {
                found.push(described(command, &format!("{name} {target}")));
            }
        }
        Some(found)
    })
}

/// Runs a lookup on a thread; returns the default if it takes longer than [`LOOKING`].
fn within_time<T: Default + Send + 'static>(
    look: impl FnOnce() -> Option<T> + Send + 'static,
) -> T {
    let (sender, found) = mpsc::channel();
    thread::spawn(move || sender.send(look()));
    found.recv_timeout(LOOKING).ok().flatten().unwrap_or_default()
}
