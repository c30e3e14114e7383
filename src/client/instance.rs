//! Named instances: where the grids of this machine are, written down once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{Client, ClientBuilder};
use crate::error::{Error, ErrorKind, Result};

/// The environment variable that names the file of instances.
const VARIABLE: &str = "ACCLIENT_CONFIG";
const FILE: &str = "acclient/instances.toml";

/// One table of the file: either a URL, or the parts of an address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with the name of an instance, like [main]")]
struct Instance {
    url: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    unix_socket: Option<PathBuf>,
    user: Option<String>,
    password: Option<String>,
    db: Option<u32>,
    tls: Option<bool>,
    tls_ca_file: Option<PathBuf>,
    tls_cert_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    tls_insecure: Option<bool>,
    /// Seconds.
    timeout: Option<f64>,
    max_connections: Option<usize>,
}

pub(crate) fn builder(name: &str) -> Result<ClientBuilder> {
    let path = file()?;
    from_file(&path, name)
        .map_err(|error| error.asked(|| format!("instance {name:?} of {}", path.display())))
}

/// `$ACCLIENT_CONFIG`, else `acclient/instances.toml` in the XDG configuration directory.
fn file() -> Result<PathBuf> {
    let set = |variable: &str| {
        std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    };
    if let Some(path) = set(VARIABLE) {
        return Ok(path);
    }
    set("XDG_CONFIG_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|directory| directory.join(FILE))
        .ok_or_else(|| {
            Error::invalid(format!(
                "no file of instances: neither {VARIABLE}, XDG_CONFIG_HOME nor HOME is set"
            ))
        })
}

fn from_file(path: &Path, name: &str) -> Result<ClientBuilder> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::System, format!("cannot read the file: {error}")))?;
    from_text(&text, name)
}

pub(crate) fn from_text(text: &str, name: &str) -> Result<ClientBuilder> {
    let mut tables: BTreeMap<String, Instance> = toml::from_str(text).map_err(|error| {
        // The error's own text quotes the line, which may be the one with the password.
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        Error::invalid(format!("line {line}: {}", without_value(error.message())))
    })?;
    let known = tables.keys().cloned().collect::<Vec<_>>().join(", ");
    let instance = tables
        .remove(name)
        .ok_or_else(|| Error::invalid(format!("no such instance; the file has: {known}")))?;
    instance.into_builder()
}

/// What is wrong with a value, without the value, which may be a password: one of digits without its
/// quotes, or one outside of any table.
fn without_value(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((wrong, wanted)) if wrong.starts_with("invalid ") => {
            format!("wrong type: expected {wanted}")
        }
        _ => message.to_owned(),
    }
}

impl Instance {
    fn into_builder(self) -> Result<ClientBuilder> {
        let mut builder = Client::builder();
        if let Some(url) = &self.url {
            if self.host.is_some() || self.unix_socket.is_some() || self.port.is_some() {
                return Err(Error::invalid(
                    "expected either url, or host and port, or unix_socket",
                ));
            }
            builder = builder.url(url)?;
        }
        if self.unix_socket.is_some() && (self.host.is_some() || self.port.is_some()) {
            return Err(Error::invalid("expected either url, or host and port, or unix_socket"));
        }
        if let Some(host) = self.host {
            builder = builder.host(host);
        }
        if let Some(port) = self.port {
            builder = builder.port(port);
        }
        if let Some(path) = self.unix_socket {
            builder = builder.unix_socket(path);
        }
        if let Some(user) = self.user {
            builder = builder.user(user);
        }
        if let Some(password) = self.password {
            builder = builder.password(password);
        }
        if let Some(db) = self.db {
            builder = builder.db(db);
        }
        if self.tls == Some(true) {
            builder = builder.tls();
        }
        if let Some(path) = self.tls_ca_file {
            builder = builder.tls_ca_file(path);
        }
        builder = match (self.tls_cert_file, self.tls_key_file) {
            (Some(certificates), Some(key)) => builder.tls_client_cert(certificates, key),
            (None, None) => builder,
            _ => return Err(Error::invalid("tls_cert_file and tls_key_file go together")),
        };
        if self.tls_insecure == Some(true) {
            builder = builder.tls_insecure();
        }
        if let Some(seconds) = self.timeout {
            let timeout = Duration::try_from_secs_f64(seconds)
                .map_err(|error| Error::invalid(format!("timeout: {error}")))?;
            builder = builder.timeout(timeout);
        }
        if let Some(max) = self.max_connections {
            builder = builder.max_connections(max);
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> Result<ClientBuilder> {
        let unique = crate::engine::ids::new_id().unwrap();
        let path = std::env::temp_dir().join(format!("acclient-{unique}.toml"));
        std::fs::write(&path, text).unwrap();
        let builder = from_file(&path, name);
        std::fs::remove_file(&path).unwrap();
        builder
    }

    #[test]
    fn instances_are_read() {
        let text = "[main]\nurl = \"redis://h:1/2\"\n[test]\nhost = \"t\"\nport = 7\npassword = \"p\"\ntimeout = 2.5\n";
        let main = format!("{:?}", read(text, "main").unwrap());
        assert!(main.contains("port: 1") && main.contains("db: 2"), "{main}");
        let test = format!("{:?}", read(text, "test").unwrap());
        assert!(
            test.contains("port: 7") && test.contains("2.5s") && test.contains("***"),
            "{test}"
        );
    }

    #[test]
    fn a_password_without_quotes_is_not_told() {
        let error = read("[x]\npassword = 4711\n", "x").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("a string"), "{error}");
        assert!(!error.contains("4711"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_explained_without_the_password() {
        for (text, words) in [
            ("[main]\nurl = \"redis://h\"\n", "the file has: main"),
            ("[x]\npassword = sesame\n", "line 2"),
            ("[x]\npassword = \"sesame\"\nport = \"a\"\n", "line 3"),
            ("password = \"sesame\"\n", "line 1"),
            ("[x]\npassword = [\"sesame\"]\n", "line 2"),
            ("[x]\ndb = \"sesame\"\n", "line 2"),
            ("[x]\npasword = \"sesame\"\n", "pasword"),
            ("[x]\nurl = \"redis://:sesame@h\"\nport = 1\n", "either url"),
            ("[x]\nurl = \"http://:sesame@h\"\n", "scheme"),
            ("[x]\ntimeout = -1.0\n", "timeout"),
            ("[x]\ntls_cert_file = \"c\"\n", "go together"),
        ] {
            let error = read(text, "x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            let error = error.to_string();
            assert!(error.contains(words) && !error.contains("sesame"), "{error}");
        }
    }
}
