//! The receive buffer of a connection.

use crate::transport::framer::Framer;

/// How large it is at least.
pub(super) const READ_BUFFER: usize = 64 * 1024;

/// Received bytes that are not yet decoded: `buffer[start..end]`.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) buffer: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) framer: Framer,
    max: usize,
}

impl Input {
    pub(super) fn new(max_reply: usize) -> Self {
        let max = max_reply.saturating_add(READ_BUFFER);
        Input {
            buffer: vec![0; READ_BUFFER],
            start: 0,
            end: 0,
            framer: Framer::new(max_reply),
            max,
        }
    }

    /// Whether so much waits to be decoded that no more is taken in while sending.
    pub(super) fn is_full(&self) -> bool {
        self.end - self.start >= self.max
    }

    /// Room behind the received bytes. The buffer grows by doubling, with what has really come
    /// and not with what a reply claims.
    pub(super) fn space(&mut self, at_least: usize) -> &mut [u8] {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.buffer.len() {
                let doubled = self.buffer.len() * 2;
                // Not beyond the end of a large string: the whole of it is about to be here.
                let size =
                    if at_least > self.end + READ_BUFFER { doubled.min(at_least) } else { doubled };
                self.buffer.reserve_exact(size - self.end);
                self.buffer.resize(size, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > READ_BUFFER {
                self.buffer = vec![0; READ_BUFFER];
            }
        }
    }
}
