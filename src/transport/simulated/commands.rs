//! The commands of the simulated server.

use std::collections::BTreeSet;
use std::time::Duration;

use super::World;
use super::server::{Executed, Out};
use super::store::WrongType;

/// Keys whose changes a connection is notified of.
#[derive(Debug)]
pub(super) enum Tracked {
    /// Keys that the connection has read.
    Read(BTreeSet<Vec<u8>>),
    Prefix(Vec<u8>),
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

impl From<WrongType> for Out {
    fn from(_: WrongType) -> Out {
        Out::error(WRONG_TYPE)
    }
}

fn bulk(bytes: &[u8]) -> Out {
    Out::Bulk(bytes.to_vec())
}

fn number(word: &[u8]) -> i64 {
    std::str::from_utf8(word).ok().and_then(|text| text.parse().ok()).expect("a number")
}

impl World {
    /// Executes a command of a connection; without one, that of a script or a transaction, which never blocks.
    pub(crate) fn run(&mut self, link: Option<usize>, words: &[Vec<u8>]) -> Out {
        self.command(link, words).unwrap_or_else(Out::from)
    }

    fn command(&mut self, link: Option<usize>, words: &[Vec<u8>]) -> Result<Out, WrongType> {
        let name = String::from_utf8_lossy(&words[0]).to_ascii_uppercase();
        let key = words.get(1).map(Vec::as_slice).unwrap_or_default();
        let args = words.get(2..).unwrap_or_default();
        self.track(link, &name, key);
        Ok(match name.as_str() {
            "HELLO" | "AUTH" | "CLIENT" | "SELECT" | "INFO" | "ROLE" | "PING" | "ECHO" => {
                self.about_the_connection(link, &name, words)
            }
            "RPUSH" => {
                self.store.list(key)?;
                for value in args {
                    self.store.append(key, value);
                }
                self.wrote(words, key);
                Out::Int(self.store.length(key) as i64)
            }
            "LREM" => {
                let removed = self.store.change_list(key, |list| {
                    let before = list.len();
                    list.retain(|entry| entry != &args[1]);
                    before - list.len()
                });
                self.wrote(words, key);
                Out::Int(removed.unwrap_or_default() as i64)
            }
            "LLEN" => Out::Int(self.store.list(key)?.map_or(0, |list| list.len()) as i64),
            "LRANGE" => {
                let length = self.store.list(key)?.map_or(0, |list| list.len()) as i64;
                let place = |word: &[u8]| match number(word) {
                    at @ 0.. => at,
                    at => length + at,
                };
                let (first, last) = (place(&args[0]).max(0), place(&args[1]).min(length - 1));
                let entries = self.store.list(key)?.into_iter().flatten();
                let count = (last - first + 1).max(0) as usize;
                Out::List(entries.skip(first as usize).take(count).map(|it| bulk(it)).collect())
            }
            "BLMOVE" | "BRPOPLPUSH" => {
                assert_eq!(key, args[0], "a list is moved onto itself");
                if self.store.list(key)?.is_some() {
                    self.rotate(key)
                } else {
                    let span = args.last().and_then(|span| std::str::from_utf8(span).ok());
                    let span = span.and_then(|span| span.parse().ok()).expect("seconds");
                    // Redis 6 treats a millisecond as zero, which blocks indefinitely.
                    assert!(span > 0.001, "a wait without an end: {span} s");
                    self.block(link, key, Duration::from_secs_f64(span))
                }
            }
            "HGET" => match self.store.hash(key)?.and_then(|hash| hash.get(&args[0])) {
                Some(value) => bulk(value),
                None => Out::Nil,
            },
            "HMGET" => {
                let hash = self.store.hash(key)?;
                let value = |field| hash.and_then(|hash| hash.get(field));
                let values = args.iter().map(|field| value(field).map_or(Out::Nil, |it| bulk(it)));
                Out::List(values.collect())
            }
            "HKEYS" => {
                let hash = self.store.hash(key)?.into_iter().flatten();
                Out::List(hash.map(|(field, _)| bulk(field)).collect())
            }
            "HGETALL" => {
                let hash = self.store.hash(key)?.into_iter().flatten();
                Out::Map(hash.map(|(field, value)| (bulk(field), bulk(value))).collect())
            }
            "HSTRLEN" => {
                let value = self.store.hash(key)?.and_then(|hash| hash.get(&args[0]));
                Out::Int(value.map_or(0, Vec::len) as i64)
            }
            "GET" => self.store.text(key)?.map_or(Out::Nil, bulk),
            "SET" => {
                self.store.set(key, &args[0], args.len() > 1);
                self.wrote(words, key);
                Out::Status("OK")
            }
            "DEL" => {
                let keys = &words[1..];
                let count = keys.iter().filter(|key| self.store.remove(key)).count();
                keys.iter().for_each(|key| self.wrote(words, key));
                Out::Int(count as i64)
            }
            "EXISTS" => Out::Int(i64::from(self.store.exists(key))),
            "EXPIRE" => Out::Int(i64::from(self.store.expire(key))),
            "TTL" => Out::Int(
                self.store.expires(key).map_or(-2, |expires| if expires { 86_400 } else { -1 }),
            ),
            // Returns all keys at once.
            "SCAN" => {
                let names = self.store.names().filter(|name| name.ends_with(b".queued"));
                Out::List(vec![bulk(b"0"), Out::List(names.map(bulk).collect())])
            }
            "EVAL" => match self.offers.eval {
                Some(eval) => {
                    let (keys, args) = args[1..].split_at(number(&args[0]) as usize);
                    let (keys, args) = (keys.to_vec(), args.to_vec());
                    eval(self, key, &keys, &args)
                }
                None => Out::error("ERR unknown command 'EVAL'"),
            },
            _ => Out::Error(format!("ERR unknown command '{name}'")),
        })
    }

    fn about_the_connection(&mut self, link: Option<usize>, name: &str, words: &[Vec<u8>]) -> Out {
        match name {
            "HELLO" => {
                if let Some(link) = link {
                    self.link(link).session.resp3 = true;
                }
                let text = |text: &str| bulk(text.as_bytes());
                Out::Map(vec![
                    (text("server"), text("redis")),
                    (text("version"), text("7.4.0")),
                    (text("proto"), Out::Int(3)),
                    (text("mode"), text("standalone")),
                    (text("role"), text("master")),
                    (text("modules"), Out::List(Vec::new())),
                ])
            }
            "CLIENT" => self.client(link, words),
            "INFO" => {
                let run = self.runs;
                bulk(format!("redis_version:7.4.0\r\nredis_mode:standalone\r\nrun_id:{run:040x}\r\nrole:master\r\n").as_bytes())
            }
            "ROLE" => Out::List(vec![bulk(b"master"), Out::Int(0), Out::List(Vec::new())]),
            "PING" => Out::Status("PONG"),
            "ECHO" => bulk(&words[1]),
            _ => Out::Status("OK"),
        }
    }

    fn client(&mut self, link: Option<usize>, words: &[Vec<u8>]) -> Out {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let tracked = match words[1..] {
            [b"TRACKING", b"ON"] => Some(Tracked::Read(BTreeSet::new())),
            [b"TRACKING", b"ON", b"BCAST", b"PREFIX", prefix] => {
                Some(Tracked::Prefix(prefix.to_vec()))
            }
            [b"TRACKING", b"OFF"] => None,
            _ => return Out::Status("OK"),
        };
        if let Some(link) = link {
            self.link(link).session.tracking = tracked;
        }
        Out::Status("OK")
    }

    /// Records the keys that a tracking connection reads.
    fn track(&mut self, link: Option<usize>, name: &str, key: &[u8]) {
        let reads =
            matches!(name, "LRANGE" | "LLEN" | "HGET" | "HMGET" | "HKEYS" | "HGETALL" | "GET");
        let Some(link) = link.filter(|_| reads) else { return };
        if let Some(Tracked::Read(keys)) = &mut self.link(link).session.tracking {
            keys.insert(key.to_vec());
        }
    }

    /// Logs a write and notifies tracking connections.
    fn wrote(&mut self, words: &[Vec<u8>], key: &[u8]) {
        self.log.push(Executed { words: words.to_vec() });
        self.invalidate(key);
        self.changed();
    }

    /// Notifies tracking connections of a changed key.
    pub(crate) fn invalidate(&mut self, key: &[u8]) {
        let told = self.links.iter_mut().filter_map(|(number, link)| {
            let is_told = match link.session.tracking.as_mut()? {
                Tracked::Read(keys) => keys.remove(key),
                Tracked::Prefix(prefix) => key.starts_with(prefix),
            };
            is_told.then_some(*number)
        });
        for number in told.collect::<Vec<_>>() {
            self.push(number, &Out::Push(vec![bulk(b"invalidate"), Out::List(vec![bulk(key)])]));
        }
    }

    /// Moves the tail of a list to its head.
    pub(super) fn rotate(&mut self, key: &[u8]) -> Out {
        let tail = self.store.change_list(key, |list| {
            list.rotate_right(1);
            list.front().cloned()
        });
        self.invalidate(key);
        tail.flatten().map_or(Out::Nil, Out::Bulk)
    }
}
