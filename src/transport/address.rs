//! Where a Redis is and how to log in there: URLs and their parts.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::tls::TlsFiles;

pub(crate) const DEFAULT_PORT: u16 = 6379;
pub(crate) const SENTINEL_PORT: u16 = 26379;
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
    /// The master of a name, wherever these say that it is now.
    Sentinel { sentinels: Vec<(String, u16)>, name: String },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } => f.write_str(&host_and_port(host, *port)),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
            Endpoint::Sentinel { sentinels, name } => {
                let sentinels = sentinels.iter().map(|(host, port)| host_and_port(host, *port));
                write!(f, "{name} by the Sentinels {}", sentinels.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// All that the transport is told about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: u32,
    pub(crate) tls: Option<TlsFiles>,
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
            tls: None,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_reply: DEFAULT_MAX_REPLY,
        }
    }

    /// Reads a URL. The message of a failure never quotes the URL, which may hold a password.
    pub(crate) fn from_url(text: &str) -> Result<Config, AddressError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("missing scheme"));
        };
        match scheme {
            "redis" | "valkey" => tcp(&parsed(text)?),
            "redis+unix" | "valkey+unix" | "unix" => unix(&parsed(text)?),
            "rediss" | "valkeys" => with_tls(text, |url| tcp(&parsed(url)?)),
            // They list hosts, unlike any other URL.
            "redis+sentinel" | "valkey+sentinel" => sentinel(rest),
            "rediss+sentinel" | "valkeys+sentinel" => with_tls(rest, sentinel),
            // Not even the scheme is quoted: in a URL that is put together wrongly it may be anything.
            _ => Err(invalid("unknown scheme")),
        }
    }
}

fn parsed(text: &str) -> Result<Url, AddressError> {
    Url::parse(text).map_err(|error| AddressError(error.to_string()))
}

/// The same under TLS; `#insecure` at the end believes any certificate.
fn with_tls(
    text: &str,
    read: impl FnOnce(&str) -> Result<Config, AddressError>,
) -> Result<Config, AddressError> {
    let (url, insecure) = match text.strip_suffix("#insecure") {
        Some(url) => (url, true),
        None => (text, false),
    };
    let config = read(url)?;
    Ok(Config { tls: Some(TlsFiles { insecure, ..TlsFiles::default() }), ..config })
}

/// `[[user]:password@]host[:port][,host[:port]…]/name[/db]`
fn sentinel(text: &str) -> Result<Config, AddressError> {
    if text.contains(['?', '#']) {
        return Err(invalid("unexpected ?query or #fragment in redis+sentinel://"));
    }
    let (authority, path) = text
        .split_once('/')
        .ok_or_else(|| invalid("missing name of the master after the Sentinels"))?;
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let (name, number) = path.split_once('/').unwrap_or((path, ""));
    let name = decode(name, "name of the master")?;
    if name.is_empty() {
        return Err(invalid("missing name of the master after the Sentinels"));
    }
    let sentinels: Vec<_> = hosts.split(',').map(one_sentinel).collect::<Result<_, _>>()?;
    let mut config = Config::new(Endpoint::Sentinel { sentinels, name });
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        config.user = Some(decode(user, "user")?).filter(|user| !user.is_empty());
        let password = Some(decode(password, "password")?);
        config.password = password.filter(|password| !password.is_empty()).map(Secret::new);
    }
    config.db = if number.is_empty() { 0 } else { db(number)? };
    Ok(config)
}

fn one_sentinel(text: &str) -> Result<(String, u16), AddressError> {
    // As part of a URL of its own: numbers of IPv6 stand in brackets there too.
    let url = parsed(&format!("redis://{text}/"))?;
    let Endpoint::Tcp { host, .. } = tcp(&url)?.endpoint else {
        return Err(invalid("invalid host of a Sentinel"));
    };
    Ok((host, url.port().unwrap_or(SENTINEL_PORT)))
}

/// Why a URL gives no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "invalid URL: {0}; expected redis://[[user]:password@]host[:port][/db], rediss://… for TLS, redis+unix:///path[?db=N&user=U&pass=P] or redis+sentinel://[[user]:password@]host:port,…/name[/db], with %xx for special characters in user and password"
)]
pub(crate) struct AddressError(String);

fn invalid(message: impl Into<String>) -> AddressError {
    AddressError(message.into())
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
        return Err(invalid("unexpected ?query or #fragment in redis://"));
    }
    Ok(config)
}

/// `redis+unix:///path[?db=N&user=U&pass=P]`
fn unix(url: &Url) -> Result<Config, AddressError> {
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Err(invalid("unexpected host in the URL of a Unix socket: write three slashes"));
    }
    let path = decode(url.path(), "path")?;
    if !path.starts_with('/') || path == "/" || path.contains('\0') {
        return Err(invalid("missing path of the Unix socket"));
    }
    let mut config = Config::new(Endpoint::Unix(path.into()));
    for (key, value) in url.query_pairs() {
        match &*key {
            "db" => config.db = db(&value)?,
            "user" => config.user = Some(value.into_owned()),
            "pass" => config.password = Some(Secret::new(value)),
            _ => return Err(invalid("unknown parameter: expected db, user or pass")),
        }
    }
    Ok(config)
}

fn db(text: &str) -> Result<u32, AddressError> {
    text.parse().map_err(|_| invalid("invalid database: expected a number"))
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
            "rediss://:sesame@h/#other",
            "rediss://:sesame@h/?ca=x",
            "redis+sentinel://:sesame@h",
            "redis+sentinel://:sesame@h/",
            "redis+sentinel://:sesame@h,/name",
            "redis+sentinel://:sesame@h:x/name",
            "redis+sentinel://:sesame@h/name/db",
            "redis+sentinel://:sesame@h/name/0?x",
            "redis+sentinel:///name",
            "rediss+unix:///p",
        ] {
            let error = Config::from_url(url).expect_err(url).to_string();
            assert!(error.contains("redis://") && !error.contains("sesame"), "{url}: {error}");
        }
    }

    #[test]
    fn tls_and_sentinels() {
        let tls = config("rediss://u:p@h:1/2");
        assert_eq!(tls.endpoint.to_string(), "h:1");
        assert_eq!((tls.db, tls.tls), (2, Some(TlsFiles::default())));
        let insecure = TlsFiles { insecure: true, ..TlsFiles::default() };
        assert_eq!(config("rediss://h/#insecure").tls, Some(insecure.clone()));
        assert_eq!(config("redis://h").tls, None);
        let found = config("redis+sentinel://u:p%40,@a,b:1,[::1]:2/my%20master/3");
        let hosts =
            [("a", 26379), ("b", 1), ("::1", 2)].map(|(host, port)| (host.to_owned(), port));
        let endpoint = Endpoint::Sentinel { sentinels: hosts.into(), name: "my master".into() };
        assert_eq!(found.endpoint, endpoint);
        assert_eq!(endpoint.to_string(), "my master by the Sentinels a:26379, b:1, [::1]:2");
        assert_eq!((found.user.as_deref(), found.password), (Some("u"), Some(Secret::new("p@,"))));
        assert_eq!((found.db, found.tls), (3, None));
        assert_eq!(config("rediss+sentinel://a/n#insecure").tls, Some(insecure));
        assert_eq!(config("redis+sentinel://:p@a/n").password, Some(Secret::new("p")));
    }

    #[test]
    fn a_password_is_never_printed() {
        let printed = format!("{:?}", config("redis://u:sesame@h"));
        assert!(printed.contains("***") && !printed.contains("sesame"), "{printed}");
    }
}
