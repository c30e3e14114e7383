//! Redis addresses and login data: URLs and their parts.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::tls::TlsFiles;

pub(crate) const DEFAULT_PORT: u16 = 6379;
pub(crate) const SENTINEL_PORT: u16 = 26379;
const DEFAULT_MAX_CONNECTIONS: usize = 64;
const DEFAULT_MAX_REPLY: usize = 64 * 1024 * 1024;

/// A password, masked in `Debug` output.
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
    /// Host name or IP address, and port.
    Tcp { host: String, port: u16 },
    /// Path of a Unix socket.
    Unix(PathBuf),
    /// The master with this name, as reported by these Sentinels.
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

impl Endpoint {
    /// Returns an error for an address that no connection can use, regardless of how it was given.
    pub(crate) fn check(&self) -> Result<(), String> {
        let places = match self {
            Endpoint::Tcp { host, port } => &[(host.clone(), *port)][..],
            Endpoint::Unix(_) => &[],
            Endpoint::Sentinel { sentinels, name } if sentinels.is_empty() || name.is_empty() => {
                return Err("Sentinels and the name of their master go together".to_owned());
            }
            Endpoint::Sentinel { sentinels, .. } => sentinels,
        };
        for (host, port) in places {
            if !is_host(host) {
                return Err("invalid host: expected a host name or an IP address".to_owned());
            }
            if without_zone(host).parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
                return Err(format!(
                    "invalid host {host}: an address to listen on, not to connect to"
                ));
            }
            if *port == 0 {
                return Err(format!("invalid port 0 of host {host}: expected 1 to 65535"));
            }
        }
        Ok(())
    }
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Settings of the transport for one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) db: u32,
    pub(crate) tls: Option<TlsFiles>,
    /// Maximum number of open connections.
    pub(crate) max_connections: usize,
    /// Maximum size of a reply in bytes, as held in memory.
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

    /// Parses a URL. The error message never quotes the URL, which may hold a password.
    pub(crate) fn from_url(text: &str) -> Result<Config, AddressError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("missing scheme"));
        };
        // The URL parser would silently drop them, even from a password.
        if text.contains(|character: char| character.is_ascii_control()) {
            return Err(invalid("unexpected control character"));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => tcp(text),
            "redis+unix" | "valkey+unix" | "unix" => unix(rest),
            "rediss" | "valkeys" => with_tls(text, tcp),
            // Only these URLs list several hosts.
            "redis+sentinel" | "valkey+sentinel" => sentinel(rest),
            "rediss+sentinel" | "valkeys+sentinel" => with_tls(rest, sentinel),
            // The scheme is not quoted either: in a malformed URL it may be anything.
            _ => Err(invalid("unknown scheme")),
        }
    }
}

/// Parses a URL and the zone of its host, which the URL parser does not support.
fn parsed(text: &str) -> Result<(Url, Option<String>), AddressError> {
    let parse = |text: &str| Url::parse(text).map_err(|error| AddressError(error.to_string()));
    let Some((percent, end)) = zone_in(text) else { return Ok((parse(text)?, None)) };
    let zone = zone(&text[percent..end])?;
    let without = format!("{}{}", &text[..percent], &text[end..]);
    Ok((parse(&without)?, Some(zone)))
}

/// Returns the range of the zone in `redis://[fe80::1%25eth0]:6379`, including its `%`.
fn zone_in(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")? + 3;
    let authority = &text[start..];
    let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    let inner = authority[host..].strip_prefix('[')?;
    let inner = &inner[..inner.find(']')?];
    let inside = start + host + 1;
    Some((inside + inner.find('%')?, inside + inner.len()))
}

/// Parses the zone in `%25eth0`, the form of URLs (RFC 6874), or in `%eth0`, the form used
/// elsewhere.
fn zone(text: &str) -> Result<String, AddressError> {
    let encoded = text.strip_prefix("%25").filter(|zone| !zone.is_empty());
    let zone = decode(encoded.unwrap_or(text.trim_start_matches('%')), "zone")?;
    if zone.is_empty() { Err(invalid("missing zone after the %")) } else { Ok(zone) }
}

/// Returns a host as addresses use it: an IPv6 address without brackets, its zone after a single
/// `%`.
pub(crate) fn bare_host(text: &str) -> String {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let zoned = inner.split_once('%').filter(|(number, _)| number.parse::<Ipv6Addr>().is_ok());
    match zoned.map(|(number, _)| (number, zone(&inner[number.len()..]))) {
        Some((number, Ok(zone))) => format!("{number}%{zone}"),
        _ if inner.parse::<Ipv6Addr>().is_ok() => inner.to_owned(),
        _ => text.to_owned(),
    }
}

/// Returns whether this can be a host name or an IP address in the form of [`bare_host`].
fn is_host(host: &str) -> bool {
    let is_number = without_zone(host).parse::<Ipv6Addr>().is_ok();
    !host.is_empty()
        && !host.contains(['\0', '/', '@', ' ', '[', ']'])
        && !host.ends_with('%')
        && (is_number || !host.contains([':', '%']))
}

fn without_zone(host: &str) -> &str {
    host.split_once('%').map_or(host, |(number, _)| number)
}

/// The same with TLS; a trailing `#insecure` disables certificate verification.
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

/// Parses `[[user]:password@]host[:port][,host[:port]…]/name[/db]`.
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
    // Parsed as a URL of its own, in which IPv6 addresses are in brackets too.
    let text = format!("redis://{text}/");
    let Endpoint::Tcp { host, .. } = tcp(&text)?.endpoint else {
        return Err(invalid("invalid host of a Sentinel"));
    };
    Ok((host, parsed(&text)?.0.port().unwrap_or(SENTINEL_PORT)))
}

/// Why a URL is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "invalid URL: {0}; expected redis://[[user]:password@]host[:port][/db], rediss://… for TLS, redis+unix:///path[?db=N&user=U&pass=P] or redis+sentinel://[[user]:password@]host:port,…/name[/db], with %xx for special characters in user and password"
)]
pub(crate) struct AddressError(String);

fn invalid(message: impl Into<String>) -> AddressError {
    AddressError(message.into())
}

/// Parses `redis://[[user]:password@]host[:port][/db]`.
fn tcp(text: &str) -> Result<Config, AddressError> {
    let (url, zone) = parsed(text)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("no host"))?;
    let host = decode(host, "host")?;
    // A URL has IPv6 addresses in brackets, everything else without.
    let number = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    let port = url.port().unwrap_or(DEFAULT_PORT);
    let host = zone.map_or_else(|| number.to_owned(), |zone| format!("{number}%{zone}"));
    let mut config = Config::new(Endpoint::Tcp { host, port });
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

/// Parses what follows `//` in `redis+unix:///path[?db=N&user=U&pass=P]`. Decodes only `%xx`: a
/// path may contain dots and any byte, and a password may contain a plus sign.
fn unix(text: &str) -> Result<Config, AddressError> {
    if text.contains('#') {
        return Err(invalid("unexpected #fragment: write %23 for a # in the path or the password"));
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if !path.starts_with('/') && !path.is_empty() {
        return Err(invalid("unexpected host in the URL of a Unix socket: write three slashes"));
    }
    let path: Vec<u8> = percent_decode_str(path).collect();
    if matches!(path[..], [] | [b'/']) || path.contains(&0) {
        return Err(invalid("missing path of the Unix socket"));
    }
    let mut config = Config::new(Endpoint::Unix(OsString::from_vec(path).into()));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value, "value of a parameter")?;
        match key {
            "db" => config.db = db(&value)?,
            "user" => config.user = Some(value),
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
            "redis+unix://h/p",
            "redis+unix:///",
            "redis+unix:///p?x=1",
            "redis+unix:///p?pass=sesame#x",
            "redis+unix:///p?pass=%ff",
            "redis://:ses\name@h",
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
    fn schemes_are_in_any_case() {
        for (url, same) in [
            ("REDIS://h:1/2", "redis://h:1/2"),
            ("Valkey://h", "valkey://h"),
            ("REDISS://u:P@h#insecure", "rediss://u:P@h#insecure"),
            ("Redis+Unix:///P?pass=P", "redis+unix:///P?pass=P"),
            ("UNIX:///P", "unix:///P"),
            ("REDIS+SENTINEL://:P@a,b/N", "redis+sentinel://:P@a,b/N"),
            ("RedisS+Sentinel://a/N", "rediss+sentinel://a/N"),
        ] {
            assert_eq!(config(url), config(same), "{url}");
        }
    }

    #[test]
    fn only_percents_are_decoded() {
        let password = |url: &str| config(url).password;
        for url in [
            "redis+unix:///p?pass=a+b%2Bc%20d",
            "redis://:a+b%2Bc%20d@h",
            "redis+sentinel://:a+b%2Bc%20d@h/n",
        ] {
            assert_eq!(password(url), Some(Secret::new("a+b+c d")), "{url}");
        }
        assert_eq!(config("redis+unix:///p?user=a+b&pass=x=y").user.as_deref(), Some("a+b"));
        assert_eq!(password("redis+unix:///p?user=a+b&pass=x=y"), Some(Secret::new("x=y")));
        // A path is taken as it is: dots, slashes and bytes that are not UTF-8.
        let path = |url: &str| match config(url).endpoint {
            Endpoint::Unix(path) => path.into_os_string().into_vec(),
            other => panic!("{other}"),
        };
        assert_eq!(path("redis+unix:///a/../b//c/.+d"), b"/a/../b//c/.+d");
        assert_eq!(path("redis+unix:///%ff%2e"), b"/\xff.");
    }

    #[test]
    fn zones_of_ipv6() {
        let host = |endpoint: Endpoint| match endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Sentinel { sentinels, .. } => {
                sentinels.into_iter().map(|(host, _)| host).collect::<Vec<_>>().join(" ")
            }
            Endpoint::Unix(_) => panic!("a path"),
        };
        for (url, expected) in [
            ("redis://[fe80::1%25eth0]", "fe80::1%eth0"),
            ("redis://[fe80::1%eth0]:7/1", "fe80::1%eth0"),
            ("rediss://u:p%40@[fe80::1%252]:7", "fe80::1%2"),
            ("redis://[fe80::1%25]", "fe80::1%25"),
            ("redis://[fe80::1%25a%2Db]", "fe80::1%a-b"),
            (
                "redis+sentinel://:p@[fe80::1%25eth0],[fe80::2%wlan0]:3,h/n",
                "fe80::1%eth0 fe80::2%wlan0 h",
            ),
        ] {
            assert_eq!(host(config(url).endpoint), expected, "{url}");
        }
        let shown = config("redis://[fe80::1%25eth0]:7").endpoint.to_string();
        assert_eq!(shown, "[fe80::1%eth0]:7");
        for wrong in ["redis://[fe80::1%]", "redis://[fe80::1%25eth0"] {
            assert!(Config::from_url(wrong).is_err(), "{wrong}");
        }
        for (text, bare) in [
            ("[::1]", "::1"),
            ("[fe80::1%25eth0]", "fe80::1%eth0"),
            ("fe80::1%25eth0", "fe80::1%eth0"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("127.0.0.1", "127.0.0.1"),
            ("a-name", "a-name"),
        ] {
            assert_eq!(bare_host(text), bare);
            assert_eq!(tcp(text, 1).check(), Ok(()), "{text}");
        }
        for wrong in [
            "",
            "[a]",
            "[127.0.0.1]",
            "a:1",
            "[::1]:1",
            "127.0.0.1:6379",
            "a b",
            "u@h",
            "fe80::1%",
            "[fe80::1%]",
            "a%eth0",
            "0.0.0.0",
            "::",
            "[::%25eth0]",
        ] {
            assert!(tcp(wrong, 1).check().is_err(), "{wrong}");
        }
        assert!(tcp("a-name", 0).check().is_err());
        for wrong in ["redis://0.0.0.0", "redis://[::]:1", "redis://[::%25eth0]", "redis://h:0"] {
            assert!(config(wrong).endpoint.check().is_err(), "{wrong}");
        }
        for wrong in ["redis+sentinel://a,0.0.0.0/main", "redis+sentinel://a:0/main"] {
            assert!(config(wrong).endpoint.check().is_err(), "{wrong}");
        }
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: bare_host(host), port }
    }

    #[test]
    fn a_password_is_never_printed() {
        let printed = format!("{:?}", config("redis://u:sesame@h"));
        assert!(printed.contains("***") && !printed.contains("sesame"), "{printed}");
    }
}
