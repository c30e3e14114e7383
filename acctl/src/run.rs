//! `acctl run`, `bash`, `script` and `cmd`: the commands that start jobs.

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

/// Runs a program on agents
///
/// The program is found on the agent's PATH. One agent: its stdout and stderr are those of acctl.
/// Several: each result as it completes, under a heading. What a result does not tell, like the exit code, is
/// listed by acctl help output.
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
    /// Agents it is for: 1:1, 1:1-20, 1:*, role=cpu and not 1:4, @group; see acctl help targets
    #[arg(required_unless_present_any = ["target_file", "retry"])]
    target: Vec<String>,
    /// The program and its arguments
    #[arg(last = true)]
    program: Vec<String>,
    /// Sends what is on stdin along, as the stdin of the program
    #[arg(long)]
    stdin: bool,
    /// Sends a file along as the stdin of the program; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    data: Option<PathBuf>,
    #[command(flatten)]
    to: To,
    #[command(flatten)]
    pub how: How,
}

/// Which agents a command is for, and whether it is sent.
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
    /// Splits words into a target, unless that is given by an option, and what comes after it.
    fn split<'w>(&self, words: &'w [String]) -> Result<(&'w [String], &'w [String]), Failure> {
        if self.retry.is_given() { Ok((&[], words)) } else { self.whom.split(words) }
    }

    /// The agents of a target, or those that get a command again. The status where there is nobody.
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
            session.output.note("nothing was sent: all agents have succeeded");
        }
        Ok(Err(Status::Success))
    }

    /// Sends a command to the agents of a target, or lists them.
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
    Failure::Usage("no program: it stands behind --, as in: acctl run 1:1 -- uptime".into())
}

/// Runs a shell script on agents
///
/// The script is an argument, a file, or stdin where it is - or not there.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl bash [OPTIONS] <TARGET> [SCRIPT]",
    after_help = "\
Examples:
  acctl bash 1:1 'df -h | tail -n +2'
  acctl bash role=storage@1 --file trim.sh --wait 600"
)]
pub struct Bash {
    /// Agents it is for, and the script
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET SCRIPT")]
    words: Vec<String>,
    /// The script is in this file; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A label for finding it again, see acctl ps
    #[arg(long)]
    name: Option<String>,
    /// Lets a kill and --max-time reach the script, which otherwise runs to its end; what the script has
    /// started still goes on
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
                "the script is one argument, in quotes; what is {more:?}?"
            ))),
        }
    }

    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.to.whom.read()?;
        match (self.split()?.1, &self.file) {
            (Some(script), _) if script != "-" => Ok(script.as_bytes().to_vec()),
            (_, Some(path)) => self.to.whom.input(path),
            (None, None) if std::io::stdin().is_terminal() => Err(Failure::Usage(
                "no script: give it behind the target, by --file, or on stdin, with - from here"
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

/// Runs a jumpscript on agents
///
/// One that the agents have, by its domain and name, or Python that is sent along.
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
    /// Agents it is for, and the script's domain and name
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET NAME")]
    words: Vec<String>,
    /// Sends the Python in this file along; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Adds a keyword argument, a text
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
            Some(text) => serde_json::from_str(text)
                .map_err(|error| Failure::Usage(format!("--kwargs is no JSON object: {error}")))?,
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
                    .map_err(|_| Failure::Usage(format!("{} is no UTF-8", path.display())))?;
                self.to.send(session, &self.how, target, |target| {
                    client.execute_jumpscript_content(target, content, &arguments)
                })
            }
            ([name], None) => {
                let (domain, name) = name.split_once('/').ok_or_else(|| {
                    Failure::Usage(format!(
                        "{name:?} is no script: it is DOMAIN/NAME, like test/echo"
                    ))
                })?;
                self.to.send(session, &self.how, target, |target| {
                    client.execute_jumpscript(target, domain, name, &arguments)
                })
            }
            _ => Err(Failure::Usage("give either DOMAIN/NAME or --file".into())),
        }
    }
}

/// Sends any command that agents know: ping, killall, restart, ...
///
/// Agents never answer restart: it is sent, and not waited for.
/// The data of controller with --name scheduler_add, and that of jumpscript_content, are checked as the controller
/// decodes them. A command that would make it exit, at once or when the schedule fires, is not sent (status 2).
#[derive(clap::Args)]
#[command(
    override_usage = "acctl cmd [OPTIONS] <TARGET> <COMMAND>",
    after_help = "\
Examples:
  acctl cmd all ping
  acctl cmd 1:1 get_msgs --data query.json"
)]
pub struct Cmd {
    /// Agents it is for, and the name of the command
    #[arg(required_unless_present_any = ["target_file", "retry"], value_name = "TARGET COMMAND")]
    words: Vec<String>,
    /// Sends a file along as its data; - is stdin
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The name among its run arguments
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
                "give one command behind the target, like: 1:1 ping".into(),
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
