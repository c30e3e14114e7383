use std::path::PathBuf;
use std::time::Duration;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{AddressError, Config, DEFAULT_PORT, Endpoint, Secret};

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
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT };
        ClientBuilder { config: Config::new(endpoint), timeout: Some(DEFAULT_TIMEOUT) }
    }

    /// Takes address, user, password and database from a URL, in the forms that
    /// [`Client::connect`] takes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for what is no URL, [`ErrorKind::Unsupported`] for TLS and
    /// Sentinel, which come with a later version. No error quotes the URL or its password.
    pub fn url(mut self, url: &str) -> Result<Self> {
        let Config { endpoint, user, password, db, .. } =
            Config::from_url(url).map_err(|error| {
                let kind = match error {
                    AddressError::Invalid(_) => ErrorKind::InvalidArgument,
                    AddressError::NotYet(_) => ErrorKind::Unsupported,
                };
                Error::new(kind, error.to_string())
            })?;
        self.config = Config { endpoint, user, password, db, ..self.config };
        Ok(self)
    }

    /// Host name or number. Default `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let port = match self.config.endpoint {
            Endpoint::Tcp { port, .. } => port,
            Endpoint::Unix(_) => DEFAULT_PORT,
        };
        self.config.endpoint = Endpoint::Tcp { host: host.into(), port };
        self
    }

    /// Port. Default 6379.
    pub fn port(mut self, port: u16) -> Self {
        let host = match self.config.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) => "127.0.0.1".to_owned(),
        };
        self.config.endpoint = Endpoint::Tcp { host, port };
        self
    }

    /// A unix socket instead of host and port.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.endpoint = Endpoint::Unix(path.into());
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

    /// How many connections the client may have at a time: each waiting call has one. Default
    /// 64, at least 1.
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
    /// [`ErrorKind::InvalidArgument`] for a setting out of range, [`ErrorKind::System`].
    pub fn build(self) -> Result<Client> {
        let ClientBuilder { config, timeout } = self;
        if !(1..=MOST_CONNECTIONS).contains(&config.max_connections) {
            return Err(Error::invalid(format!(
                "max_connections is {}; it is 1 to {MOST_CONNECTIONS}",
                config.max_connections
            )));
        }
        if config.max_reply == 0 {
            return Err(Error::invalid("max_reply is 0"));
        }
        if timeout == Some(Duration::ZERO) {
            return Err(Error::invalid("a timeout of 0 leaves no time to talk to Redis"));
        }
        if let Endpoint::Tcp { host, .. } = &config.endpoint
            && (host.is_empty() || host.contains(['\0', '/', '@', ' ']))
        {
            return Err(Error::invalid("the host is no host name and no number"));
        }
        Client::new(config, timeout)
    }
}
