//! `acctl help`: help of a command, and pages on topics that commands share.

use clap::CommandFactory;

use crate::exit::{self, Failure, Outcome, Status};
use crate::output::Output;
use crate::target;

/// Page of `acctl help`.
pub struct Topic {
    pub name: &'static str,
    /// Summary for the list of topics.
    pub about: &'static str,
    pub text: &'static str,
}

pub const TOPICS: [Topic; 5] = [
    Topic { name: "targets", about: "how to select agents", text: target::HELP },
    Topic { name: "handles", about: "how to refer to a submitted command", text: HANDLES },
    Topic { name: "output", about: "stdout, stderr and the limits of results", text: OUTPUT },
    Topic { name: "statuses", about: "exit statuses", text: exit::HELP },
    Topic { name: "json", about: "documents printed by --json", text: JSON },
];

const HANDLES: &str = "\
A command handle identifies a submitted command:

  acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all,role=cpu

It consists of a version, the command id and the target. The id is random
unless --id is given.

run, bash, script and cmd print the handle on stderr before they wait, or on
stdout with --detach. A rollout (--batch, --concurrency, --sample) prints the
handles of commands without a result when it ends.

wait, jobs, job, logs, kill, retract and stats take a handle or an id, on any
machine that reaches the same Redis. Programs in Rust, C, C++ and Go do so
with get_by_handle. Redis keeps results for 24 hours; waiting does not consume
them.

--retry HANDLE sends a command again to agents that failed or were not
reached: acctl run --retry HANDLE -- PROGRAM.

acctl recent --on records the handles of commands sent from this account, for
acctl recent and for shell completion.";

const OUTPUT: &str = "\
Results go to stdout. Everything else goes to stderr: the handle, stderr of the
jobs, counts, errors and the progress bar. The stdout of a single agent is
printed unchanged; results of several agents have headings. The last lines list
the agents that did not succeed, in target syntax.

  --group           print identical results once, under their agents
  --table           print one line per agent
  --summary         print only counts and the agents that did not succeed
  --output-dir DIR  also write DIR/1.2.out, .err and .json for each agent
  --quiet           print no handle, progress bar or counts

Results have limits, because agents do not send everything:
  exit code         zero or nonzero; a signal is not distinguished
  encoding          bytes that are not UTF-8 arrive as U+FFFD
  blank lines       dropped
  N::text           lines of this form are log messages of level N: acctl logs
  order             stdout and stderr are not interleaved
  long output       last 1000 lines of each stream; truncation is reported
  retention         24 hours

On a terminal, control characters in job output are escaped unless --raw is
given. Files and pipes receive the bytes unchanged.";

const JSON: &str = "\
With --json, stdout has one JSON document per line, identified by \"type\":

  sent         handle of a command, before the wait
  result       result of one agent
  group        with --group: result shared by several agents
  summary      agents by outcome and the exit status; always last
  interrupted  a signal ended acctl: commands in flight, agents not started
  error        error with kind, code, message, agent and command
  plan, agent  --dry-run; agents also prints agent
  stage        job; jobs, for an agent without a job
  kill, retracted, stats, message, process, info, tunnel, scheduled, past,
  check, recent, recording: output of other commands

docs/acctl.json-schema in the source has a JSON schema for each type. Later
versions may add types and fields: ignore unknown ones. Errors also go to
stderr. A stream of results without a summary is incomplete.

Example:
  acctl --json run all -- uptime | jq -r 'select(.type == \"result\") | .stdout'";

/// Show help for a command or a topic
///
/// Without an argument, shows the help of acctl. acctl help topics lists the topics.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl help topics
  acctl help targets
  acctl help schedule add")]
pub struct Help {
    /// Topic or command
    #[arg(value_name = "TOPIC|COMMAND")]
    topic: Vec<String>,
}

impl Help {
    /// Prints the page of a topic or the help of a command.
    pub fn perform<T: CommandFactory>(&self, output: &Output) -> Outcome {
        if let [word] = &self.topic[..] {
            let topic = TOPICS.iter().find(|topic| topic.name == word);
            let text = match topic {
                Some(topic) => Some(topic.text.to_owned()),
                None => (word == "topics").then(list),
            };
            if let Some(text) = text {
                output.text(&text)?;
                return Ok(Status::Success);
            }
        }
        let mut program = T::command();
        program.build();
        let mut command = &mut program;
        for word in &self.topic {
            command = command.find_subcommand_mut(word).ok_or_else(|| {
                Failure::Usage(format!(
                    "unknown topic or command {word:?}; see acctl help topics and acctl --help"
                ))
            })?;
        }
        let help = command.render_long_help();
        // The filter of control characters passes the SGR codes of the help.
        match output.colours_stdout() {
            true => output.text(&help.ansi().to_string())?,
            false => output.text(&help.to_string())?,
        }
        Ok(Status::Success)
    }
}

/// List of the topics, one per line.
pub fn list() -> String {
    let line = |topic: &Topic| format!("  {:<10} {}\n", topic.name, topic.about);
    let lines: String = TOPICS.iter().map(line).collect();
    format!("Topics of acctl help:\n{lines}")
}

#[cfg(test)]
mod tests {
    use acclient::Selection;

    use super::*;
    use crate::Cli;

    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '-'))
    }

    #[test]
    fn topics_do_not_shadow_commands_and_fit_80_columns() {
        let commands = Cli::command();
        for topic in &TOPICS {
            assert!(commands.find_subcommand(topic.name).is_none(), "{}", topic.name);
            let wide = topic.text.lines().find(|line| line.chars().count() > 80);
            assert!(wide.is_none() && topic.text.is_ascii(), "{}: {wide:?}", topic.name);
        }
    }

    #[test]
    fn every_example_of_the_targets_topic_parses() {
        let rows = target::HELP.lines().skip(1).take_while(|line| !line.is_empty());
        let mut count = 0;
        for row in rows.filter(|row| !row.starts_with("  A ") && !row.starts_with("  @")) {
            let (examples, _) = row.trim_start().split_once("  ").expect("two columns");
            for example in examples.split(", ") {
                let parsed = example.parse::<Selection>();
                assert!(parsed.is_ok(), "{example}: {parsed:?}");
                count += 1;
            }
        }
        assert!(count > 10, "{count}");
    }

    #[test]
    fn handles_topic_lists_every_command_that_takes_a_handle() {
        let commands = Cli::command();
        let takes =
            |command: &&clap::Command| command.get_positionals().any(|it| it.get_id() == "command");
        let named: Vec<&str> = words(HANDLES).collect();
        let missing: Vec<&str> = commands
            .get_subcommands()
            .filter(takes)
            .map(clap::Command::get_name)
            .filter(|name| !named.contains(name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn json_topic_lists_every_document_type() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/acctl.json-schema");
        let named: Vec<&str> = words(JSON).collect();
        for file in std::fs::read_dir(directory).expect("schemas") {
            let path = file.expect("a file").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
            assert!(named.contains(&name), "{name}");
        }
    }
}
