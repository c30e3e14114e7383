//! What each call says of each fault of a server, and that it says it in time: the table in
//! docs/faults.md, cell by cell.
//!
//! `ACCLIENT_WRITE_TABLE=1` writes the table anew.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{Client, ClientBuilder, Error, Request, Target};
use devgrid::RedisServer;
use support::scripted::{Peer, Server};
use support::{ClosedPort, HASH, LATE, ask, result, servers, wait_until};

/// Initial deadline of each call.
const TIME: Duration = Duration::from_millis(150);
/// A machine on which this does not suffice for what one of the calls does is none to test on.
const MUCH_TIME: Duration = Duration::from_secs(20);

/// With a client that has the same time as the call.
type Call = fn(&Client, Duration) -> Result<(), Error>;
const CALLS: [(&str, Call); 11] = [
    ("ping", |client, _| client.ping()),
    ("submit", |client, _| command(client).submit().map(drop)),
    ("submit_once", |client, _| command(client).id("once").submit_once().map(drop)),
    ("submit_many", |client, _| client.submit_many([command(client)]).remove(0).map(drop)),
    ("run", |client, time| command(client).run(time).map(drop)),
    ("next_result", |client, time| {
        client.get_by_handle("acclient:1:x:1:1")?.next_result(time).map(drop)
    }),
    ("results", |client, time| {
        client.get_by_id("x").results(time)?.try_for_each(|job| job.map(drop))
    }),
    ("jobs", |client, _| client.get_by_id("x").jobs().map(drop)),
    ("progress", |client, time| client.get_by_id("x").progress(time).map(drop)),
    ("retract", |client, _| client.get_by_id("x").retract().map(drop)),
    ("get_mem_info", |client, _| client.get_mem_info((1, 1)).map(drop)),
];

fn command(client: &Client) -> Request {
    client.cmd(Target::agent((1, 1)), "ping")
}

/// A server with a fault, a client, and values that have to live as long.
struct Fault {
    name: &'static str,
    client: Client,
    _alive: Box<dyn Send>,
}

impl Fault {
    fn new(name: &'static str, client: ClientBuilder, alive: impl Send + 'static) -> Self {
        let client = client.timeout(TIME).build().expect("a client");
        Fault { name, client, _alive: Box::new(alive) }
    }

    /// Runs a script on each connection.
    fn script(name: &'static str, script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let server = Server::start(script);
        Fault::new(name, at_url(&server.url()), server)
    }

    /// Accepts the login and sends this reply to every command.
    fn answer(name: &'static str, answer: &'static [u8]) -> Self {
        Fault::script(name, move |peer| {
            peer.log_in();
            while peer.command().is_some() {
                peer.send(answer);
            }
        })
    }
}

fn at(port: u16) -> ClientBuilder {
    Client::builder().port(port)
}

fn at_url(url: &str) -> ClientBuilder {
    Client::builder().url(url).expect("a URL")
}

fn faults() -> Vec<Fault> {
    let nobody = ClosedPort::new();
    let never = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = never.local_addr().expect("an address");
    // A backlog that is full: connections are not made any more.
    let mut fillers = Vec::new();
    while let Ok(filler) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        fillers.push(filler);
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("an address").port();
    let locked = RedisServer::builder().password("sesame").start().expect("a Redis");
    let stopped = RedisServer::start().expect("a Redis");
    let on_stopped =
        Fault::new("server stopped (SIGSTOP), connection open", at(stopped.port()), ());
    on_stopped.client.ping().expect("a connection");
    stopped.pause();
    let master = RedisServer::start().expect("a master");
    let replica = RedisServer::builder()
        .arg("replicaof", &format!("127.0.0.1 {}", master.port()))
        .start()
        .expect("a replica");
    let alone = RedisServer::builder().arg("min-replicas-to-write", "1").start().expect("a Redis");
    let unsaved = RedisServer::builder().arg("save", "3600 1").start().expect("a Redis");
    // Its working directory, to which it saves.
    fs::remove_dir_all(unsaved.dir()).expect("removed");
    ask::<()>(&mut unsaved.connection(), &[b"BGSAVE"]);
    let failed = |info: String| info.contains("rdb_last_bgsave_status:err");
    wait_until("it has failed", || {
        failed(ask(&mut unsaved.connection(), &[b"INFO", b"persistence"]))
    });
    let busy = RedisServer::builder().arg("lua-time-limit", "1").start().expect("a Redis");
    let mut script = busy.connection();
    thread::spawn(move || {
        // Until the server ends.
        let _ = redis::cmd("EVAL").arg("while true do end").arg(0).query::<()>(&mut script);
    });
    wait_until("it is busy", || {
        let refused = redis::cmd("GET").arg("k").query::<()>(&mut busy.connection());
        refused.is_err_and(|error| error.to_string().contains("BUSY"))
    });
    let no_hello = servers::without_hello();
    let no_hello = no_hello.start().expect("a Redis");
    let full = RedisServer::builder().arg("maxmemory", "1").start().expect("a Redis");
    let few =
        RedisServer::builder().user_acl("few on nopass ~* +hello +ping").start().expect("a Redis");
    let no_set = "few on nopass ~* +@all -eval -set";
    let no_set = RedisServer::builder().user_acl(no_set).start().expect("a Redis");
    let evicted = RedisServer::start().expect("a Redis");
    ask::<()>(
        &mut evicted.connection(),
        &[b"HSET", HASH.as_bytes(), b"1:1", &result("SUCCESS", 1)],
    );
    ask::<()>(&mut evicted.connection(), &[b"RPUSH", b"cmd.x.queued", b"queued"]);
    let unmarked = RedisServer::start().expect("a Redis");
    ask::<()>(
        &mut unmarked.connection(),
        &[b"HSET", b"jobresult:once", b"1:1", &result("SUCCESS", 1)],
    );
    let cut = Server::start(|peer| _ = peer.receive());
    let cut_url = format!("rediss://{}", cut.address());
    vec![
        Fault::new("connection refused", at(nobody.number()), nobody),
        Fault::new("connection attempt times out", at(address.port()), (never, fillers)),
        Fault::new("half-open connection", at(silent_port), silent),
        Fault { _alive: Box::new(stopped), ..on_stopped },
        Fault::script("no reply after login", |peer| {
            peer.log_in();
            peer.silence();
        }),
        Fault::script("partial reply, then silence", |peer| {
            peer.log_in();
            peer.command();
            peer.send(b"$10\r\nhalf");
            peer.silence();
        }),
        Fault::script("closes the connection instead of replying", |peer| {
            peer.log_in();
            peer.command();
        }),
        Fault::script("closes the connection during login", |peer| {
            peer.command();
        }),
        Fault::new("closes the connection during the TLS handshake", at_url(&cut_url), cut),
        Fault::answer(
            "loading its data (`LOADING`)",
            b"-LOADING Redis is loading the dataset in memory\r\n",
        ),
        Fault::new("replica", at(replica.port()), (master, replica)),
        Fault::answer(
            "replica without its master (`MASTERDOWN`)",
            b"-MASTERDOWN Link with MASTER is down\r\n",
        ),
        Fault::new("wrong password", at(locked.port()).password("wrong"), locked),
        Fault::new("user without permissions", at(few.port()).user("few"), few),
        Fault::new("out of memory (`OOM`)", at(full.port()), full),
        Fault::new("too few replicas (`NOREPLICAS`)", at(alone.port()), alone),
        Fault::new("failing snapshots (`MISCONF`)", at(unsaved.port()), unsaved),
        Fault::new("running a script (`BUSY`)", at(busy.port()), busy),
        Fault::new("discarded transactions (`EXECABORT`)", at(no_set.port()).user("few"), no_set),
        Fault::new("result list evicted", at(evicted.port()), evicted),
        Fault::new("mark of `submit_once` evicted", at(unmarked.port()), unmarked),
        Fault::new("no `HELLO`", at(no_hello.port()), no_hello),
        Fault::answer("proxy without its server", b"-upstream failure\r\n"),
        Fault::answer("HTTP server instead of Redis", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Fault::answer("cluster node (`MOVED`)", b"-MOVED 1 127.0.0.1:1\r\n"),
    ]
}

/// What a call said, and how late it was.
fn said(call: Call, client: &Client, time: Duration) -> (String, Duration) {
    let begun = Instant::now();
    let outcome = call(&client.with_timeout(time), time);
    let late = begun.elapsed().saturating_sub(time);
    let words = match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            let words = error.to_string();
            assert!(!words.contains("wrong") || !words.contains("sesame"), "{words}");
            if error.is_maybe_sent() {
                "MaybeSent".to_owned()
            } else {
                format!("{:?}", error.kind())
            }
        }
    };
    (words, late)
}

/// The row of the table as it is; what the documentation has in its place. A call whose words are others
/// is made again with more time, on which none of them depends.
fn row(fault: &Fault, documented: &str) -> (String, Duration) {
    let mut row = format!("| {} |", fault.name);
    let mut latest = Duration::ZERO;
    let line = documented.lines().find(|line| line.starts_with(&row)).unwrap_or_default();
    let wanted: Vec<&str> = line.split('|').skip(2).map(str::trim).collect();
    for (index, (name, call)) in CALLS.into_iter().enumerate() {
        let mut time = TIME;
        let (words, late) = loop {
            let (words, late) = said(call, &fault.client, time);
            assert!(late < LATE, "{}, {name}: {late:?} late", fault.name);
            if time >= MUCH_TIME || wanted.get(index).is_none_or(|wanted| *wanted == words) {
                break (words, late);
            }
            time *= 2;
        };
        latest = latest.max(late);
        // Writing to a String cannot fail.
        let _ = write!(row, " {words} |");
    }
    (row, latest)
}

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md")
}

#[test]
fn the_table_of_the_documentation_is_true() {
    if !servers::has_users() {
        return;
    }
    let faults = faults();
    let path = documentation();
    let text = fs::read_to_string(&path).expect("docs/faults.md");
    let is_written = std::env::var_os("ACCLIENT_WRITE_TABLE").is_some();
    let documented = if is_written { "" } else { &text };
    let rows: Vec<(String, Duration)> = thread::scope(|scope| {
        let threads: Vec<_> =
            faults.into_iter().map(|fault| scope.spawn(move || row(&fault, documented))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a row")).collect()
    });
    let header = CALLS
        .iter()
        .fold("| the server |".to_owned(), |header, (name, _)| header + &format!(" `{name}` |"));
    let line = format!("|{}", "---|".repeat(CALLS.len() + 1));
    let mut table = format!("{header}\n{line}\n");
    for (row, _) in &rows {
        table += &format!("{row}\n");
    }
    let latest = rows.iter().map(|(_, late)| *late).max().expect("rows");
    println!("{table}\nthe latest call ended {latest:?} after its deadline");
    let start = text.find("| the server |").expect("the table");
    let end = start + text[start..].find("\n\n").expect("its end") + 1;
    if is_written {
        fs::write(&path, [&text[..start], &table, &text[end..]].concat()).expect("a file");
        return;
    }
    let differences: Vec<_> =
        table.lines().zip(text[start..end].lines()).filter(|(is, was)| is != was).collect();
    assert!(
        differences.is_empty() && table == text[start..end],
        "is, and is said:\n{differences:#?}"
    );
}
