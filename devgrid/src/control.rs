//! Orders to a running grid, through a unix socket: what `devgrid tell` sends and the grid carries out.

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

/// Names the socket to programs that the grid runs.
pub const VARIABLE: &str = "DEVGRID_CONTROL";

/// Gives an order to a grid that runs, and waits until it is carried out.
///
/// The grid is the one whose control socket is named by --control or, for programs that a grid runs, by the variable
/// DEVGRID_CONTROL.
#[derive(Debug, clap::Args)]
pub struct Tell {
    /// The control socket of the grid, which it prints when it starts
    #[arg(long, env = "DEVGRID_CONTROL", value_name = "PATH")]
    control: PathBuf,

    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Clone, clap::Subcommand, Serialize, Deserialize)]
enum Order {
    /// Kills an agent with all its jobs, whose results are lost; it stays routable for a while
    Kill { agent: Agent },
    /// Starts an agent: a new one, or one that was killed
    Start {
        /// GID:NID[=ROLE,...]
        agent: Agent,
    },
    /// Stops an agent from fetching commands and posting results, though its jobs go on
    Pause { agent: Agent },
    /// Lets a paused agent go on
    Resume { agent: Agent },
    /// Delays each result of an agent
    Slow {
        agent: Agent,
        #[arg(value_parser = seconds)]
        seconds: Duration,
    },
    /// Fills an agent: it behaves as if it had 100 jobs, takes one more command, and fetches no further ones
    Fill { agent: Agent },
    /// Loses all results of an agent
    Silence { agent: Agent },
    /// Stops the controller, supervised or not; results that come meanwhile are lost
    StopController,
    /// Starts the controller again
    StartController,
    /// Makes the controller exit after it took the next command, which is lost
    CrashController,
    /// Loses the next result of a job
    DropResult,
    /// Stores the next result of a job twice
    DuplicateResult,
    /// Delays the controller's word that a command has been routed
    DelayRouting {
        #[arg(value_parser = seconds)]
        seconds: Duration,
    },
    /// Ends slow, fill, silence and the other faults; agents and the controller stay as they are
    Heal,
}

/// An agent and its roles.
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
            numbers.ok_or("expected GID:NID or GID:NID=ROLE,..., both numbers above 0")?;
        let roles = roles.split(',').filter(|role| !role.is_empty()).map(String::from).collect();
        Ok(Agent { gid, nid, roles })
    }
}

/// Seconds, which may have a fraction.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    seconds.ok_or_else(|| "expected a number of seconds, at least 0".into())
}

impl Tell {
    /// Sends the order, and waits until it is carried out.
    pub fn send(&self) -> Result<(), String> {
        let order = serde_json::to_vec(&self.order).map_err(|error| error.to_string())?;
        exchange(&self.control, &order)
            .map_err(|error| format!("can't reach a grid at {}: {error}", self.control.display()))
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

/// The reply to an order that was carried out.
const DONE: &str = "done";

/// The socket of a grid and the thread that listens to it.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens as long as the program runs; the socket goes with the directory of the grid.
    pub fn start(grid: &Arc<Grid>) -> io::Result<Self> {
        let path = grid.redis().dir().join("control");
        let listener = UnixListener::bind(&path)?;
        let grid = Arc::downgrade(grid);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who went away without a reply doesn't want one.
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
        (Err(error), _) => format!("not an order of this version: {error}"),
        (_, None) => "the grid ends".into(),
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
