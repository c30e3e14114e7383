//! Checks of Redis: its round trip, version, features and queue.

use std::time::{Duration, Instant};

use super::advice::on_refusal;
use super::upkeep::Told;
use super::{Check, Diagnosis, Verdict};
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::keys;
use crate::transport::{self, Connection, Reply, Until, bulk, clock, field, integer, items};

/// Number of round trips to measure if they are short.
const PINGS: usize = 3;

/// The shortest round trip to Redis, and its error reply to PING.
pub(super) struct Reached {
    pub(super) network: Duration,
    pub(super) refusal: Option<Error>,
}

/// Connects and measures the round trip. Repeated measurements take up to a tenth of the time.
pub(super) fn reach(session: &Session, until: &Until) -> Result<Reached> {
    let begun = clock::now();
    let whole = until.deadline.remaining();
    let is_long = |since: Instant| whole.is_some_and(|whole| clock::since(since) > whole / 20);
    let reached = session.query(until, |connection| {
        let (mut network, mut refusal) = (Duration::MAX, None);
        for number in 0..PINGS {
            if number > 0 && is_long(begun) {
                break;
            }
            let sent = clock::now();
            connection.command(&[b"PING"]);
            refusal = match connection.reply(until) {
                Ok(_) => None,
                Err(error @ transport::Error::Server(_)) => Some(error.into()),
                Err(error) => return Err(error),
            };
            network = network.min(clock::since(sent));
        }
        Ok(Reached { network, refusal })
    })?;
    Ok(reached)
}

/// State of Redis, read in one round trip. Anything it does not report is `None`.
pub(super) struct Redis {
    info: Option<String>,
    user: Option<String>,
    resp3: bool,
    tracks: bool,
    scripts: Scripts,
    pub(super) upkeep: Told,
    pub(super) queue: Queue,
}

/// Whether scripts run.
enum Scripts {
    Allowed,
    Refused,
    /// Temporarily rejected.
    Passing(Error),
}

/// The queue of commands at some moment.
pub(super) struct Queue {
    pub(super) length: Result<i64>,
    /// The next command.
    next: Option<Vec<u8>>,
}

impl Queue {
    const QUESTIONS: [&'static [&'static [u8]]; 2] =
        [&[b"LLEN", keys::QUEUE.as_bytes()], &[b"LRANGE", keys::QUEUE.as_bytes(), b"0", b"0"]];

    pub(super) fn ask(connection: &mut Connection) {
        for question in Queue::QUESTIONS {
            connection.command(question);
        }
    }

    pub(super) fn read(connection: &mut Connection, until: &Until) -> transport::Result<Self> {
        let length = match connection.reply(until) {
            Ok(length) => Ok(integer(&length).unwrap_or_default()),
            Err(error @ transport::Error::Server(_)) => Err(error.into()),
            Err(error) => return Err(error),
        };
        let next = told(connection, until)?.and_then(|next| items(next).ok()?.pop());
        Ok(Queue { length, next: next.and_then(|next| bulk(next).ok()?) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_none()
    }

    /// Whether no command was taken from the queue since `before`.
    pub(super) fn stands_still_since(&self, before: &Queue) -> bool {
        before.next.is_some() && before.next == self.next
    }
}

/// A reply, or `None` if Redis replies with an error.
pub(super) fn told(connection: &mut Connection, until: &Until) -> transport::Result<Option<Reply>> {
    match connection.reply(until) {
        Ok(reply) => Ok(Some(reply)),
        Err(transport::Error::Server(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A text reply, or `None` if Redis replies with an error.
pub(super) fn text(
    connection: &mut Connection,
    until: &Until,
) -> transport::Result<Option<String>> {
    let text = told(connection, until)?.and_then(|reply| bulk(reply).ok()?);
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

impl Redis {
    /// Requests everything in one round trip.
    pub(super) fn ask(connection: &mut Connection, until: &Until) -> transport::Result<Self> {
        // Some proxies close the connection on a command that they do not know.
        let asks = !connection.server.closes;
        let resp3 = connection.server.resp3;
        if asks {
            connection.command(&[b"INFO", b"server"]);
            connection.command(&[b"ACL", b"WHOAMI"]);
            Told::ask(connection);
        }
        if resp3 {
            connection.command(&[b"CLIENT", b"TRACKING", b"ON"]);
            connection.command(&[b"CLIENT", b"TRACKING", b"OFF"]);
        }
        connection.command(&[b"EVAL", b"return 1", b"0"]);
        Queue::ask(connection);
        let (mut info, mut user, mut upkeep) = (None, None, Told::default());
        if asks {
            info = text(connection, until)?;
            user = text(connection, until)?;
            upkeep = Told::read(connection, until)?;
        }
        let mut tracks = false;
        if resp3 {
            tracks = told(connection, until)?.is_some();
            told(connection, until)?;
        }
        let scripts = match connection.reply(until) {
            Ok(_) => Scripts::Allowed,
            Err(error @ transport::Error::Server(_)) if error.is_passing() => {
                Scripts::Passing(error.into())
            }
            Err(transport::Error::Server(_)) => Scripts::Refused,
            Err(error) => return Err(error),
        };
        let queue = Queue::read(connection, until)?;
        Ok(Redis { info, user, resp3, tracks, scripts, upkeep, queue })
    }

    /// Adds the checks of Redis except for the queue. Returns whether Redis may accept commands.
    pub(super) fn tell(&self, reached: &Reached, address: &str, diagnosis: &mut Diagnosis) -> bool {
        let takes = self.tell_of_server(reached, address, diagnosis);
        // A Redis that is not ready answers nothing else either.
        if not_ready(reached).is_none() {
            self.tell_of_abilities(diagnosis);
            self.upkeep.tell(diagnosis);
        }
        takes
    }

    fn tell_of_server(&self, reached: &Reached, address: &str, diagnosis: &mut Diagnosis) -> bool {
        let info = self.info.as_deref().unwrap_or_default();
        let version = field(info, "valkey_version").map(|version| format!("Valkey {version}"));
        let version =
            version.or(field(info, "redis_version").map(|version| format!("Redis {version}")));
        let version = version.unwrap_or_else(|| "Redis of an unknown version".to_owned());
        let network = milliseconds(reached.network);
        let found = format!("{version} at {address}, round trip {network}");
        let check = Check::new("redis", Verdict::Good, found);
        let is_replica = self.upkeep.role().is_some_and(|role| role != "master");
        let refusal = not_ready(reached);
        let check = match refusal {
            // Calls wait until Redis is ready, or the replica is promoted, and time out.
            Some(error) => {
                let advice = on_refusal(error).unwrap_or_default();
                let found = format!("{}; {error}", check.found);
                Check { found, ..check }.bad(ErrorKind::Timeout).advise(advice)
            }
            None if is_replica => check.bad(ErrorKind::Timeout).advise(
                "it is a replica, which takes no commands: name the master, or the Sentinels",
            ),
            None => check,
        };
        let takes = check.verdict == Verdict::Good;
        diagnosis.add(check);
        if refusal.is_some() {
            return takes;
        }
        let found = match &self.user {
            Some(user) => format!("as the user {user:?}"),
            None => "accepted".to_owned(),
        };
        diagnosis.add(Check::new("login", Verdict::Good, found));
        takes
    }

    fn tell_of_abilities(&self, diagnosis: &mut Diagnosis) {
        let slower = "results of many agents are polled every 40 ms instead of pushed";
        diagnosis.add(match self.resp3 {
            true => Check::new("resp3", Verdict::Good, "spoken"),
            false => Check::new("resp3", Verdict::Weak, "not spoken").advise(format!(
                "{slower}: push notifications need Redis 6 and the right to HELLO"
            )),
        });
        diagnosis.add(match self.tracks {
            true => Check::new("tracking", Verdict::Good, "push notifications are available"),
            false => Check::new("tracking", Verdict::Weak, "no push notifications").advise(
                format!("{slower}: push notifications need RESP3 and the right to CLIENT TRACKING"),
            ),
        });
        diagnosis.add(match &self.scripts {
            Scripts::Allowed => Check::new("scripts", Verdict::Good, "allowed"),
            Scripts::Refused => Check::new("scripts", Verdict::Weak, "not allowed").advise(
                "submitting once and retracting use transactions, which take more round trips",
            ),
            Scripts::Passing(error) => {
                Check::new("scripts", Verdict::Unknown, "refused at this moment")
                    .advise(on_refusal(error).unwrap_or_default())
            }
        });
    }
}

/// Why Redis is not ready for commands. A Redis that cannot save rejects PING too, but can be read.
fn not_ready(reached: &Reached) -> Option<&Error> {
    reached.refusal.as_ref().filter(|error| error.is_retriable())
}

/// Formats a time for a check.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
