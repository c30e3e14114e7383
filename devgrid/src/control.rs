//! Control socket: `devgrid tell` sends orders that a running grid carries out.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use devgrid::{Fault, Grid, Step};
use serde::{Deserialize, Serialize};

/// Environment variable with the path of the control socket, set for commands that the grid runs.
pub const VARIABLE: &str = "DEVGRID_CONTROL";

/// Inject a fault into a running grid and wait until it takes effect
///
/// The grid is identified by its control socket. Commands run by devgrid find it in DEVGRID_CONTROL.
#[derive(Debug, clap::Args)]
pub struct Tell {
    /// Control socket of the grid, printed at its start
    #[arg(long, env = "DEVGRID_CONTROL", value_name = "PATH")]
    control: PathBuf,

    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Clone, clap::Subcommand, Serialize, Deserialize)]
enum Order {
    /// Kill an agent with all its jobs; their results are lost, and the agent stays routable for a while
    Kill { agent: Agent },
    /// Start an agent, new or killed before
    Start {
        /// GID:NID[=ROLE,...]
        agent: Agent,
    },
    /// Stop an agent from fetching commands and posting results; its jobs keep running
    Pause { agent: Agent },
    /// Resume a paused agent
    Resume { agent: Agent },
    /// Delay every result of an agent
    Slow {
        agent: Agent,
        #[arg(value_parser = seconds)]
        seconds: Duration,
    },
    /// Let an agent behave as if it ran 100 jobs: it fetches one more command and no others
    Fill { agent: Agent },
    /// Drop all results of an agent
    Silence { agent: Agent },
    /// Stop the controller, even if supervised; results that arrive while it is down are lost
    StopController,
    /// Start the controller
    StartController,
    /// Crash the controller after it takes the next command, which is lost
    CrashController,
    /// Drop the next result of a job
    DropResult,
    /// Store the next result of a job twice
    DuplicateResult,
    /// Delay the controller's confirmation that a command was routed
    DelayRouting {
        #[arg(value_parser = seconds)]
        seconds: Duration,
    },
    /// End all faults such as slow, fill and silence; agents and controller keep their state
    Heal,
}

/// Agent and its roles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agent {
    pub gid: u32,
    pub nid: u32,
    roles: Vec<String>,
}

impl Agent {
    pub fn roles(&self) -> Vec<&str> {
        self.roles.iter().map(String::as_str).collect()
    }
}

impl FromStr for Agent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, roles) = text.split_once('=').unwrap_or((text, ""));
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
        let numbers = address.split_once(':');
        let numbers = numbers.and_then(|(gid, nid)| Some((number(gid)?, number(nid)?)));
        let (gid, nid) =
            numbers.ok_or("expected GID:NID or GID:NID=ROLE,..., both numbers above zero")?;
        let roles = roles.split(',').filter(|role| !role.is_empty()).map(String::from).collect();
        Ok(Agent { gid, nid, roles })
    }
}

/// Parses seconds, with an optional fraction.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    seconds.ok_or_else(|| "expected a number of seconds, zero or more".into())
}

impl Tell {
    /// Sends the order and waits until it is carried out.
    pub fn send(&self) -> Result<(), String> {
        let order = serde_json::to_vec(&self.order).map_err(|error| error.to_string())?;
        exchange(&self.control, &order)
            .map_err(|error| format!("cannot reach a grid at {}: {error}", self.control.display()))
    }
}

fn exchange(path: &Path, order: &[u8]) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(order)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    if reply == DONE { Ok(()) } else { Err(io::Error::other(reply)) }
}

/// Reply to a completed order.
const DONE: &str = "done";

/// Control socket of a grid.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Creates the socket and listens for the lifetime of the process. The socket is removed with the grid's directory.
    pub fn start(grid: &Arc<Grid>) -> io::Result<Self> {
        let path = grid.redis().dir().join("control");
        let listener = UnixListener::bind(&path)?;
        let grid = Arc::downgrade(grid);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The peer may close the connection before the reply.
                let _ = answer(&grid, stream);
            }
        });
        Ok(Control { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn answer(grid: &Weak<Grid>, mut stream: UnixStream) -> io::Result<()> {
    let order = serde_json::from_reader::<_, Order>(&mut stream);
    let reply = match (order, grid.upgrade()) {
        (Ok(order), Some(grid)) => {
            order.carry_out(&grid);
            DONE.into()
        }
        (Err(error), _) => format!("invalid order for this version: {error}"),
        (_, None) => "the grid is shutting down".into(),
    };
    stream.write_all(reply.as_bytes())
}

impl Order {
    fn carry_out(self, grid: &Grid) {
        match self {
            Order::Kill { agent: Agent { gid, nid, .. } } => grid.kill_agent(gid, nid),
            Order::Start { agent } => grid.start_agent(agent.gid, agent.nid, &agent.roles()),
            Order::Pause { agent: Agent { gid, nid, .. } } => grid.pause_agent(gid, nid),
            Order::Resume { agent: Agent { gid, nid, .. } } => grid.resume_agent(gid, nid),
            Order::Slow { agent: Agent { gid, nid, .. }, seconds } => {
                grid.inject(Fault::SlowAgent { gid, nid, delay: seconds });
            }
            Order::Fill { agent: Agent { gid, nid, .. } } => {
                grid.inject(Fault::FullAgent { gid, nid });
            }
            Order::Silence { agent: Agent { gid, nid, .. } } => {
                grid.inject(Fault::NeverAnswer { gid, nid });
            }
            Order::StopController => grid.stop_controller(),
            Order::StartController => grid.start_controller(),
            Order::CrashController => grid.crash_controller_after(Step::Pop),
            Order::DropResult => grid.inject(Fault::DropResult),
            Order::DuplicateResult => grid.inject(Fault::DuplicateResult),
            Order::DelayRouting { seconds } => grid.inject(Fault::DelayQueued(seconds)),
            Order::Heal => grid.clear_faults(),
        }
    }
}
