//! One connection's bytes: a socket, plain or under TLS.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

use super::address::Endpoint;
use super::deadline::Until;
use super::error::Result;
use super::socket::Socket;
use super::tls::{Connector, Session};

/// A connected socket, plain or under TLS.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    session: Option<Session>,
}

impl Stream {
    /// Connects to the address of the endpoint that answers first, within the deadline, and agrees on TLS
    /// where there is to be some.
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

    /// Sends what the socket takes now; `WouldBlock` when it takes nothing.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.send(bytes),
            Some(session) => session.send(&self.socket, bytes),
        }
    }

    /// Sends what TLS has taken and not sent yet; `WouldBlock` where the socket does not take it all.
    /// Takes nothing itself.
    pub(super) fn push_out(&mut self) -> io::Result<usize> {
        if let Some(session) = &mut self.session
            && !session.push_out(&self.socket)?
        {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(0)
    }

    /// Whether TLS has taken bytes that are not all sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_unsent)
    }

    /// Receives what is there; `WouldBlock` when nothing is, 0 at the end.
    pub(super) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.receive(into),
            Some(session) => session.receive(&self.socket, into),
        }
    }

    /// Whether anything, an end included, waits to be received.
    pub(super) fn has_input(&mut self) -> bool {
        match &mut self.session {
            None => self.socket.has_input(),
            Some(session) => session.has_input(&self.socket),
        }
    }

    /// Whether there is neither TLS nor a unix socket.
    pub(super) fn is_plain_tcp(&self) -> bool {
        self.session.is_none() && self.socket.is_tcp()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }
}
