//! Connection to a server: queues commands, sends them and reads their replies.

mod input;
mod piggyback;

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use self::input::{Input, READ_BUFFER};
use super::address::{Config, Endpoint};
use super::clock;
use super::deadline::Until;
use super::error::{Error, Result, ServerError};
use super::framer::{self, Frame};
use super::pending_ttl::{OwnKeys, Pending};
use super::poll::{self, Interest, Ready};
use super::reply::{self, Reply};
use super::sentinel;
use super::server::{self, Mode, NO_CLUSTER, Server};
#[cfg(test)]
use super::simulated::Stream;
#[cfg(not(test))]
use super::stream::Stream;
use super::tls::{self, Connector};
use super::tracking::Pushes;

/// Unsent bytes past which sending starts while more commands are queued, so that the server does
/// not sit idle. A lower limit costs system calls, a higher one leaves the server idle: `make
/// bench` measures both.
const SEND_EARLY: usize = 6 * 1024;

/// How long the answer of the Sentinels, naming this server as the master, stays valid.
const NAMED_FOR: Duration = Duration::from_secs(4);

/// Logged-in connection, used by one thread at a time and handed out by the [`Pool`](super::Pool).
///
/// [`Connection::command`] queues commands, and [`Connection::reply`] returns their replies in the
/// same order. A connection that is dropped in the middle of either, or with unread replies, is
/// closed and not reused.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    address: String,
    pub(crate) server: Server,
    output: Vec<u8>,
    /// Bytes of `output` that the stream has taken.
    flushed: usize,
    /// Bytes queued, taken by the stream, and sent, over the life of the connection.
    packed: u64,
    taken: u64,
    sent: u64,
    /// The error that ended sending.
    failure: Option<io::Error>,
    /// Whether any bytes have been received.
    heard: bool,
    input: Input,
    /// Replies not yet read, except those to the piggybacked commands of `own`.
    outstanding: usize,
    own: OwnKeys,
    /// Pending TTL updates of the pool, set when the pool lends the connection.
    pending: Option<Arc<Pending>>,
    /// Push notifications that arrived between replies.
    pub(super) pushes: Pushes,
    /// Whether client-side tracking is enabled.
    pub(super) tracks: bool,
    /// Whether other calls must not reuse the connection.
    retired: bool,
    /// When the Sentinels last named this server as the master.
    pub(super) named: Option<Instant>,
    /// Run ID of the server; `None` if the user may not run INFO.
    pub(super) server_run: Option<Arc<str>>,
    /// Whether the reply to the INFO that reports the run ID is still outstanding.
    awaits_run: bool,
}

/// Log target for connection events.
const LOG: &str = "acclient::connection";

impl Connection {
    /// Connects and logs in; with Sentinels configured, to the master they name.
    pub(crate) fn open(config: &Config, tls: Option<&Connector>, until: &Until) -> Result<Self> {
        let connection = match &config.endpoint {
            Endpoint::Sentinel { sentinels, name } => {
                let master = sentinel::master(config, sentinels, name, tls, until)?;
                sentinel::connect(config, &master, tls, until)?
            }
            endpoint => Connection::open_at(endpoint, config, tls, until)?,
        };
        let what = match connection.server.mode {
            None | Some(Mode::Standalone) => return Ok(connection),
            Some(Mode::Cluster) => NO_CLUSTER,
            Some(Mode::Sentinel) => "a Sentinel: name it in a redis+sentinel:// URL",
        };
        Err(Error::Unsupported { address: connection.address, what })
    }

    /// Connects and logs in without checking the server mode.
    pub(super) fn open_at(
        endpoint: &Endpoint,
        config: &Config,
        tls: Option<&Connector>,
        until: &Until,
    ) -> Result<Self> {
        let connected = Connection::log_in_at(endpoint, config, tls, until);
        match &connected {
            Ok(connection) => log::debug!(target: LOG, "connected to {}", connection.address),
            Err(error) => log::debug!(target: LOG, "{error}"),
        }
        connected
    }

    fn log_in_at(
        endpoint: &Endpoint,
        config: &Config,
        tls: Option<&Connector>,
        until: &Until,
    ) -> Result<Self> {
        let mut connection = Connection::unused(endpoint, config, tls, until)?;
        let mut logged_in = connection.log_in(config, until);
        // Some proxies close the connection on a command they do not know, such as HELLO.
        if connection.was_closed_over_a_question(&logged_in) {
            connection = Connection::unused(endpoint, config, tls, until)?;
            connection.server.closes = true;
            logged_in = connection.log_in(config, until);
        }
        match logged_in {
            Ok(()) => Ok(connection),
            Err(Error::Lost { address, source }) => Err(match tls::refusal(&source) {
                // In TLS 1.3 a server rejects the client certificate after the handshake.
                Some(message) => {
                    Error::Tls { host: address, message, source: Some(tls::cause(source)) }
                }
                // OpenSSL closes a connection that does not start with TLS and sends no alert.
                None if !connection.heard && connection.stream.is_plain_tcp() => {
                    let hint = format!("{source} before any reply; this may be a TLS port");
                    Error::Connect { address, source: io::Error::new(source.kind(), hint) }
                }
                None => Error::Connect { address, source },
            }),
            Err(Error::Server(error)) => {
                // Some servers quote the rejected command, password included.
                let error = error.without(config.password.as_ref());
                Err(if error.is_authentication() {
                    Error::Authentication { address: connection.address, error }
                } else {
                    Error::Server(error)
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Connects without logging in.
    fn unused(
        endpoint: &Endpoint,
        config: &Config,
        tls: Option<&Connector>,
        until: &Until,
    ) -> Result<Self> {
        Ok(Connection {
            stream: Stream::connect(endpoint, tls, until)?,
            address: endpoint.to_string(),
            server: Server::default(),
            output: Vec::new(),
            flushed: 0,
            packed: 0,
            taken: 0,
            sent: 0,
            failure: None,
            heard: false,
            input: Input::new(config.max_reply),
            outstanding: 0,
            own: OwnKeys::default(),
            pending: None,
            pushes: Pushes::default(),
            tracks: false,
            retired: false,
            named: None,
            server_run: None,
            awaits_run: false,
        })
    }

    /// Returns whether the server closed the connection cleanly in response to HELLO or INFO. A
    /// reset does not count: a crashing server causes one.
    fn was_closed_over_a_question(&self, logged_in: &Result<()>) -> bool {
        let is_end = |source: &io::Error| source.kind() == ErrorKind::UnexpectedEof;
        (!self.heard || self.awaits_run)
            && matches!(logged_in, Err(Error::Lost { source, .. }) if is_end(source))
    }

    /// Logs in over RESP3, or RESP2 where the server lacks RESP3. Takes a single round trip if
    /// there are no credentials and no database to select.
    fn log_in(&mut self, config: &Config, until: &Until) -> Result<()> {
        let refusal = if self.server.closes { None } else { self.say_hello(config, until)? };
        if !self.server.resp3 {
            match (self.log_in_without_hello(config, until), refusal) {
                // The server gave its reason before it closed, unless it only lacks HELLO.
                (Err(Error::Lost { .. }), Some(refusal)) if !refusal.is_unknown_command() => {
                    return Err(Error::Server(refusal));
                }
                (done, _) => done?,
            }
        }
        if config.db != 0 {
            self.command(&[b"SELECT", config.db.to_string().as_bytes()]);
            self.reply(until)?;
        }
        if self.server.mode.is_none() { self.find_mode(until) } else { Ok(()) }
    }

    /// Logs in with HELLO and asks for the run ID in the same round trip. Returns the error if the
    /// server rejects HELLO for any reason other than the password.
    fn say_hello(&mut self, config: &Config, until: &Until) -> Result<Option<ServerError>> {
        let user = config.user.as_deref().unwrap_or(DEFAULT_USER).as_bytes();
        match password(config) {
            Some(password) => self.command(&[b"HELLO", b"3", b"AUTH", user, password]),
            None => self.command(&[b"HELLO", b"3"]),
        };
        self.command(&[b"INFO", b"server"]);
        let refusal = match self.reply(until) {
            Ok(hello) => {
                let server = Server::from_hello(hello);
                self.server = server.map_err(|error| self.violated(error.to_string()))?;
                None
            }
            Err(Error::Server(error)) if !error.is_passing() && error.code != "WRONGPASS" => {
                Some(error)
            }
            Err(error) => return Err(error),
        };
        self.awaits_run = refusal.is_none();
        self.server_run = match self.reply(until) {
            Ok(info) => server::run_in(info),
            Err(Error::Server(_)) => None,
            // The login without HELLO fails on the same lost connection.
            Err(Error::Lost { .. }) if refusal.is_some() => None,
            Err(error) => return Err(error),
        };
        self.awaits_run = false;
        Ok(refusal)
    }

    /// Returns the run ID of the server, which changes on a restart and on a failover, or `None` if
    /// the user may not run INFO.
    pub(crate) fn run(&self) -> Option<&Arc<str>> {
        self.server_run.as_ref()
    }

    fn log_in_without_hello(&mut self, config: &Config, until: &Until) -> Result<()> {
        match (password(config), &config.user) {
            // Servers with ACL users also accept the form below, and older servers know only that
            // form.
            (Some(password), Some(user)) if user != DEFAULT_USER => {
                self.command(&[b"AUTH", user.as_bytes(), password]);
            }
            (Some(password), _) => drop(self.command(&[b"AUTH", password])),
            (None, _) => drop(self.command(&[b"PING"])),
        }
        match self.reply(until) {
            // A server that cannot write to its disk rejects PING too, but still serves reads.
            Err(Error::Server(error)) if error.code == "MISCONF" => Ok(()),
            reply => reply.map(drop),
        }
    }

    /// Returns the address of the server.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Returns whether the Sentinels have to be asked again if this server is the master: a
    /// replaced master may keep accepting commands for many seconds.
    pub(crate) fn is_stale(&self) -> bool {
        self.named.is_some_and(|named| clock::since(named) > NAMED_FOR)
    }

    /// Prevents other calls from reusing the connection.
    pub(crate) fn retire(&mut self) {
        self.retired = true;
    }

    /// Queues a command and returns its mark for [`Connection::was_sent`]. Does not block: the next
    /// [`Connection::reply`] sends what does not fit into the socket buffer.
    pub(crate) fn command(&mut self, args: &[&[u8]]) -> u64 {
        if self.outstanding == 0 {
            self.pack_own();
            self.pack_batch();
        }
        self.pack(args);
        self.outstanding += 1;
        if self.output.len() - self.flushed > SEND_EARLY {
            self.send_some();
        }
        self.packed
    }

    /// Returns whether every byte of the command with this mark was sent. If not, the server cannot
    /// run it: a partially written command is never executed.
    pub(crate) fn was_sent(&self, mark: u64) -> bool {
        self.sent >= mark
    }

    /// Sends the queued commands and reads the next reply. An error reply is returned as
    /// [`Error::Server`] and leaves the connection usable; any other error does not.
    pub(crate) fn reply(&mut self, until: &Until) -> Result<Reply> {
        let flushed = self.flush(until);
        loop {
            let value = match &flushed {
                Ok(()) => self.read_value(until)?,
                // A server that rejects a command by closing may send the reason before it closes.
                Err(Error::Lost { .. }) => match self.received_value()? {
                    Some(value) => value,
                    None => return flushed.map(|()| Value::Nil),
                },
                Err(_) => return flushed.map(|()| Value::Nil),
            };
            if let Value::Push { .. } = value {
                self.keep_push(value)?;
                until.check()?; // traffic never extends a deadline
                continue;
            }
            let value = reply::into_result(value);
            if let Some(piggybacked) = self.own.sent.pop_front() {
                self.report(piggybacked, value);
                continue;
            }
            self.outstanding -= 1;
            return value;
        }
    }

    /// Reads the next reply, an array, and passes on one item at a time. For an array of many small
    /// items this takes a fraction of the memory of a [`Reply`].
    pub(crate) fn each(&mut self, until: &Until, mut take: impl FnMut(Reply)) -> Result<()> {
        self.flush(until)?;
        let count = loop {
            let received = &self.input.buffer[self.input.start..self.input.end];
            match framer::list_header(received).map_err(|message| self.violated(message))? {
                Some((length, count)) if self.own.sent.is_empty() => {
                    self.input.consume(length);
                    break count;
                }
                None if received.len() < framer::HEADER
                    && received.first().is_none_or(|kind| *kind == b'*') =>
                {
                    while !self.receive(0)? {
                        self.wait(Interest::Read, until)?;
                    }
                    until.check()?;
                }
                // A push or another reply comes first, or the reply is not an array.
                _ => {
                    let items = reply::items(self.reply(until)?);
                    items
                        .map_err(|error| self.violated(error.to_string()))?
                        .into_iter()
                        .for_each(take);
                    return Ok(());
                }
            }
        };
        for _ in 0..count {
            let item = reply::into_result(self.read_value(until)?)?;
            take(item);
        }
        self.outstanding -= 1;
        Ok(())
    }

    /// Returns whether the next call can use this connection.
    pub(crate) fn is_reusable(&self) -> bool {
        self.outstanding == 0
            && self.own.sent.is_empty()
            && self.failure.is_none()
            && self.flushed == self.output.len()
            && self.input.start == self.input.end
            && self.pushes.is_empty()
            && !self.tracks
            && !self.retired
    }

    /// Returns whether input is available since the last call. On an idle connection that means
    /// that the server closed it.
    pub(super) fn has_input(&mut self) -> bool {
        self.stream.has_input()
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.fd()
    }

    /// Appends a command to the output. Written by hand because `redis::cmd` costs a tenth of the
    /// throughput.
    fn pack(&mut self, args: &[&[u8]]) {
        if self.flushed == self.output.len() {
            self.output.clear();
            self.flushed = 0;
        }
        let before = self.output.len();
        push_header(&mut self.output, b'*', args.len());
        for arg in args {
            push_header(&mut self.output, b'$', arg.len());
            self.output.extend_from_slice(arg);
            self.output.extend_from_slice(b"\r\n");
        }
        self.packed += (self.output.len() - before) as u64;
    }

    /// Sends what the socket accepts without blocking. Returns whether everything was sent.
    fn send_some(&mut self) -> bool {
        while self.failure.is_none() && (self.flushed < self.output.len() || self.sent < self.taken)
        {
            let rest = &self.output[self.flushed..];
            let taken = match rest {
                [] => self.stream.push_out(),
                rest => self.stream.send(rest),
            };
            match taken {
                Ok(count) => {
                    // TLS accepts a record once the previous one is out. The server can decrypt
                    // none of a partially sent record.
                    self.sent = self.taken;
                    self.flushed += count;
                    self.taken += count as u64;
                    if !self.stream.has_unsent() {
                        self.sent = self.taken;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => self.failure = Some(error),
            }
        }
        self.failure.is_none()
    }

    fn flush(&mut self, until: &Until) -> Result<()> {
        while !self.send_some() {
            if let Some(error) = self.failure.take() {
                self.failure = Some(ErrorKind::BrokenPipe.into());
                return Err(self.lost(error));
            }
            // Receive too: a server that cannot write its replies stops reading commands, and both
            // sides would deadlock.
            let interest = if self.input.is_full() { Interest::Write } else { Interest::ReadWrite };
            let ready = self.wait(interest, until)?;
            if ready.read && !self.input.is_full() {
                self.receive(0)?;
            }
            until.check()?;
        }
        if self.output.capacity() > READ_BUFFER * 4 {
            self.output = Vec::new(); // a huge command is not kept in memory
            self.flushed = 0;
        }
        Ok(())
    }

    /// Returns the next reply already received on a connection that failed while sending.
    fn received_value(&mut self) -> Result<Option<Value>> {
        loop {
            match self.receive(0) {
                Ok(true) => {}
                // A TLS alert is more specific than the send error.
                Err(Error::Lost { address, source }) if tls::refusal(&source).is_some() => {
                    return Err(Error::Lost { address, source });
                }
                Ok(false) | Err(_) => break,
            }
        }
        let (start, end) = (self.input.start, self.input.end);
        let found = self.input.framer.frame(&mut self.input.buffer[start..end]);
        match found.map_err(|message| self.violated(message))? {
            Frame::Complete { length, depth } => self.take_frame(length, depth).map(Some),
            Frame::Incomplete { .. } => Ok(None),
        }
    }

    fn take_frame(&mut self, length: usize, depth: usize) -> Result<Value> {
        let frame = &self.input.buffer[self.input.start..][..length];
        let value = reply::decode(frame, depth).map_err(|message| self.violated(message))?;
        self.input.consume(length);
        Ok(value)
    }

    /// Stores a push until a caller reads it. No caller reads pushes between calls, so their number
    /// is limited to keep a server from exhausting the memory.
    pub(super) fn keep_push(&mut self, push: Value) -> Result<()> {
        self.pushes.keep(push).map_err(|message| self.violated(message))
    }

    fn read_value(&mut self, until: &Until) -> Result<Value> {
        loop {
            let found =
                self.input.framer.frame(&mut self.input.buffer[self.input.start..self.input.end]);
            match found.map_err(|message| self.violated(message))? {
                Frame::Complete { length, depth } => return self.take_frame(length, depth),
                Frame::Incomplete { at_least } => {
                    while !self.receive(at_least)? {
                        self.wait(Interest::Read, until)?;
                    }
                    until.check()?;
                }
            }
        }
    }

    /// Receives once; returns false if no data is available. The reply being received is at least
    /// `at_least` bytes long.
    fn receive(&mut self, at_least: usize) -> Result<bool> {
        match self.stream.receive(self.input.space(at_least)) {
            Ok(0) => {
                Err(self.lost(io::Error::new(ErrorKind::UnexpectedEof, "closed by the server")))
            }
            Ok(count) => {
                self.input.end += count;
                self.heard = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(self.lost(error)),
        }
    }

    /// Waits for the server until the call ends or `until.silence` has passed.
    fn wait(&self, interest: Interest, until: &Until) -> Result<Ready> {
        let Some(silence) = until.silence else {
            return poll::wait(self.stream.fd(), interest, until);
        };
        let ready = poll::wait_up_to(self.stream.fd(), interest, silence, until)?;
        ready.ok_or_else(|| {
            let silent = format!("no reply for {} s", silence.as_secs());
            self.lost(io::Error::new(ErrorKind::TimedOut, silent))
        })
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Lost { address: self.address.clone(), source }
    }

    pub(crate) fn violated(&self, message: String) -> Error {
        Error::Protocol { address: self.address.clone(), message }
    }

    /// Waits up to `pause`, for calls that poll.
    pub(crate) fn pause(&self, pause: Duration, until: &Until) -> Result<()> {
        poll::wait_up_to(self.stream.fd(), Interest::Read, pause, until).map(|_| ())
    }

    /// Waits up to `pause` for a push unless one is stored, then receives all that have arrived.
    /// Must only be called between replies.
    pub(super) fn receive_pushes(&mut self, pause: Duration, until: &Until) -> Result<()> {
        debug_assert_eq!(self.outstanding, 0);
        // Receive first: TLS may have buffered more than was read.
        if self.pushes.is_empty() && self.input.start == self.input.end && !self.receive(0)? {
            let ready = poll::wait_up_to(self.stream.fd(), Interest::Read, pause, until)?;
            if ready.is_none() {
                return Ok(());
            }
            self.receive(0)?;
        }
        while self.input.start < self.input.end {
            match self.read_value(until)? {
                push @ Value::Push { .. } => self.keep_push(push)?,
                _ => return Err(self.violated("unexpected reply".into())),
            }
        }
        Ok(())
    }
}

/// The user of a login without a user name, and of servers without ACL users.
const DEFAULT_USER: &str = "default";

/// Returns the password to log in with. A user without a password logs in with an empty one, so
/// that the named user is the one in use.
fn password(config: &Config) -> Option<&[u8]> {
    let password = config.password.as_ref().map(|password| password.expose().as_bytes());
    password.or(config.user.as_ref().map(|_| &b""[..]))
}

fn push_header(output: &mut Vec<u8>, kind: u8, number: usize) {
    // Most arguments are short, and several `push` calls cost more than copying four bytes.
    if let digit @ 0..=9 = number {
        return output.extend_from_slice(&[kind, b'0' + digit as u8, b'\r', b'\n']);
    }
    output.push(kind);
    output.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    output.extend_from_slice(b"\r\n");
}
