//! A certificate, those who trust it, and a server that shows it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ebbtide::http::{Listener, Server, Tls, rustls};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, Served, serve_on};

/// A certificate with its key, in files, and those who trust it.
pub(crate) struct Pair {
    pub(super) directory: tempfile::TempDir,
    trusted: RootCertStore,
    pub(super) certificate: CertificateDer<'static>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut pair = Self {
            directory,
            trusted: RootCertStore::empty(),
            certificate: CertificateDer::from(Vec::new()),
        };
        pair.renew();
        pair
    }

    /// Writes a new certificate with a new key; both are trusted from then on.
    pub(super) fn renew(&mut self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificates(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self.certificate = made.cert.der().clone();
        self.trusted.add(self.certificate.clone()).unwrap();
    }

    pub(super) fn certificates(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem_files(self.certificates(), self.key()).unwrap()
    }

    pub(super) fn connector(&self, protocols: &[&str]) -> TlsConnector {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_root_certificates(self.trusted.clone()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    pub(crate) async fn over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<S>> {
        let name = ServerName::try_from("localhost").unwrap();
        self.connector(protocols).connect(name, stream).await
    }

    pub(super) async fn connect(&self, addr: SocketAddr) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        self.over(stream, &[]).await.map(Client::over)
    }
}

pub(super) async fn serve(
    tls: Tls,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    let addr = listener.local_addr().tcp().unwrap();
    serve_on(listener, addr, router, with)
}
