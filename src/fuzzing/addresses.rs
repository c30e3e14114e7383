//! URLs and instances, which hold passwords.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::client::ClientBuilder;
use crate::client::instance;
use crate::error::Error;
use crate::transport::{Config, Endpoint, Secret};

/// Digits, so that it can be a number too where a file forgets its quotes.
const PASSWORD: &str = "4711081547110815";

/// A URL. A line feed of the input stands for the password.
pub fn urls(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let url = text.replace('\n', PASSWORD);
    let config = match Config::from_url(&url) {
        Ok(config) => config,
        Err(error) => {
            says_nothing(&format!("{error} {error:?}"));
            let error = ClientBuilder::new().url(&url).expect_err("it is refused here too");
            return says_nothing(&format!("{error} {error:?}"));
        }
    };
    let parts = text.split_once("://").and_then(|(_, rest)| rest.split_once(":\n@"));
    if let (Some((user, host)), Endpoint::Tcp { .. }) = (parts, &config.endpoint)
        && !user.contains(['/', '?', '#', '@', ':', '\n'])
        && !host.contains('@')
    {
        assert_eq!(config.password, Some(Secret::new(PASSWORD)));
    }
    let builder = ClientBuilder::new().url(&url).expect("it is taken here too");
    tells_no_password(&builder);
    // What cannot be a host is refused by the builder.
    if builder.build().is_ok() {
        assert_eq!(Config::from_url(&written(&config)).expect("a URL"), config);
    }
}

/// An instances file. In values, the character 1 of the input stands for the password.
pub fn instances(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let line = |line: &str| match line.split_once('=') {
        Some((key, value)) => format!("{key}={}", value.replace('\u{1}', PASSWORD)),
        None => line.to_owned(),
    };
    let text = text.split('\n').map(line).collect::<Vec<_>>().join("\n");
    match instance::from_text(&text, "x") {
        Ok(builder) => tells_no_password(&builder),
        Err(error) => says_nothing(&without_names(&error)),
    }
}

fn tells_no_password(builder: &ClientBuilder) {
    let mut without = builder.clone();
    without.config.password = None;
    // A file, a user or a number may be the same.
    if !format!("{without:?}").contains(PASSWORD) {
        says_nothing(&format!("{builder:?} {:?} {}", builder.config, builder.config.endpoint));
    }
}

fn says_nothing(printed: &str) {
    assert!(!printed.contains(PASSWORD), "the password is in: {printed}");
}

/// The error without names of fields and instances, which it may tell.
fn without_names(error: &Error) -> String {
    let error = error.to_string();
    let error = error.split("the file has: ").next().unwrap_or_default();
    match error.split_once("unknown key ") {
        Some((before, after)) => {
            let after = after.rsplit_once(" of instance ").map_or("", |(_, after)| after);
            format!("{before}{after}")
        }
        None => error.to_owned(),
    }
}

/// The URL of an address.
fn written(config: &Config) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let user = config.user.as_deref().map(escaped).unwrap_or_default();
    let password = config.password.as_ref().map(|password| escaped(password.expose()));
    let colon = password.as_ref().map_or_else(String::new, |password| format!(":{password}"));
    let login = match format!("{user}{colon}") {
        login if login.is_empty() => login,
        login => login + "@",
    };
    let scheme = if config.tls.is_some() { "rediss" } else { "redis" };
    let insecure =
        if config.tls.as_ref().is_some_and(|tls| tls.insecure) { "#insecure" } else { "" };
    match &config.endpoint {
        Endpoint::Tcp { host, port } => {
            format!("{scheme}://{login}{}:{port}/{}{insecure}", escaped(host), config.db)
        }
        Endpoint::Sentinel { sentinels, name } => {
            let hosts = sentinels.iter().map(|(host, port)| format!("{}:{port}", escaped(host)));
            let (hosts, name) = (hosts.collect::<Vec<_>>().join(","), escaped(name));
            format!("{scheme}+sentinel://{login}{hosts}/{name}/{}{insecure}", config.db)
        }
        Endpoint::Unix(path) => {
            let path = escaped(&path.to_string_lossy()).replace("%2F", "/");
            let user = config.user.as_ref().map(|_| format!("&user={user}")).unwrap_or_default();
            let pass = password.map(|password| format!("&pass={password}")).unwrap_or_default();
            format!("redis+unix://{path}?db={}{user}{pass}", config.db)
        }
    }
}
