//! TLS over a socket, if the crate is built with the `tls` feature.

use std::path::PathBuf;

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod session;

#[cfg(not(feature = "tls"))]
use absent as implementation;
#[cfg(feature = "tls")]
use session as implementation;

pub(super) use implementation::{Connector, Session, cause, refusal};

/// Certificate settings: how the server and this client authenticate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Trusted certificates in PEM; `None` for the certificate authorities of the system.
    pub(crate) ca: Option<PathBuf>,
    /// Certificate chain and private key of this client, in PEM.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Accept any certificate.
    pub(crate) insecure: bool,
}
