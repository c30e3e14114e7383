//! The development grid as a program; `devgrid --help` describes its use.

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

/// How often to look whether the parent is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Development grid for AgentController8: a Redis, a controller and agents, for trying things out. Not for production.
///
/// Without a command, prints the URL of its Redis and runs until it is interrupted or its parent ends. With a command,
/// runs that with the URL in ACCLIENT_URL, and ends with it, and with its status.
///
/// It behaves as the original daemons do, also where that is unpleasant: a kill reaches the process itself but none of
/// its children, messages show up out of order, and the controller exits on any error of Redis. While it runs it can be
/// told to misbehave further, see `devgrid tell --help`.
#[derive(Parser)]
#[command(
    name = "devgrid",
    args_conflicts_with_subcommands = true,
    after_help = "DEVGRID_REDIS_SERVER names the server program if it isn't redis-server or valkey-server on PATH."
)]
struct Options {
    /// An agent; may be given again [default: 1:1=cpu 2:1=cpu,storage 1:2=storage, the last with a jumpscript test/echo]
    #[arg(long = "agent", value_name = "GID:NID[=ROLE,...]")]
    agents: Vec<Agent>,

    /// Starts the controller again this long after it died, as a supervisor of the original would
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", value_parser = control::seconds)]
    supervise: Option<Duration>,

    /// How long the agents take to register with a controller that was started again
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = control::seconds)]
    registration: Duration,

    /// How long commands are still routed to an agent that died, and up to half as long again
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = control::seconds)]
    routable: Duration,

    /// Redis listens on a unix socket instead of a port of 127.0.0.1
    #[arg(long)]
    socket: bool,

    /// Redis asks for it
    #[arg(long)]
    password: Option<String>,

    /// What to run
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
    let signals = catch_signals().map_err(|error| format!("can't catch signals: {error}"))?;
    let grid = Arc::new(start(options).map_err(|error| error.to_string())?);
    let control = Control::start(&grid).map_err(|error| format!("can't listen: {error}"))?;
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

/// Catches the signals that end a program, and those of ended children.
fn catch_signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD])?;
    let (caught, taken) = mpsc::channel();
    thread::spawn(move || signals.forever().try_for_each(|signal| caught.send(signal)));
    Ok(taken)
}

fn serve(grid: &Grid, control: &Control, signals: &Receiver<i32>, parent: u32) -> ExitCode {
    let mut out = io::stdout();
    // Nobody may be listening, which is no reason to end.
    let _ = writeln!(out, "{}", grid.url()).and_then(|()| out.flush());
    eprintln!(
        "A development grid is running; set ACCLIENT_URL to the line above. Ctrl-C ends it, and nothing of it is kept.\n\
         Make it misbehave: devgrid tell --control {} --help",
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
    // It stays in our process group, so that Ctrl-C reaches it; we wait for what it does then.
    let child = Command::new(&command[0])
        .args(&command[1..])
        .env("ACCLIENT_URL", grid.url())
        .env(control::VARIABLE, control.path())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("devgrid: can't run {}: {error}", command[0].display());
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
