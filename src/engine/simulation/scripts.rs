//! The effects of the engine's Lua scripts, for the simulated server.

use crate::protocol::{ResultDocument, keys};
use crate::transport::simulated::{Out, World};

/// Executes a script, which its keys identify.
pub(super) fn eval(world: &mut World, _: &[u8], keys: &[Vec<u8>], args: &[Vec<u8>]) -> Out {
    match keys {
        [queue, mark, queued, hash, lists @ ..] if queue == keys::QUEUE.as_bytes() => {
            let push = PushOnce { queue, mark, queued, hash, lists, args };
            Out::Int(push.run(world))
        }
        [queue, mark] if queue == keys::QUEUE.as_bytes() => {
            let mut count = 0;
            for document in &args[1..] {
                count += call(world, &[b"LREM", queue, b"0", document]).map_or(0, integer);
            }
            if args[0] <= count.to_string().into_bytes() {
                call(world, &[b"DEL", mark]);
            }
            Out::Int(count)
        }
        _ => Out::Int(1),
    }
}

struct PushOnce<'a> {
    queue: &'a [u8],
    mark: &'a [u8],
    queued: &'a [u8],
    hash: &'a [u8],
    lists: &'a [Vec<u8>],
    /// Seconds to live, the digest, the start of all digests, the words and the size of a refusal, a field for
    /// each list, the documents.
    args: &'a [Vec<u8>],
}

impl PushOnce<'_> {
    fn run(&self, world: &mut World) -> i64 {
        let (digest, all) = (&self.args[1], &self.args[2]);
        let mut queued = call(world, &[b"LLEN", self.queued]).map_or(0, integer);
        if let Some(Out::Bulk(mark)) = call(world, &[b"GET", self.mark]) {
            let is_same = mark.starts_with(digest);
            if mark.starts_with(all) && !is_same {
                return 2;
            }
            let before =
                if is_same { text(&mark[digest.len() + 1..]).parse().unwrap_or(0) } else { 0 };
            if !self.never_ran(world, queued, before) {
                return 0;
            }
            let others = self.lists.iter().map(Vec::as_slice);
            for key in [self.mark, self.queued, self.hash].into_iter().chain(others) {
                call(world, &[b"DEL", key]);
            }
            queued = 0;
        }
        for document in &self.args[5 + self.lists.len()..] {
            call(world, &[b"RPUSH", self.queue, document]);
        }
        let value = format!("{}:{queued}", text(digest));
        call(world, &[b"SET", self.mark, value.as_bytes(), b"EX", &self.args[0]]);
        1
    }

    fn never_ran(&self, world: &mut World, queued: i64, before: i64) -> bool {
        let count = self.lists.len();
        let fields = items(call(world, &[b"HKEYS", self.hash]));
        if queued < before + count as i64 || fields.len() != count {
            return false;
        }
        let mut said = Vec::new();
        for (field, list) in self.args[5..].iter().zip(self.lists) {
            said.extend(call(world, &[b"HGET", self.hash, field]));
            let entries = items(call(world, &[b"LRANGE", list, b"0", b"-1"]));
            if entries.is_empty() {
                return false;
            }
            said.extend(entries);
        }
        said.iter().all(is_refusal)
    }
}

fn is_refusal(said: &Out) -> bool {
    let Out::Bulk(document) = said else { return false };
    ResultDocument::parse(document).is_ok_and(|document| document.is_no_such_agent())
}

/// Executes a command; `None` for a null.
fn call(world: &mut World, words: &[&[u8]]) -> Option<Out> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
    Some(world.run(None, &words)).filter(|out| *out != Out::Nil)
}

fn integer(out: Out) -> i64 {
    match out {
        Out::Int(number) => number,
        other => panic!("a number was expected, not {other:?}"),
    }
}

fn items(out: Option<Out>) -> Vec<Out> {
    match out {
        Some(Out::List(items)) => items,
        other => panic!("a list was expected, not {other:?}"),
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}
