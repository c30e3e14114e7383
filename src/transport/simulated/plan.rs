//! How one connection of the simulated network behaves, and what goes wrong with it.

use std::time::Duration;

/// How a connection behaves.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The longest time that a piece is under way.
    pub(crate) latency: Duration,
    /// The largest piece in which bytes are sent and received.
    pub(crate) piece: usize,
    /// How many bytes of the client may be under way.
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
    /// The largest piece of so many bytes. Many bytes come in larger pieces, or they would take most of the time
    /// of the tests.
    pub(super) fn piece_of(&self, count: usize) -> usize {
        self.piece.max(count / 8)
    }
}

/// What goes wrong with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Flaw {
    Refused,
    /// Nothing answers for this time.
    Hangs(Duration),
    /// The server has all clients that it takes.
    Full,
    /// The connection ends once so many bytes have reached the server.
    CutUp {
        after: usize,
        reset: bool,
    },
    /// The connection ends once so many bytes have reached the client.
    CutDown {
        after: usize,
        reset: bool,
    },
    /// Nothing reaches the server after so many bytes.
    StallUp {
        after: usize,
    },
    /// Nothing reaches the client after so many bytes.
    StallDown {
        after: usize,
    },
    /// This is sent ahead of the reply of this number.
    Garbage {
        reply: usize,
        bytes: Garbage,
    },
    /// The reply of this number, and those after it, are under way for so long.
    Late {
        reply: usize,
        by: Duration,
    },
}

/// Bytes that are no reply.
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
