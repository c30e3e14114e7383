//! Body of the fuzz target `replies`: processes server bytes the way a connection does.

use redis::Value;

use super::error::{Error, ServerError};
use super::framer::{self, Frame, Framer, Violation};
use super::reply::{self, bulk, integer, items};

/// Small, so that inputs can exceed it.
const MAX_REPLY: usize = 8 * 1024;
/// Number of bytes that a NUL of the input stands for, so that a short input can exceed the limits
/// of the framer.
const RUN: usize = 4096;
/// The smallest stack that a caller may have.
const SMALL_STACK: usize = 128 * 1024;
/// Maximum length of a line, which may be held beside a reply of full size.
const MAX_LINE: usize = 64 * 1024;

/// Each frame with its depth, and the result after the last.
type Frames = (Vec<(Vec<u8>, usize)>, Result<Frame, Violation>);

/// Checks that server bytes produce the same replies whole and in pieces, and that no reply exceeds
/// its memory limit or the stack.
pub fn replies(bytes: &[u8]) {
    let stream = stream(bytes);
    let whole = frames(stream.clone(), |_| usize::MAX);
    // The bytes themselves determine the lengths of the pieces.
    let pieces = frames(stream, |byte| 1 + usize::from(byte) % 16);
    assert_eq!(whole, pieces, "in pieces it is something else");
    let take_all = || whole.0.iter().for_each(|(frame, depth)| take(frame, *depth));
    // Starting a thread is slow, and flat replies need no stack.
    if whole.0.iter().all(|(_, depth)| *depth == 0) {
        return take_all();
    }
    let parser = std::thread::Builder::new().stack_size(SMALL_STACK);
    std::thread::scope(|scope| {
        parser.spawn_scoped(scope, take_all).expect("a thread").join().expect("it is parsed");
    });
}

/// Maximum memory that [`replies`] may have allocated at a time: the input several times over, and
/// one parsed reply before and after its map is built from pairs.
pub fn memory_for_replies(bytes: &[u8]) -> usize {
    8 * stream(bytes).len() + 4 * (MAX_REPLY + MAX_LINE)
}

fn stream(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for byte in bytes {
        let (byte, times) = if *byte == 0 { (b'x', RUN) } else { (*byte, 1) };
        stream.resize(stream.len() + times, byte);
    }
    stream
}

/// Frames bytes that arrive in pieces; the first missing byte determines the length of the next
/// piece.
fn frames(mut stream: Vec<u8>, piece: impl Fn(u8) -> usize) -> Frames {
    let mut framer = Framer::new(MAX_REPLY);
    let (mut found, mut start, mut end, mut least) = (Vec::new(), 0, 0, 0);
    loop {
        match framer.frame(&mut stream[start..end]) {
            Ok(Frame::Complete { length, depth }) => {
                assert!((least..=end - start).contains(&length));
                found.push((stream[start..start + length].to_vec(), depth));
                start += length;
                least = 0;
            }
            Ok(Frame::Incomplete { at_least }) if end < stream.len() => {
                assert!(at_least > end - start);
                least = at_least;
                end = stream.len().min(end.saturating_add(piece(stream[end])));
            }
            last => return (found, last),
        }
    }
}

/// Decodes a frame and consumes it the way callers do.
fn take(frame: &[u8], depth: usize) {
    let value = match reply::decode(frame, depth) {
        Ok(value) => value,
        Err(message) => return assert!(message.len() < 1000, "{message}"),
    };
    let (elements, text) = measure(&value);
    assert!(elements * size_of::<Value>() <= MAX_REPLY, "{elements} elements");
    assert!(text <= frame.len(), "{text} bytes from {}", frame.len());
    if depth < 2 {
        let short = redis::parse_redis_value(&frame[..frame.len() - 1]);
        assert!(short.is_err(), "the parser ends before the framer: {short:?}");
    }
    if let Ok(list) = items(value.clone()) {
        by_item(frame, &list);
    }
    let _ = bulk(value.clone()).map_err(|error| error.to_string());
    let _ = integer(&value).map_err(|error| error.to_string());
    if let Err(Error::Server(error)) = reply::into_result(value) {
        judge(error);
    }
}

/// Checks that reading an array item by item returns the same items.
fn by_item(frame: &[u8], list: &[Value]) {
    let header = framer::list_header(frame).expect("the framer has found a list");
    let Some((length, count)) = header else { return };
    let (found, end) = frames(frame[length..].to_vec(), |_| usize::MAX);
    assert_eq!((found.len(), end), (count, Ok(Frame::Incomplete { at_least: 1 })));
    for ((item, depth), expected) in found.iter().zip(list) {
        let item = reply::decode(item, *depth).expect("it was decoded in its list");
        // Compared as text, since NaN does not equal itself.
        assert_eq!(format!("{item:?}"), format!("{expected:?}"));
    }
}

fn judge(error: ServerError) {
    let told = format!("{error} {error:?}");
    std::hint::black_box((told, error.is_passing(), error.is_authentication()));
}

/// Returns the number of elements below the top of a reply, and the bytes of all its strings.
fn measure(value: &Value) -> (usize, usize) {
    let text = |length: usize| (0, length);
    let add = |sum: (usize, usize), part: (usize, usize)| (sum.0 + 1 + part.0, sum.1 + part.1);
    let all = |values: &[Value]| values.iter().map(measure).fold((0, 0), add);
    let pairs = |pairs: &[(Value, Value)]| {
        let both = pairs.iter().flat_map(|(key, value)| [measure(key), measure(value)]);
        both.fold((0, 0), add)
    };
    match value {
        Value::BulkString(bytes) | Value::BigNumber(bytes) => text(bytes.len()),
        Value::SimpleString(string) | Value::VerbatimString { text: string, .. } => {
            text(string.len())
        }
        Value::ServerError(error) => {
            text(error.code().len() + error.details().unwrap_or_default().len())
        }
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => all(values),
        Value::Map(fields) => pairs(fields),
        Value::Attribute { data, attributes } => add(pairs(attributes), measure(data)),
        _ => (0, 0),
    }
}
