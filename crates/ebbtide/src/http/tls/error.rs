use std::io;
use std::path::PathBuf;

use tokio_rustls::rustls;

/// Says why TLS could not be set up, or its certificates not be exchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("read {path}; give the path of a file that this process may read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not PEM, or not all of it.
    #[error("read {path} as PEM: {reason}; give the file as the certificate authority or `openssl` wrote it")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that should hold certificates holds none.
    #[error(
        "find a certificate in {path}; put the server's own there as PEM, and those that lead to its root behind it"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file that should hold a private key holds none.
    #[error("find a private key in {path}; put it there as PEM, not encrypted")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is not that of the certificate.
    #[error(
        "use the key in {key} with the first certificate in {certificates}; they don't belong together: exchange both \
         files, and put the server's own certificate first"
    )]
    Mismatch {
        /// The file of the certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The certificate or the key is of a kind that cannot be used.
    #[error("use the certificate in {certificates} with the key in {key}")]
    Unusable {
        /// The file of the certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// What was not read from files cannot be read from them again.
    #[error("reload certificates that were not read from files; give the new ones with `Tls::replace`")]
    NotFromFiles,
}
