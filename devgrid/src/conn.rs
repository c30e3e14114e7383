//! Redis connections of controller and agents.
//!
//! `redis::Connection` does not allow another thread to close a blocked connection, which is necessary if Redis does not
//! answer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionLike, Parser, RedisResult, Value};

/// Address and password of the grid's Redis.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    pub(crate) password: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(u16),
    Unix(PathBuf),
}

/// Timeout of ordinary commands. A Redis that is paused longer counts as unreachable.
const ANSWER: Duration = Duration::from_secs(30);

impl Endpoint {
    /// Connects and authenticates. With `blocking`, replies have no timeout.
    pub(crate) fn connect(&self, blocking: bool) -> RedisResult<Conn> {
        let stream = match &self.address {
            Address::Tcp(port) => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        stream.set_read_timeout(Some(ANSWER))?;
        let mut conn = Conn { stream: Arc::new(stream), parser: Parser::new(), open: true };
        if let Some(password) = &self.password {
            redis::cmd("AUTH").arg(password).exec(&mut conn)?;
        }
        if blocking {
            conn.stream.set_read_timeout(None)?;
        }
        Ok(conn)
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => s.set_read_timeout(time),
            Stream::Unix(s) => s.set_read_timeout(time),
        }
    }
}

impl Read for &Stream {
    /// Retries on EINTR: the parser would treat it as the end of the connection, and lose a popped command.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Stream::Tcp(s) => (&*s).read(buf),
                Stream::Unix(s) => (&*s).read(buf),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(s) => (&*s).write(buf),
            Stream::Unix(s) => (&*s).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connection for use with `redis::cmd` and `redis::pipe`.
pub(crate) struct Conn {
    stream: Arc<Stream>,
    parser: Parser,
    open: bool,
}

/// Closes a connection from another thread, the last resort if Redis does not answer.
#[derive(Debug)]
pub(crate) struct Closer(Arc<Stream>);

impl Closer {
    pub(crate) fn close(&self) {
        let _ = match &*self.0 {
            Stream::Tcp(s) => s.shutdown(Shutdown::Both),
            Stream::Unix(s) => s.shutdown(Shutdown::Both),
        };
    }
}

impl Conn {
    pub(crate) fn closer(&self) -> Closer {
        Closer(Arc::clone(&self.stream))
    }

    /// Sets a read timeout, at least 1 ms.
    pub(crate) fn limit(&self, time: Duration) {
        let _ = self.stream.set_read_timeout(Some(time.max(Duration::from_millis(1))));
    }

    fn read_value(&mut self) -> RedisResult<Value> {
        let value = self.parser.parse_value(&*self.stream);
        self.open &= value.is_ok();
        value
    }

    fn write(&mut self, bytes: &[u8]) -> RedisResult<()> {
        let written = (&*self.stream).write_all(bytes);
        self.open &= written.is_ok();
        Ok(written?)
    }
}

impl ConnectionLike for Conn {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        self.write(cmd)?;
        self.read_value()?.extract_error()
    }

    fn req_packed_commands(
        &mut self,
        cmd: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.write(cmd)?;
        let mut answers = Vec::with_capacity(count);
        for index in 0..offset + count {
            let value = self.read_value()?;
            if index >= offset {
                answers.push(value);
            }
        }
        Ok(answers)
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.open
    }
}
