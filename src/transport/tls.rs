//! TLS over a socket, where the crate is built with the feature `tls`.

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

/// How the server is to prove who it is, and how this client does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Whose certificates are believed, in PEM; the system's authorities where none is given.
    pub(crate) ca: Option<PathBuf>,
    /// This client's certificates and their key, in PEM.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Accept any certificate.
    pub(crate) insecure: bool,
}
