//! Binary of the development grid; see `devgrid --help`.

mod control;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::{ExitStatusExt, parent_id};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use devgrid::{Grid, RedisServer};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use control::{Agent, Control, Tell};

/// Polling interval for the end of the parent process.
const LOOK: Duration = Duration::from_secs(1);

/// Run a development grid for AgentController8: Redis, controller and agents; not for production
///
/// Without a command, prints the Redis URL and runs until interrupted or until its parent process ends. With a command,
/// runs it with the URL in ACCLIENT_URL and exits with its status.
///
/// The grid reproduces the behaviour of the original daemons, including its defects: a kill does not reach child
/// processes, log messages arrive out of order, and the controller exits on any Redis error. devgrid tell injects
/// further faults into a running grid.
#[derive(Parser)]
#[command(
    name = "devgrid",
    args_conflicts_with_subcommands = true,
    after_help = "\
Environment:
  DEVGRID_REDIS_SERVER  Redis server binary [default: redis-server or
                        valkey-server on PATH]

Examples:
  devgrid
  devgrid -- acctl agents"
)]
struct Options {
    /// Add an agent; repeatable [default: 1:1=cpu 2:1=cpu,storage 1:2=storage, the last with jumpscript test/echo]
    #[arg(long = "agent", value_name = "GID:NID[=ROLE,...]")]
    agents: Vec<Agent>,

    /// Restart a dead controller after SECONDS, like a supervisor [default: no restart; 1 without a value]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = control::seconds)]
    supervise: Option<Duration>,

    /// Delay of the agents' registration with a restarted controller
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = control::seconds)]
    registration: Duration,

    /// Time for which commands are routed to a dead agent, plus up to 50%
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = control::seconds)]
    routable: Duration,

    /// Let Redis listen on a unix socket instead of a port on 127.0.0.1
    #[arg(long)]
    socket: bool,

    /// Require this password in Redis
    #[arg(long)]
    password: Option<String>,

    /// Command to run, with arguments
    #[arg(last = true)]
    command: Vec<OsString>,

    #[command(subcommand)]
    tell: Option<Subcommand>,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    Tell(Tell),
}

fn main() -> ExitCode {
    let parent = parent_id();
    let options = Options::parse();
    if let Some(Subcommand::Tell(tell)) = &options.tell {
        return failing(tell.send());
    }
    match work(&options, parent) {
        Ok(code) => code,
        Err(text) => failing(Err(text)),
    }
}

fn failing(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("devgrid: {text}");
            ExitCode::FAILURE
        }
    }
}

fn work(options: &Options, parent: u32) -> Result<ExitCode, String> {
    let signals = catch_signals().map_err(|error| format!("cannot handle signals: {error}"))?;
    let grid = Arc::new(start(options).map_err(|error| error.to_string())?);
    let control =
        Control::start(&grid).map_err(|error| format!("cannot create control socket: {error}"))?;
    Ok(if options.command.is_empty() {
        serve(&grid, &control, &signals, parent)
    } else {
        run(&grid, &control, &options.command, &signals, parent)
    })
}

fn start(options: &Options) -> Result<Grid, devgrid::Error> {
    let mut redis = RedisServer::builder();
    if options.socket {
        redis = redis.unix_socket();
    }
    if let Some(password) = &options.password {
        redis = redis.password(password);
    }
    let demo = options.agents.is_empty();
    let mut grid = if demo { Grid::demo_builder() } else { Grid::builder() }
        .redis(redis)
        .registration_delay(options.registration)
        .routable_for(options.routable);
    if let Some(delay) = options.supervise {
        grid = grid.supervise(delay);
    }
    for agent in &options.agents {
        grid = grid.agent(agent.gid, agent.nid, &agent.roles());
    }
    grid.start()
}

/// Installs handlers for termination signals and SIGCHLD.
fn catch_signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD])?;
    let (caught, taken) = mpsc::channel();
    thread::spawn(move || signals.forever().try_for_each(|signal| caught.send(signal)));
    Ok(taken)
}

fn serve(grid: &Grid, control: &Control, signals: &Receiver<i32>, parent: u32) -> ExitCode {
    let mut out = io::stdout();
    // A closed stdout does not end the grid.
    let _ = writeln!(out, "{}", grid.url()).and_then(|()| out.flush());
    eprintln!(
        "Development grid is running; set ACCLIENT_URL to the URL above. Ctrl-C stops it and deletes its data.\n\
         Inject faults: devgrid tell --control {} --help",
        control.path().display()
    );
    loop {
        let is_told = signals.recv_timeout(LOOK).is_ok_and(|signal| signal != SIGCHLD);
        if is_told || parent_id() != parent {
            return ExitCode::SUCCESS;
        }
    }
}

fn run(
    grid: &Grid,
    control: &Control,
    command: &[OsString],
    signals: &Receiver<i32>,
    parent: u32,
) -> ExitCode {
    // The command stays in our process group: Ctrl-C reaches it, and we wait for it to exit.
    let child = Command::new(&command[0])
        .args(&command[1..])
        .env("ACCLIENT_URL", grid.url())
        .env(control::VARIABLE, control.path())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("devgrid: cannot run {}: {error}", command[0].display());
            return ExitCode::from(127);
        }
    };
    let mut told = false;
    loop {
        if let Some(code) = ended(&mut child) {
            return code;
        }
        let end = signals.recv_timeout(LOOK) == Ok(SIGTERM) || parent_id() != parent;
        if end && !told {
            told = true;
            devgrid::signals::send(child.id(), SIGTERM);
        }
    }
}

fn ended(child: &mut Child) -> Option<ExitCode> {
    match child.try_wait() {
        Ok(None) => None,
        Ok(Some(status)) => {
            let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1);
            Some(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
        Err(_) => Some(ExitCode::FAILURE),
    }
}
