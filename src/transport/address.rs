//! Where a Redis is and how to log in there: URLs and their parts.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

pub(crate) const DEFAULT_PORT: u16 = 6379;
const DEFAULT_MAX_CONNECTIONS: usize = 64;
const DEFAULT_MAX_REPLY: usize = 64 * 1024 * 1024;

/// A password: everything can hold one, nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A host by name or number, and a port.
    Tcp { host: String, port: u16 },
    /// A unix socket.
    Unix(PathBuf),
    // TLS and Sentinel join here: TLS is this TCP endpoint with a rustls session over its stream
    // (see stream.rs), Sentinel a list of endpoints that are asked for one (see connection.rs).
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// All that the transport is told about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: u32,
    /// How many connections may be open at a time.
    pub(crate) max_connections: usize,
    /// The largest reply in bytes, as held in memory.
    pub(crate) max_reply: usize,
}

impl Config {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Config {
            endpoint,
            user: None,
            password: None,
            db: 0,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_reply: DEFAULT_MAX_REPLY,
        }
    }

    /// Reads a URL. The message of a failure never quotes the URL, which may hold a password.
    pub(crate) fn from_url(text: &str) -> Result<Config, AddressError> {
        if text.starts_with("redis+sentinel:") {
            return Err(AddressError::NotYet("Sentinel (redis+sentinel://)")); // lists hosts, unlike any URL
        }
        if !text.contains("://") {
            return Err(invalid("it has no scheme"));
        }
        let url = Url::parse(text).map_err(|error| AddressError::Invalid(error.to_string()))?;
        match url.scheme() {
            "redis" | "valkey" => tcp(&url),
            "redis+unix" | "valkey+unix" | "unix" => unix(&url),
            "rediss" | "valkeys" => Err(AddressError::NotYet("TLS (rediss://)")),
            // Not even the scheme is quoted: in a URL that is put together wrongly it may be anything.
            _ => Err(invalid("its scheme is none of redis, redis+unix, rediss and redis+sentinel")),
        }
    }
}

/// Why a URL gives no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum AddressError {
    #[error(
        "not a Redis URL: {0}. A URL looks like redis://[[user]:password@]host[:port][/db] or redis+unix:///path[?db=N&user=U&pass=P], with %xx for special characters in user and password"
    )]
    Invalid(String),
    #[error("{0} is not supported yet")]
    NotYet(&'static str),
}

fn invalid(message: impl Into<String>) -> AddressError {
    AddressError::Invalid(message.into())
}

/// `redis://[[user]:password@]host[:port][/db]`
fn tcp(url: &Url) -> Result<Config, AddressError> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("no host"))?;
    let host = decode(host, "host")?;
    // A URL writes IPv6 numbers in brackets, everything else without.
    let number = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    if number.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        return Err(invalid("0.0.0.0 and [::] are addresses to listen on, not to connect to"));
    }
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let mut config = Config::new(Endpoint::Tcp { host: number.to_owned(), port });
    config.user = Some(decode(url.username(), "user")?).filter(|user| !user.is_empty());
    config.password =
        url.password().map(|text| decode(text, "password")).transpose()?.map(Secret::new);
    config.db = match url.path().trim_matches('/') {
        "" => 0,
        path => db(path)?,
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("redis:// takes no ?query and no #fragment"));
    }
    Ok(config)
}

/// `redis+unix:///path[?db=N&user=U&pass=P]`
fn unix(url: &Url) -> Result<Config, AddressError> {
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Err(invalid("a unix socket has a path and no host: write three slashes"));
    }
    let path = decode(url.path(), "path")?;
    if !path.starts_with('/') || path == "/" || path.contains('\0') {
        return Err(invalid("no path of a unix socket"));
    }
    let mut config = Config::new(Endpoint::Unix(path.into()));
    for (key, value) in url.query_pairs() {
        match &*key {
            "db" => config.db = db(&value)?,
            "user" => config.user = Some(value.into_owned()),
            "pass" => config.password = Some(Secret::new(value)),
            _ => return Err(invalid("a parameter that is none of db, user and pass")),
        }
    }
    Ok(config)
}

fn db(text: &str) -> Result<u32, AddressError> {
    text.parse().map_err(|_| invalid("the database is no number"))
}

fn decode(text: &str, what: &str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| invalid(format!("the {what} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::from_url(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn urls_and_their_parts() {
        let all = config("redis://al%20ice:p%40ss%2Fw@example.org:7000/3");
        assert_eq!(all.endpoint.to_string(), "example.org:7000");
        assert_eq!(all.user.as_deref(), Some("al ice"));
        assert_eq!(all.password, Some(Secret::new("p@ss/w")));
        assert_eq!(all.db, 3);
        let bare = config("redis://localhost");
        assert_eq!(bare.endpoint, Endpoint::Tcp { host: "localhost".into(), port: 6379 });
        assert_eq!((bare.user, bare.password, bare.db), (None, None, 0));
        assert_eq!(config("redis://:pw@h/").password, Some(Secret::new("pw")));
        assert_eq!(config("redis://[::1]:1").endpoint.to_string(), "[::1]:1");
        let unix = config("redis+unix:///tmp/a%20b.sock?db=2&user=u&pass=p%26");
        assert_eq!(unix.endpoint, Endpoint::Unix("/tmp/a b.sock".into()));
        assert_eq!((unix.db, unix.password), (2, Some(Secret::new("p&"))));
    }

    #[test]
    fn wrong_urls_say_what_is_wrong_and_not_the_password() {
        for url in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis:///0",
            "redis://h/x",
            "redis://h/-1",
            "redis://h:99999",
            "redis://h:x",
            "redis://h/0?db=1",
            "redis://0.0.0.0",
            "redis://[::]:1",
            "redis+unix://h/p",
            "redis+unix:///",
            "redis+unix:///p?x=1",
            "redis+unix:p?pass=://",
            "redis+unix:u:sesame@redis://h",
            "redis+unix:///p?db=a",
            "redis://u:sesame@h:99999",
            "sesame://h",
            "redis://u:sesame@h/db",
            "redis://:sesame@",
            "redis://u:%ff@h",
        ] {
            let error = Config::from_url(url).expect_err(url).to_string();
            assert!(error.contains("redis://") && !error.contains("sesame"), "{url}: {error}");
        }
        for url in ["rediss://h", "redis+sentinel://h:26379/mymaster/0"] {
            let error = Config::from_url(url).unwrap_err();
            assert!(matches!(error, AddressError::NotYet(_)), "{error}");
            assert!(error.to_string().ends_with("not supported yet"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let printed = format!("{:?}", config("redis://u:sesame@h"));
        assert!(printed.contains("***") && !printed.contains("sesame"), "{printed}");
    }
}
