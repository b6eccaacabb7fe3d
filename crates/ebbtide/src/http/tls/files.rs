use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as RustlsError, ServerConfig};

use super::TlsError;

/// Where certificates and their key are read from.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificates: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// Reads both files.
    pub(super) fn read(&self) -> Result<ServerConfig, TlsError> {
        let certificates = certificates(&self.certificates)?;
        let key = key(&self.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        builder
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: RustlsError) -> TlsError {
        let Self { certificates, key } = self.clone();
        match source {
            RustlsError::InconsistentKeys(_) => TlsError::Mismatch { certificates, key },
            source => TlsError::Unusable { certificates, key, source },
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| not_pem(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.into() });
    }
    Ok(certificates)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::NoKey { path: path.into() },
        error => not_pem(path, &error),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })
}

fn not_pem(path: &Path, error: &PemError) -> TlsError {
    let reason = match error {
        PemError::MissingSectionEnd { .. } => "a section has no end".to_owned(),
        PemError::IllegalSectionStart { .. } => "a section's first line is broken".to_owned(),
        PemError::Base64Decode(_) => "a section is not base64".to_owned(),
        error => error.to_string(),
    };
    TlsError::Pem { path: path.into(), reason }
}
