//! Latency, fragmentation and faults of one simulated connection.

use std::time::Duration;

/// Latency, fragmentation and fault of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Longest latency of a fragment, one way.
    pub(crate) latency: Duration,
    /// Largest fragment in bytes.
    pub(crate) piece: usize,
    /// Size of the send buffer in bytes.
    pub(crate) window: usize,
    /// Sends in records, as TLS does.
    pub(crate) records: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Default for Plan {
    fn default() -> Self {
        let latency = Duration::from_micros(500);
        Plan { latency, piece: 64 * 1024, window: 64 * 1024, records: false, flaw: None }
    }
}

impl Plan {
    /// Returns the largest fragment of a message of `count` bytes. Large messages get larger
    /// fragments, or they would take most of the time of the tests.
    pub(super) fn piece_of(&self, count: usize) -> usize {
        self.piece.max(count / 8)
    }
}

/// Fault of one connection.
#[derive(Clone, Debug)]
pub(crate) enum Flaw {
    Refused,
    /// Connecting takes this long.
    Hangs(Duration),
    /// The server has reached its maximum number of clients.
    Full,
    /// The connection ends once `after` bytes have reached the server.
    CutUp {
        after: usize,
        reset: bool,
    },
    /// The connection ends once `after` bytes have reached the client.
    CutDown {
        after: usize,
        reset: bool,
    },
    /// Nothing reaches the server after `after` bytes.
    StallUp {
        after: usize,
    },
    /// Nothing reaches the client after `after` bytes.
    StallDown {
        after: usize,
    },
    /// The bytes precede the reply with this number.
    Garbage {
        reply: usize,
        bytes: Garbage,
    },
    /// The reply with this number, and those after it, are delayed.
    Late {
        reply: usize,
        by: Duration,
    },
}

/// Bytes that are not a valid reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Garbage {
    Noise,
    Http,
    TlsAlert,
    NoTerminator,
    TooLarge,
    TooDeep,
    TooManyElements,
    EndlessLine,
    Nul,
}

impl Garbage {
    pub(crate) const ALL: [Garbage; 9] = [
        Garbage::Noise,
        Garbage::Http,
        Garbage::TlsAlert,
        Garbage::NoTerminator,
        Garbage::TooLarge,
        Garbage::TooDeep,
        Garbage::TooManyElements,
        Garbage::EndlessLine,
        Garbage::Nul,
    ];

    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Garbage::Noise => b"@\x07\xff{\r\n\x80".to_vec(),
            Garbage::Http => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            Garbage::TlsAlert => b"\x15\x03\x03\x00\x02\x02\x28".to_vec(),
            Garbage::NoTerminator => b"$3\r\nabcdef\r\n".to_vec(),
            Garbage::TooLarge => b"$999999999999\r\n".to_vec(),
            Garbage::TooDeep => b"*1\r\n".repeat(40),
            Garbage::TooManyElements => b"*99999999999\r\n".to_vec(),
            Garbage::EndlessLine => [b"+".to_vec(), vec![b'x'; 70_000]].concat(),
            Garbage::Nul => b"\0\r\n".to_vec(),
        }
    }
}
