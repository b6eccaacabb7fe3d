use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::ServerConfig;

use super::TlsError;
use super::files::Files;

/// TLS for a [`Listener`](crate::http::Listener): certificates and key, which can be exchanged while the server runs.
///
/// A clone is another handle on the same: keep one to exchange the certificates.
///
/// # Examples
///
/// Certificates that are renewed on disk are taken over within a minute:
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
    shared: Arc<Shared>,
}

struct Shared {
    files: Option<Files>,
    /// Read once for each connection, and hardly ever written.
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key (PKCS#8, PKCS#1 or SEC1), both PEM.
    ///
    /// TLS 1.2 and 1.3 with rustls' defaults and the *ring* provider, without client certificates, and `h2` and `http/1.1`
    /// on offer. For anything else there is [`from_config`](Self::from_config). It blocks while it reads two small files.
    ///
    /// # Errors
    ///
    /// Names the file and what to do: when it cannot be read, is not PEM, holds nothing of its kind, or when key and
    /// certificate do not belong together.
    pub fn from_pem_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificates: certificates.into(), key: key.into() };
        let config = files.read()?;
        Ok(Self::new(Some(files), config))
    }

    /// Takes a configuration that was made by hand, such as one that wants client certificates or chooses the certificate
    /// by the name that was asked for. `ebbtide::http::rustls` is the crate that it is of.
    ///
    /// Where it offers no protocols (ALPN), `h2` and `http/1.1` are put on offer.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self::new(None, Arc::unwrap_or_clone(config))
    }

    /// Reads the files again. Connections accepted from then on get the new certificates; those that are open go on as
    /// they are.
    ///
    /// It blocks while it reads two small files. A program that exchanges them while this runs is better off renaming
    /// a directory or a link that holds both, as Kubernetes does: a key read beside the old certificate is refused, and
    /// the next call finds both.
    ///
    /// # Errors
    ///
    /// As [`from_pem_files`](Self::from_pem_files), and when this was not read from files. Then the old ones stay in place.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = self.shared.files.as_ref().ok_or(TlsError::NotFromFiles)?.read()?;
        self.set(config);
        Ok(())
    }

    /// Exchanges the configuration, as [`reload`](Self::reload) does, for one that was made by hand.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.set(Arc::unwrap_or_clone(config));
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.shared.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn new(files: Option<Files>, config: ServerConfig) -> Self {
        let config = RwLock::new(Arc::new(with_protocols(config)));
        Self { shared: Arc::new(Shared { files, config }) }
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

fn with_protocols(mut config: ServerConfig) -> ServerConfig {
    if config.alpn_protocols.is_empty() {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    config
}
