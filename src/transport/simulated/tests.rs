//! Random schedules of pipelines on a connection pool, checked against the commands that the server
//! executed.
//!
//! See [`seeds`](super::seeds) for how to play a particular schedule.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use redis::Value;

use super::{Flaw, Network, Offers, Out, Outage, Plan, Spell, World, draw, seeds, with};
use crate::transport::{
    Class, Config, Connection, Deadline, Endpoint, Error, Pool, Result, TtlUpdate, Until, clock,
};

/// Longest time that an impatient call spends on one connection without traffic, or on connecting.
const SILENT: Duration = Duration::from_secs(10);
/// How long a pending TTL update is retried.
const PATIENCE: Duration = Duration::from_secs(3600);
/// After this time all bytes have arrived and all outages have ended.
const AFTERWARDS: Duration = Duration::from_secs(100);

#[derive(Debug)]
struct Schedule {
    plans: Vec<Plan>,
    outages: Vec<Spell>,
    calls: Vec<Call>,
}

/// A pipeline of commands.
#[derive(Debug)]
struct Call {
    pause: Duration,
    timeout: Duration,
    /// A silent connection counts as lost after 8 s.
    impatient: bool,
    asks: Vec<Ask>,
    /// Number of replies that are read before the connection is returned.
    reads: usize,
    /// Keys that get a TTL: when each is written, and whether the connection or the pool tracks it.
    ttl_updates: Vec<(Duration, bool)>,
}

#[derive(Clone, Debug)]
enum Ask {
    /// Returns a string of this length.
    Echo(usize),
    /// Returns an array of strings, which is read as a whole or item by item.
    List { count: usize, length: usize, each: bool },
    /// An array within arrays.
    Nested(usize),
    /// Unknown to the server.
    Wrong,
    /// Appends to a list; the log of the server shows how many times.
    Append(usize),
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let outages = if rng.bool() { 0 } else { rng.usize(1..3) };
        Schedule {
            plans: (0..rng.usize(..6)).map(|_| draw::plan(rng)).collect(),
            outages: (0..outages).map(|_| draw::spell(rng)).collect(),
            calls: (0..rng.usize(1..6)).map(|_| call(rng)).collect(),
        }
    }
}

fn call(rng: &mut Rng) -> Call {
    let within = |rng: &mut Rng| match rng.bool() {
        true => Duration::ZERO,
        false => draw::span(rng, Duration::from_millis(1), Duration::from_secs(20)),
    };
    let asks: Vec<Ask> = (0..rng.usize(1..8)).map(|_| ask(rng)).collect();
    Call {
        pause: within(rng),
        timeout: draw::span(rng, Duration::from_millis(1), Duration::from_secs(30)),
        impatient: rng.bool(),
        ttl_updates: (0..rng.usize(..4)).map(|_| (within(rng), rng.bool())).collect(),
        reads: if rng.u8(..5) == 0 { rng.usize(..asks.len()) } else { asks.len() },
        asks,
    }
}

fn ask(rng: &mut Rng) -> Ask {
    let length = match rng.u8(..16) {
        0 => rng.usize(..10_000),
        1..6 => rng.usize(..500),
        _ => rng.usize(..20),
    };
    match rng.u8(..10) {
        0..3 => Ask::Echo(length),
        3..5 => Ask::List { count: rng.usize(..20), length: length.min(500), each: rng.bool() },
        5 => Ask::Nested(rng.usize(1..3)),
        6 => Ask::Wrong,
        _ => Ask::Append(length),
    }
}

/// Returns the arguments of a script as an array, nested as deep as the script is long.
fn listed(_: &mut World, depth: &[u8], _: &[Vec<u8>], args: &[Vec<u8>]) -> Out {
    let list = Out::List(args.iter().cloned().map(Out::Bulk).collect());
    (0..depth.len()).fold(list, |inner, _| Out::List(vec![inner]))
}

/// A command with a string that no other command returns or appends.
struct Asked {
    ask: Ask,
    text: Vec<u8>,
    mark: u64,
}

impl Asked {
    fn send(ask: &Ask, number: usize, connection: &mut Connection) -> Self {
        let text = |length: usize| {
            let name = format!("<{number}>").into_bytes();
            name.iter().chain(b"\r\n$-*").copied().cycle().take(name.len().max(length)).collect()
        };
        let (text, mark) = match *ask {
            Ask::Echo(length) => {
                let text: Vec<u8> = text(length);
                let mark = connection.command(&[b"ECHO", &text]);
                (text, mark)
            }
            Ask::List { count, length, .. } => {
                let text = text(length);
                let words = [&b"EVAL"[..], b"", b"0"].into_iter();
                let words: Vec<&[u8]> = words.chain((0..count).map(|_| &text[..])).collect();
                let mark = connection.command(&words);
                (text, mark)
            }
            Ask::Nested(depth) => {
                let text = text(0);
                let mark = connection.command(&[b"EVAL", &vec![b'x'; depth], b"0", &text]);
                (text, mark)
            }
            Ask::Wrong => {
                let text = text(0);
                let mark = connection.command(&[&text]);
                (text, mark)
            }
            Ask::Append(length) => {
                let text = text(length);
                let mark = connection.command(&[b"RPUSH", b"list", &text]);
                (text, mark)
            }
        };
        Asked { ask: ask.clone(), text, mark }
    }

    /// Reads the reply and checks that it belongs to this command.
    fn read(&self, connection: &mut Connection, until: &Until) -> Result<()> {
        let text = || Value::BulkString(self.text.clone());
        match self.ask {
            Ask::Echo(_) => assert_eq!(connection.reply(until)?, text(), "another reply"),
            Ask::List { count, each: false, .. } => {
                let expected = Value::Array((0..count).map(|_| text()).collect());
                assert_eq!(connection.reply(until)?, expected, "another reply");
            }
            Ask::List { count, each: true, .. } => {
                let mut items = Vec::new();
                connection.each(until, |item| items.push(item))?;
                assert_eq!(items, (0..count).map(|_| text()).collect::<Vec<_>>(), "another reply");
            }
            Ask::Nested(depth) => {
                let wrapped = |inner, _| Value::Array(vec![inner]);
                let expected = (0..=depth).fold(text(), wrapped);
                assert_eq!(connection.reply(until)?, expected, "another reply");
            }
            Ask::Wrong => match connection.reply(until) {
                Err(Error::Server(error)) if error.is_unknown_command() => {
                    let name = String::from_utf8_lossy(&self.text).into_owned();
                    assert!(error.text.contains(&name), "another reply");
                }
                other => {
                    other?;
                    panic!("the error of another command");
                }
            },
            Ask::Append(_) => {
                let reply = connection.reply(until)?;
                assert!(matches!(reply, Value::Int(1..)), "another reply: {reply:?}");
            }
        }
        Ok(())
    }
}

/// Possible numbers of executions, by the string of the command.
type Possible = BTreeMap<Vec<u8>, std::ops::RangeInclusive<usize>>;

fn play(seed: u64, tally: &mut seeds::Tally) {
    let schedule = Schedule::new(seed);
    let offers = Offers { eval: Some(listed), ..Offers::default() };
    let network = Network::start(seed, offers, schedule.plans.clone());
    let _report = seeds::Report::new(seed, &schedule);
    for spell in &schedule.outages {
        with(|world| world.plan_outage(spell.clone()));
    }
    let endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: 6379 };
    let config = Config { max_reply: 256 * 1024, ..Config::new(endpoint) };
    let pool = Pool::new(config, None).unwrap();
    let mut possible = Possible::new();
    let mut number = 0;
    for call in &schedule.calls {
        super::drain(call.pause);
        with(|world| world.note(|| format!("{call:?}")));
        with(World::begin_call);
        let deadline = clock::now() + call.timeout;
        let ended = make(&pool, call, &mut number, &mut possible);
        with(|world| world.note(|| format!("{ended:?}")));
        let now = clock::now();
        assert!(now <= deadline, "{:?} after the deadline", now - deadline);
        if let Err(error) = &ended {
            explained(&schedule, error, now == deadline, call.impatient);
        }
        tally.add("pipeline", end_of(&ended));
        let gap = with(|world| world.longest_gap());
        assert!(!call.impatient || gap <= SILENT, "a silent server is awaited for {gap:?}");
        assert_eq!(with(|world| world.poisoned()), [0; 0], "used after garbage");
        assert!(with(|world| world.open()) <= 1, "a connection is not closed");
    }
    super::drain(AFTERWARDS);
    with(World::heal);
    drop(pool);
    assert_eq!(with(|world| world.open()), 0, "a connection is not closed");
    let is_updated = |key: &&[u8]| key.starts_with(b"ttl ");
    let endless = with(|world| world.store.endless().filter(is_updated).count());
    assert_eq!(endless, 0, "keys without a time to live");
    let mut executed = BTreeMap::<Vec<u8>, usize>::new();
    with(|world| {
        for command in &world.log {
            *executed.entry(command.words[2].clone()).or_default() += 1;
        }
    });
    for (text, possible) in possible {
        let count = executed.get(&text).copied().unwrap_or_default();
        let text = text[..text.len().min(20)].escape_ascii();
        assert!(possible.contains(&count), "{text}: {count} times, {possible:?} are possible");
    }
    drop(network);
}

fn make(pool: &Arc<Pool>, call: &Call, number: &mut usize, possible: &mut Possible) -> Result<()> {
    let mut until = pool.until(Deadline::after(Some(call.timeout)), [None, None, None])?;
    if call.impatient {
        until = until.impatient();
    }
    let mut connection = pool.get(Class::Quick, &until)?;
    for (after, by_connection) in &call.ttl_updates {
        *number += 1;
        let key = format!("ttl {number}").into_bytes();
        let update = TtlUpdate::new(key.clone(), 60, PATIENCE);
        with(|world| world.after(*after, move |world| assert!(world.store.append(&key, b"x") > 0)));
        if *by_connection { connection.add_ttl_update(update) } else { pool.add_ttl_update(update) }
    }
    let asked: Vec<Asked> = call
        .asks
        .iter()
        .map(|ask| {
            *number += 1;
            Asked::send(ask, *number, &mut connection)
        })
        .collect();
    let mut ended = Ok(());
    let mut read = 0;
    for asked in &asked[..call.reads] {
        match asked.read(&mut connection, &until) {
            Ok(()) => read += 1,
            Err(Error::Server(error)) => {
                // The next reply is that of the next command.
                ended = Err(Error::Server(error));
                read += 1;
                possible.insert(asked.text.clone(), 0..=0);
            }
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    let sent = with(|world| world.sent()) as u64;
    for (at, asked) in asked.iter().enumerate() {
        assert_eq!(connection.was_sent(asked.mark), sent >= asked.mark, "{:?}", asked.ask);
        let times = match asked.ask {
            Ask::Append(_) if at < read => 1..=1,
            Ask::Append(_) if connection.was_sent(asked.mark) => 0..=1,
            _ => 0..=0,
        };
        possible.entry(asked.text.clone()).or_insert(times);
    }
    ended
}

fn end_of(ended: &Result<()>) -> &'static str {
    match ended {
        Ok(()) => "done",
        Err(Error::Timeout | Error::TimeoutAfter(_)) => "timed out",
        Err(Error::Lost { source, .. }) if source.kind() == ErrorKind::TimedOut => "silent",
        Err(Error::Lost { .. }) => "lost",
        Err(Error::Connect { .. }) => "no connection",
        Err(Error::Protocol { .. }) => "garbage",
        Err(Error::Server(_)) => "refused",
        Err(_) => "other",
    }
}

/// Checks that the schedule accounts for an error.
fn explained(schedule: &Schedule, error: &Error, at_the_deadline: bool, impatient: bool) {
    let flaws = || schedule.plans.iter().filter_map(|plan| plan.flaw.as_ref());
    let outages = || schedule.outages.iter().map(|spell| &spell.outage);
    let is_explained = match error {
        Error::Timeout | Error::TimeoutAfter(_) => at_the_deadline,
        Error::Protocol { .. } => flaws().any(|flaw| matches!(flaw, Flaw::Garbage { .. })),
        Error::Lost { source, .. } if source.kind() == ErrorKind::TimedOut => impatient,
        Error::Lost { .. } | Error::Connect { .. } => {
            !outages().all(|outage| matches!(outage, Outage::Refuses { .. })) || flaws().count() > 0
        }
        Error::Server(error) => {
            flaws().any(|flaw| matches!(flaw, Flaw::Full))
                || outages().any(|outage| match outage {
                    Outage::Refuses { error: text, .. } => text.starts_with(&error.code),
                    _ => false,
                })
        }
        _ => false,
    };
    assert!(is_explained, "nothing explains {error:?}");
}

#[test]
fn pipelines_agree_with_the_model() {
    let ends = ["done", "timed out", "silent", "lost", "no connection", "garbage", "refused"];
    seeds::play_all("pipelines", 1200, &[("pipeline", &ends)], play);
}
