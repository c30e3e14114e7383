//! `acctl schedule` and `acctl history`: scheduled and past commands.

use std::path::PathBuf;
use std::time::SystemTime;

use acclient::{Command, Scheduled, Target};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::exit::{Failure, Outcome, Status};
use crate::jobs::utc;
use crate::sending::{Running, read};
use crate::session::Session;
use crate::target;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  acctl schedule add trim '0 30 3 * * *' role=storage -- fstrim -a
  acctl schedule add check '@every 10m' all --bash check.sh
  acctl schedule rm trim";

/// Manage commands that the controller sends on a schedule
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Schedule {
    Add(Box<Add>),
    /// List scheduled commands
    ///
    /// NEXT IF UTC is the next run if the controller's time zone is UTC; the controller does not report its time zone.
    /// @every entries have no next run, because they count from the start of the controller.
    #[command(visible_alias = "ls", after_help = EXAMPLES)]
    List,
    Rm(Rm),
}

/// Add a command to the schedule, replacing any with the same id
///
/// WHEN has six fields: second, minute, hour, day of month, month and day of week, the last of which may be omitted.
/// @hourly and other macros and @every 90m are accepted too.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl schedule add [OPTIONS] <ID> <WHEN> <TARGET> -- <PROGRAM> [ARGS]...\n       \
                      acctl schedule add [OPTIONS] --bash <FILE> <ID> <WHEN> <TARGET>",
    after_help = EXAMPLES
)]
pub struct Add {
    /// Id in the schedule
    id: String,
    /// Cron expression, with seconds
    #[arg(value_name = "WHEN")]
    cron: String,
    /// Agents to run on: 1:1, all, any, role=cpu,storage@1; no ranges, patterns or "not"
    #[arg(required = true)]
    target: Vec<String>,
    /// Program and its arguments
    #[arg(last = true, required_unless_present = "bash", conflicts_with = "bash")]
    program: Vec<String>,
    /// Run the shell script in this file; - is stdin
    #[arg(long, value_name = "FILE")]
    bash: Option<PathBuf>,
    /// Let acctl kill and --max-time end the script, which otherwise runs to completion; its children keep running
    #[arg(long, requires = "bash")]
    killable: bool,
    #[command(flatten)]
    running: Running,
}

/// Remove a command from the schedule
///
/// Exit status 1: no command has this id.
#[derive(clap::Args)]
#[command(visible_alias = "remove", after_help = EXAMPLES)]
pub struct Rm {
    /// Id in the schedule
    #[arg(required_unless_present = "prefix", conflicts_with = "prefix")]
    id: Option<String>,
    /// Remove all commands whose ids start with PREFIX
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    prefix: Option<String>,
}

impl Schedule {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Schedule::Add(add) => add.bash.as_ref().map_or(Ok(Vec::new()), |path| read(path)),
            _ => Ok(Vec::new()),
        }
    }

    pub fn perform(&self, session: &Session, script: Vec<u8>) -> Outcome {
        match self {
            Schedule::Add(add) => add.perform(session, script),
            Schedule::List => list(session),
            Schedule::Rm(remove) => remove.perform(session),
        }
    }
}

impl Add {
    fn perform(&self, session: &Session, script: Vec<u8>) -> Outcome {
        let target = target::as_is(session, &self.target)?;
        let command = match self.program.split_first() {
            Some((program, args)) => session.client.execute(target, program).args(args),
            None if self.killable => session.client.bash(target, script).killable(),
            None => session.client.bash(target, script),
        };
        session.client.schedule_add(&self.id, &self.cron, self.running.apply(command))?;
        if let Some(meant) = minutes_first(&self.cron) {
            session.output.note(format!(
                "the first of five fields is seconds; for a crontab entry use {meant:?}"
            ));
        }
        session.output.document(json!({
            "type": "scheduled", "action": "added", "id": self.id, "cron": self.cron,
        }))?;
        Ok(Status::Success)
    }
}

/// Equivalent with seconds of a crontab expression, whose five fields start with minutes.
fn minutes_first(cron: &str) -> Option<String> {
    let is_crontab = !cron.starts_with('@') && cron.split_whitespace().count() == 5;
    is_crontab.then(|| format!("0 {}", cron.split_whitespace().collect::<Vec<_>>().join(" ")))
}

impl Rm {
    fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        if let Some(prefix) = &self.prefix {
            session.client.schedule_remove_prefix(prefix)?;
            output
                .document(json!({ "type": "scheduled", "action": "removed", "prefix": prefix }))?;
            return Ok(Status::Success);
        }
        let id = self.id.as_deref().unwrap_or_default();
        let removed = session.client.schedule_remove(id)?;
        let action = if removed { "removed" } else { "not_found" };
        output.document(json!({ "type": "scheduled", "action": action, "id": id }))?;
        if removed {
            return Ok(Status::Success);
        }
        output.problem(&format!("no scheduled command {id:?}"));
        Ok(Status::SomeFailed)
    }
}

fn list(session: &Session) -> Outcome {
    let output = session.output;
    let scheduled = session.client.schedule_list()?;
    if output.is_json() {
        scheduled.iter().try_for_each(|entry| {
            output.document(json!({
                "type": "scheduled", "action": "listed",
                "id": entry.id, "cron": entry.cron, "next": next(entry), "cmd": entry.cmd,
            }))
        })?;
        return Ok(Status::Success);
    }
    let row = |entry: &Scheduled| {
        let next = next(entry).unwrap_or_else(|| "-".to_owned());
        let words = terminal::cell(&words_of(&entry.cmd));
        vec![entry.id.clone(), entry.cron.clone(), next, target_of(&entry.cmd), words]
    };
    output.table(
        &["ID", "WHEN", "NEXT IF UTC", "TARGET", "COMMAND"],
        &scheduled.iter().map(row).collect::<Vec<_>>(),
    )?;
    Ok(Status::Success)
}

/// Next run of an entry, if the controller's time zone is UTC.
fn next(entry: &Scheduled) -> Option<String> {
    let next = entry.next_run(SystemTime::now())?;
    let next = next.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(utc(next.as_secs()))
}

/// Target of a command document, in text form.
fn target_of(cmd: &Value) -> String {
    let number = |name: &str| cmd[name].as_u64().and_then(|number| u32::try_from(number).ok());
    let (gid, nid) = (number("gid").unwrap_or(0), number("nid").unwrap_or(0));
    let roles: Vec<&str> =
        cmd["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if roles.is_empty() {
        return Target::agent((gid, nid)).to_string();
    }
    let target = if cmd["fanout"] == true { Target::all() } else { Target::any() };
    let named = roles.iter().filter(|role| **role != "*");
    let target = named.fold(target, |target, role| target.role(*role));
    let target = if gid == 0 { target } else { target.grid(gid) };
    Target::from(target).to_string()
}

/// Summary of a command document: program with arguments, first line of a script, or command name.
fn words_of(cmd: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, args) = (text(&cmd["cmd"]), &cmd["args"]);
    let script = text(&cmd["data"]);
    let words = match name.as_str() {
        "bash" => script.lines().next().unwrap_or_default().to_owned(),
        _ => {
            let words = args["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
            std::iter::once(text(&args["name"]).as_str()).chain(words).collect::<Vec<_>>().join(" ")
        }
    };
    let shown = if name == "execute" { words } else { format!("{name} {words}") };
    shown.trim_end().to_owned()
}

/// List past commands, most recent first
///
/// Only old controllers keep a history. COMMAND is the program with its arguments, the first line of a script, or the
/// command name; --json prints the full command.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl history --count 50")]
pub struct History {
    /// Skip the N most recent commands
    #[arg(long, value_name = "N", default_value = "0")]
    start: u32,
    /// List at most N commands
    #[arg(long, value_name = "N", default_value = "20")]
    count: u32,
}

impl History {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let commands = session.client.get_cmds(self.start, self.count)?;
        if output.is_json() {
            for command in &commands {
                let args = command.args().map(acclient::RunArgs::to_json).unwrap_or_default();
                let args: Value = serde_json::from_str(&args).unwrap_or_default();
                output.document(json!({
                    "type": "past", "command": command.to_string(), "id": command.id(),
                    "target": command.target().to_string(), "cmd": command.cmd(),
                    "args": args, "data": command.data(), "tags": command.tags(),
                }))?;
            }
            return Ok(Status::Success);
        }
        let row = |command: &Command| {
            let document = command.dump().and_then(|text| serde_json::from_str(&text).ok());
            let document: Value = document.unwrap_or_default();
            let target = match command.target().to_string() {
                unknown if unknown == "unknown" => unknown,
                _ => target_of(&document),
            };
            let tags = command.tags().unwrap_or_default().to_owned();
            vec![command.to_string(), target, terminal::cell(&words_of(&document)), tags]
        };
        let rows: Vec<_> = commands.iter().map(row).collect();
        output.table(&["HANDLE", "TARGET", "COMMAND", "TAGS"], &rows)?;
        Ok(Status::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_are_recognized_as_a_crontab_entry() {
        assert_eq!(minutes_first("*/5 * * * *").as_deref(), Some("0 */5 * * * *"));
        assert_eq!(minutes_first(" 1  2 3 4 5 ").as_deref(), Some("0 1 2 3 4 5"));
        for cron in ["0 30 3 * * *", "@hourly", "@every 1h"] {
            assert_eq!(minutes_first(cron), None, "{cron}");
        }
    }

    #[test]
    fn documents_are_summarized_as_target_and_command() {
        let shown = |cmd: Value| (target_of(&cmd), words_of(&cmd));
        let of = |target: &str, words: &str| (target.to_owned(), words.to_owned());
        let run = json!({ "cmd": "execute", "gid": 1, "nid": 2, "roles": null,
            "args": { "name": "ls", "args": ["-l", "/"] } });
        assert_eq!(shown(run), of("1:2", "ls -l /"));
        let script =
            json!({ "cmd": "bash", "gid": 3, "roles": ["*"], "fanout": true, "data": "a\nb" });
        assert_eq!(shown(script), of("all@3", "bash a"));
        let ping = json!({ "cmd": "ping", "roles": ["cpu"], "fanout": false });
        assert_eq!(shown(ping), of("any,role=cpu", "ping"));
    }
}
