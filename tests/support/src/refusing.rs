//! A proxy for a Redis that rejects some commands with error messages of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::scripted::parse;

/// What to do with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on to the server.
    Pass,
    /// Reply to the client with this error, in the order of the replies.
    Refuse(String),
    /// Close the connection without a reply.
    Close,
}

/// Decides on a command by its arguments.
type Judge = Arc<dyn Fn(&[String]) -> Verdict + Send + Sync>;

/// Its threads end with their connections and with the test process.
pub struct Refusing {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Refusing {
    /// Starts a proxy for a server on 127.0.0.1, which has to allow EVAL without a login: the
    /// server generates the errors, so that they arrive in the order of its replies.
    pub fn new(to: u16, judge: impl Fn(&[String]) -> Verdict + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (judge, seen): (Judge, _) = (Arc::new(judge), Arc::new(Mutex::new(Vec::new())));
        let log = seen.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
                serve(client, server, judge.clone(), log.clone());
            }
        });
        Refusing { port, seen }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the names of the commands that clients have sent, including rejected ones.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

fn serve(client: TcpStream, server: TcpStream, judge: Judge, seen: Arc<Mutex<Vec<String>>>) {
    let ends = || (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("nodelay");
    }
    let (mut to, mut from) = ends();
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let (mut from, mut to) = (&client, &server);
        let (mut input, mut part) = (Vec::new(), vec![0; 1 << 16]);
        'connection: while let Ok(count @ 1..) = from.read(&mut part) {
            input.extend_from_slice(&part[..count]);
            while let Some((words, length)) = parse(&input) {
                seen.lock().expect("no panic").push(words[0].to_uppercase());
                let sent = match judge(&words) {
                    Verdict::Pass => to.write_all(&input[..length]),
                    Verdict::Refuse(text) => to.write_all(&in_its_turn(&text)),
                    Verdict::Close => break 'connection,
                };
                input.drain(..length);
                if sent.is_err() {
                    break 'connection;
                }
            }
        }
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
}

/// Returns a command to which the server replies with this error.
fn in_its_turn(text: &str) -> Vec<u8> {
    let script = "return redis.error_reply(ARGV[1])";
    let words = ["EVAL", script, "0", text];
    let mut command = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| command += &format!("${}\r\n{word}\r\n", word.len()));
    command.into_bytes()
}
