//! [`ClientBuilder`]: the settings of a client and their limits.

use std::path::PathBuf;
use std::time::Duration;

use super::Client;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::protocol::Groups;
use crate::transport::{Config, DEFAULT_PORT, Endpoint, Secret, TlsFiles, bare_host};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// A larger limit is assumed to be a mistake: each connection costs Redis a client slot and this process a
/// descriptor.
const MOST_CONNECTIONS: usize = 10_000;

/// Builder of a [`Client`].
///
/// ```no_run
/// use acclient::Client;
/// use std::time::Duration;
/// let client = Client::builder()
///     .host("redis.example.org")
///     .port(6380)
///     .password(std::env::var("REDIS_PASSWORD").unwrap_or_default())
///     .timeout(Duration::from_secs(3))
///     .connect()?;
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    pub(crate) config: Config,
    timeout: Option<Duration>,
    /// Groups of the named instance.
    pub(super) groups: Groups,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT };
        let config = Config::new(endpoint);
        ClientBuilder { config, timeout: Some(DEFAULT_TIMEOUT), groups: Groups::default() }
    }

    /// Sets address, user, password and database from a URL, in the forms that [`Client::connect`] accepts.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an invalid URL. The error quotes neither the URL nor its password.
    pub fn url(mut self, url: &str) -> Result<Self> {
        let found = Config::from_url(url).map_err(|error| Error::invalid(error.to_string()))?;
        let Config { endpoint, user, password, db, tls, .. } = found;
        // A `rediss://` URL keeps the TLS files that were set before it.
        let tls = match (tls, self.config.tls.take()) {
            (Some(tls), Some(files)) => {
                Some(TlsFiles { insecure: tls.insecure || files.insecure, ..files })
            }
            (tls, files) => tls.or(files),
        };
        self.config = Config { endpoint, user, password, db, tls, ..self.config };
        Ok(self)
    }

    /// Sets the host name or IP address. An IPv6 address may have a zone, as in `fe80::1%eth0`, and brackets.
    /// Default `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let port = match self.config.endpoint {
            Endpoint::Tcp { port, .. } => port,
            Endpoint::Unix(_) | Endpoint::Sentinel { .. } => DEFAULT_PORT,
        };
        self.config.endpoint = Endpoint::Tcp { host: bare_host(&host.into()), port };
        self
    }

    /// Sets the port. Default 6379.
    pub fn port(mut self, port: u16) -> Self {
        let host = match self.config.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) | Endpoint::Sentinel { .. } => "127.0.0.1".to_owned(),
        };
        self.config.endpoint = Endpoint::Tcp { host, port };
        self
    }

    /// Connects through a Unix socket instead of host and port.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.endpoint = Endpoint::Unix(path.into());
        self
    }

    /// Connects to the master `name` reported by these Sentinels, instead of host and port. The Sentinels are
    /// asked in order for each new connection. After a failover, calls continue on the new master within
    /// their deadlines. A Sentinel that requires a password gets that of the master.
    pub fn sentinels<H: Into<String>>(
        mut self,
        name: impl Into<String>,
        sentinels: impl IntoIterator<Item = (H, u16)>,
    ) -> Self {
        let sentinels = sentinels.into_iter();
        let sentinels = sentinels.map(|(host, port)| (bare_host(&host.into()), port)).collect();
        self.config.endpoint = Endpoint::Sentinel { sentinels, name: name.into() };
        self
    }

    /// Enables TLS 1.2 or 1.3, like `rediss://`. The certificate of the server must match the host name and
    /// come from an authority that the system trusts. Default: no TLS. Not available with a Unix socket.
    /// Requires the feature `tls`, which is on by default.
    pub fn tls(mut self) -> Self {
        self.config.tls.get_or_insert_default();
        self
    }

    /// Enables TLS and trusts the authorities in this PEM file instead of those of the system.
    pub fn tls_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.tls.get_or_insert_default().ca = Some(path.into());
        self
    }

    /// Enables TLS and presents the client certificates in a PEM file, with the private key in another.
    pub fn tls_client_cert(
        mut self,
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let files = (certificates.into(), key.into());
        self.config.tls.get_or_insert_default().client = Some(files);
        self
    }

    /// Enables TLS and **disables certificate verification**: anyone on the network path can read and change
    /// everything. For tests only.
    pub fn tls_insecure(mut self) -> Self {
        self.config.tls.get_or_insert_default().insecure = true;
        self
    }

    /// Sets the user name, for servers with ACLs. Default: the server's default user.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.config.user = Some(user.into());
        self
    }

    /// Sets the password. Default: none. It never appears in errors or debug output.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.password = Some(Secret::new(password));
        self
    }

    /// Sets the number of the database. Default 0.
    pub fn db(mut self, db: u32) -> Self {
        self.config.db = db;
        self
    }

    /// Sets the timeout of quick calls: those that only talk to Redis, or send an agent a short request.
    /// Default 10 s; `None` means no timeout. Waits for results have a timeout of their own.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the maximum number of connections for waits. Each wait for results uses one; further waits queue
    /// in order until a connection is free or their deadline passes. Default 64, at least 1.
    ///
    /// Waits never delay other calls. An eighth as many connections, at least one, is reserved for calls that
    /// only talk to Redis (`ping`, `submit`, `progress`, …), and another eighth for requests to agents and
    /// the controller (`kill`, `get_stats`, `list_agents`, …). These are opened when waits occupy the others.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.config.max_connections = max;
        self
    }

    /// Sets the largest reply, in bytes, that the client accepts from Redis. A larger reply closes the
    /// connection with [`ErrorKind::Protocol`]. Default 64 MiB.
    pub fn max_reply(mut self, bytes: usize) -> Self {
        self.config.max_reply = bytes;
        self
    }

    /// Connects and logs in. Blocks for at most the timeout.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] if the connection is refused or the host name is unknown,
    /// [`ErrorKind::Authentication`], [`ErrorKind::Server`] for a database that does not exist,
    /// [`ErrorKind::Timeout`], [`ErrorKind::InvalidArgument`] for a setting out of range.
    pub fn connect(self) -> Result<Client> {
        let client = self.build()?;
        client.ping()?;
        Ok(client)
    }

    /// Returns the client without connecting; each call opens the connection it needs. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a setting out of range and for TLS files that cannot be read or
    /// used, [`ErrorKind::Unsupported`] for TLS in a library built without it, [`ErrorKind::System`].
    pub fn build(self) -> Result<Client> {
        let ClientBuilder { config, timeout, groups } = self;
        if !(1..=MOST_CONNECTIONS).contains(&config.max_connections) {
            return Err(Error::invalid(format!(
                "invalid maximum number of connections {}: expected 1 to {MOST_CONNECTIONS}",
                config.max_connections
            )));
        }
        if config.max_reply == 0 {
            return Err(Error::invalid("invalid maximum reply size 0: expected bytes above zero"));
        }
        if timeout == Some(Duration::ZERO) {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        config.endpoint.check().map_err(Error::invalid)?;
        Client::new(config, timeout, groups)
    }
}
