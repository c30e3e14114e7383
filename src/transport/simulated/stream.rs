//! The stream of a connection in a test build: a socket, or a link of the simulated network.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use super::{is_running, with};
use crate::transport::address::Endpoint;
use crate::transport::deadline::Until;
use crate::transport::error::{Error, Result};
use crate::transport::poll::wait_for_any;
use crate::transport::stream;
use crate::transport::tls::Connector;

/// Maximum length of a TLS record.
const RECORD: usize = 16 * 1024;
/// Timeout per address, as for a real socket.
const PER_ADDRESS: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(in crate::transport) enum Stream {
    Real(stream::Stream),
    Simulated(End),
}

/// The client's end of a link.
#[derive(Debug)]
pub(in crate::transport) struct End {
    link: usize,
    /// Stands for the socket in a descriptor set.
    fd: File,
    /// Set if it sends in records, as TLS does: the unsent part of a record.
    records: Option<Vec<u8>>,
}

impl Stream {
    pub(in crate::transport) fn connect(
        endpoint: &Endpoint,
        tls: Option<&Connector>,
        until: &Until,
    ) -> Result<Stream> {
        if !is_running() {
            return stream::Stream::connect(endpoint, tls, until).map(Stream::Real);
        }
        let fd = File::open("/dev/null").expect("a descriptor");
        let (link, in_records) = with(|world| world.connect(fd.as_raw_fd()));
        let end = End { link, fd, records: in_records.then(Vec::new) };
        let refused = |source| Error::Connect { address: endpoint.to_string(), source };
        let ready = wait_for_any(&[end.fd.as_fd()], PER_ADDRESS, until)?;
        if ready.is_empty() {
            return Err(refused(ErrorKind::TimedOut.into()));
        }
        match with(|world| world.refusal(link)) {
            Some(kind) => Err(refused(kind.into())),
            None => Ok(Stream::Simulated(end)),
        }
    }

    pub(in crate::transport) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Real(stream) => stream.send(bytes),
            Stream::Simulated(end) => end.send(bytes),
        }
    }

    pub(in crate::transport) fn push_out(&mut self) -> io::Result<usize> {
        match self {
            Stream::Real(stream) => stream.push_out(),
            Stream::Simulated(end) => match end.push_out()? {
                true => Ok(0),
                false => Err(ErrorKind::WouldBlock.into()),
            },
        }
    }

    pub(in crate::transport) fn has_unsent(&self) -> bool {
        match self {
            Stream::Real(stream) => stream.has_unsent(),
            Stream::Simulated(end) => end.has_unsent(),
        }
    }

    pub(in crate::transport) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Real(stream) => stream.receive(into),
            Stream::Simulated(end) => with(|world| world.receive(end.link, into)),
        }
    }

    pub(in crate::transport) fn has_input(&mut self) -> bool {
        match self {
            Stream::Real(stream) => stream.has_input(),
            Stream::Simulated(end) => with(|world| world.has_input(end.link)),
        }
    }

    pub(in crate::transport) fn is_plain_tcp(&self) -> bool {
        match self {
            Stream::Real(stream) => stream.is_plain_tcp(),
            Stream::Simulated(end) => end.records.is_none(),
        }
    }

    pub(in crate::transport) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Real(stream) => stream.fd(),
            Stream::Simulated(end) => end.fd.as_fd(),
        }
    }
}

impl End {
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.records.is_none() {
            return with(|world| world.send(self.link, bytes));
        }
        if !self.push_out()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let record = &bytes[..bytes.len().min(RECORD)];
        with(|world| world.begin_record(self.link, record.len()));
        self.records = Some(record.to_vec());
        self.push_out()?;
        Ok(record.len())
    }

    /// Sends the rest of the record; returns whether all of it was sent.
    fn push_out(&mut self) -> io::Result<bool> {
        let Some(unsent) = &mut self.records else { return Ok(true) };
        while !unsent.is_empty() {
            match with(|world| world.send(self.link, unsent)) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn has_unsent(&self) -> bool {
        self.records.as_ref().is_some_and(|unsent| !unsent.is_empty())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // The network may be dropped before the pool.
        if is_running() {
            with(|world| world.close(self.link, self.fd.as_raw_fd()));
        }
    }
}
