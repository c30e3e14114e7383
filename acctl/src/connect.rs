//! Connection options, and the client they lead to.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use acclient::{CancelToken, Client, ErrorKind};

use crate::exit::Failure;
use crate::output::Output;
use crate::times;

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";
/// More than the library's own 64: each followed log and each wait may take one.
const CONNECTIONS: usize = 256;

/// Options that every command takes.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Address of Redis; without it ACCLIENT_URL, then redis://127.0.0.1:6379.
    ///
    /// redis://host:port/db, rediss:// for TLS, redis+unix:///path,
    /// redis+sentinel://host:port,.../name
    #[arg(long, global = true, hide_short_help = true)]
    url: Option<String>,
    /// A named instance, from the file that ACCLIENT_CONFIG names or
    /// ~/.config/acclient/instances.toml; without it ACCLIENT_INSTANCE
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", conflicts_with_all = ["url", "user", "password_file", "ca_file", "cert_file", "key_file", "insecure"])]
    instance: Option<String>,
    /// User of Redis
    #[arg(long, global = true, hide_short_help = true)]
    user: Option<String>,
    /// The password is the first line of this file; without it ACCLIENT_PASSWORD
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// TLS: trusts the certificate authorities in this PEM file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// TLS: authenticates with this client certificate, a PEM file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// TLS: private key of the client certificate
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        requires = "cert_file"
    )]
    key_file: Option<PathBuf>,
    /// TLS: disables certificate verification; for tests only
    #[arg(long, global = true, hide_short_help = true)]
    insecure: bool,
    /// How long a quick question may take: sending, a kill, a list [default: 10]
    #[arg(long, global = true, hide_short_help = true, value_name = "TIME", value_parser = times::duration)]
    timeout: Option<Duration>,
    /// Limit on the size of a result, which is held in memory more than once [default: 64]
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
    /// A client whose calls the token ends. Without `lazily` it has talked to Redis, for which it takes no
    /// longer than `wait`.
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
                "acctl: everybody on this machine can read a password on a command line: \
                 ACCLIENT_PASSWORD and --password-file keep it",
            );
        }
        let client = self.by_url()?.with_cancel(cancel);
        if !lazily {
            let time = client.timeout().into_iter().chain(wait).min();
            client.with_timeout(time).ping().map_err(no_connection)?;
        }
        Ok(client)
    }

    /// A client that has not talked to Redis. Prints nothing.
    pub fn client(&self) -> Result<Client, Failure> {
        match self.named() {
            Some(name) => Client::instance(&name).map_err(no_instance),
            None => self.by_url(),
        }
    }

    /// The instance, unless there is a URL that comes before it: a flag before the environment.
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

/// What is not set, empty or no text is no setting.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn holds_a_password(url: &str) -> bool {
    let authority =
        url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    authority.split_once('@').is_some_and(|(login, _)| login.contains(':')) || url.contains("pass=")
}

/// A file that cannot be read is bad usage, as one with a wrong address in it is.
fn no_instance(error: acclient::Error) -> Failure {
    match error.kind() {
        ErrorKind::System => Failure::Usage(error.to_string()),
        _ => no_connection(error),
    }
}

/// Before anything was asked for, most errors mean that there is no connection. A server that has not
/// answered in time may be there all the same.
fn no_connection(error: acclient::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument
        | ErrorKind::Cancelled
        | ErrorKind::System
        | ErrorKind::Timeout => Failure::Error(error),
        _ => Failure::NoConnection(error),
    }
}
