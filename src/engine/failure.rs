//! Converts transport failures to the public [`Error`].

use crate::error::{Error, ErrorKind};
use crate::transport::{self, NO_CLUSTER};

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Self {
        use transport::Error as Transport;
        let ours = Error::new(kind_of(&error), error.to_string());
        let retriable = ours.is_retriable() || error.is_passing();
        let ours = ours.with_retriable(retriable);
        match error {
            Transport::Connect { source, .. }
            | Transport::Lost { source, .. }
            | Transport::System { source, .. } => ours.caused_by(source),
            // Retrying does not fix a certificate.
            Transport::Tls { source, .. } => {
                let ours = ours.with_retriable(false);
                match source {
                    Some(source) => ours.caused_by(source),
                    None => ours,
                }
            }
            Transport::TimeoutAfter(failure) => {
                let passed = Transport::Timeout.to_string();
                Error::new(ErrorKind::Timeout, passed).after_failure((*failure).into())
            }
            Transport::Server(server) | Transport::Authentication { error: server, .. } => {
                let ours = ours.with_server_code(&server.code);
                if server.is_of_a_cluster() { ours.noting(NO_CLUSTER) } else { ours }
            }
            _ => ours,
        }
    }
}

fn kind_of(error: &transport::Error) -> ErrorKind {
    use transport::Error as Transport;
    match error {
        Transport::Connect { .. }
        | Transport::Lost { .. }
        | Transport::NoMaster { .. }
        | Transport::Tls { .. } => ErrorKind::Connect,
        Transport::Authentication { .. } => ErrorKind::Authentication,
        Transport::Timeout | Transport::TimeoutAfter(_) => ErrorKind::Timeout,
        Transport::Cancelled => ErrorKind::Cancelled,
        Transport::Closed => ErrorKind::Closed,
        Transport::PoolExhausted { .. } => ErrorKind::PoolExhausted,
        Transport::Forked => ErrorKind::ForkedHandle,
        Transport::Server(error) if error.is_authentication() => ErrorKind::Authentication,
        Transport::Server(error) if error.is_of_a_cluster() => ErrorKind::Unsupported,
        Transport::Server(_) => ErrorKind::Server,
        #[cfg(not(feature = "tls"))]
        Transport::BuiltWithoutTls => ErrorKind::Unsupported,
        Transport::Unsupported { .. } => ErrorKind::Unsupported,
        #[cfg(feature = "tls")]
        Transport::Setting(_) => ErrorKind::InvalidArgument,
        Transport::Protocol { .. } => ErrorKind::Protocol,
        Transport::System { .. } => ErrorKind::System,
    }
}

impl From<transport::Unexpected> for Error {
    fn from(error: transport::Unexpected) -> Self {
        Error::new(ErrorKind::Protocol, error.to_string())
    }
}
