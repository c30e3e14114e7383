//! `acctl run`, `bash`, `script` and `cmd`: the commands that start jobs.

use std::io::IsTerminal;
use std::path::PathBuf;

use acclient::{Request, RunArgs, Target};
use serde_json::{Map, Value};

use crate::exit::{Failure, Outcome};
use crate::sending::{How, pair, read};
use crate::session::Session;
use crate::target;

/// Runs a program on agents
///
/// The program is found on the agent's PATH. One agent: its stdout and stderr are those of acctl.
/// Several: each result as it completes, under a heading. What a result does not tell, like the exit code, is
/// listed by acctl --help.
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
    /// Whom it is for: 1:1, all, any, role=cpu,storage@1; see acctl --help
    #[arg(required = true)]
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
    pub how: How,
}

impl Run {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        let stdin = self.stdin.then(|| PathBuf::from("-"));
        stdin.as_ref().or(self.data.as_ref()).map_or(Ok(Vec::new()), |path| read(path))
    }

    pub fn perform(&self, session: &Session, input: Vec<u8>) -> Outcome {
        let target = target::parse(&self.target).map_err(Failure::Usage)?;
        let (program, args) = self.program.split_first().ok_or_else(no_program)?;
        let command = session.client.execute(target.clone(), program).args(args).data(input);
        self.how.send(session, &target, command)
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
    /// Whom it is for, and the script
    #[arg(required = true, value_name = "TARGET SCRIPT")]
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
    pub how: How,
}

impl Bash {
    fn split(&self) -> Result<(Target, Option<&str>), Failure> {
        let (target, rest) = target::split(&self.words).map_err(Failure::Usage)?;
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
        match (self.split()?.1, &self.file) {
            (Some(script), _) if script != "-" => Ok(script.as_bytes().to_vec()),
            (_, Some(path)) => read(path),
            (None, None) if std::io::stdin().is_terminal() => Err(Failure::Usage(
                "no script: give it behind the target, by --file, or on stdin, with - from here"
                    .into(),
            )),
            _ => read("-".as_ref()),
        }
    }

    pub fn perform(&self, session: &Session, script: Vec<u8>) -> Outcome {
        let (target, _) = self.split()?;
        let mut command = session.client.bash(target.clone(), script);
        if self.killable {
            command = command.killable();
        }
        self.how.send(session, &target, named(command, &self.name))
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
    /// Whom it is for, and the script's domain and name
    #[arg(required = true, value_name = "TARGET NAME")]
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
    pub how: How,
}

impl Script {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.file.as_ref().map_or(Ok(Vec::new()), |path| read(path))
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
        let (target, rest) = target::split(&self.words).map_err(Failure::Usage)?;
        let (client, arguments) = (&session.client, self.arguments()?);
        let command = match (rest, &self.file) {
            ([], Some(path)) => {
                let content = String::from_utf8(content)
                    .map_err(|_| Failure::Usage(format!("{} is no UTF-8", path.display())))?;
                client.execute_jumpscript_content(target.clone(), content, &arguments)
            }
            ([name], None) => {
                let (domain, name) = name.split_once('/').ok_or_else(|| {
                    Failure::Usage(format!(
                        "{name:?} is no script: it is DOMAIN/NAME, like test/echo"
                    ))
                })?;
                client.execute_jumpscript(target.clone(), domain, name, &arguments)
            }
            _ => return Err(Failure::Usage("give either DOMAIN/NAME or --file".into())),
        };
        self.how.send(session, &target, command)
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
    /// Whom it is for, and the name of the command
    #[arg(required = true, value_name = "TARGET COMMAND")]
    words: Vec<String>,
    /// Sends a file along as its data; - is stdin
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The name among its run arguments
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    pub how: How,
}

impl Cmd {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.data.as_ref().map_or(Ok(Vec::new()), |path| read(path))
    }

    pub fn perform(&self, session: &Session, input: Vec<u8>) -> Outcome {
        let (target, rest) = target::split(&self.words).map_err(Failure::Usage)?;
        let [name] = rest else {
            return Err(Failure::Usage(
                "give one command behind the target, like: 1:1 ping".into(),
            ));
        };
        let command = session.client.cmd(target.clone(), name).data(input);
        if name == "restart" {
            return self.how.send_restart(session, &target, named(command, &self.name));
        }
        self.how.send(session, &target, named(command, &self.name))
    }
}
