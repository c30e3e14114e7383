//! Byte stream of a connection: a socket, plain or with TLS.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

use super::address::Endpoint;
use super::deadline::Until;
use super::error::Result;
use super::socket::Socket;
use super::tls::{Connector, Session};

/// A connected socket, plain or with TLS.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    session: Option<Session>,
}

impl Stream {
    /// Connects to the first address of the endpoint that answers, and performs the TLS handshake
    /// if configured, within the deadline.
    pub(super) fn connect(
        endpoint: &Endpoint,
        tls: Option<&Connector>,
        until: &Until,
    ) -> Result<Stream> {
        let socket = Socket::connect(endpoint, until)?;
        let session = match (tls, endpoint) {
            (Some(tls), Endpoint::Tcp { host, .. }) => {
                Some(tls.connect(&socket, host, &endpoint.to_string(), until)?)
            }
            _ => None, // a unix socket needs none
        };
        Ok(Stream { socket, session })
    }

    /// Sends what the socket accepts now; `WouldBlock` if it accepts nothing.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.send(bytes),
            Some(session) => session.send(&self.socket, bytes),
        }
    }

    /// Sends what TLS has buffered; `WouldBlock` if the socket does not accept all of it. Accepts
    /// no new bytes.
    pub(super) fn push_out(&mut self) -> io::Result<usize> {
        if let Some(session) = &mut self.session
            && !session.push_out(&self.socket)?
        {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(0)
    }

    /// Returns whether TLS has buffered bytes that are not sent yet.
    pub(super) fn has_unsent(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_unsent)
    }

    /// Receives the available bytes; `WouldBlock` if there are none, 0 at the end of the stream.
    pub(super) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.receive(into),
            Some(session) => session.receive(&self.socket, into),
        }
    }

    /// Returns whether input, including the end of the stream, is available.
    pub(super) fn has_input(&mut self) -> bool {
        match &mut self.session {
            None => self.socket.has_input(),
            Some(session) => session.has_input(&self.socket),
        }
    }

    /// Returns whether this is a TCP connection without TLS.
    pub(super) fn is_plain_tcp(&self) -> bool {
        self.session.is_none() && self.socket.is_tcp()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }
}
