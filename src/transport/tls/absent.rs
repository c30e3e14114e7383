//! TLS stub of a build without the `tls` feature: no connector can be created, so no sessions
//! exist.

use std::io;

use super::TlsFiles;
use crate::transport::deadline::Until;
use crate::transport::error::{Cause, Error, Result};
use crate::transport::socket::Socket;

#[derive(Debug, Clone)]
pub(crate) enum Connector {}

#[derive(Debug)]
pub(in crate::transport) enum Session {}

impl Connector {
    pub(in crate::transport) fn new(_files: &TlsFiles) -> Result<Self> {
        Err(Error::BuiltWithoutTls)
    }

    pub(in crate::transport) fn connect(
        &self,
        _socket: &Socket,
        _host: &str,
        _address: &str,
        _until: &Until,
    ) -> Result<Session> {
        match *self {}
    }
}

impl Session {
    pub(in crate::transport) fn send(&mut self, _: &Socket, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(in crate::transport) fn push_out(&mut self, _: &Socket) -> io::Result<bool> {
        match *self {}
    }

    pub(in crate::transport) fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(in crate::transport) fn receive(&mut self, _: &Socket, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(in crate::transport) fn has_input(&mut self, _: &Socket) -> bool {
        match *self {}
    }
}

pub(in crate::transport) fn cause(error: io::Error) -> Cause {
    error.into()
}

pub(in crate::transport) fn refusal(_error: &io::Error) -> Option<String> {
    None
}
