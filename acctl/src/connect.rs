//! Connection options and the client created from them.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use acclient::{CancelToken, Client, ErrorKind};

use crate::exit::Failure;
use crate::output::Output;
use crate::times;

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";
/// Above the library's default of 64: each followed log and each wait may hold a connection.
const CONNECTIONS: usize = 256;

/// Connection options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Redis URL [default: ACCLIENT_URL, then redis://127.0.0.1:6379]
    ///
    /// redis://host:port/db, rediss:// for TLS, redis+unix:///path,
    /// redis+sentinel://host:port,.../name
    #[arg(long, global = true, hide_short_help = true)]
    url: Option<String>,
    /// Named instance from ~/.config/acclient/instances.toml, or from the file in ACCLIENT_CONFIG
    /// [default: ACCLIENT_INSTANCE]
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", conflicts_with_all = ["url", "user", "password_file", "ca_file", "cert_file", "key_file", "insecure"])]
    instance: Option<String>,
    /// Redis user
    #[arg(long, global = true, hide_short_help = true)]
    user: Option<String>,
    /// Read the password from the first line of this file [default: ACCLIENT_PASSWORD]
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// TLS: trust the certificate authorities in this PEM file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// TLS: authenticate with the client certificate in this PEM file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// TLS: private key of the client certificate, a PEM file
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        requires = "cert_file"
    )]
    key_file: Option<PathBuf>,
    /// TLS: disable certificate verification; for tests only
    #[arg(long, global = true, hide_short_help = true)]
    insecure: bool,
    /// Timeout of connecting and of single requests, such as submit, kill and list: 10 (seconds), 500ms [default: 10]
    #[arg(long, global = true, hide_short_help = true, value_name = "TIME", value_parser = times::duration)]
    timeout: Option<Duration>,
    /// Maximum size of a result in MiB; memory holds several copies of it [default: 64]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "MIB",
        conflicts_with = "instance"
    )]
    max_reply: Option<NonZeroUsize>,
}

impl Connection {
    /// Creates a client whose calls end when the token is cancelled. Unless `lazily` is set, checks the connection with
    /// a PING that takes no longer than `wait`.
    pub fn open(
        &self,
        cancel: &CancelToken,
        output: &Output,
        lazily: bool,
        wait: Option<Duration>,
    ) -> Result<Client, Failure> {
        if let Some(name) = self.named() {
            let client = Client::instance(&name).map_err(no_instance)?;
            let timeout = self.timeout.or(client.timeout());
            return Ok(client.with_timeout(timeout).with_cancel(cancel));
        }
        if self.url.as_deref().is_some_and(holds_a_password) {
            output.note(
                "acctl: warning: other users can read a password on the command line; \
                 use ACCLIENT_PASSWORD or --password-file",
            );
        }
        let client = self.by_url()?.with_cancel(cancel);
        if !lazily {
            let time = client.timeout().into_iter().chain(wait).min();
            client.with_timeout(time).ping().map_err(no_connection)?;
        }
        Ok(client)
    }

    /// Creates a client without connecting and without printing anything.
    pub fn client(&self) -> Result<Client, Failure> {
        match self.named() {
            Some(name) => Client::instance(&name).map_err(no_instance),
            None => self.by_url(),
        }
    }

    /// Name of the instance, unless a URL takes precedence: flags override the environment.
    fn named(&self) -> Option<String> {
        let by_variable = || match self.url.is_none() && variable("ACCLIENT_URL").is_none() {
            true => variable("ACCLIENT_INSTANCE"),
            false => None,
        };
        self.instance.clone().or_else(by_variable)
    }

    fn by_url(&self) -> Result<Client, Failure> {
        let url = self.url.clone().or_else(|| variable("ACCLIENT_URL"));
        let mut builder = Client::builder().url(url.as_deref().unwrap_or(DEFAULT_URL))?;
        builder = builder.max_connections(CONNECTIONS);
        if let Some(user) = &self.user {
            builder = builder.user(user);
        }
        if let Some(password) = self.password()? {
            builder = builder.password(password);
        }
        if let Some(path) = &self.ca_file {
            builder = builder.tls_ca_file(path);
        }
        if let (Some(certificate), Some(key)) = (&self.cert_file, &self.key_file) {
            builder = builder.tls_client_cert(certificate, key);
        }
        if self.insecure {
            builder = builder.tls_insecure();
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(mebibytes) = self.max_reply {
            builder = builder.max_reply(mebibytes.get().saturating_mul(1024 * 1024));
        }
        Ok(builder.build()?)
    }

    fn password(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.password_file else { return Ok(variable("ACCLIENT_PASSWORD")) };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::Usage(format!("--password-file {}: {error}", path.display()))
        })?;
        match text.lines().next() {
            Some(password) if !password.is_empty() => Ok(Some(password.to_owned())),
            _ => Err(Failure::Usage(format!(
                "--password-file {}: its first line is empty",
                path.display()
            ))),
        }
    }
}

/// Value of an environment variable; unset, empty and non-UTF-8 values are ignored.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn holds_a_password(url: &str) -> bool {
    let authority =
        url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    authority.split_once('@').is_some_and(|(login, _)| login.contains(':')) || url.contains("pass=")
}

/// Maps an unreadable instances file to bad usage, like an invalid URL in it.
fn no_instance(error: acclient::Error) -> Failure {
    match error.kind() {
        ErrorKind::System => Failure::Usage(error.to_string()),
        _ => no_connection(error),
    }
}

/// Maps errors of the first PING: most mean that there is no connection. A server that timed out may still be up.
fn no_connection(error: acclient::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument
        | ErrorKind::Cancelled
        | ErrorKind::System
        | ErrorKind::Timeout => Failure::Error(error),
        _ => Failure::NoConnection(error),
    }
}
