//! The development grid as a program; `devgrid --help` describes its use.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::{ExitStatusExt, parent_id};
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{io, thread};

use devgrid::{Grid, RedisServer};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const HELP: &str = "\
A development grid for AgentController8: a Redis, a controller and agents, for trying things out. Not for production.

Usage: devgrid [OPTIONS] [-- COMMAND [ARGS]...]

Without a command it prints the URL of its Redis and runs until it is interrupted or its parent ends. With a command it
runs that with the URL in ACCLIENT_URL, and ends with it, and with its status.

Options:
  --agent GID:NID[=ROLE,ROLE...]  an agent; may be given again (default: 1:1=cpu 2:1=cpu,storage 1:2=storage,
                                  the last with a jumpscript test/echo)
  --socket                        Redis listens on a unix socket instead of a port of 127.0.0.1
  --password PASSWORD             Redis asks for it
  -h, --help                      this text

DEVGRID_REDIS_SERVER names the server program if it isn't redis-server or valkey-server on PATH.
";

/// How often to look whether the parent is still there.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Options {
    agents: Vec<(u32, u32, Vec<String>)>,
    socket: bool,
    password: Option<String>,
    command: Vec<OsString>,
    help: bool,
}

fn main() -> ExitCode {
    let parent = parent_id();
    let options = match parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("devgrid: {text} (devgrid --help tells more)");
            return ExitCode::from(2);
        }
    };
    if options.help {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let signals = match catch_signals() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("devgrid: can't catch signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let grid = match start(&options) {
        Ok(grid) => grid,
        Err(error) => {
            eprintln!("devgrid: {error}");
            return ExitCode::FAILURE;
        }
    };
    if options.command.is_empty() {
        serve(&grid, &signals, parent)
    } else {
        run(&grid, &options.command, &signals, parent)
    }
}

fn parse(args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut args = args;
    while let Some(arg) = args.next() {
        let text = arg.to_str().ok_or("an option is no UTF-8")?;
        let mut value = |name: &str| {
            let next = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            next.into_string().map_err(|_| format!("the value of {name} is no UTF-8"))
        };
        match text {
            "--agent" => options.agents.push(agent(&value("--agent")?)?),
            "--socket" => options.socket = true,
            "--password" => options.password = Some(value("--password")?),
            "-h" | "--help" => options.help = true,
            "--" => {
                options.command = args.collect();
                if options.command.is_empty() {
                    return Err("-- needs a command behind it".into());
                }
                break;
            }
            _ => return Err(format!("unknown option {text}; a command goes behind --")),
        }
    }
    Ok(options)
}

fn agent(text: &str) -> Result<(u32, u32, Vec<String>), String> {
    let (address, roles) = text.split_once('=').unwrap_or((text, ""));
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
    let address = address.split_once(':').and_then(|(gid, nid)| Some((number(gid)?, number(nid)?)));
    let (gid, nid) = address.ok_or_else(|| {
        format!("--agent {text}: not GID:NID[=ROLE,ROLE...], both numbers above 0")
    })?;
    Ok((gid, nid, roles.split(',').filter(|r| !r.is_empty()).map(String::from).collect()))
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
    let mut grid = if demo { Grid::demo_builder() } else { Grid::builder() }.redis(redis);
    for (gid, nid, roles) in &options.agents {
        grid = grid.agent(*gid, *nid, &roles.iter().map(String::as_str).collect::<Vec<_>>());
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

fn serve(grid: &Grid, signals: &Receiver<i32>, parent: u32) -> ExitCode {
    let mut out = io::stdout();
    // Nobody may be listening, which is no reason to end.
    let _ = writeln!(out, "{}", grid.url()).and_then(|()| out.flush());
    eprintln!(
        "A development grid is running; set ACCLIENT_URL to the line above. Ctrl-C ends it, and nothing of it is kept."
    );
    loop {
        let is_told = signals.recv_timeout(LOOK).is_ok_and(|signal| signal != SIGCHLD);
        if is_told || parent_id() != parent {
            return ExitCode::SUCCESS;
        }
    }
}

fn run(grid: &Grid, command: &[OsString], signals: &Receiver<i32>, parent: u32) -> ExitCode {
    // It stays in our process group, so that Ctrl-C reaches it; we wait for what it does then.
    let child =
        Command::new(&command[0]).args(&command[1..]).env("ACCLIENT_URL", grid.url()).spawn();
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
