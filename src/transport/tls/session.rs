//! TLS sessions: rustls does the cryptography, this module moves the bytes, and [`poll`] waits.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};

use super::TlsFiles;
use crate::transport::deadline::Until;
use crate::transport::error::{Cause, Error, Result};
use crate::transport::poll::{self, Interest};
use crate::transport::socket::Socket;

/// Bytes that TLS sends at once: one record, which the peer can read either whole or not at all.
/// This lets a call determine whether a command was sent.
const RECORD: usize = 16 * 1024;

/// Timeout of the handshake, counted from the established connection. A server without TLS takes
/// the handshake for the beginning of a line and waits for the rest.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Alerts that recur on a retry: certificates, permissions, and supported features. All others are
/// temporary, such as `internal_error` of a server that is out of memory.
const FINAL_ALERTS: [AlertDescription; 20] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::BadCertificateHashValue,
    AlertDescription::BadCertificateStatusResponse,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateUnobtainable,
    AlertDescription::HandshakeFailure,
    AlertDescription::InappropriateFallback,
    AlertDescription::InsufficientSecurity,
    AlertDescription::MissingExtension,
    AlertDescription::NoApplicationProtocol,
    AlertDescription::NoCertificate,
    AlertDescription::ProtocolVersion,
    AlertDescription::UnknownCA,
    AlertDescription::UnrecognisedName,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::UnsupportedExtension,
];

/// TLS configuration of a client, loaded from its files and shared by all of its sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    /// Consecutive handshakes that the server has not answered, or [`SPEAKS_TLS`].
    unanswered: Arc<AtomicU32>,
}

/// A handshake has succeeded: a server that does not answer is busy or frozen, not a plain-text
/// port.
const SPEAKS_TLS: u32 = u32::MAX;

impl Connector {
    pub(in crate::transport) fn new(files: &TlsFiles) -> Result<Self> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Setting(error.to_string()))?;
        // A file that is named must exist, even if certificate verification is disabled.
        let authorities = files.ca.as_deref().map(|file| roots(Some(file))).transpose()?;
        let builder = if files.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        } else {
            builder.with_root_certificates(authorities.map_or_else(|| roots(None), Ok)?)
        };
        let config = match &files.client {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => {
                let chain = certificates_in(certificates)?;
                let key_file = PrivateKeyDer::from_pem_file(key);
                let key_file = key_file.map_err(|error| unusable(key, &error))?;
                let config = builder.with_client_auth_cert(chain, key_file);
                config.map_err(|error| unusable(certificates, &error))?
            }
        };
        Ok(Connector { config: Arc::new(config), unanswered: Arc::default() })
    }

    /// Performs the handshake within the deadline. A temporary failure is reported as one of the
    /// connection, a permanent one as [`Error::Tls`].
    pub(in crate::transport) fn connect(
        &self,
        socket: &Socket,
        host: &str,
        address: &str,
        until: &Until,
    ) -> Result<Session> {
        // Certificates do not contain zones.
        let host = host.split_once('%').map_or(host, |(number, _zone)| number);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Setting(format!("{host:?} cannot be the name in a certificate")))?;
        let refused = |message: String, source: Option<Cause>| Error::Tls {
            host: host.to_owned(),
            message,
            source,
        };
        let connection = ClientConnection::new(self.config.clone(), name);
        let connection =
            connection.map_err(|error| refused(error.to_string(), Some(error.into())))?;
        let mut session = Session { connection: Box::new(connection), heard: Vec::new() };
        let unanswered = self.unanswered.load(Ordering::SeqCst);
        match session.shake_hands(socket, &until.within(HANDSHAKE)) {
            Ok(()) => {
                self.unanswered.store(SPEAKS_TLS, Ordering::SeqCst);
                Ok(session)
            }
            Err(Failed::Call(Error::Timeout)) => {
                let seconds = HANDSHAKE.as_secs();
                let message = if session.heard.is_empty() {
                    "no reply to the TLS handshake; this may not be a TLS port".to_owned()
                } else {
                    format!("the TLS handshake was not complete within {seconds} s")
                };
                if until.deadline.has_passed() {
                    return Err(Error::TimeoutAfter(Box::new(refused(message, None))));
                }
                if session.heard.is_empty() && unanswered != SPEAKS_TLS {
                    if unanswered > 0 {
                        return Err(refused(message, None));
                    }
                    // Does not overwrite a success that another thread has recorded since.
                    let _ = self.unanswered.compare_exchange(
                        unanswered,
                        unanswered + 1,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    );
                }
                let source = io::Error::new(ErrorKind::TimedOut, message);
                Err(Error::Connect { address: address.to_owned(), source })
            }
            Err(Failed::Call(error)) => Err(error),
            Err(Failed::Connection(error)) => {
                let message = if session.is_not_tls(&error) {
                    Some(format!("this is not a TLS port ({error})"))
                } else {
                    refusal(&error)
                };
                Err(match message {
                    Some(message) => refused(message, Some(cause(error))),
                    None => Error::Connect { address: address.to_owned(), source: error },
                })
            }
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector") // there may be a key in it
    }
}

fn unusable(file: &Path, error: &dyn fmt::Display) -> Error {
    Error::Setting(format!("{} cannot be used for TLS: {error}", file.display()))
}

fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, &error))?;
    if certificates.is_empty() {
        return Err(unusable(file, &"it contains no certificate"));
    }
    Ok(certificates)
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca {
        for certificate in certificates_in(file)? {
            roots.add(certificate).map_err(|error| unusable(file, &error))?;
        }
        return Ok(roots);
    }
    // Certificates that cannot be read or parsed do not invalidate the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let none = "this machine has no certificate authorities: set a CA file";
        return Err(Error::Setting(none.to_owned()));
    }
    Ok(roots)
}

/// Why there is no session.
enum Failed {
    /// The call has ended, or the handshake timed out.
    Call(Error),
    Connection(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::Connection(error)
    }
}

/// A TLS session.
#[derive(Debug)]
pub(in crate::transport) struct Session {
    connection: Box<ClientConnection>,
    /// The first bytes of the server, up to [`HEAD`].
    heard: Vec<u8>,
}

/// Bytes that identify a TLS record: its type, and the major version, which is always 3.
const HEAD: usize = 2;

impl Session {
    fn shake_hands(&mut self, socket: &Socket, until: &Until) -> std::result::Result<(), Failed> {
        loop {
            let sent = match self.push_out(socket) {
                Ok(sent) => sent,
                // A server that rejects a client sends an alert before it closes.
                Err(error) => {
                    while self.take_in(socket)? > 0 {}
                    return Err(error.into());
                }
            };
            if sent && !self.connection.is_handshaking() {
                return Ok(());
            }
            let interest = if sent { Interest::Read } else { Interest::ReadWrite };
            let ready = poll::wait(socket.fd(), interest, until).map_err(Failed::Call)?;
            if ready.read {
                match self.take_in(socket) {
                    Ok(0) => {
                        let ended = "closed by the server during the TLS handshake";
                        return Err(io::Error::new(ErrorKind::UnexpectedEof, ended).into());
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => {
                        let _ = self.push_out(socket); // the alert that tells the server why
                        return Err(error.into());
                    }
                }
            }
        }
    }

    /// Returns whether the first bytes of the server are not a TLS record.
    fn is_not_tls(&self, error: &io::Error) -> bool {
        let unreadable = matches!(of_rustls(error), Some(rustls::Error::InvalidMessage(_)));
        let begins_a_record = matches!(self.heard[..], [0x14..=0x18] | [0x14..=0x18, 3]);
        unreadable && !begins_a_record
    }

    /// Encrypts one record of `bytes` once the previous one is out, and sends what the socket
    /// accepts.
    pub(in crate::transport) fn send(
        &mut self,
        socket: &Socket,
        bytes: &[u8],
    ) -> io::Result<usize> {
        if !self.push_out(socket)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.connection.writer().write(&bytes[..bytes.len().min(RECORD)])?;
        self.push_out(socket)?;
        Ok(count)
    }

    /// Sends the encrypted bytes; returns whether all were sent.
    pub(in crate::transport) fn push_out(&mut self, socket: &Socket) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Raw { socket, heard: None }) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    pub(in crate::transport) fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    /// Decrypts received bytes; `WouldBlock` if the socket has no more, 0 at the end of the stream.
    pub(in crate::transport) fn receive(
        &mut self,
        socket: &Socket,
        into: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A server that dies does not send a TLS close_notify.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if self.take_in(socket)? == 0 {
                return Ok(0);
            }
        }
    }

    /// Returns whether the server has sent data or closed the connection. Messages of TLS itself,
    /// such as a session ticket, do not count.
    pub(in crate::transport) fn has_input(&mut self, socket: &Socket) -> bool {
        let nothing = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        loop {
            match self.connection.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() => {
                    return true;
                }
                Ok(_) => {}
                Err(_) => return true,
            }
            match self.take_in(socket) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !nothing(&error),
            }
        }
    }

    /// Reads once from the socket and decrypts the complete records.
    fn take_in(&mut self, socket: &Socket) -> io::Result<usize> {
        let heard = Some(&mut self.heard);
        let count = self.connection.read_tls(&mut Raw { socket, heard })?;
        let broken = |error: rustls::Error| io::Error::new(ErrorKind::InvalidData, error);
        self.connection.process_new_packets().map_err(broken)?;
        Ok(count)
    }
}

/// Returns the rustls error inside an error of the socket, if there is one.
pub(in crate::transport) fn cause(error: io::Error) -> Cause {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

fn of_rustls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns why one side rejects the other, if a retry would end in the same way.
pub(in crate::transport) fn refusal(error: &io::Error) -> Option<String> {
    let found = of_rustls(error)?;
    match found {
        rustls::Error::InvalidCertificate(_) => {
            Some(format!("{error}; set a CA file if the server has an authority of its own"))
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some(format!("{error}; set a client certificate"))
        }
        rustls::Error::AlertReceived(alert) => {
            FINAL_ALERTS.contains(alert).then(|| error.to_string())
        }
        rustls::Error::NoCertificatesPresented
        | rustls::Error::InvalidCertRevocationList(_)
        | rustls::Error::UnsupportedNameType
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::NoApplicationProtocol => Some(error.to_string()),
        _ => None,
    }
}

/// The socket as rustls uses it. rustls gathers its buffers with `write_vectored`, which raises
/// SIGPIPE on a socket. This type does not implement it, so the default writes the buffers one by
/// one.
struct Raw<'a> {
    socket: &'a Socket,
    /// Receives the first bytes from the server.
    heard: Option<&'a mut Vec<u8>>,
}

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.receive(into)?;
        if let Some(heard) = &mut self.heard {
            let missing = HEAD.saturating_sub(heard.len());
            heard.extend(&into[..count.min(missing)]);
        }
        Ok(count)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Accepts any certificate, as configured. The server still proves that it has the private key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
