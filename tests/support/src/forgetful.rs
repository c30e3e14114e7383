//! A Redis without persistence that is restarted whenever its process ends, so that programs can
//! make it lose its data.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use devgrid::RedisServer;

/// The server, and the thread that supervises it.
pub struct Forgetful {
    server: Arc<RedisServer>,
    ended: Arc<AtomicBool>,
    watching: Option<JoinHandle<()>>,
}

impl Forgetful {
    pub fn start() -> Self {
        let server = Arc::new(crate::redis());
        write_pid(&server);
        let ended = Arc::new(AtomicBool::new(false));
        let (watched, stop) = (server.clone(), ended.clone());
        let watching = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                if TcpStream::connect(("127.0.0.1", watched.port())).is_err() {
                    watched.restart();
                    write_pid(&watched);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Forgetful { server, ended, watching: Some(watching) }
    }

    /// Returns environment variables with its address and with a shell command that ends it.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let end = format!("kill -9 $(cat {})", pid_file(&self.server).display());
        [("ACCLIENT_FORGETFUL_URL", self.server.url()), ("ACCLIENT_FORGET", end)]
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
    }
}

fn pid_file(server: &RedisServer) -> PathBuf {
    server.dir().join("pid")
}

fn write_pid(server: &RedisServer) {
    std::fs::write(pid_file(server), server.pid().to_string()).expect("a file");
}
