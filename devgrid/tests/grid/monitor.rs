//! Redis commands as shown by MONITOR.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use crate::common::wait_until;

pub struct Monitor {
    stream: TcpStream,
    seen: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Monitor {
    pub fn start(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line, b"+OK\r\n");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                theirs.lock().unwrap().push(words(&line));
                line.clear();
            }
        });
        Monitor { stream, seen }
    }

    /// All commands so far, up to an ECHO sent as a marker.
    pub fn commands(&self, client: &mut crate::common::Client) -> Vec<Vec<String>> {
        let marker = format!("marker {}", self.seen.lock().unwrap().len());
        let _: String = client.ask(&["ECHO", &marker]);
        let is_marker = |words: &Vec<String>| words.last() == Some(&marker);
        wait_until("MONITOR", || self.seen.lock().unwrap().iter().any(is_marker));
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Parses a line like `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
fn words(line: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut bytes = line.iter().copied().skip_while(|b| *b != b']');
    while let Some(byte) = bytes.next() {
        if byte != b'"' {
            continue;
        }
        let mut word = Vec::new();
        while let Some(byte) = bytes.next().filter(|b| *b != b'"') {
            if byte != b'\\' {
                word.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'n') => word.push(b'\n'),
                Some(b'r') => word.push(b'\r'),
                Some(b't') => word.push(b'\t'),
                Some(b'a') => word.push(7),
                Some(b'b') => word.push(8),
                Some(b'x') => {
                    let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                    word.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                }
                Some(other) => word.push(other),
                None => break,
            }
        }
        found.push(String::from_utf8_lossy(&word).into_owned());
    }
    found
}
