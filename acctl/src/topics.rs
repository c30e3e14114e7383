//! `acctl help`: the help of a command, and pages about what all commands share.

use clap::CommandFactory;

use crate::exit::{self, Failure, Outcome, Status};
use crate::output::Output;
use crate::target;

/// A page of `acctl help`.
pub struct Topic {
    pub name: &'static str,
    /// What it is about, for the list of topics.
    pub about: &'static str,
    pub text: &'static str,
}

pub const TOPICS: [Topic; 5] = [
    Topic { name: "targets", about: "how to name agents", text: target::HELP },
    Topic { name: "handles", about: "how to find a command again", text: HANDLES },
    Topic {
        name: "output",
        about: "what is printed where, and what results do not tell",
        text: OUTPUT,
    },
    Topic { name: "statuses", about: "what the exit status means", text: exit::HELP },
    Topic { name: "json", about: "what --json prints", text: JSON },
];

const HANDLES: &str = "\
A command handle names a command that was sent:

  acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:all,role=cpu

It has a version, the id of the command and its target. The id is random, or
the one that --id gave.

run, bash, script and cmd print the handle on stderr before they wait, and
with --detach on stdout. A rollout (--batch, --concurrency, --sample) prints at
its end the handles of the commands that have no result yet.

wait, jobs, job, logs, kill, retract and stats take a handle, or the id alone.
They work on any machine that reaches the same Redis, and so do programs in
Rust, C, C++ and Go (get_by_handle), for 24 hours: that is how long Redis
keeps results. Waiting takes no result away: it can be done again.

--retry HANDLE sends a command again to the agents that failed or were not
reached: acctl run --retry HANDLE -- PROGRAM.

acctl recent --on keeps a list of the handles of commands sent from this
account, which acctl recent prints and completion offers.";

const OUTPUT: &str = "\
Results go to stdout, everything else to stderr: the handle, what jobs wrote
to stderr, counts, errors, the progress bar. The stdout of one agent is
printed as it is. With several agents each result has a heading. At the end
the agents that did not succeed are named, written as a target.

  --group           identical results once, under their agents
  --table           a line for each agent
  --summary         no results, only counts and names
  --output-dir DIR  also DIR/1.2.out, .err and .json for each agent
  --quiet           no handle, progress bar or counts

What a result does not tell, since agents do not send it:
  the exit code     only whether it was 0: exit 7 and a signal look the same
  bytes             what is not UTF-8 arrives as U+FFFD
  blank lines       are dropped
  N::text           lines that begin so are messages of level N: see acctl logs
  the order         of lines of stdout and lines of stderr
  long output       the last 1000 lines of each; what may be cut is marked
  old results       Redis keeps them for 24 hours

A terminal shows control characters of jobs instead of obeying them, unless
--raw is given. Files and pipes get bytes as they are.";

const JSON: &str = "\
With --json stdout has one JSON document a line. \"type\" tells which:

  sent         the handle of a command, before the wait
  result       the result of one agent
  group        with --group: a result that several agents share
  summary      how all agents fared, and the exit status; comes last
  interrupted  a signal ended acctl: what is in flight, who got nothing
  error        what failed: kind, code, message, agent, command
  plan, agent  --dry-run; agent also by agents
  stage        job, and jobs where there is no job
  kill, retracted, stats, message, process, info, tunnel, scheduled, past,
  check, recent, recording: the answers of other commands

Each type has a JSON schema in docs/acctl.json-schema of the source. Later
versions may add types and fields: ignore those that you do not know. Errors
are also printed to stderr, as without --json. A stream of results without a
summary was cut.

Example:
  acctl --json run all -- uptime | jq -r 'select(.type == \"result\") | .stdout'";

/// Shows the help of a command or of a topic, such as targets
///
/// Without one it is the help of acctl. acctl help topics lists the topics.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl help topics
  acctl help targets
  acctl help schedule add")]
pub struct Help {
    /// A topic, or a command
    #[arg(value_name = "TOPIC|COMMAND")]
    topic: Vec<String>,
}

impl Help {
    /// Prints the page of a topic, or the help of a command of the program.
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
                    "no topic and no command {word:?}; see acctl help topics and acctl --help"
                ))
            })?;
        }
        let help = command.render_long_help();
        // Text of this program, with codes that a filter of control characters lets pass.
        match output.colours_stdout() {
            true => output.text(&help.ansi().to_string())?,
            false => output.text(&help.to_string())?,
        }
        Ok(Status::Success)
    }
}

/// The topics, one a line.
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
    fn a_topic_is_no_command_and_fits_a_terminal() {
        let commands = Cli::command();
        for topic in &TOPICS {
            assert!(commands.find_subcommand(topic.name).is_none(), "{}", topic.name);
            let wide = topic.text.lines().find(|line| line.chars().count() > 80);
            assert!(wide.is_none() && topic.text.is_ascii(), "{}: {wide:?}", topic.name);
        }
    }

    #[test]
    fn every_target_of_the_topic_is_one() {
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
    fn every_command_that_takes_a_handle_is_in_the_topic() {
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
    fn every_type_of_document_is_in_the_topic() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/acctl.json-schema");
        let named: Vec<&str> = words(JSON).collect();
        for file in std::fs::read_dir(directory).expect("schemas") {
            let path = file.expect("a file").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
            assert!(named.contains(&name), "{name}");
        }
    }
}
