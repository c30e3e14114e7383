//! The server of the simulated network: sessions, transactions and blocked commands.

use std::time::Duration;

use super::{Event, World};
use crate::transport::clock;

/// Commands that the server supports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offers {
    pub(crate) unknown: &'static [&'static str],
    /// Closes the connection on an unknown command, as some proxies do.
    pub(crate) closes: bool,
    /// What its scripts do.
    pub(crate) eval: Option<Scripts>,
}

/// Executes a script with its keys and arguments.
pub(crate) type Scripts = fn(&mut World, &[u8], keys: &[Vec<u8>], args: &[Vec<u8>]) -> Out;

/// A write command that was executed.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) words: Vec<Vec<u8>>,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    Status(&'static str),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Nil,
    List(Vec<Out>),
    Map(Vec<(Out, Out)>),
    Push(Vec<Out>),
    /// No reply yet: the command blocks.
    Later,
}

impl Out {
    pub(crate) fn error(text: &str) -> Out {
        Out::Error(text.to_owned())
    }

    pub(super) fn encode(&self, resp3: bool, into: &mut Vec<u8>) {
        let mut head = |kind: char, number: i64| into.extend(format!("{kind}{number}\r\n").bytes());
        match self {
            Out::Status(text) => into.extend(format!("+{text}\r\n").bytes()),
            Out::Error(text) => into.extend(format!("-{text}\r\n").bytes()),
            Out::Int(number) => head(':', *number),
            Out::Bulk(bytes) => {
                head('$', bytes.len() as i64);
                into.extend_from_slice(bytes);
                into.extend_from_slice(b"\r\n");
            }
            Out::Nil if resp3 => into.extend_from_slice(b"_\r\n"),
            Out::Nil => head('$', -1),
            Out::List(items) | Out::Push(items) => {
                let kind = if matches!(self, Out::Push(_)) { '>' } else { '*' };
                head(kind, items.len() as i64);
                items.iter().for_each(|item| item.encode(resp3, into));
            }
            Out::Map(pairs) => {
                let count = pairs.len() as i64;
                if resp3 {
                    head('%', count)
                } else {
                    head('*', 2 * count)
                }
                for (key, value) in pairs {
                    key.encode(resp3, into);
                    value.encode(resp3, into);
                }
            }
            Out::Later => unreachable!("no reply"),
        }
    }
}

/// State of one connection at the server.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) input: Vec<u8>,
    /// Length of the input from which on the next command may be complete.
    at_least: usize,
    pub(super) resp3: bool,
    closed: bool,
    /// The client has closed its end behind `input`.
    gone: bool,
    transaction: Option<Transaction>,
    /// Watched keys, with their versions.
    watched: Vec<(Vec<u8>, u64)>,
    blocked: Option<Blocked>,
    commands: u64,
    pub(super) tracking: Option<super::commands::Tracked>,
}

#[derive(Debug, Default)]
struct Transaction {
    commands: Vec<Vec<Vec<u8>>>,
    is_aborted: bool,
}

#[derive(Debug)]
struct Blocked {
    number: u64,
    key: Vec<u8>,
    /// The command timed out while the server was frozen.
    is_over: bool,
}

impl Session {
    pub(super) fn new() -> Self {
        Session::default()
    }

    pub(super) fn close(&mut self) {
        *self = Session { closed: true, ..Session::default() };
    }
}

impl World {
    fn session(&mut self, number: usize) -> &mut Session {
        &mut self.link(number).session
    }

    /// Executes the commands that have arrived.
    pub(super) fn process(&mut self, number: usize) {
        while !self.is_idle() {
            let session = self.session(number);
            if session.closed || session.blocked.is_some() {
                break;
            }
            if session.input.len() < session.at_least {
                break;
            }
            let (words, length) = match parse(&session.input) {
                Ok(command) => command,
                Err(at_least) => {
                    session.at_least = at_least;
                    break;
                }
            };
            session.input.drain(..length);
            session.at_least = 1;
            session.commands += 1;
            let written = self.log.len();
            let out = self.execute(number, words);
            self.executed_one(self.log.len() > written);
            self.reply(number, &out);
            self.serve_blocked();
        }
        let is_idle = self.is_idle();
        let session = self.session(number);
        if session.gone && !is_idle {
            session.close();
        }
    }

    fn reply(&mut self, number: usize, out: &Out) {
        if *out == Out::Later {
            return;
        }
        if let Out::Error(text) = out {
            self.note(|| format!("#{number} -{text}"));
        }
        let mut bytes = Vec::new();
        out.encode(self.session(number).resp3, &mut bytes);
        self.answer(number, bytes);
    }

    pub(super) fn push(&mut self, number: usize, out: &Out) {
        let mut bytes = Vec::new();
        out.encode(true, &mut bytes);
        self.answer(number, bytes);
    }

    fn execute(&mut self, number: usize, words: Vec<Vec<u8>>) -> Out {
        let name = String::from_utf8_lossy(&words[0]).to_ascii_uppercase();
        self.note(|| format!("#{number} {}", shown(&words)));
        if self.offers.unknown.contains(&&*name) {
            if self.offers.closes {
                self.session(number).close();
                self.end_by_server(number);
                return Out::Later;
            }
            return Out::Error(format!("ERR unknown command '{name}'"));
        }
        if let Some(error) = self.refused(&name) {
            self.flawed = Some(clock::now());
            if let Some(transaction) = &mut self.session(number).transaction {
                transaction.is_aborted = true;
            }
            return Out::error(error);
        }
        match name.as_str() {
            "MULTI" => {
                self.session(number).transaction = Some(Transaction::default());
                Out::Status("OK")
            }
            "EXEC" => self.exec(number),
            "DISCARD" | "UNWATCH" => {
                let session = self.session(number);
                session.watched.clear();
                session.transaction = None;
                Out::Status("OK")
            }
            "WATCH" => {
                let watched = words[1..].iter().map(|key| (key.clone(), self.store.version(key)));
                let watched: Vec<_> = watched.collect();
                self.session(number).watched.extend(watched);
                Out::Status("OK")
            }
            _ => match &mut self.session(number).transaction {
                Some(transaction) => {
                    transaction.commands.push(words);
                    Out::Status("QUEUED")
                }
                None => self.run(Some(number), &words),
            },
        }
    }

    fn exec(&mut self, number: usize) -> Out {
        let session = self.session(number);
        let Some(transaction) = session.transaction.take() else {
            return Out::error("ERR EXEC without MULTI");
        };
        let watched = std::mem::take(&mut session.watched);
        if transaction.is_aborted {
            return Out::error("EXECABORT Transaction discarded because of previous errors.");
        }
        if watched.iter().any(|(key, version)| self.store.version(key) != *version) {
            return Out::Nil;
        }
        Out::List(transaction.commands.iter().map(|words| self.run(None, words)).collect())
    }

    /// Blocks a connection on a list. With `None`, within a transaction, nothing blocks.
    pub(super) fn block(&mut self, link: Option<usize>, key: &[u8], span: Duration) -> Out {
        let Some(link) = link else { return Out::Nil };
        let session = self.session(link);
        let number = session.commands;
        session.blocked = Some(Blocked { number, key: key.to_vec(), is_over: false });
        self.schedule(clock::now() + span, Event::Unblock(link, number));
        Out::Later
    }

    /// Serves blocked moves whose lists are no longer empty.
    fn serve_blocked(&mut self) {
        loop {
            let blocked = self.links.iter().find_map(|(number, link)| {
                let blocked = link.session.blocked.as_ref()?;
                (self.store.length(&blocked.key) > 0).then(|| (*number, blocked.key.clone()))
            });
            let Some((number, key)) = blocked else { return };
            self.session(number).blocked = None;
            let out = self.rotate(&key);
            self.reply(number, &out);
            self.process(number);
        }
    }

    /// Serves blocked commands after a change of the store by the test.
    pub(crate) fn touched(&mut self) {
        self.serve_blocked();
    }

    pub(super) fn unblock(&mut self, link: usize, number: u64) {
        let is_idle = self.is_idle();
        let session = self.session(link);
        match &mut session.blocked {
            Some(blocked) if blocked.number == number && is_idle => blocked.is_over = true,
            Some(blocked) if blocked.number == number => {
                session.blocked = None;
                self.reply(link, &Out::Nil);
                self.process(link);
            }
            _ => {}
        }
    }

    pub(super) fn unblock_all(&mut self, error: &str) {
        for number in self.numbers() {
            if self.session(number).blocked.take().is_some() {
                self.reply(number, &Out::error(error));
                self.process(number);
            }
        }
    }

    /// Continues after the server was frozen.
    pub(super) fn thaw(&mut self) {
        self.serve_blocked();
        for number in self.numbers() {
            let session = self.session(number);
            if session.blocked.as_ref().is_some_and(|blocked| blocked.is_over) {
                session.blocked = None;
                self.reply(number, &Out::Nil);
            }
            self.process(number);
        }
    }

    fn numbers(&self) -> Vec<usize> {
        self.links.keys().copied().collect()
    }

    /// The client has closed its end, and everything that it has sent has arrived. Commands behind
    /// a blocked one are lost.
    pub(super) fn gone(&mut self, number: usize) {
        let is_idle = self.is_idle();
        let session = self.session(number);
        session.gone = true;
        if !is_idle {
            session.close();
        }
    }
}

/// Returns the first command in `input` with its length; `Err` is the length from which it may be
/// complete.
fn parse(input: &[u8]) -> Result<(Vec<Vec<u8>>, usize), usize> {
    let mut at = 0;
    let number = |kind: u8, at: &mut usize| -> Result<usize, usize> {
        let rest = &input[*at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(input.len() + 1)? - 1;
        assert_eq!(rest[0], kind, "the client does not speak RESP: {:?}", input.escape_ascii());
        *at += end + 2;
        Ok(std::str::from_utf8(&rest[1..end])
            .ok()
            .and_then(|it| it.parse().ok())
            .expect("a length"))
    };
    let count = number(b'*', &mut at)?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let length = number(b'$', &mut at)?;
        let word = input.get(at..at + length + 2).ok_or(at + length + 2)?;
        assert!(
            word.ends_with(b"\r\n"),
            "the client does not speak RESP: {:?}",
            input.escape_ascii()
        );
        words.push(word[..length].to_vec());
        at += length + 2;
    }
    Ok((words, at))
}

/// Formats a command for the trace.
fn shown(words: &[Vec<u8>]) -> String {
    let word = |word: &Vec<u8>| match word.len() {
        0..=48 => word.escape_ascii().to_string(),
        length => format!("{}…({length})", word[..24].escape_ascii()),
    };
    words.iter().take(8).map(word).collect::<Vec<_>>().join(" ")
}
