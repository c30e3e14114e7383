//! Finds the end of a reply before the parser sees it.
//!
//! `redis::Parser` recurses once per nesting level, waits without a timeout on some negative
//! lengths and trusts any claimed length, so a hostile or broken server could abort the process.
//! The framer walks a reply without recursion, resumes where the bytes ran out, and passes only
//! complete replies within the limits to the parser.

use std::fmt;

/// Content types of TLS records. No reply begins with any of them.
const TLS_RECORDS: std::ops::RangeInclusive<u8> = 0x14..=0x17;
/// Maximum length of a line (type byte, number or text, CRLF).
const MAX_LINE: usize = 64 * 1024;
/// Maximum nesting depth of arrays, maps and sets.
const MAX_DEPTH: usize = 16;
/// Memory per element besides its bytes, so that a reply of a million empty elements counts with
/// the size it has in memory.
const ELEMENT: usize = std::mem::size_of::<redis::Value>();

/// Result of [`Framer::frame`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A complete reply: its length in bytes and its nesting depth (0 for a flat one).
    Complete { length: usize, depth: usize },
    /// More bytes are needed: the reply has at least this length.
    Incomplete { at_least: usize },
}

/// Why a reply is invalid, as the text of an error message.
pub(super) type Violation = String;

#[derive(Debug)]
pub(super) struct Framer {
    max_reply: usize,
    /// Processed bytes of the current reply.
    position: usize,
    /// Where the search for the end of the current line continues.
    scanned: usize,
    /// Outstanding elements of each open level.
    open: Vec<usize>,
    depth: usize,
    /// Elements announced so far.
    elements: usize,
}

impl Framer {
    pub(super) fn new(max_reply: usize) -> Self {
        Framer { max_reply, position: 0, scanned: 0, open: Vec::new(), depth: 0, elements: 0 }
    }

    /// Examines `bytes`, which begin with the current reply and may have grown since the last call.
    /// After `Complete` the next call starts with the next reply. After a violation the connection
    /// cannot be used any more.
    ///
    /// Replaces each non-ASCII byte in the text of an error or status that is not UTF-8 with a `?`,
    /// in place: the parser would reject the reply, or turn one byte into three.
    pub(super) fn frame(&mut self, bytes: &mut [u8]) -> Result<Frame, Violation> {
        self.first_byte(bytes)?;
        while let Some(line_end) = self.line(bytes)? {
            let (kind, line) = (bytes[self.position], self.position + 1..line_end - 2);
            let mut next = line_end;
            let mut elements = 0;
            match kind {
                b'+' | b'-' => mend_utf8(&mut bytes[line]),
                b':' => {
                    number(&bytes[line])?;
                }
                b'_' if line.is_empty() => {}
                b'#' if matches!(&bytes[line.clone()], b"t" | b"f") => {}
                b'(' if is_whole(&bytes[line.clone()]) => {}
                b',' => {}
                b'$' | b'!' | b'=' => {
                    if let Some(length) = self.length(kind, &bytes[line])? {
                        next = line_end.saturating_add(length).saturating_add(2);
                        self.within_limit(next)?;
                        if bytes.len() < next {
                            return Ok(Frame::Incomplete { at_least: next });
                        }
                        if &bytes[next - 2..next] != b"\r\n" {
                            return Err("a bulk string does not end at its announced length".into());
                        }
                        if kind != b'$' {
                            mend_utf8(&mut bytes[line_end..next - 2]);
                        }
                    }
                }
                b'*' | b'~' | b'%' | b'|' | b'>' => {
                    elements = self.elements(kind, &bytes[line])?;
                }
                _ => {
                    return Err(format!(
                        "unknown reply type 0x{kind:02x}; this may not be a Redis server"
                    ));
                }
            }
            self.position = next;
            self.scanned = next;
            self.within_limit(next)?;
            if self.close(elements)? {
                let frame = Frame::Complete { length: self.position, depth: self.depth };
                *self =
                    Framer { open: std::mem::take(&mut self.open), ..Framer::new(self.max_reply) };
                return Ok(frame);
            }
        }
        Ok(Frame::Incomplete { at_least: bytes.len() + 1 })
    }

    /// A TLS server replies to a plain command with an alert, which has no lines.
    fn first_byte(&self, bytes: &[u8]) -> Result<(), Violation> {
        if self.position == 0 && bytes.first().is_some_and(|kind| TLS_RECORDS.contains(kind)) {
            return Err("a TLS record; this is a TLS port: use rediss:// or enable TLS".into());
        }
        Ok(())
    }

    /// Returns the end of the line at `position`, including CRLF, once it has arrived.
    fn line(&mut self, bytes: &[u8]) -> Result<Option<usize>, Violation> {
        let from = self.scanned.max(self.position);
        let end = bytes[from..].windows(2).position(|pair| pair == b"\r\n").map(|at| from + at + 2);
        if end.unwrap_or(bytes.len()) - self.position > MAX_LINE {
            return Err(format!("a line is longer than {MAX_LINE} bytes"));
        }
        if end.is_none() {
            // The last byte may be the CR of an incomplete CRLF.
            self.scanned = bytes.len().saturating_sub(1).max(from);
        }
        Ok(end)
    }

    /// Returns the length of a bulk string; `None` for the null string.
    fn length(&self, kind: u8, line: &[u8]) -> Result<Option<usize>, Violation> {
        match number(line)? {
            -1 if kind == b'$' => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) if length <= self.max_reply => Ok(Some(length)),
                Err(_) if length < 0 => Err(format!("a string of length {length}")),
                _ => Err(self.too_large(length)),
            },
        }
    }

    /// Returns the number of elements that an aggregate announces.
    fn elements(&mut self, kind: u8, line: &[u8]) -> Result<usize, Violation> {
        let announced = number(line)?;
        if announced == -1 && kind == b'*' {
            return Ok(0);
        }
        if announced < 0 {
            return Err(format!("an aggregate of {announced} elements"));
        }
        let count = usize::try_from(announced).map_err(|_| self.too_large(announced))?;
        let count = match kind {
            b'%' => count.checked_mul(2),
            b'|' => count.checked_mul(2).and_then(|count| count.checked_add(1)),
            _ => Some(count),
        };
        if kind == b'>' && (announced < 1 || !self.open.is_empty()) {
            return Err("a push that is empty or inside another reply".into());
        }
        let total = count.and_then(|count| self.elements.checked_add(count));
        let fits =
            |total: &usize| total.checked_mul(ELEMENT).is_some_and(|bytes| bytes <= self.max_reply);
        self.elements = total.filter(fits).ok_or_else(|| self.too_large(announced))?;
        Ok(count.unwrap_or(0))
    }

    /// Counts the element just read, which opens `elements` more. Returns true if the reply is
    /// complete.
    fn close(&mut self, elements: usize) -> Result<bool, Violation> {
        if elements > 0 {
            if self.open.len() == MAX_DEPTH {
                return Err(format!("a reply nested deeper than {MAX_DEPTH} levels"));
            }
            self.open.push(elements);
            self.depth = self.depth.max(self.open.len());
            return Ok(false);
        }
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return Ok(false);
            }
            self.open.pop();
        }
        Ok(true)
    }

    fn within_limit(&self, length: usize) -> Result<(), Violation> {
        let memory = self.elements.saturating_mul(ELEMENT).saturating_add(length);
        if memory > self.max_reply.saturating_add(MAX_LINE) {
            return Err(self.too_large(memory));
        }
        Ok(())
    }

    fn too_large(&self, claimed: impl fmt::Display) -> Violation {
        format!(
            "a reply of {claimed} bytes or elements exceeds the maximum reply size of {} bytes; raise that limit if such replies are expected",
            self.max_reply
        )
    }
}

/// Maximum length of the header of an array.
pub(super) const HEADER: usize = 24;

/// Returns the length of the header of an array and the number of its items, if an array begins
/// here and its header is complete.
pub(super) fn list_header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let header = &bytes[..bytes.len().min(HEADER)];
    let end = header.windows(2).position(|pair| pair == b"\r\n");
    match (header.first(), end) {
        (Some(b'*'), Some(end)) => {
            let count = usize::try_from(number(&header[1..end])?).unwrap_or(0); // −1 is no list
            Ok(Some((end + 2, count)))
        }
        _ => Ok(None),
    }
}

/// Parses a decimal number of 64 bits; rejects blanks and a plus sign.
fn number(line: &[u8]) -> Result<i64, Violation> {
    let text = std::str::from_utf8(line).ok();
    text.filter(|_| is_whole(line))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "an invalid number".into())
}

fn is_whole(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn mend_utf8(text: &mut [u8]) {
    if std::str::from_utf8(text).is_err() {
        text.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1024 * 1024;

    fn frame(reply: &[u8]) -> Result<Frame, Violation> {
        Framer::new(LIMIT).frame(&mut reply.to_vec())
    }

    fn violation(reply: &[u8]) -> String {
        frame(reply).expect_err(&String::from_utf8_lossy(reply))
    }

    const WHOLE: &[(&[u8], usize)] = &[
        (b"+OK\r\n", 0),
        (b"-ERR no\r\n", 0),
        (b":-12\r\n", 0),
        (b"$-1\r\n", 0),
        (b"$0\r\n\r\n", 0),
        (b"$4\r\na\r\nb\r\n", 0),
        (b"*-1\r\n", 0),
        (b"*0\r\n", 0),
        (b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", 2),
        (b"%1\r\n+k\r\n+v\r\n", 1),
        (b"~1\r\n_\r\n", 1),
        (b"|1\r\n+k\r\n+v\r\n:1\r\n", 1),
        (b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n", 2),
        (b"#t\r\n", 0),
        (b",1.5\r\n", 0),
        (b"(123456789012345678901234567890\r\n", 0),
        (b"=5\r\ntxt:x\r\n", 0),
        (b"!5\r\nERR x\r\n", 0),
    ];

    #[test]
    fn whole_replies_are_found_whole_and_byte_by_byte() {
        for (reply, depth) in WHOLE {
            let expected = Frame::Complete { length: reply.len(), depth: *depth };
            assert_eq!(frame(reply).unwrap(), expected, "{}", String::from_utf8_lossy(reply));
            let mut framer = Framer::new(LIMIT);
            for end in 1..reply.len() {
                let part = framer.frame(&mut reply[..end].to_vec()).unwrap();
                assert!(
                    matches!(part, Frame::Incomplete { at_least } if at_least > end && at_least <= reply.len())
                );
            }
            assert_eq!(framer.frame(&mut reply.to_vec()).unwrap(), expected);
        }
    }

    #[test]
    fn one_reply_after_another() {
        let mut framer = Framer::new(LIMIT);
        let mut bytes: Vec<u8> = WHOLE.iter().flat_map(|(reply, _)| reply.to_vec()).collect();
        for (reply, depth) in WHOLE {
            let found = framer.frame(&mut bytes).unwrap();
            assert_eq!(found, Frame::Complete { length: reply.len(), depth: *depth });
            bytes.drain(..reply.len());
        }
        assert!(bytes.is_empty());
    }

    #[test]
    fn hostile_replies_are_refused() {
        for reply in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\0\r\n",
            b"\r\n",
            b":+1\r\n",
            b": 1\r\n",
            b":\r\n",
            b":-\r\n",
            b":9223372036854775808\r\n",
            b"$-2\r\n",
            b"$?\r\n",
            b"!-1\r\n",
            b"=-1\r\n",
            b"~-1\r\n",
            b"%-1\r\n",
            b"|-1\r\n",
            b"*-2\r\n",
            b">0\r\n",
            b">-1\r\n",
            b"*1\r\n>1\r\n+x\r\n",
            b"_x\r\n",
            b"#x\r\n",
            b"(12a\r\n",
            b"$1\r\nxyz\r\n",
            b"*9223372036854775807\r\n",
            b"%9223372036854775807\r\n",
            b"$9223372036854775807\r\n",
        ] {
            violation(reply);
        }
        assert!(violation(b"$1048577\r\n").contains("maximum reply size"));
        assert!(violation(b"*1048577\r\n").contains("maximum reply size"));
        assert!(violation(&b"*1\r\n".repeat(17)).contains("16 levels"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes Miri many minutes, byte by byte")]
    fn a_line_that_is_too_long_is_refused() {
        let line = [&b"+"[..], &[b'x'; MAX_LINE]].concat();
        assert!(violation(&line).contains("line"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes Miri many minutes, byte by byte")]
    fn a_limit_of_any_size_is_a_limit() {
        for limit in [usize::MAX, usize::MAX - 1, usize::MAX - MAX_LINE, isize::MAX as usize] {
            let mut framer = Framer::new(limit);
            for (reply, depth) in WHOLE {
                let found = framer.frame(&mut reply.to_vec());
                assert_eq!(found, Ok(Frame::Complete { length: reply.len(), depth: *depth }));
            }
            // Longer than the line limit, which a past overflow applied to everything.
            let large = [&b"$100000\r\n"[..], &vec![b'x'; 100_000], b"\r\n"].concat();
            let found = framer.frame(&mut large.clone());
            assert_eq!(found, Ok(Frame::Complete { length: large.len(), depth: 0 }));
            for claim in ["$9223372036854775807\r\n", "*2\r\n+x\r\n$9223372036854775807\r\n"] {
                // It may or may not fit the limit, but never counts as a complete reply.
                let found = Framer::new(limit).frame(&mut claim.as_bytes().to_vec());
                assert!(!matches!(found, Ok(Frame::Complete { .. })), "{found:?}");
            }
            let many = Framer::new(limit).frame(&mut b"*9223372036854775807\r\n".to_vec());
            assert!(many.unwrap_err().contains("maximum reply size"));
        }
    }

    #[test]
    fn a_tls_alert_is_named_before_any_line_ends() {
        for alert in [&b"\x15"[..], b"\x15\x03\x01\0\x02\x02\x46"] {
            assert!(violation(alert).contains("TLS port"), "{alert:?}");
        }
        assert!(matches!(frame(b"$3\r\n\x15\x03\x01\r\n"), Ok(Frame::Complete { .. })));
    }

    #[test]
    fn headers_of_lists() {
        assert_eq!(list_header(b"*12\r\n:1\r\n"), Ok(Some((5, 12))));
        assert_eq!(list_header(b"*-1\r\n"), Ok(Some((5, 0))));
        for other in [&b""[..], b"*", b"*1\r", b":1\r\n", b">1\r\n+x\r\n"] {
            assert_eq!(list_header(other), Ok(None));
        }
        assert!(list_header(b"*x\r\n").is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes Miri many minutes, byte by byte")]
    fn many_small_announcements_do_not_get_past_the_limit() {
        let part = b"*16000\r\n";
        let mut reply = b"*2\r\n".to_vec();
        reply.extend_from_slice(part);
        reply.extend_from_slice(&b"_\r\n".repeat(16000));
        reply.extend_from_slice(part);
        assert!(violation(&reply).contains("maximum reply size"));
        let strings = b"$700000\r\n".iter().copied().chain(vec![b'x'; 700_000]).chain(*b"\r\n");
        let strings: Vec<u8> = strings.collect();
        let reply = [&b"*2\r\n"[..], &strings, &strings].concat();
        assert!(violation(&reply).contains("maximum reply size"));
    }

    #[test]
    fn text_that_is_no_utf8_is_mended_in_place() {
        for (reply, mended) in [
            (&b"-ERR \xff\xfe bad\r\n"[..], &b"-ERR ?? bad\r\n"[..]),
            (b"!6\r\nERR \xff\xfe\r\n", b"!6\r\nERR ??\r\n"),
            (b"=6\r\ntxt:\xff\xfe\r\n", b"=6\r\ntxt:??\r\n"),
            (b"$2\r\n\xff\xfe\r\n", b"$2\r\n\xff\xfe\r\n"), // bytes, and not text
        ] {
            let mut reply = reply.to_vec();
            Framer::new(LIMIT).frame(&mut reply).unwrap();
            assert_eq!(reply, mended);
        }
    }
}
