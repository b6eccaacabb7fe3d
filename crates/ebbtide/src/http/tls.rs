//! TLS: where its certificates come from, and how they are replaced while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, io};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// TLS for a [`Listener`](crate::http::Listener): certificates and a key, which can be replaced while the server runs.
///
/// A clone shares the same certificates: keep one to replace them.
///
/// # Examples
///
/// Certificates that are renewed on disk take effect within a minute:
///
/// ```no_run
/// # use std::time::Duration;
/// # use ebbtide::{BoxError, Handle};
/// # use ebbtide::http::Tls;
/// # async fn start(app: Handle) -> Result<(), BoxError> {
/// # let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
/// let tls = Tls::from_pem_files("/etc/tls/tls.crt", "/etc/tls/tls.key")?;
/// app.http("api", app.bind("0.0.0.0:8443").await?.tls(tls.clone()), router);
/// app.every("certificates", Duration::from_secs(60), move || {
///     let tls = tls.clone();
///     async move {
///         if let Err(error) = tls.reload() {
///             let error: &dyn std::error::Error = &error;
///             tracing::error!(error, "the old certificates stay");
///         }
///         Ok(())
///     }
/// });
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tls {
    shared: Arc<TlsShared>,
}

struct TlsShared {
    files: Option<PemFiles>,
    /// Read once per connection, rarely written.
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads a certificate chain, the server certificate first, and its private key (PKCS#8, PKCS#1 or SEC1), both PEM.
    ///
    /// Uses TLS 1.2 and 1.3 with rustls' defaults and the *ring* provider, without client certificates, and offers `h2`
    /// and `http/1.1`. For anything else use [`from_config`](Self::from_config). It blocks while it reads two small
    /// files.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read, is not PEM, or contains no item of its kind, and when the key does not match
    /// the certificate. The error names the file.
    pub fn from_pem_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = PemFiles { certificates: certificates.into(), key: key.into() };
        let config = files.read()?;
        Ok(Self::new(Some(files), config))
    }

    /// Uses a custom configuration, such as one that requires client certificates or chooses the certificate by the
    /// requested server name. The crate of the type is `ebbtide::http::rustls`.
    ///
    /// If it offers no protocols (ALPN), `h2` and `http/1.1` are offered.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self::new(None, Arc::unwrap_or_clone(config))
    }

    /// Reads the files again. Connections accepted from then on get the new certificates; open connections do not
    /// change.
    ///
    /// It blocks while it reads two small files. A program that replaces the files while this runs should rename a
    /// directory or a link that contains both, as Kubernetes does. Otherwise the new key may be read with the old
    /// certificate; this is refused, and the next call reads both.
    ///
    /// # Errors
    ///
    /// Fails as [`from_pem_files`](Self::from_pem_files) does, and when the certificates were not read from files. The
    /// old ones then stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = self.shared.files.as_ref().ok_or(TlsError::NotFromFiles)?.read()?;
        self.set(config);
        Ok(())
    }

    /// Replaces the configuration with a custom one, with the same effect as [`reload`](Self::reload).
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.set(Arc::unwrap_or_clone(config));
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.shared.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn new(files: Option<PemFiles>, config: ServerConfig) -> Self {
        let config = RwLock::new(Arc::new(with_protocols(config)));
        Self { shared: Arc::new(TlsShared { files, config }) }
    }

    fn set(&self, config: ServerConfig) {
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(with_protocols(config));
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.shared.files).finish_non_exhaustive()
    }
}

/// An error from setting up TLS or replacing its certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not PEM, or not all of it.
    #[error("invalid PEM in {path}: {reason}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The certificate file contains no certificate.
    ///
    /// It must contain the server certificate as PEM, followed by the certificates that lead to its root.
    #[error("no certificate in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key file contains no private key. The key must be PEM and not encrypted.
    #[error("no private key in {path}")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key does not match the first certificate.
    ///
    /// Replace both files together. The server certificate must come first.
    #[error("key in {key} does not match the first certificate in {certificates}")]
    Mismatch {
        /// The file of the certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate or the key is of a kind that cannot be used.
    #[error("cannot use the certificate in {certificates} with the key in {key}")]
    Unusable {
        /// The file of the certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The rustls error.
        source: rustls::Error,
    },
    /// The certificates were not read from files. [`Tls::replace`] sets new ones.
    #[error("cannot reload certificates that were not read from files")]
    NotFromFiles,
}

/// The files that contain the certificates and their key.
#[derive(Clone, Debug)]
struct PemFiles {
    certificates: PathBuf,
    key: PathBuf,
}

impl PemFiles {
    /// Reads both files.
    fn read(&self) -> Result<ServerConfig, TlsError> {
        let certificates = certificates(&self.certificates)?;
        let key = key(&self.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        builder
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: rustls::Error) -> TlsError {
        let Self { certificates, key } = self.clone();
        match source {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificates, key },
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

fn with_protocols(mut config: ServerConfig) -> ServerConfig {
    if config.alpn_protocols.is_empty() {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let path = || PathBuf::from("/etc/orders.pem");
        error_form::walk! {
            TlsError::Read { .. } => TlsError::Read { path: path(), source: io::Error::other("no such file") };
            TlsError::Pem { .. } => TlsError::Pem { path: path(), reason: "no end of the section".to_owned() };
            TlsError::NoCertificate { .. } => TlsError::NoCertificate { path: path() };
            TlsError::NoKey { .. } => TlsError::NoKey { path: path() };
            TlsError::Mismatch { .. } => TlsError::Mismatch { certificates: path(), key: path() };
            TlsError::Unusable { .. } => TlsError::Unusable { certificates: path(), key: path(), source: rustls::Error::General("unknown curve".to_owned()) };
            TlsError::NotFromFiles => TlsError::NotFromFiles;
        }
    }
}
