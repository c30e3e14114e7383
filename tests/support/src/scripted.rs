//! A scripted Redis server: it runs a script of the test on each connection, valid or not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use acclient::{Client, Error, ErrorKind, Job, Target};

/// Timeout for something that must happen; only a failing test reaches it.
pub const LONG: Duration = crate::WAIT;

/// A deadline that a test waits for.
pub const SHORT: Duration = Duration::from_secs(1);

/// The password that a test logs in with; no error may contain it.
pub const PASSWORD: &str = "sesame";

/// The `max_reply` that [`violations`] assume.
pub const MAX_REPLY: usize = 1024 * 1024;

/// The result that [`Peer::answer`] returns for every command.
pub const RESULT: &str = r#"{"id":"x","gid":1,"nid":1,"cmd":"ping","args":{},"data":"\"pong\"","level":20,"state":"SUCCESS","starttime":1,"time":1}"#;

/// A command as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of its connection, from 0.
    pub connection: usize,
    pub words: Vec<String>,
}

impl Seen {
    pub fn name(&self) -> &str {
        &self.words[0]
    }
}

#[derive(Default)]
struct Log {
    connections: usize,
    /// Number of connections that the client has closed.
    ended: usize,
    seen: Vec<Seen>,
    /// Sockets of the scripts that are still running.
    sockets: Vec<Option<Arc<TcpStream>>>,
    scripts: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut lock(&self.log));
        self.changed.notify_all();
    }
}

/// The server. It stops on drop, and the test fails if a script has panicked.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Runs `script` once for each connection, each on its own thread, and closes the connection
    /// when it returns. [`Peer::connection`] is the number of the connection.
    pub fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of our own");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (script, for_listener) = (Arc::new(script), shared.clone());
        let listener = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if for_listener.stop.load(Ordering::SeqCst) {
                    return;
                }
                let socket = Arc::new(socket.expect("a connection"));
                socket.set_nodelay(true).expect("nodelay");
                let (script, shared) = (script.clone(), for_listener.clone());
                for_listener.change(|log| {
                    let connection = log.connections;
                    log.connections += 1;
                    log.sockets.push(Some(socket.clone()));
                    let input = Vec::new();
                    let mut peer = Peer { socket, connection, shared, input, greeted: false };
                    // Dropping the peer closes the connection, even after a panic.
                    log.scripts.push(std::thread::spawn(move || script(&mut peer)));
                });
            }
        });
        Server { address, shared, listener: Some(listener) }
    }

    /// Returns `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns a URL without a password.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Returns a URL with [`PASSWORD`].
    pub fn url_with_password(&self) -> String {
        format!("redis://:{PASSWORD}@{}", self.address)
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        lock(&self.shared.log).connections
    }

    /// Returns every complete command with this name, on any connection.
    pub fn seen(&self, name: &str) -> Vec<Seen> {
        let log = lock(&self.shared.log);
        log.seen.iter().filter(|seen| seen.name() == name).cloned().collect()
    }

    /// Waits until the client has sent `count` commands with this name.
    pub fn wait_seen(&self, name: &str, count: usize) {
        self.wait(&format!("{count} {name}"), |log| {
            log.seen.iter().filter(|seen| seen.name() == name).count() >= count
        });
    }

    /// Waits until the client has closed `count` connections.
    pub fn wait_ended(&self, count: usize) {
        self.wait(&format!("{count} ended connections"), |log| log.ended >= count);
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Log) -> bool) {
        let log = lock(&self.shared.log);
        let (log, waited) = self
            .shared
            .changed
            .wait_timeout_while(log, LONG, |log| !is_so(log))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited in vain for {what}; seen: {:?}", log.seen);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the listener
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        let scripts = {
            let mut log = lock(&self.shared.log);
            for socket in log.sockets.iter().flatten() {
                let _ = socket.shutdown(Shutdown::Both);
            }
            std::mem::take(&mut log.scripts)
        };
        let failed = scripts.into_iter().filter_map(|script| script.join().err()).next();
        if let Some(panic) = failed.filter(|_| !std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The server's end of one connection.
pub struct Peer {
    socket: Arc<TcpStream>,
    /// Number of the connection, from 0.
    pub connection: usize,
    shared: Arc<Shared>,
    input: Vec<u8>,
    /// Whether the last command was HELLO.
    greeted: bool,
}

impl Peer {
    /// Returns the next complete command; `None` once the client has closed the connection. Rejects
    /// the INFO that accompanies HELLO, so that scripts need not handle it.
    pub fn command(&mut self) -> Option<Seen> {
        loop {
            if self.greeted && !self.take_greeting() {
                return None;
            }
            if let Some((words, length)) = parse(&self.input) {
                self.input.drain(..length);
                self.greeted = words[0] == "HELLO";
                let seen = Seen { connection: self.connection, words };
                self.shared.change(|log| log.seen.push(seen.clone()));
                return Some(seen);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Rejects the command that accompanies HELLO; returns false at the end.
    fn take_greeting(&mut self) -> bool {
        loop {
            if let Some((words, length)) = parse(&self.input) {
                self.greeted = false;
                if words == ["INFO", "server"] {
                    self.input.drain(..length);
                    self.send("-NOPERM not in this script\r\n");
                }
                return true;
            }
            if !self.receive() {
                return false;
            }
        }
    }

    /// Returns the next command, which must have this name.
    pub fn expect(&mut self, name: &str) -> Seen {
        loop {
            let seen = self.command().unwrap_or_else(|| panic!("the client left before {name}"));
            match seen.name() {
                // Reads the length of the list of an ID before a push.
                "LLEN" if name == "RPUSH" => self.send(":0\r\n"),
                "HMGET" if name == "RPUSH" => self.send("*1\r\n$-1\r\n"),
                "LRANGE" if name == "RPUSH" => self.send("*0\r\n"),
                _ => {
                    assert_eq!(seen.name(), name);
                    return seen;
                }
            };
        }
    }

    /// Receives once; returns false at the end.
    pub fn receive(&mut self) -> bool {
        let mut part = vec![0; 64 * 1024];
        // A reset counts as the end.
        let count = (&*self.socket).read(&mut part).unwrap_or(0);
        if count == 0 {
            self.shared.change(|log| log.ended += 1);
        }
        self.input.extend_from_slice(&part[..count]);
        count > 0
    }

    /// Sends bytes; returns whether the client still accepted them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        (&*self.socket).write_all(bytes.as_ref()).is_ok()
    }

    pub fn send_byte_by_byte(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send([*byte]);
        }
    }

    /// Sends nothing more and waits until the client closes the connection. Commands that it still
    /// sends are recorded.
    pub fn silence(&mut self) {
        self.greeted = false;
        while self.command().is_some() {}
    }

    /// Resets the connection at its end, like a server that crashed.
    pub fn reset_at_end(&mut self) {
        let socket = socket2::SockRef::from(&*self.socket);
        socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// Replies to the login as Redis 7.2 does.
    pub fn log_in(&mut self) {
        self.expect("HELLO");
        self.send(hello("7.2.4"));
        // Read the command that accompanies HELLO, even for a script that reads no further
        // commands.
        self.take_greeting();
    }

    /// Reads the command that accompanies HELLO without replying to it.
    pub fn ignore_greeting(&mut self) {
        self.greeted = false;
        self.expect("INFO");
    }

    /// Replies to all commands, like a Redis whose controller replies at once.
    pub fn serve(&mut self) {
        while let Some(seen) = self.command() {
            self.answer(&seen);
        }
    }

    /// Like [`serve`](Self::serve), with a controller that never replies.
    pub fn serve_without_results(&mut self) {
        while let Some(seen) = self.command() {
            match seen.name() {
                "BLMOVE" | "BRPOPLPUSH" => self.silence(),
                "HGET" => _ = self.send("$-1\r\n"),
                "LRANGE" => _ = self.send("*0\r\n"),
                _ => self.answer(&seen),
            }
        }
    }

    /// Replies to one command in the same way.
    pub fn answer(&mut self, seen: &Seen) {
        let reply = self.sane_reply(seen);
        self.send(reply);
    }

    /// Returns the reply that [`answer`](Self::answer) sends. Lists are empty until a command was
    /// pushed.
    pub fn sane_reply(&self, seen: &Seen) -> Vec<u8> {
        let is_pushed = || lock(&self.shared.log).seen.iter().any(|seen| seen.name() == "RPUSH");
        match seen.name() {
            "LRANGE" if !is_pushed() => b"*0\r\n".to_vec(),
            name => sane_reply(name),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The other handle of the socket would keep the connection open.
        self.shared.change(|log| log.sockets[self.connection] = None);
    }
}

/// Point of a conversation at which the server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In place of the reply to HELLO.
    Hello,
    /// In place of the reply to a PING.
    Ping,
    /// In place of the reply to the wait, after RPUSH was confirmed.
    Timeout,
}

pub const EVERYWHERE: [At; 3] = [At::Hello, At::Ping, At::Timeout];

/// Starts a server whose first connection is valid up to a point, and whose later ones are valid.
/// If it misbehaves in place of a result, no result follows.
pub fn server_that(at: At, does: impl Fn(&mut Peer) + Send + Sync + 'static) -> Server {
    Server::start(move |peer| {
        if peer.connection > 0 {
            return if at == At::Timeout { peer.serve_without_results() } else { peer.serve() };
        }
        match at {
            At::Hello => {
                peer.expect("HELLO");
            }
            At::Ping => {
                peer.log_in();
                peer.expect("PING");
            }
            At::Timeout => {
                peer.log_in();
                peer.expect("RPUSH");
                peer.send(":1\r\n");
            }
        }
        does(peer);
    })
}

/// Returns the reply of a Redis whose controller replies at once.
pub fn sane_reply(command: &str) -> Vec<u8> {
    match command {
        "HELLO" => hello("7.2.4"),
        "AUTH" | "SELECT" => b"+OK\r\n".to_vec(),
        "PING" => b"+PONG\r\n".to_vec(),
        "RPUSH" | "LLEN" | "EXPIRE" => b":1\r\n".to_vec(),
        "BLMOVE" | "BRPOPLPUSH" => bulk(RESULT),
        "LRANGE" => [b"*1\r\n".to_vec(), bulk(RESULT)].concat(),
        other => format!("-ERR unknown command '{other}'\r\n").into_bytes(),
    }
}

/// Returns the reply to `HELLO 3` of this version.
pub fn hello(version: &str) -> Vec<u8> {
    let text = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let fields = [
        ("server", text("redis")),
        ("version", text(version)),
        ("proto", ":3\r\n".to_owned()),
        ("id", ":7\r\n".to_owned()),
        ("mode", text("standalone")),
        ("role", text("master")),
        ("modules", "*0\r\n".to_owned()),
    ];
    let fields = fields.iter().map(|(name, value)| text(name) + value).collect::<String>();
    format!("%7\r\n{fields}").into_bytes()
}

pub fn bulk(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// An event that a test triggers and a script waits for, or the reverse.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        let (open, changed) = &*self.0;
        let waited = changed.wait_timeout_while(lock(open), LONG, |open| !*open);
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "no gate opened");
    }
}

/// Runs a test whose calls must not hang, on its own thread with this stack size. Panics if it does
/// not end in time.
pub fn within<T: Send + 'static>(
    limit: Duration,
    stack: usize,
    test: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (over, wait) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(stack).spawn(move || {
        let _ = over.send(test());
    });
    match wait.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs: not over after {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            let panic = thread.expect("a thread").join().expect_err("it has sent nothing");
            std::panic::resume_unwind(panic)
        }
    }
}

/// Returns replies that violate the protocol, for clients with a limit of [`MAX_REPLY`].
pub fn violations() -> Vec<(&'static str, Vec<u8>)> {
    let long_line = [b"+".to_vec(), vec![b'x'; 70_000]].concat();
    let large = [b"*20\r\n".to_vec(), bulk(vec![b'x'; 100_000]).repeat(20)].concat();
    let elements =
        [b"*9\r\n".to_vec(), [b"*4000\r\n".to_vec(), b"_\r\n".repeat(4000)].concat().repeat(9)];
    let many: &[(&str, &[u8])] = &[
        ("an unknown type byte", b"?5\r\n"),
        ("a NUL", b"\0\r\n"),
        ("an empty line", b"\r\n"),
        ("an HTTP answer", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        ("a number with a plus", b":+1\r\n"),
        ("a number behind a blank", b": 1\r\n"),
        ("a number before a blank", b":1 \r\n"),
        ("no number", b":\r\n"),
        ("a sign without a number", b":-\r\n"),
        ("a number of 65 bits", b":9223372036854775808\r\n"),
        ("a hexadecimal number", b":0x1\r\n"),
        ("a double that is none", b",abc\r\n"),
        ("a boolean that is none", b"#x\r\n"),
        ("a null with something in it", b"_x\r\n"),
        ("a length with a plus", b"$+1\r\nx\r\n"),
        ("a length with a blank", b"$ 1\r\nx\r\n"),
        ("an empty length", b"$\r\n\r\n"),
        ("a length of 65 bits", b"$9223372036854775808\r\n"),
        ("a count with a plus", b"*+1\r\n:1\r\n"),
        ("an empty count", b"*\r\n"),
        ("a string of length -2", b"$-2\r\n"),
        ("a list of -2 elements", b"*-2\r\n"),
        ("a map of -1 pairs", b"%-1\r\n"),
        ("a set of -1 elements", b"~-1\r\n"),
        ("an attribute of -1 pairs", b"|-1\r\n"),
        ("a push of -1 elements", b">-1\r\n"),
        ("a verbatim string of length -1", b"=-1\r\n"),
        ("an error of length -1", b"!-1\r\n"),
        ("a string beyond max_reply", b"$1048577\r\n"),
        ("a string of 2^63-1 bytes", b"$9223372036854775807\r\n"),
        ("more elements than max_reply", b"*1048577\r\n"),
        ("2^63-1 elements", b"*9223372036854775807\r\n"),
        ("a map of 2^62 pairs", b"%4611686018427387904\r\n"),
        ("an attribute of 2^62 pairs", b"|4611686018427387904\r\n"),
        ("a string longer than it said", b"$3\r\nabcd\r\n"),
        ("a string ended by two newlines", b"$3\r\nabc\n\n"),
        ("a verbatim string without a format", b"=2\r\nab\r\n"),
        ("an empty push", b">0\r\n"),
        ("a push within a reply", b"*1\r\n>1\r\n+x\r\n"),
        ("a push that does not say what it is", b">1\r\n:5\r\n"),
    ];
    let mut all: Vec<_> = many.iter().map(|(name, reply)| (*name, reply.to_vec())).collect();
    all.extend([
        ("a line of more than 64 KiB", long_line),
        ("a list larger than max_reply in all", large),
        ("more elements than max_reply in all", elements.concat()),
        ("17 nested lists", [b"*1\r\n".repeat(17), b":1\r\n".to_vec()].concat()),
        ("17 nested maps", [b"%1\r\n+k\r\n".repeat(17), b":1\r\n".to_vec()].concat()),
        ("100 000 nested lists", b"*1\r\n".repeat(100_000)),
        ("100 000 nested attributes", b"|1\r\n".repeat(100_000)),
    ]);
    all
}

/// Returns the first command in the bytes and its length; `None` while it is incomplete.
pub fn parse(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut at = 0;
    let header = |kind: u8, at: &mut usize| -> Option<usize> {
        let line = bytes.get(*at..)?;
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        assert_eq!(
            line[0],
            kind,
            "the client sent no command: {:?}",
            String::from_utf8_lossy(line)
        );
        *at += end + 2;
        std::str::from_utf8(&line[1..end]).ok()?.parse().ok()
    };
    let mut words = Vec::new();
    for _ in 0..header(b'*', &mut at)? {
        let length = header(b'$', &mut at)?;
        bytes.get(at + length + 1)?; // its CRLF too
        words.push(String::from_utf8_lossy(&bytes[at..at + length]).into_owned());
        at += length + 2;
    }
    Some((words, at))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a client that logs in there.
pub fn client(server: &Server) -> Client {
    let builder = Client::builder().url(&server.url_with_password()).expect("a URL");
    // A single connection: if it is not returned, the next call blocks.
    let builder = builder.max_reply(MAX_REPLY).max_connections(1).timeout(LONG);
    builder.build().expect("a client")
}

/// Runs the command to which [`RESULT`] belongs.
pub fn run(client: &Client, timeout: Duration) -> Result<Job, Error> {
    client.cmd(Target::agent((1, 1)), "ping").id("x").run(timeout)
}

/// Makes the call that reaches this point.
pub fn call(client: &Client, at: At, timeout: Duration) -> Result<(), Error> {
    match at {
        At::Hello | At::Ping => client.with_timeout(timeout).ping(),
        At::Timeout => run(client, timeout).map(drop),
    }
}

/// Checks that an error of the connection names the server and never the password.
pub fn check_words(error: &Error, server: &Server) {
    let words = format!("{error} {error:?}");
    assert!(words.contains(&server.address()), "no address: {words}");
    assert!(!words.contains(PASSWORD), "a password: {words}");
}

/// Checks the guarantee of [`ErrorKind::MaybeSent`].
pub fn check_maybe_sent(error: &Error, server: &Server) {
    assert_eq!(error.kind(), ErrorKind::MaybeSent, "{error}");
    assert!(error.is_maybe_sent() && !error.is_retriable(), "{error}");
    assert_eq!(error.command_handle(), Some("acclient:1:x:1:1"), "{error}");
    server.wait_seen("RPUSH", 1);
    assert_eq!(server.seen("RPUSH").len(), 1, "pushed twice");
}
