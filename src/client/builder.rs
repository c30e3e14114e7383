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
/// More connections than this are a mistake: each costs Redis a client and this process a
/// descriptor.
const MOST_CONNECTIONS: usize = 10_000;

/// Sets up a [`Client`] piece by piece.
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
    /// Of a named instance.
    pub(super) groups: Groups,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT };
        let config = Config::new(endpoint);
        ClientBuilder { config, timeout: Some(DEFAULT_TIMEOUT), groups: Groups::default() }
    }

    /// Takes address, user, password and database from a URL, in the forms that
    /// [`Client::connect`] takes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for what is no URL. The error quotes neither it nor its password.
    pub fn url(mut self, url: &str) -> Result<Self> {
        let found = Config::from_url(url).map_err(|error| Error::invalid(error.to_string()))?;
        let Config { endpoint, user, password, db, tls, .. } = found;
        // A URL that asks for TLS goes together with files that were named before it.
        let tls = match (tls, self.config.tls.take()) {
            (Some(tls), Some(files)) => {
                Some(TlsFiles { insecure: tls.insecure || files.insecure, ..files })
            }
            (tls, files) => tls.or(files),
        };
        self.config = Config { endpoint, user, password, db, tls, ..self.config };
        Ok(self)
    }

    /// Host name or IP address; an IPv6 address may have a zone, as in `fe80::1%eth0`, and brackets.
    /// Default `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let port = match self.config.endpoint {
            Endpoint::Tcp { port, .. } => port,
            Endpoint::Unix(_) | Endpoint::Sentinel { .. } => DEFAULT_PORT,
        };
        self.config.endpoint = Endpoint::Tcp { host: bare_host(&host.into()), port };
        self
    }

    /// Port. Default 6379.
    pub fn port(mut self, port: u16) -> Self {
        let host = match self.config.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) | Endpoint::Sentinel { .. } => "127.0.0.1".to_owned(),
        };
        self.config.endpoint = Endpoint::Tcp { host, port };
        self
    }

    /// A unix socket instead of host and port.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.endpoint = Endpoint::Unix(path.into());
        self
    }

    /// The master of a name, wherever these Sentinels say that it is, instead of host and port. They
    /// are asked in their order, for each new connection; a failover leads to the new master, within
    /// the deadline of each call. A Sentinel that wants a password gets that of the master.
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

    /// Speaks TLS 1.2 or 1.3 with the server, as `rediss://` does. Its certificate has to be of the
    /// host that was named, and of an authority that this machine trusts. Default: no TLS. A unix
    /// socket has none. Needs the feature `tls`, which is on by default.
    pub fn tls(mut self) -> Self {
        self.config.tls.get_or_insert_default();
        self
    }

    /// Speaks TLS, and believes the authorities in this PEM file instead of those of the machine.
    pub fn tls_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.tls.get_or_insert_default().ca = Some(path.into());
        self
    }

    /// Speaks TLS, and shows the server the certificates in a PEM file, with the key in another.
    pub fn tls_client_cert(
        mut self,
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let files = (certificates.into(), key.into());
        self.config.tls.get_or_insert_default().client = Some(files);
        self
    }

    /// Speaks TLS, and **believes any certificate**: whoever is in between can read and change
    /// everything. For trials only.
    pub fn tls_insecure(mut self) -> Self {
        self.config.tls.get_or_insert_default().insecure = true;
        self
    }

    /// User name, for servers with ACLs. Default: the server's default user.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.config.user = Some(user.into());
        self
    }

    /// Password. Default: none. It appears in no error and no debug output.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.config.password = Some(Secret::new(password));
        self
    }

    /// Number of the database. Default 0.
    pub fn db(mut self, db: u32) -> Self {
        self.config.db = db;
        self
    }

    /// How long calls that only talk to Redis, or ask an agent a quick question, may take.
    /// Default 10 s; `None` is for ever. Waits for results have a time of their own.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// How many connections the client may have at a time: each wait for results has one, and further
    /// waits are held up, in order, until their deadline. Default 64, at least 1.
    ///
    /// Waits hold up no other call: an eighth more connections, at least one, is for calls that only talk
    /// to Redis (`ping`, `submit`, `progress`, …), and as many for questions to agents and the controller
    /// (`kill`, `get_stats`, `list_agents`, …). They are opened while waits use the others.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.config.max_connections = max;
        self
    }

    /// The largest reply, in bytes, that the client takes from Redis; a larger one ends the
    /// connection with [`ErrorKind::Protocol`]. Default 64 MiB.
    pub fn max_reply(mut self, bytes: usize) -> Self {
        self.config.max_reply = bytes;
        self
    }

    /// Connects and logs in, within the timeout. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] where nobody listens or the name is unknown,
    /// [`ErrorKind::Authentication`], [`ErrorKind::Server`] for a database that does not exist,
    /// [`ErrorKind::Timeout`], [`ErrorKind::InvalidArgument`] for a setting out of range.
    pub fn connect(self) -> Result<Client> {
        let client = self.build()?;
        client.ping()?;
        Ok(client)
    }

    /// The client without a connection: each call makes what it needs. Does not block.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a setting out of range, and for files of TLS that cannot be
    /// read or used; [`ErrorKind::Unsupported`] for TLS in a library that was built without it;
    /// [`ErrorKind::System`].
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
