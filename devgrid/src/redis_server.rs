//! A redis-server or valkey-server process that belongs to this one.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;

use crate::conn::{Address, Conn, Endpoint};
use crate::watchdog::Watchdog;
use crate::{Error, lock, sys};

/// How long a server may take to answer its first PING.
const START: Duration = Duration::from_secs(10);

/// What a [`RedisServer`] shall be like.
#[derive(Clone, Debug, Default)]
pub struct RedisServerBuilder {
    password: Option<String>,
    users: Vec<String>,
    unix: bool,
    persistent: bool,
    sentinel: bool,
    config: Vec<(String, String)>,
    binary: Option<PathBuf>,
}

impl RedisServerBuilder {
    /// A password for the default user; the grid's own daemons use it too.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// One more user, as a `user` line of redis.conf has it: `alice on >secret ~* +@all`. The
    /// default user must stay on.
    #[must_use]
    pub fn user_acl(mut self, line: &str) -> Self {
        self.users.push(line.into());
        self
    }

    /// Listen on a unix socket only, on no port.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.unix = true;
        self
    }

    /// A Sentinel instead of a server; what it watches is an [`arg`](Self::arg) `sentinel monitor`.
    #[must_use]
    pub fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Any other setting: `--name` and its value, as on the command line of redis-server.
    #[must_use]
    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.trim_start_matches("--").into(), value.into()));
        self
    }

    /// The server program, instead of the one found in PATH or named by `DEVGRID_REDIS_SERVER`.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Keep the data over [`RedisServer::restart`]: everything is on disk, in the temporary
    /// directory, before it is answered.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// No server program, or one that doesn't come up; the error holds the end of its log.
    pub fn start(self) -> Result<RedisServer, Error> {
        let binary = self.find_binary()?;
        let dir = make_dir()?;
        let watchdog = match Watchdog::start(&dir) {
            Ok(watchdog) => Arc::new(watchdog),
            Err(error) => {
                let _ = fs::remove_dir_all(&dir);
                return Err(error);
            }
        };
        let address =
            if self.unix { Address::Unix(dir.join("redis.sock")) } else { Address::Tcp(0) };
        let endpoint = Endpoint { address, password: self.password.clone() };
        let owner = std::process::id();
        let mut server = RedisServer {
            builder: self,
            binary,
            dir,
            watchdog,
            endpoint,
            owner,
            child: Mutex::new(None),
        };
        // A free port can be taken by somebody else before the server binds it.
        let mut tries = 5;
        loop {
            if !server.builder.unix {
                server.endpoint.address = Address::Tcp(free_port()?);
            }
            tries -= 1;
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) if tries == 0 || server.builder.unix || !error.0.contains("in use") => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
    }

    fn find_binary(&self) -> Result<PathBuf, Error> {
        if let Some(path) = self
            .binary
            .clone()
            .or_else(|| std::env::var_os("DEVGRID_REDIS_SERVER").map(PathBuf::from))
        {
            return Ok(path);
        }
        let found = ["redis-server", "valkey-server"].into_iter().find_map(sys::look_path);
        found.ok_or_else(|| {
            Error::new(
                "neither redis-server nor valkey-server is on PATH. Install one of them (Debian, Ubuntu: apt-get install \
                 redis-server; Fedora: dnf install valkey; macOS: brew install redis), or name the program in \
                 DEVGRID_REDIS_SERVER",
            )
        })
    }
}

/// A running server. Dropping it ends it and waits until it is gone.
pub struct RedisServer {
    builder: RedisServerBuilder,
    binary: PathBuf,
    dir: PathBuf,
    watchdog: Arc<Watchdog>,
    endpoint: Endpoint,
    /// Who started it: a forked child must leave it alone.
    owner: u32,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// A server on a free port of 127.0.0.1 that keeps nothing.
    ///
    /// # Errors
    /// See [`RedisServerBuilder::start`].
    pub fn start() -> Result<Self, Error> {
        RedisServer::builder().start()
    }

    /// Settings for a server.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// How a client reaches it: `redis://[:password@]127.0.0.1:PORT/0` or `redis+unix:///path`
    /// (without the password).
    #[must_use]
    pub fn url(&self) -> String {
        match (&self.endpoint.address, &self.endpoint.password) {
            (Address::Unix(path), _) => format!("redis+unix://{}", path.display()),
            (Address::Tcp(port), None) => format!("redis://127.0.0.1:{port}/0"),
            (Address::Tcp(port), Some(password)) => {
                format!("redis://:{}@127.0.0.1:{port}/0", percent(password))
            }
        }
    }

    /// Its port, 0 on a unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.endpoint.address {
            Address::Tcp(port) => port,
            Address::Unix(_) => 0,
        }
    }

    /// Its unix socket.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        match &self.endpoint.address {
            Address::Tcp(_) => None,
            Address::Unix(path) => Some(path),
        }
    }

    /// Its process id, 0 when it doesn't run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        lock(&self.child).as_ref().map_or(0, Child::id)
    }

    /// A connection as the default user, for tests that want to look behind the scenes.
    ///
    /// # Panics
    /// When the server can't be reached.
    #[must_use]
    pub fn connection(&self) -> redis::Connection {
        let url = match (&self.endpoint.address, &self.endpoint.password) {
            (Address::Unix(path), Some(password)) => {
                format!("redis+unix://{}?pass={}", path.display(), percent(password))
            }
            _ => self.url(),
        };
        let connection = redis::Client::open(url).and_then(|client| client.get_connection());
        connection.unwrap_or_else(|e| {
            panic!("the grid's redis-server (pid {}) can't be reached: {e}", self.pid())
        })
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&self) {
        if let Some(mut child) = lock(&self.child).take() {
            let pid = child.id();
            let _ = child.kill();
            let _ = child.wait();
            self.watchdog.remove(pid);
        }
    }

    /// Ends it in order (SHUTDOWN), as an administrator would, and waits until it is gone.
    pub fn shutdown(&self) {
        if let (Some(child), Ok(mut conn)) =
            (lock(&self.child).as_ref(), self.endpoint.connect(false))
        {
            // It answers by ending.
            let _ = redis::cmd("SHUTDOWN").exec(&mut conn);
            sys::wait_ended(child.id());
        }
        self.kill();
    }

    /// Freezes it (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = lock(&self.child).as_ref() {
            sys::kill(child.id(), signal);
        }
    }

    /// Starts it again after [`kill`](Self::kill), on the same port or socket; returns when it
    /// answers.
    ///
    /// # Panics
    /// When it doesn't come up.
    pub fn restart(&self) {
        self.kill();
        let deadline = Instant::now() + START;
        while let Err(error) = self.launch() {
            // Somebody else may hold the port for a moment.
            assert!(
                error.0.contains("in use") && Instant::now() < deadline,
                "redis-server doesn't start again: {error}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    /// Directory of everything that belongs to it; it is gone when the server is dropped or its process killed.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn launch(&self) -> Result<(), Error> {
        let config = self.dir.join("redis.conf");
        fs::write(&config, self.config())
            .map_err(|e| Error::new(format!("can't write {}: {e}", config.display())))?;
        let log = self.dir.join("redis.log");
        let output = fs::File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) =
            output.map_err(|e| Error::new(format!("can't write {}: {e}", log.display())))?;
        let mut command = Command::new(&self.binary);
        command.arg(&config);
        if self.builder.sentinel {
            command.arg("--sentinel");
        }
        command.current_dir(&self.dir).process_group(0);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        // The mark by which the watchdog finds what was not registered yet when we were killed.
        command.env("AGENT_HOME", self.dir.join("redis"));
        let child = command
            .spawn()
            .map_err(|e| Error::new(format!("can't start {}: {e}", self.binary.display())))?;
        let pid = child.id();
        self.watchdog.add(pid);
        let mut child = self.child_slot(child);
        let deadline = Instant::now() + START;
        loop {
            if self.answers(pid) {
                return Ok(());
            }
            let ended = child.as_mut().is_none_or(|c| !matches!(c.try_wait(), Ok(None)));
            if ended || Instant::now() > deadline {
                drop(child);
                self.kill();
                let text = fs::read_to_string(&log).unwrap_or_default();
                let from = text.len().saturating_sub(600);
                let end = text.get(from..).unwrap_or(&text);
                return Err(Error::new(format!(
                    "{} does not answer; its log ends: {end}",
                    self.binary.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether our process answers, and not one of somebody else that has the port.
    fn answers(&self, pid: u32) -> bool {
        let ask = |mut conn: Conn| {
            // Refused while it still loads what it kept; INFO isn't.
            redis::cmd("PING").exec(&mut conn)?;
            redis::cmd("INFO").arg("server").query::<String>(&mut conn)
        };
        let info = self.endpoint.connect(false).and_then(ask).unwrap_or_default();
        let line = info.lines().find_map(|line| line.strip_prefix("process_id:"));
        line.is_some_and(|number| number.trim() == pid.to_string())
    }

    fn child_slot(&self, child: Child) -> std::sync::MutexGuard<'_, Option<Child>> {
        let mut slot = lock(&self.child);
        *slot = Some(child);
        slot
    }

    fn config(&self) -> String {
        let mut text = String::from("daemonize no\nprotected-mode no\nbind 127.0.0.1\nsave \"\"\n");
        // Writing to a String can't fail.
        let _ = match &self.endpoint.address {
            Address::Tcp(port) => writeln!(text, "port {port}"),
            Address::Unix(path) => writeln!(
                text,
                "port 0\nunixsocket {}\nunixsocketperm 700",
                quoted(&path.to_string_lossy())
            ),
        };
        let _ = writeln!(text, "dir {}", quoted(&self.dir.to_string_lossy()));
        text.push_str(if self.builder.persistent {
            "appendonly yes\nappendfsync always\n"
        } else {
            "appendonly no\n"
        });
        if let Some(password) = &self.builder.password {
            let _ = writeln!(text, "requirepass {}", quoted(password));
        }
        for user in &self.builder.users {
            let _ = writeln!(text, "user {user}");
        }
        for (name, value) in &self.builder.config {
            let _ = writeln!(text, "{name} {}", if value.is_empty() { "\"\"" } else { value });
        }
        text
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer")
            .field("address", &self.endpoint.address)
            .field("pid", &self.pid())
            .finish()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if std::process::id() != self.owner {
            return;
        }
        self.kill();
        self.watchdog.finish();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A free port of 127.0.0.1: below those the system hands out to connections, so that no connection can take it while
/// the server is down.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16, Error> {
    let free =
        |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr());
    let random = |_| fastrand::u16(15_000..32_000);
    if let Some(address) = (0..50).map(random).find_map(|port| free(port).ok()) {
        return Ok(address.port());
    }
    free(0).map(|a| a.port()).map_err(|e| Error::new(format!("no free port on 127.0.0.1: {e}")))
}

/// A directory only this user can enter. It is removed by the [`RedisServer`] that owns it, and not by
/// its copy in a forked child.
fn make_dir() -> Result<PathBuf, Error> {
    let mut base = std::env::temp_dir();
    // The name of a unix socket has about 100 bytes.
    if base.as_os_str().len() > 60 {
        base = PathBuf::from("/tmp");
    }
    let prefix = format!("devgrid-{}-", std::process::id());
    let dir = tempfile::Builder::new().prefix(&prefix).disable_cleanup(true).tempdir_in(&base);
    let dir = dir.map_err(|e| Error::new(format!("can't make a directory: {e}")))?;
    Ok(dir.keep())
}

/// A value as redis.conf quotes it.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Percent-encoding for a password in a URL.
fn percent(text: &str) -> impl fmt::Display {
    const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &ESCAPED)
}
