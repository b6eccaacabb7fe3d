//! Why there is no TLS connection.

use std::error::Error;
use std::{fmt, io};

use rustls::{AlertDescription, CertificateError, Error as RustlsError};

/// Why a handshake of TLS failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server answered with something else than TLS.
    NotTls,
    /// No trusted authority has signed the certificate.
    UnknownIssuer,
    /// The certificate is for another name.
    OtherName,
    /// The certificate is not valid now.
    Expired,
    /// The certificate is not accepted for another reason.
    BadCertificate,
    /// The server accepts none of the protocols that were offered.
    NoProtocol,
    /// HTTP/2 was offered, and the server selected another protocol or none.
    NotHttp2,
    /// The handshake failed for another reason.
    Handshake,
}

impl TlsFailure {
    /// Whether it is about the server's certificate.
    pub(crate) fn is_of_certificate(self) -> bool {
        matches!(self, Self::UnknownIssuer | Self::OtherName | Self::Expired | Self::BadCertificate)
    }

    /// Returns the failure that `error` has as its reason, if it has one.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// Returns the advice for the user.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NotTls => "an http:// URL is for a service without TLS",
            Self::UnknownIssuer => {
                "--cacert FILE trusts the service's authority or its own certificate; --insecure accepts any"
            }
            Self::OtherName => {
                "--host NAME expects the certificate of that name, and sends it in the Host header; --insecure accepts any"
            }
            Self::Expired | Self::BadCertificate => "--insecure accepts any certificate",
            Self::NoProtocol => "--http2 offers HTTP/2; without it HTTP/1.1 is offered",
            Self::NotHttp2 => "--http2 and calls of gRPC require HTTP/2; without them the load is HTTP/1",
            Self::Handshake => "TLS 1.2 and 1.3 are offered, without a client certificate",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "the answer is not TLS",
            Self::UnknownIssuer => "the certificate is not signed by a trusted authority",
            Self::OtherName => "the certificate is for another name",
            Self::Expired => "the certificate is expired or not valid yet",
            Self::BadCertificate => "the certificate is not accepted",
            Self::NoProtocol => "none of the offered protocols is accepted (ALPN)",
            Self::NotHttp2 => "HTTP/2 is not selected (ALPN)",
            Self::Handshake => "the TLS handshake failed",
        })
    }
}

impl Error for TlsFailure {}

impl From<&RustlsError> for TlsFailure {
    fn from(error: &RustlsError) -> Self {
        match error {
            RustlsError::InvalidMessage(_) => Self::NotTls,
            RustlsError::InvalidCertificate(reason) => match reason {
                // An authority of the same name as a trusted one, with another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::OtherName
                }
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::Expired,
                _ => Self::BadCertificate,
            },
            RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol)
            | RustlsError::NoApplicationProtocol => Self::NoProtocol,
            _ => Self::Handshake,
        }
    }
}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        Self::new(io::ErrorKind::InvalidData, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_and_hints_have_the_form() {
        error_form::walk! {
            TlsFailure::NotTls => TlsFailure::NotTls;
            TlsFailure::UnknownIssuer => TlsFailure::UnknownIssuer;
            TlsFailure::OtherName => TlsFailure::OtherName;
            TlsFailure::Expired => TlsFailure::Expired;
            TlsFailure::BadCertificate => TlsFailure::BadCertificate;
            TlsFailure::NoProtocol => TlsFailure::NoProtocol;
            TlsFailure::NotHttp2 => TlsFailure::NotHttp2;
            TlsFailure::Handshake => TlsFailure::Handshake;
        }
        for failure in [
            TlsFailure::NotTls,
            TlsFailure::UnknownIssuer,
            TlsFailure::OtherName,
            TlsFailure::Expired,
            TlsFailure::NoProtocol,
            TlsFailure::NotHttp2,
            TlsFailure::Handshake,
        ] {
            assert_eq!(error_form::violations(failure.hint()), [""; 0], "{failure}");
        }
    }
}
