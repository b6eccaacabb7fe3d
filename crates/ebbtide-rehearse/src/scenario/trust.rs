//! Which certificates the clients accept.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// Which certificates the clients accept from an `https://` address. The default is what the system trusts.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Trust(TrustedCertificates);

#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) enum TrustedCertificates {
    /// Those that an authority of the system has signed.
    #[default]
    System,
    /// These, and those that they have signed.
    Listed(Vec<CertificateDer<'static>>),
    /// Any, for any name.
    Any,
}

impl Trust {
    /// Accepts every certificate, for every name.
    pub fn any() -> Self {
        Self(TrustedCertificates::Any)
    }

    /// Accepts the certificates in `pem`, and those that they have signed. The system's authorities are not trusted then.
    ///
    /// # Errors
    ///
    /// There is no certificate, or one of them is not valid.
    pub fn pem(pem: &[u8]) -> Result<Self, BadCertificates> {
        let listed = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let listed = listed.map_err(|_| BadCertificates::NotPem)?;
        if listed.is_empty() {
            return Err(BadCertificates::None);
        }
        let mut roots = RootCertStore::empty();
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(|_| BadCertificates::NotACertificate)?;
        }
        Ok(Self(TrustedCertificates::Listed(listed)))
    }

    pub(crate) fn certificates(&self) -> &TrustedCertificates {
        &self.0
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            TrustedCertificates::System => "Trust(system)",
            TrustedCertificates::Listed(_) => "Trust(listed)",
            TrustedCertificates::Any => "Trust(any)",
        })
    }
}

/// Why a file has no certificates to trust.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCertificates {
    /// A section of the file is not PEM.
    #[error("not PEM")]
    NotPem,
    /// No section of the file is a certificate.
    #[error("no certificate (no section `BEGIN CERTIFICATE`)")]
    None,
    /// A certificate cannot be read.
    #[error("a certificate is not valid")]
    NotACertificate,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn a_file_of_certificates_is_read_and_any_other_one_is_refused() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert!(Trust::pem((certificate.clone() + &key).as_bytes()).is_ok());
        assert!(Trust::pem(("# a comment\n".to_owned() + &certificate).as_bytes()).is_ok());
        for (pem, error) in [
            (String::new(), BadCertificates::None),
            ("hello".to_owned(), BadCertificates::None),
            (key, BadCertificates::None),
            (certificate.replace("-----END CERTIFICATE-----", ""), BadCertificates::NotPem),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n".to_owned(),
                BadCertificates::NotACertificate,
            ),
        ] {
            assert_eq!(Trust::pem(pem.as_bytes()), Err(error), "{pem}");
        }
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadCertificates::NotPem => BadCertificates::NotPem;
            BadCertificates::None => BadCertificates::None;
            BadCertificates::NotACertificate => BadCertificates::NotACertificate;
        }
    }
}
