//! `acctl run`, `bash`, `script` and `cmd`: commands that start jobs.

use std::io::IsTerminal;
use std::path::PathBuf;

use acclient::{Request, RunArgs, Target};
use serde_json::{Map, Value};

use crate::dry_run::{self, DryRun};
use crate::exit::{Failure, Outcome, Status};
use crate::retry::{Again, Missing, Retry};
use crate::sending::{How, pair};
use crate::session::Session;
use crate::target::{Chosen, Whom};

/// Run a program on agents
///
/// The agent looks up the program in its own PATH. With a single agent, stdout and stderr of the program are passed
/// through. With several, each result is printed under a heading as it completes. acctl help output lists the limits
/// of results, such as the missing exit code.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl run [OPTIONS] <TARGET> -- <PROGRAM> [ARGS]...",
    after_help = "\
Examples:
  acctl run 1:1 -- ls -l /
  acctl run --stdin 1:1 -- sort < names
  acctl run all role=cpu --batch 10% --stop-after 3 -- apt-get -y upgrade"
)]
pub struct Run {
    /// Agents to run on: 1:1, 1:1-20, 1:*, role=cpu and not 1:4, @group; see acctl help targets
    #[arg(required_unless_present_any = ["target_file", "retry"])]
    target: Vec<String>,
    /// Program and its arguments
    #[arg(last = true)]
    program: Vec<String>,
    /// Read stdin to its end and pass it to the program
    #[arg(long)]
    stdin: bool,
    /// Pass this file to the program as its stdin; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    data: Option<PathBuf>,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    pub how: How,
}

/// Options for the agents of a command, and for dry runs and retries.
#[derive(clap::Args)]
struct To {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    retry: Retry,
}

impl To {
    /// Splits words into the target, unless an option gives it, and the rest.
    fn split<'w>(&self, words: &'w [String]) -> Result<(&'w [String], &'w [String]), Failure> {
        if self.retry.is_given() { Ok((&[], words)) } else { self.whom.split(words) }
    }

    /// Resolves the target or the retries. The inner error is the exit status if there is no agent to send to.
    fn choose(
        &self,
        session: &Session,
        how: &How,
        words: &[String],
    ) -> Result<Result<(Chosen, Missing), Status>, Failure> {
        if !self.retry.is_given() {
            return Ok(Ok((self.whom.choose(session, words, None)?, Missing::default())));
        }
        if !words.is_empty() {
            return Err(Failure::Usage("give a target or --retry, not both".into()));
        }
        let Some(Again { targets, missing }) = self.retry.find(session)? else {
            return Ok(Err(Status::Nobody));
        };
        if !targets.is_empty() {
            let words = [targets.join(" or ")];
            return Ok(Ok((self.whom.choose(session, &words, None)?, missing)));
        }
        if !missing.commands.is_empty() {
            return how.send_nothing(session, missing).map(Err);
        }
        if !how.sending.is_quiet() {
            session.output.note("nothing to send: all agents succeeded");
        }
        Ok(Err(Status::Success))
    }

    /// Sends a command to the agents of the target, or lists them in a dry run.
    fn send(
        &self,
        session: &Session,
        how: &How,
        words: &[String],
        command: impl FnOnce(Target) -> Request,
    ) -> Outcome {
        let (chosen, missing) = match self.choose(session, how, words)? {
            Ok(chosen) => chosen,
            Err(status) => return Ok(status),
        };
        if self.dry_run.dry_run {
            return dry_run::show(session, &chosen, how.sending.sample());
        }
        how.send(session, &chosen.target, command(chosen.target.clone()), missing)
    }
}

impl Run {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.to.whom.read()?;
        let stdin = self.stdin.then(|| PathBuf::from("-"));
        let path = stdin.as_ref().or(self.data.as_ref());
        path.map_or(Ok(Vec::new()), |path| self.to.whom.input(path))
    }

    pub fn perform(&self, session: &Session, input: Vec<u8>) -> Outcome {
        let (program, args) = self.program.split_first().ok_or_else(no_program)?;
        self.to.send(session, &self.how, &self.target, |target| {
            session.client.execute(target, program).args(args).data(input)
        })
    }
}

fn no_program() -> Failure {
    Failure::Usage("missing program after --, as in: acctl run 1:1 -- uptime".into())
}

/// Run a shell script on agents
///
/// The script is an argument, a file, or stdin if it is - or omitted.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl bash [OPTIONS] <TARGET> [SCRIPT]",
    after_help = "\
Examples:
  acctl bash 1:1 'df -h | tail -n +2'
  acctl bash role=storage@1 --file trim.sh --wait 600"
)]
pub struct Bash {
    /// Agents to run on, and the script
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET SCRIPT")]
    words: Vec<String>,
    /// Read the script from this file; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Label to filter by with acctl ps --name
    #[arg(long)]
    name: Option<String>,
    /// Let acctl kill and --max-time end the script, which otherwise runs to completion; its children keep running
    #[arg(long)]
    killable: bool,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    pub how: How,
}

impl Bash {
    fn split(&self) -> Result<(&[String], Option<&str>), Failure> {
        let (target, rest) = self.to.split(&self.words)?;
        match (rest, &self.file) {
            ([], _) => Ok((target, None)),
            ([script], None) => Ok((target, Some(script))),
            ([_], Some(_)) => Err(Failure::Usage("give the script or --file, not both".into())),
            ([_, more, ..], _) => Err(Failure::Usage(format!(
                "unexpected argument {more:?}: quote the script as one argument"
            ))),
        }
    }

    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.to.whom.read()?;
        match (self.split()?.1, &self.file) {
            (Some(script), _) if script != "-" => Ok(script.as_bytes().to_vec()),
            (_, Some(path)) => self.to.whom.input(path),
            (None, None) if std::io::stdin().is_terminal() => Err(Failure::Usage(
                "missing script: give it after the target, with --file or on stdin (- for a terminal)"
                    .into(),
            )),
            _ => self.to.whom.input("-".as_ref()),
        }
    }

    pub fn perform(&self, session: &Session, script: Vec<u8>) -> Outcome {
        let (target, _) = self.split()?;
        self.to.send(session, &self.how, target, |target| {
            let command = session.client.bash(target, script);
            let command = if self.killable { command.killable() } else { command };
            named(command, &self.name)
        })
    }
}

fn named(command: Request, name: &Option<String>) -> Request {
    match name {
        Some(name) => command.run_args(RunArgs::new().name(name)),
        None => command,
    }
}

/// Run a jumpscript on agents
///
/// The jumpscript is one installed on the agents, by domain and name, or Python source sent with the command.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl script [OPTIONS] <TARGET> <DOMAIN/NAME>\n       \
                      acctl script [OPTIONS] --file <FILE> <TARGET>",
    after_help = "\
Examples:
  acctl script 1:2 test/echo --arg message=hi
  acctl script any --file check.py --kwargs '{\"depth\": 3}'"
)]
pub struct Script {
    /// Agents to run on, and the domain and name of the jumpscript
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET NAME")]
    words: Vec<String>,
    /// Send the Python source in this file; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Add a keyword argument with a string value; repeatable
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    arg: Vec<(String, String)>,
    /// Keyword arguments as a JSON object
    #[arg(long, value_name = "JSON")]
    kwargs: Option<String>,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    pub how: How,
}

impl Script {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.to.whom.read()?;
        self.file.as_ref().map_or(Ok(Vec::new()), |path| self.to.whom.input(path))
    }

    fn arguments(&self) -> Result<Value, Failure> {
        let mut arguments: Map<String, Value> = match &self.kwargs {
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Failure::Usage(format!("invalid --kwargs: expected a JSON object: {error}"))
            })?,
            None => Map::new(),
        };
        let pairs = self.arg.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        arguments.extend(pairs);
        Ok(Value::Object(arguments))
    }

    pub fn perform(&self, session: &Session, content: Vec<u8>) -> Outcome {
        let (target, rest) = self.to.split(&self.words)?;
        let (client, arguments) = (&session.client, self.arguments()?);
        match (rest, &self.file) {
            ([], Some(path)) => {
                let content = String::from_utf8(content)
                    .map_err(|_| Failure::Usage(format!("{}: not UTF-8", path.display())))?;
                self.to.send(session, &self.how, target, |target| {
                    client.execute_jumpscript_content(target, content, &arguments)
                })
            }
            ([name], None) => {
                let (domain, name) = name.split_once('/').ok_or_else(|| {
                    Failure::Usage(format!(
                        "invalid script {name:?}: expected DOMAIN/NAME, like test/echo"
                    ))
                })?;
                self.to.send(session, &self.how, target, |target| {
                    client.execute_jumpscript(target, domain, name, &arguments)
                })
            }
            _ => Err(Failure::Usage("give DOMAIN/NAME or --file, not both".into())),
        }
    }
}

/// Send a built-in agent command: ping, killall, restart, ...
///
/// Agents never answer restart, so acctl does not wait for it. The data of jumpscript_content, and of controller with
/// --name scheduler_add, is validated the way the controller decodes it. Data that would make the controller exit, now
/// or when the schedule fires, is rejected with status 2.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl cmd [OPTIONS] <TARGET> <COMMAND>",
    after_help = "\
Examples:
  acctl cmd all ping
  acctl cmd 1:1 get_msgs --data query.json"
)]
pub struct Cmd {
    /// Agents to send to, and the name of the command
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET COMMAND")]
    words: Vec<String>,
    /// Send this file as the data of the command; - is stdin
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Value of the run argument "name"
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    pub how: How,
}

impl Cmd {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.to.whom.read()?;
        self.data.as_ref().map_or(Ok(Vec::new()), |path| self.to.whom.input(path))
    }

    pub fn perform(&self, session: &Session, input: Vec<u8>) -> Outcome {
        let (target, rest) = self.to.split(&self.words)?;
        let [name] = rest else {
            return Err(Failure::Usage(
                "expected one command after the target, as in: acctl cmd 1:1 ping".into(),
            ));
        };
        let command = |target| named(session.client.cmd(target, name).data(input), &self.name);
        if name == "restart" && !self.to.dry_run.dry_run {
            let target = match self.to.choose(session, &self.how, target)? {
                Ok((chosen, _)) => chosen.target,
                Err(status) => return Ok(status),
            };
            return self.how.send_restart(session, &target, command(target.clone()));
        }
        self.to.send(session, &self.how, target, command)
    }
}
