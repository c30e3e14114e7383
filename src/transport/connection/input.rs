//! Receive buffer of a connection.

use crate::transport::framer::Framer;

/// Minimum size of the buffer in bytes.
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

    /// Returns whether enough undecoded bytes are buffered to stop receiving while sending.
    pub(super) fn is_full(&self) -> bool {
        self.end - self.start >= self.max
    }

    /// Returns free space after the received bytes. The buffer doubles with the bytes actually
    /// received, not with the length that a reply claims.
    pub(super) fn space(&mut self, at_least: usize) -> &mut [u8] {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end == self.buffer.len() {
                let doubled = self.buffer.len() * 2;
                // Do not grow past the end of a large string, most of which is already here.
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
