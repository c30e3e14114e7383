//! Child process running redis-server or valkey-server.

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

/// Timeout for the first reply of a server.
const START: Duration = Duration::from_secs(10);

/// Builder of a [`RedisServer`].
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
    /// Sets the password of the default user, which controller and agents use too.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds a user, in the syntax of the `user` directive of redis.conf: `alice on >secret ~* +@all`. The default user
    /// must stay enabled.
    #[must_use]
    pub fn user_acl(mut self, line: &str) -> Self {
        self.users.push(line.into());
        self
    }

    /// Listens on a unix socket instead of a port.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.unix = true;
        self
    }

    /// Starts a Sentinel instead of a server. Set the monitored master with [`arg`](Self::arg) `sentinel monitor`.
    #[must_use]
    pub fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Sets a configuration directive, `--name` and its value, as on the command line of redis-server.
    #[must_use]
    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.trim_start_matches("--").into(), value.into()));
        self
    }

    /// Sets the server binary. Default: `DEVGRID_REDIS_SERVER`, then `redis-server` or `valkey-server` on PATH.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Keeps the data across [`RedisServer::restart`]: every write is synced to an append-only file in the temporary
    /// directory before the reply.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// Fails if there is no server binary or the server does not start; the error contains the end of its log.
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
        // Another process may take a free port before the server binds it.
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
                "neither redis-server nor valkey-server is on PATH; install one (Debian, Ubuntu: apt-get install \
                 redis-server; Fedora: dnf install valkey; macOS: brew install redis) or set DEVGRID_REDIS_SERVER to \
                 its path",
            )
        })
    }
}

/// Running server. Dropping it kills the process and waits for its end.
pub struct RedisServer {
    builder: RedisServerBuilder,
    binary: PathBuf,
    dir: PathBuf,
    watchdog: Arc<Watchdog>,
    endpoint: Endpoint,
    /// Process that started the server: a forked child must not stop it.
    owner: u32,
    child: Mutex<Option<Child>>,
}

impl RedisServer {
    /// Starts a server without persistence on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// See [`RedisServerBuilder::start`].
    pub fn start() -> Result<Self, Error> {
        RedisServer::builder().start()
    }

    /// Returns a builder with default settings.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// URL for clients: `redis://[:password@]127.0.0.1:PORT/0` or `redis+unix:///path` (without the password).
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

    /// Port, or 0 with a unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.endpoint.address {
            Address::Tcp(port) => port,
            Address::Unix(_) => 0,
        }
    }

    /// Path of the unix socket, if any.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        match &self.endpoint.address {
            Address::Tcp(_) => None,
            Address::Unix(path) => Some(path),
        }
    }

    /// Process id, or 0 if the server is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        lock(&self.child).as_ref().map_or(0, Child::id)
    }

    /// Connects as the default user, for tests that inspect keys directly.
    ///
    /// # Panics
    /// Panics if the server is unreachable.
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
            panic!("cannot connect to the grid's redis-server (pid {}): {e}", self.pid())
        })
    }

    /// Kills the server (SIGKILL) and waits for its end.
    pub fn kill(&self) {
        if let Some(mut child) = lock(&self.child).take() {
            let pid = child.id();
            let _ = child.kill();
            let _ = child.wait();
            self.watchdog.remove(pid);
        }
    }

    /// Shuts the server down gracefully (SHUTDOWN) and waits for its end.
    pub fn shutdown(&self) {
        if let (Some(child), Ok(mut conn)) =
            (lock(&self.child).as_ref(), self.endpoint.connect(false))
        {
            // SHUTDOWN has no reply.
            let _ = redis::cmd("SHUTDOWN").exec(&mut conn);
            sys::wait_ended(child.id());
        }
        self.kill();
    }

    /// Suspends the server (SIGSTOP): connections stay open, and nothing is answered.
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

    /// Restarts the server on the same port or socket and waits until it answers.
    ///
    /// # Panics
    /// Panics if the server does not start.
    pub fn restart(&self) {
        self.kill();
        let deadline = Instant::now() + START;
        while let Err(error) = self.launch() {
            // Another process may hold the port for a moment.
            assert!(
                error.0.contains("in use") && Instant::now() < deadline,
                "redis-server does not restart: {error}"
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

    /// Directory of the server, removed when the `RedisServer` is dropped or its process is killed.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn launch(&self) -> Result<(), Error> {
        let config = self.dir.join("redis.conf");
        fs::write(&config, self.config())
            .map_err(|e| Error::new(format!("cannot write {}: {e}", config.display())))?;
        let log = self.dir.join("redis.log");
        let output = fs::File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) =
            output.map_err(|e| Error::new(format!("cannot write {}: {e}", log.display())))?;
        let mut command = Command::new(&self.binary);
        command.arg(&config);
        if self.builder.sentinel {
            command.arg("--sentinel");
        }
        command.current_dir(&self.dir).process_group(0);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        // Lets the watchdog find the server if we are killed before registering it.
        command.env("AGENT_HOME", self.dir.join("redis"));
        let child = command
            .spawn()
            .map_err(|e| Error::new(format!("cannot start {}: {e}", self.binary.display())))?;
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
                    "{} does not answer; end of its log: {end}",
                    self.binary.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether our process answers, rather than another one on the same port.
    fn answers(&self, pid: u32) -> bool {
        let ask = |mut conn: Conn| {
            // PING fails while the server loads its data; INFO does not.
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
        // Writing to a String cannot fail.
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

/// Returns a free port on 127.0.0.1, below the ephemeral range, so that no outgoing connection takes it while the server
/// is down.
///
/// # Errors
/// Fails if no port is free.
pub fn free_port() -> Result<u16, Error> {
    let free =
        |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr());
    let random = |_| fastrand::u16(15_000..32_000);
    if let Some(address) = (0..50).map(random).find_map(|port| free(port).ok()) {
        return Ok(address.port());
    }
    free(0).map(|a| a.port()).map_err(|e| Error::new(format!("no free port on 127.0.0.1: {e}")))
}

/// Creates a directory accessible only to this user. The [`RedisServer`] that owns it removes it; its copy in a forked
/// child does not.
fn make_dir() -> Result<PathBuf, Error> {
    let mut base = std::env::temp_dir();
    // Paths of unix sockets are limited to about 100 bytes.
    if base.as_os_str().len() > 60 {
        base = PathBuf::from("/tmp");
    }
    let prefix = format!("devgrid-{}-", std::process::id());
    let dir = tempfile::Builder::new().prefix(&prefix).disable_cleanup(true).tempdir_in(&base);
    let dir = dir.map_err(|e| Error::new(format!("cannot create a directory: {e}")))?;
    Ok(dir.keep())
}

/// Quotes a value for redis.conf.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Percent-encodes a password for a URL.
fn percent(text: &str) -> impl fmt::Display {
    const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &ESCAPED)
}
