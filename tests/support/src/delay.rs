//! A proxy that simulates distance: it delays all bytes in both directions by the same time.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Its threads end with their connections and with the test process.
pub struct Distant {
    port: u16,
}

impl Distant {
    /// Starts a proxy for a server on 127.0.0.1. A round trip takes twice the delay longer.
    pub fn new(to: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("nodelay");
                }
                let back = [&server, &client].map(|stream| stream.try_clone().expect("a socket"));
                let [from, to] = back;
                carry(client, server, delay);
                carry(from, to, delay);
            }
        });
        Distant { port }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Forwards one direction: one thread receives, the other waits and sends.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (received, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 1 << 14];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if received.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Read);
    });
    thread::spawn(move || {
        for (at, bytes) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
