//! Master discovery through Sentinels.

use std::time::Duration;

use super::address::{Config, Endpoint};
use super::clock;
use super::connection::Connection;
use super::deadline::Until;
use super::error::{Error, Result};
use super::reply::{bulk, items};
use super::tls::Connector;

/// How long to wait for a server before trying another.
const PATIENCE: Duration = Duration::from_secs(3);

/// Returns the address of the master from the first Sentinel that knows it. Each Sentinel gets a
/// share of the remaining time, so that a silent one leaves time for the others.
pub(super) fn master(
    config: &Config,
    sentinels: &[(String, u16)],
    name: &str,
    tls: Option<&Connector>,
    until: &Until,
) -> Result<Endpoint> {
    let mut last = String::from("there is none");
    for (tried, (host, port)) in sentinels.iter().enumerate() {
        let left = sentinels.len() - tried;
        let share = match until.deadline.remaining() {
            Some(remaining) => until.within(PATIENCE.min(remaining / left as u32)),
            None => until.within(PATIENCE),
        };
        let sentinel = Endpoint::Tcp { host: host.clone(), port: *port };
        match ask(config, &sentinel, name, tls, &share) {
            Ok(Some(master)) => return Ok(master),
            Ok(None) => last = format!("{sentinel} does not know a master of that name"),
            Err(error @ (Error::Cancelled | Error::Closed | Error::Forked)) => return Err(error),
            Err(error) => last = error.to_string(),
        }
    }
    until.check()?;
    Err(Error::NoMaster { sentinels: config.endpoint.to_string(), message: last })
}

/// Connects to the master that a Sentinel has named, which may have been demoted or not yet
/// promoted. A failure that may be temporary is [`Error::NoMaster`].
pub(super) fn connect(
    config: &Config,
    master: &Endpoint,
    tls: Option<&Connector>,
    until: &Until,
) -> Result<Connection> {
    let passing = |message: String| Error::NoMaster {
        sentinels: config.endpoint.to_string(),
        message: format!("they name {master}: {message}"),
    };
    // A master that does not reply is about to be replaced.
    let soon = until.within(PATIENCE);
    let attempt = Connection::open_at(master, config, tls, &soon).and_then(|mut connection| {
        let is_master = connection.is_master(&soon)?;
        Ok((connection, is_master))
    });
    match attempt {
        Ok((mut connection, true)) => {
            connection.named = Some(clock::now());
            Ok(connection)
        }
        Ok(_) => Err(passing("it is not a master, or not yet".to_owned())),
        Err(Error::Timeout) if !until.deadline.has_passed() => {
            Err(passing("it does not answer".to_owned()))
        }
        Err(Error::TimeoutAfter(cause)) if !until.deadline.has_passed() => {
            Err(passing(format!("it does not answer: {cause}")))
        }
        Err(error) if error.is_passing() => Err(passing(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Asks the Sentinels and the server itself whether it is still the master. If so, renews the time
/// for which the connection needs no further check. Must only be called between replies.
pub(super) fn confirm(
    connection: &mut Connection,
    config: &Config,
    tls: Option<&Connector>,
    until: &Until,
) -> Result<bool> {
    let Endpoint::Sentinel { sentinels, name } = &config.endpoint else { return Ok(true) };
    if master(config, sentinels, name, tls, until)?.to_string() != connection.address() {
        return Ok(false);
    }
    connection.server.is_master = None; // what it said at the login is old
    match connection.is_master(&until.within(PATIENCE)) {
        Ok(true) => {
            connection.named = Some(clock::now());
            Ok(true)
        }
        Ok(false) => Ok(false),
        Err(error) => {
            until.check()?;
            log::debug!(target: "acclient::connection", "the master does not confirm its role: {error}");
            Ok(false)
        }
    }
}

fn ask(
    config: &Config,
    sentinel: &Endpoint,
    name: &str,
    tls: Option<&Connector>,
    until: &Until,
) -> Result<Option<Endpoint>> {
    // Sentinels have no databases and usually no passwords.
    let bare = Config { user: None, password: None, db: 0, ..Config::new(sentinel.clone()) };
    let opened = Connection::open_at(sentinel, &bare, tls, until);
    let mut connection = match opened {
        Err(Error::Authentication { .. }) if config.password.is_some() => {
            let login =
                Config { user: config.user.clone(), password: config.password.clone(), ..bare };
            Connection::open_at(sentinel, &login, tls, until)?
        }
        opened => opened?,
    };
    connection.command(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name.as_bytes()]);
    let reply = connection.reply(until)?;
    let unreadable = |message: String| Error::Protocol { address: sentinel.to_string(), message };
    let texts = items(reply).map_err(|error| unreadable(error.to_string()))?;
    let mut texts = texts
        .into_iter()
        .map(|text| bulk(text).ok().flatten())
        .map(|text| text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default());
    let (Some(host), Some(port)) = (texts.next(), texts.next()) else {
        return Ok(None);
    };
    let port = port.parse().map_err(|_| unreadable("the port of the master is none".to_owned()))?;
    Ok(Some(Endpoint::Tcp { host, port }))
}
